//! What of a Windows guest fits the hardware that a server gets.
//!
//! Which driver starts which device. Source: Windows's own `mshdc.inf` (AHCI by its class: `storahci`, before Windows 8 `msahci`; PIIX: `intelide`),
//! `lsi_sas.inf` (1000:0054, which QEMU's `mptsas1068` is), `nete1g3e.inf` (8086:100e, `e1000`), `net1ix64.inf` and `net1ic64.inf` (8086:10d3, `e1000e`);
//! virtio-win: `viostor.inf`, `vioscsi.inf`, `netkvm.inf`.
//!
//! Why a driver that is there may not be started: Windows puts boot drivers off for which it has no device (`StartOverride`), and takes them up again when it has
//! started with one. Seen by others: kubevirt #16703 and virtio-win-guest-tools-installer #61 (virtio drivers were installed beforehand, and Windows did
//! not start on virtio; it did after a start with a further disk there, or on SATA). None of this was tried here with a Windows.

use super::windows::{Unfinished, WindowsLook};

/// How far Windows is ready to start on a disk bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ready {
    /// It has no such driver.
    Missing,
    /// It has one, which starts later than it is needed.
    Later(&'static str, u32),
    /// It has one, and has put it off.
    PutOff(&'static str),
    /// It starts one early enough.
    AtBoot(&'static str),
}

/// Returns the drivers for a disk bus, each list of which has to be there as a whole.
fn disk_drivers(bus: &str, scsi_model: Option<&str>) -> Option<&'static [&'static [&'static str]]> {
    match (bus, scsi_model) {
        ("ide", _) => Some(&[&["atapi", "intelide"]]),
        ("sata", _) => Some(&[&["storahci"], &["msahci"]]),
        ("virtio", _) => Some(&[&["viostor"]]),
        ("scsi", Some("virtio-scsi")) => Some(&[&["vioscsi"]]),
        ("scsi", Some("lsisas1068")) => Some(&[&["lsi_sas"]]),
        _ => None,
    }
}

/// Returns services and packages of which one is enough for a network card.
fn nic_drivers(model: &str) -> Option<(&'static [&'static str], &'static [&'static str])> {
    match model {
        "e1000" => Some((&["e1g60"], &["nete1g3e.inf", "nete1g32.inf"])),
        "e1000e" => Some((
            &["e1iexpress", "e1i63x64", "e1i65x64", "e1i68x64"],
            &["net1ix64.inf", "net1ic64.inf"],
        )),
        "virtio" => Some((&["netkvm"], &["netkvm.inf"])),
        // None came with Windows after XP.
        "pcnet" => Some((&[], &[])),
        _ => None,
    }
}

impl WindowsLook {
    /// Returns its name with version and processor.
    pub(super) fn summary(&self) -> String {
        let name = self.name.as_deref().unwrap_or("a Windows without a name");
        let parts = [&self.release, &self.version, &self.architecture];
        let parts: Vec<&str> = parts.into_iter().filter_map(|part| part.as_deref()).collect();
        if parts.is_empty() {
            return name.to_owned();
        }
        format!("{name} ({})", parts.join(", "))
    }

