//! Which pools can be described, and how.

use std::collections::{BTreeMap, BTreeSet};

use super::object::{CephBlockPool, Metadata, Replicated, Spec};
use super::{Adoption, DescribedPool, LeftPool};
use crate::facts::{CephFacts, CrushRule, Facts, Pool, PoolKind, Reading};

/// The config option that lists the pools with statistics for each image, in section `mgr`.
const STATS_POOLS: &str = "mgr/prometheus/rbd_stats_pools";

/// The pool of the mgr's own, and the name of the object that describes it, as in Rook's examples.
const MGR_POOL: (&str, &str) = (".mgr", "builtin-mgr");

/// The longest name of an object.
///
/// Source: Kubernetes documentation, Object Names and IDs – DNS subdomain names.
const MAX_NAME: usize = 253;

/// What an operator accepts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AdoptOptions {
    /// Describes also pools for which Rook adds a CRUSH rule that no pool uses.
    pub accept_unused_rules: bool,
}

/// Why a pool is left as it is, and what can be done about it.
struct Left {
    because: String,
    instead: String,
}

impl Left {
    fn new(because: impl Into<String>, instead: impl Into<String>) -> Self {
        Self {
            because: because.into(),
            instead: instead.into(),
        }
    }
}

/// Describes each pool of `facts` as a CephBlockPool, or says why not; pure.
///
/// Rook v1.18 makes a CRUSH rule of the pool's own name before it looks whether the pool exists. Where a rule of that name is there, that
/// changes nothing; else the CRUSH map gets a rule that no pool uses, and the pool is described only if the options accept it.
pub fn adopt(facts: &Facts, options: AdoptOptions) -> Adoption {
    let mut adoption = Adoption {
        described: Vec::new(),
        left: Vec::new(),
    };
    let mut pools: Vec<&Pool> = facts.ceph.pools.iter().collect();
    pools.sort_by_key(|pool| pool.id);
    let owners = owners(&facts.ceph);
    let taken: BTreeSet<&str> = pools.iter().map(|pool| pool.name.as_str()).collect();
    for pool in pools {
        let described = match owners.get(pool.name.as_str()) {
            Some(owner) => Err(Left::new(owner, "")),
            None => describe(pool, facts, options, &taken),
        };
        match described {
            Ok(described) => adoption.described.push(described),
            Err(Left { because, instead }) => adoption.left.push(LeftPool {
                pool: pool.name.clone(),
                because,
                instead,
            }),
        }
    }
    adoption
}

/// Returns pools that belong to a file system, with the sentence that says so.
fn owners(ceph: &CephFacts) -> BTreeMap<&str, String> {
    let mut owners = BTreeMap::new();
    for filesystem in ceph.filesystems.known().into_iter().flatten() {
        let of = |pool: &str| {
            format!(
                "it holds {} of file system {}, which a CephFilesystem describes",
                if pool == filesystem.metadata_pool {
                    "metadata"
                } else {
                    "data"
                },
                filesystem.name
            )
        };
        for pool in filesystem.data_pools.iter().chain([&filesystem.metadata_pool]) {
            owners.insert(pool.as_str(), of(pool));
        }
    }
    owners
}

fn describe(pool: &Pool, facts: &Facts, options: AdoptOptions, taken: &BTreeSet<&str>) -> Result<DescribedPool, Left> {
    let ceph = &facts.ceph;
    replicated(pool, ceph)?;
    let application = application(pool)?;
    let (name, pool_name) = name(pool, taken)?;
    let enable_rbd_stats = has_stats(pool, ceph)?;
    let rule = ceph.crush.rules.iter().find(|rule| rule.id == pool.crush_rule);
    let adds_rule = !ceph.crush.rules.iter().any(|rule| rule.name == pool.name);
    if adds_rule && !options.accept_unused_rules {
        return Err(Left::new(
            format!(
                "Rook would add a CRUSH rule named {}, which no pool uses: it makes one of the pool's name whatever rule the pool has",
                pool.name
            ),
            "harmless to the data; `reeve rook adopt-crs --accept-unused-rules` describes it",
        ));
    }
    let Placement {
        failure_domain,
        crush_root,
        device_class,
    } = placement(pool, rule, ceph, adds_rule)?;
    let spec = Spec {
        name: pool_name,
        application,
        failure_domain,
        crush_root,
        device_class,
        replicated: Replicated {
            size: pool.size,
            require_safe_replica_size: pool.size > 1,
        },
        enable_rbd_stats,
    };
    Ok(DescribedPool {
        pool: pool.name.clone(),
        adds_rule: adds_rule.then(|| pool.name.clone()),
        object: CephBlockPool {
            api_version: "ceph.rook.io/v1".into(),
            kind: "CephBlockPool".into(),
            metadata: Metadata {
                name,
                namespace: facts.scope.namespace.clone(),
            },
            spec,
        },
    })
}

