//! All clouds that files and variables describe, and the choice of one of them.
//!
//! Source of the rules: openstacksdk 4.10: `openstack/config/loader.py` – `OpenStackConfig.__init__`, `_get_os_environ`, `_expand_vendor_profile`,
//! `_get_region`, `get_one`. Different here: `OS_REGION_NAME` also chooses the region of a cloud in a file, as the command line client does; profiles come from
//! clouds-public.yaml only.

use std::fmt;

use camino::Utf8PathBuf;

use super::cloud::{CloudConfig, Warning};
use super::error::ConfigError;
use super::files::Surroundings;
use super::merge::{merge, update, update_with_values};
use super::resolve::resolve;
use super::tree::{Node, Section};

/// Variables that choose a cloud or a file and describe none.
const SELECTORS: [&str; 5] = [
    "OS_CLOUD",
    "OS_REGION_NAME",
    "OS_CLIENT_CONFIG_FILE",
    "OS_CLIENT_SECURE_FILE",
    "OS_CLOUD_NAME",
];

/// Variables of test frameworks that happen to begin like ours.
const FOREIGN: [&str; 3] = ["OS_TEST", "OS_STD", "OS_LOG"];

/// Which cloud, and which region of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CloudChoice {
    /// Its name; `OS_CLOUD`, the variables or the only one there is if none.
    pub cloud: Option<String>,
    /// The region; `OS_REGION_NAME` or the first of the cloud if none.
    pub region: Option<String>,
}

/// All clouds that are described.
pub struct Clouds {
    clouds: Section,
    profiles: Section,
    variables_cloud: String,
    files: Vec<Utf8PathBuf>,
    warnings: Vec<Warning>,
    surroundings: Surroundings,
}

impl fmt::Debug for Clouds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clouds")
            .field("names", &self.names())
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

impl Clouds {
    /// Reads the first clouds.yaml, secure.yaml and clouds-public.yaml in the search order, and the variables.
    ///
    /// Search order: what `OS_CLIENT_CONFIG_FILE` and `OS_CLIENT_SECURE_FILE` name, the working directory, the user's configuration folder, those of the
    /// system, /etc/openstack; in each `.yaml`, `.yml`, `.json`.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if a file cannot be read or has another shape. That there is no file and no variable is an error of [`Clouds::choose`].
    pub fn load(surroundings: &Surroundings) -> Result<Clouds, ConfigError> {
        let mut warnings = Vec::new();
        let mut files = Vec::new();
        let mut whole = Section::new();
        for (stem, variable) in [("clouds", "OS_CLIENT_CONFIG_FILE"), ("secure", "OS_CLIENT_SECURE_FILE")] {
            if let Some((path, section)) = surroundings.load(stem, Some(variable), &mut warnings)? {
                check_shape(&path, &section)?;
                whole = merge(whole, section);
                files.push(path);
            }
        }
        let mut clouds = section_of(&mut whole, "clouds");
        let mut profiles = Section::new();
        if let Some((path, mut section)) = surroundings.load("clouds-public", None, &mut warnings)? {
            profiles = section_of(&mut section, "public-clouds");
            files.push(path);
        }
        let variables_cloud = surroundings.variable("OS_CLOUD_NAME").unwrap_or("envvars").to_owned();
        let place = place(&files);
        if clouds.contains_key(&variables_cloud) {
            return Err(ConfigError::NameTaken {
                name: variables_cloud,
                place,
            });
        }
        if let Some(section) = from_variables(surroundings) {
            clouds.insert(variables_cloud.clone(), Node::Map(section));
        }
        for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
            if surroundings.variable(name).is_some() {
                warnings.push(Warning::Ignored { key: name.to_owned() });
            }
        }
        Ok(Clouds {
            clouds,
            profiles,
            variables_cloud,
            files,
            warnings,
            surroundings: surroundings.clone(),
        })
    }

    /// Returns the names of the clouds, sorted; the one that the variables make is among them.
    pub fn names(&self) -> Vec<&str> {
        self.clouds.keys().map(String::as_str).collect()
    }

    /// Returns the files that were read.
    pub fn files(&self) -> &[Utf8PathBuf] {
        &self.files
    }

    /// Returns one cloud, put together from its profile, its section, its region and the defaults.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if there is no such cloud or region, several and no choice, or what it says cannot be used.
    pub fn choose(&self, choice: &CloudChoice) -> Result<CloudConfig, ConfigError> {
        let name = self.name(choice)?;
        let own = self.clouds.get(&name).and_then(Node::map).cloned().unwrap_or_default();
        let mut warnings = self.warnings.clone();
        let profile = self.profile(&name, &own, &mut warnings);
        let region = self.region(&name, &own, &profile, choice)?;

        let mut section = Section::from([("auth".to_owned(), Node::Map(Section::new()))]);
        update(&mut section, profile);
        update(&mut section, own);
        for key in ["cloud", "profile", "regions"] {
            section.remove(key);
        }
        update_with_values(&mut section, region.values);
        section.insert("region_name".to_owned(), Node::Text(region.name));
        resolve(name, section, self.files.clone(), warnings, &self.surroundings)
    }

    fn name(&self, choice: &CloudChoice) -> Result<String, ConfigError> {
        let known = || {
            if self.clouds.is_empty() {
                "none".to_owned()
            } else {
                self.names().join(", ")
            }
        };
        let wanted = choice
            .cloud
            .as_deref()
            .or_else(|| self.surroundings.variable("OS_CLOUD"));
        if let Some(name) = wanted {
            return if self.clouds.contains_key(name) {
                Ok(name.to_owned())
            } else if self.clouds.is_empty() && self.files.is_empty() {
                Err(self.nothing())
            } else {
                Err(ConfigError::Unknown {
                    name: name.to_owned(),
                    place: place(&self.files),
                    known: known(),
                })
            };
        }
        if self.clouds.contains_key(&self.variables_cloud) {
            return Ok(self.variables_cloud.clone());
        }
        match self.names().as_slice() {
            [] => Err(self.nothing()),
            [only] => Ok((*only).to_owned()),
            _ => Err(ConfigError::NoChoice {
                place: place(&self.files),
                known: known(),
            }),
        }
    }

    fn nothing(&self) -> ConfigError {
        let folders = self.surroundings.folders();
        ConfigError::Nothing {
            searched: folders
                .iter()
                .map(|folder| folder.as_str())
                .collect::<Vec<_>>()
                .join(", "),
        }
    }

    fn profile(&self, name: &str, own: &Section, warnings: &mut Vec<Warning>) -> Section {
        let profile = ["profile", "cloud"]
            .iter()
            .find_map(|key| own.get(*key))
            .and_then(Node::text);
        match profile {
            Some(profile) if !profile.is_empty() && name != self.variables_cloud => {
                match self.profiles.get(profile).and_then(Node::map) {
                    Some(section) => section.clone(),
                    None => {
                        warnings.push(Warning::ProfileUnknown {
                            profile: profile.to_owned(),
                        });
                        Section::new()
                    }
                }
            }
            _ => Section::new(),
        }
    }

    fn region(
        &self,
        cloud: &str,
        own: &Section,
        profile: &Section,
        choice: &CloudChoice,
    ) -> Result<Region, ConfigError> {
        let wanted = choice
            .region
            .as_deref()
            .or_else(|| self.surroundings.variable("OS_REGION_NAME"));
        let mut known = Vec::new();
        for section in [own, profile] {
            if known.is_empty() {
                known = regions(cloud, section)?;
            }
        }
        match wanted {
            None => Ok(known.into_iter().next().unwrap_or_default()),
            Some(wanted) if known.is_empty() => Ok(Region {
                name: wanted.to_owned(),
                values: Section::new(),
            }),
            Some(wanted) => {
                let names = known
                    .iter()
                    .map(|region| region.name.as_str())
                    .collect::<Vec<_>>()
                    .join(", ");
                known
                    .into_iter()
                    .find(|region| region.name == wanted)
                    .ok_or_else(|| ConfigError::UnknownRegion {
                        cloud: cloud.to_owned(),
                        region: wanted.to_owned(),
                        known: names,
                    })
            }
        }
    }
}

