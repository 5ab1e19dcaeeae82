//! The one place that every request passes: what may be sent is decided here, and recordings are made and read here.

use std::time::Duration;

use crate::access::Access;
use crate::error::Problem;
use crate::recording::{Recorder, Replay};
use crate::upload::{Upload, UploadPatience};
use crate::wire::{Incoming, Outgoing, Wire};

/// Where answers come from.
pub(crate) enum Source {
    /// From the cloud; with a recorder, every answer is kept.
    Live(Wire, Option<Recorder>),
    /// From a recording.
    Replay(Replay),
}

/// The one way to a cloud.
pub(crate) struct Transport {
    access: Access,
    login_url: String,
    source: Source,
}

impl Transport {
    pub(crate) fn new(access: Access, login_url: String, source: Source) -> Transport {
        Transport {
            access,
            login_url,
            source,
        }
    }

    pub(crate) fn login_url(&self) -> &str {
        &self.login_url
    }

    pub(crate) const fn is_replay(&self) -> bool {
        matches!(self.source, Source::Replay(_))
    }

    /// Returns when the recording was begun, if this is one.
    pub(crate) const fn recorded_at(&self) -> Option<jiff::Timestamp> {
        match &self.source {
            Source::Replay(replay) => Some(replay.recorded_at()),
            Source::Live(..) => None,
        }
    }

    /// Sends a request, if this session may, and returns the answer with any status.
    pub(crate) async fn send(&self, outgoing: &Outgoing, within: Duration, limit: usize) -> Result<Incoming, Problem> {
        self.access.allows(outgoing.method, &outgoing.url, &self.login_url)?;
        match &self.source {
            Source::Replay(replay) => replay.answer(outgoing, outgoing.url == self.login_url),
            Source::Live(wire, recorder) => {
                let result = wire.send(outgoing, within, limit).await;
                if let Some(recorder) = recorder {
                    recorder.keep(outgoing, outgoing.url == self.login_url, &result)?;
                }
                result
            }
        }
    }

    /// Sends a body while it is being made, if this session may; a recording has none.
    pub(crate) async fn send_upload(
        &self,
        outgoing: &Outgoing,
        upload: Upload,
        patience: UploadPatience,
        limit: usize,
    ) -> Result<Incoming, Problem> {
        self.access.allows(outgoing.method, &outgoing.url, &self.login_url)?;
        match &self.source {
            Source::Replay(_) => Err(Problem::NotRecorded),
            // Recordings keep what was read only.
            Source::Live(wire, _) => wire.send_upload(outgoing, upload, patience, limit).await,
        }
    }
}
