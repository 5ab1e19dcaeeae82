//! The checks that read and change nothing, by the ids of the official tests.
//!
//! Each is a function of the facts. Its verdict is that of the official test, with its quirks; where the text of the standard says something else, a note says so. Source of the verdicts:
//! SovereignCloudStack/standards at 077174d9: `Tests/iaas/`.

mod default_rules;
mod flavor_names;
mod image_metadata;
mod image_recency;
mod services;
mod standard_flavors;
mod standard_images;
mod volume_types;

pub(crate) use volume_types::aspects;

use crate::facts::{Facts, Missing};
use crate::verdict::{CaseResult, Findings};

/// How a testcase is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From listings and the catalogue.
    Reads,
    /// By making something in the cloud.
    Creates,
    /// By one request as a stranger.
    Probes,
    /// By a person.
    Manual,
    /// Not at all: the requirement was dropped, and the official tests give `ABORT` for it.
    Dropped,
}

/// Returns how a testcase is judged; `None` for an id that nobody knows.
pub fn way(id: &str) -> Option<Way> {
    match id {
        "scs-0101-entropy-avail" | "scs-0101-fips-test" | "scs-0116-permissions" | "scs-0117-test-backup" => {
            Some(Way::Creates)
        }
        "scs-0123-swift-s3" => Some(Way::Probes),
        "scs-0101-flavor-property" | "scs-0101-image-property" | "scs-0101-rngd" => Some(Way::Dropped),
        "key-manager-docs-check" | "availability-zones-check" | "domain-manager-check" => Some(Way::Manual),
        id => find(id).map(|_| Way::Reads),
    }
}

/// Returns what a testcase asks for and where the standard says so, if it is judged from listings.
pub(crate) fn reading_requirement(id: &str) -> Option<(String, &'static str)> {
    find(id).map(|check| (check.requirement, check.source))
}

/// Judges a testcase from facts; `None` if it cannot be judged from facts alone.
pub fn judge(id: &str, facts: &Facts) -> Option<CaseResult> {
    let check = find(id)?;
    let outcome = match facts.preflight() {
        Some(missing) => Err(missing),
        None => (check.judge)(facts),
    };
    Some(CaseResult::new(id, check.requirement, check.source, outcome))
}

/// Judges facts; facts that are missing are the cause of an `ABORT`.
type Judge = Box<dyn Fn(&Facts) -> Result<Findings, Missing>>;

/// A check that was found by its id.
pub(crate) struct Check {
    /// What the standard asks for, in our words.
    requirement: String,
    /// Where the standard says so.
    source: &'static str,
    judge: Judge,
}

impl Check {
    fn new(
        requirement: impl Into<String>,
        source: &'static str,
        judge: impl Fn(&Facts) -> Result<Findings, Missing> + 'static,
    ) -> Check {
        Check {
            requirement: requirement.into(),
            source,
            judge: Box::new(judge),
        }
    }
}

fn find(id: &str) -> Option<Check> {
    let (standard, slug) = id.strip_prefix("scs-")?.split_at_checked(4)?;
    let slug = slug.strip_prefix('-')?;
    match standard {
        "0100" => flavor_names::find(slug),
        "0102" => image_metadata::find(slug).or_else(|| image_recency::find(slug)),
        "0103" => standard_flavors::find(slug),
        "0104" => standard_images::find(slug),
        "0114" => volume_types::find(slug),
        "0115" => default_rules::find(slug),
        "0116" | "0123" => services::find(id),
        _ => None,
    }
}
