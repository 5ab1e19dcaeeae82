//! The facts file: what `reeve rook survey --save` writes and check and plan read.

use std::io::Read;

use camino::{Utf8Path, Utf8PathBuf};
use reeve_keys::UnknownKey;
use sha2::{Digest, Sha256};

use super::{FACTS_FORMAT, Facts};

/// The largest facts file that is read. Two thousand OSDs on a hundred hosts take about 4 MiB.
const SIZE_LIMIT: u64 = 256 * 1024 * 1024;

/// A facts file cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FactsFileError {
    /// The file cannot be opened or read.
    #[error("could not read the facts file {path}")]
    Read {
        /// The file.
        path: Utf8PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is larger than any survey writes.
    #[error("the facts file {path} is larger than {limit} bytes, so it is not one; name the file that `--save` wrote")]
    TooLarge {
        /// The file.
        path: Utf8PathBuf,
        /// The limit in bytes.
        limit: u64,
    },
    /// The file is not JSON, or has keys that facts do not have.
    #[error("{path} is not a facts file: line {line}: {message}")]
    Shape {
        /// The file.
        path: Utf8PathBuf,
        /// Where, counted from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// Another version of Reeve wrote the file.
    #[error(
        "{path} has facts of format {found}, this Reeve reads format {FACTS_FORMAT}; take the survey again with this Reeve"
    )]
    Format {
        /// The file.
        path: Utf8PathBuf,
        /// The format in the file.
        found: u64,
    },
    /// The file cannot be written.
    #[error("could not write the facts file {path}")]
    Write {
        /// The file.
        path: Utf8PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl Facts {
    /// Returns the facts as JSON text, two spaces deep, with a newline at the end; the same facts give the same bytes.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("facts hold only maps with text keys");
        text.push('\n');
        text
    }

    /// Returns `sha256:` and the digest of the facts' compact JSON in hex.
    pub fn digest(&self) -> String {
        let bytes = serde_json::to_vec(self).expect("facts hold only maps with text keys");
        format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
    }

    /// Reads a facts file.
    ///
    /// # Errors
    ///
    /// Any [`FactsFileError`] but `Write`.
    pub fn load(path: &Utf8Path) -> Result<Self, FactsFileError> {
        let read = |source| FactsFileError::Read {
            path: path.into(),
            source,
        };
        let file = std::fs::File::open(path).map_err(read)?;
        let mut text = String::new();
        file.take(SIZE_LIMIT + 1).read_to_string(&mut text).map_err(read)?;
        if text.len() as u64 > SIZE_LIMIT {
            return Err(FactsFileError::TooLarge {
                path: path.into(),
                limit: SIZE_LIMIT,
            });
        }
        Self::from_json(path, &text)
    }

    fn from_json(path: &Utf8Path, text: &str) -> Result<Self, FactsFileError> {
        let shape = |error: &serde_json::Error| {
            let said = error.to_string();
            let message = UnknownKey::of(&said).map_or(said, |key| key.to_string());
            FactsFileError::Shape {
                path: path.into(),
                line: error.line(),
                message,
            }
        };
        // The version comes first, so that a file of another Reeve is not blamed for its keys.
        #[derive(serde::Deserialize)]
        struct Versioned {
            format: Option<u64>,
        }
        let versioned: Versioned = serde_json::from_str(text).map_err(|e| shape(&e))?;
        match versioned.format {
            Some(found) if found != u64::from(FACTS_FORMAT) => {
                return Err(FactsFileError::Format {
                    path: path.into(),
                    found,
                });
            }
            _ => {}
        }
        serde_json::from_str(text).map_err(|e| shape(&e))
    }

    /// Writes the facts to `path`, for its owner only (0600): they name hosts, users and versions.
    ///
    /// A file that is there is replaced as a whole; a failure leaves it as it was.
    ///
    /// # Errors
    ///
    /// [`FactsFileError::Write`].
    pub fn save(&self, path: &Utf8Path) -> Result<(), FactsFileError> {
        use std::io::Write;
        use std::os::unix::fs::OpenOptionsExt;
        let write = |source| FactsFileError::Write {
            path: path.into(),
            source,
        };
        let partial = Utf8PathBuf::from(format!("{path}.{}.partial", std::process::id()));
        let written = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&partial)
            .and_then(|mut file| {
                file.write_all(self.to_json().as_bytes())?;
                file.sync_all()
            })
            .and_then(|()| std::fs::rename(&partial, path));
        written.map_err(|error| {
            // The partial file is ours; if it cannot be removed either, the first error is the one to tell.
            let _ = std::fs::remove_file(&partial);
            write(error)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn facts_survive_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(dir.path().join("facts.json")).unwrap();
        let facts = sample::Cluster::default().facts();
        facts.save(&path).unwrap();
        assert_eq!(Facts::load(&path).unwrap(), facts);
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(
            std::fs::read_dir(dir.path()).unwrap().count(),
            1,
            "the partial file is gone"
        );
    }

    #[test]
    fn an_unknown_key_is_named_with_its_place_and_the_nearest_known_key() {
        let text =
            sample::Cluster::default()
                .facts()
                .to_json()
                .replacen("\"operator_namespace\"", "\"operator_namspace\"", 1);
        let error = Facts::from_json("f.json".into(), &text).unwrap_err().to_string();
        assert!(error.contains("`operator_namspace`"), "{error}");
        assert!(error.contains("line "), "{error}");
        assert!(
            error.ends_with("the nearest known key is `operator_namespace`"),
            "{error}"
        );
    }

    #[test]
    fn another_format_is_told_before_its_keys_are_blamed() {
        let text = sample::Cluster::default()
            .facts()
            .to_json()
            .replacen("\"format\": 1", "\"format\": 7", 1)
            .replacen("\"made_by\"", "\"maker\"", 1);
        let error = Facts::from_json("f.json".into(), &text).unwrap_err();
        assert!(matches!(error, FactsFileError::Format { found: 7, .. }), "{error}");
    }
}
