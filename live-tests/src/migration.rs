//! A take-over of the laboratory's cluster, run as an operator runs it.

use std::process::Child;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use reeve_journal::{Event, Record};
use serde_json::{Value, json};

use crate::{Laboratory, Said};

/// A planned take-over with a folder for its facts, plan and journals.
pub struct Migration<'a> {
    /// The laboratory.
    pub lab: &'a Laboratory,
    folder: Utf8PathBuf,
    kept: Option<tempfile::TempDir>,
}

/// A `reeve` that runs beside the test.
pub struct Running {
    child: Child,
    folder: Utf8PathBuf,
}

impl Drop for Migration<'_> {
    /// The journal of a take-over that failed says what happened, and only with it can the laboratory's cluster be taken back.
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(kept) = self.kept.take()
        {
            crate::figure(&format!("the journal stays in {}", kept.keep().display()));
        }
    }
}

impl<'a> Migration<'a> {
    /// Surveys and plans, with short watches and no pause after the first host.
    ///
    /// # Panics
    ///
    /// If the cluster cannot be taken over as it is.
    #[must_use]
    pub fn plan(lab: &'a Laboratory) -> Self {
        Self::plan_with(lab, &json!({}), &[])
    }

    /// The same with options of the plan, and with arguments such as `--waive`.
    ///
    /// # Panics
    ///
    /// If the cluster cannot be taken over as it is.
    #[must_use]
    pub fn plan_with(lab: &'a Laboratory, options: &Value, arguments: &[&str]) -> Self {
        let kept = tempfile::Builder::new()
            .prefix("reeve-live-")
            .tempdir()
            .expect("a folder can be made");
        let folder = Utf8PathBuf::from_path_buf(kept.path().into()).expect("UTF-8");
        let migration = Self {
            lab,
            folder,
            kept: Some(kept),
        };
        let mut all = json!({ "mon_soak_seconds": 3, "host_soak_seconds": 3, "pause_after": [] });
        if let (Some(all), Some(options)) = (all.as_object_mut(), options.as_object()) {
            all.extend(options.clone());
        }
        let options = migration.folder.join("options.json");
        std::fs::write(&options, all.to_string()).expect("the folder is ours");
        lab.reeve_rook(&migration.folder, &["survey", "--save", "facts.json"], None)
            .fine();
        let mut words = vec!["rook", "plan", "--facts", "facts.json", "--options", "options.json"];
        words.extend(["--output", "plan.json"]);
        words.extend(arguments);
        lab.reeve(&migration.folder, &words).fine();
        migration
    }

    /// Returns the folder of facts, plan and journals.
    #[must_use]
    pub fn folder(&self) -> &Utf8Path {
        &self.folder
    }

    /// Returns the folder of journals.
    #[must_use]
    pub fn runs(&self) -> Utf8PathBuf {
        self.folder.join("runs")
    }

    /// Returns the plan's steps in order: id, kind, and the input.
    ///
    /// # Panics
    ///
    /// If the plan file is not as it should be.
    #[must_use]
    pub fn steps(&self) -> Vec<PlannedStep> {
        let text = std::fs::read_to_string(self.folder.join("plan.json")).expect("the plan was written");
        let plan: Value = serde_json::from_str(&text).expect("the plan is JSON");
        let list = |value: &Value, key: &str| value[key].as_array().cloned().unwrap_or_default();
        let mut steps = Vec::new();
        for phase in list(&plan, "phases") {
            for hand_over in list(&phase, "hand_overs") {
                for step in list(&hand_over, "steps") {
                    let text = |value: &Value| value.as_str().expect("a text").to_owned();
                    steps.push(PlannedStep {
                        phase: text(&phase["name"]),
                        subject: text(&hand_over["subject"]),
                        id: text(&step["id"]),
                        kind: text(&step["kind"]),
                        input: step["input"].clone(),
                        only_looks: step["undo"] == "nothing",
                    });
                }
            }
        }
        steps
    }

