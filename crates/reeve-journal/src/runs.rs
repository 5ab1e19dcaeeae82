//! The runs in a directory: making, finding, listing, showing and exporting them.

use std::fs::DirBuilder;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};

use camino::{Utf8Path, Utf8PathBuf};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::RunId;
use crate::clock::Clock;
use crate::event::{Holder, Record};
use crate::journal::{Access, Journal, JournalError, JournalFile, lock_path};
use crate::lock;
use crate::plan::{PhaseName, Plan, StepId, StepKind, Target};
use crate::state::{Condition, RunState, StepStatus};

/// A directory of runs: `RUN.journal` with its lock and secret files beside it.
#[derive(Debug, Clone)]
pub struct Runs {
    directory: Utf8PathBuf,
    clock: Clock,
}

/// A run in a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunSummary {
    /// The run.
    pub run: RunId,
    /// It is a rehearsal: a plan played on a model, with nothing changed anywhere.
    #[serde(default)]
    pub is_rehearsal: bool,
    /// The operation that can take it up.
    pub operation: String,
    /// What it changes.
    pub target: Target,
    /// What it is doing, or why it is not.
    pub condition: Condition,
    /// How many steps are done.
    pub steps_done: usize,
    /// How many steps the plan has.
    pub steps: usize,
    /// When it was made.
    pub created_at: jiff::Timestamp,
    /// When it last wrote an event.
    pub updated_at: jiff::Timestamp,
    /// Whether a process holds it now.
    pub is_held: bool,
    /// The process that holds it or held it last.
    pub holder: Option<Holder>,
}

/// A run with its steps and events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunDetail {
    /// The run in a line.
    pub summary: RunSummary,
    /// Its steps, in the order of running.
    pub steps: Vec<StepDetail>,
    /// Its events, in order.
    pub records: Vec<Record>,
    /// The plan that it follows.
    pub plan: Plan,
}

/// One step of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StepDetail {
    /// The step.
    pub step: StepId,
    /// Its kind.
    pub kind: StepKind,
    /// Its phase.
    pub phase: PhaseName,
    /// The subject of its hand-over.
    pub subject: String,
    /// How far it is.
    pub status: StepStatus,
    /// How often it was begun.
    pub attempts: u32,
    /// When it was last begun, forward or back.
    pub began_at: Option<jiff::Timestamp>,
    /// When that ended.
    pub ended_at: Option<jiff::Timestamp>,
    /// What it recorded.
    pub output: Value,
}

/// A file that has the name of a run and cannot be read as one.
#[derive(Debug)]
pub struct UnreadableRun {
    /// The run, by the file's name.
    pub run: RunId,
    /// Why it cannot be read.
    pub error: JournalError,
}

impl Runs {
    /// Uses a directory, making it with mode 0700 if it is missing.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`] if it cannot be made, or others than its owner can write to it.
    pub fn in_dir(directory: impl Into<Utf8PathBuf>) -> Result<Self, JournalError> {
        let directory = directory.into();
        let io = |source| JournalError::Io {
            path: directory.clone(),
            source,
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&directory)
            .map_err(io)?;
        let mode = std::fs::metadata(&directory).map_err(io)?.mode() & 0o7777;
        if mode & 0o022 != 0 {
            return Err(io(std::io::Error::other(format!(
                "others can write to it (mode {mode:04o}); make it 0700"
            ))));
        }
        let clock = Clock::default();
        Ok(Self { directory, clock })
    }

    /// Lets the records of the runs that are made or taken from now on have their times from `clock`.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Returns the directory.
    #[must_use]
    pub fn directory(&self) -> &Utf8Path {
        &self.directory
    }

    /// Makes a run from a sealed plan, whole or not at all, and takes it.
    ///
    /// # Errors
    ///
    /// [`JournalError::Plan`] if the plan is not sealed, was changed since or does not hold together; or what keeps the journal
    /// from being written.
    pub fn create(&self, plan: Plan, holder: &Holder) -> Result<Journal, JournalError> {
        let run = self.free_name(&plan.operation, holder);
        Journal::create(&self.path(&run), run.clone(), plan, holder, self.clock.clone())
    }

