//! The journal: one SQLite file per run that holds the plan and every event, and loses none that was acknowledged.
//!
//! # Format
//!
//! `application_id` is `REEV`, `user_version` the format. Table `head` has one row: the run, the plan's JSON and its digest. Table
//! `events` has `seq`, `at`, the event as JSON and `chain`, the SHA-256 over the previous chain value, `seq`, `at` and JSON; the
//! first one builds on run and plan digest. Any change, gap or swap breaks the chain, so that a journal is either a true prefix of
//! what was written or an error.
//!
//! Old and new: a version reads every format up to its own and says of a newer one which version is needed. It writes only its
//! own format; a run begun in an older one is taken up by the version that began it, whose name the error tells. Events gain
//! fields only together with a new format number, because a reader that skipped a field might undo the wrong thing.

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use rusqlite::{Connection, ErrorCode, OpenFlags, params};
use sha2::{Digest, Sha256};

use crate::clock::Clock;
use crate::event::{Event, Holder, Record};
use crate::lock::RunLock;
use crate::plan::{Plan, PlanError};
use crate::state::{IllegalOrder, RunState};
use crate::{RunId, SecretFiles};

/// The layout of journals that this version writes.
pub const JOURNAL_FORMAT: u32 = 1;

const APPLICATION_ID: u32 = u32::from_be_bytes(*b"REEV");

/// Why a journal cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// A file or directory cannot be used.
    #[error("cannot use {path}")]
    Io {
        /// The file or directory.
        path: Utf8PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// SQLite cannot read or write the file.
    #[error("cannot read or write the journal {path}")]
    Database {
        /// The file.
        path: Utf8PathBuf,
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },
    /// The file system of the journal has no room left; nothing that was acknowledged is lost.
    #[error(
        "the disk is full, so the journal {path} cannot be written; free some space there and take the run up again"
    )]
    Full {
        /// The file.
        path: Utf8PathBuf,
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },
    /// The file is something else.
    #[error("{path} is not a journal of reeve")]
    NotAJournal {
        /// The file.
        path: Utf8PathBuf,
    },
    /// The journal has another format.
    #[error(
        "{path} is of journal format {found}, and this version uses format {JOURNAL_FORMAT}; \
         use the version that began the run"
    )]
    Format {
        /// The file.
        path: Utf8PathBuf,
        /// Its format.
        found: u32,
    },
    /// The file does not hold what was written.
    #[error("the journal {path} is damaged: {problem}; restore the file, or read the target with a new survey")]
    Damaged {
        /// The file.
        path: Utf8PathBuf,
        /// What does not fit.
        problem: String,
    },
    /// The plan in the journal cannot be used.
    #[error("the plan in the journal {path} cannot be used")]
    Plan {
        /// The file.
        path: Utf8PathBuf,
        /// Why not.
        #[source]
        source: PlanError,
    },
    /// The events stand in an order that cannot be.
    #[error("the journal {path} tells what cannot have happened")]
    Order {
        /// The file.
        path: Utf8PathBuf,
        /// Where and what.
        #[source]
        source: IllegalOrder,
    },
    /// The event cannot come next; nothing was written.
    #[error("the event was not written")]
    Refused(#[source] IllegalOrder),
    /// An earlier write failed, so nothing more is written by this process.
    #[error("an earlier write to {path} failed; take the run up again")]
    Broken {
        /// The file.
        path: Utf8PathBuf,
    },
    /// Another process works on the run.
    #[error("{}", held(path, by.as_ref()))]
    Held {
        /// The lock file.
        path: Utf8PathBuf,
        /// The process, if it can be known.
        by: Option<Holder>,
    },
    /// There is no such run.
    #[error("there is no run `{run}` in {directory}; `reeve run list` shows them")]
    NoSuchRun {
        /// What was asked for.
        run: String,
        /// Where.
        directory: Utf8PathBuf,
    },
    /// The beginning of a name fits several runs.
    #[error("`{run}` can be any of {}; give more of the name", candidates.join(", "))]
    Ambiguous {
        /// What was asked for.
        run: String,
        /// The runs that it fits.
        candidates: Vec<String>,
    },
}

