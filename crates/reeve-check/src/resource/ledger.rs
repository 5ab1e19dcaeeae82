//! What a run is about to make, has made and has deleted, on disk before it happens.
//!
//! Shape: one file per run and login, `RUN.jsonl` and `RUN-DOMAIN.jsonl` for a domain manager's, for its owner only; the first line says which run and cloud, each further one is a [`Line`]. Every line is synced before what it announces is done. A line that a crash cut
//! off at the end counts as not written, because what it announces was not begun. The process that works with a ledger holds a lock on the file, so that nobody cleans up behind a run that is at work.
//! A run that leaves nothing behind takes its ledger away.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use rustix::fs::FlockOperation;
use serde::{Deserialize, Serialize};

use super::kind::Kind;
use super::name::RunId;
use super::owner::Owner;

/// The version of the shape; a reader refuses a higher one.
const FORMAT: u32 = 1;

/// Largest ledger that is read; a run makes some dozens of things.
const MAX_BYTES: u64 = 4 << 20;

/// A ledger cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// File or folder cannot be used.
    #[error("{path} cannot be used")]
    File {
        /// File or folder.
        path: Utf8PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is no ledger.
    #[error("{path} is no ledger of `reeve check`: {what}")]
    Shape {
        /// The file.
        path: Utf8PathBuf,
        /// What is wrong.
        what: String,
    },
    /// Another process works with it.
    #[error("{path} belongs to a run that is at work")]
    Held {
        /// The file.
        path: Utf8PathBuf,
    },
}

/// Which run and cloud a ledger is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerHead {
    /// The version of the shape.
    pub ledger: u32,
    /// The run.
    pub run: RunId,
    /// The program and its version.
    pub tool: String,
    /// The cloud, as clouds.yaml calls it.
    pub cloud: String,
    /// Keystone's address.
    pub auth_url: String,
    /// The region.
    pub region: Option<String>,
    /// The id of the project, if the login is for one.
    pub project: Option<String>,
    /// The id of the domain, if the login is for one, as that of a domain manager.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// When it was begun.
    pub at: Timestamp,
}

impl LedgerHead {
    /// Returns a head in the present format.
    pub(crate) fn new(
        run: RunId,
        tool: String,
        cloud: &reeve_openstack::CloudConfig,
        owner: &Owner,
        at: Timestamp,
    ) -> LedgerHead {
        LedgerHead {
            ledger: FORMAT,
            run,
            tool,
            cloud: cloud.name.clone(),
            auth_url: cloud.auth_url.clone(),
            region: cloud.region.clone(),
            project: owner.project.clone(),
            domain: owner.domain.clone(),
            at,
        }
    }

    fn file_name(&self) -> String {
        match &self.domain {
            None => format!("{}.jsonl", self.run),
            Some(domain) => {
                let plain = domain.chars().filter(char::is_ascii_alphanumeric).take(64);
                format!("{}-{}.jsonl", self.run, plain.collect::<String>())
            }
        }
    }
}

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Line {
    /// This is about to be made.
    Intent { number: u32, kind: Kind, name: String },
    /// It was made, or found by its name.
    Made { number: u32, id: String },
    /// The cloud refused to make it, so it is not there.
    Refused { number: u32, because: String },
    /// It is gone.
    Gone { number: u32 },
    /// It could not be deleted.
    Stays { number: u32, because: String },
}

/// Something in a ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerEntry {
    /// Its number in the run.
    pub number: u32,
    /// What it is.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Its id, if it is known.
    pub id: Option<String>,
    /// What is known of it.
    pub status: LedgerStatus,
}

/// What is known of something in a ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LedgerStatus {
    /// It may or may not be there.
    Intended,
    /// It was made.
    Made,
    /// It is not there.
    Gone,
    /// It could not be deleted, for this reason.
    Stays(String),
}

/// What a ledger says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerState {
    /// Which run and cloud.
    pub head: LedgerHead,
    /// What the run meant to make, by number.
    pub entries: BTreeMap<u32, LedgerEntry>,
}

impl LedgerState {
    /// Returns what may still be there.
    pub fn open(&self) -> impl Iterator<Item = &LedgerEntry> {
        self.entries.values().filter(|entry| entry.status != LedgerStatus::Gone)
    }

    fn known(&mut self, number: u32) -> Result<&mut LedgerEntry, String> {
        self.entries
            .get_mut(&number)
            .ok_or_else(|| format!("number {number} was never intended"))
    }

    fn apply(&mut self, line: Line) -> Result<(), String> {
        match line {
            Line::Intent { number, kind, name } => {
                let entry = LedgerEntry {
                    number,
                    kind,
                    name,
                    id: None,
                    status: LedgerStatus::Intended,
                };
                if self.entries.insert(number, entry).is_some() {
                    return Err(format!("number {number} was intended twice"));
                }
            }
            Line::Made { number, id } => {
                let entry = self.known(number)?;
                entry.id = Some(id);
                entry.status = LedgerStatus::Made;
            }
            Line::Refused { number, .. } | Line::Gone { number } => self.known(number)?.status = LedgerStatus::Gone,
            Line::Stays { number, because } => self.known(number)?.status = LedgerStatus::Stays(because),
        }
        Ok(())
    }
}

