//! The manifest of an OVF package: a digest for each file.

use sha1::Digest as _;

use crate::bytes::{ByteSource, read_whole};
use crate::error::{ReadError, SourceName, quoted};
use crate::member_name::MemberName;
use crate::vmdk::Lines;

/// The largest manifest, in bytes.
const MAX_MANIFEST_BYTES: u64 = 4 << 20;

/// Bytes that are read and digested at once.
const PIECE_BYTES: usize = 1 << 20;

/// A digest of a manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ManifestAlgorithm {
    /// Guards against accidents only: files with a wanted SHA-1 can be made.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

impl ManifestAlgorithm {
    fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_uppercase().as_str() {
            "SHA1" | "SHA-1" => Some(Self::Sha1),
            "SHA256" | "SHA-256" => Some(Self::Sha256),
            "SHA512" | "SHA-512" => Some(Self::Sha512),
            _ => None,
        }
    }

    /// Returns the bytes of a digest.
    #[must_use]
    pub const fn digest_bytes(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    /// Returns the name as manifests write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        }
    }
}

/// A file and its digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestEntry {
    /// The file.
    pub name: MemberName,
    /// The digest's algorithm.
    pub algorithm: ManifestAlgorithm,
    /// The digest.
    pub digest: Vec<u8>,
    /// Where its line stands in the manifest.
    pub offset: u64,
}

/// A manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The entries in the manifest's order, no two of one name.
    pub entries: Vec<ManifestEntry>,
    /// Its bytes, which a certificate signs.
    pub(crate) bytes: Vec<u8>,
    pub(crate) name: SourceName,
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    ///
    /// [`ReadError`] at the byte of a line that is not `SHA256(name)= hex`, or names a file twice.
    pub fn read(source: &dyn ByteSource) -> Result<Self, ReadError> {
        let bytes = read_whole(source, "the size of the manifest", MAX_MANIFEST_BYTES)?;
        let name = source.name().clone();
        let mut entries: Vec<ManifestEntry> = Vec::new();
        let text = text_of(&bytes, &name)?;
        let mut seen = std::collections::BTreeSet::new();
        for (line, offset) in Lines::new(text, 0) {
            if line.is_empty() {
                continue;
            }
            let (algorithm, file, digest) = digest_line(line, &name, offset)?;
            let file = MemberName::new(file, &name, offset)?;
            if !seen.insert(file.clone()) {
                return Err(name.damaged(offset, format!("a second digest for {}", quoted(file.as_str()))));
            }
            if digest.len() != algorithm.digest_bytes() {
                return Err(name.damaged(
                    offset,
                    format!(
                        "a digest of {} bytes; {} has {}",
                        digest.len(),
                        algorithm.as_str(),
                        algorithm.digest_bytes()
                    ),
                ));
            }
            entries.push(ManifestEntry {
                name: file,
                algorithm,
                digest,
                offset,
            });
        }
        if entries.is_empty() {
            return Err(name.damaged(0, "a manifest without a digest"));
        }
        Ok(Self { entries, bytes, name })
    }

    /// Returns the entry of a file.
    #[must_use]
    pub fn entry(&self, name: &MemberName) -> Option<&ManifestEntry> {
        self.entries.iter().find(|entry| entry.name == *name)
    }
}

/// Returns text of a small file.
pub(crate) fn text_of<'a>(bytes: &'a [u8], name: &SourceName) -> Result<&'a str, ReadError> {
    std::str::from_utf8(bytes).map_err(|error| name.damaged(error.valid_up_to() as u64, "not UTF-8 text"))
}

