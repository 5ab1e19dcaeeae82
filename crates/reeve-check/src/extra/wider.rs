//! What our own checks look at beside the official facts.

use jiff::Timestamp;
use reeve_openstack::{Request, Session, TokenInfo};
use serde_json::Value;

use super::leftovers::{Leftover, find_leftovers};
use crate::facts::{Fact, Image, Missing, list_images, missing, read};

/// What our own checks look at beside the official facts.
#[derive(Clone, Debug)]
pub(crate) struct Wider {
    /// Hidden images that are public or for the community.
    pub(crate) hidden_images: Fact<Vec<Image>>,
    /// Community images of all projects.
    pub(crate) community_images: Fact<Vec<Image>>,
    /// The networks that the project sees.
    pub(crate) networks: Fact<Vec<Network>>,
    /// The shared subnet pools.
    pub(crate) pools: Fact<Vec<Pool>>,
    /// The availability zones of servers, volumes and networks.
    pub(crate) zones: [(&'static str, Fact<Vec<Zone>>); 3],
    /// The endpoints in the catalogue, and how the public ones answer.
    pub(crate) endpoints: Fact<Vec<Endpoint>>,
    /// What earlier runs left in the project.
    pub(crate) leftovers: Fact<Vec<Leftover>>,
    /// The project that the login is for.
    pub(crate) project: Option<String>,
}

/// A network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Network {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) project: Option<String>,
    pub(crate) is_default: bool,
    pub(crate) external: bool,
    pub(crate) shared: bool,
}

impl Network {
    fn from_json(value: &Value) -> Result<Network, String> {
        let flag = |key: &str| value[key].as_bool().unwrap_or(false);
        Ok(Network {
            id: value["id"].as_str().ok_or("a network has no `id`")?.to_owned(),
            name: value["name"].as_str().unwrap_or_default().to_owned(),
            project: value["project_id"]
                .as_str()
                .or_else(|| value["tenant_id"].as_str())
                .map(str::to_owned),
            is_default: flag("is_default"),
            external: flag("router:external"),
            shared: flag("shared"),
        })
    }

    pub(crate) fn subject(&self) -> String {
        format!("network {} ({})", self.name, self.id)
    }
}

/// A subnet pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pool {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) ip_version: i64,
    pub(crate) shared: bool,
    pub(crate) is_default: bool,
    pub(crate) shortest: i64,
    pub(crate) longest: i64,
}

impl Pool {
    fn from_json(value: &Value) -> Result<Pool, String> {
        // Neutron writes prefix lengths as numbers in some releases and as texts in others.
        let number = |key: &str| {
            let value = &value[key];
            value.as_i64().or_else(|| value.as_str()?.parse().ok()).unwrap_or(0)
        };
        Ok(Pool {
            id: value["id"].as_str().ok_or("a subnet pool has no `id`")?.to_owned(),
            name: value["name"].as_str().unwrap_or_default().to_owned(),
            ip_version: number("ip_version"),
            shared: value["shared"].as_bool().unwrap_or(false),
            is_default: value["is_default"].as_bool().unwrap_or(false),
            shortest: number("min_prefixlen"),
            longest: number("max_prefixlen"),
        })
    }

    pub(crate) fn subject(&self) -> String {
        format!("subnet pool {} ({})", self.name, self.id)
    }
}

/// An availability zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Zone {
    pub(crate) name: String,
    pub(crate) available: bool,
}

/// An endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) service: String,
    pub(crate) interface: String,
    pub(crate) region: Option<String>,
    pub(crate) url: String,
    /// The status of an answer to a stranger, or why there is none; `None` for endpoints that are not for everybody.
    pub(crate) answer: Option<Result<u16, String>>,
}

