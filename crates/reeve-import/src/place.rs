//! Where a source stands: on this machine, or in a datastore of a host. Opened, it is a file and what stands beside it.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use crate::bytes::{ByteSource, FileSource};
use crate::error::{ReadError, SourceName};
use crate::folder::{Folder, Members};
use crate::inspect::with_cause;
use crate::vsphere::{
    self, DatastoreFile, DatastoreFolder, Transfer, TransferChoice, Vsphere, VsphereError, VsphereHost, VsphereLogin,
    VsphereMachine,
};

/// Where a source stands. As a text: a path, or a [`DatastoreFile`]'s address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum SourceAddress {
    /// A file of this machine.
    Local(Utf8PathBuf),
    /// A file of a datastore.
    Datastore(DatastoreFile),
}

impl fmt::Display for SourceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(path) => path.fmt(f),
            Self::Datastore(file) => file.fmt(f),
        }
    }
}

impl From<SourceAddress> for String {
    fn from(address: SourceAddress) -> Self {
        address.to_string()
    }
}

impl TryFrom<String> for SourceAddress {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.parse()? {
            SourceWord::One(address) => Ok(address),
            SourceWord::Host(host) => Err(format!("{host} is a host, and not one machine of it")),
        }
    }
}

/// A source as a person names it: one, or all machines of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceWord {
    /// One source.
    One(SourceAddress),
    /// All machines of a host.
    Host(VsphereHost),
}

impl FromStr for SourceWord {
    type Err = String;

    /// Reads an address that begins with `vsphere://`; everything else is a path.
    fn from_str(text: &str) -> Result<Self, String> {
        if !text.starts_with(vsphere::SCHEME) {
            return Ok(Self::One(SourceAddress::Local(text.into())));
        }
        Ok(match vsphere::parse(text)? {
            vsphere::Address::Host(host) => Self::Host(host),
            vsphere::Address::File(file) => Self::One(SourceAddress::Datastore(file)),
        })
    }
}

/// A source, opened: its file, and what stands beside it.
pub(crate) struct Place {
    pub(crate) address: SourceAddress,
    /// The file's own name.
    pub(crate) file_name: String,
    pub(crate) file: Arc<dyn ByteSource>,
    pub(crate) members: Box<dyn Members>,
}

impl Place {
    /// Opens a file of this machine.
    ///
    /// # Errors
    ///
    /// As [`FileSource::open`].
    pub(crate) fn local(path: &Utf8Path) -> Result<Self, ReadError> {
        Ok(Self {
            address: SourceAddress::Local(path.to_owned()),
            file_name: path.file_name().unwrap_or_default().to_owned(),
            file: Arc::new(FileSource::open(path)?),
            members: Box::new(Folder::of(path)),
        })
    }

    /// Returns the ending of the file's name, in lower case.
    pub(crate) fn extension(&self) -> String {
        let extension = Utf8Path::new(&self.file_name).extension();
        extension.unwrap_or_default().to_ascii_lowercase()
    }
}

/// Opens sources; knows how to log in to hosts, and does so once for each.
#[derive(Default)]
pub struct Sources {
    login: Option<VsphereLogin>,
    sessions: Mutex<HashMap<VsphereHost, Result<Arc<Vsphere>, VsphereError>>>,
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources")
            .field("login", &self.login)
            .finish_non_exhaustive()
    }
}

impl Sources {
    /// Returns what opens files of this machine and of hosts; nothing is asked before one is needed.
    #[must_use]
    pub fn with_login(login: VsphereLogin) -> Self {
        Self {
            login: Some(login),
            sessions: Mutex::default(),
        }
    }

    /// Returns the session with a host. Blocks; see [`Vsphere`]. A login that was refused is not tried again: hosts lock users out that fail too often.
    ///
    /// # Errors
    ///
    /// [`VsphereError`].
    pub fn host(&self, host: &VsphereHost) -> Result<Arc<Vsphere>, VsphereError> {
        // Held while logging in: many disks of one host need one session.
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(session) = sessions.get(host) {
            return session.clone();
        }
        let login = self
            .login
            .clone()
            .ok_or_else(|| VsphereError::NoPassword(host.to_string()))?;
        let session = Vsphere::connect(host.clone(), login).map(Arc::new);
        if matches!(session, Ok(_) | Err(VsphereError::LoginRefused { .. })) {
            sessions.insert(host.clone(), session.clone());
        }
        session
    }