/// Reads `SHA256(name)= hex`; spaces around the equals sign do not matter.
pub(crate) fn digest_line<'a>(
    line: &'a str,
    file: &SourceName,
    offset: u64,
) -> Result<(ManifestAlgorithm, &'a str, Vec<u8>), ReadError> {
    let wrong = |why: &str| file.damaged(offset, format!("the line {} {why}", quoted(line)));
    let (algorithm, rest) = line
        .split_once('(')
        .ok_or_else(|| wrong("is not of the form SHA256(name)= digest"))?;
    // The name may hold parentheses and equals signs; the digest does not.
    let (name, digest) = rest
        .rsplit_once('=')
        .ok_or_else(|| wrong("is not of the form SHA256(name)= digest"))?;
    let name = name
        .trim_end()
        .strip_suffix(')')
        .ok_or_else(|| wrong("is not of the form SHA256(name)= digest"))?;
    let algorithm = ManifestAlgorithm::parse(algorithm.trim())
        .ok_or_else(|| wrong("has an algorithm that OVF does not know (SHA1, SHA256, SHA512)"))?;
    let digest = hex::decode(digest.trim()).map_err(|_| wrong("has a digest that is not hexadecimal"))?;
    Ok((algorithm, name, digest))
}

/// A digest in the making.
pub(crate) enum FileHasher {
    Sha1(sha1::Sha1),
    Sha256(sha2::Sha256),
    Sha512(sha2::Sha512),
}

impl FileHasher {
    pub(crate) fn new(algorithm: ManifestAlgorithm) -> Self {
        match algorithm {
            ManifestAlgorithm::Sha1 => Self::Sha1(sha1::Sha1::new()),
            ManifestAlgorithm::Sha256 => Self::Sha256(sha2::Sha256::new()),
            ManifestAlgorithm::Sha512 => Self::Sha512(sha2::Sha512::new()),
        }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha1(hasher) => hasher.update(bytes),
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Sha512(hasher) => hasher.update(bytes),
        }
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        match self {
            Self::Sha1(hasher) => hasher.finalize().to_vec(),
            Self::Sha256(hasher) => hasher.finalize().to_vec(),
            Self::Sha512(hasher) => hasher.finalize().to_vec(),
        }
    }
}

/// Returns a file's digest; reads all of it.
///
/// # Errors
///
/// [`ReadError::Io`] if the system refuses.
pub fn file_digest(source: &dyn ByteSource, algorithm: ManifestAlgorithm) -> Result<Vec<u8>, ReadError> {
    let mut hasher = FileHasher::new(algorithm);
    let mut buffer = vec![0; PIECE_BYTES];
    let mut offset = 0;
    while offset < source.len() {
        let left = usize::try_from(source.len() - offset).unwrap_or(usize::MAX);
        let piece = &mut buffer[..left.min(PIECE_BYTES)];
        source.read_at(piece, offset)?;
        hasher.update(piece);
        offset += piece.len() as u64;
    }
    Ok(hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::MemorySource;

    fn read(text: &str) -> Result<Manifest, ReadError> {
        Manifest::read(&MemorySource::new("x.mf", text.into()))
    }

    #[test]
    fn the_forms_of_manifests_are_read() {
        let sha1 = "da39a3ee5e6b4b0d3255bfef95601890afd80709";
        let sha256 = hex::encode([1; 32]);
        let manifest = read(&format!(
            "SHA1(lab (1)=x.ovf)= {sha1}\r\n\nsha256(disk1.vmdk) = {}\nSHA512(b)={}",
            sha256.to_uppercase(),
            "0".repeat(128)
        ))
        .unwrap();
        let names: Vec<&str> = manifest.entries.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names, ["lab (1)=x.ovf", "disk1.vmdk", "b"]);
        assert_eq!(manifest.entries[1].digest, [1; 32]);
        let empty = MemorySource::new("empty", Vec::new());
        let digest = file_digest(&empty, ManifestAlgorithm::Sha1).unwrap();
        assert_eq!(hex::encode(digest), sha1);
    }

    #[test]
    fn broken_lines_say_where() {
        let sha1 = "da39a3ee5e6b4b0d3255bfef95601890afd80709";
        let said: Vec<String> = [
            String::new(),
            "hello".into(),
            format!("MD5(a)= {sha1}"),
            format!("SHA256(a)= {sha1}"),
            "SHA1(a)= xyz".into(),
            format!("SHA1(../a)= {sha1}"),
            format!("SHA1(a)= {sha1}\nSHA1(a)= {sha1}"),
            format!("SHA1(a= {sha1}"),
        ]
        .iter()
        .map(|text| read(text).unwrap_err().to_string())
        .collect();
        insta::assert_snapshot!(said.join("\n"));
    }
}
