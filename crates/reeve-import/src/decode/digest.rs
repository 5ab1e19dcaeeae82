//! The digest of a disk's content, computed while it is decoded.

use sha2::{Digest, Sha256};

use crate::bytes::is_zero;
use crate::disk::CHUNK_BYTES;

/// What a tree's first bytes are, so that its digest is never that of something else.
const TREE_PREFIX: &[u8] = b"reeve-blake3-chunks-1\0";

/// How a disk's content is digested.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DigestKind {
    /// BLAKE3 of the BLAKE3 of each MiB: computed in parallel, and holes cost nothing.
    ///
    /// The root is the BLAKE3 hash of `reeve-blake3-chunks-1`, a zero byte, the disk's size in bytes as 64 bits little endian, and the
    /// hash of each MiB of the disk in order; a shorter last piece is digested as it is.
    #[default]
    Blake3Chunks,
    /// SHA-256 of all bytes, as `sha256sum` computes it: one core, and holes cost as much as data.
    Sha256,
}

impl DigestKind {
    /// Returns the name that reports use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Blake3Chunks => "blake3-chunks",
            Self::Sha256 => "sha256",
        }
    }
}

/// The digest of a disk's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentDigest {
    /// How it was computed.
    pub kind: DigestKind,
    /// Its 32 bytes.
    pub bytes: [u8; 32],
}

impl std::fmt::Display for ContentDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.kind.as_str(), hex::encode(self.bytes))
    }
}

/// What a worker hands over of one chunk.
pub(crate) enum Leaf {
    /// The chunk's own digest.
    Digest([u8; 32]),
    /// The chunk itself.
    Bytes(Vec<u8>),
}

/// Returns the digest of a chunk.
pub(crate) fn leaf(chunk: &[u8]) -> [u8; 32] {
    *blake3::hash(chunk).as_bytes()
}

/// The algorithm of a root.
enum Root {
    Tree(Box<blake3::Hasher>),
    Plain(Sha256),
}

impl Root {
    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Tree(hasher) => {
                hasher.update(bytes);
            }
            Self::Plain(hasher) => hasher.update(bytes),
        }
    }
}

/// The digest in the making; takes chunks in the order of the disk.
pub(crate) struct Hasher {
    kind: DigestKind,
    root: Root,
    size: u64,
    position: u64,
    /// The digest of a whole chunk of zeros.
    zero: [u8; 32],
}

impl Hasher {
    pub(crate) fn new(kind: DigestKind, size: u64) -> Self {
        let root = match kind {
            DigestKind::Blake3Chunks => {
                let mut hasher = blake3::Hasher::new();
                hasher.update(TREE_PREFIX);
                hasher.update(&size.to_le_bytes());
                Root::Tree(Box::new(hasher))
            }
            DigestKind::Sha256 => Root::Plain(Sha256::new()),
        };
        Self {
            kind,
            root,
            size,
            position: 0,
            zero: leaf(&zeros(CHUNK_BYTES)),
        }
    }

    /// Takes the chunk that begins at `start`; everything between it and the one before is zeros.
    pub(crate) fn chunk(&mut self, start: u64, leaf: &Leaf) {
        self.zeros_until(start);
        match leaf {
            Leaf::Digest(digest) => self.root.update(digest),
            Leaf::Bytes(bytes) => self.root.update(bytes),
        }
        self.position = (start + CHUNK_BYTES).min(self.size);
    }

    fn zeros_until(&mut self, end: u64) {
        let piece = zeros(if self.kind == DigestKind::Sha256 {
            CHUNK_BYTES
        } else {
            0
        });
        // Bounded by the disk's size in MiB.
        while self.position < end {
            let length = CHUNK_BYTES.min(end - self.position);
            match self.kind {
                DigestKind::Sha256 => {
                    let length = usize::try_from(length).expect("at most a chunk");
                    self.root.update(&piece[..length]);
                }
                DigestKind::Blake3Chunks if length == CHUNK_BYTES => self.root.update(&self.zero),
                DigestKind::Blake3Chunks => self.root.update(&leaf(&zeros(length))),
            }
            self.position += length;
        }
    }

    pub(crate) fn finish(mut self) -> ContentDigest {
        self.zeros_until(self.size);
        ContentDigest {
            kind: self.kind,
            bytes: match self.root {
                Root::Tree(hasher) => *hasher.finalize().as_bytes(),
                Root::Plain(hasher) => hasher.finalize().into(),
            },
        }
    }
}

fn zeros(length: u64) -> Vec<u8> {
    vec![0; usize::try_from(length).expect("at most a chunk")]
}

/// Computes the digest of bytes that are read in order, as of a raw file: the yardstick for what was written.
///
/// # Errors
///
/// What `input` gives.
pub fn digest_of(input: &mut impl std::io::Read, kind: DigestKind, size: u64) -> std::io::Result<ContentDigest> {
    let mut hasher = Hasher::new(kind, size);
    let mut start = 0;
    let mut buffer = zeros(CHUNK_BYTES);
    while start < size {
        let length = usize::try_from(CHUNK_BYTES.min(size - start)).expect("at most a chunk");
        let chunk = &mut buffer[..length];
        input.read_exact(chunk)?;
        if !is_zero(chunk) {
            let item = match kind {
                DigestKind::Sha256 => Leaf::Bytes(chunk.to_vec()),
                DigestKind::Blake3Chunks => Leaf::Digest(leaf(chunk)),
            };
            hasher.chunk(start, &item);
        }
        start += length as u64;
    }
    Ok(hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition of the documentation, word for word.
    fn by_definition(bytes: &[u8]) -> [u8; 32] {
        let mut all = b"reeve-blake3-chunks-1\0".to_vec();
        all.extend((bytes.len() as u64).to_le_bytes());
        for chunk in bytes.chunks(1 << 20) {
            all.extend(blake3::hash(chunk).as_bytes());
        }
        *blake3::hash(&all).as_bytes()
    }

    #[test]
    fn the_digests_are_the_documented_ones() {
        for length in [512, 1 << 20, (3 << 20) + 512] {
            for fill in [0, 7] {
                let mut bytes = vec![0; length];
                bytes[length - 512..].fill(fill);
                let size = length as u64;
                let tree = digest_of(&mut &bytes[..], DigestKind::Blake3Chunks, size).unwrap();
                assert_eq!(tree.bytes, by_definition(&bytes));
                let plain = digest_of(&mut &bytes[..], DigestKind::Sha256, size).unwrap();
                assert_eq!(plain.bytes, <[u8; 32]>::from(Sha256::digest(&bytes)));
            }
        }
        let shown = digest_of(&mut &[0_u8; 512][..], DigestKind::Sha256, 512)
            .unwrap()
            .to_string();
        assert_eq!(
            shown,
            "sha256:076a27c79e5ace2a3d47f9dd2e83e4ff6ea8872b3c2218f66c92b89b55f36560"
        );
    }
}
