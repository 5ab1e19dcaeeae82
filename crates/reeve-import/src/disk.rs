//! A virtual disk as its reader sees it: size, extents, bytes.

use crate::error::ReadError;

/// The piece of a disk that is decoded, digested and written at once, in bytes.
///
/// Every grain size that is read divides it.
pub const CHUNK_BYTES: u64 = 1 << 20;

/// The largest virtual disk that is read, in bytes: 64 TiB, a little more than the 62 TiB of vSphere.
///
/// Source: VMware, vSphere configuration maximums, virtual disk size.
pub const MAX_DISK_BYTES: u64 = 64 << 40;

/// The kind of a disk image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub enum DiskKind {
    /// Compressed grains in the order of the disk, each behind a marker.
    StreamOptimized,
    /// One file with a table of grains.
    MonolithicSparse,
    /// A descriptor beside one file with all bytes of the disk.
    MonolithicFlat,
    /// A descriptor beside files with a table of grains each.
    TwoGbMaxExtentSparse,
    /// A descriptor beside files that hold the bytes of the disk.
    TwoGbMaxExtentFlat,
    /// As ESXi keeps a disk: a descriptor beside one file with all bytes.
    Vmfs,
}

impl DiskKind {
    /// Returns the name that descriptors use (`createType`).
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::StreamOptimized => "streamOptimized",
            Self::MonolithicSparse => "monolithicSparse",
            Self::MonolithicFlat => "monolithicFlat",
            Self::TwoGbMaxExtentSparse => "twoGbMaxExtentSparse",
            Self::TwoGbMaxExtentFlat => "twoGbMaxExtentFlat",
            Self::Vmfs => "vmfs",
        }
    }
}

/// What a run of a disk's bytes is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExtentKind {
    /// Bytes are kept in the image; they may be zeros all the same.
    Data,
    /// The image says that these bytes were written as zeros.
    Zero,
    /// Nothing was ever written here; it reads as zeros.
    Hole,
}

/// A run of a disk's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Where it begins, in bytes.
    pub start: u64,
    /// How long it is, in bytes; never 0.
    pub length: u64,
    /// What it is.
    pub kind: ExtentKind,
}

impl Extent {
    /// Returns the byte after the last.
    #[must_use]
    pub const fn end(&self) -> u64 {
        self.start + self.length
    }
}

/// The extents of a disk in order, from byte 0 to its end without a gap.
pub type Extents<'a> = Box<dyn Iterator<Item = Result<Extent, ReadError>> + Send + 'a>;

/// A virtual disk in a file or several.
///
/// Opening one checks what can be checked without reading the data: sizes, tables, that no grain is used twice.
pub trait DiskImage: Send + Sync {
    /// Returns its kind.
    fn kind(&self) -> DiskKind;

    /// Returns its size in bytes: a multiple of 512, at most [`MAX_DISK_BYTES`].
    fn virtual_size(&self) -> u64;

    /// Returns the bytes that the image's files keep for it, before decompression; holes of the files are not counted
    /// where the file system tells them.
    fn stored_bytes(&self) -> u64;

    /// Returns the extents in order. Neighbours may be of one kind. After an error nothing follows.
    fn extents(&self) -> Extents<'_>;

    /// Returns a reader with buffers of its own; each thread takes one.
    fn reader(&self) -> Box<dyn DiskReader + '_>;

    /// Returns what is odd about the image without standing in the way, a sentence each.
    fn remarks(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Reads a disk's bytes.
pub trait DiskReader: Send {
    /// Fills `buffer` with the disk's bytes from `offset` on; holes read as zeros.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the image is damaged there, or the range is beyond the disk.
    fn read_at(&mut self, buffer: &mut [u8], offset: u64) -> Result<(), ReadError>;
}

/// Joins neighbours of one kind.
pub(crate) struct Joined<I> {
    inner: I,
    held: Option<Extent>,
}

impl<I> Joined<I> {
    pub(crate) const fn new(inner: I) -> Self {
        Self { inner, held: None }
    }
}

impl<I: Iterator<Item = Result<Extent, ReadError>>> Iterator for Joined<I> {
    type Item = Result<Extent, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        // Bounded by the extents of the image, which end.
        loop {
            match self.inner.next() {
                Some(Ok(next)) => match &mut self.held {
                    Some(held) if held.kind == next.kind && held.end() == next.start => held.length += next.length,
                    held => {
                        if let Some(done) = held.replace(next) {
                            return Some(Ok(done));
                        }
                    }
                },
                Some(Err(error)) => {
                    self.held = None;
                    return Some(Err(error));
                }
                None => return self.held.take().map(Ok),
            }
        }
    }
}
