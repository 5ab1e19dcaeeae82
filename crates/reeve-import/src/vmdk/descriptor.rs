//! The text that describes a disk: its kind, its parent, its extents.

use crate::disk::MAX_DISK_BYTES;
use crate::error::{ReadError, SourceName, escaped, quoted};
use crate::member_name::MemberName;
use crate::vmdk::header::SECTOR;

/// The longest descriptor, in bytes.
pub(crate) const MAX_DESCRIPTOR_BYTES: u64 = 1 << 20;

/// The most extents of a disk: in pieces of 2 GB this is a disk of 8 TiB, four times what such disks can be.
const MAX_EXTENTS: usize = 4096;

/// The parent's id of a disk without a parent.
const NO_PARENT: &str = "ffffffff";

/// What a descriptor says.
///
/// Source: VMware, "Virtual Disk Format 5.0", the descriptor file; qemu: block/vmdk.c – `vmdk_parse_extents`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Descriptor {
    /// The kind as written (`createType`).
    pub(crate) create_type: String,
    pub(crate) extents: Vec<ExtentLine>,
    /// The controller for which the disk was made (`ddb.adapterType`).
    pub(crate) adapter: Option<String>,
}

/// A line that describes an extent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ExtentLine {
    /// Where the line stands in the file.
    pub(crate) offset: u64,
    /// The extent's size in bytes.
    pub(crate) length: u64,
    pub(crate) kind: ExtentLineKind,
}

/// What holds an extent's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ExtentLineKind {
    /// A file with a table of grains.
    Sparse(MemberName),
    /// A file with all bytes, from this byte on.
    Flat(MemberName, u64),
    /// Nothing: zeros.
    Zero,
}

impl Descriptor {
    /// Reads a descriptor whose first byte stands at `base` in the file.
    ///
    /// # Errors
    ///
    /// [`ReadError`] at the byte of the line that cannot be read; a disk with a parent is refused.
    pub(crate) fn parse(bytes: &[u8], file: &SourceName, base: u64, embedded: bool) -> Result<Self, ReadError> {
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        let text = std::str::from_utf8(&bytes[..end]).map_err(|error| {
            file.damaged(
                base + error.valid_up_to() as u64,
                "the descriptor is not UTF-8 text from here on; rename the disk's files in plain letters",
            )
        })?;
        let mut create_type = None;
        let mut adapter = None;
        let mut parent = None;
        let mut parent_hint = None;
        let mut extents = Vec::new();
        for (line, offset) in Lines::new(text, base) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some((key, value)) = setting(line) {
                if key.eq_ignore_ascii_case("createType") {
                    create_type = Some((value.to_owned(), offset));
                } else if key.eq_ignore_ascii_case("parentCID") {
                    parent = Some((value.to_owned(), offset));
                } else if key.eq_ignore_ascii_case("parentFileNameHint") {
                    parent_hint = Some(value.to_owned());
                } else if key.eq_ignore_ascii_case("ddb.adapterType") {
                    adapter = Some(escaped(value, 64));
                }
                continue;
            }
            // In an embedded descriptor the name is the file's own, often one that it no longer has.
            extents.push(ExtentLine::parse(line, file, offset, embedded)?);
            if extents.len() > MAX_EXTENTS {
                let count = extents.len() as u64;
                return Err(file.too_large(offset, "the number of extents", count, MAX_EXTENTS as u64));
            }
        }
        if let Some((id, offset)) = parent.filter(|(id, _)| !id.eq_ignore_ascii_case(NO_PARENT)) {
            let of = parent_hint.map_or_else(String::new, |hint| format!(" of {}", quoted(&hint)));
            return Err(file.refused(
                offset,
                format!(
                    "the delta of a snapshot{of} (parent {}): it holds only what was changed since; delete the VM's snapshots, which joins the deltas, or export the VM",
                    escaped(&id, 16)
                ),
            ));
        }
        let Some((create_type, _)) = create_type else {
            return Err(file.damaged(base, "a disk descriptor without createType"));
        };
        Ok(Self {
            create_type,
            extents,
            adapter,
        })
    }
}

