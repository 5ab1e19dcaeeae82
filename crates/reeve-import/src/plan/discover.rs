//! Asking a cloud what an import has to know. Reads only.

use jiff::Timestamp;
use reeve_openstack::{Microversion, Problem, Request, RequestError, Session};
use serde_json::Value;

use super::cloud::{CloudFacts, ComputeFacts, FlavorFact, ImageFacts, NetworkFact, NetworkFacts, VolumeFacts};
use super::options::Makes;

/// From here on Nova's listing has the extra specs of each flavor.
const WITH_SPECS: Microversion = Microversion { major: 2, minor: 61 };

/// The newest microversion of Nova that this crate knows the answers of.
const KNOWN: Microversion = Microversion { major: 2, minor: 96 };

/// Asks a cloud what an import that goes so far has to know.
///
/// # Errors
///
/// [`RequestError`] if something cannot be had without which there is no plan. Quotas and what some clouds keep to themselves are left open.
pub async fn discover(session: &Session, makes: Makes) -> Result<CloudFacts, RequestError> {
    let token = session.token().await?;
    let project = token.project.unwrap_or(reeve_openstack::Named {
        id: String::new(),
        name: String::new(),
        domain: None,
    });
    let compute = async {
        match makes {
            Makes::Server => compute(session).await.map(Some),
            _ => Ok(None),
        }
    };
    let volumes = async {
        match makes {
            Makes::Images => Ok(None),
            _ => volumes(session, &project.id).await.map(Some),
        }
    };
    let network = async {
        match makes {
            Makes::Server => network(session, &project.id).await.map(Some),
            _ => Ok(None),
        }
    };
    // Each of them asks several things at once; boxed, because the future of all together would be large.
    let (images, compute, volumes, network) = tokio::join!(
        Box::pin(images(session)),
        Box::pin(compute),
        Box::pin(volumes),
        Box::pin(network)
    );
    Ok(CloudFacts {
        cloud: session.config().name.clone(),
        region: session.config().region.clone(),
        images: images?,
        compute: compute?,
        volumes: volumes?,
        network: network?,
        reserved_for: 0,
        project_id: project.id,
        project_name: project.name,
        taken_at: session.recorded_at().unwrap_or_else(Timestamp::now),
    })
}