/// A ledger that this process works with; the lock goes with it.
#[derive(Debug)]
pub struct Ledger {
    path: Utf8PathBuf,
    file: File,
    state: LedgerState,
}

impl Ledger {
    /// Begins the ledger of a new run in `folder`, which is made if it is not there.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] if the file cannot be written; then nothing may be made in the cloud.
    pub fn begin(folder: &Utf8Path, head: LedgerHead) -> Result<Ledger, LedgerError> {
        let failed = |path: &Utf8Path| {
            let path = path.to_owned();
            move |source: std::io::Error| LedgerError::File { path, source }
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(failed(folder))?;
        let path = folder.join(head.file_name());
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(failed(&path))?;
        lock(&file, &path)?;
        let line = serde_json::to_string(&head).expect("a head has only text keys");
        writeln!(file, "{line}")
            .and_then(|()| file.sync_all())
            // The name of the file has to be on disk as well.
            .and_then(|()| File::open(folder)?.sync_all())
            .map_err(failed(&path))?;
        Ok(Ledger {
            path,
            file,
            state: LedgerState {
                head,
                entries: BTreeMap::new(),
            },
        })
    }

    /// Takes up the ledger of a run whose process is gone.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Held`] if the run is at work, else [`LedgerError`] if the file is no ledger.
    pub fn take_up(path: &Utf8Path) -> Result<Ledger, LedgerError> {
        let failed = |source: std::io::Error| LedgerError::File {
            path: path.to_owned(),
            source,
        };
        let mut file = OpenOptions::new().read(true).append(true).open(path).map_err(failed)?;
        lock(&file, path)?;
        let mut text = Vec::new();
        (&file).take(MAX_BYTES + 1).read_to_end(&mut text).map_err(failed)?;
        let (state, whole) = parse(&text).map_err(|what| LedgerError::Shape {
            path: path.to_owned(),
            what,
        })?;
        if whole < text.len() {
            // A line that was cut off; the next one must not be glued to it.
            file.set_len(whole as u64).map_err(failed)?;
            file.seek(SeekFrom::End(0)).map_err(failed)?;
        }
        Ok(Ledger {
            path: path.to_owned(),
            file,
            state,
        })
    }

    /// Returns what it says.
    pub fn state(&self) -> &LedgerState {
        &self.state
    }

    /// Writes a line down, on disk when this returns.
    pub(crate) fn write(&mut self, line: Line) -> Result<(), LedgerError> {
        let failed = |source: std::io::Error| LedgerError::File {
            path: self.path.clone(),
            source,
        };
        let text = serde_json::to_string(&line).expect("a line has only text keys");
        writeln!(self.file, "{text}")
            .and_then(|()| self.file.sync_data())
            .map_err(failed)?;
        self.state.apply(line).map_err(|what| LedgerError::Shape {
            path: self.path.clone(),
            what,
        })
    }

    /// Ends the work with it: takes the file away if nothing of the run can be there any more, and says whether it did.
    pub fn end(self) -> bool {
        // A ledger that cannot be removed says of everything that it is gone, and harms nobody.
        self.state.open().next().is_none() && std::fs::remove_file(&self.path).is_ok()
    }
}

fn lock(file: &File, path: &Utf8Path) -> Result<(), LedgerError> {
    match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(LedgerError::Held { path: path.to_owned() }),
        Err(error) => Err(LedgerError::File {
            path: path.to_owned(),
            source: error.into(),
        }),
    }
}

/// Reads a ledger; returns what it says and how many bytes of it are whole lines.
fn parse(text: &[u8]) -> Result<(LedgerState, usize), String> {
    if text.len() as u64 > MAX_BYTES {
        return Err(format!("it has more than {MAX_BYTES} bytes"));
    }
    let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let mut lines = text[..whole]
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty());
    let head: LedgerHead = match lines.next() {
        Some(line) => serde_json::from_slice(line).map_err(|error| format!("line 1: {error}"))?,
        None => return Err("it is empty".to_owned()),
    };
    if head.ledger != FORMAT {
        return Err(format!(
            "it has format {}; this version reads format {FORMAT}",
            head.ledger
        ));
    }
    let mut state = LedgerState {
        head,
        entries: BTreeMap::new(),
    };
    for (at, line) in lines.enumerate() {
        let wrong = |what: String| format!("line {}: {what}", at + 2);
        let line: Line = serde_json::from_slice(line).map_err(|error| wrong(error.to_string()))?;
        state.apply(line).map_err(wrong)?;
    }
    Ok((state, whole))
}