impl ExtentLine {
    /// Reads `RW 4192256 SPARSE "name.vmdk"`.
    fn parse(line: &str, file: &SourceName, offset: u64, embedded: bool) -> Result<Self, ReadError> {
        let wrong = |why: &str| file.damaged(offset, format!("the extent line {} {why}", quoted(line)));
        let mut words = line.splitn(4, char::is_whitespace).filter(|word| !word.is_empty());
        let access = words.next().unwrap_or_default();
        match access {
            "RW" | "RDONLY" => {}
            "NOACCESS" => {
                return Err(file.refused(
                    offset,
                    "an extent without access; the disk is in use or locked by encryption",
                ));
            }
            _ => return Err(wrong("begins neither with RW nor with RDONLY")),
        }
        let count: u64 = words
            .next()
            .and_then(|word| word.parse().ok())
            .ok_or_else(|| wrong("has no number of sectors"))?;
        if count == 0 {
            return Err(wrong("has no sectors"));
        }
        if count > MAX_DISK_BYTES / SECTOR {
            return Err(file.too_large(
                offset,
                "the size of an extent in sectors",
                count,
                MAX_DISK_BYTES / SECTOR,
            ));
        }
        let kind = words.next().unwrap_or_default();
        let rest = words.next().unwrap_or_default().trim();
        let name = || -> Result<(MemberName, &str), ReadError> {
            let (name, after) = rest
                .strip_prefix('"')
                .and_then(|rest| rest.split_once('"'))
                .ok_or_else(|| wrong("has no file name in quotes"))?;
            let name = if embedded {
                MemberName::new(name, file, offset).or_else(|_| MemberName::new("itself", file, offset))?
            } else {
                MemberName::new(name, file, offset)?
            };
            Ok((name, after.trim()))
        };
        let kind = match kind {
            "SPARSE" => ExtentLineKind::Sparse(name()?.0),
            "FLAT" | "VMFS" => {
                let (name, after) = name()?;
                let start: u64 = match after {
                    "" => 0,
                    number => number
                        .parse()
                        .map_err(|_| wrong("ends with something other than a sector"))?,
                };
                let start = start
                    .checked_mul(SECTOR)
                    .ok_or_else(|| wrong("begins beyond any file's end"))?;
                ExtentLineKind::Flat(name, start)
            }
            "ZERO" => ExtentLineKind::Zero,
            "VMFSSPARSE" | "SESPARSE" => {
                return Err(file.refused(
                    offset,
                    "the delta of a snapshot on ESXi; delete the VM's snapshots, which joins the deltas, or export the VM",
                ));
            }
            "VMFSRDM" | "VMFSRAW" => {
                return Err(file.refused(
                    offset,
                    "a raw device mapping: the data is on a LUN and not in a file; copy the LUN, or convert the disk with Storage vMotion first",
                ));
            }
            _ => return Err(wrong("is of a kind that does not exist")),
        };
        Ok(Self {
            offset,
            length: count * SECTOR,
            kind,
        })
    }
}

/// Returns key and value of a line `key = "value"`, quotes optional.
fn setting(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.split_once('=')?;
    let key = key.trim();
    // A file name may hold "="; an extent's line begins with an access word and a number.
    if key.is_empty() || key.contains(char::is_whitespace) {
        return None;
    }
    let value = value.trim();
    let value = value
        .strip_prefix('"')
        .and_then(|value| value.strip_suffix('"'))
        .unwrap_or(value);
    Some((key, value))
}

/// Lines with the offset of each.
pub(crate) struct Lines<'a> {
    rest: &'a str,
    offset: u64,
}

impl<'a> Lines<'a> {
    pub(crate) const fn new(text: &'a str, offset: u64) -> Self {
        Self { rest: text, offset }
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = (&'a str, u64);

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let (line, rest) = self.rest.split_once('\n').unwrap_or((self.rest, ""));
        let begin = self.offset;
        self.offset += (self.rest.len() - rest.len()) as u64;
        self.rest = rest;
        Some((line.trim(), begin))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLAT: &str = "# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\ncreateType=\"vmfs\"\n\n\
        # Extent description\nRW 4192256 VMFS \"a=b c.vmdk\"\nRW 2048 FLAT \"d.vmdk\" 16\nRW 8 ZERO\n\nddb.adapterType = \"lsilogic\"\n";

    fn parse(text: &str) -> Result<Descriptor, ReadError> {
        Descriptor::parse(text.as_bytes(), &SourceName::new("x.vmdk"), 512, false)
    }

    #[test]
    fn a_descriptor_is_read() {
        let descriptor = parse(FLAT).unwrap();
        assert_eq!(descriptor.create_type, "vmfs");
        assert_eq!(descriptor.adapter.as_deref(), Some("lsilogic"));
        let file = SourceName::new("x");
        let name = |text| MemberName::new(text, &file, 0).unwrap();
        let kinds: Vec<(u64, ExtentLineKind)> = descriptor
            .extents
            .into_iter()
            .map(|line| (line.length, line.kind))
            .collect();
        assert_eq!(
            kinds,
            [
                (4_192_256 * 512, ExtentLineKind::Flat(name("a=b c.vmdk"), 0)),
                (2048 * 512, ExtentLineKind::Flat(name("d.vmdk"), 8192)),
                (8 * 512, ExtentLineKind::Zero),
            ]
        );
    }

    #[test]
    fn what_is_not_read_says_why() {
        let said = |from: &str, to: &str| parse(&FLAT.replace(from, to)).unwrap_err().to_string();
        let lines = [
            said(
                "parentCID=ffffffff",
                "parentCID=12345678\nparentFileNameHint=\"base.vmdk\"",
            ),
            said("VMFS \"a", "SESPARSE \"a"),
            said("VMFS \"a", "VMFSRDM \"a"),
            said("VMFS \"a=b c", "VMFS \"../../etc/shadow"),
            said("VMFS \"a=b c", "VMFS \"/etc/shadow"),
            said("RW 4192256", "RW 99999999999999999999"),
            said("RW 4192256", "RW 999999999999999999"),
            said("RW 2048", "NOACCESS 2048"),
            said("RW 2048", "XX 2048"),
            said("\"d.vmdk\" 16", "\"d.vmdk 16"),
            said("createType=\"vmfs\"", ""),
        ];
        insta::assert_snapshot!(lines.join("\n"));
    }
}
