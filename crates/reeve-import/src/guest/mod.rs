//! A look into the guest's file systems, read only: which system it is, and what of it will not fit the hardware that the server gets.

mod files;
mod judge;

pub use files::GuestFiles;
pub(crate) use files::look;
pub use judge::{GuestLook, Initramfs};
