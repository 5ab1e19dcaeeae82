//! Samples in a file beside the journal.
//!
//! # Format
//!
//! `RUN.samples.jsonl`, mode 0600: one JSON object a line, each with exactly one key. A process that takes the run writes
//! `{"begin":{…}}` first, then `{"sample":{…}}` for each look, `{"stopped":{…}}` if the watch asked the run to stop, and `{"end":{…}}` when it leaves in good order.
//! Between an `end`, or the last line of a process that was killed, and the next `begin` nobody looked. A line that a crash has cut is dropped.
//!
//! Old and new: `begin` carries the format. A reader takes lines of its own format, counts those that it cannot read, and refuses a newer format by name. Fields
//! may be added within a format; readers ignore those that they do not know.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::sample::Sample;

/// The layout of the samples file that this version writes and reads.
pub const SAMPLES_FORMAT: u32 = 1;

/// How large the file may become; a sample takes about 500 bytes, so this is more than three days at one a second.
const MAX_FILE_BYTES: u64 = 128 << 20;
/// The longest line that is read.
const MAX_LINE_BYTES: u64 = 64 << 10;

/// One line of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SampleLine {
    /// A process began to look.
    Begin(SessionBegin),
    /// It looked.
    Sample(Sample),
    /// The watch asked the run to stop.
    Stopped(StopAsked),
    /// It looks no more, in good order.
    End {
        /// When.
        at: Timestamp,
    },
}

/// How a process looked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionBegin {
    /// Layout of the lines; see [`SAMPLES_FORMAT`].
    pub format: u32,
    /// The run.
    pub run: String,
    /// When it began.
    pub at: Timestamp,
    /// How often it looks, in milliseconds, as long as answers come faster.
    pub interval_ms: u64,
    /// The watch on client I/O, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientWatch>,
    /// The samples are of a model, not of a cluster.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rehearsal: bool,
}

/// Where client I/O is watched, and how much of it is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClientWatch {
    /// The host on which the client runs.
    pub host: String,
    /// The pool.
    pub pool: String,
    /// The image.
    pub image: String,
    /// The worst write, in milliseconds, beyond which the run is asked to stop.
    pub limit_ms: u64,
}

/// Why the watch asked the run to stop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StopAsked {
    /// When.
    pub at: Timestamp,
    /// Why, in a sentence.
    pub because: String,
}

/// The samples file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SamplesError {
    /// The system does not let it be read or written.
    #[error("cannot use the samples in {path}")]
    Io {
        /// The file.
        path: Utf8PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A newer version wrote it.
    #[error(
        "the samples in {path} are of format {found}, and this version reads format {SAMPLES_FORMAT}; use the version that made the run"
    )]
    Format {
        /// The file.
        path: Utf8PathBuf,
        /// Its format.
        found: u32,
    },
}

/// Returns the place of a run's samples: beside its journal.
#[must_use]
pub fn samples_path(journal: &Utf8Path) -> Utf8PathBuf {
    journal.with_extension("samples.jsonl")
}

/// Writes samples; one process at a time, which the lock of the run sees to.
#[derive(Debug)]
pub struct SampleLog {
    path: Utf8PathBuf,
    file: File,
    bytes: u64,
    limit: u64,
}

impl SampleLog {
    /// Opens the samples beside a journal and begins a session in it; a line that a crash has cut is dropped.
    ///
    /// # Errors
    ///
    /// [`SamplesError::Io`].
    pub fn begin(journal: &Utf8Path, begin: SessionBegin) -> Result<Self, SamplesError> {
        Self::begin_within(journal, begin, MAX_FILE_BYTES)
    }

    fn begin_within(journal: &Utf8Path, begin: SessionBegin, limit: u64) -> Result<Self, SamplesError> {
        let path = samples_path(journal);
        let opened = open_for_appending(&path);
        let (file, bytes) = opened.map_err(|source| SamplesError::Io {
            path: path.clone(),
            source,
        })?;
        let mut log = Self {
            path,
            file,
            bytes,
            limit,
        };
        log.write(&SampleLine::Begin(begin))?;
        Ok(log)
    }

    /// Writes a line. A file that has become too large takes no more samples, and everything else.
    ///
    /// Lines are not synced one by one: samples that a power failure takes are no loss to the run.
    ///
    /// # Errors
    ///
    /// [`SamplesError::Io`].
    pub fn write(&mut self, line: &SampleLine) -> Result<(), SamplesError> {
        if matches!(line, SampleLine::Sample(_)) && self.bytes >= self.limit {
            return Ok(());
        }
        let mut text = serde_json::to_vec(line).expect("a sample is JSON all through");
        text.push(b'\n');
        // One write, so that a reader never sees half of a line that was not cut by a crash.
        let written = self.file.write_all(&text);
        written.map_err(|source| SamplesError::Io {
            path: self.path.clone(),
            source,
        })?;
        self.bytes = self.bytes.saturating_add(u64::try_from(text.len()).unwrap_or(u64::MAX));
        Ok(())
    }

    /// Returns the file.
    #[must_use]
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }
}

