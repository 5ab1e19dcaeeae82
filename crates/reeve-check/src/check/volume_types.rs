//! scs-0114: aspects in the descriptions of volume types.

use super::Check;
use crate::facts::{Facts, Missing, VolumeType};
use crate::verdict::Findings;

/// Aspects that a list may have.
const ASPECTS: [&str; 2] = ["encrypted", "replicated"];

const SOURCE: &str = "scs-0114-v1, section \"Systematic Description of Volume Types\"";

pub(super) fn find(slug: &str) -> Option<Check> {
    match slug {
        "syntax-check" => Some(Check::new(
            "A list `[scs:…]` at the beginning of a description has known aspects only, sorted and each once.",
            SOURCE,
            syntax,
        )),
        "encrypted-type" => Some(presence("encrypted")),
        "replicated-type" => Some(presence("replicated")),
        _ => None,
    }
}

/// Returns the aspects that a description lists; none for one without a list.
pub(crate) fn aspects(volume_type: &VolumeType) -> Vec<&str> {
    let description = volume_type.description.as_deref().unwrap_or_default();
    let list = description.strip_prefix("[scs:").and_then(|rest| {
        let (list, _) = rest.split_once(']')?;
        (!list.contains('[')).then_some(list)
    });
    match list {
        None | Some("") => Vec::new(),
        Some(list) => list.split(',').map(str::trim).collect(),
    }
}

fn syntax(facts: &Facts) -> Result<Findings, Missing> {
    let mut findings = Findings::default();
    for volume_type in facts.volume_types.as_ref().map_err(Clone::clone)? {
        let aspects = aspects(volume_type);
        let mut wanted: Vec<&str> = aspects
            .iter()
            .copied()
            .filter(|aspect| ASPECTS.contains(aspect))
            .collect();
        wanted.sort_unstable();
        wanted.dedup();
        if aspects != wanted {
            findings.violation(
                volume_type.subject(),
                format!(
                    "the description begins with the aspects `{}`, which are not sorted, known and each once",
                    aspects.join(", ")
                ),
                format!("let the description begin with `[scs:{}]`", wanted.join(", ")),
            );
        }
    }
    Ok(findings)
}

fn presence(aspect: &'static str) -> Check {
    Check::new(
        format!("There is a volume type whose description lists `{aspect}`."),
        SOURCE,
        move |facts| {
            let mut findings = Findings::default();
            let types = facts.volume_types.as_ref().map_err(Clone::clone)?;
            if !types.iter().any(|volume_type| aspects(volume_type).contains(&aspect)) {
                findings.violation(
                    "volume types",
                    format!("none of {} lists `{aspect}`", types.len()),
                    format!("let the description of a type that is {aspect} begin with `[scs:{aspect}]`"),
                );
            }
            Ok(findings)
        },
    )
}
