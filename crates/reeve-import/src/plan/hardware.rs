//! The hardware that a server is to have, as properties of its images: the nearest that QEMU has to what the guest starts on today.
//!
//! Source: nova: `objects/fields.py` – `DiskBus`, `SCSIModel`, `VIFModel`, `FirmwareType`; `virt/libvirt/vif.py`, `blockinfo.py`, `driver.py` (`_set_clock`, `_set_kvm_timers`: what `os_type=windows` does); glance: "Useful image properties".

use std::collections::BTreeMap;

use super::options::{DiskBus, ImportOptions, NicModel};
use crate::guest::{GuestLook, WindowsLook};
use crate::machine::{Bus, Firmware, Machine};
use crate::source::{SourceDisk, SourceFacts};

/// The hardware of a server.
pub(super) struct Hardware {
    /// Properties of the images.
    pub(super) properties: BTreeMap<String, String>,
    /// Sentences for a person.
    pub(super) remarks: Vec<String>,
    /// How it starts.
    pub(super) firmware: Firmware,
}

/// Chooses a server's hardware.
pub(super) fn hardware(source: &SourceFacts, options: &ImportOptions) -> Hardware {
    let machine = &source.machine;
    let boot = source.disks.iter().find(|disk| disk.file.is_some());
    let mut remarks = Vec::new();
    let firmware = firmware(source, boot, &mut remarks);
    let mut properties = BTreeMap::new();
    let mut set = |key: &str, value: &str| {
        properties.insert(key.to_owned(), value.to_owned());
    };
    match firmware {
        Firmware::Efi => {
            set("hw_firmware_type", "uefi");
            set("hw_machine_type", "q35");
        }
        Firmware::Bios => {
            set("hw_firmware_type", "bios");
            set("hw_machine_type", "pc");
        }
    }
    if machine.secure_boot && firmware == Firmware::Efi {
        set("os_secure_boot", "required");
    }
    set("architecture", "x86_64");
    let (bus, model) = match options.disk_bus {
        Some(DiskBus::Ide) => ("ide", None),
        Some(DiskBus::Sata) => ("sata", None),
        Some(DiskBus::Scsi) => ("scsi", Some("virtio-scsi")),
        Some(DiskBus::Virtio) => ("virtio", None),
        None => match &source.guest {
            Some(GuestLook::Windows(look)) => windows_bus(look, boot, firmware, &mut remarks),
            _ => disk_bus(boot, firmware, is_windows(source), &mut remarks),
        },
    };
    set("hw_disk_bus", bus);
    if let Some(model) = model {
        set("hw_scsi_model", model);
    }
    if !machine.nics.is_empty() || options.nic_model.is_some() {
        let model = options
            .nic_model
            .unwrap_or_else(|| nic_model(machine, source.guest.as_ref(), &mut remarks));
        set("hw_vif_model", model.as_str());
    }
    if let Some((kind, distro)) = guest(machine) {
        set("os_type", kind);
        if let Some(distro) = distro {
            set("os_distro", distro);
        }
    }
    // What the guest says of itself counts more than what its description says.
    match &source.guest {
        Some(GuestLook::Linux(look)) => {
            set("os_type", "linux");
            look.id.iter().for_each(|id| set("os_distro", id));
            look.version.iter().for_each(|version| set("os_version", version));
        }
        // Nova gives such a server the local time, Hyper-V's clock and what else Windows knows of a hypervisor; `windows` is glance's word for the distribution.
        Some(GuestLook::Windows(look)) => {
            set("os_type", "windows");
            set("os_distro", "windows");
            look.version.iter().for_each(|version| set("os_version", version));
        }
        None => {}
    }
    for (key, value) in &options.properties {
        if value.is_empty() {
            properties.remove(key);
        } else {
            properties.insert(key.clone(), value.clone());
        }
    }
    if let Some(look) = &source.guest {
        let value = |key: &str| properties.get(key).map(String::as_str);
        let (bus, scsi, nic) = (value("hw_disk_bus"), value("hw_scsi_model"), value("hw_vif_model"));
        remarks.extend(look.remarks(bus.unwrap_or_default(), scsi, nic));
    }
    remarks.extend(source.unseen.iter().cloned());
    Hardware {
        properties,
        remarks,
        firmware,
    }
}

/// Returns how the machine starts; for a disk alone, what its division says.
fn firmware(source: &SourceFacts, boot: Option<&SourceDisk>, remarks: &mut Vec<String>) -> Firmware {
    let said = source.machine.firmware;
    let seen = boot.and_then(|disk| disk.layout).and_then(|layout| layout.firmware());
    let name = |firmware| match firmware {
        Firmware::Bios => "BIOS",
        Firmware::Efi => "UEFI",
    };
    match seen {
        Some(seen) if !source.is_described => {
            remarks.push(format!(
                "nothing says how the machine starts; its disk is divided for {}",
                name(seen)
            ));
            seen
        }
        Some(seen) if seen != said => {
            remarks.push(format!(
                "the description says {}, and the disk is divided for {}: the description is followed, and the machine may not start",
                name(said),
                name(seen)
            ));
            said
        }
        _ => said,
    }
}

