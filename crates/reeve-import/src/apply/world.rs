//! The world that the steps work on: a session with a cloud, and this machine's files.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reeve_journal::plan::{StepId, Target};
use reeve_journal::{Cancellation, StepError};
use reeve_openstack::{RequestError, Session, UploadPatience};

use super::digests::Digests;
use crate::place::Sources;

/// Is told how far copies are. Called from other threads.
pub trait CopyWatch: Send + Sync {
    /// So many bytes of the disk of this step were taken by the cloud.
    fn copied(&self, step: &StepId, bytes: u64, of: u64);

    /// The source of this step is read once more, without anything being sent, because a process died before it could write its digest down.
    fn read_again(&self, step: &StepId, bytes: u64, of: u64);
}

/// Nobody watches.
#[derive(Clone, Copy, Debug, Default)]
pub struct NobodyWatches;

impl CopyWatch for NobodyWatches {
    fn copied(&self, _step: &StepId, _bytes: u64, _of: u64) {}

    fn read_again(&self, _step: &StepId, _bytes: u64, _of: u64) {}
}

/// How long is waited for what.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Between two looks at something that is becoming.
    pub poll: Duration,
    /// For uploads.
    pub upload: UploadPatience,
    /// Threads that decode one disk.
    pub threads: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            poll: Duration::from_secs(2),
            upload: UploadPatience::default(),
            threads: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}

/// The project is not the one that the plan was made for, or cannot be asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorldError {
    /// The login is for another project.
    #[error("the plan is for project {wanted}, and this login is for project {found}")]
    OtherProject {
        /// The plan's project, by id.
        wanted: String,
        /// The login's.
        found: String,
    },
    /// The cloud cannot be asked.
    #[error(transparent)]
    Cloud(#[from] RequestError),
}

/// The world that the steps work on.
pub struct World {
    pub(super) session: Session,
    pub(super) project: String,
    pub(super) pace: Pace,
    pub(super) cancellation: Cancellation,
    pub(super) watch: Arc<dyn CopyWatch>,
    pub(super) sources: Arc<Sources>,
    /// The digests of each disk that this process has computed, by mark.
    digests: Mutex<HashMap<String, Digests>>,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("project", &self.project)
            .finish_non_exhaustive()
    }
}

impl World {
    /// Logs in and makes sure that the project is the plan's.
    ///
    /// # Errors
    ///
    /// [`WorldError`].
    pub async fn connect(
        session: Session,
        target: &Target,
        pace: Pace,
        cancellation: Cancellation,
        watch: Arc<dyn CopyWatch>,
    ) -> Result<Self, WorldError> {
        let found = session
            .token()
            .await?
            .project
            .map(|project| project.id)
            .unwrap_or_default();
        if found != target.id {
            return Err(WorldError::OtherProject {
                wanted: target.id.clone(),
                found,
            });
        }
        Ok(Self {
            session,
            project: found,
            pace,
            cancellation,
            watch,
            sources: Arc::default(),
            digests: Mutex::new(HashMap::new()),
        })
    }

    /// Opens sources in this way; without it, only files of this machine.
    #[must_use]
    pub fn reading(mut self, sources: Arc<Sources>) -> Self {
        self.sources = sources;
        self
    }

    pub(super) fn digests(&self, mark: &str) -> Option<Digests> {
        let digests = self.digests.lock().unwrap_or_else(PoisonError::into_inner);
        digests.get(mark).cloned()
    }

    pub(super) fn keep_digests(&self, mark: &str, of_disk: &Digests) {
        let mut digests = self.digests.lock().unwrap_or_else(PoisonError::into_inner);
        digests.insert(mark.to_owned(), of_disk.clone());
    }
}

/// Turns an error of a request into one of a step, with what can be done about it.
pub(super) fn failed(error: RequestError) -> StepError {
    if error.is_transient() {
        StepError::transient(error)
    } else {
        StepError::permanent(error)
    }
}
