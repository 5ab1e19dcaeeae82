//! The running programs of a cloud: started each in its cgroup, waited for, stopped, started again.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use rustix::process::Signal;

use super::root::{Fence, Root};
use super::service::{self, Answer, Layer, Service};
use crate::cgroup;
use crate::command::{last_lines, wait_for};
use crate::error::{LabError, Result};
use crate::process::{first_child, signal_member};
use crate::state::{Line, Record, Started};

/// How long a program may take until it answers, on a machine that does other things too.
const ANSWER: Duration = Duration::from_secs(600);
/// How long a program may take to end when it is asked to.
const END: Duration = Duration::from_secs(20);

/// A cloud's root and programs.
pub(super) struct Cloud<'a> {
    pub(super) root: Root,
    folder: Utf8PathBuf,
    fence: Fence,
    /// Where started programs are written down; a cloud that is only made to be stored has none.
    record: Option<&'a Record>,
    started: Mutex<BTreeMap<String, Started>>,
}

impl<'a> Cloud<'a> {
    /// Makes the root of a cloud in `folder` over `tree`. What `folder/upper` holds is there from the beginning.
    pub(super) fn begin(tree: &Utf8Path, folder: &Utf8Path, fence: &Fence, record: Option<&'a Record>) -> Result<Self> {
        for name in ["upper", "logs"] {
            let path = folder.join(name);
            std::fs::create_dir_all(&path).map_err(LabError::file("make", &path))?;
        }
        let holder = Root::begin(tree, folder, fence)?;
        if let Some(record) = record {
            record.append(&Line::Runs {
                process: holder.clone(),
            })?;
        }
        let root = Root::new(folder, fence, holder);
        root.wait_until_made()?;
        Ok(Self::of(root, folder, fence, record, []))
    }

    /// Returns a cloud whose root and programs run already.
    pub(super) fn of(
        root: Root,
        folder: &Utf8Path,
        fence: &Fence,
        record: Option<&'a Record>,
        started: impl IntoIterator<Item = Started>,
    ) -> Self {
        let started = started.into_iter().map(|process| (process.label.clone(), process));
        Self {
            root,
            folder: folder.to_owned(),
            fence: fence.clone(),
            record,
            started: Mutex::new(started.collect()),
        }
    }

    fn process(&self, name: &str) -> Option<Started> {
        let started = self.started.lock().expect("no thread panics while it holds the list");
        started.get(name).filter(|process| process.is_running()).cloned()
    }

    fn log(&self, name: &str) -> Utf8PathBuf {
        log(&self.folder, name)
    }

    /// Starts a program; one that runs stays as it is.
    pub(super) fn start(&self, name: &str) -> Result<()> {
        let service = known(name)?;
        if self.process(name).is_some() {
            return Ok(());
        }
        let tool = self.root.enter()?.args(service.words()).inside(&self.fence.of(name)?);
        let child = tool.start(&self.log(name))?;
        let process = Started::new(name, child.id());
        if let Some(record) = self.record {
            record.append(&Line::Runs {
                process: process.clone(),
            })?;
        }
        let mut started = self.started.lock().expect("no thread panics while it holds the list");
        started.insert(name.to_owned(), process);
        Ok(())
    }

    /// Waits until a program answers, as long as it runs.
    pub(super) fn wait(&self, name: &str) -> Result<()> {
        let service = known(name)?;
        let Some(words) = service.answer.words() else {
            return Ok(());
        };
        let what = if matches!(service.answer, Answer::Command(_)) {
            "it to be ready"
        } else {
            "it to answer"
        };
        let ended = wait_for(name, what, ANSWER, || {
            if self.process(name).is_none() {
                return Ok(Some(self.last_words(name)));
            }
            let tool = self.root.tool().map_err(|error| error.to_string())?;
            let said = tool
                .args(words.iter().copied())
                .deadline(Duration::from_secs(40))
                .answer();
            match said {
                Ok(said) if said.code == 0 => Ok(None),
                Ok(_) => Err(format!("no answer; {}", self.last_words(name))),
                Err(error) => Err(error.to_string()),
            }
        })?;
        match ended {
            None => Ok(()),
            Some(tail) => Err(LabError::Failed {
                part: name.to_owned(),
                command: service.words().join(" "),
                status: "an end that nobody asked for".into(),
                tail,
            }),
        }
    }

    fn last_words(&self, name: &str) -> String {
        let path = self.log(name);
        let text = std::fs::read(&path).unwrap_or_default();
        format!(
            "the end of {path}:\n{}",
            last_lines(&String::from_utf8_lossy(&text), 12)
        )
    }

    /// Starts programs, then waits for each.
    pub(super) fn start_and_wait(&self, names: &[&str]) -> Result<()> {
        names.iter().try_for_each(|name| self.start(name))?;
        names.iter().try_for_each(|name| self.wait(name))
    }

    /// Stops a program: it is asked to end, then killed with all that it started. One that does not run is stopped.
    pub(super) fn stop(&self, name: &str) -> Result<()> {
        self.ask(name);
        let began = Instant::now();
        while self.process(name).is_some() && began.elapsed() < END {
            std::thread::sleep(Duration::from_millis(20));
        }
        let mut dead = cgroup::Dead::new();
        for folder in self.fence.folders(name) {
            let left = cgroup::clear(&folder, END, &mut dead);
            if !left.is_empty() {
                return Err(LabError::LeftBehind {
                    name: name.to_owned(),
                    left,
                });
            }
        }
        Ok(())
    }

    /// Asks a program to end.
    fn ask(&self, name: &str) {
        let Some(leader) = self.process(name).and_then(|process| first_child(process.pid)) else {
            return;
        };
        for folder in self.fence.folders(name).into_iter().take(1) {
            signal_member(leader, &folder.join("cgroup.procs"), Signal::TERM);
        }
    }

    /// Stops a program and starts it again, so that it reads its configuration.
    pub(super) fn restart(&self, name: &str) -> Result<()> {
        self.stop(name)?;
        self.start(name)?;
        self.wait(name)
    }

    /// Stops everything in an order in which each program can put away what it holds, then ends the root.
    pub(super) fn end(self) -> Result<()> {
        let of = |layer| service::all().filter(move |service| service.layer == layer);
        for service in of(Layer::Above) {
            self.ask(service.name);
        }
        for service in of(Layer::Above) {
            self.stop(service.name)?;
        }
        for service in of(Layer::Ground).collect::<Vec<_>>().into_iter().rev() {
            self.stop(service.name)?;
        }
        let mut dead = cgroup::Dead::new();
        let mut left = Vec::new();
        for name in ["work", "root"] {
            for folder in self.fence.folders(name) {
                left.extend(cgroup::clear(&folder, END, &mut dead));
            }
        }
        cgroup::wait_for_burial(&dead);
        if left.is_empty() {
            Ok(())
        } else {
            Err(LabError::LeftBehind {
                name: self.fence.base,
                left,
            })
        }
    }
}

/// Returns the file that holds what a program says.
pub(super) fn log(folder: &Utf8Path, name: &str) -> Utf8PathBuf {
    folder.join("logs").join(format!("{name}.log"))
}

fn known(name: &str) -> Result<&'static Service> {
    service::named(name).ok_or_else(|| {
        let names: Vec<&str> = service::all().map(|service| service.name).collect();
        LabError::Request(format!("there is no program `{name}`; there are {}", names.join(", ")))
    })
}
