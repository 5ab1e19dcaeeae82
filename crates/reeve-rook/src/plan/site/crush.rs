//! CRUSH with an index, failure domains, and the names that Rook gives hosts.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use reeve_ceph::OsdId;
use reeve_host::HostName;

use super::nodes::NodeSite;
use super::osds::OsdHost;
use crate::facts::{Bucket, Facts};
use crate::plan::PlanError;
use crate::plan::options::{CrushHostNames, Options};

/// The CRUSH hierarchy, indexed by child.
pub(super) struct Tree<'a> {
    parents: HashMap<i64, &'a Bucket>,
    leaves: HashMap<OsdId, (&'a str, f64)>,
    depth_limit: usize,
}

/// Where an OSD stands.
pub(super) struct Leaf<'a> {
    pub(super) bucket: &'a str,
    /// Buckets above the one that holds it, from the root down.
    pub(super) path: Vec<&'a str>,
    pub(super) class: &'a str,
    pub(super) weight: f64,
}

impl<'a> Tree<'a> {
    pub(super) fn new(facts: &'a Facts) -> Self {
        let crush = &facts.ceph.crush;
        // Children of the bucket that comes first by name win, so that the order of the list does not matter.
        let mut buckets: Vec<&Bucket> = crush.buckets.iter().collect();
        buckets.sort_by(|one, two| one.name.cmp(&two.name));
        let mut parents = HashMap::new();
        for bucket in buckets {
            for child in &bucket.children {
                parents.entry(*child).or_insert(bucket);
            }
        }
        let leaves = crush
            .devices
            .iter()
            .map(|it| (it.id, (it.class.as_str(), it.weight)))
            .collect();
        Self {
            parents,
            leaves,
            depth_limit: crush.buckets.len(),
        }
    }

    /// Returns the buckets above a child, nearest first; ends after as many as there are buckets.
    fn above(&self, child: i64) -> impl Iterator<Item = &'a Bucket> {
        let next = |bucket: &&'a Bucket| self.parents.get(&bucket.id).copied();
        std::iter::successors(self.parents.get(&child).copied(), next).take(self.depth_limit)
    }

    pub(super) fn place(&self, osd: OsdId) -> Option<Leaf<'a>> {
        let (class, weight) = *self.leaves.get(&osd)?;
        let mut above = self.above(i64::from(osd.0));
        let bucket = above.next()?;
        let mut path: Vec<&str> = above.map(|it| it.name.as_str()).collect();
        path.reverse();
        Some(Leaf {
            bucket: &bucket.name,
            path,
            class,
            weight,
        })
    }
}

/// The kinds of bucket over which the pools' rules spread copies.
pub(super) struct Domains<'a> {
    kinds: BTreeMap<&'a str, &'a str>,
}

impl<'a> Domains<'a> {
    pub(super) fn of_pools(facts: &'a Facts) -> Result<Self, PlanError> {
        let rules: HashMap<i64, _> = facts.ceph.crush.rules.iter().map(|rule| (rule.id, rule)).collect();
        let mut kinds = BTreeMap::new();
        for pool in &facts.ceph.pools {
            let Some(rule) = rules.get(&pool.crush_rule) else {
                let fact = format!(
                    "pool {} has CRUSH rule {}, which does not exist",
                    pool.name, pool.crush_rule
                );
                return Err(PlanError::cluster(fact, "give the pool a rule"));
            };
            let shown = kinds.entry(rule.failure_domain.as_str()).or_insert(pool.name.as_str());
            *shown = (*shown).min(pool.name.as_str());
        }
        Ok(Self { kinds })
    }

    /// Refuses to take all OSDs of the host away at once unless they lie in one failure domain of every pool.
    pub(super) fn hold_together(&self, tree: &Tree<'_>, host: &OsdHost) -> Result<(), PlanError> {
        for (kind, pool) in &self.kinds {
            let mut domains = BTreeSet::new();
            for osd in &host.osds {
                let domain = tree.above(i64::from(osd.id.0)).find(|bucket| bucket.kind == **kind);
                domains.insert(domain.map(|it| it.id).ok_or(osd.id));
            }
            if domains.len() > 1 {
                let because = format!(
                    "pool {pool} spreads over `{kind}`, and the OSDs of {} lie in {} of those; choose `one`",
                    host.host,
                    domains.len()
                );
                return Err(PlanError::option("osds_at_once", because));
            }
        }
        Ok(())
    }
}

/// What is done about host buckets whose name is not the one that Rook gives the host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CrushNames {
    /// Buckets to rename: from → to.
    pub(crate) renames: BTreeMap<String, String>,
    /// Why `osd_crush_update_on_start` has to stay off for good: host and reason.
    pub(crate) pinned_because: Vec<String>,
}

pub(super) fn names(
    facts: &Facts,
    hosts: &[OsdHost],
    nodes: &BTreeMap<HostName, NodeSite>,
    options: &Options,
) -> CrushNames {
    let taken: BTreeSet<&str> = facts.ceph.crush.buckets.iter().map(|it| it.name.as_str()).collect();
    // A bucket that holds OSDs of two servers cannot take the name of either.
    let mut holders: HashMap<&str, usize> = HashMap::new();
    for bucket in hosts.iter().flat_map(|host| &host.buckets) {
        *holders.entry(bucket).or_default() += 1;
    }
    let mut result = CrushNames::default();
    let mut given = BTreeSet::new();
    for host in hosts {
        let name = nodes
            .get(&host.host)
            .map(NodeSite::crush_name)
            .expect("every host with OSDs has a node");
        match host.buckets.as_slice() {
            [bucket] if *bucket == name => {}
            [bucket] if holders.get(bucket.as_str()).is_some_and(|holders| *holders > 1) => {
                result.pinned_because.push(format!(
                    "bucket {bucket} holds OSDs of several servers, {} among them",
                    host.host
                ));
            }
            [bucket] if options.crush_host_names == CrushHostNames::Keep => {
                result.pinned_because.push(format!(
                    "bucket {bucket} keeps its name, and Rook calls the host {name}"
                ));
            }
            [_] if taken.contains(name.as_str()) || !given.insert(name.clone()) => {
                result.pinned_because.push(format!(
                    "Rook's name {name} for {} belongs to another bucket",
                    host.host
                ));
            }
            [bucket] => {
                result.renames.insert(bucket.clone(), name);
            }
            several => {
                result.pinned_because.push(format!(
                    "{} has its OSDs in {} buckets: {}",
                    host.host,
                    several.len(),
                    several.join(", ")
                ));
            }
        }
    }
    result
}
