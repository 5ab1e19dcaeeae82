//! scs-0116 and scs-0123: services in the catalogue.

use super::Check;
use crate::verdict::Findings;

pub(super) fn find(id: &str) -> Option<Check> {
    let types: &'static [&'static str] = match id {
        "scs-0116-presence" => &["key-manager"],
        "scs-0123-service-compute" => &["compute"],
        "scs-0123-service-identity" => &["identity"],
        "scs-0123-service-image" => &["image"],
        "scs-0123-service-network" => &["network"],
        "scs-0123-service-load-balancer" => &["load-balancer"],
        "scs-0123-service-placement" => &["placement"],
        // Neither `volumev2` nor `block-store` counts.
        "scs-0123-storage-apis" => &["volume", "volumev3", "block-storage"],
        "scs-0123-service-s3" => &["object-store-s3"],
        _ => return None,
    };
    let source = if id.starts_with("scs-0116") {
        "scs-0116-v1, section \"Key Manager Standard\""
    } else {
        "scs-0123-v1 and v2, section \"Mandatory IaaS APIs\""
    };
    let wanted = types.join("`, `");
    Some(Check::new(
        format!("The catalogue has a service of the type `{wanted}`."),
        source,
        move |facts| {
            let services = facts.services.as_ref().map_err(Clone::clone)?;
            let mut findings = Findings::default();
            if !services.iter().any(|service| types.contains(&service.as_str())) {
                let mut known = services.clone();
                known.sort();
                findings.violation(
                    "catalogue",
                    format!("it has no `{wanted}`, only: {}", known.join(", ")),
                    format!(
                        "offer the service and register it: `openstack service create --name NAME {}`",
                        types[types.len() - 1]
                    ),
                );
            }
            Ok(findings)
        },
    ))
}
