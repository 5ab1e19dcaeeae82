//! Reads what fio writes of itself every second.
//!
//! fio's figures count from its start. Its `json+` form has the whole distribution of latencies, so that the difference of two reports is the distribution of
//! the time between them, to 1.6 % (fio: `stat.c` – `add_ddir_lat_json`, `plat_idx_to_val`).

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::watch::sample::ClientIo;

/// A report takes about 10 KiB; without a whole one in this much, it is none of fio's.
const MAX_BUFFER: usize = 4 << 20;

/// One report, as far as writes go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FioReport {
    /// errno of the first failure; 0 for none.
    pub(super) error: i64,
    pub(super) writes: u64,
    /// The slowest write so far, in nanoseconds.
    max_ns: u64,
    /// Latencies in nanoseconds, and how many writes had them.
    bins: BTreeMap<u64, u64>,
}

#[derive(Deserialize)]
struct Output {
    jobs: Vec<Job>,
}

#[derive(Deserialize)]
struct Job {
    #[serde(default)]
    error: i64,
    write: Direction,
}

#[derive(Deserialize)]
struct Direction {
    #[serde(default)]
    total_ios: u64,
    clat_ns: Latency,
}

#[derive(Deserialize)]
struct Latency {
    #[serde(default)]
    max: u64,
    #[serde(default)]
    bins: BTreeMap<String, u64>,
}

/// Takes fio's output piece by piece.
#[derive(Debug, Default)]
pub(super) struct FioOutput {
    kept: Vec<u8>,
}

impl FioOutput {
    /// Takes more of the output and returns the last whole report in it, if there is a new one.
    ///
    /// A report begins at a line `{` and ends at a line `}`; notes of fio between them are skipped, and so are the zeros where the file was cut to save space.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Option<FioReport> {
        self.kept.extend(bytes.iter().filter(|byte| **byte != 0));
        let end = find_last(&self.kept, b"\n}\n").map(|at| at + 3);
        let Some(end) = end else {
            if self.kept.len() > MAX_BUFFER {
                self.kept.clear();
            }
            return None;
        };
        let whole = &self.kept[..end];
        // The end of the report before this one, or the beginning of everything.
        let before = find_last(&whole[..end - 3], b"\n}\n").map_or(0, |at| at + 3);
        let begin = whole[before..]
            .iter()
            .position(|byte| *byte == b'{')
            .map(|at| before + at);
        let report = begin.and_then(|begin| report(&whole[begin..]));
        self.kept.drain(..end);
        report
    }
}

fn find_last(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).rposition(|window| window == what)
}

fn report(json: &[u8]) -> Option<FioReport> {
    let output: Output = serde_json::from_slice(json).ok()?;
    let job = output.jobs.into_iter().next()?;
    let bins = job.write.clat_ns.bins.into_iter();
    Some(FioReport {
        error: job.error,
        writes: job.write.total_ios,
        max_ns: job.write.clat_ns.max,
        bins: bins.filter_map(|(ns, count)| Some((ns.parse().ok()?, count))).collect(),
    })
}

impl FioReport {
    /// Returns what happened since an earlier report of the same process.
    pub(super) fn since(&self, before: &Self) -> ClientIo {
        let fresh: Vec<(u64, u64)> = self
            .bins
            .iter()
            .map(|(ns, count)| {
                (
                    *ns,
                    count.saturating_sub(before.bins.get(ns).copied().unwrap_or_default()),
                )
            })
            .filter(|(_, count)| *count > 0)
            .collect();
        let slowest_bin = fresh.last().map_or(0, |(ns, _)| *ns);
        // A new maximum is known exactly, any other only by its bin.
        let worst = if self.max_ns > before.max_ns {
            self.max_ns
        } else {
            slowest_bin
        };
        ClientIo {
            writes: self.writes.saturating_sub(before.writes),
            worst_write_us: worst / 1000,
            p999_write_us: p999(&fresh).min(worst) / 1000,
            waiting: false,
            errors: u64::from(self.error != 0),
        }
    }
}

/// Returns the latency below which 99.9 % of the writes lie; of fewer than a thousand, it is the worst.
fn p999(bins: &[(u64, u64)]) -> u64 {
    let total: u64 = bins.iter().map(|(_, count)| count).sum();
    let beyond = total / 1000;
    let mut seen = 0;
    for (ns, count) in bins.iter().rev() {
        seen += count;
        if seen > beyond {
            return *ns;
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn document(error: i64, writes: u64, max: u64, bins: &[(u64, u64)]) -> String {
        let bins: BTreeMap<String, u64> = bins.iter().map(|(ns, count)| (ns.to_string(), *count)).collect();
        let empty = json!({ "min": 0, "max": 0, "mean": 0.0, "stddev": 0.0, "N": 0 });
        let document = json!({
            "fio version": "fio-3.33",
            "jobs": [{
                "jobname": "reeve-watch-io", "error": error,
                "read": { "total_ios": 3, "clat_ns": empty },
                "write": { "total_ios": writes, "clat_ns": { "max": max, "N": writes, "bins": bins } },
            }],
        });
        format!("{}\n", serde_json::to_string_pretty(&document).unwrap())
    }

    #[test]
    fn the_difference_of_two_reports_is_the_time_between_them() {
        let mut output = FioOutput::default();
        let text = format!(
            "fio: a note\n{}",
            document(0, 2, 9_000_000, &[(1_000_000, 1), (8_900_000, 1)])
        );
        let first = output.take(text.as_bytes()).unwrap();
        assert_eq!(first.since(&FioReport::default()).worst_write_us, 9_000);
        let text = document(0, 5, 9_000_000, &[(1_000_000, 3), (2_000_000, 1), (8_900_000, 1)]);
        let (one, other) = text.split_at(40);
        assert_eq!(output.take(one.as_bytes()), None);
        let second = output.take(format!("{other}\0\0{{\n  \"half").as_bytes()).unwrap();
        let between = second.since(&first);
        assert_eq!(
            (
                between.writes,
                between.worst_write_us,
                between.p999_write_us,
                between.errors
            ),
            (3, 2_000, 2_000, 0)
        );
        // No write ended.
        assert_eq!(second.since(&second), ClientIo::default());
    }

    #[test]
    fn only_the_last_of_several_reports_counts() {
        let text = [document(0, 1, 5, &[(5, 1)]), document(84, 2, 7, &[(5, 1), (7, 1)])].concat();
        let report = FioOutput::default().take(text.as_bytes()).unwrap();
        assert_eq!((report.writes, report.since(&FioReport::default()).errors), (2, 1));
    }

    #[test]
    fn one_in_a_thousand_may_be_slower() {
        assert_eq!(p999(&[(10, 999), (500, 1)]), 10);
        assert_eq!(p999(&[(10, 998), (500, 2)]), 500);
        assert_eq!(p999(&[]), 0);
    }

    proptest! {
        /// Noise in any portions never panics, is never taken for a report, and is not kept for ever.
        #[test]
        fn noise_is_no_report(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..20)) {
            let mut output = FioOutput::default();
            for piece in pieces {
                prop_assert_eq!(output.take(&piece), None);
                prop_assert!(output.kept.len() <= MAX_BUFFER + 200);
            }
        }
    }
}
