//! Availability zones.

use std::collections::BTreeSet;

use super::Wider;
use crate::facts::{Facts, Missing};
use crate::verdict::Findings;

/// What services call the zone that is meant if nobody named one.
const UNNAMED: [&str; 2] = ["nova", "default"];

pub(super) fn zones(_: &Facts, wider: &Wider) -> Result<Findings, Missing> {
    let mut findings = Findings::default();
    let mut servers: BTreeSet<&str> = BTreeSet::new();
    for (service, zones) in &wider.zones {
        let zones = match zones {
            Ok(zones) => zones,
            // Neutron without an agent that knows zones has no such listing.
            Err(missing) if missing.not_found && *service != "compute" => continue,
            Err(missing) => return Err(missing.clone()),
        };
        let names: BTreeSet<&str> = zones.iter().map(|zone| zone.name.as_str()).collect();
        for zone in zones.iter().filter(|zone| !zone.available) {
            findings.violation(
                format!("availability zone {} of {service}", zone.name),
                "it is not available",
                "see which services of the zone are down: `openstack compute service list`, `openstack volume service list`",
            );
        }
        if *service == "compute" {
            servers = names;
            continue;
        }
        for name in names.difference(&servers).filter(|name| !UNNAMED.contains(name)) {
            let known: Vec<&str> = servers.iter().copied().collect();
            findings.note(
                format!("availability zone {name} of {service}"),
                format!(
                    "no zone of servers has this name (they are: {}), so users cannot tell what belongs together",
                    known.join(", ")
                ),
                "give zones that share their fate one name in all services",
            );
        }
    }
    Ok(findings)
}
