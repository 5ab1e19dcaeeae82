//! A VMDK disk: descriptor and extents, opened.

use std::sync::Arc;

use crate::bytes::{ByteSource, read_vec, read_whole};
use crate::disk::{DiskImage, DiskKind, DiskReader, Extent, ExtentKind, Extents, Joined, MAX_DISK_BYTES};
use crate::error::{ReadError, SourceName, quoted};
use crate::folder::Members;
use crate::vmdk::descriptor::{Descriptor, ExtentLine, ExtentLineKind, MAX_DESCRIPTOR_BYTES};
use crate::vmdk::header::{MAGIC, MAGIC_COWD, MAGIC_SE_SPARSE, SECTOR};
use crate::vmdk::sparse::SparseExtent;
use crate::vmdk::sparse_reader::SparseReader;

/// A disk in VMware's format.
pub struct VmdkImage {
    kind: DiskKind,
    size: u64,
    name: SourceName,
    adapter: Option<String>,
    parts: Vec<Part>,
    remarks: Vec<String>,
}

/// An extent's place on the disk and where its bytes are.
struct Part {
    start: u64,
    length: u64,
    bytes: PartBytes,
}

enum PartBytes {
    Sparse(SparseExtent),
    Flat(Arc<dyn ByteSource>, u64),
    Zero,
}

impl VmdkImage {
    /// Opens a disk by its descriptor or its only file; further files are looked up among `members`.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if it is damaged, not a VMDK, a delta, or of a kind that is not read.
    pub fn open(source: Arc<dyn ByteSource>, members: &dyn Members) -> Result<Self, ReadError> {
        let length = usize::try_from(source.len().min(512)).expect("at most 512");
        let head = read_vec(source.as_ref(), 0, length)?;
        refuse_deltas(&head, source.name())?;
        if head.starts_with(MAGIC) {
            return Self::open_single(source);
        }
        if !is_descriptor(&head) {
            return Err(not_a_vmdk(&head, source.as_ref()));
        }
        let text = read_whole(source.as_ref(), "the size of a disk descriptor", MAX_DESCRIPTOR_BYTES)?;
        let descriptor = Descriptor::parse(&text, source.name(), 0, false)?;
        Self::open_described(&descriptor, source.name(), members)
    }

    /// Returns the controller for which the disk was made, as its descriptor says it.
    #[must_use]
    pub fn adapter(&self) -> Option<&str> {
        self.adapter.as_deref()
    }

    /// Opens a file that is its own extent.
    fn open_single(source: Arc<dyn ByteSource>) -> Result<Self, ReadError> {
        let extent = SparseExtent::open(source.clone())?;
        let name = source.name().clone();
        let header = extent.header();
        let mut remarks = Vec::new();
        let mut adapter = None;
        let (offset, length) = header.descriptor;
        if offset == 0 || length == 0 {
            if !header.compressed {
                return Err(name.refused(
                    28,
                    "a part of a disk: the file has no descriptor; name the descriptor (the .vmdk without -s001 and the like)",
                ));
            }
        } else {
            if length > MAX_DESCRIPTOR_BYTES {
                return Err(name.too_large(36, "the size of the descriptor", length, MAX_DESCRIPTOR_BYTES));
            }
            let text = read_vec(source.as_ref(), offset, usize::try_from(length).expect("at most 1 MiB"))?;
            let descriptor = Descriptor::parse(&text, &name, offset, true)?;
            let kind = kind_of(&descriptor.create_type, &name, offset)?;
            let expected = if header.compressed {
                DiskKind::StreamOptimized
            } else {
                DiskKind::MonolithicSparse
            };
            if kind != expected {
                remarks.push(format!(
                    "the descriptor says {}, and the file is {}",
                    kind.as_str(),
                    expected.as_str()
                ));
            }
            let described: u64 = descriptor.extents.iter().map(|extent| extent.length).sum();
            if !descriptor.extents.is_empty() && described != header.capacity {
                remarks.push(format!(
                    "the descriptor says {described} bytes, and the header {}; the header's count is taken",
                    header.capacity
                ));
            }
            adapter = descriptor.adapter;
        }
        if header.unclean {
            remarks.push("the disk was not closed cleanly by its last writer; check its file systems".into());
        }
        let kind = if header.compressed {
            DiskKind::StreamOptimized
        } else {
            DiskKind::MonolithicSparse
        };
        let size = extent.capacity();
        Ok(Self {
            kind,
            size,
            name,
            adapter,
            parts: vec![Part {
                start: 0,
                length: size,
                bytes: PartBytes::Sparse(extent),
            }],
            remarks,
        })
    }