/// Tells whether the machine's system is said to be Windows, and no Linux was found on its disks.
fn is_windows(source: &SourceFacts) -> bool {
    source.guest.is_none() && guest(&source.machine).is_some_and(|(kind, _)| kind == "windows")
}

/// Returns bus and SCSI model for the disks of a Windows that was looked into: what it starts on today, or else what it starts a driver for by its boot loader.
fn windows_bus(
    look: &WindowsLook,
    boot: Option<&SourceDisk>,
    firmware: Firmware,
    remarks: &mut Vec<String>,
) -> (&'static str, Option<&'static str>) {
    let model = boot.and_then(|disk| disk.controller.as_deref()).unwrap_or_default();
    let is_sas = model.to_ascii_lowercase().contains("sas");
    let chosen = match boot.and_then(|disk| disk.bus) {
        Some(Bus::Ide) if firmware == Firmware::Bios => return ("ide", None),
        Some(Bus::Sata) => return ("sata", None),
        _ if look.is_ready("sata", None) => ("sata", None),
        Some(Bus::Scsi) if is_sas && look.is_ready("scsi", Some("lsisas1068")) => ("scsi", Some("lsisas1068")),
        _ if look.is_ready("virtio", None) => ("virtio", None),
        // What is missing is said with the look, and is easiest to make good for it.
        _ => ("sata", None),
    };
    if look.is_ready(chosen.0, chosen.1) {
        let name = match chosen {
            ("sata", _) => "SATA",
            ("virtio", _) => "virtio",
            _ => "LSI Logic SAS",
        };
        let faster = if chosen.0 != "virtio" && look.is_ready("virtio", None) {
            "; it starts that of virtio too, which is faster: `--disk-bus virtio`"
        } else {
            ""
        };
        remarks.push(format!(
            "the server's disks are on {name}, whose driver Windows starts by its boot loader{faster}"
        ));
    } else {
        remarks.push("the server's disks are on SATA, for want of a bus that Windows is ready for".to_owned());
    }
    chosen
}

/// Returns bus and SCSI model for the disks, which follow the first one.
///
/// QEMU has the SAS controller (`mptsas1068`), but Linux 6.12 with its driver in the initramfs did not find the root disk on it (seen with QEMU 10.0); its SATA it finds.
fn disk_bus(
    boot: Option<&SourceDisk>,
    firmware: Firmware,
    is_windows: bool,
    remarks: &mut Vec<String>,
) -> (&'static str, Option<&'static str>) {
    let model = boot
        .and_then(|disk| disk.controller.as_deref())
        .unwrap_or_default()
        .to_ascii_lowercase();
    match boot.and_then(|disk| disk.bus) {
        // The machine type that UEFI needs has no IDE.
        Some(Bus::Ide) if firmware == Firmware::Bios => ("ide", None),
        Some(Bus::Sata) => ("sata", None),
        Some(Bus::Scsi) if model.contains("sas") && is_windows => ("scsi", Some("lsisas1068")),
        bus => {
            let was = match bus {
                Some(Bus::Scsi) if model.contains("virtualscsi") || model.contains("pvscsi") => {
                    "VMware's paravirtual SCSI"
                }
                Some(Bus::Scsi) if model.contains("sas") => {
                    "LSI Logic SAS, on which QEMU's disks are not found by Linux"
                }
                Some(Bus::Scsi) => "a parallel SCSI controller that QEMU does not have",
                Some(Bus::Nvme) => "NVMe, which Nova does not offer",
                Some(Bus::Ide) => "IDE, which UEFI machines of QEMU do not have",
                _ => "not said",
            };
            remarks.push(format!(
                "the boot disk's controller is {was}: the server gets SATA, which its system needs a driver for (ahci); `--disk-bus virtio` if it has that one"
            ));
            ("sata", None)
        }
    }
}

/// Returns the model for the network cards, which follow the first one.
fn nic_model(machine: &Machine, look: Option<&GuestLook>, remarks: &mut Vec<String>) -> NicModel {
    let model = machine
        .nics
        .iter()
        .find_map(|nic| nic.model.as_deref())
        .unwrap_or_default()
        .to_ascii_lowercase();
    match model.as_str() {
        "e1000" => NicModel::E1000,
        "e1000e" => NicModel::E1000e,
        "pcnet32" | "vlance" => NicModel::Pcnet,
        "virtio" => NicModel::Virtio,
        _ => {
            let has = |model: NicModel| match look {
                Some(GuestLook::Windows(look)) => look.has_nic_driver(model.as_str()),
                _ => None,
            };
            let chosen = if has(NicModel::E1000e) == Some(false) && has(NicModel::E1000) == Some(true) {
                NicModel::E1000
            } else {
                NicModel::E1000e
            };
            if model.starts_with("vmxnet") {
                remarks.push(format!(
                    "the network cards were VMware's own: the server gets {}, and its system may call the card by another name",
                    chosen.as_str()
                ));
            }
            chosen
        }
    }
}