    /// Makes a run that plays the plan on a model and changes nothing; its name says so for good ([`RunId::is_rehearsal`]).
    ///
    /// # Errors
    ///
    /// Those of [`Runs::create`].
    pub fn create_rehearsal(&self, plan: Plan, holder: &Holder) -> Result<Journal, JournalError> {
        let run = self.free_name(RunId::REHEARSAL, holder);
        Journal::create(&self.path(&run), run.clone(), plan, holder, self.clock.clone())
    }

    fn free_name(&self, word: &str, holder: &Holder) -> RunId {
        // The random part of a name is short; a second name is enough unless the directory is full of them.
        let make = || RunId::make(word, holder.since);
        (0..8)
            .map(|_| make())
            .find(|run| !self.path(run).exists())
            .unwrap_or_else(make)
    }

    /// Opens a run and takes it, to go on with it.
    ///
    /// # Errors
    ///
    /// [`JournalError::Held`] if another process works on it, [`JournalError::NoSuchRun`], or what is wrong with the journal.
    pub fn open(&self, run: &RunId, holder: &Holder) -> Result<Journal, JournalError> {
        self.must_exist(run)?;
        Journal::open(&self.path(run), holder, self.clock.clone())
    }

    /// Returns the runs, oldest first; those that cannot be read are returned apart and hide none of the others.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`] if the directory cannot be read.
    pub fn list(&self) -> Result<(Vec<RunSummary>, Vec<UnreadableRun>), JournalError> {
        let (mut summaries, mut unreadable) = (Vec::new(), Vec::new());
        for run in self.names()? {
            match self.read(&run) {
                Ok((file, _)) => summaries.push(self.summary(&file)?),
                Err(error) => unreadable.push(UnreadableRun { run, error }),
            }
        }
        summaries.sort_by(|one, other| (one.run.second(), one.created_at).cmp(&(other.run.second(), other.created_at)));
        Ok((summaries, unreadable))
    }

    /// Returns everything about a run; reads only, also while a process works on it.
    ///
    /// # Errors
    ///
    /// [`JournalError::NoSuchRun`], or what is wrong with the journal.
    pub fn show(&self, run: &RunId) -> Result<RunDetail, JournalError> {
        let (file, records) = self.read(run)?;
        let summary = self.summary(&file)?;
        let state = file.state();
        let steps = state.progress().iter().enumerate().map(|(index, progress)| {
            let (phase, hand_over, planned) = state.step(index);
            StepDetail {
                step: planned.id.clone(),
                kind: planned.kind.clone(),
                phase: phase.name.clone(),
                subject: hand_over.subject.clone(),
                status: progress.status.clone(),
                attempts: progress.attempts,
                began_at: progress.began_at,
                ended_at: progress.ended_at,
                output: progress.output.clone(),
            }
        });
        Ok(RunDetail {
            summary,
            steps: steps.collect(),
            records,
            plan: state.plan().clone(),
        })
    }

    /// Tells whether a process works on a run now.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`] if the lock cannot be looked at.
    pub fn is_held(&self, run: &RunId) -> Result<bool, JournalError> {
        Ok(lock::holder(&lock_path(&self.path(run)))?.is_some())
    }

    /// Writes a run as lines of JSON: first run and plan, then one record a line.
    ///
    /// # Errors
    ///
    /// [`JournalError::NoSuchRun`], what is wrong with the journal, or [`JournalError::Io`] if `out` cannot be written to.
    pub fn export(&self, run: &RunId, out: &mut impl Write) -> Result<(), JournalError> {
        let (file, records) = self.read(run)?;
        let io = |source| JournalError::Io {
            path: Utf8PathBuf::from("the export"),
            source,
        };
        let head = json!({ "run": run, "plan": file.state().plan() });
        writeln!(out, "{head}").map_err(io)?;
        for record in records {
            serde_json::to_writer(&mut *out, &record).map_err(|error| io(error.into()))?;
            writeln!(out).map_err(io)?;
        }
        out.flush().map_err(io)
    }

