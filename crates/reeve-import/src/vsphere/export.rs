//! One disk of a machine or of its snapshot, to be had by an export lease.

use std::sync::Arc;

use super::Stop;
use super::description::Description;
use super::error::VsphereError;
use super::inventory::VsphereMachine;
use super::lease::{Lease, NfcStream};
use super::session::Vsphere;
use super::soap::Reference;

/// A disk that is not there to be exported.
#[derive(Debug)]
pub(crate) enum ExportError {
    /// The host could not be asked, or refuses.
    Host(VsphereError),
    /// The machine is not as it was planned; the text says what differs.
    Changed(String),
}

impl From<VsphereError> for ExportError {
    fn from(error: VsphereError) -> Self {
        Self::Host(error)
    }
}

/// A disk that can be exported.
pub(crate) struct ExportedDisk {
    session: Arc<Vsphere>,
    /// The machine, or its snapshot.
    exported: Reference,
    place: String,
    disks: usize,
    /// What it is known again by.
    pub(crate) fingerprint: String,
    /// Its size in bytes, as the host says it.
    pub(crate) capacity: u64,
}

impl ExportedDisk {
    /// Finds a disk: of a machine that is off, or of the snapshot with this mark. Blocks.
    ///
    /// # Errors
    ///
    /// [`ExportError`].
    pub(crate) fn find(
        session: Arc<Vsphere>,
        instance_uuid: &str,
        key: u32,
        snapshot: Option<&str>,
    ) -> Result<Self, ExportError> {
        let changed = |what: &str| Err(ExportError::Changed(what.to_owned()));
        let found = session.block_on(async {
            let Some(machine) = session.machine_with(instance_uuid).await? else {
                return Ok(None);
            };
            let description = session.description(&machine).await?;
            let marked = match snapshot {
                Some(mark) => Some(session.marked(&machine, mark).await?.pop()),
                None => None,
            };
            Ok::<_, VsphereError>(Some((machine, description, marked)))
        })?;
        let Some((machine, description, marked)) = found else {
            return changed("its machine is not there any more");
        };
        let exported = match marked {
            Some(Some(snapshot)) => snapshot,
            Some(None) => return changed("the snapshot that was made for it is not there any more"),
            None if description.runs => return changed("its machine is not off"),
            None => machine,
        };
        let disks = description.disks.len();
        let mut all = description.disks.into_iter().zip(&description.machine.disks);
        let Some((disk, of_machine)) = all.find(|(disk, _)| disk.key == key) else {
            return changed("its machine has no such disk any more");
        };
        Ok(Self {
            session,
            exported,
            place: disk.place,
            disks,
            fingerprint: disk.fingerprint,
            capacity: of_machine.capacity.unwrap_or(0),
        })
    }

    /// Obtains a lease and begins to read the disk. Blocks.
    ///
    /// # Errors
    ///
    /// [`VsphereError`]; nothing is held then.
    pub(crate) fn begin(&self, stop: &Stop) -> Result<(Lease, NfcStream), VsphereError> {
        let lease = Lease::obtain(&self.session, &self.exported, stop)?;
        match lease.stream(&self.place, self.disks, stop) {
            Ok(stream) => Ok((lease, stream)),
            Err(error) => {
                lease.abort();
                Err(error)
            }
        }
    }
}

impl Vsphere {
    /// Describes a machine that was listed. Blocks.
    ///
    /// # Errors
    ///
    /// [`VsphereError`].
    pub(crate) fn describe(&self, machine: &VsphereMachine) -> Result<Description, VsphereError> {
        self.block_on(self.description(&machine.reference))
    }
}