    fn words<'w>(&self, verb: &'w str, more: &[&'w str]) -> Vec<&'w str> {
        let mut words = vec![verb];
        words.extend(more);
        words.extend(["--runs-dir", "runs"]);
        words
    }

    /// Runs `reeve rook migrate --yes` on the plan to its end.
    #[must_use]
    pub fn migrate(&self, more: &[&str]) -> Said {
        let mut all = vec!["plan.json", "--yes"];
        all.extend(more);
        self.lab.reeve_rook(&self.folder, &self.words("migrate", &all), None)
    }

    /// Runs `reeve rook resume --yes`.
    #[must_use]
    pub fn resume(&self, more: &[&str]) -> Said {
        let mut all = vec!["--yes"];
        all.extend(more);
        self.lab.reeve_rook(&self.folder, &self.words("resume", &all), None)
    }

    /// Runs `reeve rook rollback --all --yes`.
    #[must_use]
    pub fn rollback_all(&self) -> Said {
        let words = self.words("rollback", &["--all", "--yes"]);
        self.lab.reeve_rook(&self.folder, &words, None)
    }

    /// Starts `reeve rook VERB`, to run beside the test.
    ///
    /// # Panics
    ///
    /// If it cannot be started.
    #[must_use]
    pub fn start(&self, verb: &str, more: &[&str]) -> Running {
        let words = self.words(verb, more);
        let mut command = self.lab.reeve_rook_command(&self.folder, &words, None);
        let file = |name: &str| std::fs::File::create(self.folder.join(name)).expect("the folder is ours");
        let child = command
            .stdin(std::process::Stdio::null())
            .stdout(file("out"))
            .stderr(file("err"))
            .spawn()
            .expect("reeve starts");
        Running {
            child,
            folder: self.folder.clone(),
        }
    }

    /// Returns the journal's records, oldest first; none while there is no run.
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        let words = ["run", "export", "latest", "--runs-dir", "runs"];
        let said = self.lab.reeve(&self.folder, &words);
        said.out
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    /// Returns the id of the latest run.
    ///
    /// # Panics
    ///
    /// If there is none.
    #[must_use]
    pub fn run_id(&self) -> String {
        let records = self.records();
        let id = records.iter().find_map(|record| match &record.event {
            Event::RunCreated { run, .. } => Some(run.to_string()),
            _ => None,
        });
        id.expect("a run begins with its creation")
    }

    /// Waits until the journal says that a step has begun, in this attempt or another.
    pub fn wait_for_step(&self, step: &str, deadline: Duration) {
        self.lab.wait(&format!("step {step} to begin"), deadline, |_| {
            let begun = |record: &Record| matches!(&record.event, Event::StepStarted { step: begun, .. } if begun.to_string() == step);
            self.records().iter().any(begun)
        });
    }

    /// Returns how long each daemon was away by the journal: from the intent to stop its unit to the proof that it serves again, without attempts that
    /// were undone.
    #[must_use]
    pub fn away(&self) -> Vec<Away> {
        let steps = self.steps();
        let records = self.records();
        let started = |id: &str| {
            let of =
                |record: &&Record| matches!(&record.event, Event::StepStarted { step, .. } if step.to_string() == id);
            records.iter().rev().find(of).map(|record| record.at)
        };
        let done = |id: &str| {
            let of = |record: &&Record| matches!(&record.event, Event::StepDone { step, .. } if step.to_string() == id);
            records.iter().rev().find(of).map(|record| record.at)
        };
        let stops = steps.iter().filter(|step| step.kind == "stop_unit");
        let all = stops.filter_map(|stop| {
            let of = |kind: &str| {
                let mut same = steps
                    .iter()
                    .filter(|step| step.phase == stop.phase && step.subject == stop.subject);
                same.find(|step| step.kind == kind)
            };
            let began = started(&stop.id)?;
            let until = |kind: &str| Some(done(&of(kind)?.id)?.duration_since(began).as_secs_f64());
            Some(Away {
                subject: stop.subject.clone(),
                until_released: until("release_daemon")?,
                until_back: until("await_quorum").or_else(|| until("await_osd_up"))?,
                until_clean: until("await_active_clean"),
            })
        });
        all.collect()
    }
}

/// How long a daemon was away, in seconds from the intent to stop it.
#[derive(Clone, Debug)]
pub struct Away {
    /// The daemon.
    pub subject: String,
    /// Until Kubernetes was let at it.
    pub until_released: f64,
    /// Until it was seen to serve again.
    pub until_back: f64,
    /// Until all placement groups were clean, for an OSD.
    pub until_clean: Option<f64>,
}

/// A step as the plan file has it.
#[derive(Clone, Debug)]
pub struct PlannedStep {
    /// Its phase.
    pub phase: String,
    /// What is handed over.
    pub subject: String,
    /// Its id.
    pub id: String,
    /// Its kind.
    pub kind: String,
    /// Its input.
    pub input: Value,
    /// It changes nothing.
    pub only_looks: bool,
}

impl Running {
    /// Kills it as a loss of power would.
    ///
    /// # Panics
    ///
    /// If it had ended before.
    pub fn kill(mut self) {
        assert!(
            self.child.try_wait().expect("it is our child").is_none(),
            "it had ended: {:?}",
            self.said(0)
        );
        self.child.kill().expect("it is our child");
        let _ = self.child.wait();
    }

    /// Sends it a signal, as `kill` names it (`-INT`).
    ///
    /// # Panics
    ///
    /// If it had ended before.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let status = std::process::Command::new("kill").args([name, &pid]).status();
        assert!(
            status.expect("kill is there").success(),
            "it had ended: {:?}",
            self.said(0)
        );
    }

    /// Tells whether it has ended.
    ///
    /// # Panics
    ///
    /// If the system does not say.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("it is our child").is_some()
    }

    /// Waits for its end.
    ///
    /// # Panics
    ///
    /// If it does not end within the deadline; it is killed then.
    #[must_use]
    pub fn end(mut self, deadline: Duration) -> Said {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                return self.said(status.code().unwrap_or(-1));
            }
            if begun.elapsed() > deadline {
                let _ = self.child.kill();
                let _ = self.child.wait();
                panic!("not ended after {deadline:?}: {:?}", self.said(-1));
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn said(&self, code: i32) -> Said {
        let text = |name: &str| std::fs::read_to_string(self.folder.join(name)).unwrap_or_default();
        Said {
            code,
            out: text("out"),
            err: text("err"),
        }
    }
}
