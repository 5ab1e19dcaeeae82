//! What a client saw, put together from fio's reports and from their absence.

use std::time::Duration;

use tokio::time::Instant;

use super::fio::FioReport;
use crate::watch::sample::ClientIo;

/// fio reports once a second and is read once a second; a write that ends late shows within this. Only what goes beyond it is waiting.
const REPORTS_LAG: Duration = Duration::from_millis(2500);
/// How long fio may take to open the image.
pub(super) const OPENS_WITHIN: Duration = Duration::from_secs(15);

/// Adds up what happens between two samples.
#[derive(Debug)]
pub(super) struct Meter {
    before: Option<FioReport>,
    /// When a write was last known to have ended, or fio to have begun.
    progress_at: Instant,
    /// None until fio was asked since the last sample.
    pending: Option<ClientIo>,
    errors: u64,
}

impl Meter {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            before: None,
            progress_at: now + OPENS_WITHIN,
            pending: None,
            errors: 0,
        }
    }

    /// fio begins anew and counts from 0. A write that waits goes on waiting.
    pub(super) fn fio_begins(&mut self, now: Instant) {
        self.before = None;
        let is_waiting = now.saturating_duration_since(self.progress_at) > REPORTS_LAG;
        if !is_waiting {
            self.progress_at = now + OPENS_WITHIN;
        }
    }

    /// fio was asked, and gave this report or no new one. Returns the worst write now known of.
    pub(super) fn asked(&mut self, report: Option<FioReport>, now: Instant) -> Duration {
        let pending = self.pending.get_or_insert_default();
        let mut worst = 0;
        if let Some(report) = report {
            // The first report of a process also holds how long the image took to open: only later ones count.
            if let Some(before) = &self.before {
                let since = report.since(before);
                pending.writes += since.writes;
                pending.worst_write_us = pending.worst_write_us.max(since.worst_write_us);
                pending.p999_write_us = pending.p999_write_us.max(since.p999_write_us);
                worst = since.worst_write_us;
            }
            let before = self.before.as_ref().map_or(0, |before| before.writes);
            if report.writes > before {
                self.progress_at = now;
                pending.waiting = false;
            }
            self.errors = self.errors.max(u64::from(report.error != 0));
            self.before = Some(report);
        }
        let waits = now.saturating_duration_since(self.progress_at);
        if waits > REPORTS_LAG {
            let waits = u64::try_from(waits.as_micros()).unwrap_or(u64::MAX);
            pending.worst_write_us = pending.worst_write_us.max(waits);
            pending.waiting = true;
            worst = worst.max(waits);
        }
        pending.errors = self.errors;
        Duration::from_micros(worst)
    }

    /// Returns the worst write since the last sample.
    pub(super) fn worst_pending(&self) -> Duration {
        Duration::from_micros(self.pending.as_ref().map_or(0, |pending| pending.worst_write_us))
    }

    /// fio ended with an error.
    pub(super) fn failed(&mut self) {
        self.errors = self.errors.max(1);
        self.pending.get_or_insert_default().errors = self.errors;
    }

    /// Returns what happened since this was last asked; none if fio could not be asked.
    pub(super) fn take(&mut self) -> Option<ClientIo> {
        self.pending.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::client_io::fio::FioOutput;

    fn report(writes: u64, max: u64) -> Option<FioReport> {
        let text = format!(
            "{{\n\"jobs\": [{{\"error\": 0, \"write\": {{\"total_ios\": {writes}, \"clat_ns\": {{\"max\": {max}, \"bins\": {{\"{max}\": {writes}}}}}}}}}]\n}}\n"
        );
        let report = FioOutput::default().take(text.as_bytes());
        assert!(report.is_some());
        report
    }

    #[test]
    fn a_write_that_does_not_end_counts_while_it_waits() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut meter = Meter::new(start);
        assert_eq!(meter.take(), None);
        meter.asked(report(20, 3_000_000), at(1));
        assert_eq!(
            meter.take().unwrap(),
            ClientIo::default(),
            "the first report has nothing to be compared with"
        );
        assert_eq!(meter.asked(report(40, 9_000_000), at(2)), Duration::from_millis(9));
        let io = meter.take().unwrap();
        assert_eq!((io.writes, io.worst_write_us, io.waiting), (20, 9_000, false));
        // No report for as long as fio waits for the write.
        meter.asked(None, at(3));
        assert!(!meter.take().unwrap().waiting);
        assert_eq!(meter.asked(None, at(7)), Duration::from_secs(5));
        assert!(meter.take().unwrap().waiting);
        // fio reaches its end and is begun anew: the client still waits.
        meter.fio_begins(at(8));
        assert_eq!(meter.asked(None, at(9)), Duration::from_secs(7));
        assert_eq!(meter.asked(report(1, 12), at(10)), Duration::ZERO);
        let io = meter.take().unwrap();
        assert_eq!((io.waiting, io.worst_write_us), (false, 7_000_000));
    }

    #[test]
    fn opening_the_image_is_not_waiting_for_a_write() {
        let start = Instant::now();
        let mut meter = Meter::new(start);
        assert_eq!(meter.asked(None, start + Duration::from_secs(10)), Duration::ZERO);
        assert!(meter.asked(None, start + Duration::from_secs(25)) >= Duration::from_secs(10));
    }
}
