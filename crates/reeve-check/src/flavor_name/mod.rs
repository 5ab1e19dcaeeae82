//! Names of flavors after scs-0100: reading, writing and shortening them.
//!
//! [`parse`] accepts exactly what the official parser accepts, which differs from the standard's text in places; those are named where they are. Source of grammar and tables:
//! SovereignCloudStack/standards at 077174d9: `Tests/iaas/scs_0100_flavor_naming/flavor_names.py`; their meaning: `Standards/scs-0100-v3-flavor-naming.md`.

mod parse;
mod render;
mod table;

pub use parse::{FlavorNameError, Syntax, parse};

/// A flavor's name, taken apart.
#[derive(Clone, Debug, PartialEq)]
pub struct FlavorName {
    /// Processors and memory.
    pub cpu_ram: CpuRam,
    /// Disks, if the name has any.
    pub disk: Option<Disk>,
    /// The hypervisor, in three letters.
    pub hypervisor: Option<String>,
    /// Whether there is nested virtualisation.
    pub hardware_virtualization: bool,
    /// The processor.
    pub cpu_brand: Option<CpuBrand>,
    /// The graphics processor.
    pub gpu: Option<Gpu>,
    /// Whether there is InfiniBand.
    pub infiniband: bool,
}

/// Processors and memory.
#[derive(Clone, Debug, PartialEq)]
pub struct CpuRam {
    /// How many processors; more than fit count as the most that fit.
    pub cpus: u128,
    /// `L`, `V`, `T` or `C`.
    pub cpu_type: char,
    /// `i`: without mitigations that its processors need.
    pub insecure: bool,
    /// Memory in GiB, a multiple of a half.
    pub ram_gib: f64,
    /// `u`: memory without error correction.
    pub no_ecc: bool,
    /// `o`: memory is oversubscribed.
    pub oversubscribed: bool,
}

impl CpuRam {
    /// Returns the value that `scs:cpu-type` has for this.
    pub const fn cpu_type_word(&self) -> &'static str {
        match self.cpu_type {
            'L' => "crowded-core",
            'T' => "dedicated-thread",
            'C' => "dedicated-core",
            _ => "shared-core",
        }
    }
}

/// Disks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disk {
    /// How many.
    pub count: u128,
    /// Size in GB; `None` for a disk whose size the name leaves open.
    pub size_gb: Option<u128>,
    /// `n`, `h`, `s` or `p`.
    pub kind: Option<char>,
}

impl Disk {
    /// Returns the value that `scs:disk0-type` has for this, as the official test wants it: a type that is left open counts as `network`.
    pub const fn kind_word(&self) -> &'static str {
        match self.kind {
            Some('h') => "hdd",
            Some('s') => "ssd",
            Some('p') => "nvme",
            _ => "network",
        }
    }
}

/// A processor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CpuBrand {
    /// `i`, `z`, `a` or `r`.
    pub vendor: char,
    /// Generation, if it is given.
    pub generation: Option<u128>,
    /// How many `h` there are: up to three.
    pub frequency: u8,
}

/// A graphics processor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gpu {
    /// `g` for a part of one, `G` for a whole one.
    pub kind: char,
    /// `N`, `A` or `I`.
    pub brand: char,
    /// Generation, empty if it is not given.
    pub generation: String,
    /// Units, if they are given.
    pub units: Option<u128>,
    /// How many `h` follow the units: up to two.
    pub frequency: u8,
    /// Memory in GiB, if it is given.
    pub vram_gib: Option<u128>,
    /// How many `h` follow the memory: up to two.
    pub bandwidth: u8,
}