/// Returns the text members of a list.
fn texts(list: &Value) -> Vec<String> {
    let list = list.as_array().into_iter().flatten();
    list.filter_map(|entry| entry.as_str().map(str::to_owned)).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Leaves out what a cloud keeps to itself: an answer with a status that says so.
fn optional(answer: Result<Value, RequestError>) -> Result<Value, RequestError> {
    match answer {
        Err(error) if matches!(error.status, Some(400..=499)) && error.status != Some(401) => Ok(Value::Null),
        answer => answer,
    }
}

async fn images(session: &Session) -> Result<ImageFacts, RequestError> {
    let glance = session.service("image").await?;
    let (schema, import, stores) = (
        Request::get("/schemas/image"),
        Request::get("/info/import"),
        Request::get("/info/stores"),
    );
    let page = Request::get("/images").with("status", "active").with("limit", "50");
    let (schema, import, stores, page) = tokio::join!(
        glance.json(&schema),
        glance.json(&import),
        glance.json(&stores),
        glance.json(&page)
    );
    let schema = optional(schema)?;
    let import = optional(import)?;
    let stores = optional(stores)?;
    let page = page?;
    let mut formats = texts(&schema["properties"]["disk_format"]["enum"]);
    formats.sort();
    let mut stores: Vec<(bool, String)> = stores["stores"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|store| store["read-only"] != true && store["read-only"] != "true")
        .map(|store| {
            (
                store["default"] != true && store["default"] != "true",
                text(&store["id"]),
            )
        })
        .collect();
    stores.sort();
    let algorithm = page["images"]
        .as_array()
        .into_iter()
        .flatten()
        .find_map(|image| image["os_hash_algo"].as_str().map(str::to_owned));
    Ok(ImageFacts {
        disk_formats: formats,
        stores: stores.into_iter().map(|(_, id)| id).collect(),
        import_methods: texts(&import["import-methods"]["value"]),
        hash_algorithm: algorithm,
    })
}

/// Returns what is left of a limit; `None` for none, which services write as a negative number.
fn left(limits: &Value, total: &str, used: &str) -> Option<i64> {
    let total = limits[total].as_i64().filter(|total| *total >= 0)?;
    Some((total - limits[used].as_i64().unwrap_or(0)).max(0))
}

async fn compute(session: &Session) -> Result<ComputeFacts, RequestError> {
    let nova = session.service("compute").await?;
    let mut request = Request::get("/flavors/detail");
    match nova.negotiate(WITH_SPECS, KNOWN).await {
        Ok(microversion) => request = request.at(microversion),
        // An older Nova: flavors are chosen without a look at their extra specs.
        Err(error) if matches!(error.problem, Problem::Microversion { .. }) => {}
        Err(error) => return Err(error),
    }
    let limits = Request::get("/limits");
    let (flavors, limits) = tokio::join!(nova.list(&request, "flavors"), nova.json(&limits));
    let limits = optional(limits)?;
    let absolute = &limits["limits"]["absolute"];
    let flavor = |flavor: &Value| FlavorFact {
        id: text(&flavor["id"]),
        name: text(&flavor["name"]),
        vcpus: flavor["vcpus"].as_u64().unwrap_or(0),
        memory_mib: flavor["ram"].as_u64().unwrap_or(0),
        disk_gib: flavor["disk"].as_u64().unwrap_or(0),
        extra_specs: flavor["extra_specs"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, value)| (key.clone(), text(value)))
            .collect(),
    };
    Ok(ComputeFacts {
        flavors: flavors?.iter().map(flavor).collect(),
        servers_left: left(absolute, "maxTotalInstances", "totalInstancesUsed"),
        cores_left: left(absolute, "maxTotalCores", "totalCoresUsed"),
        memory_mib_left: left(absolute, "maxTotalRAMSize", "totalRAMUsed"),
    })
}

async fn volumes(session: &Session, project: &str) -> Result<VolumeFacts, RequestError> {
    let cinder = session.service("block-storage").await?;
    let (types, limits) = (Request::get("/types"), Request::get("/limits"));
    let quotas = Request::get(format!("/os-quota-sets/{project}"));
    let (types, limits, quotas) = tokio::join!(
        cinder.list(&types, "volume_types"),
        cinder.json(&limits),
        cinder.json(&quotas)
    );
    let limits = optional(limits)?;
    let quotas = optional(quotas)?;
    let absolute = &limits["limits"]["absolute"];
    let largest = quotas["quota_set"]["per_volume_gigabytes"].as_i64();
    Ok(VolumeFacts {
        types: types?.iter().map(|kind| text(&kind["name"])).collect(),
        volumes_left: left(absolute, "maxTotalVolumes", "totalVolumesUsed"),
        gigabytes_left: left(absolute, "maxTotalVolumeGigabytes", "totalGigabytesUsed"),
        largest_gib: largest.filter(|largest| *largest >= 0),
    })
}

async fn network(session: &Session, project: &str) -> Result<NetworkFacts, RequestError> {
    let neutron = session.service("network").await?;
    let quota = Request::get(format!("/quotas/{project}/details.json"));
    let networks = Request::get("/networks");
    let (networks, quota) = tokio::join!(neutron.list(&networks, "networks"), neutron.json(&quota));
    let quota = optional(quota)?;
    let ports = &quota["quota"]["port"];
    let network = |network: &Value| NetworkFact {
        id: text(&network["id"]),
        name: text(&network["name"]),
        is_own: network["project_id"].as_str().or(network["tenant_id"].as_str()) == Some(project),
        is_external: network["router:external"] == true,
        subnets: network["subnets"].as_array().map_or(0, Vec::len),
    };
    Ok(NetworkFacts {
        networks: networks?.iter().map(network).collect(),
        ports_left: left(ports, "limit", "used"),
    })
}
