//! LVM2: the logical volumes of a physical volume, as far as they lie on it in one piece or in several.
//!
//! Own code: no crate reads this metadata without the tools and the device mapper of a running system.
//!
//! A call flows: [`text_of`](label::text_of) finds the metadata of the volume group by the label; [`Section`](text::Section) is
//! their text, parsed; [`Group`] is what they say, with the volumes' places on this disk.
//!
//! Sources: LVM2 2.03, `lib/format_text/layout.h`, `lib/format_text/format-text.c`, `lib/label/label.h`, `lib/misc/crc.c`,
//! `libdm/libdm-config.c`; `lvm(8)`, `pvck(8)`.

mod group;
mod label;
mod text;

pub(super) use group::{Group, Volume};

use super::window::{Window, WindowError};

/// Why a physical volume's logical volumes are not known.
#[derive(Debug, thiserror::Error)]
pub(super) enum LvmError {
    /// Something of it is not as it has to be.
    #[error("{0}")]
    Damaged(&'static str),
    /// It leads away, or cannot be read.
    #[error(transparent)]
    Read(#[from] WindowError),
}

/// Returns what the metadata on a physical volume say.
///
/// # Errors
///
/// [`LvmError`] if there are none, or they are damaged.
pub(super) fn group(window: &mut Window) -> Result<Group, LvmError> {
    let (id, text) = label::text_of(window)?;
    Group::of(&text::parse(&text)?, &id, window.len())
}
