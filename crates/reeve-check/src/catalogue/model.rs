//! The catalogue as it is written down.
//!
//! Shape: SovereignCloudStack/standards: `Standards/scs-0003-v1-sovereign-cloud-standards-yaml.md`; so a file of theirs can be read as well as the copy in this crate.

use std::collections::{BTreeMap, HashSet};

use jiff::civil::Date;
use serde::Deserialize;

/// The copy in this crate.
const EMBEDDED: &str = include_str!("../../catalogue/scs-iaas.yaml");

/// Largest file that is read.
const MAX_BYTES: usize = 4 << 20;

/// A catalogue of standards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catalogue {
    /// Its name.
    pub name: String,
    /// The number by which reports refer to it.
    pub uuid: String,
    /// Where it can be found.
    pub url: String,
    /// The testcases, in their order.
    pub testcases: Vec<Testcase>,
    /// The modules that testcases are grouped into.
    pub modules: Vec<Module>,
    /// Which versions counted from when on, the newest first.
    pub timeline: Vec<TimelineEntry>,
    /// The versions of the whole, the newest first.
    pub versions: Vec<Version>,
}

/// A testcase.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Testcase {
    /// Its id.
    pub id: String,
    /// What it makes sure of.
    #[serde(default)]
    pub description: String,
    /// Where it is described.
    #[serde(default)]
    pub url: String,
    /// How long a result counts: `day`, `week`, `month`, `quarter`, `year`; a week if it is not said.
    #[serde(default)]
    pub lifetime: Option<String>,
    /// A group to choose by.
    #[serde(default)]
    pub section: Option<String>,
    /// Whether there is a program for it.
    #[serde(skip)]
    pub automatic: bool,
}

/// A module: one version of one standard.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Module {
    /// Its id: `scs-0102-v1`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Where the standard can be read.
    pub url: String,
    /// What can be set for it.
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
    /// Its testcases by target: `main`, `recommended`, `preview`.
    #[serde(default)]
    pub targets: BTreeMap<String, Vec<String>>,
}

/// Which versions count from a day on.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimelineEntry {
    /// The day.
    pub date: Date,
    /// Version and what it is: `effective`, `warn`, `draft`, `deprecated`.
    pub versions: BTreeMap<String, String>,
}

/// A version of the whole.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Version {
    /// Its name: `v5.1`, `next`.
    pub version: String,
    /// Since when it does not change any more; a draft has none.
    #[serde(default)]
    pub stabilized_at: Option<Date>,
    /// Its modules.
    #[serde(default)]
    pub include: Vec<Include>,
}

/// A module in a version.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Include {
    /// Just the module.
    Plain(String),
    /// A module with its settings.
    With {
        /// The module.
        #[serde(rename = "ref")]
        module: String,
        /// The settings.
        #[serde(default)]
        parameters: BTreeMap<String, String>,
    },
}

