//! What earlier steps of the run have recorded.

use std::collections::{BTreeMap, BTreeSet};

use reeve_journal::plan::StepId;
use reeve_journal::{Outputs, SecretReference};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::outline::Outline;
use super::steps::AlreadyThere;

/// What a backup records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) file: SecretReference,
    /// Digest of the CRUSH map with its buckets called as the plan will call them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) crush: Option<String>,
}

/// How things were right before Rook learned of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Before {
    /// Codes of the health checks that were raised.
    pub(crate) health: BTreeSet<String>,
    /// The operator's image.
    pub(crate) operator_image: Option<String>,
    /// Epoch of the mon map; none in journals of before it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) mon_epoch: Option<u32>,
}

/// A daemon's pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PodStart {
    pub(crate) uid: String,
    pub(crate) started: String,
    pub(crate) restarts: i64,
    /// The ReplicaSet that made it; records of earlier builds do not name it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) replica_set: Option<String>,
}

/// Records of earlier steps that later ones compare with; none where the step is not done.
#[derive(Clone, Debug, Default)]
pub(crate) struct Earlier {
    pub(crate) crush: Option<String>,
    pub(crate) auth_export: Option<SecretReference>,
    pub(crate) has_secret: bool,
    pub(crate) before: Option<Before>,
    /// What was there before Rook, under names that Rook uses.
    pub(crate) already_there: Option<AlreadyThere>,
    /// Generations of the daemons' Deployments before Rook's second look.
    pub(crate) generations: Option<BTreeMap<String, i64>>,
    pub(crate) pod_starts: Option<BTreeMap<String, PodStart>>,
    /// The mon that is away in this hand-over.
    pub(crate) mon_away: Option<String>,
}

impl Earlier {
    pub(crate) fn than(step: &StepId, outline: &Outline, outputs: &Outputs<'_>) -> Self {
        fn read<T: DeserializeOwned>(outputs: &Outputs<'_>, step: Option<&StepId>) -> Option<T> {
            T::deserialize(outputs.get(step?)?).ok()
        }
        let kept = |step: &Option<StepId>| read::<Kept>(outputs, step.as_ref());
        let is_done = |step: &StepId| outputs.get(step).is_some();
        Self {
            crush: kept(&outline.crush_export).and_then(|kept| kept.crush),
            auth_export: kept(&outline.auth_export).map(|kept| kept.file),
            has_secret: outline.secret.as_ref().is_some_and(is_done),
            before: read(outputs, outline.released_list.as_ref()),
            already_there: read(outputs, outline.guard.as_ref()),
            generations: read(outputs, outline.labels.last()),
            pod_starts: read(outputs, outline.pod_starts.as_ref()),
            mon_away: outline
                .mon_of(step)
                .filter(|(_, stop)| is_done(stop))
                .map(|(mon, _)| mon.clone()),
        }
    }
}
