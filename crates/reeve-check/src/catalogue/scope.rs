//! Which testcases are asked for, and what their results mean together.

use std::collections::BTreeMap;

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::model::Catalogue;
use crate::verdict::Verdict;

/// Which testcases are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScopeChoice {
    /// Those of the versions that the timeline names for a day, as the official command does.
    At(Date),
    /// Those of the versions that certification is given for on a day.
    Current(Date),
    /// Those of the versions that are being prepared on a day.
    Draft(Date),
    /// Those of one version.
    Version(String),
    /// All that there are.
    All,
}

/// How much a testcase weighs in a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Certification depends on it.
    Main,
    /// Recommended; the official command never runs these, because no version includes their modules.
    Recommended,
    /// Judged by a person.
    Preview,
    /// A requirement of the text, or good sense, that the official tests do not look at; our own.
    Extra,
}

/// A testcase that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopedCase {
    /// Its id.
    pub id: String,
    /// How much it weighs, at most, in the versions of the scope.
    pub target: Target,
    /// The versions that have it, with the module each.
    pub versions: Vec<(String, String)>,
}

/// The testcases that are asked for, sorted by id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The versions, and what each is on the day if a day was asked for.
    pub versions: Vec<(String, Option<String>)>,
    /// The testcases.
    pub cases: Vec<ScopedCase>,
}

/// There is no such scope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScopeError {
    /// The timeline begins later.
    #[error("no version counts at {date}; the timeline begins at {first}")]
    TooEarly {
        /// The day asked for.
        date: Date,
        /// The first day of the timeline.
        first: String,
    },
    /// There is no such version.
    #[error("there is no version `{version}` (there are: {known})")]
    Version {
        /// The version asked for.
        version: String,
        /// The versions that there are.
        known: String,
    },
}

/// What the results of one target mean together, the gravest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Aggregate {
    /// At least one failed.
    Fail,
    /// None failed and at least one is missing.
    Missing,
    /// All are there, none failed and at least one could not be judged.
    Abort,
    /// All passed.
    Pass,
}

impl Aggregate {
    /// Returns what results mean together; `None` stands for one that is missing.
    pub fn of(results: impl IntoIterator<Item = Option<Verdict>>) -> Aggregate {
        results
            .into_iter()
            .map(|result| match result {
                Some(Verdict::Fail) => Aggregate::Fail,
                None => Aggregate::Missing,
                Some(Verdict::Abort) => Aggregate::Abort,
                Some(Verdict::Pass) => Aggregate::Pass,
            })
            .min()
            .unwrap_or(Aggregate::Pass)
    }
}

impl Catalogue {
    /// Returns the testcases that a choice asks for: those of the modules that the versions include, and those of the recommended and manual modules that go with them.
    ///
    /// # Errors
    ///
    /// [`ScopeError`] if nothing counts on the day or there is no such version.
    pub fn scope(&self, choice: &ScopeChoice) -> Result<Scope, ScopeError> {
        let versions = match choice {
            ScopeChoice::All => self
                .versions
                .iter()
                .map(|version| (version.version.clone(), None))
                .collect(),
            ScopeChoice::Version(version) => {
                if self.version(version).is_none() {
                    let known: Vec<&str> = self.versions.iter().map(|version| version.version.as_str()).collect();
                    return Err(ScopeError::Version {
                        version: version.clone(),
                        known: known.join(", "),
                    });
                }
                vec![(version.clone(), None)]
            }
            ScopeChoice::At(date) | ScopeChoice::Current(date) | ScopeChoice::Draft(date) => {
                let Some(entry) = self.timeline.iter().find(|entry| entry.date <= *date) else {
                    let first = self
                        .timeline
                        .last()
                        .map_or_else(|| "no day".to_owned(), |entry| entry.date.to_string());
                    return Err(ScopeError::TooEarly { date: *date, first });
                };
                // In the order of the versions, which is from the newest on.
                let counts = |state: &str| match choice {
                    ScopeChoice::Current(_) => matches!(state, "effective" | "warn"),
                    ScopeChoice::Draft(_) => state == "draft",
                    _ => true,
                };
                self.versions
                    .iter()
                    .filter_map(|version| {
                        let state = entry.versions.get(&version.version)?;
                        counts(state).then(|| (version.version.clone(), Some(state.clone())))
                    })
                    .collect::<Vec<_>>()
            }
        };
        let mut cases: BTreeMap<String, ScopedCase> = BTreeMap::new();
        for (version, _) in &versions {
            for (id, target, module) in self.cases_of(version) {
                let case = cases.entry(id.clone()).or_insert_with(|| ScopedCase {
                    id,
                    target,
                    versions: Vec::new(),
                });
                case.target = case.target.min(target);
                case.versions.push((version.clone(), module));
            }
        }
        if *choice == ScopeChoice::All {
            for testcase in &self.testcases {
                let target = if testcase.automatic {
                    Target::Recommended
                } else {
                    Target::Preview
                };
                cases.entry(testcase.id.clone()).or_insert_with(|| ScopedCase {
                    id: testcase.id.clone(),
                    target,
                    versions: Vec::new(),
                });
            }
        }
        Ok(Scope {
            versions,
            cases: cases.into_values().collect(),
        })
    }

    /// Returns the testcases of a version, with target and module.
    fn cases_of(&self, version: &str) -> Vec<(String, Target, String)> {
        let mut cases = Vec::new();
        for include in self
            .version(version)
            .map(|version| version.include.as_slice())
            .unwrap_or_default()
        {
            for suffix in ["", "-rec", "-manual"] {
                let Some(module) = self.module(&format!("{}{suffix}", include.module())) else {
                    continue;
                };
                for (name, ids) in &module.targets {
                    let target = match name.as_str() {
                        "main" => Target::Main,
                        "recommended" => Target::Recommended,
                        _ => Target::Preview,
                    };
                    cases.extend(ids.iter().map(|id| (id.clone(), target, module.id.clone())));
                }
            }
        }
        cases
    }
}
