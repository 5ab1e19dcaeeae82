//! One look at the cluster: the shape in which it is kept and shown.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What was seen of the cluster at one moment, or that nobody answered.
///
/// Times are those of the machine on which reeve runs, as in the journal, so that samples and records can be laid side by side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Sample {
    /// When the question was asked.
    pub at: Timestamp,
    /// How long the answer took, or after how long the question was given up, in milliseconds.
    pub took_ms: u64,
    /// What came back.
    pub answer: Answer,
    /// What a client saw since the sample before; none without a watch on client I/O.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientIo>,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The mons answered, so there is a quorum.
    Cluster(ClusterView),
    /// Nobody answered in time: no quorum, or the admin host was not reached.
    None {
        /// What was heard instead; limited in size, safe on a terminal.
        because: String,
    },
}

/// The state of the cluster, as `ceph status` tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClusterView {
    /// `HEALTH_OK`, `HEALTH_WARN` or `HEALTH_ERR`.
    pub health: String,
    /// Codes of the health checks that are raised, such as `OSD_DOWN`; muted ones are left out.
    pub checks: BTreeSet<String>,
    /// Names of the mons in quorum, in their order.
    pub quorum: Vec<String>,
    /// How many mons the mon map has.
    pub mons: u32,
    /// Epoch of the mon map; a take-over leaves it as it is.
    pub monmap_epoch: u32,
    /// An active mgr serves.
    pub mgr_available: bool,
    /// Name of the active mgr when it was last asked for, which is at the beginning and whenever availability or standbys change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mgr_active: Option<String>,
    /// How many mgrs stand by.
    pub mgr_standbys: u32,
    /// OSDs in the map.
    pub osds: u32,
    /// OSDs that are up.
    pub osds_up: u32,
    /// OSDs that are in.
    pub osds_in: u32,
    /// PGs in all.
    pub pgs: u32,
    /// How many PGs are in each state, such as `active+clean`.
    pub pg_states: BTreeMap<String, u32>,
    /// Objects with fewer copies than wanted.
    pub objects_degraded: u64,
    /// Objects that lie elsewhere than wanted.
    pub objects_misplaced: u64,
    /// What all clients read, in bytes a second.
    pub read_bytes_per_second: u64,
    /// What all clients write, in bytes a second.
    pub write_bytes_per_second: u64,
    /// Reads of all clients a second.
    pub reads_per_second: u64,
    /// Writes of all clients a second.
    pub writes_per_second: u64,
}

/// What the watching client saw between two samples.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClientIo {
    /// Writes that ended.
    pub writes: u64,
    /// The slowest write, in microseconds; a write that has not ended yet counts with the time for which it has been waiting.
    pub worst_write_us: u64,
    /// The time that 99.9 % of the writes were done in, in microseconds; 0 where none ended.
    pub p999_write_us: u64,
    /// The worst is of a write that has not ended yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub waiting: bool,
    /// Errors of I/O or of verification since the watch began.
    pub errors: u64,
}

impl Sample {
    /// Returns what was seen, if anybody answered.
    #[must_use]
    pub fn cluster(&self) -> Option<&ClusterView> {
        match &self.answer {
            Answer::Cluster(view) => Some(view),
            Answer::None { .. } => None,
        }
    }

    /// Returns when the answer was there, or the question given up.
    #[must_use]
    pub fn ended_at(&self) -> Timestamp {
        let took = jiff::SignedDuration::from_millis(i64::try_from(self.took_ms).unwrap_or(i64::MAX));
        self.at.saturating_add(took).unwrap_or(Timestamp::MAX)
    }
}

impl ClusterView {
    /// Returns how many PGs are in a state of which one part is `part`, such as `degraded` in `active+undersized+degraded`.
    #[must_use]
    pub fn pgs_that_are(&self, part: &str) -> u32 {
        let fits = self
            .pg_states
            .iter()
            .filter(|(state, _)| state.split('+').any(|it| it == part));
        fits.map(|(_, count)| count)
            .fold(0, |sum: u32, count| sum.saturating_add(*count))
    }

    /// Returns how many PGs are active and clean; those that are scrubbed meanwhile count.
    #[must_use]
    pub fn pgs_clean(&self) -> u32 {
        let fits = self.pg_states.iter().filter(|(state, _)| {
            let parts: BTreeSet<&str> = state.split('+').collect();
            parts.contains("active") && parts.contains("clean")
        });
        fits.map(|(_, count)| count)
            .fold(0, |sum: u32, count| sum.saturating_add(*count))
    }

    /// Tells whether all PGs are active and clean.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.pgs_clean() == self.pgs
    }

    /// Tells whether every mon of the map is in quorum.
    #[must_use]
    pub fn is_quorum_full(&self) -> bool {
        usize::try_from(self.mons).is_ok_and(|mons| self.quorum.len() == mons)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_counted_by_their_parts() {
        let states = [
            ("active+clean", 20),
            ("active+clean+scrubbing", 2),
            ("active+undersized+degraded", 10),
        ];
        let view = ClusterView {
            pgs: 32,
            pg_states: states.map(|(state, count)| (state.to_owned(), count)).into(),
            ..ClusterView::default()
        };
        assert_eq!((view.pgs_clean(), view.is_clean()), (22, false));
        assert_eq!((view.pgs_that_are("degraded"), view.pgs_that_are("clea")), (10, 0));
    }
}
