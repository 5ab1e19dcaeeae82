//! What a check is about.

use schemars::JsonSchema;
use serde::Serialize;

use crate::catalogue::{Catalogue, ScopeChoice};
use crate::check::{Way, way};
use crate::create::{GROUPS, is_managers};
use crate::extra::{HANDSHAKES, extra_check};
use crate::run::requirement;

/// What a check is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Explanation {
    /// Its id.
    pub id: String,
    /// What it makes sure of.
    pub description: String,
    /// What the standard asks for, in our words; empty if only a person can judge it.
    pub requirement: String,
    /// Where the standard says so.
    pub source: String,
    /// Where it is described.
    pub url: String,
    /// How it is judged.
    pub judged: String,
    /// What is made in the cloud for it.
    pub makes: Option<String>,
    /// The versions of the standards that have it, and how much it weighs there.
    pub versions: Vec<(String, crate::catalogue::Target)>,
}

impl Catalogue {
    /// Returns what a check is about; `None` for an id that there is not.
    pub fn explain(&self, id: &str) -> Option<Explanation> {
        let extra = extra_check(id);
        let testcase = self.testcase(id);
        if extra.is_none() && testcase.is_none() {
            return None;
        }
        let (requirement, source) = requirement(id).unwrap_or_default();
        let group = GROUPS.iter().find(|group| group.ids.contains(&id));
        let judged = match (way(id), extra) {
            (Some(Way::Reads), _) => "from listings and the catalogue, without changing anything",
            (Some(Way::Probes), _) => "by one request without a login, without changing anything",
            (Some(Way::Creates), _) => "by making something in the cloud and deleting it again",
            (Some(Way::Manual), _) => "by a person",
            (Some(Way::Dropped), _) => "not at all: the requirement was dropped, and it always comes out as ABORT",
            (None, Some(extra)) if extra.id == HANDSHAKES => {
                "by connections to the public endpoints, without a login and without changing anything"
            }
            (None, Some(extra)) if is_managers(extra.id) => {
                "with the login of a domain manager, by making something in its domain and deleting it again"
            }
            (None, Some(extra)) if extra.creates => "by making something in the cloud and deleting it again",
            (None, Some(_)) => "from listings and the catalogue, without changing anything",
            (None, None) => "not by this program, which does not know it",
        };
        let mut versions = Vec::new();
        for version in &self.versions {
            let scope = self.scope(&ScopeChoice::Version(version.version.clone())).ok()?;
            if let Some(case) = scope.cases.iter().find(|case| case.id == id) {
                versions.push((version.version.clone(), case.target));
            }
        }
        Some(Explanation {
            id: id.to_owned(),
            description: testcase.map_or_else(|| requirement.clone(), |testcase| testcase.description.clone()),
            requirement,
            source,
            url: testcase.map(|testcase| testcase.url.clone()).unwrap_or_default(),
            judged: judged.to_owned(),
            makes: group.map(|group| format!("{}; {}", group.makes, group.takes)),
            versions,
        })
    }
}
