//! An OVA: a tar archive that is read in place.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::bytes::{ByteSource, WindowSource, read_vec};
use crate::error::{ReadError, SourceName, quoted};
use crate::folder::Members;
use crate::member_name::MemberName;

/// Bytes of a tar block.
const BLOCK: u64 = 512;

/// The most members; an OVA has a descriptor, a manifest, a certificate and its disks.
const MAX_MEMBERS: usize = 4096;

/// The most headers, those of long names included.
const MAX_HEADERS: usize = 4 * MAX_MEMBERS;

/// The longest extended header, in bytes.
const MAX_EXTENDED_BYTES: u64 = 64 << 10;

/// An archive and where its members stand. Nothing is unpacked.
pub struct Ova {
    archive: Arc<dyn ByteSource>,
    members: Vec<Member>,
    by_name: BTreeMap<MemberName, usize>,
    remarks: Vec<String>,
}

/// A file in the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: MemberName,
    /// Where its bytes begin in the archive.
    pub offset: u64,
    /// Its bytes.
    pub size: u64,
}

/// What an extended header says of the member behind it.
#[derive(Default)]
struct Extended {
    name: Option<String>,
    size: Option<u64>,
}

impl Ova {
    /// Reads the headers of all members.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the archive is damaged or cut, has links, sparse files or devices, two files of one name, or a name that
    /// leads out of it.
    pub fn open(archive: Arc<dyn ByteSource>) -> Result<Self, ReadError> {
        let mut ova = Self {
            archive,
            members: Vec::new(),
            by_name: BTreeMap::new(),
            remarks: Vec::new(),
        };
        ova.read_headers()?;
        Ok(ova)
    }

    /// Tells whether a file's first 512 bytes are a tar header.
    #[must_use]
    pub fn is_archive(block: &[u8; 512]) -> bool {
        block[257..262] == *b"ustar" || (Header::checksum_fits(block) && block[0] != 0)
    }

    /// Returns the members in the archive's order.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// Returns what is odd about the archive without standing in the way.
    #[must_use]
    pub fn remarks(&self) -> &[String] {
        &self.remarks
    }

    /// Returns the archive's name.
    #[must_use]
    pub fn name(&self) -> &SourceName {
        self.archive.name()
    }

    fn read_headers(&mut self) -> Result<(), ReadError> {
        let archive = self.archive.clone();
        let name = archive.name();
        let mut offset = 0;
        let mut extended = Extended::default();
        for _ in 0..MAX_HEADERS {
            if offset == archive.len() {
                self.remarks
                    .push("the archive ends without its two blocks of zeros; its members are whole".into());
                return Ok(());
            }
            let mut block = [0; 512];
            archive.read_at(&mut block, offset)?;
            if block.iter().all(|byte| *byte == 0) {
                return if self.members.is_empty() {
                    Err(name.damaged(offset, "an archive without members"))
                } else {
                    Ok(())
                };
            }
            let header = Header::parse(&block, name, offset)?;
            let data = offset + BLOCK;
            let size = match header.kind {
                b'0' | 0 | b'7' => extended.size.unwrap_or(header.size),
                _ => header.size,
            };
            let end = data
                .checked_add(size)
                .filter(|end| *end <= archive.len())
                .ok_or_else(|| {
                    name.damaged(
                        offset + 124,
                        format!(
                            "{} is to have {size} bytes, and the archive ends at byte {}: it was cut",
                            quoted(&header.name),
                            archive.len()
                        ),
                    )
                })?;
            match header.kind {
                b'0' | 0 | b'7' => {
                    let text = extended.name.take().unwrap_or(header.name);
                    extended = Extended::default();
                    self.add(&text, data, size, offset)?;
                }
                b'L' => {
                    let text = self.extended_text(data, size, offset)?;
                    extended.name = Some(text.trim_end_matches('\0').to_owned());
                }
                b'x' => {
                    let text = self.extended_text(data, size, offset)?;
                    pax(&text, &mut extended, name, data)?;
                }
                b'g' => {
                    self.extended_text(data, size, offset)?;
                }
                b'5' => extended = Extended::default(),
                b'1' | b'2' => {
                    return Err(name.refused(
                        offset + 156,
                        format!("{} is a link; an OVA has files only", quoted(&header.name)),
                    ));
                }
                b'S' => {
                    return Err(name.refused(
                        offset + 156,
                        format!(
                            "{} is stored as a sparse file of GNU tar; pack the OVA again without --sparse",
                            quoted(&header.name)
                        ),
                    ));
                }
                kind => {
                    return Err(name.refused(
                        offset + 156,
                        format!("{} is of type {kind}; an OVA has files only", quoted(&header.name)),
                    ));
                }
            }
            // The padding of the last member may be missing; its bytes are all there.
            offset = end.next_multiple_of(BLOCK).min(archive.len());
        }
        Err(name.too_large(
            offset,
            "the number of headers in the archive",
            MAX_HEADERS as u64 + 1,
            MAX_HEADERS as u64,
        ))
    }