    fn open_described(descriptor: &Descriptor, name: &SourceName, members: &dyn Members) -> Result<Self, ReadError> {
        let kind = kind_of(&descriptor.create_type, name, 0)?;
        if descriptor.extents.is_empty() {
            return Err(name.damaged(0, "a disk descriptor without extents"));
        }
        let mut remarks = Vec::new();
        let mut parts = Vec::new();
        let mut start = 0;
        for line in &descriptor.extents {
            let bytes = open_extent(line, name, members, &mut remarks)?;
            parts.push(Part {
                start,
                length: line.length,
                bytes,
            });
            // No overflow: an extent has at most 64 TiB, and there are at most 4096.
            start += line.length;
        }
        if start > MAX_DISK_BYTES {
            return Err(name.too_large(0, "the size of the disk in bytes", start, MAX_DISK_BYTES));
        }
        Ok(Self {
            kind,
            size: start,
            name: name.clone(),
            adapter: descriptor.adapter.clone(),
            parts,
            remarks,
        })
    }
}

fn open_extent(
    line: &ExtentLine,
    name: &SourceName,
    members: &dyn Members,
    remarks: &mut Vec<String>,
) -> Result<PartBytes, ReadError> {
    match &line.kind {
        ExtentLineKind::Zero => Ok(PartBytes::Zero),
        ExtentLineKind::Sparse(file) => {
            let source = members.open(file)?;
            let length = usize::try_from(source.len().min(512)).expect("at most 512");
            refuse_deltas(&read_vec(source.as_ref(), 0, length)?, source.name())?;
            let extent = SparseExtent::open(source)?;
            if extent.capacity() != line.length {
                return Err(extent.name().damaged(
                    12,
                    format!(
                        "an extent of {} bytes, and the descriptor says {}",
                        extent.capacity(),
                        line.length
                    ),
                ));
            }
            if extent.header().unclean {
                remarks.push(format!(
                    "{file} was not closed cleanly by its last writer; check the disk's file systems"
                ));
            }
            Ok(PartBytes::Sparse(extent))
        }
        ExtentLineKind::Flat(file, start) => {
            let source = members.open(file)?;
            let end = start.checked_add(line.length);
            if end.is_none_or(|end| end > source.len()) {
                return Err(name.damaged(
                    line.offset,
                    format!(
                        "{file} is to hold {} bytes from byte {start} on, and it has {}: it was cut, or is another disk's",
                        line.length,
                        source.len()
                    ),
                ));
            }
            Ok(PartBytes::Flat(source, *start))
        }
    }
}

/// Refuses the deltas of ESXi by their magic numbers.
fn refuse_deltas(head: &[u8], name: &SourceName) -> Result<(), ReadError> {
    if head.starts_with(MAGIC_COWD) || head.starts_with(MAGIC_SE_SPARSE) {
        return Err(name.refused(
            0,
            "the delta of a snapshot on ESXi (vmfsSparse or seSparse); delete the VM's snapshots, which joins the deltas, or export the VM",
        ));
    }
    Ok(())
}

fn is_descriptor(head: &[u8]) -> bool {
    let text = head.trim_ascii_start();
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    text.len() >= 21 && text[..21].eq_ignore_ascii_case(b"# Disk DescriptorFile")
}

/// Says what a file is instead of a VMDK, where its first bytes tell.
fn not_a_vmdk(head: &[u8], source: &dyn ByteSource) -> ReadError {
    let what = match head {
        [b'Q', b'F', b'I', 0xfb, ..] => "a qcow2 image: OpenStack takes it as it is",
        [0x1f, 0x8b, ..] => "compressed with gzip; unpack it first (gunzip --keep)",
        [b'P', b'K', 3, 4, ..] => "a ZIP archive; unpack it first",
        _ if head.starts_with(b"vhdxfile") => "a VHDX image of Hyper-V; convert it first (qemu-img convert -O raw)",
        _ if head.starts_with(b"conectix") => "a VHD image; convert it first (qemu-img convert -O raw)",
        _ if head.is_empty() => "an empty file",
        _ => {
            "not a VMDK: neither a descriptor nor a sparse extent; if it is the -flat.vmdk of a disk, name the small .vmdk beside it"
        }
    };
    source.name().refused(0, what)
}

/// Returns the kind for a descriptor's `createType`.
fn kind_of(create_type: &str, name: &SourceName, offset: u64) -> Result<DiskKind, ReadError> {
    const KINDS: [DiskKind; 6] = [
        DiskKind::StreamOptimized,
        DiskKind::MonolithicSparse,
        DiskKind::MonolithicFlat,
        DiskKind::TwoGbMaxExtentSparse,
        DiskKind::TwoGbMaxExtentFlat,
        DiskKind::Vmfs,
    ];
    if let Some(kind) = KINDS
        .iter()
        .find(|kind| kind.as_str().eq_ignore_ascii_case(create_type))
    {
        return Ok(*kind);
    }
    let refuse = |what: &str| Err(name.refused(offset, format!("a disk of the kind {}: {what}", quoted(create_type))));
    match create_type.to_ascii_lowercase().as_str() {
        "vmfssparse" | "sesparse" | "vmfsthinsparse" => refuse(
            "the delta of a snapshot on ESXi; delete the VM's snapshots, which joins the deltas, or export the VM",
        ),
        "vmfsrdm" | "vmfsrdmp" | "vmfsrawdevicemap" | "vmfspassthroughrawdevicemap" | "vmfsraw" => refuse(
            "a raw device mapping: the data is on a LUN and not in a file; convert the disk with Storage vMotion first",
        ),
        "fulldevice" | "partitioneddevice" => refuse("a physical disk of the host, not a file"),
        _ => refuse("it is not read"),
    }
}

