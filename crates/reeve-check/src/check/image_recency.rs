//! scs-0102: images are renewed as often as they promise.

use std::collections::HashMap;

use super::Check;
use crate::date;
use crate::facts::{Facts, Image, Missing};
use crate::verdict::Findings;

pub(super) fn find(slug: &str) -> Option<Check> {
    (slug == "image-recency").then(|| {
        Check::new(
            "An image is renewed as often as `replace_frequency` promises, until `provided_until`; one that is older has been replaced by a newer one.",
            "scs-0102-v1 and v2, section \"Image updating\"",
            judge,
        )
    })
}

/// How an image stands.
enum Age {
    /// In time, or nothing is promised.
    Fine,
    /// Too old; `marked` if it is hidden or its name says so.
    Outdated { marked: bool },
    /// Too old, and until when it is promised is no date.
    NoEnd,
    /// The official test ends at this image.
    Unjudgeable(&'static str),
}

/// Returns seconds in which an image has to be renewed; `None` if it does not have to, or the word is unknown, which another check is for.
///
/// Source: `image_metadata.py` – `FREQ_TO_SEC`; a week has hours of 25 there.
fn period(frequency: &str) -> Option<i64> {
    let hour = 3600;
    match frequency {
        "yearly" => Some(365 * 24 * hour),
        "quarterly" => Some(92 * 24 * hour),
        "monthly" => Some(31 * 24 * hour),
        "weekly" => Some(7 * 25 * hour),
        "daily" => Some(25 * hour),
        _ => None,
    }
}

fn age(image: &Image, now: f64) -> Age {
    let mut built = date::seconds(image.property("image_build_date").unwrap_or_default());
    if built == 0 {
        match &image.created_at {
            Some(created_at) => built = date::strict_seconds(created_at),
            None => return Age::Unjudgeable("it has neither `image_build_date` nor `created_at`"),
        }
    }
    let Some(period) = period(image.property("replace_frequency").unwrap_or("never")) else {
        return Age::Fine;
    };
    // A tenth of tolerance, where the text has three days.
    if now <= built as f64 + 1.1 * period as f64 {
        return Age::Fine;
    }
    let Some(until) = image.property("provided_until") else {
        return Age::Unjudgeable("it is too old and has no `provided_until`");
    };
    if matches!(until, "none" | "notice") {
        return Age::Fine;
    }
    match date::seconds(until) {
        0 => return Age::NoEnd,
        end if now > end as f64 => return Age::Fine,
        _ => {}
    }
    if image.hidden {
        return Age::Outdated { marked: true };
    }
    match &image.name {
        None => Age::Unjudgeable("it is too old and has no name"),
        Some(name) => {
            let word = name.rsplit_once(' ').map(|(_, word)| word);
            Age::Outdated {
                marked: word.is_some_and(|word| matches!(word, "old" | "prev") || date::is_marker(word)),
            }
        }
    }
}

fn judge(facts: &Facts) -> Result<Findings, Missing> {
    let images = facts.images.as_ref().map_err(Clone::clone)?;
    let now = facts.now.as_second() as f64 + f64::from(facts.now.subsec_nanosecond()) / 1e9;
    let mut findings = Findings::default();
    let mut by_name: HashMap<Option<&str>, &Image> = HashMap::new();
    for image in images {
        if by_name.insert(image.name.as_deref(), image).is_some() && image.name.is_none() {
            findings.obstacle(
                image.subject(),
                "several images have no name; the official test cannot list them as duplicates and ends there",
                "give the images names",
            );
        }
    }
    for image in images {
        let frequency = image.property("replace_frequency").unwrap_or_default();
        let mend = format!(
            "register a newer image, and hide this one or give it a name with its date: `openstack image set --hidden {}`",
            image.id
        );
        match age(image, now) {
            Age::Fine => {}
            Age::Unjudgeable(why) => {
                findings.obstacle(image.subject(), format!("{why}; the official test ends there"), mend)
            }
            Age::NoEnd => findings.violation(
                image.subject(),
                format!("it is older than `{frequency}` allows, and `provided_until` is no date, none or notice"),
                format!(
                    "`openstack image set --property provided_until=YYYY-MM-DD {}`",
                    image.id
                ),
            ),
            Age::Outdated { marked } => {
                if !marked {
                    let detail = "it is too old and neither hidden nor does its name say so";
                    findings.note(
                        image.subject(),
                        detail,
                        format!("`openstack image set --hidden {}`", image.id),
                    );
                }
                match replacement(image, &by_name, now) {
                    Replacement::Good => {}
                    Replacement::Missing => findings.violation(
                        image.subject(),
                        format!("it is older than `{frequency}` allows, and no newer image has its name without the last word"),
                        mend,
                    ),
                    Replacement::Unjudgeable(why) => {
                        findings.obstacle(image.subject(), format!("{why}; the official test ends there"), mend);
                    }
                }
            }
        }
    }
    Ok(findings)
}

/// Whether there is a newer image instead of an old one.
enum Replacement {
    Good,
    Missing,
    Unjudgeable(&'static str),
}

/// Looks for an image with the name of an old one but for its last word. So an old image has a replacement only if its name has a word more, whether hidden or not.
fn replacement(image: &Image, by_name: &HashMap<Option<&str>, &Image>, now: f64) -> Replacement {
    let Some(name) = image.name.as_deref() else {
        return Replacement::Unjudgeable("it is too old and has no name");
    };
    let short = name.rsplit_once(' ').map_or(name, |(short, _)| short).trim_end();
    if short == name {
        return Replacement::Missing;
    }
    match by_name.get(&Some(short)).map(|newer| age(newer, now)) {
        Some(Age::Fine) => Replacement::Good,
        Some(Age::Unjudgeable(_)) => Replacement::Unjudgeable("the image that could replace it cannot be judged"),
        Some(Age::Outdated { .. } | Age::NoEnd) | None => Replacement::Missing,
    }
}
