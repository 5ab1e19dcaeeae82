//! OVF descriptors: the XML of a package, read into machines.
//!
//! Source: DMTF DSP0243, Open Virtualization Format, versions 1.1.0 and 2.1.1; the resource types are those of CIM's
//! `CIM_ResourceAllocationSettingData`. Version 0.9, which VMware wrote before the standard, has the same sections under other names.

mod envelope;
mod hardware;
mod units;

pub use envelope::{Envelope, OvfDisk, OvfFile, OvfVersion};
