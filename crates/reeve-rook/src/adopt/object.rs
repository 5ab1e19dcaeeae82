//! A CephBlockPool, as far as a pool that is there is described by one.

use serde::{Deserialize, Serialize};

/// A CephBlockPool; fields that Rook would act on and that must not change anything are left out on purpose.
///
/// Left out: `parameters`, `compressionMode`, `quotas` and `mirroring.enabled`, because Rook sets what they say at each reconcile and leaves alone what
/// they do not say; `enableCrushUpdates`, because without it Rook never changes the rule that a pool uses. `min_size`, `pg_num` and the
/// autoscaler's mode have no field at all.
///
/// Source: rook/rook v1.18.11: `pkg/daemon/ceph/client/pool.go` – `createReplicatedPoolForApp`, `setCommonPoolProperties`,
/// `updatePoolCrushRule`; `pkg/operator/ceph/pool/controller.go` – `createPool`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CephBlockPool {
    /// `ceph.rook.io/v1`.
    pub api_version: String,
    /// `CephBlockPool`.
    pub kind: String,
    /// Name and namespace.
    pub metadata: Metadata,
    /// What the pool is like.
    pub spec: Spec,
}

/// Name and namespace of an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metadata {
    /// The object's name: the pool's own, or `builtin-mgr`.
    pub name: String,
    /// The CephCluster's namespace.
    pub namespace: String,
}

/// What a pool is like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Spec {
    /// The pool's name where no object can have it; Rook takes `.mgr`, `.nfs` and `.rgw.root` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The application that the pool is marked with. Rook marks it again only if it has another one.
    pub application: String,
    /// The bucket type that the pool's rule spreads over. Rook reads it where it makes a rule of the pool's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_domain: Option<String>,
    /// The bucket at which the pool's rule begins; read where `failureDomain` is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crush_root: Option<String>,
    /// The device class that the pool's rule takes; read where `failureDomain` is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_class: Option<String>,
    /// Copies.
    pub replicated: Replicated,
    /// Statistics for each image. Where the field is false, Rook takes the pool out of `mgr/prometheus/rbd_stats_pools`.
    #[serde(rename = "enableRBDStats", default, skip_serializing_if = "std::ops::Not::not")]
    pub enable_rbd_stats: bool,
}

/// Copies of a pool's data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Replicated {
    /// How many. Rook sets the pool's size where it is another.
    pub size: u32,
    /// Whether Rook refuses a size of 1.
    pub require_safe_replica_size: bool,
}
