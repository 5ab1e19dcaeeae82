//! Which checks a run is for.

use crate::catalogue::{Catalogue, ScopeChoice, ScopeError, Target};
use crate::extra::EXTRA_CHECKS;

/// Which checks are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// Of which versions of the standards.
    pub versions: ScopeChoice,
    /// Only those that weigh so much; all if empty.
    pub targets: Vec<Target>,
    /// Only those with these ids, also of other versions; all if empty. `scs-0102-*` means all that begin so.
    pub only: Vec<String>,
    /// Without those with these ids.
    pub skip: Vec<String>,
}

/// What was selected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selected {
    /// The versions, what each is on the day, and how many mandatory testcases it has.
    pub versions: Vec<(String, Option<String>, usize)>,
    /// The checks, by id.
    pub cases: Vec<SelectedCase>,
}

/// A check that was selected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectedCase {
    /// Its id.
    pub id: String,
    /// How much it weighs.
    pub target: Target,
    /// The versions that it is mandatory for.
    pub versions: Vec<String>,
    /// What it makes sure of.
    pub description: String,
    /// Where it is described.
    pub url: String,
}

/// There is no such selection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SelectionError {
    /// There is no such version.
    #[error(transparent)]
    Scope(#[from] ScopeError),
    /// There is no such check.
    #[error("there is no check `{pattern}`{}", nearest_text(.nearest.as_deref()))]
    Unknown {
        /// What was asked for.
        pattern: String,
        /// The id that is most like it.
        nearest: Option<String>,
    },
    /// Nothing is left.
    #[error("no check is left of this selection")]
    Nothing,
}

fn nearest_text(nearest: Option<&str>) -> String {
    nearest
        .map(|id| format!("; the nearest one is `{id}`"))
        .unwrap_or_default()
}

impl Catalogue {
    /// Returns the checks of a selection.
    ///
    /// # Errors
    ///
    /// [`SelectionError`] for a version or an id that there is not, and for a selection of nothing.
    pub fn select(&self, selection: &Selection) -> Result<Selected, SelectionError> {
        let scope = self.scope(&selection.versions)?;
        let mut all: Vec<SelectedCase> = Vec::new();
        for case in &self.scope(&ScopeChoice::All)?.cases {
            let chosen = scope.cases.iter().find(|chosen| chosen.id == case.id);
            // Of another version, and only there for whoever names it.
            if chosen.is_none() && selection.only.is_empty() {
                continue;
            }
            let testcase = self.testcase(&case.id);
            let mut versions: Vec<String> = Vec::new();
            for (version, module) in chosen.map(|chosen| chosen.versions.as_slice()).unwrap_or_default() {
                let is_main = self
                    .module(module)
                    .and_then(|module| module.targets.get("main"))
                    .is_some_and(|ids| ids.contains(&case.id));
                if is_main && !versions.contains(version) {
                    versions.push(version.clone());
                }
            }
            all.push(SelectedCase {
                id: case.id.clone(),
                target: chosen.unwrap_or(case).target,
                versions,
                description: testcase
                    .map(|testcase| testcase.description.clone())
                    .unwrap_or_default(),
                url: testcase.map(|testcase| testcase.url.clone()).unwrap_or_default(),
            });
        }
        all.extend(EXTRA_CHECKS.iter().map(|check| SelectedCase {
            id: check.id.to_owned(),
            target: Target::Extra,
            versions: Vec::new(),
            description: check.requirement.to_owned(),
            url: String::new(),
        }));
        let versions = scope
            .versions
            .iter()
            .map(|(version, state)| {
                let main = all.iter().filter(|case| case.versions.contains(version)).count();
                (version.clone(), state.clone(), main)
            })
            .collect();
        self.known(&selection.only)?;
        self.known(&selection.skip)?;
        let named = |patterns: &[String], id: &str| patterns.iter().any(|pattern| fits(pattern, id));
        let mut cases: Vec<SelectedCase> = all
            .into_iter()
            .filter(|case| selection.targets.is_empty() || selection.targets.contains(&case.target))
            .filter(|case| selection.only.is_empty() || named(&selection.only, &case.id))
            .filter(|case| !named(&selection.skip, &case.id))
            .collect();
        cases.sort_by(|one, other| one.id.cmp(&other.id));
        if cases.is_empty() {
            return Err(SelectionError::Nothing);
        }
        Ok(Selected { versions, cases })
    }

    /// Makes sure that each pattern means something.
    fn known(&self, patterns: &[String]) -> Result<(), SelectionError> {
        let ids = || {
            let ours = EXTRA_CHECKS.iter().map(|check| check.id);
            self.testcases.iter().map(|testcase| testcase.id.as_str()).chain(ours)
        };
        for pattern in patterns {
            if !ids().any(|id| fits(pattern, id)) {
                let like = |id: &&str| (strsim::jaro_winkler(id, pattern) * 1000.0) as u32;
                return Err(SelectionError::Unknown {
                    pattern: pattern.clone(),
                    nearest: ids().max_by_key(like).map(str::to_owned),
                });
            }
        }
        Ok(())
    }
}

fn fits(pattern: &str, id: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => id.starts_with(beginning),
        None => id == pattern,
    }
}
