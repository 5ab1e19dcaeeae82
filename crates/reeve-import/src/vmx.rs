//! The `.vmx` file of a machine on ESXi, Workstation or Fusion.

use std::collections::BTreeMap;

use crate::bytes::{ByteSource, read_whole};
use crate::error::{ReadError, SourceName, escaped, quoted};
use crate::machine::{Bus, Controller, Firmware, GuestOs, Machine, MachineDisk, Nic, mac_address};
use crate::member_name::MemberName;
use crate::vmdk::Lines;

/// The largest file, in bytes; real ones have a few KiB.
const MAX_VMX_BYTES: u64 = 1 << 20;

/// The buses with the prefix of their keys, how many controllers each can have, and how many places; the order is that of disks.
const BUSES: [(Bus, &str, u32, u32); 4] = [
    (Bus::Scsi, "scsi", 4, 64),
    (Bus::Sata, "sata", 4, 30),
    (Bus::Nvme, "nvme", 4, 64),
    (Bus::Ide, "ide", 2, 2),
];

/// The most network interfaces that a machine can have.
const MAX_NICS: u32 = 10;

/// A `.vmx` file as keys and values.
///
/// Keys are in lower case. Source: `.vmx` files as written by ESXi 6 to 8; open-vm-tools: lib/dict – the escapes `|XX`.
#[derive(Debug)]
pub struct Vmx {
    name: SourceName,
    values: BTreeMap<String, (String, u64)>,
}

impl Vmx {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// [`ReadError`] at the byte of a line that is not `key = "value"`.
    pub fn read(source: &dyn ByteSource) -> Result<Self, ReadError> {
        let bytes = read_whole(source, "the size of the .vmx file", MAX_VMX_BYTES)?;
        let name = source.name().clone();
        // Files of old hosts are in the host's own encoding; what matters here is ASCII, file names apart.
        let text = String::from_utf8(bytes)
            .unwrap_or_else(|error| error.into_bytes().iter().map(|byte| char::from(*byte)).collect());
        let mut values = BTreeMap::new();
        for (line, offset) in Lines::new(&text, 0) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (key, value) = parse_line(line).ok_or_else(|| {
                name.damaged(
                    offset,
                    format!("the line {} is not of the form key = \"value\"", quoted(line)),
                )
            })?;
            // The last of a key counts, as in VMware's own reader.
            values.insert(key, (value, offset));
        }
        if !values.contains_key("config.version") && !values.contains_key("virtualhw.version") {
            return Err(name.refused(
                0,
                "not a .vmx file: neither config.version nor virtualHW.version is set",
            ));
        }
        Ok(Self { name, values })
    }

    /// Returns the value of a key in lower case.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(|(value, _)| value.as_str())
    }

    fn truth(&self, key: &str) -> bool {
        self.get(key).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    fn number(&self, key: &str) -> Result<Option<u64>, ReadError> {
        let Some((value, offset)) = self.values.get(key) else {
            return Ok(None);
        };
        let number = value.trim().parse().map_err(|_| {
            self.name
                .damaged(*offset, format!("{key} is {}: not a number", quoted(value)))
        })?;
        Ok(Some(number))
    }

    /// Returns the machine that the file describes.
    ///
    /// # Errors
    ///
    /// [`ReadError`] at the byte of a value that cannot be read, or a disk's file name that leads out of the folder.
    pub fn machine(&self) -> Result<Machine, ReadError> {
        let mut machine = Machine {
            name: escaped(self.get("displayname").unwrap_or("unnamed"), 256),
            os: GuestOs {
                vmware: self.get("guestos").map(|text| escaped(text, 128)),
                ..GuestOs::default()
            },
            hardware: self
                .get("virtualhw.version")
                .map(|version| format!("vmx-{}", escaped(version, 16))),
            cpus: u32::try_from(self.number("numvcpus")?.unwrap_or(1)).unwrap_or(u32::MAX),
            cores_per_socket: self
                .number("cpuid.corespersocket")?
                .and_then(|cores| u32::try_from(cores).ok()),
            memory: self.number("memsize")?.unwrap_or(0).saturating_mul(1 << 20),
            firmware: match self.get("firmware") {
                Some(text) if text.eq_ignore_ascii_case("efi") => Firmware::Efi,
                _ => Firmware::Bios,
            },
            secure_boot: self.truth("uefi.secureboot.enabled"),
            tpm: self.truth("vtpm.present") || self.truth("managedvm.autoaddvtpm"),
            ..Machine::default()
        };
        if machine.memory == 0 {
            machine.problems.push("no memory is described".into());
        }
        if machine.tpm {
            machine.problems.push(
                "it has a virtual TPM, whose content does not travel: have the recovery keys of encrypted disks at hand"
                    .into(),
            );
        }
        if self.get("encryption.keysafe").is_some() {
            machine
                .problems
                .push("it is encrypted; decrypt it in vSphere before it is imported".into());
        }
        for (bus, prefix, controllers, units) in BUSES {
            for number in 0..controllers {
                self.controller(bus, prefix, number, units, &mut machine)?;
            }
        }
        for number in 0..MAX_NICS {
            self.nic(number, &mut machine);
        }
        machine.sort_disks();
        Ok(machine)
    }

    fn controller(
        &self,
        bus: Bus,
        prefix: &str,
        number: u32,
        units: u32,
        machine: &mut Machine,
    ) -> Result<(), ReadError> {
        let name = format!("{prefix}{number}");
        // IDE controllers are always there.
        if bus != Bus::Ide && !self.truth(&format!("{name}.present")) {
            return Ok(());
        }
        let place = machine.controllers.len();
        let before = machine.disks.len();
        for unit in 0..units {
            self.disk(&format!("{name}:{unit}"), place, unit, machine)?;
        }
        if bus != Bus::Ide || machine.disks.len() > before {
            let shared = self.get(&format!("{name}.sharedbus"));
            if shared.is_some_and(|kind| !kind.eq_ignore_ascii_case("none")) {
                machine.problems.push(format!(
                    "{name} is shared between machines; shut all of them down before the disks are copied"
                ));
            }
            machine.controllers.push(Controller {
                bus,
                number,
                model: self.get(&format!("{name}.virtualdev")).map(|model| escaped(model, 128)),
            });
        }
        Ok(())
    }

    fn disk(&self, key: &str, controller: usize, unit: u32, machine: &mut Machine) -> Result<(), ReadError> {
        if !self.truth(&format!("{key}.present")) {
            return Ok(());
        }
        let kind = self
            .get(&format!("{key}.devicetype"))
            .unwrap_or("disk")
            .to_ascii_lowercase();
        if kind.contains("cdrom") || kind.contains("atapi") || kind.contains("passthru") {
            return Ok(());
        }
        let Some((text, offset)) = self.values.get(&format!("{key}.filename")) else {
            machine.problems.push(format!("{key} has no file"));
            return Ok(());
        };
        if text.to_ascii_lowercase().ends_with(".iso") {
            return Ok(());
        }
        let file = MemberName::new(text, &self.name, *offset)?;
        let mode = self.get(&format!("{key}.mode")).unwrap_or_default();
        if mode.to_ascii_lowercase().starts_with("independent") {
            machine.problems.push(format!(
                "{key} is independent of snapshots ({}): it can be copied only while the machine is off",
                escaped(mode, 64)
            ));
        }
        machine.disks.push(MachineDisk {
            label: key.to_owned(),
            controller: Some(controller),
            unit,
            capacity: None,
            file: Some(file),
            refused: None,
        });
        Ok(())
    }

    fn nic(&self, number: u32, machine: &mut Machine) {
        let name = format!("ethernet{number}");
        if !self.truth(&format!("{name}.present")) {
            return;
        }
        // "static" addresses stand under one key, generated ones under the other.
        let text = self
            .get(&format!("{name}.address"))
            .or_else(|| self.get(&format!("{name}.generatedaddress")));
        let mac = text.and_then(mac_address);
        if let (Some(text), None) = (text, &mac) {
            machine.problems.push(format!(
                "the MAC address {} of {name} is not one; another will be made up",
                quoted(text)
            ));
        }
        machine.nics.push(Nic {
            model: self.get(&format!("{name}.virtualdev")).map(|model| escaped(model, 128)),
            mac,
            network: self
                .get(&format!("{name}.networkname"))
                .map(|network| escaped(network, 256)),
            label: name,
        });
    }
}

