//! Virtual machines of VMware, read: descriptions, archives and disks, on their way into OpenStack.
//!
//! Six things, each usable without those behind it:
//!
//! * [`VmdkImage`] and [`StreamDisk`] read disks: streamOptimized from a file or from a stream, sparse and flat in one file or in
//!   several. [`decode_image`] and [`decode_stream`] bring the bytes to a [`DiskSink`], on all cores, holes kept as holes, with a
//!   [`ContentDigest`] computed on the way.
//! * [`Envelope`] (OVF), [`Vmx`] and [`Ova`] read descriptions and archives; each gives [`Machine`]s. [`Manifest`] and [`Signature`]
//!   tell whether a package is whole and who made it.
//! * [`Sources`] opens sources: files of this machine, and machines of ESXi or vCenter ([`Vsphere`]), whose datastores are read by HTTP as if they were folders.
//! * [`inspect`] puts them together: what is in a source, and what stands in the way of an import.
//! * [`plan::plan`] makes a plan of a machine ([`survey_source`]) and a cloud ([`plan::discover`]), or says what stands in the way.
//! * [`apply::Import`] builds the steps of a plan for the engine of `reeve-journal`; they work on an [`apply::World`].
//!
//! A call flows: bytes come from a [`ByteSource`] (a file, a member of an archive, pieces in a row); files that a description names
//! are looked up among [`Members`] under a [`MemberName`], which cannot lead out of the folder or archive; a [`DiskImage`] gives
//! [`Extents`] and readers; the decoder's workers take chunks from it.
//!
//! Everything read here comes from elsewhere and may be damaged or made to harm. Every error names file and byte ([`ReadError`]);
//! every count has a limit that is checked before memory is taken; nothing is trusted that can be compared. The limits are in
//! `docs/src/reference/disk-formats.md`. The crate writes no files but what a sink takes.

pub mod apply;
mod bytes;
mod certificate;
mod decode;
mod disk;
mod error;
mod folder;
mod guest;
mod inflate;
mod inspect;
mod logical;
mod machine;
mod manifest;
mod member_name;
mod ova;
mod ovf;
mod partition;
mod place;
pub mod plan;
mod qcow2;
mod report;
mod source;
mod vmdk;
mod vmx;
mod vsphere;
mod xml;

pub use bytes::{ByteSource, ConcatSource, FileSource, MemorySource, WindowSource};
pub use certificate::Signature;
pub use decode::{
    ContentDigest, DecodeError, DecodeOptions, Decoded, DigestKind, DiskSink, NoProgress, NoSink, Piece, Progress,
    RawFile, decode_image, decode_in_order, decode_stream, decode_stream_in_order, digest_of,
};
pub use disk::{CHUNK_BYTES, DiskImage, DiskKind, DiskReader, Extent, ExtentKind, Extents, MAX_DISK_BYTES};
pub use error::{ReadError, SourceName};
pub use folder::{Folder, Members};
pub use guest::{GuestFiles, GuestLook, Initramfs, LinuxLook, ServiceStart, Unfinished, WindowsLook, look, look_into};
pub use inspect::{Depth, DigestState, DiskFile, FileDigest, Inspection, SourceKind, inspect, open_file};
pub use machine::{Bus, Controller, Firmware, GuestOs, Machine, MachineDisk, Nic, Property};
pub use manifest::{Manifest, ManifestAlgorithm, ManifestEntry, file_digest};
pub use member_name::MemberName;
pub use ova::{Member, Ova};
pub use ovf::{Envelope, OvfDisk, OvfFile, OvfVersion};
pub use partition::{DiskLayout, TableKind};
pub use place::{SourceAddress, SourceWord, Sources, vsphere_error};
pub use report::{DiskReport, ImportReport, REPORT_FORMAT};
pub use source::{ExportFacts, OpenedDisk, Quiesce, SourceDisk, SourceFacts, survey_source};
pub use vmdk::{StreamDisk, VmdkImage};
pub use vmx::Vmx;
pub use vsphere::{
    DatastoreFile, Fingerprint, PowerState, SnapshotKind, Transfer, TransferChoice, Trust, Vsphere, VsphereError,
    VsphereHost, VsphereLogin, VsphereMachine,
};
