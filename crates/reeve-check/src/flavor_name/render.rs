//! Writing names.

use std::fmt::{self, Write};

use super::{CpuBrand, FlavorName, Gpu};

/// Writes the name in the present syntax.
impl fmt::Display for FlavorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let main = &self.cpu_ram;
        write!(f, "SCS-{}{}", main.cpus, main.cpu_type)?;
        flag(f, main.insecure, "i")?;
        if main.ram_gib.fract() == 0.0 {
            write!(f, "-{:.0}", main.ram_gib)?;
        } else {
            write!(f, "-{:.1}", main.ram_gib)?;
        }
        flag(f, main.no_ecc, "u")?;
        flag(f, main.oversubscribed, "o")?;
        if let Some(disk) = &self.disk {
            f.write_char('-')?;
            if disk.count != 1 {
                write!(f, "{}x", disk.count)?;
            }
            if let Some(size) = disk.size_gb {
                write!(f, "{size}")?;
            }
            if let Some(kind) = disk.kind {
                f.write_char(kind)?;
            }
        }
        if let Some(hypervisor) = &self.hypervisor {
            write!(f, "_{hypervisor}")?;
        }
        flag(f, self.hardware_virtualization, "_hwv")?;
        if let Some(brand) = &self.cpu_brand {
            write!(f, "_{}", brand.vendor)?;
            // Generation 0 and none mean the same, and neither is written.
            if let Some(generation) = brand.generation.filter(|generation| *generation != 0) {
                write!(f, "{generation}")?;
            }
            grade(f, brand.frequency)?;
        }
        if let Some(gpu) = &self.gpu {
            write!(f, "_{}{}{}", gpu.kind, gpu.brand, gpu.generation)?;
            if let Some(units) = gpu.units {
                write!(f, "-{units}")?;
            }
            grade(f, gpu.frequency)?;
            if let Some(vram) = gpu.vram_gib {
                write!(f, "-{vram}")?;
            }
            grade(f, gpu.bandwidth)?;
        }
        flag(f, self.infiniband, "_ib")
    }
}

fn flag(f: &mut fmt::Formatter<'_>, on: bool, text: &str) -> fmt::Result {
    if on { f.write_str(text) } else { Ok(()) }
}

fn grade(f: &mut fmt::Formatter<'_>, letters: u8) -> fmt::Result {
    (0..letters).try_for_each(|_| f.write_char('h'))
}

impl FlavorName {
    /// Returns the name in the first syntax: `SCS-4V:16:100s-kvm`.
    pub fn in_first_syntax(&self) -> String {
        self.to_string()
            .replace('-', ":")
            .replace('_', "-")
            .replace("SCS:", "SCS-")
    }

    /// Returns the short form that the standard recommends: without hypervisor, nested virtualisation, processors other than by their architecture, and grades of the GPU.
    #[must_use]
    pub fn shortened(&self) -> FlavorName {
        FlavorName {
            cpu_ram: self.cpu_ram.clone(),
            disk: self.disk.clone(),
            hypervisor: None,
            hardware_virtualization: false,
            cpu_brand: self
                .cpu_brand
                .as_ref()
                .filter(|brand| !matches!(brand.vendor, 'i' | 'z'))
                // Written, a processor without generation and one of generation 0 are the same.
                .map(|brand| CpuBrand {
                    vendor: brand.vendor,
                    generation: None,
                    frequency: 0,
                }),
            gpu: self.gpu.as_ref().map(|gpu| Gpu {
                frequency: 0,
                bandwidth: 0,
                ..gpu.clone()
            }),
            infiniband: self.infiniband,
        }
    }
}