/// Reads `key = "value"`; `|22` in a value is a quote.
fn parse_line(line: &str) -> Option<(String, String)> {
    let (key, value) = line.split_once('=')?;
    let key = key.trim();
    if key.is_empty() || key.contains(char::is_whitespace) {
        return None;
    }
    let value = value.trim();
    let value = match value.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"')?,
        None => value,
    };
    Some((key.to_ascii_lowercase(), unescaped(value)))
}

fn unescaped(value: &str) -> String {
    let mut out = String::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once('|') {
        out.push_str(before);
        match after.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if byte.is_ascii() => {
                out.push(char::from(byte));
                rest = &after[2..];
            }
            _ => {
                out.push('|');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::MemorySource;

    const VMX: &str = r#".encoding = "UTF-8"
config.version = "8"
virtualHW.version = "19"
displayName = "web |22one|22"
guestOS = "debian12-64"
firmware = "efi"
uefi.secureBoot.enabled = "TRUE"
numvcpus = "4"
cpuid.coresPerSocket = "2"
memSize = "8192"
scsi0.present = "TRUE"
scsi0.virtualDev = "pvscsi"
scsi0:1.present = "TRUE"
scsi0:1.fileName = "web_1.vmdk"
scsi0:1.mode = "independent-persistent"
scsi0:0.present = "TRUE"
scsi0:0.fileName = "web.vmdk"
sata0.present = "TRUE"
sata0:0.present = "TRUE"
sata0:0.deviceType = "cdrom-image"
sata0:0.fileName = "/usr/lib/vmware/isoimages/linux.iso"
ethernet0.present = "TRUE"
ethernet0.virtualDev = "vmxnet3"
ethernet0.networkName = "VM Network"
ethernet0.generatedAddress = "00:0C:29:AA:BB:CC"
ethernet1.present = "FALSE"
"#;

    fn read(text: &str) -> Result<Machine, ReadError> {
        Vmx::read(&MemorySource::new("web.vmx", text.into()))?.machine()
    }

    #[test]
    fn a_machine_is_read() {
        insta::assert_json_snapshot!(read(VMX).unwrap());
    }

    #[test]
    fn what_is_not_read_says_why() {
        let said = |from: &str, to: &str| read(&VMX.replace(from, to)).unwrap_err().to_string();
        let lines = [
            said("web_1.vmdk", "../other/web_1.vmdk"),
            said("web_1.vmdk", "/vmfs/volumes/x/web_1.vmdk"),
            said("memSize = \"8192\"", "memSize = \"lots\""),
            said("memSize = \"8192\"", "memSize = \"8192"),
            said("memSize = \"8192\"", "hello"),
            read("a = \"b\"").unwrap_err().to_string(),
        ];
        insta::assert_snapshot!(lines.join("\n"));
    }
}