    /// Ends all sessions.
    pub fn log_out(&self) {
        let sessions = std::mem::take(&mut *self.sessions.lock().unwrap_or_else(PoisonError::into_inner));
        sessions.values().flatten().for_each(|session| session.log_out());
    }

    /// Opens a source. A machine of a host must be off and without snapshots.
    ///
    /// # Errors
    ///
    /// [`ReadError`].
    pub(crate) fn open(&self, address: &SourceAddress) -> Result<Place, ReadError> {
        let file = match address {
            SourceAddress::Local(path) => return Place::local(path),
            SourceAddress::Datastore(file) => file,
        };
        self.at_rest(file)?;
        self.open_file(file)
    }

    /// Makes sure that a source is still at rest: no machine of a host has it that runs, is suspended or has snapshots. Files of this machine have nobody who could be asked.
    ///
    /// # Errors
    ///
    /// [`ReadError`].
    pub(crate) fn still_at_rest(&self, address: &SourceAddress) -> Result<(), ReadError> {
        match address {
            SourceAddress::Local(_) => Ok(()),
            SourceAddress::Datastore(file) => self.at_rest(file),
        }
    }

    fn at_rest(&self, file: &DatastoreFile) -> Result<(), ReadError> {
        let choice = TransferChoice {
            transfer: Some(Transfer::Datastore),
            snapshot: None,
        };
        let mut machines = self.machines_at(file)?.into_iter();
        match machines.find_map(|machine| machine.way(choice).err()) {
            Some(obstacle) => Err(cannot_be_read(file, obstacle)),
            None => Ok(()),
        }
    }

    /// Returns the machines of a host whose `.vmx` this is: one, or none.
    pub(crate) fn machines_at(&self, file: &DatastoreFile) -> Result<Vec<VsphereMachine>, ReadError> {
        let failed = |error| vsphere::failed(&SourceName::new(&file.datastore_path()), 0, error);
        let session = self.host(&file.host).map_err(failed)?;
        let mut machines = session.machines().map_err(failed)?;
        // Whatever the datacenter is called in the address: a machine that runs must not be read for a slip of the pen.
        let here = |of: &DatastoreFile| of.datastore == file.datastore && of.path == file.path;
        machines.retain(|machine| machine.source.as_ref().is_some_and(here));
        Ok(machines)
    }

    /// Opens a file of a datastore, without a look at whose it is.
    ///
    /// # Errors
    ///
    /// [`ReadError`].
    pub(crate) fn open_file(&self, file: &DatastoreFile) -> Result<Place, ReadError> {
        let name = SourceName::new(&file.datastore_path());
        let session = self
            .host(&file.host)
            .map_err(|error| vsphere::failed(&name, 0, error))?;
        Ok(Place {
            address: SourceAddress::Datastore(file.clone()),
            file_name: file.file_name().to_owned(),
            file: Arc::new(vsphere::RemoteFile::open(Arc::clone(&session), file.clone())?),
            members: Box::new(DatastoreFolder::of(session, file.clone())),
        })
    }
}

/// Returns the error of a machine that is in the way of being read.
pub(crate) fn cannot_be_read(file: &DatastoreFile, obstacle: &str) -> ReadError {
    SourceName::new(&file.datastore_path()).refused(0, format!("the machine cannot be read: {obstacle}"))
}

/// Returns what a host refused, and what to do about it, if a source could not be read because of a host.
#[must_use]
pub fn vsphere_error(error: &ReadError) -> Option<&VsphereError> {
    match error {
        ReadError::Io { source, .. } => source.get_ref()?.downcast_ref(),
        _ => None,
    }
}

/// Returns an error as a line for a plan.
pub(crate) fn told(error: &ReadError) -> String {
    let line = with_cause(error);
    match vsphere_error(error) {
        Some(cause) => format!("{line}; {}", cause.hint()),
        None => line,
    }
}