impl Include {
    /// Returns the id of the module.
    pub fn module(&self) -> &str {
        match self {
            Include::Plain(module) | Include::With { module, .. } => module,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    uuid: String,
    url: String,
    #[serde(default)]
    #[allow(dead_code, reason = "a known key that means nothing here; unknown keys are refused")]
    variables: Vec<String>,
    #[serde(default)]
    #[allow(dead_code, reason = "a known key that means nothing here; unknown keys are refused")]
    prerequisite: Option<serde_json::Value>,
    scripts: Vec<Script>,
    modules: Vec<Module>,
    timeline: Vec<TimelineEntry>,
    versions: Vec<Version>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Script {
    #[serde(default)]
    executable: Option<String>,
    #[serde(default)]
    #[allow(dead_code, reason = "a known key that means nothing here; unknown keys are refused")]
    env: BTreeMap<String, String>,
    #[serde(default)]
    #[allow(dead_code, reason = "a known key that means nothing here; unknown keys are refused")]
    args: Option<String>,
    #[serde(default)]
    testcases: Vec<Testcase>,
}

/// A text is no catalogue.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogueError {
    /// It is no YAML of this shape; unknown keys are errors.
    #[error("this is not a catalogue of standards: {0}")]
    Shape(String),
    /// It is larger than a catalogue can be.
    #[error("this is larger than {MAX_BYTES} bytes, which no catalogue is")]
    TooLarge,
    /// Something stands in it twice.
    #[error("{kind} `{id}` stands in it twice")]
    Twice {
        /// What it is.
        kind: &'static str,
        /// Its id.
        id: String,
    },
    /// Something is referred to and not there.
    #[error("{place} refers to {kind} `{id}`, which is not there")]
    Dangling {
        /// Where.
        place: String,
        /// What it is.
        kind: &'static str,
        /// Its id.
        id: String,
    },
}

impl Catalogue {
    /// Returns the copy in this crate.
    pub fn embedded() -> Catalogue {
        Catalogue::parse(EMBEDDED).expect("the embedded catalogue is well formed, which a test shows")
    }

    /// Reads a catalogue.
    ///
    /// # Errors
    ///
    /// [`CatalogueError`] if it has another shape, unknown keys, something twice or a reference to nothing.
    pub fn parse(text: &str) -> Result<Catalogue, CatalogueError> {
        if text.len() > MAX_BYTES {
            return Err(CatalogueError::TooLarge);
        }
        let file: File = serde_saphyr::from_str(text).map_err(|error| CatalogueError::Shape(error.to_string()))?;
        let testcases = file
            .scripts
            .into_iter()
            .flat_map(|script| {
                let automatic = script.executable.is_some();
                script
                    .testcases
                    .into_iter()
                    .map(move |testcase| Testcase { automatic, ..testcase })
            })
            .collect();
        let mut catalogue = Catalogue {
            name: file.name,
            uuid: file.uuid,
            url: file.url,
            testcases,
            modules: file.modules,
            timeline: file.timeline,
            versions: file.versions,
        };
        catalogue.timeline.sort_by_key(|entry| std::cmp::Reverse(entry.date));
        catalogue.check()?;
        Ok(catalogue)
    }

    fn check(&self) -> Result<(), CatalogueError> {
        once("testcase", self.testcases.iter().map(|testcase| testcase.id.as_str()))?;
        once("module", self.modules.iter().map(|module| module.id.as_str()))?;
        once("version", self.versions.iter().map(|version| version.version.as_str()))?;
        let dangling = |place: &str, kind, id: &str| {
            Err(CatalogueError::Dangling {
                place: place.to_owned(),
                kind,
                id: id.to_owned(),
            })
        };
        let known: HashSet<&str> = self.testcases.iter().map(|testcase| testcase.id.as_str()).collect();
        for module in &self.modules {
            if let Some(id) = module
                .targets
                .values()
                .flatten()
                .find(|id| !known.contains(id.as_str()))
            {
                return dangling(&format!("module {}", module.id), "testcase", id);
            }
        }
        for version in &self.versions {
            if let Some(include) = version
                .include
                .iter()
                .find(|include| self.module(include.module()).is_none())
            {
                return dangling(&format!("version {}", version.version), "module", include.module());
            }
        }
        for entry in &self.timeline {
            if let Some(name) = entry.versions.keys().find(|name| self.version(name).is_none()) {
                return dangling(&format!("the timeline at {}", entry.date), "version", name);
            }
        }
        Ok(())
    }

    /// Returns a testcase.
    pub fn testcase(&self, id: &str) -> Option<&Testcase> {
        self.testcases.iter().find(|testcase| testcase.id == id)
    }

    /// Returns a module.
    pub fn module(&self, id: &str) -> Option<&Module> {
        self.modules.iter().find(|module| module.id == id)
    }

    /// Returns a version.
    pub fn version(&self, name: &str) -> Option<&Version> {
        self.versions.iter().find(|version| version.version == name)
    }
}

fn once<'a>(kind: &'static str, ids: impl Iterator<Item = &'a str>) -> Result<(), CatalogueError> {
    let mut seen = HashSet::new();
    for id in ids {
        if !seen.insert(id) {
            return Err(CatalogueError::Twice {
                kind,
                id: id.to_owned(),
            });
        }
    }
    Ok(())
}
