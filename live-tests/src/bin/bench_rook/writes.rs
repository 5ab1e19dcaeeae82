//! A client whose every write is timed.

use std::time::Duration;

use reeve_live_tests::Laboratory;

const CLIENT: &str = "client";
const UNIT: &str = "bench-fio";
const LOG: &str = "/root/bench-fio";

/// fio on the client node: one 4 KiB write after another, at most fifty a second, through the old ceph.conf.
pub(crate) struct Writer<'a> {
    lab: &'a Laboratory,
}

/// One write.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Write {
    /// When it ended, in seconds since 1970.
    at: f64,
    /// How long it took, in seconds.
    pub(crate) took: f64,
}

impl<'a> Writer<'a> {
    pub(crate) fn start(lab: &'a Laboratory) -> Self {
        let writer = Self { lab };
        writer.stop_unit();
        lab.on(CLIENT, &["sh", "-c", &format!("rm -f {LOG}*")]).fine();
        let unit = format!("--unit={UNIT}");
        let log = format!("--write_lat_log={LOG}");
        let mut words = vec!["systemd-run", "--collect", "--quiet", &unit, "fio", "--name=bench"];
        words.extend([
            "--ioengine=rbd",
            "--clientname=volumes",
            "--pool=volumes",
            "--rbdname=disk",
        ]);
        words.extend([
            "--rw=randwrite",
            "--bs=4k",
            "--size=48M",
            "--iodepth=1",
            "--rate_iops=50",
        ]);
        // Without an average, fio logs each write.
        words.extend([
            "--time_based",
            "--runtime=7200",
            "--log_unix_epoch=1",
            &log,
            "--output=/root/bench-fio.out",
        ]);
        lab.on(CLIENT, &words).fine();
        std::thread::sleep(Duration::from_secs(3));
        let state = lab.on(CLIENT, &["systemctl", "is-active", UNIT]).out;
        assert_eq!(state.trim(), "active", "fio runs");
        writer
    }

    /// Stops it and returns all its writes. fio writes its log at its end.
    pub(crate) fn stop(self) -> Vec<Write> {
        let _ = self.lab.on(CLIENT, &["systemctl", "kill", "--signal=SIGINT", UNIT]);
        self.lab.wait("fio to end", Duration::from_secs(120), |lab| {
            lab.on(CLIENT, &["systemctl", "is-active", UNIT]).out.trim() != "active"
        });
        let text = self
            .lab
            .on(CLIENT, &["sh", "-c", &format!("cat {LOG}_lat*.log")])
            .fine();
        let writes: Vec<Write> = text.lines().filter_map(read).collect();
        assert!(writes.len() > 1000, "fio logged {} writes", writes.len());
        writes
    }

    fn stop_unit(&self) {
        // Not there is as good as stopped.
        let _ = self.lab.on(CLIENT, &["systemctl", "stop", UNIT]);
        let _ = self.lab.on(CLIENT, &["systemctl", "reset-failed", UNIT]);
    }
}

impl Drop for Writer<'_> {
    fn drop(&mut self) {
        self.stop_unit();
    }
}

/// Reads `time in ms, latency in ns, …`.
///
/// Source: fio's documentation: Log File Formats.
fn read(line: &str) -> Option<Write> {
    let mut parts = line.split(',').map(str::trim);
    let at: f64 = parts.next()?.parse().ok()?;
    let took: f64 = parts.next()?.parse().ok()?;
    Some(Write {
        at: at / 1e3,
        took: took / 1e9,
    })
}

/// Returns how long each write took that was under way between two moments, the longest last.
pub(crate) fn during(writes: &[Write], from: f64, to: f64) -> Vec<f64> {
    let mut took: Vec<f64> = writes
        .iter()
        .filter(|write| write.at >= from && write.at - write.took <= to)
        .map(|write| write.took)
        .collect();
    took.sort_by(f64::total_cmp);
    took
}

/// Returns the value below which 99.9 % of sorted values lie.
pub(crate) fn p999(sorted: &[f64]) -> f64 {
    let at = (sorted.len() as f64 * 0.999) as usize;
    sorted
        .get(at.min(sorted.len().saturating_sub(1)))
        .copied()
        .unwrap_or(f64::NAN)
}
