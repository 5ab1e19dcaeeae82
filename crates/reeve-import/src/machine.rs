//! A virtual machine as its description tells it, whatever the description's format.

use serde::Serialize;

use crate::member_name::MemberName;

/// How a machine starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Firmware {
    /// The one of PCs before UEFI; what VMware takes where nothing is said.
    #[default]
    Bios,
    /// UEFI.
    Efi,
}

/// What a controller connects disks by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Bus {
    /// IDE.
    Ide,
    /// SCSI, SAS included.
    Scsi,
    /// SATA.
    Sata,
    /// NVMe.
    Nvme,
    /// Not one of these.
    Other,
}

/// A disk controller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Controller {
    /// Its bus.
    pub bus: Bus,
    /// Its number among those of its bus.
    pub number: u32,
    /// Its model as the description writes it: `lsilogic`, `VirtualSCSI`, `vmware.sata.ahci`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

/// A disk and where it is connected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MachineDisk {
    /// The description's own name for it.
    pub label: String,
    /// The controller's place in [`Machine::controllers`]; `None` if the description does not say.
    pub controller: Option<usize>,
    /// Its place on the controller.
    pub unit: u32,
    /// Its size in bytes, as the description says it; the disk's own size counts.
    pub capacity: Option<u64>,
    /// The file that holds it; `None` for a disk that is to be made empty, or whose file is refused.
    pub file: Option<MemberName>,
    /// Why the file that is named cannot be taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Nic {
    /// The description's own name for it.
    pub label: String,
    /// Its model as the description writes it, the first of several: `VmxNet3`, `E1000`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Its MAC address in lower case with colons; `None` if one is to be made up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
    /// The network's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
}

/// What the description says of the guest's operating system.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct GuestOs {
    /// The number of CIM (`CIM_OperatingSystem.OsType`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cim: Option<u32>,
    /// VMware's name: `debian12_64Guest`, `debian12-64`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vmware: Option<String>,
    /// A text for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// A setting that the package lets its user fill in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Property {
    /// Its key, with class and instance as OVF joins them.
    pub key: String,
    /// Its type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// What it is preset to; never that of a password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// A text for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Whether the user may change it.
    pub user_configurable: bool,
    /// Whether it is a password.
    pub password: bool,
}

/// A virtual machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Machine {
    /// Its name.
    pub name: String,
    /// The guest's operating system.
    pub os: GuestOs,
    /// The version of VMware's virtual hardware, as in `vmx-19`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hardware: Option<String>,
    /// Virtual processors.
    pub cpus: u32,
    /// Cores of each socket, if it is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cores_per_socket: Option<u32>,
    /// Memory in bytes.
    pub memory: u64,
    /// How it starts.
    pub firmware: Firmware,
    /// Whether only signed boot loaders may start.
    pub secure_boot: bool,
    /// Whether it has a virtual TPM.
    pub tpm: bool,
    /// The disk controllers, in the order of the description.
    pub controllers: Vec<Controller>,
    /// The disks: by controller in that order, then by their place on it.
    pub disks: Vec<MachineDisk>,
    /// The network interfaces in the order of the description.
    pub nics: Vec<Nic>,
    /// Settings for its user.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub properties: Vec<Property>,
    /// Licence texts that its user must accept.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub eulas: Vec<String>,
    /// What stands in the way of an import, or will be lost: a sentence each.
    pub problems: Vec<String>,
}

impl Machine {
    /// Puts the disks into their order.
    pub(crate) fn sort_disks(&mut self) {
        self.disks
            .sort_by_key(|disk| (disk.controller.unwrap_or(usize::MAX), disk.unit));
    }
}

/// Returns a MAC address in lower case with colons, if the text is one.
pub(crate) fn mac_address(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(|c| !matches!(c, ':' | '-' | '.')).collect();
    let separators = text.len() - digits.len();
    if digits.len() != 12 || !matches!(separators, 0 | 2 | 5) || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let pairs: Vec<String> = digits
        .to_ascii_lowercase()
        .as_bytes()
        .chunks(2)
        .map(|pair| String::from_utf8_lossy(pair).into_owned())
        .collect();
    Some(pairs.join(":"))
}

#[cfg(test)]
mod tests {
    use super::mac_address;

    #[test]
    fn mac_addresses_are_written_one_way() {
        for text in [
            "00:50:56:AB:cd:0f",
            "00-50-56-ab-CD-0F",
            "005056abcd0f",
            "0050.56ab.cd0f",
        ] {
            assert_eq!(mac_address(text).as_deref(), Some("00:50:56:ab:cd:0f"), "{text}");
        }
        for text in [
            "",
            "00:50:56:ab:cd",
            "00:50:56:ab:cd:0g",
            "0:0:50:56:ab:cd:0f",
            "ä050.56ab.cd0f",
        ] {
            assert_eq!(mac_address(text), None, "{text}");
        }
    }
}