impl Wider {
    /// Returns facts of which each is missing for the same reason.
    pub(crate) fn without(missing: &Missing) -> Wider {
        Wider {
            hidden_images: Err(missing.clone()),
            community_images: Err(missing.clone()),
            networks: Err(missing.clone()),
            pools: Err(missing.clone()),
            zones: ["compute", "block-storage", "network"].map(|service| (service, Err(missing.clone()))),
            endpoints: Err(missing.clone()),
            leftovers: Err(missing.clone()),
            project: None,
        }
    }
}

/// Asks for everything at once; what cannot be had is in its place with its cause, so this does not fail. Reads only.
///
/// `own` is the id of the run that asks, which is no leftover.
pub(crate) async fn gather_wider(session: &Session, own: &str, now: Timestamp) -> Wider {
    let token = match session.token().await {
        Ok(token) => token,
        Err(error) => return Wider::without(&missing(&error)),
    };
    let (hidden, community, networks, pools, compute, storage, network_zones, endpoints, leftovers) = tokio::join!(
        list_images(session, &[("os_hidden", "true")]),
        list_images(session, &[("visibility", "community")]),
        listed(session, "network", "/networks", "networks", Network::from_json),
        listed(session, "network", "/subnetpools", "subnetpools", Pool::from_json),
        zones(session, "compute", "/os-availability-zone", "availabilityZoneInfo"),
        zones(
            session,
            "block-storage",
            "/os-availability-zone",
            "availabilityZoneInfo"
        ),
        zones(session, "network", "/availability_zones", "availability_zones"),
        endpoints(session, &token),
        find_leftovers(session, own, now),
    );
    Wider {
        hidden_images: hidden,
        community_images: community,
        networks,
        pools,
        zones: [
            ("compute", compute),
            ("block-storage", storage),
            ("network", network_zones),
        ],
        endpoints: Ok(endpoints),
        leftovers,
        project: token.project.map(|project| project.id),
    }
}

async fn listed<T>(
    session: &Session,
    service: &str,
    path: &str,
    collection: &'static str,
    one: impl Fn(&Value) -> Result<T, String>,
) -> Fact<Vec<T>> {
    let service = session.service(service).await.map_err(|error| missing(&error))?;
    let listing = service
        .list(&Request::get(path), collection)
        .await
        .map_err(|error| missing(&error))?;
    read(&listing, one, collection)
}

async fn zones(session: &Session, service: &str, path: &str, collection: &'static str) -> Fact<Vec<Zone>> {
    listed(session, service, path, collection, |value| {
        let name = value["zoneName"].as_str().or_else(|| value["name"].as_str());
        // Nova and Cinder say `zoneState.available`, Neutron `state`.
        let available = value["zoneState"]["available"]
            .as_bool()
            .unwrap_or_else(|| value["state"].as_str() != Some("unavailable"));
        Ok(Zone {
            name: name.ok_or("an availability zone has no name")?.to_owned(),
            available,
        })
    })
    .await
}

/// Most endpoints that are asked.
const MAX_ENDPOINTS: usize = 100;

async fn endpoints(session: &Session, token: &TokenInfo) -> Vec<Endpoint> {
    let region = session.config().region.clone();
    let all = token.services().iter().flat_map(|service| {
        service
            .endpoints
            .iter()
            .filter(|endpoint| region.is_none() || endpoint.region_id == region)
            .map(|endpoint| Endpoint {
                service: service.service_type.clone(),
                interface: endpoint.interface.trim_end_matches("URL").to_owned(),
                region: endpoint.region_id.clone(),
                url: endpoint.url.clone(),
                answer: None,
            })
    });
    let asked = all.take(MAX_ENDPOINTS).map(|mut endpoint| async {
        if endpoint.interface == "public" {
            let answer = session.probe(&endpoint.service, &endpoint.url, &[]).await;
            endpoint.answer = Some(
                answer
                    .map(|answer| answer.status)
                    .map_err(|error| missing(&error).cause),
            );
        }
        endpoint
    });
    futures::future::join_all(asked).await
}
