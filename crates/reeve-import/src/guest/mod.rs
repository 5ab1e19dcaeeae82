//! A look into the guest's file systems, read only: which system it is, and what of it will not fit the hardware that the server gets.

mod ext;
mod files;
mod linux;
mod look;
mod lvm;
mod ntfs;
mod registry;
mod system;
mod window;
mod windows;
pub(crate) mod windows_fit;
mod xfs;

pub use files::GuestFiles;
pub use linux::{Initramfs, LinuxLook};
pub use look::{look, look_into};
pub use system::GuestLook;
pub use windows::{ServiceStart, Unfinished, WindowsLook};
