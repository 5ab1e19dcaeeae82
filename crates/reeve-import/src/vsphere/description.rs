//! A machine as the inventory describes it: for an export, whose disks cannot be looked into before.

use std::collections::BTreeMap;

use super::error::VsphereError;
use super::inventory::{datastore_path, unescaped};
use super::session::Vsphere;
use super::soap::{Reference, text};
use crate::disk::MAX_DISK_BYTES;
use crate::error::{SourceName, escaped};
use crate::machine::{Bus, Controller, Firmware, GuestOs, Machine, MachineDisk, Nic, mac_address};
use crate::member_name::MemberName;
use crate::xml::Element;

/// The most devices that are looked at; a machine has at most 4 controllers of each bus, with 64 places each.
const MAX_DEVICES: usize = 2000;

/// What is asked of a machine.
const DESCRIPTION: [&str; 10] = [
    "name",
    "config.instanceUuid",
    "config.guestId",
    "config.guestFullName",
    "config.version",
    "config.firmware",
    "config.bootOptions",
    "config.hardware",
    "guest.toolsRunningStatus",
    "runtime.powerState",
];

/// A machine, described by its host.
#[derive(Clone, Debug)]
pub(crate) struct Description {
    pub(crate) machine: Machine,
    /// By what it is found again, wherever it is moved.
    pub(crate) instance_uuid: String,
    pub(crate) has_tools: bool,
    pub(crate) runs: bool,
    /// The machine's disks in their order, as far as [`Machine::disks`] does not say it.
    pub(crate) disks: Vec<DescribedDisk>,
}

/// What a host says of a disk.
#[derive(Clone, Debug)]
pub(crate) struct DescribedDisk {
    /// Its key among the machine's devices.
    pub(crate) key: u32,
    /// Its place as leases name it: `ParaVirtualSCSIController0:1`.
    pub(crate) place: String,
    /// Whether snapshots leave it out.
    pub(crate) is_independent: bool,
    /// What it is known again by, without a look at its content.
    pub(crate) fingerprint: String,
}

/// A controller among the devices.
struct Found<'a> {
    key: u32,
    class: &'a str,
    number: u32,
}

impl Vsphere {
    /// Returns the machine with this instance UUID.
    pub(super) async fn machine_with(&self, instance_uuid: &str) -> Result<Option<Reference>, VsphereError> {
        let arguments = text("uuid", instance_uuid) + "<vmSearch>true</vmSearch><instanceUuid>true</instanceUuid>";
        let found = self.call("FindByUuid", &self.content().search, &arguments).await?;
        Ok(Reference::of(&found).filter(|reference| reference.kind == "VirtualMachine"))
    }

    /// Describes a machine. Blocks.
    ///
    /// # Errors
    ///
    /// [`VsphereError`]; [`VsphereError::Answer`] too if it has nothing by which it could be found again.
    pub(super) async fn description(&self, machine: &Reference) -> Result<Description, VsphereError> {
        let properties = self.properties_of(machine, &DESCRIPTION).await?;
        let missing = |what: &str| self.answer("RetrievePropertiesEx", &format!("the machine has no {what}"));
        let hardware = properties.get("config.hardware").ok_or_else(|| missing("hardware"))?;
        let instance_uuid = value(&properties, "config.instanceUuid").ok_or_else(|| missing("instance UUID"))?;
        let instance_uuid = escaped(instance_uuid, 64);
        let number = |name: &str| hardware.value(name).and_then(|text| text.parse::<u64>().ok());
        let word = |path: &str| value(&properties, path).map(|text| escaped(text, 128));
        let mut described = Description {
            machine: Machine {
                name: escaped(&unescaped(value(&properties, "name").unwrap_or("unnamed")), 256),
                os: GuestOs {
                    vmware: word("config.guestId"),
                    description: word("config.guestFullName"),
                    ..GuestOs::default()
                },
                hardware: word("config.version"),
                cpus: number("numCPU")
                    .and_then(|count| u32::try_from(count).ok())
                    .unwrap_or(1),
                cores_per_socket: number("numCoresPerSocket").and_then(|count| u32::try_from(count).ok()),
                memory: number("memoryMB").unwrap_or(0).saturating_mul(1 << 20),
                firmware: match value(&properties, "config.firmware") {
                    Some("efi") => Firmware::Efi,
                    _ => Firmware::Bios,
                },
                secure_boot: properties
                    .get("config.bootOptions")
                    .is_some_and(|options| options.value("efiSecureBootEnabled") == Some("true")),
                ..Machine::default()
            },
            has_tools: value(&properties, "guest.toolsRunningStatus") == Some("guestToolsRunning"),
            runs: value(&properties, "runtime.powerState") != Some("poweredOff"),
            instance_uuid,
            disks: Vec::new(),
        };
        let devices: Vec<&Element> = hardware.all("device").take(MAX_DEVICES).collect();
        described.disks(&devices);
        for device in devices.iter().filter(|device| device.first("macAddress").is_some()) {
            let network = self.network(device).await?;
            described.machine.nics.push(nic(device, network));
        }
        Ok(described)
    }