impl JournalError {
    /// Makes an error of what SQLite said. On a full disk it says so only sometimes, and "I/O error" otherwise.
    fn of_database(path: &Utf8Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        let is_full = match source.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => true,
            Some(ErrorCode::SystemIoFailure) => has_no_room(&path),
            _ => false,
        };
        if is_full {
            Self::Full { path, source }
        } else {
            Self::Database { path, source }
        }
    }
}

/// Tells whether the file system of a file is full, as far as it says.
fn has_no_room(path: &Utf8Path) -> bool {
    rustix::fs::statvfs(path.as_std_path()).is_ok_and(|stat| stat.f_bavail == 0)
}

fn held(path: &Utf8Path, by: Option<&Holder>) -> String {
    let who = by.map_or_else(|| "another process".to_owned(), ToString::to_string);
    format!("the run is held by {who} ({path}); wait for it, or end it and take the run up again")
}

/// The journal of a run that this process holds.
#[derive(Debug)]
pub struct Journal {
    file: JournalFile,
    clock: Clock,
    broken: bool,
    _lock: RunLock,
}

/// A journal's file, read and folded.
#[derive(Debug)]
pub(crate) struct JournalFile {
    path: Utf8PathBuf,
    connection: Connection,
    run: RunId,
    chain: [u8; 32],
    state: RunState,
}

impl Journal {
    /// Writes a new journal, whole or not at all, and takes the run.
    pub(crate) fn create(
        path: &Utf8Path,
        run: RunId,
        plan: Plan,
        holder: &Holder,
        clock: Clock,
    ) -> Result<Self, JournalError> {
        // What a person approved is under the digest; a plan that was changed since must not become a run.
        let checked = plan.check_seal("the plan").and_then(|()| plan.check());
        checked.map_err(|source| JournalError::Plan {
            path: path.to_owned(),
            source,
        })?;
        let lock = RunLock::take(&lock_path(path), holder)?;
        if path.exists() {
            let source = std::io::Error::from(std::io::ErrorKind::AlreadyExists);
            return Err(JournalError::Io {
                path: path.to_owned(),
                source,
            });
        }
        let directory = path.parent().unwrap_or(Utf8Path::new("."));
        let temporary = directory.join(format!(".{run}.new"));
        let io = |source| JournalError::Io {
            path: temporary.clone(),
            source,
        };
        // SQLite gives its side files the mode of the main file, so this one has to exist with the right mode before.
        std::os::unix::fs::OpenOptionsExt::mode(std::fs::OpenOptions::new().write(true).create_new(true), 0o600)
            .open(&temporary)
            .map_err(io)?;
        let created = Event::RunCreated {
            run: run.clone(),
            operation: plan.operation.clone(),
            plan_digest: plan.digest.clone(),
            target: plan.target.clone(),
        };
        let written = write_head(&temporary, &run, &plan, created, clock.now());
        let synced = written.and_then(|()| {
            std::fs::File::open(&temporary)
                .and_then(|file| file.sync_all())
                .map_err(io)?;
            std::fs::rename(&temporary, path).map_err(io)?;
            std::fs::File::open(directory)
                .and_then(|directory| directory.sync_all())
                .map_err(io)
        });
        if let Err(error) = synced {
            let _ = std::fs::remove_file(&temporary);
            return Err(error);
        }
        Self::take(path, lock, holder, clock)
    }

    /// Opens a journal and takes the run.
    pub(crate) fn open(path: &Utf8Path, holder: &Holder, clock: Clock) -> Result<Self, JournalError> {
        let lock = RunLock::take(&lock_path(path), holder)?;
        Self::take(path, lock, holder, clock)
    }

    fn take(path: &Utf8Path, lock: RunLock, holder: &Holder, clock: Clock) -> Result<Self, JournalError> {
        let (file, _) = JournalFile::read(path, Access::Write)?;
        let mut journal = Self {
            file,
            clock,
            broken: false,
            _lock: lock,
        };
        journal.append(Event::RunTaken { by: holder.clone() })?;
        Ok(journal)
    }

