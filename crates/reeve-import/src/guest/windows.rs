//! What a Windows guest's registry and drivers' store say of it. Everything in them is untrusted text.
//!
//! Source: Microsoft: "HKLM\SYSTEM\CurrentControlSet\Services Registry Tree", "Driver Store"; virt-v2v: `convert/convert_windows.ml`, which reads the same keys.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::ntfs::{NtfsFailure, NtfsFiles};
use super::registry::{Hive, HiveBytes, HiveError, Key, Value};
use crate::error::escaped;

/// The most names that are told of one kind.
const MOST_NAMES: usize = 8;

/// The most network interfaces that are looked at; Windows keeps those of cards that it has no more.
const MAX_INTERFACES: usize = 256;

/// Drivers' services that matter for what a server can have, as Windows compares names: without case.
const SERVICES: [&str; 14] = [
    "atapi",
    "e1g60",
    "e1i63x64",
    "e1i65x64",
    "e1i68x64",
    "e1iexpress",
    "intelide",
    "lsi_sas",
    "msahci",
    "netkvm",
    "pciide",
    "storahci",
    "vioscsi",
    "viostor",
];

/// Packages of the drivers' store that matter for what a server can have.
const PACKAGES: [&str; 7] = [
    "net1ic64.inf",
    "net1ix64.inf",
    "nete1g32.inf",
    "nete1g3e.inf",
    "netkvm.inf",
    "vioscsi.inf",
    "viostor.inf",
];

/// When Windows starts a driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ServiceStart {
    /// `Start`: 0 by the boot loader, 1 by the kernel, 2 with the system, 3 when a device wants it, 4 never.
    pub start: Option<u32>,
    /// What counts instead of it (`StartOverride`): Windows puts drivers off that start by the boot loader, and for which it had no device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub put_off: Option<u32>,
}

/// Why what is read of a guest may be older than the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unfinished {
    /// It is hibernated, as fast start does when it is shut down too.
    Hibernated,
    /// Its file system was not closed.
    FileSystem,
    /// Its registry was not written back from the log.
    Registry,
}

/// What is known of a Windows guest from its system drive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct WindowsLook {
    /// Its name for people: `Windows Server 2022 Datacenter`.
    pub name: Option<String>,
    /// Its version with its build: `10.0.20348`.
    pub version: Option<String>,
    /// Its release: `21H2`.
    pub release: Option<String>,
    /// The processor that it is for, as OpenStack calls it: `x86_64`.
    pub architecture: Option<String>,
    /// When the drivers start, of those that matter.
    pub drivers: BTreeMap<String, ServiceStart>,
    /// The packages of its drivers' store, of those that matter; `None` if it has no such store, or it cannot be read.
    pub packages: Option<BTreeSet<String>>,
    /// Addresses that were set by hand.
    pub addresses: Vec<String>,
    /// Why this may be older than the guest.
    pub unfinished: BTreeSet<Unfinished>,
}