fn open_for_appending(path: &Utf8Path) -> std::io::Result<(File, u64)> {
    let mut file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)?;
    let length = file.metadata()?.len();
    let kept = whole_lines(&mut file, length)?;
    if kept < length {
        file.set_len(kept)?;
    }
    Ok((file, kept))
}

/// Returns the length of the file up to the end of its last whole line.
fn whole_lines(file: &mut File, length: u64) -> std::io::Result<u64> {
    let looked_at = length.min(MAX_LINE_BYTES);
    file.seek(SeekFrom::Start(length - looked_at))?;
    let mut tail = Vec::new();
    file.take(looked_at).read_to_end(&mut tail)?;
    let after_newline = tail.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let cut = tail.len() - after_newline;
    Ok(length - u64::try_from(cut).unwrap_or(length))
}

/// All samples of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Samples {
    /// One for each process that looked, in order.
    pub sessions: Vec<Session>,
    /// Lines that could not be read.
    pub unreadable_lines: u64,
}

/// The samples of one process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// How it looked.
    pub begin: SessionBegin,
    /// What it saw, in order.
    pub samples: Vec<Sample>,
    /// Why the watch asked the run to stop, if it did.
    pub stopped: Option<StopAsked>,
    /// When it stopped looking; none for a process that was killed, or is at work.
    pub ended_at: Option<Timestamp>,
}

impl Samples {
    /// Reads the samples beside a journal, also while a process writes them; none if there is no such file.
    ///
    /// # Errors
    ///
    /// [`SamplesError::Io`], and [`SamplesError::Format`] for a newer format. Lines that cannot be read are counted.
    pub fn read(journal: &Utf8Path) -> Result<Option<Self>, SamplesError> {
        let mut follower = SampleFollower::new(journal);
        let mut samples = Self::default();
        if !follower.path.exists() {
            return Ok(None);
        }
        for line in follower.read_new()? {
            samples.take(line);
        }
        samples.unreadable_lines += follower.unreadable_lines;
        Ok(Some(samples))
    }

    /// Takes the next line.
    pub fn take(&mut self, line: SampleLine) {
        if let SampleLine::Begin(begin) = line {
            self.sessions.push(Session {
                begin,
                samples: Vec::new(),
                stopped: None,
                ended_at: None,
            });
            return;
        }
        let Some(session) = self.sessions.last_mut() else {
            self.unreadable_lines += 1;
            return;
        };
        match line {
            SampleLine::Begin(_) => {}
            SampleLine::Sample(sample) => session.samples.push(sample),
            SampleLine::Stopped(asked) => session.stopped = Some(asked),
            SampleLine::End { at } => session.ended_at = Some(at),
        }
    }

    /// Returns every sample, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Sample> {
        self.sessions.iter().flat_map(|session| &session.samples)
    }

    /// Returns the last sample.
    #[must_use]
    pub fn last(&self) -> Option<&Sample> {
        self.iter().next_back()
    }
}

/// Reads samples as they are written, each line once.
#[derive(Clone, Debug)]
pub struct SampleFollower {
    path: Utf8PathBuf,
    offset: u64,
    /// Lines that could not be read.
    unreadable_lines: u64,
}

impl SampleFollower {
    /// Follows the samples beside a journal, from their beginning; the file need not be there yet.
    #[must_use]
    pub fn new(journal: &Utf8Path) -> Self {
        Self {
            path: samples_path(journal),
            offset: 0,
            unreadable_lines: 0,
        }
    }

    /// Returns the lines that were written since the last call.
    ///
    /// # Errors
    ///
    /// [`SamplesError::Io`], and [`SamplesError::Format`] for a newer format. Lines that cannot be read are counted and left out.
    pub fn read_new(&mut self) -> Result<Vec<SampleLine>, SamplesError> {
        let path = &self.path;
        let io = |source| SamplesError::Io {
            path: path.clone(),
            source,
        };
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(io(source)),
        };
        file.seek(SeekFrom::Start(self.offset)).map_err(io)?;
        // A little more than a writer would leave, for the lines that it writes beyond the limit.
        let mut reader = BufReader::new(file.take(MAX_FILE_BYTES.saturating_mul(2)));
        let mut lines = Vec::new();
        while let Some((line, length)) = next_line(&mut reader).map_err(io)? {
            self.offset += length;
            match serde_json::from_slice(&line) {
                Ok(SampleLine::Begin(begin)) if begin.format > SAMPLES_FORMAT => {
                    let (path, found) = (self.path.clone(), begin.format);
                    return Err(SamplesError::Format { path, found });
                }
                Ok(line) => lines.push(line),
                Err(_) => self.unreadable_lines += 1,
            }
        }
        Ok(lines)
    }
}

/// Reads a line and returns it without its end, and how long it was with it; none at the end of the file, where half a line counts as none. A line that is
/// too long comes in pieces, and nothing reads them.
fn next_line(reader: &mut impl BufRead) -> std::io::Result<Option<(Vec<u8>, u64)>> {
    let mut line = Vec::new();
    let length = reader.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line)?;
    let length = u64::try_from(length).unwrap_or(u64::MAX);
    if line.pop_if(|byte| *byte == b'\n').is_some() || length == MAX_LINE_BYTES {
        return Ok(Some((line, length)));
    }
    Ok(None)
}

#[cfg(test)]
mod tests;
