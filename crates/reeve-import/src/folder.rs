//! Where the files stand that a descriptor names: beside it in a folder, or in the same archive.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use rustix::fs::{Mode, OFlags};

use crate::bytes::{ByteSource, FileSource};
use crate::error::{ReadError, SourceName};
use crate::member_name::MemberName;

/// A place with files by name: a folder of this machine, or an archive.
pub trait Members: Send + Sync {
    /// Opens a file of this place.
    ///
    /// # Errors
    ///
    /// [`ReadError::Io`] with `NotFound` if there is none of this name; [`ReadError::Refused`] for anything but a regular file.
    fn open(&self, name: &MemberName) -> Result<Arc<dyn ByteSource>, ReadError>;
}

/// A folder of this machine. Files are opened without following symbolic links below it: a package from elsewhere
/// must not lead to this machine's own files.
pub struct Folder {
    path: Utf8PathBuf,
}

impl Folder {
    /// Returns the folder; the path may go through symbolic links, because a person named it.
    #[must_use]
    pub fn new(path: &Utf8Path) -> Self {
        Self {
            path: if path.as_str().is_empty() {
                ".".into()
            } else {
                path.into()
            },
        }
    }

    /// Returns the folder in which a file stands.
    #[must_use]
    pub fn of(file: &Utf8Path) -> Self {
        Self::new(file.parent().unwrap_or_else(|| Utf8Path::new(".")))
    }
}

impl Members for Folder {
    fn open(&self, name: &MemberName) -> Result<Arc<dyn ByteSource>, ReadError> {
        let shown = if self.path == "." {
            SourceName::new(name.as_str())
        } else {
            SourceName::new(self.path.join(name.as_str()).as_str())
        };
        let failed = |error: rustix::io::Errno| match error {
            rustix::io::Errno::LOOP | rustix::io::Errno::NOTDIR => shown.refused(
                0,
                "a symbolic link, or below one; put the file itself there: links of a package are not followed",
            ),
            error => shown.io(0, error.into()),
        };
        let directory = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::DIRECTORY;
        let mut below: OwnedFd = rustix::fs::open(self.path.as_std_path(), directory, Mode::empty()).map_err(failed)?;
        let mut parts = name.parts();
        let last = parts.next_back().expect("a checked name has at least one part");
        for part in parts {
            below = rustix::fs::openat(&below, part, directory | OFlags::NOFOLLOW, Mode::empty()).map_err(failed)?;
        }
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file: File = rustix::fs::openat(&below, last, flags, Mode::empty())
            .map_err(failed)?
            .into();
        Ok(Arc::new(FileSource::from_file(shown, file)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> MemberName {
        MemberName::new(text, &SourceName::new("test"), 0).unwrap()
    }

    #[test]
    fn links_below_the_folder_are_refused() {
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("secret"), "x").unwrap();
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(dir.path()).unwrap();
        std::os::unix::fs::symlink(outside.path().join("secret"), path.join("link")).unwrap();
        std::os::unix::fs::symlink(outside.path(), path.join("folder")).unwrap();
        std::fs::create_dir(path.join("disks")).unwrap();
        std::fs::write(path.join("disks/a"), "data").unwrap();
        let folder = Folder::new(path);
        assert_eq!(folder.open(&name("disks/a")).unwrap().len(), 4);
        for link in ["link", "folder/secret"] {
            let error = folder.open(&name(link)).err().unwrap();
            assert!(matches!(error, ReadError::Refused { .. }), "{error}");
        }
        let error = folder.open(&name("disks")).err().unwrap();
        assert!(error.to_string().contains("not a regular file"), "{error}");
        let ReadError::Io { source, .. } = folder.open(&name("none")).err().unwrap() else {
            panic!("a missing file is an error of the system")
        };
        assert_eq!(source.kind(), std::io::ErrorKind::NotFound);
    }

    #[test]
    fn a_fifo_does_not_make_us_wait() {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(dir.path()).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            path.join("fifo").as_std_path(),
            rustix::fs::FileType::Fifo,
            Mode::from_raw_mode(0o600),
            0,
        )
        .unwrap();
        assert!(matches!(
            Folder::new(path).open(&name("fifo")),
            Err(ReadError::Refused { .. })
        ));
        assert!(matches!(
            FileSource::open(&path.join("fifo")),
            Err(ReadError::Refused { .. })
        ));
    }
}
