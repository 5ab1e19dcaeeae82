//! The site: facts looked up, joined and put in order, with everything refused that no plan could be made of.
//!
//! [`Site::new`] is the only place where the planner judges facts; the phases after it only write down steps.

mod crush;
mod index;
mod mgrs;
mod mons;
mod natural;
mod nodes;
mod osds;

use std::collections::BTreeMap;

use reeve_ceph::CephVersion;
use reeve_host::HostName;
use semver::Version;

pub(crate) use crush::CrushNames;
pub(crate) use mgrs::MgrSite;
pub(crate) use mons::{MonSite, ROOK_OWNER};
pub(crate) use nodes::NodeSite;
pub(crate) use osds::{OsdHost, OsdSite};

use crate::facts::{Facts, Operator, Pool, Reading};
use crate::plan::PlanError;
use crate::plan::options::Options;
use index::Index;

/// Everything that the phases need.
pub(crate) struct Site<'a> {
    pub(crate) facts: &'a Facts,
    pub(crate) image: String,
    pub(crate) version: CephVersion,
    pub(crate) version_line: String,
    pub(crate) operator: &'a Operator,
    /// The operator's version, where its image's tag is one.
    pub(crate) rook: Option<Version>,
    /// Nodes by host.
    pub(crate) nodes: BTreeMap<HostName, NodeSite>,
    /// The same, as people count.
    pub(crate) nodes_in_order: Vec<NodeSite>,
    pub(crate) mons: Vec<MonSite>,
    pub(crate) mgrs: Vec<MgrSite>,
    pub(crate) rook_mgrs: Vec<String>,
    pub(crate) osd_hosts: Vec<OsdHost>,
    pub(crate) crush_names: CrushNames,
    /// Names of pools without a copy to spare; the options allow that they stop.
    pub(crate) stopping_pools: Vec<String>,
}

impl<'a> Site<'a> {
    pub(crate) fn new(facts: &'a Facts, options: &Options) -> Result<Self, PlanError> {
        let image = options
            .ceph_image
            .clone()
            .or_else(|| facts.scope.ceph_image.clone())
            .filter(|it| !it.is_empty());
        let image = image.ok_or_else(|| {
            PlanError::option(
                "ceph_image",
                "name the image that Rook is to run, of the version that runs now",
            )
        })?;
        let (version_line, version) = facts.ceph.single_version().ok_or_else(|| {
            PlanError::cluster(
                "the daemons run more than one version, or one that is none",
                "finish the upgrade first",
            )
        })?;
        cluster(facts, options)?;
        let operator = kubernetes(facts)?;
        let index = Index::new(facts);
        let mons = mons::mons(facts, &index)?;
        let mgrs = mgrs::mgrs(facts, &index)?;
        let tree = crush::Tree::new(facts);
        let osd_hosts = osds::osd_hosts(facts, &index, &tree, options)?;
        let hosts = mons
            .iter()
            .map(|it| &it.host)
            .chain(mgrs.iter().map(|it| &it.host))
            .chain(osd_hosts.iter().map(|it| &it.host));
        let nodes = nodes::nodes(facts, &index, hosts)?;
        Ok(Self {
            facts,
            image,
            version,
            version_line: version_line.to_owned(),
            operator,
            rook: operator.version.as_deref().and_then(|it| Version::parse(it).ok()),
            nodes_in_order: nodes::in_order(&nodes),
            rook_mgrs: mgrs::rook_mgrs(options.mgr_count, nodes.len(), &mgrs)?,
            crush_names: crush::names(facts, &osd_hosts, &nodes, options),
            stopping_pools: without_spare(facts).map(|pool| pool.name.clone()).collect(),
            nodes,
            mons,
            mgrs,
            osd_hosts,
        })
    }

    pub(crate) fn node(&self, host: &HostName) -> &NodeSite {
        self.nodes
            .get(host)
            .expect("Site::new has found a node for every host with a daemon")
    }

    /// Returns the name that a bucket has once the plan's renames are done.
    pub(crate) fn bucket_after<'b>(&'b self, bucket: &'b str) -> &'b str {
        self.crush_names.renames.get(bucket).map_or(bucket, String::as_str)
    }

    /// Returns every OSD with its host, in the order of hand-over.
    pub(crate) fn osds(&self) -> impl Iterator<Item = (&OsdHost, &OsdSite)> {
        self.osd_hosts
            .iter()
            .flat_map(|host| host.osds.iter().map(move |osd| (host, osd)))
    }
}

