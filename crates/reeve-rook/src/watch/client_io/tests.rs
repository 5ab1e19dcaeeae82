//! The watch on a model of a host: rbd, systemd and a fio whose reports the test writes.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use reeve_host::{HostError, Output};

use super::*;
use crate::watch::SampleLine;

#[derive(Default)]
struct Model {
    image: BTreeMap<&'static str, &'static str>,
    no_image: bool,
    unit_active: bool,
    unit_failed: bool,
    reports: Vec<u8>,
    ran: Vec<String>,
}

struct ModelHost {
    name: HostName,
    model: Arc<Mutex<Model>>,
}

fn output(status: i32, stdout: &str) -> Output {
    Output {
        status,
        stdout: stdout.as_bytes().to_vec(),
        stderr: Vec::new(),
        elapsed: Duration::ZERO,
        truncated: false,
    }
}

#[async_trait]
impl Host for ModelHost {
    fn name(&self) -> &HostName {
        &self.name
    }

    async fn run(&self, command: &Command) -> Result<Output, HostError> {
        let argv = command.shown_argv();
        let argv: Vec<&str> = argv.iter().map(String::as_str).collect();
        let mut model = self.model.lock().unwrap();
        model.ran.push(argv.join(" "));
        Ok(match argv.as_slice() {
            ["fio", "--enghelp=rbd"] => output(0, ""),
            ["rbd", "--id", _, ..] if model.no_image => output(2, ""),
            ["rbd", "--id", "volumes", "image-meta", "list", ..] => output(0, model.image.get("meta").unwrap_or(&"")),
            ["rbd", "--id", "volumes", "image-meta", "set", ..] => output(0, ""),
            ["rbd", "--id", "volumes", word, "volumes/watch", ..] => output(0, model.image[*word]),
            ["systemctl", "show", ..] => output(
                0,
                match (model.unit_active, model.unit_failed) {
                    (true, _) => "ActiveState=active\nResult=success\n",
                    (_, true) => "ActiveState=failed\nResult=exit-code\n",
                    _ => "ActiveState=inactive\nResult=success\n",
                },
            ),
            ["systemctl", "stop", ..] => {
                model.unit_active = false;
                output(0, "")
            }
            ["systemctl", ..] => output(0, ""),
            ["systemd-run", ..] => {
                model.unit_active = true;
                output(0, "")
            }
            ["journalctl", ..] => output(0, "fio: io_u error\u{1b}[2J: Input/output error\n"),
            ["dd", _, .., skip, _] => {
                if !model.unit_active {
                    return Ok(output(1, ""));
                }
                let skip: usize = skip.strip_prefix("skip=").unwrap().parse().unwrap();
                let rest = model.reports.get(skip..).unwrap_or_default();
                output(0, std::str::from_utf8(rest).unwrap())
            }
            ["truncate", "--size=0", _] => output(0, ""),
            other => panic!("the model does not know {other:?}"),
        })
    }
}

struct ModelHosts(Arc<Mutex<Model>>);

#[async_trait]
impl Hosts for ModelHosts {
    async fn connect(&self, name: &HostName) -> Result<Arc<dyn Host>, HostError> {
        let (name, model) = (name.clone(), Arc::clone(&self.0));
        Ok(Arc::new(ModelHost { name, model }))
    }
}

#[derive(Default)]
struct Kept(Mutex<Vec<SampleLine>>);

impl SampleSink for Kept {
    fn line(&self, line: &SampleLine) {
        self.0.lock().unwrap().push(line.clone());
    }
}

