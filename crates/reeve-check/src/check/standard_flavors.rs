//! scs-0103: the standard flavors.

use std::collections::HashMap;

use super::Check;
use crate::facts::{Facts, Flavor, Missing};
use crate::flavor_name::parse;
use crate::verdict::Findings;

/// The extra spec that a flavor is found by.
const NAME_KEY: &str = "scs:name-v2";

/// Source: scs-0103-v1, tables "Mandatory" and "Recommended".
const STANDARD: [&str; 31] = [
    "SCS-1V-4",
    "SCS-2V-8",
    "SCS-4V-16",
    "SCS-8V-32",
    "SCS-1V-2",
    "SCS-2V-4",
    "SCS-4V-8",
    "SCS-8V-16",
    "SCS-16V-32",
    "SCS-1V-8",
    "SCS-2V-16",
    "SCS-4V-32",
    "SCS-1L-1",
    "SCS-2V-4-20s",
    "SCS-4V-16-100s",
    "SCS-1V-4-10",
    "SCS-2V-8-20",
    "SCS-4V-16-50",
    "SCS-8V-32-100",
    "SCS-1V-2-5",
    "SCS-2V-4-10",
    "SCS-4V-8-20",
    "SCS-8V-16-50",
    "SCS-16V-32-100",
    "SCS-1V-8-20",
    "SCS-2V-16-50",
    "SCS-4V-32-100",
    "SCS-1L-1-5",
    "SCS-16V-64",
    "SCS-8V-64",
    "SCS-16V-128",
];

pub(super) fn find(slug: &str) -> Option<Check> {
    let short = slug.strip_prefix("flavor-")?;
    let name = STANDARD
        .iter()
        .find(|name| name["SCS-".len()..].eq_ignore_ascii_case(short))?;
    // Ids are in lower case; anything else is another id.
    if short.chars().any(|c| c.is_ascii_uppercase()) {
        return None;
    }
    Some(Check::new(
        format!(
            "There is a flavor that `{NAME_KEY}` or its name calls {name}, with exactly what that says and the matching extra specs."
        ),
        "scs-0103-v1, sections \"Standard SCS flavors\" and \"Guarantees and properties\"",
        |facts| judge(facts, name),
    ))
}

fn judge(facts: &Facts, name: &str) -> Result<Findings, Missing> {
    let flavors = facts.flavors.as_ref().map_err(Clone::clone)?;
    let mut findings = Findings::default();
    let (parsed, _) =
        parse(name).expect("the names of standard flavors follow the grammar, which a test shows for each");
    let disk = parsed.disk.as_ref();
    let mut specs = vec![
        ("scs:cpu-type", parsed.cpu_ram.cpu_type_word().to_owned()),
        ("scs:name-v1", parsed.in_first_syntax()),
        (NAME_KEY, parsed.to_string()),
    ];
    // Where the text allows any type of disk, the official test wants `network`.
    specs.extend(disk.map(|disk| ("scs:disk0-type", disk.kind_word().to_owned())));
    let numbers = [
        ("vcpus", parsed.cpu_ram.cpus as f64),
        ("ram", parsed.cpu_ram.ram_gib * 1024.0),
        ("disk", disk.and_then(|disk| disk.size_gb).unwrap_or(0) as f64),
    ];
    let create = || {
        let properties: String = specs
            .iter()
            .map(|(key, value)| format!(" --property {key}={value}"))
            .collect();
        let [vcpus, ram, disk] = numbers.map(|(_, number)| number);
        format!("`openstack flavor create --vcpus {vcpus} --ram {ram} --disk {disk}{properties} {name}`")
    };
    let Some(flavor) = lookup(flavors).get(name).copied() else {
        findings.violation(
            format!("flavor {name}"),
            "there is no such flavor",
            format!("make it: {}", create()),
        );
        return Ok(findings);
    };
    for ((key, wanted), has) in numbers.into_iter().zip([flavor.vcpus, flavor.ram_mib, flavor.disk_gb]) {
        if has as f64 != wanted {
            findings.violation(
                flavor.subject(),
                format!("`{key}` is {has} and must be {wanted}"),
                format!("these numbers cannot be changed: make the flavor anew: {}", create()),
            );
        }
    }
    for (key, wanted) in &specs {
        let has = flavor.extra_specs.get(*key);
        if has != Some(wanted) {
            let is = has.map_or_else(|| "is not set".to_owned(), |has| format!("is `{has}`"));
            findings.violation(
                flavor.subject(),
                format!("`{key}` {is} and must be `{wanted}`"),
                format!("`openstack flavor set --property {key}={wanted} {}`", flavor.id),
            );
        }
    }
    Ok(findings)
}

/// Returns the flavors by what they are found by: the extra spec, where the last one counts, then the name, where the first one counts.
fn lookup(flavors: &[Flavor]) -> HashMap<&str, &Flavor> {
    let mut by_name: HashMap<&str, &Flavor> = flavors
        .iter()
        .filter_map(|flavor| Some((flavor.extra_specs.get(NAME_KEY)?.as_str(), flavor)))
        .collect();
    for flavor in flavors.iter().filter(|flavor| flavor.name.starts_with("SCS-")) {
        by_name.entry(&flavor.name).or_insert(flavor);
    }
    by_name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_standard_name_is_its_own_short_form() {
        for name in STANDARD {
            let (parsed, _) = parse(name).unwrap();
            assert_eq!(
                (parsed.to_string().as_str(), parsed.shortened().to_string().as_str()),
                (name, name)
            );
        }
    }
}