/// Returns the ledgers in a folder, oldest first; none if there is no such folder.
///
/// # Errors
///
/// [`LedgerError::File`] if the folder cannot be read.
pub fn read_ledgers(folder: &Utf8Path) -> Result<Vec<Utf8PathBuf>, LedgerError> {
    let failed = |source: std::io::Error| LedgerError::File {
        path: folder.to_owned(),
        source,
    };
    let mut paths = Vec::new();
    let entries = match folder.read_dir_utf8() {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(paths),
        Err(error) => return Err(failed(error)),
    };
    for entry in entries {
        let path = entry.map_err(failed)?.into_path();
        if run_of(&path).is_some() && path.extension() == Some("jsonl") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// Returns what a ledger says, and whether its run is at work. The ledger and its lock stay as they are.
///
/// # Errors
///
/// [`LedgerError`] if the file cannot be read or is no ledger.
pub fn peek_ledger(path: &Utf8Path) -> Result<(LedgerState, bool), LedgerError> {
    let failed = |source: std::io::Error| LedgerError::File {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(failed)?;
    // A lock that others may hold as well, for as long as this looks.
    let at_work = rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared) == Err(rustix::io::Errno::WOULDBLOCK);
    let mut text = Vec::new();
    (&file).take(MAX_BYTES + 1).read_to_end(&mut text).map_err(failed)?;
    let (state, _) = parse(&text).map_err(|what| LedgerError::Shape {
        path: path.to_owned(),
        what,
    })?;
    Ok((state, at_work))
}

/// Returns the run that a ledger is of, by the name of its file.
pub(crate) fn run_of(path: &Utf8Path) -> Option<RunId> {
    path.file_stem()?.split('-').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> LedgerHead {
        let at: Timestamp = "2026-11-21T16:12:59Z".parse().unwrap();
        LedgerHead {
            ledger: FORMAT,
            run: RunId::new(at, [1, 2, 3]),
            tool: "reeve 0.1.0".to_owned(),
            cloud: "c".to_owned(),
            auth_url: "https://c/identity".to_owned(),
            region: None,
            project: Some("p".to_owned()),
            domain: None,
            at,
        }
    }

    fn intent(number: u32) -> Line {
        Line::Intent {
            number,
            kind: Kind::Volume,
            name: format!("n{number}"),
        }
    }

    #[test]
    fn a_ledger_that_was_cut_anywhere_is_read_up_to_its_last_whole_line() {
        let holder = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(holder.path()).unwrap();
        let mut ledger = Ledger::begin(folder, head()).unwrap();
        let path = read_ledgers(folder).unwrap().remove(0);
        assert!(
            matches!(Ledger::take_up(&path), Err(LedgerError::Held { .. })),
            "its run is at work"
        );
        assert!(peek_ledger(&path).unwrap().1);
        for line in [
            intent(1),
            Line::Made {
                number: 1,
                id: "i1".to_owned(),
            },
            intent(2),
            Line::Refused {
                number: 2,
                because: "quota".to_owned(),
            },
            Line::Stays {
                number: 1,
                because: "busy".to_owned(),
            },
            Line::Gone { number: 1 },
        ] {
            ledger.write(line).unwrap();
        }
        drop(ledger);
        let text = std::fs::read(&path).unwrap();
        let begin = text.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        for cut in begin..=text.len() {
            std::fs::write(&path, &text[..cut]).unwrap();
            let mut ledger = Ledger::take_up(&path).unwrap();
            let lines = text[begin..cut].iter().filter(|byte| **byte == b'\n').count();
            let open = [0, 1, 1, 2, 1, 1, 0][lines];
            assert_eq!(ledger.state().open().count(), open, "after {lines} lines");
            ledger.write(intent(9)).unwrap();
            drop(ledger);
            assert_eq!(Ledger::take_up(&path).unwrap().state().open().count(), open + 1);
        }
        std::fs::write(&path, &text).unwrap();
        let (state, at_work) = peek_ledger(&path).unwrap();
        assert!(!at_work && state.entries.len() == 2);
        assert!(Ledger::take_up(&path).unwrap().end());
        assert!(read_ledgers(folder).unwrap().is_empty());
    }

    #[test]
    fn what_is_no_ledger_is_refused() {
        for (text, word) in [
            ("", "empty"),
            ("{}\n", "line 1"),
            (
                "{\"ledger\":9,\"run\":\"r261121161259a1b2c3\",\"tool\":\"\",\"cloud\":\"\",\"auth_url\":\"\",\"region\":null,\"project\":null,\"at\":\"2026-11-21T16:12:59Z\"}\n",
                "format 9",
            ),
        ] {
            let error = parse(text.as_bytes()).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
        let head = serde_json::to_string(&head()).unwrap();
        let error = parse(format!("{head}\n{{\"gone\":{{\"number\":3}}}}\n").as_bytes()).unwrap_err();
        assert_eq!(error, "line 2: number 3 was never intended");
    }
}
