//! What our own checks look at beside the official facts.

use std::collections::BTreeMap;

use futures::StreamExt;
use jiff::Timestamp;
use reeve_openstack::{Request, Session, TokenInfo};
use serde_json::Value;

use super::leftovers::{Leftover, find_leftovers};
use crate::facts::{Fact, Image, Missing, list_images, listed, missing};
use crate::handshake::{Weakness, weakness};

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
    /// What the servers behind the encrypted public endpoints take that they must not, or why that is not known.
    pub(crate) handshakes: Vec<Handshake>,
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

/// How a server shakes hands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Handshake {
    /// Host and port.
    pub(crate) server: String,
    /// The services that it is in front of.
    pub(crate) services: Vec<String>,
    /// What it takes that it must not, or why it could not be tried.
    pub(crate) weakness: Result<Weakness, String>,
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
            handshakes: Vec::new(),
            leftovers: Err(missing.clone()),
            project: None,
        }
    }
}

/// Asks for everything at once; what cannot be had is in its place with its cause, so this does not fail. Reads only.
///
/// `own` is the id of the run that asks, which is no leftover; handshakes take connections of their own, so they are tried only if wanted.
pub(crate) async fn gather_wider(session: &Session, own: &str, now: Timestamp, with_handshakes: bool) -> Wider {
    let token = match session.token().await {
        Ok(token) => token,
        Err(error) => return Wider::without(&missing(&error)),
    };
    let (hidden, community, networks, pools, compute, storage, network_zones, (endpoints, handshakes), leftovers) = tokio::join!(
        list_images(session, &[("os_hidden", "true")]),
        list_images(session, &[("visibility", "community")]),
        listed(
            session,
            "network",
            Request::get("/networks"),
            "networks",
            Network::from_json
        ),
        listed(
            session,
            "network",
            Request::get("/subnetpools"),
            "subnetpools",
            Pool::from_json
        ),
        zones(session, "compute", "/os-availability-zone", "availabilityZoneInfo"),
        zones(
            session,
            "block-storage",
            "/os-availability-zone",
            "availabilityZoneInfo"
        ),
        zones(session, "network", "/availability_zones", "availability_zones"),
        endpoints_and_handshakes(session, &token, with_handshakes),
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
        handshakes,
        leftovers,
        project: token.project.map(|project| project.id),
    }
}

async fn zones(session: &Session, service: &str, path: &str, collection: &'static str) -> Fact<Vec<Zone>> {
    listed(session, service, Request::get(path), collection, |value| {
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

/// Most servers that are tried at the same time.
const MAX_AT_ONCE: usize = 8;

/// Most endpoints that are asked.
const MAX_ENDPOINTS: usize = 100;

async fn endpoints_and_handshakes(
    session: &Session,
    token: &TokenInfo,
    with_handshakes: bool,
) -> (Vec<Endpoint>, Vec<Handshake>) {
    let endpoints = endpoints(session, token).await;
    let handshakes = if with_handshakes && !session.is_replay() {
        handshakes(&endpoints).await
    } else {
        Vec::new()
    };
    (endpoints, handshakes)
}

/// Tries how the servers behind public endpoints shake hands, each once.
async fn handshakes(endpoints: &[Endpoint]) -> Vec<Handshake> {
    let mut servers: BTreeMap<(String, u16), Vec<String>> = BTreeMap::new();
    for endpoint in endpoints.iter().filter(|endpoint| endpoint.interface == "public") {
        if let Some(server) = tls_server(&endpoint.url) {
            let services = servers.entry(server).or_default();
            if !services.contains(&endpoint.service) {
                services.push(endpoint.service.clone());
            }
        }
    }
    let tried = servers.into_iter().map(|((host, port), services)| async move {
        Handshake {
            server: format!("{host}:{port}"),
            services,
            weakness: weakness(&host, port).await,
        }
    });
    futures::stream::iter(tried).buffered(MAX_AT_ONCE).collect().await
}

/// Returns host and port of an address that is encrypted.
fn tls_server(url: &str) -> Option<(String, u16)> {
    let rest = url.strip_prefix("https://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
        _ => (authority, 443),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    (!host.is_empty()).then(|| (host.to_owned(), port))
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_behind_an_address_is_found() {
        let of = |url: &str| tls_server(url).map(|(host, port)| format!("{host} {port}"));
        assert_eq!(of("https://c.example:8774/v2.1").as_deref(), Some("c.example 8774"));
        assert_eq!(of("https://c.example").as_deref(), Some("c.example 443"));
        assert_eq!(of("https://[::1]:5000/v3").as_deref(), Some("::1 5000"));
        assert_eq!(of("https://[::1]/v3").as_deref(), Some("::1 443"));
        for none in ["http://c.example", "https://", "https://c:x/", "c.example"] {
            assert_eq!(of(none), None, "{none}");
        }
    }
}