impl DiskImage for VmdkImage {
    fn kind(&self) -> DiskKind {
        self.kind
    }

    fn virtual_size(&self) -> u64 {
        self.size
    }

    fn stored_bytes(&self) -> u64 {
        self.parts
            .iter()
            .map(|part| match &part.bytes {
                PartBytes::Sparse(extent) => extent.stored_bytes(),
                PartBytes::Flat(source, from) => flat_data(source.as_ref(), *from, part.length),
                PartBytes::Zero => 0,
            })
            .sum()
    }

    fn extents(&self) -> Extents<'_> {
        let all = self.parts.iter().flat_map(|part| {
            let start = part.start;
            let inner: Extents<'_> = match &part.bytes {
                PartBytes::Sparse(extent) => extent.extents(),
                PartBytes::Flat(source, from) => Box::new(FlatExtents::new(source.as_ref(), *from, part.length)),
                PartBytes::Zero => Box::new(std::iter::once(Ok(Extent {
                    start: 0,
                    length: part.length,
                    kind: ExtentKind::Zero,
                }))),
            };
            inner.map(move |extent| {
                extent.map(|extent| Extent {
                    start: extent.start + start,
                    ..extent
                })
            })
        });
        Box::new(Joined::new(all))
    }

    fn reader(&self) -> Box<dyn DiskReader + '_> {
        Box::new(VmdkReader {
            image: self,
            sparse: None,
        })
    }

    fn remarks(&self) -> Vec<String> {
        self.remarks.clone()
    }
}

/// Returns how many bytes of a flat extent its file system keeps; all of them where it does not tell.
fn flat_data(source: &dyn ByteSource, from: u64, length: u64) -> u64 {
    FlatExtents::new(source, from, length)
        .map(|extent| match extent {
            Ok(Extent {
                kind: ExtentKind::Data,
                length,
                ..
            }) => length,
            _ => 0,
        })
        .sum()
}

/// The extents of a flat file: what its file system keeps, and its holes.
struct FlatExtents<'a> {
    source: &'a dyn ByteSource,
    from: u64,
    length: u64,
    next: u64,
}

impl<'a> FlatExtents<'a> {
    const fn new(source: &'a dyn ByteSource, from: u64, length: u64) -> Self {
        Self {
            source,
            from,
            length,
            next: 0,
        }
    }
}

impl Iterator for FlatExtents<'_> {
    type Item = Result<Extent, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.length {
            return None;
        }
        let start = self.next;
        let found = match self.source.data_from(self.from + start) {
            Ok(found) => found,
            Err(error) => {
                self.next = self.length;
                return Some(Err(error));
            }
        };
        // Whole sectors: file systems tell holes in blocks, but pieces in a row may begin anywhere. A sector with any data is data.
        let data = found.as_ref().map_or(self.length, |range| {
            range.start.saturating_sub(self.from).clamp(start, self.length) / SECTOR * SECTOR
        });
        let (end, kind) = if data > start {
            (data, ExtentKind::Hole)
        } else {
            let end = found.map_or(self.length, |range| range.end - self.from);
            (end.next_multiple_of(SECTOR).min(self.length), ExtentKind::Data)
        };
        self.next = end;
        Some(Ok(Extent {
            start,
            length: end - start,
            kind,
        }))
    }
}

struct VmdkReader<'a> {
    image: &'a VmdkImage,
    /// The reader of the sparse part that was read last: each holds buffers, and disks may have thousands of parts.
    sparse: Option<(usize, SparseReader<'a>)>,
}

impl DiskReader for VmdkReader<'_> {
    fn read_at(&mut self, buffer: &mut [u8], offset: u64) -> Result<(), ReadError> {
        let end = offset.checked_add(buffer.len() as u64);
        if end.is_none_or(|end| end > self.image.size) {
            return Err(self.image.name.damaged(
                0,
                format!(
                    "{} bytes are asked for at {offset} of a disk of {} bytes",
                    buffer.len(),
                    self.image.size
                ),
            ));
        }
        let (mut rest, mut at) = (buffer, offset);
        while !rest.is_empty() {
            let index = self.image.parts.partition_point(|part| part.start <= at) - 1;
            let part = &self.image.parts[index];
            let within = at - part.start;
            let take = rest
                .len()
                .min(usize::try_from(part.length - within).unwrap_or(usize::MAX));
            let (now, later) = rest.split_at_mut(take);
            match &part.bytes {
                PartBytes::Sparse(extent) => {
                    let (_, reader) = match self.sparse.take().filter(|(held, _)| *held == index) {
                        Some(held) => self.sparse.insert(held),
                        None => self.sparse.insert((index, SparseReader::new(extent))),
                    };
                    reader.read_at(now, within)?;
                }
                PartBytes::Flat(source, from) => source.read_at(now, from + within)?,
                PartBytes::Zero => now.fill(0),
            }
            at += take as u64;
            rest = later;
        }
        Ok(())
    }
}