    /// Returns the name of a card's network.
    async fn network(&self, card: &Element) -> Result<Option<String>, VsphereError> {
        let Some(backing) = card.first("backing") else {
            return Ok(None);
        };
        if let Some(name) = backing.value("deviceName") {
            return Ok(Some(escaped(&unescaped(name), 256)));
        }
        let Some(key) = backing.first("port").and_then(|port| port.value("portgroupKey")) else {
            return Ok(None);
        };
        let group = Reference::new("DistributedVirtualPortgroup", key);
        match self.properties_of(&group, &["name"]).await {
            Ok(properties) => Ok(value(&properties, "name").map(|name| escaped(&unescaped(name), 256))),
            // One that the login may not see: the plan asks for a network then.
            Err(VsphereError::Fault { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Description {
    fn disks(&mut self, devices: &[&Element]) {
        let mut controllers: Vec<Found<'_>> = devices.iter().filter_map(controller).collect();
        controllers.sort_by_key(|found| (bus(found.class).map_or(4, rank), found.number));
        let mut disks = Vec::new();
        for device in devices.iter().filter(|device| class(device) == "VirtualDisk") {
            let Some(key) = device.value("key").and_then(|text| text.parse().ok()) else {
                continue;
            };
            let at = controllers
                .iter()
                .position(|found| device.value("controllerKey") == Some(found.key.to_string().as_str()));
            let unit = device
                .value("unitNumber")
                .and_then(|text| text.parse().ok())
                .unwrap_or(0);
            let place = at.map_or_else(String::new, |at| {
                format!("{}{}:{unit}", controllers[at].class, controllers[at].number)
            });
            disks.push(self.disk(device, key, at, unit, place));
        }
        disks.sort_by_key(|(disk, _)| (disk.controller.unwrap_or(usize::MAX), disk.unit));
        (self.machine.disks, self.disks) = disks.into_iter().unzip();
        self.machine.controllers = controllers
            .iter()
            .map(|found| Controller {
                bus: bus(found.class).unwrap_or(Bus::Other),
                number: found.number,
                model: Some(model(found.class)),
            })
            .collect();
        self.machine.tpm = devices.iter().any(|device| class(device) == "VirtualTPM");
    }

    fn disk(
        &self,
        device: &Element,
        key: u32,
        controller: Option<usize>,
        unit: u32,
        place: String,
    ) -> (MachineDisk, DescribedDisk) {
        let backing = device.first("backing");
        let said = |name: &str| backing.and_then(|backing| backing.value(name));
        let bytes = device
            .value("capacityInBytes")
            .and_then(|text| text.parse::<u64>().ok());
        let kib = device.value("capacityInKB").and_then(|text| text.parse::<u64>().ok());
        let capacity = bytes.or_else(|| kib.and_then(|kib| kib.checked_mul(1024)));
        let label = device.first("deviceInfo").and_then(|info| info.value("label"));
        let label = label.map_or_else(|| format!("disk {key}"), |label| escaped(label, 128));
        let uuid = said("uuid").map(|uuid| escaped(uuid, 64));
        let path = said("fileName").and_then(datastore_path).map(|(_, path)| path);
        let name = path.and_then(|path| path.rsplit('/').next());
        let file = name.and_then(|name| MemberName::new(name, &SourceName::new("the inventory"), 0).ok());
        let refused = if backing.is_some_and(|backing| class(backing).contains("RawDisk")) {
            Some(
                "it is a raw device mapping, which no lease exports as a disk; make it a virtual disk first".to_owned(),
            )
        } else if file.is_none() || controller.is_none() {
            Some("its host does not say which file it is, or what it is connected to".to_owned())
        } else if !capacity.is_some_and(|size| size.is_multiple_of(512) && (1..=MAX_DISK_BYTES).contains(&size)) {
            Some("its host does not say a size that a disk can have".to_owned())
        } else {
            None
        };
        let fingerprint = format!(
            "vsphere:{}/{key}/{}/{}",
            self.instance_uuid,
            uuid.as_deref().unwrap_or("-"),
            capacity.unwrap_or(0)
        );
        let disk = MachineDisk {
            label,
            controller,
            unit,
            capacity,
            file,
            refused,
        };
        let described = DescribedDisk {
            key,
            place,
            is_independent: said("diskMode").is_some_and(|mode| mode.starts_with("independent")),
            fingerprint,
        };
        (disk, described)
    }
}

fn value<'a>(properties: &'a BTreeMap<String, Element>, path: &str) -> Option<&'a str> {
    let text = properties.get(path)?.text.trim();
    (!text.is_empty()).then_some(text)
}

/// Returns the class of an element, as `VirtualDisk`.
fn class(element: &Element) -> &str {
    let class = element.attribute("type").unwrap_or_default();
    class.rsplit(':').next().unwrap_or(class)
}

fn controller<'a>(device: &'a &Element) -> Option<Found<'a>> {
    let class = class(device);
    bus(class)?;
    Some(Found {
        key: device.value("key")?.parse().ok()?,
        class,
        number: device.value("busNumber")?.parse().ok()?,
    })
}

/// Returns what a class of controllers connects disks by.
///
/// Source: vSphere API reference, the classes below `VirtualController`.
fn bus(class: &str) -> Option<Bus> {
    match class {
        "ParaVirtualSCSIController"
        | "VirtualBusLogicController"
        | "VirtualLsiLogicController"
        | "VirtualLsiLogicSASController" => Some(Bus::Scsi),
        "VirtualAHCIController" | "VirtualSATAController" => Some(Bus::Sata),
        "VirtualNVMEController" => Some(Bus::Nvme),
        "VirtualIDEController" => Some(Bus::Ide),
        _ => None,
    }
}

/// Returns the place of a bus in the order of disks, which is that of a `.vmx`.
const fn rank(bus: Bus) -> u8 {
    match bus {
        Bus::Scsi => 0,
        Bus::Sata => 1,
        Bus::Nvme => 2,
        Bus::Ide | Bus::Other => 3,
    }
}

/// Returns a controller's model as a `.vmx` calls it.
fn model(class: &str) -> String {
    match class {
        "ParaVirtualSCSIController" => "pvscsi",
        "VirtualBusLogicController" => "buslogic",
        "VirtualLsiLogicController" => "lsilogic",
        "VirtualLsiLogicSASController" => "lsisas1068",
        "VirtualNVMEController" => "nvme",
        "VirtualIDEController" => "ide",
        _ => "ahci",
    }
    .to_owned()
}

fn nic(card: &Element, network: Option<String>) -> Nic {
    let class = class(card);
    let label = card.first("deviceInfo").and_then(|info| info.value("label"));
    Nic {
        label: escaped(label.unwrap_or("network card"), 128),
        model: Some(escaped(class.trim_start_matches("Virtual"), 128)),
        mac: card.value("macAddress").and_then(mac_address),
        network,
    }
}