    /// Writes an event and returns its record; when this returns, the event outlives a crash of process and machine.
    ///
    /// # Errors
    ///
    /// [`JournalError::Refused`] if the event cannot come next, and nothing has changed; [`JournalError::Database`] if it could not
    /// be written, and from then on [`JournalError::Broken`], because nobody knows whether it was.
    pub fn append(&mut self, event: Event) -> Result<Record, JournalError> {
        let path = || self.file.path.clone();
        if self.broken {
            return Err(JournalError::Broken { path: path() });
        }
        let record = Record {
            seq: self.file.state.seq() + 1,
            at: self.clock.now(),
            event,
        };
        self.file.state.allows(&record.event).map_err(|expected| {
            let found = crate::state::told(&record.event);
            JournalError::Refused(IllegalOrder {
                seq: record.seq,
                found,
                expected,
            })
        })?;
        let chain = insert(&self.file.connection, &self.file.chain, &record).map_err(|source| {
            self.broken = true;
            JournalError::of_database(&self.file.path, source)
        })?;
        self.file.chain = chain;
        self.file.state.take(&record);
        Ok(record)
    }

    /// Returns the run.
    #[must_use]
    pub fn run(&self) -> &RunId {
        &self.file.run
    }

    /// Returns the plan.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        self.file.state.plan()
    }

    /// Returns the state to which the events add up.
    #[must_use]
    pub fn state(&self) -> &RunState {
        &self.file.state
    }

    /// Returns the run's secret files.
    #[must_use]
    pub fn secrets(&self) -> SecretFiles {
        SecretFiles::in_directory(self.file.path.with_extension("secrets"))
    }

    /// Returns the journal's file.
    #[must_use]
    pub fn path(&self) -> &Utf8Path {
        &self.file.path
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
}

impl JournalFile {
    /// Reads a journal, with all that is checked on the way, and returns its records too.
    pub(crate) fn read(path: &Utf8Path, access: Access) -> Result<(Self, Vec<Record>), JournalError> {
        let database = |source| JournalError::of_database(path, source);
        let damaged = |problem: String| JournalError::Damaged {
            path: path.to_owned(),
            problem,
        };
        // Opened for writing also where nothing is written: what a crash left in the write-ahead log has to be seen.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(database)?;
        connection
            .busy_timeout(std::time::Duration::from_secs(5))
            .map_err(database)?;
        let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, u32>(0));
        if pragma("application_id").map_err(database)? != APPLICATION_ID {
            return Err(JournalError::NotAJournal { path: path.to_owned() });
        }
        let found = pragma("user_version").map_err(database)?;
        if found != JOURNAL_FORMAT {
            return Err(JournalError::Format {
                path: path.to_owned(),
                found,
            });
        }
        let check: String = connection
            .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
            .map_err(database)?;
        if check != "ok" {
            return Err(damaged(crate::event::safe(&check)));
        }
        configure(&connection, access).map_err(database)?;

        let (run, json): (String, Vec<u8>) = connection
            .query_row("SELECT run, plan FROM head", [], |row| Ok((row.get(0)?, row.get(1)?)))
            .map_err(database)?;
        let run = RunId::new(run).map_err(|error| damaged(error.to_string()))?;
        let plan = Plan::from_json(&json, "the plan in the journal").map_err(|source| JournalError::Plan {
            path: path.to_owned(),
            source,
        })?;
        drop(json);

