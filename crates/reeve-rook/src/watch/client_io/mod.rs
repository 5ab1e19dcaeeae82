//! A watch on client I/O: a client that writes a little all the time, and says how long each write takes.
//!
//! fio's rbd engine writes 4 KiB blocks to a scratch image, twenty a second, reads each of them back and compares. It runs on a host of the operator's choice as a transient
//! systemd unit, because a run's connection to the host may break and the client must not notice: `systemd-run` starts it, fio writes a report a second into
//! the unit's runtime directory, and the watch reads what is new there. The unit goes by itself: fio runs for ten minutes and is begun anew as long as somebody watches,
//! systemd ends it a minute later if fio hangs, and removes the directory with it. A process that was killed with -9 so leaves a client that writes for ten minutes
//! more, and the next watch of the same image ends it at once.
//!
//! Nothing secret travels: fio and rbd take the key from the host's own keyring.

mod fio;
mod image;
mod meter;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use camino::Utf8PathBuf;
use reeve_host::{Command, Host, HostName, Hosts};
use reeve_journal::Cancellation;
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

pub use image::{ClientIoError, ImageName, ImageNameError, SCRATCH_MARK};

use self::fio::FioOutput;
use self::image::ImageQuestions;
use self::meter::{Meter, OPENS_WITHIN};
use super::log::ClientWatch;
use super::sample::ClientIo;
use super::sampler::{SampleSink, ask_to_stop};

/// Writes a second.
const WRITES_PER_SECOND: u32 = 20;
/// How long one fio runs before it is begun anew.
const FIO_RUNS: Duration = Duration::from_secs(600);
/// systemd ends a fio that does not end by itself, this long after it should have.
const FIO_HANGS: Duration = Duration::from_secs(60);
/// fio that ends sooner than this without an error is not begun again.
const FIO_RUNS_AT_LEAST: Duration = Duration::from_secs(60);
/// How much of the reports is left on the host's memory file system before it is cut.
const REPORTS_CUT_AT: u64 = 8 << 20;
/// How much is read at once.
const READ_BYTES: u64 = 1 << 20;
const POLL: Duration = Duration::from_secs(1);
const DEADLINE: Duration = Duration::from_secs(10);
const STOP_DEADLINE: Duration = Duration::from_secs(30);

/// What to watch, from where, and when to stop the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientIoOptions {
    /// The host with fio, its rbd engine, `rbd`, a ceph.conf and the key of `user`.
    pub host: HostName,
    /// The Ceph user, without `client.`.
    pub user: String,
    /// The image; what it holds is overwritten.
    pub image: ImageName,
    /// The run is asked to stop when a write takes longer.
    pub limit: Duration,
    /// The cluster's fsid, so that watches of two clusters from one host keep apart.
    pub fsid: String,
}

