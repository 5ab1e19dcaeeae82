//! Reading a recording.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;

use camino::Utf8Path;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::body::Bytes;
use secrecy::SecretString;
use serde::de::DeserializeOwned;

use super::key::key;
use super::{ANSWERS, Entry, FORMAT, HEAD_FILE, Head, Kept, KeptBody, RecordingError};
use crate::config::{Auth, CloudConfig, Scope, TlsOptions};
use crate::error::Problem;
use crate::wire::{Incoming, Outgoing};

/// Most files of a recording.
const MAX_FILES: usize = 20_000;

/// Largest file of a recording.
const MAX_BYTES: u64 = 128 << 20;

/// Answers from a recording.
pub(crate) struct Replay {
    head: Head,
    answers: HashMap<String, Kept>,
}

impl Replay {
    /// Reads a recording into memory.
    pub(crate) fn open(folder: &Utf8Path) -> Result<Replay, RecordingError> {
        let head_path = folder.join(HEAD_FILE);
        // The format first: a newer shape may not be readable as this one.
        let format: serde_json::Value = read(&head_path)?;
        let format = format["format"].as_u64().unwrap_or_default();
        match u32::try_from(format) {
            Ok(1..=FORMAT) => {}
            Ok(format @ 2..) => {
                return Err(RecordingError::Newer {
                    path: head_path,
                    format,
                });
            }
            _ => return Err(RecordingError::path(&head_path, "it is no recording")),
        }
        let head: Head = read(&head_path)?;
        crate::url::check(&head.auth_url)
            .map_err(|what| RecordingError::path(&head_path, format!("auth_url {what}")))?;
        let mut answers = HashMap::new();
        let inside = folder.join(ANSWERS);
        let files = inside
            .read_dir_utf8()
            .map_err(|error| RecordingError::path(&inside, error))?;
        for file in files.take(MAX_FILES) {
            let file = file.map_err(|error| RecordingError::path(&inside, error))?;
            // A file that was being written when the program died.
            if file.file_name().starts_with('.') || file.path().extension() != Some("json") {
                continue;
            }
            let entry: Entry = read(file.path())?;
            answers.insert(entry.request, entry.outcome);
        }
        Ok(Replay { head, answers })
    }

    /// Returns the configuration of the cloud, with nothing that could log in anywhere.
    pub(crate) fn config(&self) -> CloudConfig {
        CloudConfig {
            name: self.head.cloud.clone(),
            region: self.head.region.clone(),
            interface: self.head.interface,
            auth_url: self.head.auth_url.clone(),
            auth: Auth::Token(SecretString::from("recorded")),
            scope: Scope::Unscoped,
            tls: TlsOptions::default(),
            services: self.head.services.clone(),
            api_timeout: None,
            files: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Returns when the recording was begun.
    pub(crate) const fn recorded_at(&self) -> jiff::Timestamp {
        self.head.recorded_at
    }

    /// Returns the answer that was given to a request.
    pub(crate) fn answer(&self, outgoing: &Outgoing, login: bool) -> Result<Incoming, Problem> {
        match self.answers.get(&key(outgoing, login)) {
            None => Err(Problem::NotRecorded),
            Some(Kept::Failure(words)) => Err(Problem::WhenRecorded(reeve_untrusted::printable(words))),
            Some(Kept::Answer { status, headers, body }) => Ok(Incoming {
                status: *status,
                headers: headers
                    .iter()
                    .filter_map(|(name, value)| {
                        Some((name.parse::<HeaderName>().ok()?, HeaderValue::from_str(value).ok()?))
                    })
                    .collect::<HeaderMap>(),
                body: match body {
                    KeptBody::Json(value) => Bytes::from(value.to_string()),
                    KeptBody::Text(text) => Bytes::from(text.clone()),
                },
            }),
        }
    }
}

fn read<T: DeserializeOwned>(path: &Utf8Path) -> Result<T, RecordingError> {
    let file = File::open(path).map_err(|error| RecordingError::path(path, error))?;
    let mut text = String::new();
    let size = file
        .take(MAX_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(|error| RecordingError::path(path, error))?;
    if size as u64 > MAX_BYTES {
        return Err(RecordingError::path(path, "it is larger than an answer can be"));
    }
    serde_json::from_str(&text)
        .map_err(|error| RecordingError::path(path, format!("it is no part of a recording: {error}")))
}
