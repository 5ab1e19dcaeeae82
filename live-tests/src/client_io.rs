//! A client that writes and verifies through its old ceph.conf all the time.

use std::time::Duration;

use serde_json::Value;

use crate::Laboratory;
use crate::sampler::stop_unit;

const CLIENT: &str = "client";
const UNIT: &str = "live-test-fio";
const RESULT: &str = "/root/live-test-fio.json";
const LATENCIES: &str = "/root/live-test-fio";

/// fio on the client node until it is stopped or dropped.
pub struct ClientIo<'a> {
    lab: &'a Laboratory,
}

/// What the client saw.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// fio's error number; 0 for none, 84 if something was not what had been written.
    pub error: i64,
    /// Bytes written.
    pub written: u64,
    /// Bytes read back and compared.
    pub verified: u64,
    /// For how long, in seconds.
    pub seconds: f64,
    /// The longest that a write took, in seconds.
    pub worst_write: f64,
    /// 99.9 % of the writes took no longer than this, in seconds.
    pub p999_write: f64,
    /// The longest write of each second: seconds since the start, and how long it took.
    pub worst_by_second: Vec<(f64, f64)>,
}

impl<'a> ClientIo<'a> {
    /// Starts to write 4 KiB blocks at random places and to read them back, as `client.volumes` with the ceph.conf that the client has had all along.
    ///
    /// # Panics
    ///
    /// If fio does not run after a moment.
    #[must_use]
    pub fn start(lab: &'a Laboratory) -> Self {
        stop_unit(lab, CLIENT, UNIT);
        let clear = format!("rm -f {RESULT} {LATENCIES}_*.log");
        lab.on(CLIENT, &["sh", "-c", &clear]).fine();
        let unit = format!("--unit={UNIT}");
        let output = format!("--output={RESULT}");
        let log = format!("--write_lat_log={LATENCIES}");
        lab.on(
            CLIENT,
            &[
                "systemd-run",
                "--collect",
                &unit,
                "--property=TimeoutStopSec=90",
                "fio",
                "--name=take-over",
                "--ioengine=rbd",
                "--clientname=volumes",
                "--pool=volumes",
                "--rbdname=disk",
                "--rw=randwrite",
                "--bs=4k",
                "--size=48M",
                "--iodepth=2",
                // Verified soon after it was written, so that a wrong block shows while the cause is near.
                "--verify=crc32c",
                "--verify_backlog=64",
                "--verify_fatal=1",
                "--rate_iops=50,50",
                "--time_based",
                "--runtime=14400",
                "--log_avg_msec=1000",
                "--log_max_value=1",
                &log,
                "--output-format=json",
                &output,
            ],
        )
        .fine();
        let client = Self { lab };
        std::thread::sleep(Duration::from_secs(3));
        client.still_runs();
        client
    }

    /// Asserts that fio has not ended, which it does at the first error.
    ///
    /// # Panics
    ///
    /// If it has.
    pub fn still_runs(&self) {
        let state = self.lab.on(CLIENT, &["systemctl", "is-active", UNIT]).out;
        assert_eq!(
            state.trim(),
            "active",
            "fio ended: {}",
            self.lab
                .on(CLIENT, &["journalctl", "--unit", UNIT, "--no-pager", "--lines=30"])
                .out
        );
    }

    /// Stops it and returns what it saw.
    ///
    /// # Panics
    ///
    /// If fio ended before, or does not end.
    #[must_use]
    pub fn stop(self) -> Outcome {
        self.still_runs();
        let _ = self.lab.on(CLIENT, &["systemctl", "kill", "--signal=SIGINT", UNIT]);
        self.lab.wait("fio to end", Duration::from_secs(120), |lab| {
            lab.on(CLIENT, &["systemctl", "is-active", UNIT]).out.trim() != "active"
        });
        let text = self.lab.on(CLIENT, &["cat", RESULT]).fine();
        // A word about the signal stands before the JSON.
        let json = text.find('{').map_or("", |at| &text[at..]);
        let result: Value = serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {text}"));
        let job = &result["jobs"][0];
        let writes = &job["write"];
        let seconds = |value: &Value| value.as_f64().unwrap_or_default() / 1e9;
        let log = self
            .lab
            .on(CLIENT, &["sh", "-c", &format!("cat {LATENCIES}_lat.*.log")])
            .out;
        Outcome {
            error: job["error"].as_i64().unwrap_or(-1),
            written: writes["io_bytes"].as_u64().unwrap_or_default(),
            verified: job["read"]["io_bytes"].as_u64().unwrap_or_default(),
            seconds: writes["runtime"].as_f64().unwrap_or_default() / 1000.0,
            worst_write: seconds(&writes["lat_ns"]["max"]),
            p999_write: seconds(&writes["clat_ns"]["percentile"]["99.900000"]),
            worst_by_second: log.lines().filter_map(latency).collect(),
        }
    }
}

/// Reads `time in ms, latency in ns, direction, …`; direction 1 is a write.
///
/// Source: fio's documentation: Log File Formats.
fn latency(line: &str) -> Option<(f64, f64)> {
    let mut parts = line.split(',').map(str::trim);
    let at: f64 = parts.next()?.parse().ok()?;
    let took: f64 = parts.next()?.parse().ok()?;
    (parts.next()? == "1").then_some((at / 1000.0, took / 1e9))
}

impl Drop for ClientIo<'_> {
    fn drop(&mut self) {
        stop_unit(self.lab, CLIENT, UNIT);
    }
}

impl Outcome {
    /// Asserts that no write or read failed and that what was read is what had been written.
    ///
    /// # Panics
    ///
    /// If not so, or if next to nothing was written, which would prove nothing.
    pub fn assert_fine(&self) {
        assert_eq!(self.error, 0, "{self:?}");
        assert!(self.written > 1 << 20 && self.verified > 1 << 19, "{self:?}");
    }
}

const SHORT_UNIT: &str = "live-test-short-clients";
const SHORT_LOG: &str = "/root/live-test-short-clients.log";

/// Clients that connect, open the image and go, one after the other: what a client of before need not do any more, a new one must be able to.
pub struct ShortClients<'a> {
    lab: &'a Laboratory,
}

impl<'a> ShortClients<'a> {
    /// Starts them.
    #[must_use]
    pub fn start(lab: &'a Laboratory) -> Self {
        stop_unit(lab, CLIENT, SHORT_UNIT);
        let script = format!(
            "rm -f {SHORT_LOG}; while :; do \
               said=$(timeout 60 rbd --id volumes info volumes/disk 2>&1 > /dev/null); \
               echo \"$? $(date +%T) $said\" >> {SHORT_LOG}; sleep 1; done"
        );
        let unit = format!("--unit={SHORT_UNIT}");
        lab.on(CLIENT, &["systemd-run", "--collect", &unit, "sh", "-c", &script])
            .fine();
        Self { lab }
    }

    /// Stops them and returns how many there were, and what those said that failed.
    #[must_use]
    pub fn stop(self) -> (usize, Vec<String>) {
        let log = self.lab.on(CLIENT, &["cat", SHORT_LOG]).out;
        // What a failed one said may go on in further lines.
        let all = log
            .lines()
            .filter(|line| line.starts_with(|char: char| char.is_ascii_digit()));
        let (fine, failed): (Vec<&str>, Vec<&str>) = all.partition(|line| line.starts_with("0 "));
        (
            fine.len() + failed.len(),
            failed.into_iter().map(str::to_owned).collect(),
        )
    }
}

impl Drop for ShortClients<'_> {
    fn drop(&mut self) {
        stop_unit(self.lab, CLIENT, SHORT_UNIT);
    }
}