    fn add(&mut self, text: &str, data: u64, size: u64, header: u64) -> Result<(), ReadError> {
        let archive = self.archive.name();
        let member = MemberName::new(text, archive, header)?;
        if self.members.len() == MAX_MEMBERS {
            let count = MAX_MEMBERS as u64;
            return Err(archive.too_large(header, "the number of files in the archive", count + 1, count));
        }
        if self.by_name.insert(member.clone(), self.members.len()).is_some() {
            return Err(archive.damaged(header, format!("a second file of the name {}", quoted(text))));
        }
        self.members.push(Member {
            name: member,
            offset: data,
            size,
        });
        Ok(())
    }

    fn extended_text(&self, data: u64, size: u64, header: u64) -> Result<String, ReadError> {
        let name = self.archive.name();
        if size > MAX_EXTENDED_BYTES {
            return Err(name.too_large(header + 124, "the size of an extended header", size, MAX_EXTENDED_BYTES));
        }
        let bytes = read_vec(
            self.archive.as_ref(),
            data,
            usize::try_from(size).expect("at most 64 KiB"),
        )?;
        String::from_utf8(bytes).map_err(|error| {
            name.damaged(
                data + error.utf8_error().valid_up_to() as u64,
                "an extended header that is not UTF-8",
            )
        })
    }
}

impl Members for Ova {
    fn open(&self, name: &MemberName) -> Result<Arc<dyn ByteSource>, ReadError> {
        let Some(member) = self.by_name.get(name).map(|index| &self.members[*index]) else {
            return Err(self.archive.name().part(name.as_str()).io(
                0,
                std::io::Error::new(std::io::ErrorKind::NotFound, "the archive has no such file"),
            ));
        };
        let window = WindowSource::new(self.archive.clone(), name.as_str(), member.offset, member.size)?;
        Ok(Arc::new(window))
    }
}

/// A member's header.
///
/// Source: POSIX.1-2017, pax – ustar Interchange Format; GNU tar manual, "Basic Tar Format".
struct Header {
    name: String,
    size: u64,
    kind: u8,
}

impl Header {
    fn parse(block: &[u8; 512], file: &SourceName, offset: u64) -> Result<Self, ReadError> {
        if !Self::checksum_fits(block) {
            return Err(file.damaged(
                offset + 148,
                "a tar header is to be here, and its checksum is wrong: not an OVA, or damaged",
            ));
        }
        let text = |range: std::ops::Range<usize>| -> Result<String, ReadError> {
            let at = range.start as u64;
            let field = &block[range];
            let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
            String::from_utf8(field[..end].to_vec())
                .map_err(|_| file.damaged(offset + at, "a file name that is not UTF-8"))
        };
        let mut name = text(0..100)?;
        // GNU tar's own format uses the prefix's place for other things.
        if block[257..263] == *b"ustar\0" {
            let prefix = text(345..500)?;
            if !prefix.is_empty() {
                name = format!("{prefix}/{name}");
            }
        }
        let size = number(&block[124..136]).ok_or_else(|| file.damaged(offset + 124, "a size that is not a number"))?;
        Ok(Self {
            name,
            size,
            kind: block[156],
        })
    }

    fn checksum_fits(block: &[u8; 512]) -> bool {
        let sum: u64 = block
            .iter()
            .enumerate()
            .map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u64::from(*byte) })
            .sum();
        number(&block[148..156]) == Some(sum)
    }
}

/// Reads a number: octal digits, or binary with the first bit set, as GNU tar writes sizes from 8 GiB on.
fn number(field: &[u8]) -> Option<u64> {
    if field[0] & 0x80 != 0 {
        let mut value: u64 = u64::from(field[0] & 0x7f);
        for byte in &field[1..] {
            value = value.checked_mul(256)?.checked_add(u64::from(*byte))?;
        }
        return Some(value);
    }
    let text = std::str::from_utf8(field).ok()?;
    let digits = text.trim_matches(|c| c == ' ' || c == '\0');
    if digits.is_empty() {
        return None;
    }
    u64::from_str_radix(digits, 8).ok()
}