/// Refuses pools whose way of keeping data a CephBlockPool would change.
fn replicated(pool: &Pool, ceph: &CephFacts) -> Result<(), Left> {
    if let PoolKind::Erasure { profile } = &pool.kind {
        return Err(Left::new(
            format!(
                "it is erasure coded with profile {profile}: Rook would write a profile of its own and allow overwrites for good"
            ),
            "",
        ));
    }
    if ceph.monmap.stretch_mode {
        return Err(Left::new(
            "the cluster is in stretch mode, whose pools share one rule",
            "",
        ));
    }
    match pool.mirroring.as_deref() {
        None | Some("disabled") => Ok(()),
        Some(mode) => Err(Left::new(
            format!("it is mirrored ({mode}), and Rook would switch that off or want to manage the peers too"),
            "",
        )),
    }
}

/// Returns the pool's only application, if a CephBlockPool may have it.
fn application(pool: &Pool) -> Result<String, Left> {
    let applications: Vec<&str> = pool.applications.iter().map(String::as_str).collect();
    match applications.as_slice() {
        ["rbd"] => Ok("rbd".into()),
        ["mgr"] if pool.name == MGR_POOL.0 => Ok("mgr".into()),
        [] => Err(Left::new(
            "it is marked with no application, and Rook would mark it with rbd",
            "if it holds images, mark it with `ceph osd pool application enable POOL rbd` and survey again",
        )),
        ["cephfs"] => Err(Left::new(
            "it belongs to a file system, which a CephFilesystem describes",
            "",
        )),
        ["rgw"] => Err(Left::new(
            "it belongs to an object store, which a CephObjectStore describes",
            "",
        )),
        [other] => Err(Left::new(
            format!(
                "its application is {other}: whoever deletes a CephBlockPool deletes a pool without images, and Rook does not look for anything else in it"
            ),
            "",
        )),
        several => Err(Left::new(
            format!(
                "it has several applications ({}), and a CephBlockPool has one",
                several.join(", ")
            ),
            "",
        )),
    }
}

/// Returns the object's name, and the pool's where it is another.
fn name(pool: &Pool, taken: &BTreeSet<&str>) -> Result<(String, Option<String>), Left> {
    if pool.name == MGR_POOL.0 {
        if taken.contains(MGR_POOL.1) {
            return Err(Left::new(
                format!("a pool named {0} has the name that its object would have", MGR_POOL.1),
                "",
            ));
        }
        return Ok((MGR_POOL.1.into(), Some(pool.name.clone())));
    }
    if is_object_name(&pool.name) {
        return Ok((pool.name.clone(), None));
    }
    Err(Left::new(
        "no Kubernetes object can have its name, and Rook has no other way to name a pool",
        "`ceph osd pool rename` gives it another, if its clients can follow",
    ))
}

/// Returns whether the pool has statistics for each image.
fn has_stats(pool: &Pool, ceph: &CephFacts) -> Result<bool, Left> {
    if let Reading::Unknown { because } = &ceph.config {
        return Err(Left::new(
            format!("whether it has statistics for each image is not known: {because}"),
            "survey again",
        ));
    }
    let listed = ceph.config_value("mgr", STATS_POOLS).unwrap_or_default();
    Ok(listed.split(',').any(|one| one == pool.name))
}

/// How a pool's rule places data, as a CephBlockPool says it.
struct Placement {
    failure_domain: Option<String>,
    crush_root: Option<String>,
    device_class: Option<String>,
}

/// Returns the placement that makes Rook's new rule like the pool's own, so that nothing would move even if it were used.
fn placement(pool: &Pool, rule: Option<&CrushRule>, ceph: &CephFacts, adds_rule: bool) -> Result<Placement, Left> {
    let unclear = |because: String| match adds_rule {
        true => Err(Left::new(
            because,
            "make a rule of the pool's name by hand first, or leave the pool",
        )),
        // The rule is there, so Rook reads nothing of this.
        false => Ok(Placement {
            failure_domain: None,
            crush_root: None,
            device_class: None,
        }),
    };
    let Some(rule) = rule else {
        return unclear(format!("its CRUSH rule {} is not in the map", pool.crush_rule));
    };
    let (root, class) = match rule.take.split_once('~') {
        Some((root, class)) => (root, Some(class.to_owned())),
        None => (rule.take.as_str(), None),
    };
    let is_bucket = ceph.crush.buckets.iter().any(|bucket| bucket.name == root);
    let is_type = rule.failure_domain == "osd"
        || ceph
            .crush
            .buckets
            .iter()
            .any(|bucket| bucket.kind == rule.failure_domain);
    if !is_bucket || !is_type {
        return unclear(format!("its CRUSH rule {} is not a plain one", rule.name));
    }
    Ok(Placement {
        failure_domain: Some(rule.failure_domain.clone()),
        crush_root: Some(root.to_owned()),
        device_class: class,
    })
}

/// Returns whether an object can have this name: a DNS subdomain.
fn is_object_name(name: &str) -> bool {
    let label = |label: &str| {
        let bytes = label.as_bytes();
        let inner = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-';
        !bytes.is_empty() && bytes.iter().all(inner) && bytes[0] != b'-' && bytes[bytes.len() - 1] != b'-'
    };
    name.len() <= MAX_NAME && name.split('.').all(label)
}
