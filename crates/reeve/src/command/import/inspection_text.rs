//! An inspection as text for people.

use std::fmt::Write;

use reeve_import::{
    Bus, DigestState, DiskFile, Firmware, Inspection, Machine, MachineDisk, Nic, OvfVersion, SourceKind,
};

/// Returns what was found, a line for each thing. All text from the source is escaped already.
pub(super) fn text(inspection: &Inspection) -> String {
    let mut out = String::new();
    line(&mut out, &headline(inspection));
    for machine in &inspection.machines {
        line(&mut out, "");
        machine_lines(&mut out, machine);
    }
    if !inspection.disks.is_empty() {
        line(&mut out, "\ndisk files");
        for disk in &inspection.disks {
            disk_lines(&mut out, disk);
        }
    }
    package_lines(&mut out, inspection);
    out
}

fn line(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}

fn field(out: &mut String, name: &str, value: &str) {
    writeln!(out, "  {name:<10} {value}").expect("a string takes everything");
}

fn headline(inspection: &Inspection) -> String {
    let kind = match (inspection.kind, inspection.ovf_version) {
        (SourceKind::Ova, version) => format!("an OVA with OVF {}", version.map_or("", version_text)),
        (SourceKind::Ovf, version) => format!("OVF {}", version.map_or("", version_text)),
        (SourceKind::Vmx, _) => "a VMX folder".to_owned(),
        (SourceKind::Vmdk, _) => "a disk".to_owned(),
    };
    if inspection.kind == SourceKind::Vmdk {
        return format!("{}: {kind}", inspection.source);
    }
    let machines = counted(inspection.machines.len(), "machine", "machines");
    let disks = counted(inspection.disks.len(), "disk file", "disk files");
    format!("{}: {kind}, {machines}, {disks}", inspection.source)
}

const fn version_text(version: OvfVersion) -> &'static str {
    match version {
        OvfVersion::Draft => "0.9",
        OvfVersion::One => "1",
        OvfVersion::Two => "2",
    }
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn machine_lines(out: &mut String, machine: &Machine) {
    line(out, &format!("machine {}", machine.name));
    let os = &machine.os;
    let known: Vec<&str> = [os.description.as_deref(), os.vmware.as_deref()]
        .into_iter()
        .flatten()
        .collect();
    if known.is_empty() {
        field(out, "guest", "not said");
    } else {
        field(out, "guest", &known.join(", "));
    }
    field(out, "hardware", &hardware(machine));
    for (index, disk) in machine.disks.iter().enumerate() {
        field(out, &format!("disk {}", index + 1), &disk_text(disk, machine));
    }
    for (index, nic) in machine.nics.iter().enumerate() {
        field(out, &format!("nic {}", index + 1), &nic_text(nic));
    }
    if !machine.properties.is_empty() {
        let keys: Vec<&str> = machine
            .properties
            .iter()
            .map(|property| property.key.as_str())
            .take(8)
            .collect();
        let more = machine.properties.len() - keys.len();
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        field(out, "settings", &format!("{}{more}", keys.join(", ")));
    }
    if !machine.eulas.is_empty() {
        let characters: usize = machine.eulas.iter().map(|text| text.chars().count()).sum();
        let texts = counted(machine.eulas.len(), "licence text", "licence texts");
        field(
            out,
            "licence",
            &format!("{texts} of {characters} characters to be accepted"),
        );
    }
    for problem in &machine.problems {
        field(out, "problem", problem);
    }
}

fn hardware(machine: &Machine) -> String {
    let mut parts = Vec::new();
    parts.extend(machine.hardware.clone());
    let cores = machine
        .cores_per_socket
        .map_or_else(String::new, |cores| format!(" ({cores} to a socket)"));
    parts.push(format!(
        "{}{cores}",
        counted(usize::try_from(machine.cpus).unwrap_or(usize::MAX), "CPU", "CPUs")
    ));
    parts.push(format!("{} of memory", size(machine.memory)));
    parts.push(
        match (machine.firmware, machine.secure_boot) {
            (Firmware::Bios, _) => "BIOS",
            (Firmware::Efi, false) => "UEFI",
            (Firmware::Efi, true) => "UEFI with secure boot",
        }
        .to_owned(),
    );
    parts.join(", ")
}