/// Returns the kind of the guest's system and its name by libosinfo.
fn guest(machine: &Machine) -> Option<(&'static str, Option<&'static str>)> {
    const KNOWN: [(&str, &str); 11] = [
        ("debian", "debian"),
        ("ubuntu", "ubuntu"),
        ("rhel", "rhel"),
        ("centos", "centos"),
        ("rocky", "rocky"),
        ("alma", "almalinux"),
        ("oracle", "ol"),
        ("fedora", "fedora"),
        ("sles", "sles"),
        ("opensuse", "opensuse"),
        ("photon", "photon"),
    ];
    let name = machine.os.vmware.as_deref()?.to_ascii_lowercase();
    // Nova knows these two kinds.
    if name.starts_with("win") {
        return Some(("windows", None));
    }
    let known = KNOWN.iter().find(|(begin, _)| name.starts_with(begin));
    match known {
        Some((_, distro)) => Some(("linux", Some(*distro))),
        None => name.contains("linux").then_some(("linux", None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guest::windows_fit::tests::windows;
    use crate::machine::{GuestOs, Nic};
    use crate::plan::build::tests::source;

    fn chosen(change: impl FnOnce(&mut SourceFacts), options: &ImportOptions) -> String {
        let mut source = source(1);
        change(&mut source);
        let hardware = hardware(&source, options);
        let properties: Vec<String> = hardware
            .properties
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        format!("{}\n{}", properties.join(" "), hardware.remarks.join("\n"))
    }

    #[test]
    fn the_nearest_that_qemu_has_is_chosen() {
        let with = |bus, model: &str| {
            let model = model.to_owned();
            move |source: &mut SourceFacts| {
                source.disks[0].bus = Some(bus);
                source.disks[0].controller = Some(model);
                source.machine.nics = vec![Nic {
                    label: "nic".to_owned(),
                    model: Some("VmxNet3".to_owned()),
                    mac: None,
                    network: None,
                }];
            }
        };
        let none = ImportOptions::default();
        let all = [
            chosen(with(Bus::Ide, ""), &none),
            chosen(with(Bus::Scsi, "lsilogicsas"), &none),
            chosen(
                |source| {
                    with(Bus::Scsi, "lsisas1068")(source);
                    source.machine.os.vmware = Some("windows2019srv_64Guest".to_owned());
                },
                &none,
            ),
            chosen(with(Bus::Scsi, "VirtualSCSI"), &none),
            chosen(
                |source| {
                    with(Bus::Ide, "")(source);
                    source.machine.firmware = Firmware::Efi;
                    source.machine.secure_boot = true;
                    source.machine.os = GuestOs {
                        vmware: Some("windows2022srvNext_64Guest".to_owned()),
                        ..GuestOs::default()
                    };
                },
                &none,
            ),
            chosen(
                with(Bus::Nvme, ""),
                &ImportOptions {
                    disk_bus: Some(DiskBus::Virtio),
                    nic_model: Some(NicModel::Virtio),
                    properties: [("architecture", ""), ("hw_rng_model", "virtio")]
                        .map(|(key, value)| (key.to_owned(), value.to_owned()))
                        .into(),
                    ..none.clone()
                },
            ),
        ];
        insta::assert_snapshot!(all.join("\n"));
    }

    #[test]
    fn a_windows_gets_what_its_registry_says_it_starts_on() {
        let with = |drivers: &[(&str, u32, Option<u32>)], bus, model: &str| {
            let look = windows(drivers, &["nete1g3e.inf"]);
            let model = model.to_owned();
            move |source: &mut SourceFacts| {
                source.guest = Some(GuestLook::Windows(look));
                source.disks[0].bus = Some(bus);
                source.disks[0].controller = Some(model);
                source.machine.os.vmware = Some("debian12_64Guest".to_owned());
                source.machine.nics = vec![Nic {
                    label: "nic".to_owned(),
                    model: Some("VmxNet3".to_owned()),
                    mac: None,
                    network: None,
                }];
            }
        };
        let none = ImportOptions::default();
        let (sas, ahci, virtio) = (("lsi_sas", 0, None), ("storahci", 0, None), ("viostor", 0, None));
        let late = ("storahci", 0, Some(3));
        let all = [
            chosen(with(&[sas, ahci], Bus::Scsi, "lsilogicsas"), &none),
            chosen(with(&[sas, late], Bus::Scsi, "lsilogicsas"), &none),
            chosen(with(&[sas, late], Bus::Scsi, "VirtualSCSI"), &none),
            chosen(with(&[late, virtio], Bus::Scsi, "VirtualSCSI"), &none),
            chosen(with(&[ahci, virtio], Bus::Nvme, ""), &none),
            chosen(with(&[late], Bus::Sata, ""), &none),
            chosen(with(&[ahci], Bus::Ide, ""), &none),
            chosen(
                with(&[ahci], Bus::Sata, ""),
                &ImportOptions {
                    disk_bus: Some(DiskBus::Virtio),
                    nic_model: Some(NicModel::Virtio),
                    ..none.clone()
                },
            ),
        ];
        insta::assert_snapshot!(all.join("\n--\n"));
    }
}
