//! Files of a datastore as sources of bytes.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use super::address::DatastoreFile;
use super::error::VsphereError;
use super::session::Vsphere;
use crate::bytes::{ByteSource, check_range};
use crate::error::{ReadError, SourceName};
use crate::folder::Members;
use crate::member_name::MemberName;

/// What is fetched for a short read, in bytes; a file system's tables are read in many short ones.
const BLOCK: u64 = 256 << 10;

/// Blocks that are kept of one file.
const BLOCKS_KEPT: usize = 16;

/// A folder of a datastore.
pub(crate) struct DatastoreFolder {
    session: Arc<Vsphere>,
    /// Any file in it.
    beside: DatastoreFile,
}

impl DatastoreFolder {
    /// Returns the folder in which a file stands.
    pub(crate) fn of(session: Arc<Vsphere>, file: DatastoreFile) -> Self {
        Self { session, beside: file }
    }
}

impl Members for DatastoreFolder {
    fn open(&self, name: &MemberName) -> Result<Arc<dyn ByteSource>, ReadError> {
        let folder = self.beside.path.rsplit_once('/').map(|(folder, _)| folder);
        let path = match folder {
            Some(folder) => format!("{folder}/{name}", name = name.as_str()),
            None => name.as_str().to_owned(),
        };
        let file = DatastoreFile {
            path,
            ..self.beside.clone()
        };
        Ok(Arc::new(RemoteFile::open(Arc::clone(&self.session), file)?))
    }
}

/// A file of a datastore, read in ranges; several threads have several connections.
pub(crate) struct RemoteFile {
    session: Arc<Vsphere>,
    file: DatastoreFile,
    name: SourceName,
    length: u64,
    /// Blocks of short reads, the last used at the end.
    kept: Mutex<VecDeque<(u64, Arc<[u8]>)>>,
}

impl RemoteFile {
    /// Opens a file.
    ///
    /// # Errors
    ///
    /// [`ReadError::Io`]; with `NotFound` if there is none.
    pub(crate) fn open(session: Arc<Vsphere>, file: DatastoreFile) -> Result<Self, ReadError> {
        let name = SourceName::new(&file.datastore_path());
        let length = session
            .block_on(session.length(&file))
            .map_err(|error| failed(&name, 0, error))?
            .ok_or_else(|| name.io(0, std::io::ErrorKind::NotFound.into()))?;
        Ok(Self {
            session,
            file,
            name,
            length,
            kept: Mutex::new(VecDeque::new()),
        })
    }

    fn fetch(&self, buffer: &mut [u8], offset: u64) -> Result<(), ReadError> {
        self.session
            .block_on(self.session.range(&self.file, offset, buffer))
            .map_err(|error| failed(&self.name, offset, error))
    }

    fn block(&self, number: u64) -> Result<Arc<[u8]>, ReadError> {
        let kept = || self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        {
            let mut kept = kept();
            let place = kept.iter().position(|(of, _)| *of == number);
            if let Some(block) = place.and_then(|place| kept.remove(place)) {
                let bytes = Arc::clone(&block.1);
                kept.push_back(block);
                return Ok(bytes);
            }
        }
        let start = number * BLOCK;
        let length = usize::try_from(BLOCK.min(self.length - start)).expect("at most a block");
        let mut bytes = vec![0; length];
        self.fetch(&mut bytes, start)?;
        let bytes: Arc<[u8]> = bytes.into();
        let mut kept = kept();
        if kept.len() == BLOCKS_KEPT {
            kept.pop_front();
        }
        kept.push_back((number, Arc::clone(&bytes)));
        Ok(bytes)
    }
}

impl ByteSource for RemoteFile {
    fn name(&self) -> &SourceName {
        &self.name
    }

    fn len(&self) -> u64 {
        self.length
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<(), ReadError> {
        check_range(self, offset, buffer.len())?;
        if buffer.len() as u64 >= BLOCK {
            return self.fetch(buffer, offset);
        }
        let mut filled = 0;
        while filled < buffer.len() {
            let at = offset + filled as u64;
            let block = self.block(at / BLOCK)?;
            let from = usize::try_from(at % BLOCK).expect("at most a block");
            let count = (buffer.len() - filled).min(block.len() - from);
            buffer[filled..filled + count].copy_from_slice(&block[from..from + count]);
            filled += count;
        }
        Ok(())
    }
}

/// Returns the error of a read that a host refused.
pub(crate) fn failed(name: &SourceName, offset: u64, error: VsphereError) -> ReadError {
    name.io(offset, std::io::Error::other(error))
}