/// Reads the records of a pax header: `LENGTH KEY=VALUE\n`.
fn pax(text: &str, extended: &mut Extended, file: &SourceName, base: u64) -> Result<(), ReadError> {
    let mut rest = text;
    while !rest.is_empty() {
        let at = base + (text.len() - rest.len()) as u64;
        let wrong = || file.damaged(at, "a broken record in an extended header");
        let (length, _) = rest.split_once(' ').ok_or_else(wrong)?;
        let digits = length.len();
        let length: usize = length.parse().map_err(|_| wrong())?;
        let record = rest.get(digits + 1..length).ok_or_else(wrong)?;
        let (key, value) = record
            .strip_suffix('\n')
            .and_then(|record| record.split_once('='))
            .ok_or_else(wrong)?;
        match key {
            "path" => extended.name = Some(value.to_owned()),
            "size" => extended.size = Some(value.parse().map_err(|_| wrong())?),
            _ if key.starts_with("GNU.sparse.") => {
                return Err(file.refused(
                    at,
                    "a file stored as a sparse file of GNU tar; pack the OVA again without --sparse",
                ));
            }
            _ => {}
        }
        rest = &rest[length..];
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::bytes::MemorySource;

    /// Returns a header block.
    pub(crate) fn header(name: &str, size: u64, kind: u8) -> [u8; 512] {
        let mut block = [0; 512];
        block[..name.len()].copy_from_slice(name.as_bytes());
        block[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
        block[156] = kind;
        block[257..263].copy_from_slice(b"ustar\0");
        seal(&mut block);
        block
    }

    fn seal(block: &mut [u8; 512]) {
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    }

    fn archive(parts: &[(&[u8], &[u8])]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (header, data) in parts {
            bytes.extend(*header);
            bytes.extend(*data);
            bytes.resize(bytes.len().next_multiple_of(512), 0);
        }
        bytes.extend([0; 1024]);
        bytes
    }

    fn open(bytes: Vec<u8>) -> Result<Ova, ReadError> {
        Ova::open(Arc::new(MemorySource::new("test.ova", bytes)))
    }

    #[test]
    fn members_are_read_in_place() {
        let long = format!("{}.vmdk", "d".repeat(150));
        let pax_record = format!("{} path={}\n", 9 + long.len() + 1, long);
        let pax_record = format!("{} path={}\n", pax_record.len(), long);
        let bytes = archive(&[
            (&header("a.ovf", 3, b'0'), b"ovf"),
            (&header("././@LongLink", long.len() as u64, b'L'), long.as_bytes()),
            (&header("short", 4, b'0'), b"disk"),
            (&header("pax", 5, b'x'), b"nope"),
        ]);
        assert!(open(bytes).is_err(), "a broken pax record");
        let bytes = archive(&[
            (&header("a.ovf", 3, b'0'), b"ovf"),
            (&header("folder", 0, b'5'), b""),
            (&header("pax", pax_record.len() as u64, b'x'), pax_record.as_bytes()),
            (&header("short", 4, b'0'), b"disk"),
        ]);
        let ova = open(bytes).unwrap();
        let names: Vec<&str> = ova.members().iter().map(|member| member.name.as_str()).collect();
        assert_eq!(names, ["a.ovf", &long]);
        assert_eq!(ova.members()[0].offset, 512);
        let disk = ova.open(&ova.members()[1].name.clone()).unwrap();
        assert_eq!(read_vec(disk.as_ref(), 0, 4).unwrap(), b"disk");
        assert!(
            read_vec(disk.as_ref(), 0, 5).is_err(),
            "a member does not reach into the next one"
        );
    }

    #[test]
    fn what_is_not_read_says_why() {
        let mut broken = header("x", 0, b'0');
        broken[0] = b'y';
        let mut huge = header("x", 0, b'0');
        huge[124..136].copy_from_slice(&[0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
        seal(&mut huge);
        let cases: Vec<Vec<u8>> = vec![
            archive(&[(&header("a", 0, b'2'), b"")]),
            archive(&[(&header("a", 0, b'1'), b"")]),
            archive(&[(&header("a", 0, b'3'), b"")]),
            archive(&[(&header("a", 0, b'S'), b"")]),
            archive(&[(&header("../a", 0, b'0'), b"")]),
            archive(&[(&header("/a", 0, b'0'), b"")]),
            archive(&[(&header("a", 0, b'0'), b""), (&header("./a", 0, b'0'), b"")]),
            archive(&[(&header("a", 9000, b'0'), b"")]),
            archive(&[
                (&header("a", 22, b'x'), b"22 GNU.sparse.major=1\n"),
                (&header("a", 0, b'0'), b""),
            ]),
            archive(&[(&huge, b"")]),
            archive(&[(&broken, b"")]),
            archive(&[]),
        ];
        let said: Vec<String> = cases
            .into_iter()
            .map(|bytes| open(bytes).err().unwrap().to_string())
            .collect();
        insta::assert_snapshot!(said.join("\n"));
    }
}