    /// Finds a run by its name or the beginning of it; `latest` is the one made last.
    ///
    /// # Errors
    ///
    /// [`JournalError::NoSuchRun`] or [`JournalError::Ambiguous`].
    pub fn find(&self, name: &str) -> Result<RunId, JournalError> {
        let mut fits = self.names()?;
        if name == "latest" {
            fits = self.made_last(fits);
        } else {
            fits.retain(|run| run.as_str().starts_with(name));
        }
        match fits.len() {
            0 => {
                let run = crate::event::safe(name);
                Err(JournalError::NoSuchRun {
                    run,
                    directory: self.directory.clone(),
                })
            }
            1 => Ok(fits.remove(0)),
            _ => {
                let candidates = fits.iter().take(10).map(ToString::to_string).collect();
                Err(JournalError::Ambiguous {
                    run: crate::event::safe(name),
                    candidates,
                })
            }
        }
    }

    /// Returns the runs on a target that are neither finished nor undone to their beginning, so that nobody begins another beside them.
    /// Rehearsals do not count.
    ///
    /// # Errors
    ///
    /// [`JournalError`] also for a run that cannot be read: it may be one on this target.
    pub fn unfinished_on(&self, target: &Target) -> Result<Vec<RunSummary>, JournalError> {
        let (mut runs, unreadable) = self.list()?;
        if let Some(unreadable) = unreadable.into_iter().next() {
            return Err(unreadable.error);
        }
        runs.retain(|run| {
            let is_over = match run.condition {
                Condition::Finished => true,
                Condition::Paused(crate::PauseReason::Undone) => run.steps_done == 0,
                _ => false,
            };
            run.target.kind == target.kind && run.target.id == target.id && !is_over && !run.is_rehearsal
        });
        Ok(runs)
    }

    /// Returns the file of a run's journal.
    #[must_use]
    pub fn path(&self, run: &RunId) -> Utf8PathBuf {
        self.directory.join(format!("{run}.journal"))
    }

    /// Returns the run made last of those whose names are in order, if there is one. A name tells the second; of runs made within one, their journals tell.
    fn made_last(&self, names: Vec<RunId>) -> Vec<RunId> {
        let Some(second) = names.last().map(|run| run.second().to_owned()) else {
            return names;
        };
        let same: Vec<RunId> = names.into_iter().filter(|run| run.second() == second).collect();
        if same.len() == 1 {
            return same;
        }
        let made_at = |run: &RunId| self.read(run).ok().and_then(|(file, _)| file.state().created_at());
        same.into_iter().max_by_key(made_at).into_iter().collect()
    }

    fn names(&self) -> Result<Vec<RunId>, JournalError> {
        let io = |source| JournalError::Io {
            path: self.directory.clone(),
            source,
        };
        let mut names = Vec::new();
        for entry in self.directory.read_dir_utf8().map_err(io)? {
            let entry = entry.map_err(io)?;
            // Whatever else lies here is not ours to judge.
            if let Some(run) = entry
                .file_name()
                .strip_suffix(".journal")
                .and_then(|name| RunId::new(name).ok())
            {
                names.push(run);
            }
        }
        names.sort();
        Ok(names)
    }

    fn must_exist(&self, run: &RunId) -> Result<(), JournalError> {
        if self.path(run).exists() {
            return Ok(());
        }
        Err(JournalError::NoSuchRun {
            run: run.to_string(),
            directory: self.directory.clone(),
        })
    }

    fn read(&self, run: &RunId) -> Result<(JournalFile, Vec<Record>), JournalError> {
        self.must_exist(run)?;
        let path = self.path(run);
        let (file, records) = JournalFile::read(&path, Access::Read)?;
        if file.run() != run {
            let problem = format!("it is the journal of {}", file.run());
            return Err(JournalError::Damaged { path, problem });
        }
        Ok((file, records))
    }

    fn summary(&self, file: &JournalFile) -> Result<RunSummary, JournalError> {
        let state: &RunState = file.state();
        let held = lock::holder(&lock_path(&self.path(file.run())))?;
        let plan = state.plan();
        let epoch = jiff::Timestamp::UNIX_EPOCH;
        Ok(RunSummary {
            run: file.run().clone(),
            is_rehearsal: file.run().is_rehearsal(),
            operation: plan.operation.clone(),
            target: plan.target.clone(),
            condition: state.condition().clone(),
            steps_done: state.position(),
            steps: state.len(),
            created_at: state.created_at().unwrap_or(epoch),
            updated_at: state.updated_at().unwrap_or(epoch),
            is_held: held.is_some(),
            holder: held.flatten().or_else(|| state.holder().cloned()),
        })
    }
}
