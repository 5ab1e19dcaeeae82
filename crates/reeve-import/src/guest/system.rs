//! The systems that are looked into.

use serde::Serialize;

use super::linux::LinuxLook;
use super::windows::WindowsLook;

/// What is known of a guest from its own files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "system", rename_all = "snake_case")]
pub enum GuestLook {
    /// A Linux.
    Linux(LinuxLook),
    /// A Windows.
    Windows(WindowsLook),
}

impl GuestLook {
    /// Says what of the guest does not fit a server with this disk bus and this network card; sentences without a full stop, of which the first says what it is.
    #[must_use]
    pub fn remarks(&self, disk_bus: &str, scsi_model: Option<&str>, nic_model: Option<&str>) -> Vec<String> {
        match self {
            Self::Linux(look) => look.remarks(disk_bus, scsi_model, nic_model),
            Self::Windows(look) => look.remarks(disk_bus, scsi_model, nic_model),
        }
    }

    /// Says what it is, in a line.
    #[must_use]
    pub fn summary(&self) -> String {
        match self {
            Self::Linux(look) => look.summary(),
            Self::Windows(look) => look.summary(),
        }
    }
}
