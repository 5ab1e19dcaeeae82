//! What an operator can choose about a take-over.

use std::collections::BTreeSet;

use reeve_host::HostName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::Waivers;
use crate::facts::{Facts, Scope};

/// What an operator can choose about a take-over; the default is the careful choice everywhere.
///
/// Namespace, data directory and admin host are part of the survey's [`Scope`], because facts were read with them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// The Ceph image; none takes the one that the survey was told.
    pub ceph_image: Option<String>,
    /// Name of the CephCluster; none takes the namespace's name, as Rook's examples do.
    pub cluster_name: Option<String>,
    /// How many mgrs Rook runs, 1 to 5; fewer where there are fewer nodes.
    pub mgr_count: u32,
    /// What becomes of the dashboard.
    pub dashboard: Dashboard,
    /// For how many seconds a mon is watched after its hand-over, before the next; 60 or more is advised.
    pub mon_soak_seconds: u32,
    /// For how many seconds the cluster is watched after the last OSD of each host.
    pub host_soak_seconds: u32,
    /// Hosts whose OSDs go first, in this order; the others follow by failure domain and name.
    pub hosts_first: Vec<HostName>,
    /// How many OSDs of one host are away at the same time.
    pub osds_at_once: OsdsAtOnce,
    /// Hosts after whose OSDs the run pauses; none means after the first host only, an empty list means never.
    pub pause_after: Option<BTreeSet<HostName>>,
    /// What is done about CRUSH host buckets whose name is not the one that Rook gives the host.
    pub crush_host_names: CrushHostNames,
    /// How OSDs on dm-crypt are opened in Rook's pods.
    pub encrypted_osds: EncryptedOsds,
    /// Names of pools that may stop while an OSD of theirs is away, because they have no copy to spare (size = min_size).
    pub pools_that_may_stop: BTreeSet<String>,
    /// Keeps `mon_allow_pool_delete` and `mon_allow_pool_size_one` as they are now; Rook sets both to true otherwise.
    pub keep_pool_protection: bool,
    /// Keeps clients alive that still reclaim their global id insecurely (CVE-2021-20288); Rook locks them out otherwise.
    pub allow_insecure_global_id: bool,
    /// When Kubernetes restarts a daemon that does not answer.
    pub probes: Probes,
}

impl Options {
    /// Returns the options with what a person has accepted by waiving rules of `check`: pools that `rook.pool-size-one` or `rook.pool-min-size` finds may stop,
    /// as if they were named in [`Options::pools_that_may_stop`].
    #[must_use]
    pub fn with_waivers(mut self, facts: &Facts, waivers: &Waivers) -> Self {
        let (single, minimum) = (waivers.has("rook.pool-size-one"), waivers.has("rook.pool-min-size"));
        let pools = facts.ceph.pools.iter().filter(|pool| match pool.size {
            0 | 1 => single,
            more => minimum && pool.min_size >= more,
        });
        self.pools_that_may_stop.extend(pools.map(|pool| pool.name.clone()));
        self
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            ceph_image: None,
            cluster_name: None,
            mgr_count: 2,
            dashboard: Dashboard::AsFound,
            mon_soak_seconds: 60,
            host_soak_seconds: 60,
            hosts_first: Vec::new(),
            osds_at_once: OsdsAtOnce::One,
            pause_after: None,
            crush_host_names: CrushHostNames::Rename,
            encrypted_osds: EncryptedOsds::Refuse,
            pools_that_may_stop: BTreeSet::new(),
            keep_pool_protection: true,
            allow_insecure_global_id: false,
            probes: Probes::Patient,
        }
    }
}

/// What becomes of the dashboard. Rook knows no "leave it": it switches the module on, with a new admin password, or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Dashboard {
    /// On where it is on now, off where it is off.
    AsFound,
    /// On.
    On,
    /// Off.
    Off,
}

/// How many OSDs of one host are away at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OsdsAtOnce {
    /// One.
    One,
    /// All OSDs of a host, where no rule spreads over less than hosts.
    Host,
}

/// What is done about CRUSH host buckets whose name is not the one that Rook gives the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CrushHostNames {
    /// Rename them where that is possible; no data moves.
    Rename,
    /// Keep them and leave `osd_crush_update_on_start` off for good.
    Keep,
}

/// How OSDs on dm-crypt are opened in Rook's pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EncryptedOsds {
    /// A cluster that has any is not planned.
    Refuse,
    /// `encryptedDevice` stays unset and ceph-volume opens them by their LV tags.
    CephVolume,
    /// `encryptedDevice` is set; only where every OSD is encrypted.
    Rook,
}

/// When Kubernetes restarts a daemon that does not answer its liveness or startup probe.
///
/// The probe starts the `ceph` program in the daemon's container, so on a busy host it is slow although the daemon is well. No unit of systemd has anything like it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Probes {
    /// After about 5 minutes without an answer, and after 10 minutes for a mon or mgr that starts.
    Patient,
    /// As Rook sets them: after three probes in a row, 10 s apart, without an answer within 5 s; a mon or mgr that starts has about 1 minute.
    Rook,
}

/// The options of a plan as the plan file keeps them: what was chosen, and the scope of the survey.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanOptions {
    /// What was chosen, defaults included.
    pub chosen: Options,
    /// What the survey was asked to look at.
    pub scope: Scope,
}

impl PlanOptions {
    /// Reads the options back from a plan's `options` field.
    ///
    /// # Errors
    ///
    /// serde's complaint, if the plan is not one of this operation.
    pub fn of(plan: &reeve_journal::plan::Plan) -> Result<Self, serde_json::Error> {
        Self::deserialize(&plan.options)
    }

    /// Returns the name of the CephCluster.
    pub fn cluster_name(&self) -> &str {
        self.chosen.cluster_name.as_deref().unwrap_or(&self.scope.namespace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::Cluster;

    #[test]
    fn a_waived_pool_may_stop() {
        let mut facts = Cluster::default().facts();
        let pool = facts.ceph.pools.first_mut().unwrap();
        (pool.size, pool.min_size) = (1, 1);
        let name = pool.name.clone();
        let chosen = |waived: &[&str]| {
            let waivers = Waivers::new(waived).unwrap();
            Options::default().with_waivers(&facts, &waivers).pools_that_may_stop
        };
        assert!(chosen(&[]).is_empty());
        assert!(chosen(&["rook.pool-min-size"]).is_empty());
        assert_eq!(chosen(&["rook.pool-size-one"]), BTreeSet::from([name.clone()]));
        let waivers = Waivers::new(["rook.pool-size-one"]).unwrap();
        assert!(crate::plan::plan(&facts, &Options::default()).is_err());
        assert!(crate::plan::plan(&facts, &Options::default().with_waivers(&facts, &waivers)).is_ok());
    }
}
