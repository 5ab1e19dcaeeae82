//! The sampler on a model of an admin host.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use reeve_host::{Command, Host, Output};

use super::*;
use crate::watch::words;

/// How the model's Ceph is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mood {
    Fine,
    OneMonAway,
    Silent,
    Garbage,
}

struct Model {
    name: HostName,
    mood: Mutex<Mood>,
    mgr_questions: AtomicU32,
}

#[async_trait]
impl Host for Model {
    fn name(&self) -> &HostName {
        &self.name
    }

    async fn run(&self, command: &Command) -> Result<Output, HostError> {
        let mood = *self.mood.lock().unwrap();
        if mood == Mood::Silent {
            tokio::time::sleep(command.get_deadline()).await;
            return Err(HostError::Deadline {
                host: self.name.clone(),
                command: command.to_string(),
                after: command.get_deadline(),
            });
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        let argv = command.shown_argv();
        let stdout = if argv.iter().any(|word| word == "mgr") {
            self.mgr_questions.fetch_add(1, Ordering::SeqCst);
            r#"{"epoch":3,"available":true,"active_name":"n1","num_standby":1}"#.to_owned()
        } else if mood == Mood::Garbage {
            "Error: everything".to_owned()
        } else {
            let quorum = if mood == Mood::Fine {
                r#"["n1","n2","n3"]"#
            } else {
                r#"["n1","n3"]"#
            };
            format!(
                r#"{{"health":{{"status":"HEALTH_OK","checks":{{}}}},"quorum_names":{quorum},"monmap":{{"num_mons":3,"epoch":1}},
                "mgrmap":{{"available":true,"num_standbys":1}},"osdmap":{{"num_osds":6,"num_up_osds":6,"num_in_osds":6}},
                "pgmap":{{"num_pgs":32,"pgs_by_state":[{{"state_name":"active+clean","count":32}}]}}}}"#
            )
        };
        Ok(Output {
            status: 0,
            stdout: stdout.into_bytes(),
            stderr: Vec::new(),
            elapsed: Duration::ZERO,
            truncated: false,
        })
    }
}

struct OneHost(Arc<Model>);

#[async_trait]
impl Hosts for OneHost {
    async fn connect(&self, _: &HostName) -> Result<Arc<dyn Host>, HostError> {
        Ok(Arc::clone(&self.0) as Arc<dyn Host>)
    }
}

#[derive(Default)]
struct Kept(Mutex<Vec<SampleLine>>);

impl SampleSink for Kept {
    fn line(&self, line: &SampleLine) {
        self.0.lock().unwrap().push(line.clone());
    }
}

impl Kept {
    fn samples(&self) -> Vec<Sample> {
        let lines = self.0.lock().unwrap();
        let sample = |line: &SampleLine| match line {
            SampleLine::Sample(sample) => Some(sample.clone()),
            _ => None,
        };
        lines.iter().filter_map(sample).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn the_cluster_is_looked_at_once_a_second_and_silence_is_told() {
    let model = Arc::new(Model {
        name: HostName::new("n1").unwrap(),
        mood: Mutex::new(Mood::Fine),
        mgr_questions: AtomicU32::new(0),
    });
    let kept = Arc::new(Kept::default());
    let hosts = Arc::new(OneHost(Arc::clone(&model)));
    let sink: Arc<dyn SampleSink> = Arc::clone(&kept) as _;
    let sampler = Sampler::start(hosts, HostName::new("n1").unwrap(), None, SamplerPace::default(), sink);
    let seconds = |seconds| tokio::time::sleep(Duration::from_secs(seconds));
    seconds(10).await;
    let calm = kept.samples();
    assert!((9..=11).contains(&calm.len()), "{} samples in 10 s", calm.len());
    assert!(calm.iter().all(|sample| {
        sample
            .cluster()
            .is_some_and(|view| view.mgr_active.as_deref() == Some("n1"))
    }));
    assert_eq!(
        model.mgr_questions.load(Ordering::SeqCst),
        1,
        "the mgr's name is asked for once"
    );

    for (mood, told) in [
        (Mood::OneMonAway, "quorum 2 of 3 (n1, n3)"),
        (Mood::Silent, "Ceph does not answer: no answer within 5 s"),
        (Mood::Garbage, "Ceph does not answer: the answer is no JSON"),
        (Mood::Fine, "quorum 3 of 3"),
    ] {
        let before = kept.samples().last().cloned();
        *model.mood.lock().unwrap() = mood;
        seconds(12).await;
        let now = kept.samples().last().cloned().unwrap();
        let said = change(before.as_ref(), &now);
        if mood == Mood::Garbage {
            // From one kind of silence to another there is nothing new to tell.
            assert_eq!(said, None);
            assert!(change(None, &now).unwrap().starts_with(told));
        } else {
            let said = said.unwrap();
            assert!(said.contains(told), "{said}");
        }
        assert_eq!(change(Some(&now), &now), None);
    }
    assert!(words::cluster(kept.samples().last().unwrap().cluster().unwrap()).starts_with("HEALTH_OK"));
    sampler.stop().await;
    assert!(matches!(kept.0.lock().unwrap().last(), Some(SampleLine::End { .. })));
    let ended = kept.0.lock().unwrap().len();
    seconds(5).await;
    assert_eq!(kept.0.lock().unwrap().len(), ended, "nothing looks after the end");
}
