//! Proofs, with the gate still closed, that nothing has changed.

use std::collections::BTreeMap;

use reeve_journal::plan::Place;
use serde::{Deserialize, Serialize};

use super::{Description, StepDefinition};
use crate::plan::StepContext;
use crate::plan::context::{ask, wait};
use crate::plan::measured::COMMAND_DEADLINE;

/// Proves that Rook's second look changed no Deployment: what it will start is what it wants to keep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProveDeploymentsSettled {
    /// How many Deployments of daemons there are.
    pub deployments: usize,
    /// After how many seconds Rook's second look has failed.
    pub deadline_seconds: u32,
}

impl StepDefinition for ProveDeploymentsSettled {
    const KIND: &'static str = "prove_deployments_settled";
    const ABOUT: &'static str =
        "Proves that Rook's second look changed no Deployment, so that no daemon will restart a second time.";

    fn describe(&self, _: &StepContext) -> Description {
        let act = vec![
            wait("the CephCluster is Ready and has observed its latest spec"),
            ask(format!(
                "the generation of all {} Deployments: as before the second look",
                self.deployments
            )),
        ];
        let what = "Proves that Rook wants no Deployment changed: none will restart a second time.";
        Description::looking(what, Place::Kubernetes, act, self.deadline_seconds)
    }
}

/// Proves that identity, maps and tree are what they were.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProveMapsUnchanged {
    /// The cluster's id.
    pub fsid: String,
    /// The mons and their addresses.
    pub mons: BTreeMap<String, String>,
}

impl StepDefinition for ProveMapsUnchanged {
    const KIND: &'static str = "prove_maps_unchanged";
    const ABOUT: &'static str =
        "Proves that fsid, mon map, CRUSH map and Rook's Secret and mon list are what they were.";

    fn describe(&self, context: &StepContext) -> Description {
        let mons: Vec<String> = self
            .mons
            .iter()
            .map(|(id, address)| format!("{id} at {address}"))
            .collect();
        let act = vec![
            context.ceph_read(self.fsid.clone(), ["fsid"]),
            context.ceph_read(
                format!("{} and nothing else", mons.join(", ")),
                ["mon", "dump", "--format", "json"],
            ),
            context.ceph_read(
                "CRUSH as in the backup, but for the renames in this plan",
                ["osd", "crush", "dump", "--format", "json"],
            ),
            ask("Secret rook-ceph-mon and ConfigMap rook-ceph-mon-endpoints: as they were written"),
        ];
        let what = "Proves that cluster id, mon map, CRUSH and Rook's idea of them are unchanged.";
        Description::looking(what, Place::Ceph, act, COMMAND_DEADLINE)
    }
}
