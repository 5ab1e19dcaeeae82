//! A virtual machine's section: hardware, operating system, properties, licences.

use std::collections::BTreeMap;

use crate::error::{ReadError, escaped, quoted};
use crate::machine::{Bus, Controller, Firmware, GuestOs, Machine, MachineDisk, Nic, Property, mac_address};
use crate::ovf::envelope::{Names, kind, sections};
use crate::ovf::units;
use crate::xml::Element;

/// The most hardware items of a machine; vSphere's own limits add up to less than 400.
const MAX_ITEMS: usize = 4096;

/// The most memory that is believed, in bytes: 1 PiB.
const MAX_MEMORY_BYTES: u64 = 1 << 50;

/// Resource types of CIM.
mod resource {
    pub(super) const OTHER: u32 = 1;
    pub(super) const PROCESSOR: u32 = 3;
    pub(super) const MEMORY: u32 = 4;
    pub(super) const IDE: u32 = 5;
    pub(super) const SCSI: u32 = 6;
    pub(super) const ETHERNET: u32 = 10;
    pub(super) const DISK: u32 = 17;
    pub(super) const OTHER_STORAGE: u32 = 20;
}

/// Reads a machine.
pub(super) fn machine(system: &Element, names: &Names<'_>) -> Result<Machine, ReadError> {
    let mut machine = Machine {
        name: names
            .line(system, "Name")
            .or_else(|| system.attribute("id").map(|id| escaped(id, 256)))
            .unwrap_or_else(|| "unnamed".into()),
        os: guest_os(system, names),
        eulas: eulas(system, names),
        properties: properties(system, names),
        ..Machine::default()
    };
    let mut all = sections(system, "VirtualHardwareSection");
    let Some(hardware) = all.next() else {
        machine.problems.push("no hardware is described".into());
        return Ok(machine);
    };
    if all.next().is_some() {
        machine
            .problems
            .push("several hardware sections are offered; the first one is taken".into());
    }
    machine.hardware = hardware
        .first("System")
        .and_then(|system| system.value("VirtualSystemType"))
        .map(|text| escaped(text, 256));
    settings(hardware, &mut machine);
    let items = items(hardware, names)?;
    read_items(&items, names, &mut machine)?;
    machine.sort_disks();
    Ok(machine)
}

/// Reads what VMware writes beside the items: firmware, secure boot, cores.
fn settings(hardware: &Element, machine: &mut Machine) {
    for config in hardware.all("Config").chain(hardware.all("ExtraConfig")) {
        let (Some(key), Some(value)) = (config.attribute("key"), config.attribute("value")) else {
            continue;
        };
        match key {
            "firmware" => match value.to_ascii_lowercase().as_str() {
                "efi" | "uefi" => machine.firmware = Firmware::Efi,
                "bios" => {}
                other => machine.problems.push(format!(
                    "the firmware is {}, which is not known; BIOS is taken",
                    quoted(other)
                )),
            },
            "bootOptions.efiSecureBootEnabled" | "uefi.secureBoot.enabled" => {
                machine.secure_boot = value.eq_ignore_ascii_case("true");
            }
            _ => {}
        }
    }
}

/// An item of the hardware.
struct Item<'a> {
    element: &'a Element,
    id: String,
    kind: u32,
}

/// Returns the items that count for the default configuration, in the order of the description.
fn items<'a>(hardware: &'a Element, names: &Names<'_>) -> Result<Vec<Item<'a>>, ReadError> {
    let mut items: Vec<Item<'a>> = Vec::new();
    let mut by_id: BTreeMap<String, (usize, bool)> = BTreeMap::new();
    let elements = hardware
        .children
        .iter()
        .filter(|child| matches!(child.name.as_str(), "Item" | "StorageItem" | "EthernetPortItem"));
    for element in elements {
        // Items with a bound say what is possible, not what is.
        if !matches!(element.attribute("bound"), None | Some("" | "normal")) {
            continue;
        }
        let special = match element.attribute("configuration") {
            None | Some("") => false,
            Some(list) => {
                if !names
                    .configuration
                    .is_some_and(|chosen| list.split_whitespace().any(|id| id == chosen))
                {
                    continue;
                }
                true
            }
        };
        let id = element.value("InstanceID").unwrap_or_default().to_owned();
        let text = element.value("ResourceType").unwrap_or("0");
        let kind = text.parse().map_err(|_| {
            names.file.damaged(
                element.offset,
                format!("an item whose ResourceType is {}: not a number", quoted(text)),
            )
        })?;
        let item = Item {
            element,
            id: id.clone(),
            kind,
        };
        match by_id.get(&id) {
            // What is said for the chosen configuration replaces what is said for all.
            Some((place, false)) if special && !id.is_empty() => items[*place] = item,
            _ => {
                by_id.insert(id, (items.len(), special));
                items.push(item);
            }
        }
        if items.len() > MAX_ITEMS {
            let limit = MAX_ITEMS as u64;
            return Err(names
                .file
                .too_large(element.offset, "the number of hardware items", limit + 1, limit));
        }
    }
    Ok(items)
}

