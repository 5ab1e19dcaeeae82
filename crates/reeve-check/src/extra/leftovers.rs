//! What earlier runs left in the project.

use jiff::{SignedDuration, Timestamp};
use reeve_openstack::Session;

use super::Wider;
use crate::facts::{Fact, Facts, Missing, missing};
use crate::resource::{Found, Kind, ResourceName, find_ours};
use crate::verdict::Findings;

/// The names that the official tests give.
///
/// Source: SovereignCloudStack/standards at 077174d9: `Tests/iaas/scs_0101_entropy/entropy_check.py`, `scs_0115_security_groups/security_groups.py`, `scs_0116_key_manager/key_manager.py`,
/// `scs_0117_volume_backup/volume_backup.py`.
const OFFICIAL: [&str; 9] = [
    "_scs-0101-net",
    "_scs-0101-subnet",
    "_scs-0101-router",
    "_scs-0101-server",
    "scs-test-volume",
    "scs-test-volume-backup",
    "scs-test-restored-backup",
    "scs-test-default-sg",
    "scs-member-role-test-secret",
];

/// A run that began within this time may still be at work somewhere.
const MAY_RUN: SignedDuration = SignedDuration::from_hours(1);

/// Something that an earlier run left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Leftover {
    kind: Kind,
    name: String,
    id: String,
    /// The run of this program that made it; none for one of the official tests.
    run: Option<String>,
}

/// Looks for what earlier runs left; the run `own`, and those that may be at work elsewhere, leave nothing yet.
pub(super) async fn find_leftovers(session: &Session, own: &str, now: Timestamp) -> Fact<Vec<Leftover>> {
    let wanted = |name: &str| ResourceName::parse(name).is_some() || OFFICIAL.contains(&name);
    let found = find_ours(session, &wanted).await.map_err(|error| missing(&error))?;
    let is_over = |found: &Found| match &found.parsed {
        None => true,
        Some(name) => name.run.as_str() != own && now.duration_since(name.run.began_at()) > MAY_RUN,
    };
    Ok(found
        .into_iter()
        .filter(is_over)
        .map(|found| Leftover {
            kind: found.kind,
            name: found.name,
            id: found.id,
            run: found.parsed.map(|name| name.run.to_string()),
        })
        .collect())
}

pub(super) fn leftovers(_: &Facts, wider: &Wider) -> Result<Findings, Missing> {
    let mut findings = Findings::default();
    for leftover in wider.leftovers.as_ref().map_err(Clone::clone)? {
        let subject = format!("{} {} ({})", leftover.kind.word(), leftover.name, leftover.id);
        match &leftover.run {
            Some(run) => findings.violation(
                subject,
                format!("run {run} of this program made it and did not delete it"),
                format!("`reeve check cleanup --run {run}`"),
            ),
            None => findings.violation(
                subject,
                "it is called like something that the official tests make and delete",
                format!(
                    "if no such test is running, delete it: {}",
                    leftover.kind.delete_command(&leftover.id)
                ),
            ),
        }
    }
    Ok(findings)
}
