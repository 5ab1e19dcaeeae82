//! The checks that make something in the cloud, each with what it makes.

mod access_rules;
mod backup;
mod budget;
mod content;
mod default_group;
mod domain;
mod encrypted;
mod guest;
mod secret;
mod server;
mod sharing;

pub use budget::{Budget, BudgetGroup, Quota, budget};
pub(crate) use domain::Managers;
use futures::FutureExt;
use futures::future::BoxFuture;

use crate::extra::{extra_check, result};
use crate::facts::{Facts, Missing};
use crate::resource::Workshop;
use crate::verdict::{CaseResult, Findings, Verdict};

/// A group of checks that share what they make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: &'static str,
    /// Its checks.
    pub ids: &'static [&'static str],
    /// What is made for it.
    pub makes: &'static str,
    /// Roughly how long it takes, in words.
    pub takes: &'static str,
}

/// All groups; they work at the same time.
pub const GROUPS: [Group; 7] = [
    Group {
        name: "server",
        ids: &[
            "scs-0101-entropy-avail",
            "scs-0101-fips-test",
            "scsx-0101-cpu-random",
            "scsx-cmp-metadata",
            "scsx-cmp-metadata-namespace",
        ],
        makes: "1 network, 1 subnet, 1 server (and 1 volume if the flavor has no disk)",
        takes: "until the server has booted, some seconds more",
    },
    Group {
        name: "backup",
        ids: &["scs-0117-test-backup", "scsx-0104-upload", "scsx-0117-data"],
        makes: "2 volumes of 1 GiB, 1 backup; for whether the data is the same, 1 image of 1 MiB and 1 or 2 of 1 GiB as well",
        takes: "20 s to 2 min",
    },
    Group {
        name: "secret",
        ids: &["scs-0116-permissions", "scsx-0116-payload"],
        makes: "1 secret",
        takes: "a second",
    },
    Group {
        name: "encrypted volume",
        ids: &["scsx-0114-encrypted"],
        makes: "1 volume of 1 GiB for each type that is said to be encrypted",
        takes: "some seconds",
    },
    Group {
        name: "access rules",
        ids: &[
            "scsx-iam-access-rules-block-storage",
            "scsx-iam-access-rules-compute",
            "scsx-iam-access-rules-image",
            "scsx-iam-access-rules-network",
            "scsx-iam-access-rules-object-store",
        ],
        makes: "1 application credential with access rules for each service",
        takes: "a second",
    },
    Group {
        name: "sharing",
        ids: &["scsx-0126-rbac"],
        makes: "1 network",
        takes: "a second",
    },
    Group {
        name: "domain manager",
        ids: &[
            domain::USERS,
            domain::PROJECTS,
            domain::GROUPS,
            domain::ESCALATION,
            domain::DOMAINS,
        ],
        makes: "with the login of a domain manager (`--manager-cloud`): 1 user, 1 group, 1 project in each of its domains",
        takes: "some seconds",
    },
];

/// How a check that makes something came out.
#[derive(Clone, Debug)]
pub(crate) enum Made {
    /// It was judged.
    Judged(CaseResult),
    /// It does not apply or could not begin, for this reason; that is no verdict.
    Skipped { id: String, because: String },
}

/// Returns the work of a group for those of its checks that are wanted.
pub(crate) fn work<'a>(
    group: &Group,
    wanted: &'a [String],
    facts: &'a Facts,
    workshop: &'a Workshop,
    managers: &'a Managers,
) -> BoxFuture<'a, Vec<Made>> {
    match group.name {
        "server" => server::judge(wanted, facts, workshop).boxed(),
        "backup" => backup::judge(wanted, workshop).boxed(),
        "secret" => secret::judge(wanted, facts, workshop).boxed(),
        "encrypted volume" => encrypted::judge(facts, workshop).boxed(),
        "sharing" => sharing::judge(workshop).boxed(),
        "domain manager" => domain::judge(wanted, workshop, managers).boxed(),
        _ => access_rules::judge(wanted, workshop).boxed(),
    }
}

/// Tells whether a check is judged with the login of a domain manager.
pub(crate) fn is_managers(id: &str) -> bool {
    id.starts_with("scsx-0302-")
}

/// Judges the default rules of security groups by making one, for a cloud that has no listing of them.
pub(crate) fn default_rules<'a>(facts: &'a Facts, workshop: &'a Workshop) -> BoxFuture<'a, Vec<Made>> {
    default_group::judge(facts, workshop).boxed()
}

/// What a check that makes something asks for, and where the standard says so.
pub(crate) fn requirement(id: &str) -> Option<(&'static str, &'static str)> {
    if let Some(check) = extra_check(id) {
        return Some((check.requirement, check.source));
    }
    Some(match id {
        "scs-0101-entropy-avail" => (
            "The kernel of a server has 256 bits of entropy, which is what kernels since 5.18 always say.",
            "scs-0101-v1, section \"Entropy in VMs\"",
        ),
        "scs-0101-fips-test" => (
            "Of 1,000 blocks of random numbers in a server at most 5 fail the tests of FIPS 140-2.",
            "scs-0101-v1, section \"Entropy in VMs\"",
        ),
        "scs-0116-permissions" => (
            "A user with the role `member` can make, list and delete secrets, if there is a key manager.",
            "scs-0116-v1, section \"Key Manager Standard\"",
        ),
        "scs-0117-test-backup" => (
            "Users can back a volume up and restore it.",
            "scs-0117-v1, section \"Standard\"",
        ),
        "scs-0123-swift-s3" => (
            "The object store speaks S3, if there is one: it refuses an unknown key as S3 does.",
            "scs-0123-v1, section \"Mandatory IaaS APIs\"",
        ),
        _ => return None,
    })
}

/// Returns the result of a check that makes something.
pub(crate) fn judged(id: &str, outcome: Result<Findings, Missing>) -> Made {
    if let Some(check) = extra_check(id) {
        return Made::Judged(result(check, outcome));
    }
    let (requirement, source) = requirement(id).unwrap_or_default();
    let (verdict, cause, findings) = match outcome {
        Ok(findings) => (findings.verdict(), findings.cause(), findings.into_vec()),
        Err(missing) => (Verdict::Abort, Some(with_hint(&missing)), Vec::new()),
    };
    Made::Judged(CaseResult {
        id: id.to_owned(),
        verdict,
        requirement: requirement.to_owned(),
        source: source.to_owned(),
        findings,
        cause,
    })
}

/// Returns the cause and what to do about it as one text.
pub(crate) fn with_hint(missing: &Missing) -> String {
    if missing.hint.is_empty() {
        missing.cause.clone()
    } else {
        format!("{}; {}", missing.cause, missing.hint)
    }
}

/// Returns why nothing could be judged, without a hint of the cloud's.
pub(crate) fn aborted(error: &(dyn std::error::Error + 'static), hint: &str) -> Missing {
    Missing {
        cause: error.to_string(),
        hint: hint.to_owned(),
        not_found: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Way, way};

    #[test]
    fn every_check_that_makes_something_is_in_one_group() {
        let grouped: Vec<&str> = GROUPS.iter().flat_map(|group| group.ids.iter().copied()).collect();
        let mut once = grouped.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), grouped.len());
        for id in &grouped {
            assert!(requirement(id).is_some(), "{id}");
            assert!(
                extra_check(id).is_some_and(|check| check.creates) || way(id) == Some(Way::Creates),
                "{id}"
            );
        }
        for check in crate::extra::EXTRA_CHECKS.iter().filter(|check| check.creates) {
            assert!(grouped.contains(&check.id), "{}", check.id);
        }
    }
}
