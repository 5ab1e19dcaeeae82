//! What a run would make, and whether the project has room for it. Reads only.

use reeve_openstack::{Request, Session};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::{GROUPS, Group};
use crate::selection::Selected;

/// What a run would make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Budget {
    /// The groups of checks that make something.
    pub groups: Vec<BudgetGroup>,
    /// What they need at most at the same time, and what is left.
    pub quotas: Vec<Quota>,
}

/// A group of checks and what is made for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BudgetGroup {
    /// Its name.
    pub name: String,
    /// Its checks that were asked for.
    pub checks: Vec<String>,
    /// What is made.
    pub makes: String,
    /// Roughly how long it takes.
    pub takes: String,
}

/// Something of which a project can only have so much.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Quota {
    /// What: `servers`.
    pub what: String,
    /// How much of it the run needs.
    pub needed: i64,
    /// How much is left; none if there is no limit or it is not known.
    pub left: Option<i64>,
}

impl Quota {
    /// Tells whether there is too little.
    pub fn is_short(&self) -> bool {
        self.left.is_some_and(|left| left < self.needed)
    }
}

/// What each group needs at most: its name, the service that has the limit, what, and how much.
const NEEDS: [(&str, &str, &str, i64); 14] = [
    ("server", "compute", "servers", 1),
    ("server", "compute", "processors", 1),
    ("server", "network", "networks", 1),
    ("server", "network", "subnets", 1),
    ("server", "network", "ports", 2),
    ("server", "block-storage", "volumes", 1),
    ("server", "block-storage", "gigabytes", 8),
    ("sharing", "network", "networks", 1),
    ("backup", "block-storage", "volumes", 2),
    ("backup", "block-storage", "gigabytes", 2),
    ("backup", "block-storage", "backups", 1),
    ("backup", "block-storage", "backup gigabytes", 1),
    ("encrypted volume", "block-storage", "volumes", 1),
    ("encrypted volume", "block-storage", "gigabytes", 1),
];

/// Returns what a run would make for a selection, and what is left of the quotas that it needs. Reads only; quotas that cannot be read are left open.
pub async fn budget(session: &Session, selected: &Selected) -> Budget {
    let groups: Vec<(&Group, Vec<String>)> = GROUPS
        .iter()
        .map(|group| {
            let wanted = selected
                .cases
                .iter()
                .filter(|case| group.ids.contains(&case.id.as_str()));
            (group, wanted.map(|case| case.id.clone()).collect())
        })
        .filter(|(_, ids): &(&Group, Vec<String>)| !ids.is_empty())
        .collect();
    let project = session
        .token()
        .await
        .ok()
        .and_then(|token| Some(token.project?.id))
        .unwrap_or_default();
    let (compute, storage, network) = tokio::join!(
        read(session, "compute", "/limits".to_owned()),
        read(session, "block-storage", "/limits".to_owned()),
        read(session, "network", format!("/quotas/{project}/details.json")),
    );
    let mut quotas: Vec<Quota> = Vec::new();
    for (group, service, what, needed) in NEEDS {
        if !groups.iter().any(|(known, _)| known.name == group) {
            continue;
        }
        if let Some(quota) = quotas.iter_mut().find(|quota| quota.what == what) {
            quota.needed += needed;
            continue;
        }
        let answer = match service {
            "compute" => &compute,
            "block-storage" => &storage,
            _ => &network,
        };
        quotas.push(Quota {
            what: what.to_owned(),
            needed,
            left: left(answer, what),
        });
    }
    Budget {
        groups: groups
            .into_iter()
            .map(|(group, checks)| BudgetGroup {
                name: group.name.to_owned(),
                checks,
                makes: group.makes.to_owned(),
                takes: group.takes.to_owned(),
            })
            .collect(),
        quotas,
    }
}

async fn read(session: &Session, service: &str, path: String) -> Value {
    match session.service(service).await {
        Ok(service) => service.json(&Request::get(path)).await.unwrap_or_default(),
        Err(_) => Value::Null,
    }
}

fn left(answer: &Value, what: &str) -> Option<i64> {
    let absolute = |limit: &str, used: &str| {
        let of = &answer["limits"]["absolute"];
        Some((of[limit].as_i64()?, of[used].as_i64()?))
    };
    let detail = |name: &str| {
        let of = &answer["quota"][name];
        Some((
            of["limit"].as_i64()?,
            of["used"].as_i64()? + of["reserved"].as_i64().unwrap_or(0),
        ))
    };
    let (limit, used) = match what {
        "servers" => absolute("maxTotalInstances", "totalInstancesUsed"),
        "processors" => absolute("maxTotalCores", "totalCoresUsed"),
        "volumes" => absolute("maxTotalVolumes", "totalVolumesUsed"),
        "gigabytes" => absolute("maxTotalVolumeGigabytes", "totalGigabytesUsed"),
        "backups" => absolute("maxTotalBackups", "totalBackupsUsed"),
        "backup gigabytes" => absolute("maxTotalBackupGigabytes", "totalBackupGigabytesUsed"),
        "networks" => detail("network"),
        "subnets" => detail("subnet"),
        _ => detail("port"),
    }?;
    (limit >= 0).then_some(limit - used)
}