impl ClientIoOptions {
    /// Returns how the samples file describes the watch.
    #[must_use]
    pub fn described(&self) -> ClientWatch {
        ClientWatch {
            host: self.host.to_string(),
            pool: self.image.pool.clone(),
            image: self.image.image.clone(),
            limit_ms: u64::try_from(self.limit.as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// Returns the unit's name: the same for the same image of the same cluster, whoever watches.
    fn unit(&self) -> String {
        let digest = Sha256::digest(format!("{}\n{}\n", self.fsid, self.image));
        format!("reeve-watch-io-{}", &hex::encode(digest)[..12])
    }
}

/// An image that may be written to, and fio that can do it: checked, and not begun.
pub struct ClaimedImage {
    options: ClientIoOptions,
    host: Arc<dyn Host>,
    bytes: u64,
}

impl fmt::Debug for ClaimedImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClaimedImage")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl ClaimedImage {
    /// Makes sure that fio is there and the image exists, is used by nobody and holds nothing but what a watch wrote, and marks it as such.
    ///
    /// What an earlier watch of this image has left behind is ended. The image is not written to.
    ///
    /// # Errors
    ///
    /// [`ClientIoError`] with what stands in the way.
    pub async fn claim(hosts: &dyn Hosts, options: ClientIoOptions) -> Result<Self, ClientIoError> {
        let failed = |source| ClientIoError::Host {
            host: options.host.to_string(),
            image: options.image.clone(),
            source,
        };
        let host = hosts.connect(&options.host).await.map_err(failed)?;
        let engine = Command::new("fio").arg("--enghelp=rbd").deadline(DEADLINE);
        let engine = host.run(&engine).await.map_err(failed)?;
        if !engine.success() {
            let because = "it has no rbd engine; on Debian package fio has it, elsewhere fio-engine-rbd".to_owned();
            return Err(unusable(&options, because));
        }
        let shown = host.run_ok(&show(&options.unit())).await.map_err(failed)?;
        let leftover = UnitState::of(&shown.stdout_text()).is_active;
        if leftover {
            host.run_ok(&stop(&options.unit())).await.map_err(failed)?;
        }
        let questions = ImageQuestions {
            host: Arc::clone(&host),
            user: options.user.clone(),
            image: options.image.clone(),
        };
        let bytes = questions.claim(leftover).await?;
        Ok(Self { options, host, bytes })
    }
}

fn unusable(options: &ClientIoOptions, because: String) -> ClientIoError {
    ClientIoError::Fio {
        host: options.host.to_string(),
        image: options.image.clone(),
        because,
    }
}

/// A client that writes, and a task that reads how long its writes take.
#[derive(Debug)]
pub struct ClientIoWatch {
    meter: Arc<Mutex<Meter>>,
    stop: watch::Sender<bool>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl ClientIoWatch {
    /// Starts the client. It says into `sink` and through `cancellation` when the run should stop.
    ///
    /// # Errors
    ///
    /// [`ClientIoError::Host`] if the client cannot be started, [`ClientIoError::Fio`] if it has not written anything after a quarter of a minute.
    pub async fn start(
        image: ClaimedImage,
        sink: Arc<dyn SampleSink>,
        cancellation: Cancellation,
    ) -> Result<Self, ClientIoError> {
        let meter = Arc::new(Mutex::new(Meter::new(Instant::now())));
        let mut client = Client {
            unit: image.options.unit(),
            image,
            offset: 0,
            output: FioOutput::default(),
            begun: Instant::now(),
            meter: Arc::clone(&meter),
        };
        client.begin().await?;
        let writes = tokio::time::timeout(OPENS_WITHIN, client.first_report()).await;
        if writes.is_err() {
            let said = client.last_words().await;
            client.end().await;
            return Err(unusable(
                &client.image.options,
                format!("it wrote nothing in {} s; {said}", OPENS_WITHIN.as_secs()),
            ));
        }
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(client.watch(stopped, sink, cancellation));
        Ok(Self {
            meter,
            stop,
            task: Mutex::new(Some(task)),
        })
    }

    /// Returns what the client saw since this was last asked; none if it could not be asked.
    #[must_use]
    pub fn take(&self) -> Option<ClientIo> {
        self.meter.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Ends the client and waits for its end, half a minute at most; it would end by itself later.
    pub async fn stop(&self) {
        self.stop.send_replace(true);
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            // One that takes longer is left to its unit's own end.
            let _ = tokio::time::timeout(STOP_DEADLINE, task).await;
        }
    }
}

struct Client {
    image: ClaimedImage,
    unit: String,
    /// How much of the reports was read.
    offset: u64,
    output: FioOutput,
    begun: Instant,
    meter: Arc<Mutex<Meter>>,
}

/// What became of a look at the reports.
enum Look {
    Read,
    /// The host did not answer, so nothing is known.
    Unknown,
    /// The reports are gone, and fio with them.
    Gone,
}

impl Client {
    fn directory(&self) -> Utf8PathBuf {
        Utf8PathBuf::from("/run").join(&self.unit)
    }

    fn reports(&self) -> Utf8PathBuf {
        self.directory().join("reports.json")
    }

    fn meter(&self) -> std::sync::MutexGuard<'_, Meter> {
        self.meter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts fio as a unit of its own.
    async fn begin(&mut self) -> Result<(), ClientIoError> {
        let command = Command::new("systemd-run")
            .args(self.start_argv())
            .as_root()
            .deadline(STOP_DEADLINE);
        let host = &self.image.host;
        // A unit that failed earlier keeps its name until it is forgotten; there may be none.
        let _ = host.run(&forget(&self.unit)).await;
        host.run_ok(&command).await.map_err(|source| ClientIoError::Host {
            host: host.name().to_string(),
            image: self.image.options.image.clone(),
            source,
        })?;
        (self.offset, self.output, self.begun) = (0, FioOutput::default(), Instant::now());
        self.meter().fio_begins(self.begun);
        Ok(())
    }

    fn start_argv(&self) -> Vec<String> {
        let options = &self.image.options;
        let property = |text: String| format!("--property={text}");
        let unit = [
            "--quiet".to_owned(),
            format!("--unit={}", self.unit),
            format!("--description=reeve watches client I/O on {}", options.image),
            property(format!("RuntimeDirectory={}", self.unit)),
            property("RuntimeDirectoryMode=0700".into()),
            property(format!("RuntimeMaxSec={}", (FIO_RUNS + FIO_HANGS).as_secs())),
            property("TimeoutStopSec=10".into()),
            "--".to_owned(),
        ];
        // Writes are verified in small groups, so that a wrong one is found within seconds; reading back is not limited and counts as no write.
        let fio = [
            "fio".to_owned(),
            "--name=reeve-watch-io".into(),
            "--ioengine=rbd".into(),
            format!("--clientname={}", options.user),
            format!("--pool={}", options.image.pool),
            format!("--rbdname={}", options.image.image),
            "--rw=randwrite".into(),
            "--bs=4k".into(),
            "--iodepth=1".into(),
            format!("--size={}", self.image.bytes),
            format!("--rate_iops={WRITES_PER_SECOND},{WRITES_PER_SECOND},{WRITES_PER_SECOND}"),
            "--time_based".into(),
            format!("--runtime={}", FIO_RUNS.as_secs()),
            "--verify=crc32c".into(),
            "--verify_backlog=32".into(),
            "--verify_fatal=1".into(),
            "--verify_state_save=0".into(),
            "--status-interval=1".into(),
            "--output-format=json+".into(),
            format!("--output={}", self.reports()),
        ];
        unit.into_iter().chain(fio).collect()
    }

    async fn first_report(&mut self) {
        // Bounded by the caller's timeout.
        while !matches!(self.look().await, (Look::Read, true)) {
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }

    /// Reads what is new; tells also whether there was a report.
    async fn look(&mut self) -> (Look, bool) {
        let reports = self.reports();
        let read = Command::new("dd")
            .arg(format!("if={reports}"))
            .args(["iflag=skip_bytes,count_bytes", "bs=65536", "status=none"])
            .arg(format!("skip={}", self.offset))
            .arg(format!("count={READ_BYTES}"))
            .as_root()
            .deadline(DEADLINE)
            .stdout_limit(usize::try_from(READ_BYTES).unwrap_or(usize::MAX));
        let output = match self.image.host.run(&read).await {
            Ok(output) if output.success() => output.stdout,
            Ok(_) => return (Look::Gone, false),
            Err(error) => {
                tracing::debug!(%error, "the reports of the watch on client I/O cannot be read");
                return (Look::Unknown, false);
            }
        };
        let cut_before = self.offset / REPORTS_CUT_AT;
        self.offset += u64::try_from(output.len()).unwrap_or_default();
        let report = self.output.take(&output);
        let found = report.is_some();
        self.meter().asked(report, Instant::now());
        if self.offset / REPORTS_CUT_AT > cut_before {
            // fio goes on writing where it was: the file keeps its length, and only what is new takes space.
            let cut = Command::new("truncate")
                .args(["--size=0", reports.as_str()])
                .as_root()
                .deadline(DEADLINE);
            let _ = self.image.host.run(&cut).await;
        }
        (Look::Read, found)
    }

    async fn watch(
        mut self,
        mut stopped: watch::Receiver<bool>,
        sink: Arc<dyn SampleSink>,
        cancellation: Cancellation,
    ) {
        let mut has_asked = false;
        loop {
            tokio::select! {
                _ = stopped.wait_for(|asked| *asked) => break,
                () = tokio::time::sleep(POLL) => {}
            }
            let (look, _) = self.look().await;
            let worst = match look {
                Look::Unknown => continue,
                Look::Read | Look::Gone => self.meter().asked(None, Instant::now()),
            };
            let worst = worst.max(self.worst_pending());
            let limit = self.image.options.limit;
            let mut because = (worst > limit).then(|| {
                format!(
                    "a client's write took {:.1} s or is still waiting, and the limit is {:.1} s (image {}, from {})",
                    worst.as_secs_f64(),
                    limit.as_secs_f64(),
                    self.image.options.image,
                    self.image.options.host
                )
            });
            let mut goes_on = true;
            if matches!(look, Look::Gone)
                && let Err(said) = self.begin_again().await
            {
                because = Some(format!("the client of the watch has ended: {said}"));
                goes_on = false;
            }
            if let Some(because) = because
                && !has_asked
            {
                has_asked = true;
                ask_to_stop(sink.as_ref(), because);
                cancellation.cancel();
            }
            if !goes_on {
                break;
            }
        }
        self.end().await;
    }

    fn worst_pending(&self) -> Duration {
        self.meter().worst_pending()
    }

    /// Begins fio anew if it has come to its planned end; otherwise tells why it ended.
    async fn begin_again(&mut self) -> Result<(), String> {
        let shown = self.image.host.run_ok(&show(&self.unit)).await;
        let Ok(shown) = shown else { return Ok(()) };
        let state = UnitState::of(&shown.stdout_text());
        if state.is_active {
            return Ok(());
        }
        if state.has_failed && !state.ran_too_long {
            self.meter().failed();
            return Err(self.last_words().await);
        }
        if self.begun.elapsed() < FIO_RUNS_AT_LEAST {
            return Err(format!("it ended after {} s", self.begun.elapsed().as_secs()));
        }
        self.begin().await.map_err(|error| error.to_string())
    }

    /// Returns the last lines that fio said.
    async fn last_words(&self) -> String {
        let journal = Command::new("journalctl")
            .arg(format!("--unit={}", self.unit))
            .args(["--lines=5", "--output=cat", "--no-pager", "--quiet"])
            .as_root()
            .deadline(DEADLINE)
            .stdout_limit(16 << 10)
            .cut_stdout();
        match self.image.host.run(&journal).await {
            Ok(output) => reeve_host::printable_tail(&output.stdout),
            Err(error) => error.to_string(),
        }
    }

    async fn end(&self) {
        for command in [stop(&self.unit), forget(&self.unit)] {
            if let Err(error) = self.image.host.run(&command).await {
                tracing::warn!(%error, unit = self.unit, "the client of the watch was not stopped; it ends by itself within minutes");
            }
        }
    }
}

fn stop(unit: &str) -> Command {
    Command::new("systemctl")
        .args(["stop", "--", &service(unit)])
        .as_root()
        .deadline(STOP_DEADLINE)
}

fn forget(unit: &str) -> Command {
    Command::new("systemctl")
        .args(["reset-failed", "--", &service(unit)])
        .as_root()
        .deadline(DEADLINE)
}

fn show(unit: &str) -> Command {
    Command::new("systemctl")
        .args(["show", "--property=ActiveState,Result", "--", &service(unit)])
        .as_root()
        .deadline(DEADLINE)
}

fn service(unit: &str) -> String {
    format!("{unit}.service")
}

/// What systemd says of the unit; one that it does not know is inactive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct UnitState {
    is_active: bool,
    has_failed: bool,
    ran_too_long: bool,
}

impl UnitState {
    fn of(shown: &str) -> Self {
        let value = |name: &str| {
            shown
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
        };
        let active = value("ActiveState").unwrap_or_default();
        Self {
            is_active: matches!(active, "active" | "activating" | "deactivating"),
            has_failed: active == "failed",
            ran_too_long: value("Result") == Some("timeout"),
        }
    }
}

#[cfg(test)]
mod tests;