fn disk_text(disk: &MachineDisk, machine: &Machine) -> String {
    let mut parts = Vec::new();
    if let Some(controller) = disk.controller.and_then(|index| machine.controllers.get(index)) {
        let bus = match controller.bus {
            Bus::Ide => "ide",
            Bus::Scsi => "scsi",
            Bus::Sata => "sata",
            Bus::Nvme => "nvme",
            Bus::Other => "other",
        };
        let model = controller
            .model
            .as_ref()
            .map_or_else(String::new, |model| format!(" ({model})"));
        parts.push(format!("{bus}{}:{}{model}", controller.number, disk.unit));
    }
    // A `.vmx` file has no other name for a disk than its place.
    if !parts.first().is_some_and(|place| place.starts_with(&disk.label)) {
        parts.insert(0, disk.label.clone());
    }
    parts.extend(disk.capacity.map(size));
    parts.push(match (&disk.file, &disk.refused) {
        (Some(file), _) => file.to_string(),
        (None, Some(_)) => "its file cannot be read".to_owned(),
        (None, None) => "empty".to_owned(),
    });
    parts.join(", ")
}

fn nic_text(nic: &Nic) -> String {
    let mut parts = vec![nic.label.clone()];
    parts.extend(nic.model.clone());
    parts.push(nic.mac.clone().unwrap_or_else(|| "no fixed MAC address".into()));
    parts.extend(nic.network.as_ref().map(|network| format!("network {network}")));
    parts.join(", ")
}

fn disk_lines(out: &mut String, disk: &DiskFile) {
    if let Some(error) = &disk.error {
        line(out, &format!("  {}: cannot be read", disk.name));
        field(out, "  problem", error);
        return;
    }
    let kind = disk.kind.unwrap_or_default();
    let (whole, stored) = (disk.virtual_size.unwrap_or(0), disk.stored.unwrap_or(0));
    line(
        out,
        &format!("  {}: {kind}, {} with {} stored", disk.name, size(whole), size(stored)),
    );
    if let Some(guest) = &disk.guest {
        field(out, "  guest", &guest.summary());
    }
    for remark in &disk.remarks {
        field(out, "  note", remark);
    }
}

fn package_lines(out: &mut String, inspection: &Inspection) {
    let mut lines = String::new();
    if !inspection.manifest.is_empty() {
        let count = |state| inspection.manifest.iter().filter(|file| file.state == state).count();
        let mut parts = vec![format!(
            "{} of {} digests fit",
            count(DigestState::Fits),
            inspection.manifest.len()
        )];
        let unchecked = count(DigestState::Unchecked);
        if unchecked > 0 {
            parts.push(format!("{unchecked} not computed (--verify computes them)"));
        }
        field(&mut lines, "manifest", &parts.join(", "));
    }
    if let Some(signature) = &inspection.signature {
        let validity = if signature.valid {
            "is that of"
        } else {
            "is NOT that of"
        };
        let issuer = if signature.self_signed {
            "itself".to_owned()
        } else {
            signature.issuer.clone()
        };
        field(
            &mut lines,
            "signature",
            &format!(
                "{validity} {}, vouched for by {issuer}, which is not judged here",
                signature.subject
            ),
        );
    }
    if inspection.configurations.len() > 1 {
        field(
            &mut lines,
            "sizes",
            &format!("{} (the first is shown)", inspection.configurations.join(", ")),
        );
    }
    for remark in &inspection.remarks {
        field(&mut lines, "note", remark);
    }
    for problem in &inspection.problems {
        field(&mut lines, "problem", problem);
    }
    if !lines.is_empty() {
        line(out, "\nthe whole");
        out.push_str(&lines);
    }
}

/// Returns a size in the largest unit of which there is at least one.
fn size(bytes: u64) -> String {
    const UNITS: [(&str, u64); 4] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    for (unit, factor) in UNITS {
        if bytes >= factor {
            // Tenths by whole numbers: 1.95 GiB is 1.9 and not 2.0, since a disk must not seem larger than it is.
            let tenths = u128::from(bytes) * 10 / u128::from(factor);
            return if tenths.is_multiple_of(10) {
                format!("{} {unit}", tenths / 10)
            } else {
                format!("{}.{} {unit}", tenths / 10, tenths % 10)
            };
        }
    }
    format!("{bytes} bytes")
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_are_never_rounded_up() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (1023, "1023 bytes"),
            (1 << 20, "1 MiB"),
            ((2 << 30) - 1, "1.9 GiB"),
            (10 << 30, "10 GiB"),
            (u64::MAX, "16777215.9 TiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }
}