        let mut chain = chain_start(&run, &plan.digest);
        let mut state = RunState::new(Arc::new(plan));
        let mut records = Vec::new();
        {
            let mut query = connection
                .prepare("SELECT seq, at, json, chain FROM events ORDER BY seq")
                .map_err(database)?;
            let mut rows = query.query([]).map_err(database)?;
            while let Some(row) = rows.next().map_err(database)? {
                let stored = (|| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))();
                let (seq, at, json, stored): (i64, String, String, Vec<u8>) = stored.map_err(database)?;
                let seq = u64::try_from(seq).map_err(|_| damaged("a record has a negative number".to_owned()))?;
                chain = chain_next(&chain, seq, &at, &json);
                if seq != state.seq() + 1 || stored != chain {
                    return Err(damaged(format!(
                        "record {} is not the one that was written",
                        state.seq() + 1
                    )));
                }
                let unreadable = |what: String| damaged(format!("record {seq} cannot be read: {what}"));
                let at = at.parse().map_err(|error: jiff::Error| unreadable(error.to_string()))?;
                let event = serde_json::from_str(&json).map_err(|error| unreadable(error.to_string()))?;
                let record = Record { seq, at, event };
                state.apply(&record).map_err(|source| JournalError::Order {
                    path: path.to_owned(),
                    source,
                })?;
                records.push(record);
            }
        }
        if records.is_empty() {
            return Err(damaged("it has no records".to_owned()));
        }
        Ok((
            Self {
                path: path.to_owned(),
                connection,
                run,
                chain,
                state,
            },
            records,
        ))
    }

    pub(crate) fn run(&self) -> &RunId {
        &self.run
    }

    pub(crate) fn state(&self) -> &RunState {
        &self.state
    }
}

pub(crate) fn lock_path(journal: &Utf8Path) -> Utf8PathBuf {
    journal.with_extension("lock")
}

fn write_head(
    path: &Utf8Path,
    run: &RunId,
    plan: &Plan,
    created: Event,
    at: jiff::Timestamp,
) -> Result<(), JournalError> {
    let database = |source| JournalError::of_database(path, source);
    let mut connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
    .map_err(database)?;
    let write = || {
        connection.pragma_update(None, "application_id", APPLICATION_ID)?;
        connection.pragma_update(None, "user_version", JOURNAL_FORMAT)?;
        let transaction = connection.transaction()?;
        transaction.execute_batch(
            "CREATE TABLE head (run TEXT NOT NULL, plan BLOB NOT NULL) STRICT;
             CREATE TABLE events (
                 seq INTEGER PRIMARY KEY, at TEXT NOT NULL, json TEXT NOT NULL, chain BLOB NOT NULL
             ) STRICT;",
        )?;
        transaction.execute(
            "INSERT INTO head VALUES (?1, ?2)",
            params![run.as_str(), plan.to_json().into_bytes()],
        )?;
        let record = Record {
            seq: 1,
            at,
            event: created,
        };
        insert(&transaction, &chain_start(run, &plan.digest), &record)?;
        transaction.commit()?;
        configure(&connection, Access::Write)
    };
    write().map_err(database)
}

fn configure(connection: &Connection, access: Access) -> rusqlite::Result<()> {
    match access {
        Access::Read => connection.pragma_update(None, "query_only", true),
        Access::Write => {
            connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get::<_, String>(0))?;
            // FULL syncs the log at every commit; WAL with NORMAL would not.
            connection.pragma_update(None, "synchronous", "full")
        }
    }
}

fn insert(connection: &Connection, chain: &[u8; 32], record: &Record) -> rusqlite::Result<[u8; 32]> {
    let at = record.at.to_string();
    let json = serde_json::to_string(&record.event).expect("an event is JSON all through");
    let chain = chain_next(chain, record.seq, &at, &json);
    // SQLite numbers are signed; no run gets near the difference.
    let seq = i64::try_from(record.seq).unwrap_or(i64::MAX);
    connection.execute(
        "INSERT INTO events VALUES (?1, ?2, ?3, ?4)",
        params![seq, at, json, chain],
    )?;
    Ok(chain)
}

fn chain_start(run: &RunId, plan_digest: &str) -> [u8; 32] {
    Sha256::digest(format!("reeve journal {JOURNAL_FORMAT}\n{run}\n{plan_digest}\n")).into()
}

fn chain_next(before: &[u8; 32], seq: u64, at: &str, json: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(before);
    hash.update(format!("{seq}\n{at}\n"));
    hash.update(json);
    hash.finalize().into()
}

#[cfg(test)]
mod tests;
