//! Images that the official tests do not see, and what they let pass.

use super::Wider;
use crate::check::judge;
use crate::date;
use crate::facts::{Facts, Image, Missing};
use crate::verdict::{Findings, Weight};

/// The rules for the properties of images that certification depends on.
const MANDATORY: [&str; 13] = [
    "scs-0102-prop-architecture",
    "scs-0102-prop-min_disk",
    "scs-0102-prop-min_ram",
    "scs-0102-prop-os_version",
    "scs-0102-prop-os_distro",
    "scs-0102-prop-hw_disk_bus",
    "scs-0102-prop-image_build_date",
    "scs-0102-prop-image_original_user",
    "scs-0102-prop-image_source",
    "scs-0102-prop-image_description",
    "scs-0102-prop-replace_frequency",
    "scs-0102-prop-provided_until",
    "scs-0102-prop-uuid_validity",
];

pub(super) fn hidden(facts: &Facts, wider: &Wider) -> Result<Findings, Missing> {
    let images = wider.hidden_images.as_ref().map_err(Clone::clone)?;
    Ok(by_the_official_rules(facts, images.iter().filter(|image| image.hidden)))
}

pub(super) fn community(facts: &Facts, wider: &Wider) -> Result<Findings, Missing> {
    let images = wider.community_images.as_ref().map_err(Clone::clone)?;
    Ok(by_the_official_rules(facts, images.iter()))
}

/// Judges images by the official rules, one image at a time, so that one which cannot be judged hides no other.
fn by_the_official_rules<'a>(facts: &Facts, images: impl Iterator<Item = &'a Image>) -> Findings {
    let mut findings = Findings::default();
    let mut one = facts.clone();
    for image in images {
        one.images = Ok(vec![image.clone()]);
        for id in MANDATORY {
            for finding in judge(id, &one).map(|result| result.findings).unwrap_or_default() {
                let detail = format!("{} ({id})", finding.detail);
                match finding.weight {
                    Weight::Violation | Weight::Obstacle => findings.violation(finding.subject, detail, finding.remedy),
                    Weight::Note => {}
                }
            }
        }
    }
    findings
}

pub(super) fn dates(facts: &Facts, _: &Wider) -> Result<Findings, Missing> {
    let mut findings = Findings::default();
    for image in facts.images.as_ref().map_err(Clone::clone)? {
        let until = image.property("provided_until").unwrap_or_default();
        if !until.is_empty() && !matches!(until, "none" | "notice") && date::seconds(until) == 0 {
            findings.violation(
                image.subject(),
                format!("`provided_until` is `{until}`, which is neither a date nor `none` nor `notice`"),
                format!(
                    "`openstack image set --property provided_until=YYYY-MM-DD {}`",
                    image.id
                ),
            );
        }
        if image.property("uuid_validity").is_none() {
            findings.violation(
                image.subject(),
                "`uuid_validity` is not set".to_owned(),
                format!("`openstack image set --property uuid_validity=last-2 {}`, or `none`, `notice`, `forever` or a date", image.id),
            );
        }
    }
    Ok(findings)
}
