//! Making a recording.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::sync::{Mutex, PoisonError};

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use secrecy::SecretString;

use super::key::{file_name, key};
use super::{ANSWERS, Entry, FORMAT, HEAD_FILE, Head, Kept, KeptBody, RecordingError, redact};
use crate::config::{Auth, CloudConfig};
use crate::error::Problem;
use crate::wire::{Incoming, Outgoing};

/// Headers of an answer that are kept.
const HEADERS: [&str; 6] = [
    "content-type",
    "date",
    "openstack-api-version",
    "x-openstack-request-id",
    "x-compute-request-id",
    "x-trans-id",
];

/// Keeps every answer of a session.
pub(crate) struct Recorder {
    answers: Utf8PathBuf,
    secrets: Mutex<Vec<SecretString>>,
}

impl Recorder {
    /// Prepares a folder, which must not exist or be empty.
    pub(crate) fn new(folder: &Utf8Path, config: &CloudConfig) -> Result<Recorder, RecordingError> {
        let make = |path: &Utf8Path| {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(path)
                .map_err(|error| RecordingError::path(path, error))
        };
        make(folder)?;
        let mut inside = folder
            .read_dir_utf8()
            .map_err(|error| RecordingError::path(folder, error))?;
        if inside.next().is_some() {
            return Err(RecordingError::NotEmpty {
                path: folder.to_owned(),
            });
        }
        let answers = folder.join(ANSWERS);
        make(&answers)?;
        let head = Head {
            format: FORMAT,
            tool: concat!("reeve ", env!("CARGO_PKG_VERSION")).to_owned(),
            recorded_at: Timestamp::now(),
            cloud: config.name.clone(),
            region: config.region.clone(),
            interface: config.interface,
            auth_url: config.auth_url.clone(),
            services: config.services.clone(),
        };
        write(folder, HEAD_FILE, &head).map_err(|what| RecordingError::path(&folder.join(HEAD_FILE), what))?;
        let secret = match &config.auth {
            Auth::Password { password: secret, .. }
            | Auth::ApplicationCredential { secret, .. }
            | Auth::Token(secret)
            | Auth::Totp { passcode: secret, .. } => secret.clone(),
        };
        Ok(Recorder {
            answers,
            secrets: Mutex::new(vec![secret]),
        })
    }

    /// Keeps what came of a request that reads, or of a login; other requests are not kept.
    pub(crate) fn keep(
        &self,
        outgoing: &Outgoing,
        login: bool,
        result: &Result<Incoming, Problem>,
    ) -> Result<(), Problem> {
        if !outgoing.method.reads() && !login {
            return Ok(());
        }
        let known = self.known(result);
        let outcome = match result {
            Ok(incoming) => Kept::Answer {
                status: incoming.status,
                headers: HEADERS
                    .iter()
                    .filter_map(|name| incoming.headers.get(*name).map(|value| (name, value)))
                    .filter_map(|(name, value)| value.to_str().ok().map(|text| ((*name).to_owned(), text.to_owned())))
                    .collect(),
                body: body(&incoming.body, &known),
            },
            Err(problem) => Kept::Failure(redact::text(&problem.to_string(), &known)),
        };
        let request = key(outgoing, login);
        let name = file_name(&request);
        write(&self.answers, &name, &Entry { request, outcome })
            .map_err(|what| Problem::RecordingFailed(format!("{}: {what}", self.answers.join(name))))
    }

    /// Returns all secrets known so far, the token of this answer among them.
    fn known(&self, result: &Result<Incoming, Problem>) -> Vec<SecretString> {
        let mut secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        let token = result
            .as_ref()
            .ok()
            .and_then(|incoming| incoming.headers.get("x-subject-token"));
        if let Some(Ok(token)) = token.map(|value| value.to_str()) {
            secrets.push(token.into());
        }
        secrets.clone()
    }
}

fn body(bytes: &[u8], known: &[SecretString]) -> KeptBody {
    match serde_json::from_slice(bytes) {
        Ok(mut value) => {
            redact::json(&mut value, known);
            KeptBody::Json(value)
        }
        Err(_) => KeptBody::Text(redact::text(&String::from_utf8_lossy(bytes), known)),
    }
}

/// Writes a file for its owner only; a reader sees the old or the new one and never half of it.
fn write(folder: &Utf8Path, name: &str, value: &impl serde::Serialize) -> Result<(), String> {
    let text = serde_json::to_string_pretty(value).map_err(|error| error.to_string())?;
    let new = folder.join(format!(".{name}.new"));
    let mut file: File = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&new)
        .map_err(|error| error.to_string())?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.write_all(b"\n"))
        .map_err(|error| error.to_string())?;
    std::fs::rename(&new, folder.join(name)).map_err(|error| error.to_string())
}
