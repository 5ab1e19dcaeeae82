//! Reading names.

use super::table::{CPU_GENERATIONS, GPU_GENERATIONS, HYPERVISORS};
use super::{CpuBrand, CpuRam, Disk, FlavorName, Gpu};

/// Which syntax a name is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// The first: `SCS-4V:16:100s-kvm`. Tolerated.
    V1,
    /// The present one, of the versions 2 and 3 of the standard: `SCS-4V-16-100s_kvm`.
    V3,
}

impl Syntax {
    /// Returns what separates numbers.
    const fn number(self) -> char {
        match self {
            Syntax::V1 => ':',
            Syntax::V3 => '-',
        }
    }

    /// Returns what separates extensions.
    const fn extension(self) -> char {
        match self {
            Syntax::V1 => '-',
            Syntax::V3 => '_',
        }
    }
}

/// A name does not follow the grammar.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FlavorNameError {
    /// It does not begin with `SCS-`.
    #[error("it does not begin with `SCS-`")]
    Prefix,
    /// What follows `SCS-` is not number and type of processors and memory.
    #[error(
        "after `SCS-` there must be number and type (L, V, T or C) of processors, `-`, and the memory: `SCS-4V-16`"
    )]
    Main,
    /// A number or a value is not one that this part may have.
    #[error("{part} cannot be `{value}`")]
    Value {
        /// The part.
        part: &'static str,
        /// What stands there.
        value: String,
    },
    /// Something is left over.
    #[error(
        "`{rest}` at its end has no meaning there; the parts come in the order disk, hypervisor, hwv, processor, GPU, ib"
    )]
    Rest {
        /// What is left over.
        rest: String,
    },
}

/// Reads a name in the present syntax, or else in the first one.
///
/// The error is that of the present syntax.
///
/// # Errors
///
/// [`FlavorNameError`] if it follows neither.
pub fn parse(name: &str) -> Result<(FlavorName, Syntax), FlavorNameError> {
    match in_syntax(name, Syntax::V3) {
        Ok(parsed) => Ok((parsed, Syntax::V3)),
        Err(error) => in_syntax(name, Syntax::V1)
            .map(|parsed| (parsed, Syntax::V1))
            .map_err(|_| error),
    }
}

fn in_syntax(name: &str, syntax: Syntax) -> Result<FlavorName, FlavorNameError> {
    let rest = name.strip_prefix("SCS-").ok_or(FlavorNameError::Prefix)?;
    let mut cursor = Cursor { rest, syntax };
    let parsed = FlavorName {
        cpu_ram: cursor.cpu_ram()?,
        disk: cursor.disk()?,
        hypervisor: cursor.hypervisor(),
        hardware_virtualization: cursor.extension("hwv"),
        cpu_brand: cursor.cpu_brand()?,
        gpu: cursor.gpu()?,
        infiniband: cursor.extension("ib"),
    };
    if cursor.rest.is_empty() {
        Ok(parsed)
    } else {
        Err(FlavorNameError::Rest {
            rest: cursor.rest.to_owned(),
        })
    }
}

/// What is left of a name.
struct Cursor<'a> {
    rest: &'a str,
    syntax: Syntax,
}

impl<'a> Cursor<'a> {
    fn one(&mut self, wanted: char) -> bool {
        match self.rest.strip_prefix(wanted) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn one_of(&mut self, wanted: &[char]) -> Option<char> {
        let first = self.rest.chars().next().filter(|c| wanted.contains(c))?;
        self.rest = &self.rest[first.len_utf8()..];
        Some(first)
    }

    fn run(&mut self, keep: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !keep(c)).unwrap_or(self.rest.len());
        let (run, rest) = self.rest.split_at(end);
        self.rest = rest;
        run
    }

