//! What one run found, to be kept, shown and judged again.

mod document;
mod load;
mod official;
mod summary;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::catalogue::{Aggregate, Target};
use crate::verdict::{CaseResult, Finding, Verdict};

pub use load::{LoadRunError, load_run};
pub use official::{OfficialReport, official_yaml};
pub use summary::Tally;

/// The version of the JSON shape that this crate writes; a reader refuses a higher one.
pub const RUN_FORMAT: u32 = 1;

/// What one run found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "Reeve check result")]
pub struct CheckRun {
    /// The version of this shape: fields may be added within a version, never removed or changed.
    #[schemars(range(min = 1))]
    pub format: u32,
    /// The program and its version.
    pub tool: String,
    /// The run's id, which the names of everything that it made have.
    pub run: String,
    /// The cloud.
    pub cloud: CloudSeen,
    /// When the run began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Timestamp,
    /// The time at which dates were judged: the beginning of the run, or of the recording.
    pub judged_at: Timestamp,
    /// The catalogue of standards.
    pub catalogue: CatalogueSeen,
    /// The versions of the standards that were asked for, and how each came out.
    pub versions: Vec<VersionOutcome>,
    /// One entry for each check that was asked for, in the order of the ids.
    pub cases: Vec<CaseOutcome>,
    /// How many things the run made in the cloud.
    #[serde(default)]
    pub made: usize,
    /// What is still there of them, and why.
    #[serde(default)]
    pub left_behind: Vec<LeftBehind>,
    /// How many requests were sent.
    #[serde(default)]
    pub requests: usize,
    /// Whether somebody stopped the run before its end.
    #[serde(default)]
    pub interrupted: bool,
}

/// The cloud that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CloudSeen {
    /// Its name in clouds.yaml.
    pub name: String,
    /// The region.
    pub region: Option<String>,
    /// Keystone's address.
    pub auth_url: String,
    /// The project that the login was for.
    pub project: Option<String>,
    /// The user; none if there was no login.
    pub user: Option<String>,
    /// Whether this was a recording of the cloud.
    #[serde(default)]
    pub recording: bool,
}

/// The catalogue that was used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CatalogueSeen {
    /// The number by which official reports refer to it.
    pub uuid: String,
    /// Its name.
    pub name: String,
    /// Where it can be found.
    pub url: String,
}

/// How a version of the standards came out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VersionOutcome {
    /// Its name.
    pub version: String,
    /// What it is on the day: `effective`, `draft`.
    pub state: Option<String>,
    /// What the mandatory testcases that were asked for mean together.
    pub verdict: Aggregate,
    /// Whether all mandatory testcases of the version were asked for; otherwise the verdict is about a part.
    pub complete: bool,
}

/// How a check came out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CaseOutcome {
    /// Its id.
    pub id: String,
    /// How much it weighs.
    pub target: Target,
    /// The versions of the standards that it is mandatory for.
    pub versions: Vec<String>,
    /// What it makes sure of.
    pub description: String,
    /// Where it is described.
    #[serde(default)]
    pub url: String,
    /// The verdict; none if it was not judged, see `missing`.
    pub verdict: Option<Verdict>,
    /// Why it was not judged.
    #[serde(default)]
    pub missing: Option<String>,
    /// What the standard asks for, in our words.
    #[serde(default)]
    pub requirement: String,
    /// Where the standard says so.
    #[serde(default)]
    pub source: String,
    /// What was found; may have notes although the verdict is `PASS`.
    #[serde(default)]
    pub findings: Vec<Finding>,
    /// Why it could not be judged, for `ABORT`.
    #[serde(default)]
    pub cause: Option<String>,
}

impl CaseOutcome {
    /// Puts the result of a check in.
    pub(crate) fn judged(&mut self, result: CaseResult) {
        self.verdict = Some(result.verdict);
        self.missing = None;
        self.requirement = result.requirement;
        self.source = result.source;
        self.findings = result.findings;
        self.cause = result.cause;
    }

    /// Returns the standard that it belongs to: `scs-0102`; the id itself for one without a number.
    pub fn standard(&self) -> &str {
        let number = |rest: &str| rest.len() >= 4 && rest.as_bytes()[..4].iter().all(u8::is_ascii_digit);
        match self.id.split_once('-') {
            Some((prefix, rest)) if prefix.starts_with("scs") && number(rest) => &self.id[..prefix.len() + 5],
            Some(("scsx", rest)) => {
                let area = rest.split('-').next().unwrap_or_default();
                &self.id[..5 + area.len()]
            }
            _ => &self.id,
        }
    }
}

/// Something that the run made and that is still there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct LeftBehind {
    /// What it is: `volume`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its id, if it is known.
    pub id: Option<String>,
    /// Why it is still there. Untrusted words of the cloud are made safe to print.
    pub cause: String,
    /// What a person can do about it.
    pub remedy: String,
}

impl CheckRun {
    /// Tells whether every mandatory testcase that was judged passed and the run came to its end; what was left out by choice does not count.
    pub fn is_clean(&self) -> bool {
        let fine = |case: &CaseOutcome| matches!(case.verdict, None | Some(Verdict::Pass));
        self.of_target(Target::Main).all(fine) && !self.interrupted
    }

    /// Tells whether every check that was judged passed, whatever it weighs, and the run came to its end.
    pub fn is_spotless(&self) -> bool {
        let fine = |case: &CaseOutcome| matches!(case.verdict, None | Some(Verdict::Pass));
        self.cases.iter().all(fine) && !self.interrupted
    }

    /// Returns the one cause for which nothing at all could be judged, if that is so: no login, or one that will not do.
    pub fn common_cause(&self) -> Option<&str> {
        let judged: Vec<&CaseOutcome> = self.cases.iter().filter(|case| case.verdict.is_some()).collect();
        let first = judged.first()?.cause.as_deref()?;
        judged
            .iter()
            .all(|case| case.verdict == Some(Verdict::Abort) && case.cause.as_deref() == Some(first))
            .then_some(first)
    }

    /// Returns the JSON Schema (draft 2020-12) of a run.
    pub fn schema() -> serde_json::Value {
        schemars::generate::SchemaSettings::draft2020_12()
            .for_serialize()
            .into_generator()
            .into_root_schema_for::<CheckRun>()
            .to_value()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_belong_to_standards() {
        let case = |id: &str| CaseOutcome {
            id: id.to_owned(),
            target: Target::Main,
            versions: Vec::new(),
            description: String::new(),
            url: String::new(),
            verdict: None,
            missing: None,
            requirement: String::new(),
            source: String::new(),
            findings: Vec::new(),
            cause: None,
        };
        for (id, standard) in [
            ("scs-0102-prop-min_disk", "scs-0102"),
            ("scsx-0126-default-network", "scsx-0126"),
            ("scsx-hyg-leftovers", "scsx-hyg"),
            ("domain-manager-check", "domain-manager-check"),
            ("scs-1", "scs-1"),
        ] {
            assert_eq!(case(id).standard(), standard);
        }
    }
}
