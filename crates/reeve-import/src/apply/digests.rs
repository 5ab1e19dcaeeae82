//! The digests of a copy, computed while the bytes come by.

use reeve_openstack::Bytes;
use sha2::{Digest, Sha256, Sha512};

use crate::decode::{self, DigestKind, Piece};
use crate::disk::CHUNK_BYTES;
use crate::plan::{HashAlgorithm, ImageFormat, ImageInput, ImageMethod};

/// The digests that Glance may have of a disk, in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digests {
    /// Of the bytes that were sent, in the format in which they were.
    pub sent: String,
    /// Of the disk's bytes, zeros included; `None` if the cloud has no reason to compute it.
    pub disk: Option<String>,
    /// Of the disk's bytes with zeros up to the size of its volume; `None` if no volume is compared with it.
    pub volume: Option<String>,
}

/// A digest in the making.
#[derive(Clone)]
pub(super) enum Hasher {
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Hasher {
    pub(super) fn new(algorithm: HashAlgorithm) -> Self {
        match algorithm {
            HashAlgorithm::Sha256 => Self::Sha256(Sha256::new()),
            HashAlgorithm::Sha512 => Self::Sha512(Sha512::new()),
        }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Sha512(hasher) => hasher.update(bytes),
        }
    }

    fn finish(self) -> String {
        match self {
            Self::Sha256(hasher) => hex::encode(hasher.finalize()),
            Self::Sha512(hasher) => hex::encode(hasher.finalize()),
        }
    }
}

/// Which digests of the disk's own bytes are wanted beside that of the bytes that are sent.
#[derive(Clone, Copy)]
struct Wanted {
    /// The cloud may make the image raw.
    disk: bool,
    /// The size of the volume that is compared, in bytes.
    volume: Option<u64>,
}

/// What of the disk has come, and the digests of its content.
pub(super) struct Tally {
    content: decode::Hasher,
    /// Digests the disk's bytes, if they are not what is sent and are wanted all the same.
    disk: Option<Hasher>,
    wanted: Wanted,
    position: u64,
    data: u64,
    zeros: Bytes,
}

impl Tally {
    pub(super) fn of(size: u64, input: &ImageInput) -> Self {
        let wanted = Wanted {
            disk: input.method == ImageMethod::GlanceDirect && input.format != ImageFormat::Raw,
            volume: input.for_proof.then_some(input.min_disk_gib << 30),
        };
        let apart = input.format != ImageFormat::Raw && (wanted.disk || wanted.volume.is_some());
        Self {
            content: decode::Hasher::new(DigestKind::Blake3Chunks, size),
            disk: apart.then(|| Hasher::new(input.hash)),
            wanted,
            position: 0,
            data: 0,
            zeros: Bytes::from(vec![0; usize::try_from(CHUNK_BYTES).expect("a chunk is 1 MiB")]),
        }
    }

    /// Counts a piece and returns where on the disk it begins.
    pub(super) fn count(&mut self, piece: &Piece) -> u64 {
        let start = self.position;
        let bytes = match piece {
            Piece::Zeros(length) => &self.zeros[..*length],
            Piece::Data(bytes) => {
                self.data += bytes.len() as u64;
                self.content.chunk(start, &decode::Leaf::Digest(decode::leaf(bytes)));
                bytes
            }
        };
        self.position += bytes.len() as u64;
        if let Some(disk) = &mut self.disk {
            disk.update(bytes);
        }
        start
    }

    /// Returns how many bytes of the disk have come.
    pub(super) const fn position(&self) -> u64 {
        self.position
    }

    /// Returns how many of them the source had as data.
    pub(super) const fn data(&self) -> u64 {
        self.data
    }

    /// Returns a piece as the bytes that it stands for.
    pub(super) fn raw(&self, piece: Piece) -> Bytes {
        match piece {
            Piece::Zeros(length) => self.zeros.slice(..length),
            Piece::Data(bytes) => Bytes::from(bytes),
        }
    }

    /// Returns the digests, and the one of the disk's content: `blake3-chunks:` and 64 hexadecimal digits.
    pub(super) fn finish(self, sent: Hasher) -> (Digests, String) {
        let disk = self.disk.unwrap_or_else(|| sent.clone());
        let volume = self.wanted.volume.map(|size| {
            let mut volume = disk.clone();
            let mut left = size.saturating_sub(self.position);
            while left > 0 {
                let length = left.min(CHUNK_BYTES);
                volume.update(&self.zeros[..usize::try_from(length).expect("at most a chunk")]);
                left -= length;
            }
            volume.finish()
        });
        let digests = Digests {
            sent: sent.finish(),
            disk: self.wanted.disk.then(|| disk.finish()),
            volume,
        };
        (digests, self.content.finish().to_string())
    }
}
