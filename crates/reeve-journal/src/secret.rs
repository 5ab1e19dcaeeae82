//! Secrets of a run: files beside its journal, because the journal itself never holds one.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};

use camino::Utf8PathBuf;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::journal::JournalError;

/// The largest secret file; keyrings and exports of settings are far smaller.
const MAX_SECRET_BYTES: u64 = 64 * 1024 * 1024;

/// The secret files of one run: a directory of mode 0700 with files of mode 0600.
#[derive(Debug, Clone)]
pub struct SecretFiles {
    directory: Utf8PathBuf,
}

/// What a journal may know of a secret file.
///
/// No digest: a short secret could be guessed from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretReference {
    /// Name of the file within the run's secret files.
    pub name: String,
    /// Its size in bytes.
    pub size_bytes: u64,
}

impl SecretFiles {
    pub(crate) fn in_directory(directory: Utf8PathBuf) -> Self {
        Self { directory }
    }

    /// Returns the directory, which exists once the first secret is written.
    #[must_use]
    pub fn directory(&self) -> &Utf8PathBuf {
        &self.directory
    }

    /// Writes a secret file, all or nothing and synced; a repeat replaces it.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`], also if `name` is not a plain file name of letters, digits and `. _ -`.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<SecretReference, JournalError> {
        let path = self.path(name)?;
        let io = |source| JournalError::Io {
            path: path.clone(),
            source,
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.directory)
            .map_err(io)?;
        // One process works on a run at a time, so a left-over of a crash may be overwritten.
        let temporary = self.directory.join(format!(".{name}.new"));
        match std::fs::remove_file(&temporary) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(io(error)),
            _ => {}
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&temporary)
            .map_err(io)?;
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(io)?;
        std::fs::rename(&temporary, &path).map_err(io)?;
        File::open(&self.directory)
            .and_then(|directory| directory.sync_all())
            .map_err(io)?;
        Ok(SecretReference {
            name: name.to_owned(),
            size_bytes: bytes.len() as u64,
        })
    }

    /// Reads a secret file back.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`] if it is missing or has another size than the reference says.
    pub fn read(&self, reference: &SecretReference) -> Result<Vec<u8>, JournalError> {
        let path = self.path(&reference.name)?;
        let io = |source| JournalError::Io {
            path: path.clone(),
            source,
        };
        let mut bytes = Vec::new();
        let file = File::open(&path).map_err(io)?;
        file.take(MAX_SECRET_BYTES + 1).read_to_end(&mut bytes).map_err(io)?;
        if bytes.len() as u64 != reference.size_bytes {
            return Err(io(std::io::Error::other(format!(
                "it has {} bytes and had {} when it was written",
                bytes.len(),
                reference.size_bytes
            ))));
        }
        Ok(bytes)
    }

    fn path(&self, name: &str) -> Result<Utf8PathBuf, JournalError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if (1..=100).contains(&name.len()) && name.bytes().all(plain) && !name.starts_with('.') {
            return Ok(self.directory.join(name));
        }
        let source = std::io::Error::other(format!("`{}` is not a plain file name", name.escape_debug()));
        Err(JournalError::Io {
            path: self.directory.clone(),
            source,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn secrets_are_private_and_come_back() {
        let directory = tempfile::tempdir().unwrap();
        let files =
            SecretFiles::in_directory(Utf8PathBuf::from_path_buf(directory.path().join("run.secrets")).unwrap());
        for content in [&b"key"[..], b"another"] {
            let reference = files.write("client.admin.keyring", content).unwrap();
            assert_eq!(files.read(&reference).unwrap(), content);
            assert!(!serde_json::to_string(&reference).unwrap().contains("key\""));
        }
        let mode = |path: &str| {
            std::fs::metadata(files.directory().join(path))
                .unwrap()
                .permissions()
                .mode()
                & 0o7777
        };
        assert_eq!((mode(""), mode("client.admin.keyring")), (0o700, 0o600));
        for bad in ["", "..", ".hidden", "a/b", "a\0"] {
            assert!(files.write(bad, b"x").is_err(), "{bad}");
        }
        let wrong = SecretReference {
            name: "client.admin.keyring".to_owned(),
            size_bytes: 3,
        };
        assert!(files.read(&wrong).is_err());
    }
}