/// Why a Windows was not looked into.
#[derive(Debug, thiserror::Error)]
pub(super) enum WindowsError {
    /// Its file system.
    #[error(transparent)]
    Files(#[from] NtfsFailure),
    /// Its registry.
    #[error("its registry cannot be read: {0}")]
    Registry(#[from] HiveError),
}

impl WindowsLook {
    /// Reads what a file system says; `None` if it is not that of a system drive.
    ///
    /// # Errors
    ///
    /// [`WindowsError`] if there is a Windows, and it cannot be read.
    pub(super) fn of(files: &NtfsFiles) -> Result<Option<Self>, WindowsError> {
        let mut look = Self::default();
        let system = files.with_file("Windows/System32/config/SYSTEM", |hive| look.add_system(hive))?;
        let Some(system) = system else {
            return Ok(None);
        };
        system?;
        if let Some(software) = files.with_file("Windows/System32/config/SOFTWARE", |hive| look.add_software(hive))? {
            software?;
        }
        // What follows says less, and is left out where it cannot be read.
        let store = files.names("Windows/System32/DriverStore/FileRepository");
        let store = store.unwrap_or_default();
        look.packages = (!store.is_empty()).then(|| packages(&store));
        // Windows writes these letters when it hibernates, and others when it has come back. Source: ntfs-3g: `ntfs_volume_check_hiberfile`.
        let mut head = [0; 4];
        let read = files.with_file("hiberfil.sys", |file| file.read_at(&mut head, 0));
        if matches!(read, Ok(Some(Ok(())))) && head.eq_ignore_ascii_case(b"hibr") {
            look.unfinished.insert(Unfinished::Hibernated);
        }
        if files.is_dirty().unwrap_or(false) {
            look.unfinished.insert(Unfinished::FileSystem);
        }
        Ok(Some(look))
    }

    /// Reads what the hives `SYSTEM` and `SOFTWARE` say.
    ///
    /// # Errors
    ///
    /// What is wrong with them, as text.
    pub fn of_hives(mut system: &[u8], mut software: &[u8]) -> Result<Self, String> {
        let mut look = Self::default();
        look.add_system(&mut system)
            .and_then(|()| look.add_software(&mut software))
            .map_err(|error| error.to_string())?;
        Ok(look)
    }

    fn add_system(&mut self, bytes: &mut dyn HiveBytes) -> Result<(), HiveError> {
        let mut hive = self.opened(bytes)?;
        let root = hive.root();
        // What Windows calls `CurrentControlSet` while it runs.
        let current = match hive.key(root, &["Select"])? {
            Some(select) => hive.value(select, "Current")?.and_then(|value| value.number()),
            None => None,
        };
        let set = format!("ControlSet{:03}", current.unwrap_or(1));
        let Some(set) = hive.key(root, &[&set])? else {
            return Ok(());
        };
        if let Some(services) = hive.key(set, &["Services"])? {
            for (name, key) in hive.keys(services)? {
                let name = name.to_ascii_lowercase();
                if SERVICES.contains(&name.as_str()) {
                    self.drivers.insert(name, start(&mut hive, key)?);
                } else if name == "tcpip" {
                    self.addresses = addresses(&mut hive, key)?;
                }
            }
        }
        if let Some(environment) = hive.key(set, &["Control", "Session Manager", "Environment"])? {
            let value = hive.value(environment, "PROCESSOR_ARCHITECTURE")?;
            self.architecture = value.and_then(Value::text).and_then(|name| {
                let known = [("amd64", "x86_64"), ("x86", "i686"), ("arm64", "aarch64")];
                let found = known.iter().find(|(windows, _)| name.eq_ignore_ascii_case(windows));
                found.map(|(_, openstack)| (*openstack).to_owned())
            });
        }
        Ok(())
    }

    fn add_software(&mut self, bytes: &mut dyn HiveBytes) -> Result<(), HiveError> {
        let mut hive = self.opened(bytes)?;
        let root = hive.root();
        let Some(key) = hive.key(root, &["Microsoft", "Windows NT", "CurrentVersion"])? else {
            return Ok(());
        };
        let values: BTreeMap<String, Value> = hive
            .values(key)?
            .into_iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value))
            .collect();
        let text = |name: &str| values.get(name).cloned().and_then(Value::text);
        let number = |name: &str| values.get(name).and_then(Value::number);
        let build = text("currentbuild").or_else(|| text("currentbuildnumber"));
        let build: Option<u32> = build.and_then(|build| build.parse().ok());
        // From Windows 10 on `CurrentVersion` stays 6.3, and these have the version.
        let begin = match (number("currentmajorversionnumber"), number("currentminorversionnumber")) {
            (Some(major), Some(minor)) => Some(format!("{major}.{minor}")),
            _ => text("currentversion").filter(|text| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')),
        };
        self.version = begin
            .zip(build)
            .map(|(begin, build)| format!("{}.{build}", escaped(&begin, 20)));
        self.release = text("displayversion")
            .or_else(|| text("releaseid"))
            .map(|text| escaped(&text, 20));
        self.name = text("productname").map(|name| {
            // Windows 11 still has the name of its predecessor there; its builds begin at 22000.
            let name = match name.strip_prefix("Windows 10") {
                Some(rest) if build.is_some_and(|build| build >= 22_000) => format!("Windows 11{rest}"),
                _ => name,
            };
            escaped(&name, 100)
        });
        Ok(())
    }

    fn opened<'a>(&mut self, bytes: &'a mut dyn HiveBytes) -> Result<Hive<'a>, HiveError> {
        let hive = Hive::open(bytes)?;
        if !hive.is_written_back() {
            self.unfinished.insert(Unfinished::Registry);
        }
        Ok(hive)
    }
}

/// Returns when a service starts.
fn start(hive: &mut Hive<'_>, service: Key) -> Result<ServiceStart, HiveError> {
    let put_off = match hive.key(service, &["StartOverride"])? {
        Some(key) => hive.values(key)?.iter().filter_map(|(_, value)| value.number()).max(),
        None => None,
    };
    Ok(ServiceStart {
        start: hive.value(service, "Start")?.and_then(|value| value.number()),
        put_off: put_off.filter(|number| *number != 0),
    })
}

/// Returns the addresses of network interfaces that do not ask for theirs.
fn addresses(hive: &mut Hive<'_>, tcpip: Key) -> Result<Vec<String>, HiveError> {
    let Some(interfaces) = hive.key(tcpip, &["Parameters", "Interfaces"])? else {
        return Ok(Vec::new());
    };
    let mut found = BTreeSet::new();
    for (_, interface) in hive.keys(interfaces)?.into_iter().take(MAX_INTERFACES) {
        let asks = hive.value(interface, "EnableDHCP")?.and_then(|value| value.number());
        if asks == Some(0)
            && let Some(Value::Texts(list)) = hive.value(interface, "IPAddress")?
        {
            found.extend(list.into_iter().filter(|address| address != "0.0.0.0"));
        }
    }
    let addresses = found.into_iter().map(|address| escaped(&address, 45));
    Ok(addresses.take(MOST_NAMES).collect())
}

/// Returns the packages that matter, of folders of the drivers' store: `netkvm.inf_amd64_0123456789abcdef`.
fn packages(store: &[String]) -> BTreeSet<String> {
    let names = store.iter().filter_map(|folder| folder.split('_').next());
    let names = names.map(str::to_ascii_lowercase);
    names.filter(|name| PACKAGES.contains(&name.as_str())).collect()
}