fn read_items(items: &[Item<'_>], names: &Names<'_>, machine: &mut Machine) -> Result<(), ReadError> {
    let mut controllers: BTreeMap<&str, usize> = BTreeMap::new();
    for item in items {
        if let Some(bus) = bus(item) {
            let number = machine.controllers.iter().filter(|other| other.bus == bus).count();
            let number = item
                .element
                .value("Address")
                .or_else(|| item.element.value("BusNumber"))
                .and_then(|text| text.parse().ok())
                .unwrap_or_else(|| u32::try_from(number).unwrap_or(u32::MAX));
            controllers.insert(&item.id, machine.controllers.len());
            machine.controllers.push(Controller {
                bus,
                number,
                model: subtype(item.element),
            });
        }
    }
    for item in items {
        match item.kind {
            resource::PROCESSOR => {
                let count = quantity(item, names)?;
                machine.cpus = machine.cpus.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
                machine.cores_per_socket = item.element.value("CoresPerSocket").and_then(|text| text.parse().ok());
            }
            resource::MEMORY => {
                let unit = item.element.value("AllocationUnits").unwrap_or("byte * 2^20");
                let factor = units::bytes(unit).ok_or_else(|| {
                    names.file.damaged(
                        item.element.offset,
                        format!("memory in {}: not a unit of bytes", quoted(unit)),
                    )
                })?;
                let bytes = quantity(item, names)?.saturating_mul(factor);
                if bytes > MAX_MEMORY_BYTES {
                    return Err(names.file.too_large(
                        item.element.offset,
                        "the memory in bytes",
                        bytes,
                        MAX_MEMORY_BYTES,
                    ));
                }
                machine.memory = machine.memory.saturating_add(bytes);
            }
            resource::ETHERNET => nic(item.element, names, machine),
            resource::DISK => disk(item, names, &controllers, machine)?,
            resource::OTHER
                if subtype(item.element).is_some_and(|model| model.to_ascii_lowercase().contains("vtpm")) =>
            {
                machine.tpm = true;
                machine.problems.push(
                    "it has a virtual TPM, whose content does not travel: have the recovery keys of encrypted disks at hand".into(),
                );
            }
            _ => {}
        }
    }
    if machine.cpus == 0 {
        machine.problems.push("no processors are described; 1 is taken".into());
        machine.cpus = 1;
    }
    if machine.memory == 0 {
        machine.problems.push("no memory is described".into());
    }
    Ok(())
}

fn quantity(item: &Item<'_>, names: &Names<'_>) -> Result<u64, ReadError> {
    let text = item.element.value("VirtualQuantity").unwrap_or("0");
    text.parse().map_err(|_| {
        names.file.damaged(
            item.element.offset,
            format!("an item whose VirtualQuantity is {}: not a number", quoted(text)),
        )
    })
}

/// Returns the model: the first of several, blanks taken off.
fn subtype(element: &Element) -> Option<String> {
    let text = element.value("ResourceSubType")?;
    let first = text.split([',', ' ', '\t', '\n', '\r']).find(|part| !part.is_empty())?;
    Some(escaped(first, 128))
}

fn bus(item: &Item<'_>) -> Option<Bus> {
    let model = subtype(item.element).unwrap_or_default().to_ascii_lowercase();
    match item.kind {
        resource::IDE => Some(Bus::Ide),
        resource::SCSI => Some(Bus::Scsi),
        resource::OTHER_STORAGE if model.contains("nvme") => Some(Bus::Nvme),
        resource::OTHER_STORAGE if model.contains("sata") || model.contains("ahci") || model.is_empty() => {
            Some(Bus::Sata)
        }
        resource::OTHER_STORAGE => Some(Bus::Other),
        _ => None,
    }
}

fn label(element: &Element) -> String {
    let text = element.value("ElementName").or_else(|| element.value("Caption"));
    escaped(text.unwrap_or("unnamed"), 256)
}

fn nic(element: &Element, names: &Names<'_>, machine: &mut Machine) {
    let label = label(element);
    let mac = element.value("Address").and_then(|text| {
        let mac = mac_address(text);
        if mac.is_none() {
            let problem = format!(
                "the MAC address {} of {label} is not one; another will be made up",
                quoted(text)
            );
            machine.problems.push(problem);
        }
        mac
    });
    let network = element
        .first("Connection")
        .and_then(|connection| names.text(connection))
        .map(|text| escaped(&text, 256));
    machine.nics.push(Nic {
        label,
        model: subtype(element),
        mac,
        network,
    });
}

fn disk(
    item: &Item<'_>,
    names: &Names<'_>,
    controllers: &BTreeMap<&str, usize>,
    machine: &mut Machine,
) -> Result<(), ReadError> {
    let element = item.element;
    let label = label(element);
    let controller = element
        .value("Parent")
        .and_then(|parent| controllers.get(parent).copied());
    if controller.is_none() {
        machine
            .problems
            .push(format!("{label} is on no controller; it comes last among the disks"));
    }
    let unit = element
        .value("AddressOnParent")
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    let (mut capacity, mut file, mut refused) = (None, None, None);
    if let Some(resource) = element.value("HostResource") {
        let path = resource.strip_prefix("ovf:").unwrap_or(resource);
        let missing = |what: &str, id: &str| {
            names.file.damaged(
                element.offset,
                format!("{label} refers to the {what} {}, which there is not", quoted(id)),
            )
        };
        let held = if let Some(id) = path.strip_prefix("/disk/").or_else(|| path.strip_prefix("//disk/")) {
            let disk = names.disks.get(id).ok_or_else(|| missing("Disk", id))?;
            capacity = disk.capacity;
            if disk.parent.is_some() {
                machine.problems.push(format!(
                    "{label} is kept as the delta of another disk, which is not read; export the machine without snapshots"
                ));
            }
            if disk.capacity.is_none() {
                machine
                    .problems
                    .push(format!("the size of {label} is not given in numbers"));
            }
            disk.file.clone()
        } else if let Some(id) = path.strip_prefix("/file/").or_else(|| path.strip_prefix("//file/")) {
            let held = *names.files.get(id).ok_or_else(|| missing("File", id))?;
            Some(held.clone())
        } else {
            machine.problems.push(format!(
                "{label} is {}, which is neither a disk nor a file of the package",
                quoted(resource)
            ));
            None
        };
        if let Some(held) = held {
            if held.gzip {
                machine.problems.push(format!(
                    "{} is compressed with gzip as a whole, which cannot be read in place; unpack it and take the compression out of the descriptor",
                    held.href
                ));
            }
            if let Some(why) = &held.refusal {
                machine.problems.push(format!("{label} cannot be read: {why}"));
            }
            (file, refused) = (held.name, held.refusal);
        }
    }
    machine.disks.push(MachineDisk {
        label,
        controller,
        unit,
        capacity,
        file,
        refused,
    });
    Ok(())
}

fn guest_os(system: &Element, names: &Names<'_>) -> GuestOs {
    let Some(section) = sections(system, "OperatingSystemSection").next() else {
        return GuestOs::default();
    };
    GuestOs {
        cim: section.attribute("id").and_then(|id| id.parse().ok()),
        vmware: section
            .attribute("osType")
            .map(|text| escaped(text.trim_start_matches('*'), 128)),
        description: names.line(section, "Description"),
    }
}

fn eulas(system: &Element, names: &Names<'_>) -> Vec<String> {
    system
        .children
        .iter()
        .filter(|child| kind(child) == "EulaSection")
        .filter_map(|section| names.text(section.first("License")?))
        .collect()
}

fn properties(system: &Element, names: &Names<'_>) -> Vec<Property> {
    let mut found = Vec::new();
    for section in sections(system, "ProductSection") {
        for property in section.all("Property") {
            let Some(key) = property.attribute("key") else {
                continue;
            };
            let parts = [section.attribute("class"), Some(key), section.attribute("instance")];
            let parts: Vec<&str> = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
            let truth = |name: &str| {
                property
                    .attribute(name)
                    .is_some_and(|text| matches!(text, "true" | "1"))
            };
            let password = truth("password");
            found.push(Property {
                key: escaped(&parts.join("."), 512),
                kind: property.attribute("type").map(|text| escaped(text, 128)),
                value: property
                    .attribute("value")
                    .filter(|value| !password && !value.is_empty())
                    .map(|text| escaped(text, 4096)),
                label: names.line(property, "Label"),
                user_configurable: truth("userConfigurable"),
                password,
            });
        }
    }
    found
}
