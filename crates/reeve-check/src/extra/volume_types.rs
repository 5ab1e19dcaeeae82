//! Descriptions of volume types that no program understands.

use super::Wider;
use crate::facts::{Facts, Missing};
use crate::verdict::Findings;

/// Words in names and descriptions, and the aspect that they mean.
const WORDS: [(&str, &str); 4] = [
    ("encrypt", "encrypted"),
    ("luks", "encrypted"),
    ("replicat", "replicated"),
    ("mirror", "replicated"),
];

pub(super) fn descriptions(facts: &Facts, _: &Wider) -> Result<Findings, Missing> {
    let mut findings = Findings::default();
    for volume_type in facts.volume_types.as_ref().map_err(Clone::clone)? {
        let description = volume_type.description.as_deref().unwrap_or_default();
        if description.contains("[scs:") && !description.starts_with("[scs:") {
            findings.violation(
                volume_type.subject(),
                "the list of aspects does not stand at the beginning of the description, so nobody sees it",
                format!(
                    "`openstack volume type set --description \"[scs:…] …\" {}`",
                    volume_type.id
                ),
            );
            continue;
        }
        let list = description
            .strip_prefix("[scs:")
            .and_then(|rest| rest.split_once(']'))
            .map_or("", |(list, _)| list);
        let rest = description
            .strip_prefix("[scs:")
            .and_then(|rest| rest.split_once(']'))
            .map_or(description, |(_, rest)| rest);
        let said = format!("{} {rest}", volume_type.name).to_lowercase();
        for (word, aspect) in WORDS {
            // "Unencrypted" and "not encrypted" say the opposite.
            let denied = ["un", "non-", "not ", "non", "no "]
                .iter()
                .any(|no| said.contains(&format!("{no}{word}")));
            if said.contains(word) && !denied && !list.split(',').any(|known| known.trim() == aspect) {
                findings.note(
                    volume_type.subject(),
                    format!("name or description speak of `{word}…`, but the list of aspects has no `{aspect}`"),
                    format!("if the type is {aspect}, let its description begin with `[scs:{aspect}]`"),
                );
                break;
            }
        }
    }
    Ok(findings)
}