    /// Tells how far it is ready to start on a disk bus; `None` if it is not known what that takes.
    pub(crate) fn readiness(&self, disk_bus: &str, scsi_model: Option<&str>) -> Option<Ready> {
        let of = |driver: &&'static str| match self.drivers.get(*driver) {
            None => Ready::Missing,
            Some(service) => match (service.start, service.put_off) {
                (Some(0), None) => Ready::AtBoot(driver),
                (Some(0), Some(_)) => Ready::PutOff(driver),
                (start, _) => Ready::Later(driver, start.unwrap_or(3)),
            },
        };
        let lists = disk_drivers(disk_bus, scsi_model)?.iter();
        lists.filter_map(|list| list.iter().map(of).min()).max()
    }

    /// Tells whether it starts its driver for a disk bus early enough.
    pub(crate) fn is_ready(&self, disk_bus: &str, scsi_model: Option<&str>) -> bool {
        matches!(self.readiness(disk_bus, scsi_model), Some(Ready::AtBoot(_)))
    }

    /// Tells whether it has a driver for a network card; `None` if that cannot be known.
    pub(crate) fn has_nic_driver(&self, model: &str) -> Option<bool> {
        let (services, packages) = nic_drivers(model)?;
        let store = self.packages.as_ref()?;
        Some(
            services.iter().any(|service| self.drivers.contains_key(*service))
                || packages.iter().any(|package| store.contains(*package)),
        )
    }

    /// Says what of the guest does not fit a server with this disk bus and this network card; sentences without a full stop.
    #[must_use]
    pub fn remarks(&self, disk_bus: &str, scsi_model: Option<&str>, nic_model: Option<&str>) -> Vec<String> {
        let mut remarks = vec![format!("the guest is {}", self.summary())];
        remarks.extend(self.unfinished.iter().map(|reason| {
            match reason {
                Unfinished::Hibernated => {
                    "the guest is hibernated, or was shut down with fast start: shut it down completely (`shutdown /s /t 0`) and export it again, because what it had open is not on its disk"
                }
                Unfinished::FileSystem => {
                    "the guest's system drive was not closed: shut it down completely (`shutdown /s /t 0`) and export it again, or it will be checked when the server starts"
                }
                Unfinished::Registry => {
                    "the guest's registry was not written back from its log, which is not read: what is said here of its drivers may be older than the guest"
                }
            }
            .to_owned()
        }));
        // Without a list of services nothing can be said of them.
        if !self.drivers.is_empty()
            && let Some(ready) = self.readiness(disk_bus, scsi_model)
        {
            remarks.extend(self.disk_remark(disk_bus, scsi_model, ready));
        }
        if let Some(model) = nic_model.filter(|model| self.has_nic_driver(model) == Some(false)) {
            let instead = ["e1000e", "e1000", "virtio"]
                .into_iter()
                .find(|other| self.has_nic_driver(other) == Some(true));
            let instead = instead.map_or_else(
                || "install one before the export".to_owned(),
                |other| format!("`--nic-model {other}` has one"),
            );
            remarks.push(format!(
                "the guest has no driver for its network card ({model}), as far as its drivers' store says: {instead}"
            ));
        }
        if !self.addresses.is_empty() {
            remarks.push(format!(
                "the guest has addresses that were set by hand ({}); Windows keeps them with the old network card, and the new one asks for its address: set them again at the console",
                self.addresses.join(", ")
            ));
        }
        remarks
    }

    fn has_package(&self, name: &str) -> bool {
        self.packages.as_ref().is_some_and(|store| store.contains(name))
    }

    /// Says why it may not start on its disk bus, and what to do before the export.
    fn disk_remark(&self, bus: &str, scsi_model: Option<&str>, ready: Ready) -> Option<String> {
        const SERVICES: &str = r"HKLM\SYSTEM\CurrentControlSet\Services";
        let is_virtio = bus == "virtio" || scsi_model == Some("virtio-scsi");
        let package = if bus == "virtio" { "viostor.inf" } else { "vioscsi.inf" };
        let bus = scsi_model.filter(|_| bus == "scsi").unwrap_or(bus);
        // What the registry alone does not make good: Windows has to have seen such a disk.
        let later = "import it without `--disk-bus` first, start it once in a server with a further volume on that bus, and change the bus then (the book says how: Windows guests)";
        match ready {
            Ready::AtBoot(_) => None,
            Ready::Missing if is_virtio => Some(format!(
                "the guest WILL NOT START: Windows has no driver in use for its disk on {bus}{}; {later}",
                if self.has_package(package) {
                    ", though virtio-win is in its drivers' store"
                } else {
                    "; install virtio-win"
                }
            )),
            Ready::Missing => Some(format!(
                "the guest WILL NOT START: Windows has no driver for its disk on {bus}; choose another with `--disk-bus`"
            )),
            Ready::Later(driver, start) => Some(format!(
                "the guest WILL NOT START: Windows does not start {driver}, which its disk on {bus} needs, by its boot loader (Start is {start}); {}",
                if is_virtio {
                    later.to_owned()
                } else {
                    format!(
                        "before the export, as administrator: `reg add {SERVICES}\\{driver} /v Start /t REG_DWORD /d 0 /f`, and shut it down"
                    )
                }
            )),
            Ready::PutOff(driver) => Some(format!(
                "the guest MAY NOT START: Windows has put {driver} off, which its disk on {bus} needs, because it had no such controller (StartOverride); {}",
                if is_virtio {
                    later.to_owned()
                } else {
                    format!(
                        "before the export, start it once with a drive on such a controller, or, as administrator: `reg delete {SERVICES}\\{driver}\\StartOverride /f`, and shut it down"
                    )
                }
            )),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::guest::ServiceStart;

    /// Returns a Windows with these drivers: name, `Start`, `StartOverride`.
    pub(crate) fn windows(drivers: &[(&str, u32, Option<u32>)], packages: &[&str]) -> WindowsLook {
        WindowsLook {
            name: Some("Windows Server 2019 Standard".to_owned()),
            version: Some("10.0.17763".to_owned()),
            release: Some("1809".to_owned()),
            architecture: Some("x86_64".to_owned()),
            drivers: drivers
                .iter()
                .map(|(name, start, put_off)| {
                    let service = ServiceStart {
                        start: Some(*start),
                        put_off: *put_off,
                    };
                    ((*name).to_owned(), service)
                })
                .collect(),
            packages: Some(packages.iter().map(|name| (*name).to_owned()).collect()),
            ..WindowsLook::default()
        }
    }

    const BUSES: [(&str, Option<&str>); 5] = [
        ("ide", None),
        ("sata", None),
        ("virtio", None),
        ("scsi", Some("virtio-scsi")),
        ("scsi", Some("lsisas1068")),
    ];

    #[test]
    fn what_will_not_start_is_told_with_what_to_do() {
        let mut said = Vec::new();
        let guests = [
            windows(
                &[("lsi_sas", 0, None), ("storahci", 0, Some(3)), ("atapi", 0, None)],
                &[],
            ),
            windows(
                &[("storahci", 3, None), ("viostor", 0, Some(3)), ("vioscsi", 3, None)],
                &[],
            ),
            windows(&[("msahci", 0, None)], &["viostor.inf"]),
        ];
        for look in guests {
            for (bus, model) in BUSES {
                let remarks = look.remarks(bus, model, None);
                assert_eq!(remarks.len() == 1, look.is_ready(bus, model), "{bus} {remarks:?}");
                said.push(format!("{bus} {}: {}", model.unwrap_or("-"), remarks[1..].join("; ")));
            }
        }
        insta::assert_snapshot!(said.join("\n"));
    }

    #[test]
    fn of_what_is_not_known_nothing_is_said() {
        let bare = WindowsLook::default();
        assert_eq!(
            bare.remarks("sata", None, Some("e1000e")),
            ["the guest is a Windows without a name"]
        );
        let look = windows(&[("storahci", 0, None)], &[]);
        assert_eq!(look.remarks("usb", None, Some("rtl8139")).len(), 1);
        assert_eq!(look.remarks("scsi", Some("vmpvscsi"), None).len(), 1);
    }

    #[test]
    fn a_missing_driver_of_the_network_card_is_told() {
        let last = |look: &WindowsLook, model: &str| look.remarks("sata", None, Some(model)).pop().unwrap();
        let look = windows(&[("storahci", 0, None), ("netkvm", 3, None)], &["nete1g3e.inf"]);
        for model in ["e1000", "virtio"] {
            assert!(last(&look, model).starts_with("the guest is"), "{model}");
        }
        assert!(last(&look, "e1000e").ends_with("`--nic-model e1000` has one"));
        assert!(last(&look, "pcnet").ends_with("`--nic-model e1000` has one"));
        let none = windows(&[("storahci", 0, None)], &[]);
        assert!(last(&none, "virtio").ends_with("install one before the export"));
    }
}
