//! A look into the guest's file systems, read only: which system it is, and what of it will not fit the hardware that the server gets.

mod ext;
mod files;
mod judge;
mod look;
mod window;

pub use files::GuestFiles;
pub use judge::{GuestLook, Initramfs};
pub(crate) use look::look;