    fn digits(&mut self) -> &'a str {
        self.run(|c| c.is_ascii_digit())
    }

    fn extension(&mut self, word: &str) -> bool {
        match self
            .rest
            .strip_prefix(self.syntax.extension())
            .and_then(|rest| rest.strip_prefix(word))
        {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn cpu_ram(&mut self) -> Result<CpuRam, FlavorNameError> {
        let cpus = self.digits();
        let cpu_type = self.one_of(&['L', 'V', 'T', 'C']).ok_or(FlavorNameError::Main)?;
        let insecure = self.one('i');
        if !self.one(self.syntax.number()) {
            return Err(FlavorNameError::Main);
        }
        let ram = self.run(|c| c.is_ascii_digit() || c == '.');
        let (no_ecc, oversubscribed) = (self.one('u'), self.one('o'));
        let cpus = positive("the number of processors", cpus)?.ok_or_else(|| value("the number of processors", ""))?;
        let ram_gib = ram.parse::<f64>().map_err(|_| value("the memory", ram))?;
        // Only whole and half GiB; the bound of floating point is as in the official parser.
        if ram_gib <= 0.0 || (2.0 * ram_gib).trunc() != 2.0 * ram_gib || ram_gib.is_infinite() {
            return Err(value("the memory", ram));
        }
        Ok(CpuRam {
            cpus,
            cpu_type,
            insecure,
            ram_gib,
            no_ecc,
            oversubscribed,
        })
    }

    /// Number, size and type may all be left out: `SCS-1V-4-` has a disk that the provider chooses.
    fn disk(&mut self) -> Result<Option<Disk>, FlavorNameError> {
        if !self.one(self.syntax.number()) {
            return Ok(None);
        }
        let first = self.digits();
        let (count, size) = if self.one('x') {
            (first, self.digits())
        } else {
            ("", first)
        };
        let kind = self.one_of(&['n', 'h', 's', 'p']);
        let count = positive("the number of disks", count)?.unwrap_or(1);
        Ok(Some(Disk {
            count,
            size_gb: positive("the size of the disk", size)?,
            kind,
        }))
    }

    fn hypervisor(&mut self) -> Option<String> {
        let known = match self.syntax {
            Syntax::V1 => &HYPERVISORS[..5],
            Syntax::V3 => &HYPERVISORS[..],
        };
        known
            .iter()
            .find(|word| self.extension(word))
            .map(|word| (*word).to_owned())
    }

    /// Only if the name ends behind it or another extension follows: `_ib` is no processor by Intel.
    fn cpu_brand(&mut self) -> Result<Option<CpuBrand>, FlavorNameError> {
        let before = self.rest;
        let extension = self.syntax.extension();
        let vendor = if self.one(extension) {
            self.one_of(&['i', 'z', 'a', 'r'])
        } else {
            None
        };
        let Some(vendor) = vendor else {
            self.rest = before;
            return Ok(None);
        };
        let generation = self.digits();
        let frequency = self.run(|c| c == 'h');
        // A line's end counts as the end for the official parser; the name is then refused for it as something left over.
        if !(self.rest.is_empty() || self.rest.starts_with(extension) || self.rest == "\n") {
            self.rest = before;
            return Ok(None);
        }
        let highest = CPU_GENERATIONS
            .iter()
            .find(|(known, _)| *known == vendor)
            .map_or(0, |(_, highest)| *highest);
        let number = number(generation);
        if number.is_some_and(|number| number > highest) {
            return Err(value("the generation of the processor", generation));
        }
        Ok(Some(CpuBrand {
            vendor,
            generation: number,
            frequency: grade("the frequency of the processor", frequency, 3)?,
        }))
    }

    /// The generation is everything up to the next `-` or `h`, so `_GNa_ib` has the generation `a_ib`, which there is not. The text means it
    /// otherwise, and a name such as `_GNa-64_ib` gets around it.
    fn gpu(&mut self) -> Result<Option<Gpu>, FlavorNameError> {
        let before = self.rest;
        let separator = self.syntax.number();
        let kind = if self.one(self.syntax.extension()) {
            self.one_of(&['g', 'G'])
        } else {
            None
        };
        let brand = kind.and_then(|_| self.one_of(&['N', 'A', 'I']));
        let (Some(kind), Some(brand)) = (kind, brand) else {
            self.rest = before;
            return Ok(None);
        };
        let generation = self.run(|c| c != separator && c != 'h');
        let units = self.number_behind(separator);
        let frequency = self.run(|c| c == 'h');
        let vram = self.number_behind(separator);
        let bandwidth = self.run(|c| c == 'h');
        let known = GPU_GENERATIONS
            .iter()
            .find(|(known, _)| *known == brand)
            .map_or(&[][..], |(_, known)| known);
        if !generation.is_empty() && !known.contains(&generation) {
            return Err(value("the generation of the GPU", generation));
        }
        Ok(Some(Gpu {
            kind,
            brand,
            generation: generation.to_owned(),
            units: positive("the number of units of the GPU", units)?,
            frequency: grade("the frequency of the GPU", frequency, 2)?,
            vram_gib: positive("the memory of the GPU", vram)?,
            bandwidth: grade("the bandwidth of the GPU", bandwidth, 2)?,
        }))
    }

    fn number_behind(&mut self, separator: char) -> &'a str {
        match self.rest.strip_prefix(separator) {
            Some(rest) if rest.starts_with(|c: char| c.is_ascii_digit()) => {
                self.rest = rest;
                self.digits()
            }
            _ => "",
        }
    }
}

fn value(part: &'static str, value: &str) -> FlavorNameError {
    FlavorNameError::Value {
        part,
        value: value.to_owned(),
    }
}

/// Returns the number that digits make, `None` for no digits.
fn number(digits: &str) -> Option<u128> {
    (!digits.is_empty()).then(|| digits.parse().unwrap_or(u128::MAX))
}

fn positive(part: &'static str, digits: &str) -> Result<Option<u128>, FlavorNameError> {
    match number(digits) {
        Some(0) => Err(value(part, digits)),
        number => Ok(number),
    }
}

fn grade(part: &'static str, letters: &str, most: u8) -> Result<u8, FlavorNameError> {
    u8::try_from(letters.len())
        .ok()
        .filter(|grade| *grade <= most)
        .ok_or_else(|| value(part, letters))
}
