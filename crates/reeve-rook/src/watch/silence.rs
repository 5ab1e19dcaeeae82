//! Times in which the mons answered nobody.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::log::Samples;

/// A time in which a question waited longer than it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Silence {
    /// When the first question was asked that waited.
    pub from: Timestamp,
    /// When somebody answered again, or the last look ended.
    pub to: Timestamp,
}

impl Silence {
    /// Returns how long it was.
    #[must_use]
    pub fn length(&self) -> Duration {
        Duration::try_from(self.to.duration_since(self.from)).unwrap_or_default()
    }
}

impl Samples {
    /// Returns the times in which a question waited longer than `patience`, in order: unanswered ones, and those that were answered late.
    ///
    /// Questions that follow one another make one silence. Times between two processes, in which nobody asked, are none.
    #[must_use]
    pub fn silences(&self, patience: Duration) -> Vec<Silence> {
        let mut silences: Vec<Silence> = Vec::new();
        for session in &self.sessions {
            let mut open: Option<Silence> = None;
            for sample in &session.samples {
                let waited = Duration::from_millis(sample.took_ms) > patience || sample.cluster().is_none();
                if waited {
                    open.get_or_insert(Silence {
                        from: sample.at,
                        to: sample.at,
                    });
                }
                // A quick answer ends it too: until then nobody knew better.
                if let Some(silence) = &mut open {
                    silence.to = sample.ended_at();
                }
                if sample.cluster().is_some() {
                    silences.extend(open.take());
                }
            }
            silences.extend(open);
        }
        silences
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::{Answer, ClusterView, Sample, SampleLine, SessionBegin};

    fn session(looks: &[(i64, u64, bool)]) -> Samples {
        let mut samples = Samples::default();
        samples.take(SampleLine::Begin(SessionBegin {
            format: 1,
            run: "r".into(),
            at: Timestamp::UNIX_EPOCH,
            interval_ms: 1000,
            client: None,
            rehearsal: false,
        }));
        for (at, took_ms, answered) in looks {
            let answer = if *answered {
                Answer::Cluster(ClusterView::default())
            } else {
                Answer::None { because: "no".into() }
            };
            samples.take(SampleLine::Sample(Sample {
                at: Timestamp::from_second(*at).unwrap(),
                took_ms: *took_ms,
                answer,
                client: None,
            }));
        }
        samples
    }

    #[test]
    fn questions_that_wait_in_a_row_are_one_silence() {
        let patience = Duration::from_secs(2);
        let looks = [
            (0, 300, true),
            (1, 5000, false),
            (6, 5000, false),
            (11, 2500, true),
            (14, 300, true),
            (15, 4000, true),
        ];
        let lengths: Vec<u128> = session(&looks)
            .silences(patience)
            .iter()
            .map(|silence| silence.length().as_millis())
            .collect();
        assert_eq!(lengths, [12_500, 4_000]);
        let open = session(&[(0, 300, true), (1, 5000, false)]);
        assert_eq!(open.silences(patience).len(), 1);
        assert!(session(&[(0, 300, true), (1, 900, true)]).silences(patience).is_empty());
    }
}
