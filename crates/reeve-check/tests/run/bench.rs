//! A cloud with things of others in it, and runs on it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::{SignedDuration, Timestamp};
use reeve_check::{
    Catalogue, CheckRun, CleanupOptions, CleanupOutcome, Creates, Patience, RunId, RunOptions, ScopeChoice, Selected,
    Selection, Telling, Verdict, cleanup, read_ledgers, run,
};
use reeve_openstack::fake::FakeCloud;
use reeve_openstack::{Access, CloudConfig, Session, SessionOptions};
use serde_json::json;

use crate::good_cloud::{good_cloud, options};

pub(crate) fn patience() -> Patience {
    Patience {
        poll: Duration::from_millis(1),
        server: Duration::from_secs(30),
        console: Duration::from_secs(30),
        volume: Duration::from_secs(30),
        removal: Duration::from_secs(30),
        settle: Duration::from_millis(2),
    }
}

pub(crate) fn selected(only: &[&str]) -> Selected {
    let selection = Selection {
        versions: ScopeChoice::Version("v5.1".to_owned()),
        targets: Vec::new(),
        only: only.iter().map(|id| (*id).to_owned()).collect(),
        skip: Vec::new(),
    };
    Catalogue::embedded().select(&selection).unwrap()
}

pub(crate) struct Bench {
    pub(crate) cloud: FakeCloud,
    _holder: tempfile::TempDir,
    pub(crate) ledgers: Utf8PathBuf,
}

impl Bench {
    pub(crate) async fn new() -> Bench {
        let holder = tempfile::tempdir().unwrap();
        let ledgers = Utf8PathBuf::from_path_buf(holder.path().join("check")).unwrap();
        let cloud = good_cloud().await;
        {
            // Things of others, some of them called almost like ours.
            let mut state = cloud.state();
            for name in ["db", "scsx-backup", "scsx-r261121161259a1b2c3-03", "scs-test"] {
                state.add(
                    "volumes",
                    json!({ "id": format!("own-{name}"), "name": name, "status": "available", "metadata": {} }),
                );
            }
            state.add(
                "servers",
                json!({ "id": "own-server", "name": "web", "status": "ACTIVE", "metadata": {} }),
            );
            let rule = json!({ "id": "own-rule", "path": "/v2.1/servers", "method": "GET", "service": "compute" });
            state.add("access_rules", rule);
        }
        Bench {
            cloud,
            _holder: holder,
            ledgers,
        }
    }

    pub(crate) fn session(&self, record: Option<&Utf8Path>) -> Session {
        self.connect(self.cloud.config(), record)
    }

    fn connect(&self, config: CloudConfig, record: Option<&Utf8Path>) -> Session {
        let mut options = SessionOptions {
            access: Access::ReadWrite,
            record: record.map(Utf8Path::to_owned),
            ..options()
        };
        // A machine that is busy is no slow cloud.
        options.limits.answer = Duration::from_secs(30);
        Session::connect(config, &options).unwrap()
    }

    pub(crate) fn options(&self) -> RunOptions {
        RunOptions {
            tool: "reeve 0.0.0".to_owned(),
            run: RunId::generate(Timestamp::now()),
            creates: Creates::Yes {
                ledgers: self.ledgers.clone(),
            },
            patience: patience(),
            managers: Vec::new(),
        }
    }

    /// Returns the session of a domain manager.
    pub(crate) fn manager(&self, domain: &str) -> Session {
        self.connect(self.cloud.manager_config(domain), None)
    }

    /// Runs with the logins of the managers of these domains.
    pub(crate) async fn run_with(&self, managers: &[&str], only: &[&str]) -> CheckRun {
        let options = RunOptions {
            managers: managers.iter().map(|domain| self.manager(domain)).collect(),
            ..self.options()
        };
        let (catalogue, selected) = (Catalogue::embedded(), selected(only));
        let session = self.session(None);
        run(
            &session,
            &catalogue,
            &selected,
            &options,
            &quiet(),
            std::future::pending(),
        )
        .await
        .unwrap()
    }

    pub(crate) async fn run(&self, only: &[&str]) -> CheckRun {
        self.run_with(&[], only).await
    }

    pub(crate) async fn cleanup(&self) -> CleanupOutcome {
        self.cleanup_older_than(SignedDuration::from_hours(2)).await
    }

    pub(crate) async fn cleanup_older_than(&self, older_than: SignedDuration) -> CleanupOutcome {
        self.cleanup_by(&self.session(None), older_than).await
    }

    pub(crate) async fn cleanup_by(&self, session: &Session, older_than: SignedDuration) -> CleanupOutcome {
        let options = CleanupOptions {
            ledgers: self.ledgers.clone(),
            run: None,
            older_than,
            only_show: false,
            patience: patience(),
            tool: "reeve 0.0.0".to_owned(),
        };
        cleanup(session, &options, Timestamp::now(), &quiet()).await.unwrap()
    }

    pub(crate) fn things(&self) -> BTreeMap<String, Vec<String>> {
        self.cloud.state().things()
    }

    pub(crate) fn ledgers(&self) -> Vec<Utf8PathBuf> {
        read_ledgers(&self.ledgers).unwrap()
    }
}

pub(crate) fn quiet() -> Telling {
    Arc::new(|_| {})
}

pub(crate) fn verdicts(run: &CheckRun) -> BTreeMap<&str, Option<Verdict>> {
    run.cases.iter().map(|case| (case.id.as_str(), case.verdict)).collect()
}

pub(crate) fn of<'a>(run: &'a CheckRun, id: &str) -> &'a reeve_check::CaseOutcome {
    run.cases.iter().find(|case| case.id == id).unwrap()
}