/// Refuses states of the cluster in which a step of the plan could not end well.
fn cluster(facts: &Facts, options: &Options) -> Result<(), PlanError> {
    let ceph = &facts.ceph;
    if ceph.monmap.stretch_mode {
        return Err(PlanError::cluster(
            "stretch mode is on",
            "a stretched cluster cannot be taken over yet",
        ));
    }
    const NEVER_ENDS: [&str; 6] = ["nodown", "noup", "noin", "pauserd", "pausewr", "full"];
    if let Some(flag) = NEVER_ENDS.into_iter().find(|flag| ceph.osdmap.flags.contains(*flag)) {
        let next = format!("unset it (`ceph osd unset {flag}`) when its reason is gone");
        return Err(PlanError::cluster(
            format!("flag {flag} is set, so an OSD's restart cannot be followed"),
            next,
        ));
    }
    if let Some(pool) = without_spare(facts).find(|pool| !options.pools_that_may_stop.contains(&pool.name)) {
        let fact = format!(
            "pool {} has size {} and min_size {}: it stops with every OSD that is away",
            pool.name, pool.size, pool.min_size
        );
        return Err(PlanError::cluster(
            fact,
            "give it one copy more than min_size, or name it in option pools_that_may_stop",
        ));
    }
    if ceph.health.checks.contains_key("AUTH_INSECURE_GLOBAL_ID_RECLAIM") && !options.allow_insecure_global_id {
        let fact = "clients reclaim their global id insecurely, and Rook locks such clients out";
        return Err(PlanError::cluster(
            fact,
            "update them, or set option allow_insecure_global_id",
        ));
    }
    match &ceph.orchestrator {
        Reading::Known(orchestrator) => match &orchestrator.upgrade {
            None => Ok(()),
            Some(target) => {
                let fact = format!("cephadm is upgrading to {target}");
                Err(PlanError::cluster(
                    fact,
                    "let it finish, or stop it with `ceph orch upgrade stop`",
                ))
            }
        },
        Reading::Unknown { because } => Err(PlanError::unknown("the orchestrator", because)),
    }
}

/// Returns the pools that stop with every OSD that is away.
fn without_spare(facts: &Facts) -> impl Iterator<Item = &Pool> {
    facts.ceph.pools.iter().filter(|pool| pool.size <= pool.min_size)
}

/// Refuses a Kubernetes that has no gate, no operator, or something in the place of what the plan creates.
fn kubernetes(facts: &Facts) -> Result<&Operator, PlanError> {
    let kubernetes = &facts.kubernetes;
    let gate = kubernetes
        .gate
        .require()
        .map_err(|because| PlanError::unknown("the daemon gate", because))?;
    if !gate.supported {
        let fact = format!("{} has no ValidatingAdmissionPolicy v1", kubernetes.version);
        return Err(PlanError::kubernetes(fact, "upgrade to 1.30 or newer"));
    }
    if gate.policy || gate.binding || gate.released.is_some() {
        let run = gate
            .run
            .as_deref()
            .map_or_else(String::new, |run| format!(" of run {run}"));
        return Err(PlanError::kubernetes(
            format!("the daemon gate{run} is there already"),
            "resume or roll back that run",
        ));
    }
    let namespace = kubernetes
        .namespace
        .require()
        .map_err(|because| PlanError::unknown("the namespace", because))?;
    let name = &facts.scope.namespace;
    if !namespace.exists {
        return Err(PlanError::kubernetes(
            format!("there is no namespace {name}"),
            "install Rook's common.yaml and operator.yaml",
        ));
    }
    let used: Vec<&str> = ["rook-ceph-mon", "rook-ceph-config"]
        .into_iter()
        .filter(|it| namespace.rook_secrets.contains(*it))
        .collect();
    let seeded = namespace.rook_config_maps.contains("rook-ceph-mon-endpoints");
    if !used.is_empty() || seeded || !namespace.rook_deployments.is_empty() {
        let what = used.first().copied().unwrap_or(if seeded {
            "rook-ceph-mon-endpoints"
        } else {
            "a Rook daemon"
        });
        let next = "remove what an earlier cluster left, or choose another namespace";
        return Err(PlanError::kubernetes(
            format!("namespace {name} has {what} already"),
            next,
        ));
    }
    let clusters = kubernetes
        .ceph_clusters
        .require()
        .map_err(|because| PlanError::unknown("the CephClusters", because))?;
    let fsid = facts.ceph.fsid.as_str();
    if let Some(other) = clusters
        .iter()
        .find(|it| it.namespace == *name || (it.fsid.as_deref() == Some(fsid) && !it.external))
    {
        let fact = format!("CephCluster {}/{} is there already", other.namespace, other.name);
        return Err(PlanError::kubernetes(
            fact,
            "choose another namespace, or resume the run that made it",
        ));
    }
    let operator = kubernetes
        .operator
        .require()
        .map_err(|because| PlanError::unknown("the Rook operator", because))?;
    if !operator.exists || operator.replicas < 1 {
        return Err(PlanError::kubernetes(
            "the Rook operator does not run",
            "install it, or scale it to 1",
        ));
    }
    Ok(operator)
}
