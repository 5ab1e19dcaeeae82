//! One process at a time on a run.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use rustix::fs::{FlockOperation, flock};

use crate::event::Holder;
use crate::journal::JournalError;

/// A look at the lock ([`holder`]) takes it for an instant, so a refusal is believed only after some tries.
const TRIES: u32 = 10;
const BETWEEN: Duration = Duration::from_millis(20);

/// A lock file of its own, held by flock(2) until dropped or until the process ends, however it ends.
///
/// It is not the journal itself: SQLite's own locks on that would be lost with any second descriptor of the same process.
#[derive(Debug)]
pub(crate) struct RunLock {
    _file: File,
}

impl RunLock {
    pub(crate) fn take(path: &Utf8Path, holder: &Holder) -> Result<Self, JournalError> {
        let io = |source| JournalError::Io {
            path: path.to_owned(),
            source,
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(io)?;
        for tries_left in (0..TRIES).rev() {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => break,
                Err(rustix::io::Errno::WOULDBLOCK) if tries_left > 0 => std::thread::sleep(BETWEEN),
                Err(rustix::io::Errno::WOULDBLOCK) => {
                    return Err(JournalError::Held {
                        path: path.to_owned(),
                        by: read(&mut file),
                    });
                }
                Err(error) => return Err(io(error.into())),
            }
        }
        file.set_len(0).map_err(io)?;
        file.rewind().map_err(io)?;
        serde_json::to_writer(&mut file, holder).map_err(|error| io(error.into()))?;
        file.flush().map_err(io)?;
        Ok(Self { _file: file })
    }
}

/// Returns who holds a run now; `None` if nobody does.
///
/// Shape: `Some(None)` where somebody does who has not yet said who.
pub(crate) fn holder(path: &Utf8Path) -> Result<Option<Option<Holder>>, JournalError> {
    let io = |source: std::io::Error| JournalError::Io {
        path: Utf8PathBuf::from(path),
        source,
    };
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io(error)),
    };
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => Ok(None),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(Some(read(&mut file))),
        Err(error) => Err(io(error.into())),
    }
}

fn read(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(4096).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}