fn healthy() -> Model {
    Model {
        image: BTreeMap::from([
            ("info", r#"{"name":"watch","size":134217728}"#),
            ("status", r#"{"watchers":[]}"#),
            (
                "du",
                r#"{"images":[{"name":"watch","provisioned_size":134217728,"used_size":0}]}"#,
            ),
        ]),
        ..Model::default()
    }
}

fn options() -> ClientIoOptions {
    ClientIoOptions {
        host: HostName::new("client").unwrap(),
        user: "volumes".into(),
        image: "volumes/watch".parse().unwrap(),
        limit: Duration::from_secs(10),
        fsid: "11111111-2222-3333-4444-555555555555".into(),
    }
}

fn report(writes: u64, max_ns: u64) -> String {
    format!(
        "{{\n\"jobs\": [{{\"error\": 0, \"write\": {{\"total_ios\": {writes}, \"clat_ns\": {{\"max\": {max_ns}, \"bins\": {{\"{max_ns}\": {writes}}}}}}}}}]\n}}\n"
    )
}

async fn refusal(model: Model) -> String {
    let hosts = ModelHosts(Arc::new(Mutex::new(model)));
    let error = ClaimedImage::claim(&hosts, options()).await.unwrap_err().to_string();
    let ran = &hosts.0.lock().unwrap().ran;
    assert!(
        !ran.iter()
            .any(|line| line.starts_with("systemd-run") || line.contains("image-meta set")),
        "{ran:?}"
    );
    error
}

#[tokio::test(start_paused = true)]
async fn only_an_image_of_its_own_is_written_to() {
    let missing = Model {
        no_image: true,
        ..Model::default()
    };
    assert!(
        refusal(missing)
            .await
            .contains("there is no such image, or no way to it from client, and none is made")
    );
    let mut used = healthy();
    used.image.insert(
        "status",
        r#"{"watchers":[{"address":"10.0.0.9:0/1","client":4,"cookie":1}]}"#,
    );
    assert!(refusal(used).await.contains("somebody uses it"));
    let mut full = healthy();
    full.image
        .insert("du", r#"{"images":[{"name":"watch","used_size":4096}]}"#);
    assert!(refusal(full).await.contains("it holds data"));
    let mut tiny = healthy();
    tiny.image.insert("info", r#"{"size":4096}"#);
    assert!(refusal(tiny).await.contains("smaller than 1 MiB"));
}

#[tokio::test(start_paused = true)]
async fn an_image_with_the_mark_may_hold_data_and_a_leftover_is_ended() {
    let mut model = healthy();
    model.image.insert("meta", r#"{"reeve.scratch":"yes"}"#);
    model.image.remove("du");
    model.unit_active = true;
    let hosts = ModelHosts(Arc::new(Mutex::new(model)));
    let claimed = ClaimedImage::claim(&hosts, options()).await.unwrap();
    assert_eq!(claimed.bytes, 64 << 20);
    let ran = hosts.0.lock().unwrap().ran.join("\n");
    assert!(
        ran.contains("systemctl stop") && !ran.contains("image-meta set"),
        "{ran}"
    );
}

struct Stage {
    model: Arc<Mutex<Model>>,
    watch: ClientIoWatch,
    kept: Arc<Kept>,
    cancellation: Cancellation,
}

async fn started() -> Stage {
    let model = Arc::new(Mutex::new(healthy()));
    let hosts = ModelHosts(Arc::clone(&model));
    let claimed = ClaimedImage::claim(&hosts, options()).await.unwrap();
    assert!(
        model
            .lock()
            .unwrap()
            .ran
            .iter()
            .any(|line| line.contains("image-meta set volumes/watch reeve.scratch yes"))
    );
    let kept = Arc::new(Kept::default());
    let cancellation = Cancellation::default();
    model.lock().unwrap().reports.extend(report(20, 2_000_000).into_bytes());
    let sink: Arc<dyn SampleSink> = Arc::clone(&kept) as _;
    let watch = ClientIoWatch::start(claimed, sink, cancellation.clone()).await.unwrap();
    Stage {
        model,
        watch,
        kept,
        cancellation,
    }
}

impl Stage {
    fn why_stopped(&self) -> Option<String> {
        self.kept.0.lock().unwrap().iter().find_map(|line| match line {
            SampleLine::Stopped(asked) => Some(asked.because.clone()),
            _ => None,
        })
    }
}

#[tokio::test(start_paused = true)]
async fn writes_are_measured_and_a_slow_one_stops_the_run() {
    let stage = started().await;
    let _ = stage.watch.take();
    stage
        .model
        .lock()
        .unwrap()
        .reports
        .extend(report(40, 3_000_000).into_bytes());
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let io = stage.watch.take().unwrap();
    assert_eq!((io.writes, io.worst_write_us, io.waiting), (20, 3_000, false));
    assert!(!stage.cancellation.is_cancelled());
    // No further report: the client waits.
    tokio::time::sleep(Duration::from_secs(14)).await;
    assert!(stage.watch.take().unwrap().waiting);
    assert!(stage.cancellation.is_cancelled());
    assert!(
        stage
            .why_stopped()
            .unwrap()
            .contains("the limit is 10.0 s (image volumes/watch, from client)")
    );
    stage.watch.stop().await;
    let model = stage.model.lock().unwrap();
    assert!(!model.unit_active, "the client is ended");
    let start = model.ran.iter().find(|line| line.starts_with("systemd-run")).unwrap();
    insta::assert_snapshot!(start, @"systemd-run --quiet --unit=reeve-watch-io-8ca25bf05d8f --description=reeve watches client I/O on volumes/watch --property=RuntimeDirectory=reeve-watch-io-8ca25bf05d8f --property=RuntimeDirectoryMode=0700 --property=RuntimeMaxSec=660 --property=TimeoutStopSec=10 -- fio --name=reeve-watch-io --ioengine=rbd --clientname=volumes --pool=volumes --rbdname=watch --rw=randwrite --bs=4k --iodepth=1 --size=67108864 --rate_iops=20,20,20 --time_based --runtime=600 --verify=crc32c --verify_backlog=32 --verify_fatal=1 --verify_state_save=0 --status-interval=1 --output-format=json+ --output=/run/reeve-watch-io-8ca25bf05d8f/reports.json");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_fails_stops_the_run_and_says_why() {
    let stage = started().await;
    {
        let mut model = stage.model.lock().unwrap();
        (model.unit_active, model.unit_failed) = (false, true);
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(
        stage.why_stopped().unwrap(),
        "the client of the watch has ended: fio: io_u error\\u{1b}[2J: Input/output error"
    );
    assert_eq!(stage.watch.take().unwrap().errors, 1);
    assert!(stage.cancellation.is_cancelled());
}

#[tokio::test(start_paused = true)]
async fn a_client_at_its_planned_end_is_begun_anew() {
    let stage = started().await;
    let starts = || {
        let model = stage.model.lock().unwrap();
        model.ran.iter().filter(|line| line.starts_with("systemd-run")).count()
    };
    let mut writes = 20;
    for _ in 0..600 {
        writes += 20;
        stage
            .model
            .lock()
            .unwrap()
            .reports
            .extend(report(writes, 2_000_000).into_bytes());
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(starts(), 1);
    {
        let mut model = stage.model.lock().unwrap();
        model.unit_active = false;
        model.reports = report(3, 2_000_000).into_bytes();
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!((starts(), stage.why_stopped()), (2, None));
}

#[tokio::test(start_paused = true)]
async fn reports_that_were_read_take_no_space_for_long() {
    let stage = started().await;
    // What fio writes in a quarter of an hour, as far as length goes.
    let padding = vec![b' '; 9 << 20];
    stage.model.lock().unwrap().reports.extend(padding);
    stage
        .model
        .lock()
        .unwrap()
        .reports
        .extend(report(40, 3_000_000).into_bytes());
    tokio::time::sleep(Duration::from_secs(15)).await;
    let ran = stage.model.lock().unwrap().ran.join("\n");
    assert_eq!(ran.matches("truncate --size=0 /run/reeve-watch-io-").count(), 1);
}
