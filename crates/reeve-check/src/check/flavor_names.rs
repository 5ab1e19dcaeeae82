//! scs-0100: names of flavors, and whether they are true.

use super::Check;
use crate::facts::{Facts, Flavor, Missing};
use crate::flavor_name::{FlavorName, Syntax, parse};
use crate::verdict::Findings;

pub(super) fn find(slug: &str) -> Option<Check> {
    match slug {
        "syntax-check" => Some(Check::new(
            "A flavor whose name begins with `SCS-` is named by the grammar of the standard.",
            "scs-0100-v3, sections \"Complete Proposal for systematic flavor naming\" and \"Naming policy compliance\"",
            syntax,
        )),
        "semantics-check" => Some(Check::new(
            "A flavor has at least the processors, the memory and the disk that its `SCS-` name promises.",
            "scs-0100-v3, section \"Naming policy compliance\"",
            semantics,
        )),
        _ => None,
    }
}

fn named(facts: &Facts) -> Result<impl Iterator<Item = &Flavor>, Missing> {
    Ok(facts
        .flavors
        .as_ref()
        .map_err(Clone::clone)?
        .iter()
        .filter(|flavor| flavor.name.starts_with("SCS-")))
}

fn syntax(facts: &Facts) -> Result<Findings, Missing> {
    let mut findings = Findings::default();
    for flavor in named(facts)? {
        match parse(&flavor.name) {
            Ok((_, Syntax::V3)) => {}
            Ok((name, Syntax::V1)) => findings.note(
                flavor.subject(),
                "the name is in the syntax of the first version, which is only tolerated",
                format!("give the flavor the name {name}"),
            ),
            Err(error) => findings.violation(
                flavor.subject(),
                format!("the name does not follow the grammar: {error}"),
                "give the flavor a name by the grammar, or one that does not begin with `SCS-`",
            ),
        }
    }
    Ok(findings)
}

fn semantics(facts: &Facts) -> Result<Findings, Missing> {
    let mut findings = Findings::default();
    for flavor in named(facts)? {
        // Names that do not parse are what the other check is for.
        if let Ok((name, _)) = parse(&flavor.name) {
            truth(flavor, &name, &mut findings);
        }
    }
    Ok(findings)
}

fn truth(flavor: &Flavor, name: &FlavorName, findings: &mut Findings) {
    let remedy = "give the flavor what its name promises, or a name that promises less";
    // Names may promise less than there is; the standard says so.
    let mut compare = |has: f64, promised: f64, what: &str| {
        if has < promised {
            findings.violation(
                flavor.subject(),
                format!("the name promises {promised} {what}, the flavor has {has}"),
                remedy,
            );
        }
    };
    let main = &name.cpu_ram;
    // Floating point is exact for every number of processors that exists, and keeps the order for those that do not.
    compare(flavor.vcpus as f64, main.cpus as f64, "processors");
    // Tenths of a GiB with half a tenth of tolerance. Source: `flavor_names_check.py` – `compute_scs_0100_semantics_check`.
    let ram = ((flavor.ram_mib + 51) as f64 / 102.4).trunc() / 10.0;
    compare(ram, main.ram_gib, "GiB of memory");
    match &name.disk {
        None => compare(flavor.disk_gb as f64, 0.0, "GB of disk"),
        Some(disk) => match disk.size_gb {
            Some(size) => compare(flavor.disk_gb as f64, size as f64, "GB of disk"),
            None => findings.obstacle(
                flavor.subject(),
                "the name leaves the size of the disk open, which the official test cannot compare; it then judges no flavor at all",
                "name the size of the disk",
            ),
        },
    }
    if main.ram_gib >= 10.0 && main.ram_gib.fract() != 0.0 {
        findings.note(
            flavor.subject(),
            "sizes of memory from 10 GiB on should be whole",
            "consider a whole number of GiB",
        );
    }
}