#[derive(Default)]
struct Region {
    name: String,
    values: Section,
}

/// Returns the regions that a section names, in its order.
fn regions(cloud: &str, section: &Section) -> Result<Vec<Region>, ConfigError> {
    let bad = || ConfigError::Region {
        cloud: cloud.to_owned(),
    };
    let plain = |name: &str| Region {
        name: name.trim().to_owned(),
        values: Section::new(),
    };
    match section.get("regions").or_else(|| section.get("region_name")) {
        None | Some(Node::Null) => Ok(Vec::new()),
        Some(Node::Text(names)) => Ok(names
            .split(',')
            .filter(|name| !name.trim().is_empty())
            .map(plain)
            .collect()),
        Some(Node::Map(_)) => Err(bad()),
        Some(Node::List(list)) => list
            .iter()
            .map(|entry| match entry {
                Node::Text(name) => Ok(plain(name)),
                Node::Map(map) if map.keys().all(|key| key == "name" || key == "values") => {
                    let name = map.get("name").and_then(Node::text).ok_or_else(bad)?;
                    let values = match map.get("values") {
                        None | Some(Node::Null) => Section::new(),
                        Some(values) => values.map().ok_or_else(bad)?.clone(),
                    };
                    Ok(Region {
                        name: name.to_owned(),
                        values,
                    })
                }
                _ => Err(bad()),
            })
            .collect(),
    }
}

/// Returns the cloud that the variables describe, if they describe one and do not only choose.
fn from_variables(surroundings: &Surroundings) -> Option<Section> {
    let ours = surroundings.environment.iter().filter(|(name, value)| {
        name.starts_with("OS_") && !value.is_empty() && !FOREIGN.iter().any(|foreign| name.starts_with(foreign))
    });
    let mut section = Section::new();
    let mut describes = false;
    for (name, value) in ours {
        describes |= !SELECTORS.contains(&name.as_str());
        let key = name["OS_".len()..].to_ascii_lowercase();
        if key != "cloud" {
            section.insert(key, Node::Text(value.clone()));
        }
    }
    describes.then_some(section)
}

fn section_of(whole: &mut Section, key: &str) -> Section {
    match whole.remove(key) {
        Some(Node::Map(section)) => section,
        _ => Section::new(),
    }
}

fn check_shape(path: &Utf8PathBuf, section: &Section) -> Result<(), ConfigError> {
    let bad = |what: String| {
        Err(ConfigError::Shape {
            path: path.clone(),
            what,
        })
    };
    match section.get("clouds") {
        None | Some(Node::Null) => Ok(()),
        Some(Node::Map(clouds)) => {
            for (name, cloud) in clouds {
                match cloud {
                    Node::Map(cloud) if matches!(cloud.get("auth"), None | Some(Node::Map(_) | Node::Null)) => {}
                    Node::Map(_) => return bad(format!("`auth` of cloud `{name}` is no mapping")),
                    _ => return bad(format!("cloud `{name}` is no mapping")),
                }
            }
            Ok(())
        }
        Some(_) => bad("`clouds` is no mapping".to_owned()),
    }
}

fn place(files: &[Utf8PathBuf]) -> String {
    if files.is_empty() {
        "the OS_… variables".to_owned()
    } else {
        files.iter().map(|path| path.as_str()).collect::<Vec<_>>().join(", ")
    }
}
