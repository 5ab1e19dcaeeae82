//! What an import has to know of a cloud.

use std::collections::BTreeMap;

use jiff::Timestamp;
use reeve_journal::Plan;
use serde::Serialize;

/// What an import has to know of a cloud and a project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CloudFacts {
    /// The cloud's name in clouds.yaml.
    pub cloud: String,
    /// The region.
    pub region: Option<String>,
    /// The project's id.
    pub project_id: String,
    /// The project's name.
    pub project_name: String,
    /// When this was read.
    pub taken_at: Timestamp,
    /// What Glance takes.
    pub images: ImageFacts,
    /// Flavors and quotas of Nova; `None` if not asked for.
    pub compute: Option<ComputeFacts>,
    /// Types and quotas of Cinder; `None` if not asked for.
    pub volumes: Option<VolumeFacts>,
    /// Networks; `None` if not asked for.
    pub network: Option<NetworkFacts>,
    /// The machines whose plans are taken off the quotas already; see [`CloudFacts::reserve`].
    #[serde(skip)]
    pub reserved_for: usize,
}

impl CloudFacts {
    /// Takes off the quotas what a plan is going to make, so that a plan beside it counts with what is left then.
    pub fn reserve(&mut self, plan: &Plan) {
        let take = |left: &mut Option<i64>, needed: u64| {
            if let Some(left) = left {
                *left = left.saturating_sub(i64::try_from(needed).unwrap_or(i64::MAX));
            }
        };
        for (_, _, step) in plan.steps() {
            match step.kind.as_str() {
                "make_volume" => {
                    if let (Some(volumes), Some(gib)) = (&mut self.volumes, step.input["size_gib"].as_u64()) {
                        take(&mut volumes.volumes_left, 1);
                        take(&mut volumes.gigabytes_left, gib);
                    }
                }
                "make_port" => {
                    if let Some(network) = &mut self.network {
                        take(&mut network.ports_left, 1);
                    }
                }
                "make_server" => {
                    let Some(compute) = &mut self.compute else { continue };
                    take(&mut compute.servers_left, 1);
                    let wanted = step.input["flavor_id"].as_str();
                    if let Some(flavor) = compute.flavors.iter().find(|flavor| Some(flavor.id.as_str()) == wanted) {
                        take(&mut compute.cores_left, flavor.vcpus);
                        take(&mut compute.memory_mib_left, flavor.memory_mib);
                    }
                }
                _ => {}
            }
        }
        self.reserved_for += 1;
    }
}

/// What Glance takes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ImageFacts {
    /// The disk formats; empty if it does not tell.
    pub disk_formats: Vec<String>,
    /// The stores, the default one first; empty if there is only one.
    pub stores: Vec<String>,
    /// The import methods; empty if it has none.
    pub import_methods: Vec<String>,
    /// How it digests the data of images, as seen on one that is there.
    pub hash_algorithm: Option<String>,
}

/// Flavors and what is left of the quotas; `None` is no limit, or not known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ComputeFacts {
    /// The flavors.
    pub flavors: Vec<FlavorFact>,
    /// Servers.
    pub servers_left: Option<i64>,
    /// Processors.
    pub cores_left: Option<i64>,
    /// Memory in MiB.
    pub memory_mib_left: Option<i64>,
}

/// A flavor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FlavorFact {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Processors.
    pub vcpus: u64,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// Root disk in GiB; 0 for one without.
    pub disk_gib: u64,
    /// Extra specs; empty if they are not told.
    pub extra_specs: BTreeMap<String, String>,
}

/// Volume types and what is left of the quotas; `None` is no limit, or not known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct VolumeFacts {
    /// The names of the types.
    pub types: Vec<String>,
    /// Volumes.
    pub volumes_left: Option<i64>,
    /// GiB of all volumes.
    pub gigabytes_left: Option<i64>,
    /// The largest volume in GiB.
    pub largest_gib: Option<i64>,
}

/// Networks and what is left of the quotas.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct NetworkFacts {
    /// The networks.
    pub networks: Vec<NetworkFact>,
    /// Ports; `None` is no limit, or not known.
    pub ports_left: Option<i64>,
}

/// A network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct NetworkFact {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether it is the project's own.
    pub is_own: bool,
    /// Whether it leads out of the cloud.
    pub is_external: bool,
    /// How many subnets it has.
    pub subnets: usize,
}
