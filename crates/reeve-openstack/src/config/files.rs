//! Finding and reading the files.
//!
//! Source of order and rules: openstacksdk 4.10: `openstack/config/loader.py` – `CONFIG_SEARCH_PATH`, `_load_yaml_json_file`.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};

use camino::{Utf8Path, Utf8PathBuf};

use super::cloud::Warning;
use super::error::ConfigError;
use super::tree::{Node, Section, from_json, from_yaml};

/// Largest file that is read.
const MAX_BYTES: u64 = 4 << 20;

/// What surrounds the program: given by the caller, so that this crate reads neither environment nor home directory itself.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// The working directory.
    pub working_directory: Utf8PathBuf,
    /// The home directory, for `~` and `~/.config`.
    pub home: Option<Utf8PathBuf>,
    /// The environment variables; only `OS_…`, `XDG_CONFIG_HOME` and `XDG_CONFIG_DIRS` matter.
    pub environment: BTreeMap<String, String>,
}

/// Shows the names of the variables only: some of them are passwords.
impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings")
            .field("working_directory", &self.working_directory)
            .field("home", &self.home)
            .field("environment", &self.environment.keys())
            .finish()
    }
}

impl Surroundings {
    /// Returns a variable that is set and not empty.
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        self.environment
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// Returns the folders that are searched, in this order.
    pub(crate) fn folders(&self) -> Vec<Utf8PathBuf> {
        let mut folders = vec![self.working_directory.clone()];
        let dot_config = self.home.as_ref().map(|home| home.join(".config"));
        if let Some(own) = self
            .variable("XDG_CONFIG_HOME")
            .map(Utf8PathBuf::from)
            .or_else(|| dot_config.clone())
        {
            folders.push(own.join("openstack"));
        }
        if let Some(dot_config) = dot_config {
            folders.push(dot_config.join("openstack"));
        }
        let site = self.variable("XDG_CONFIG_DIRS").unwrap_or("/etc/xdg");
        folders.extend(
            site.split(':')
                .filter(|dir| !dir.is_empty())
                .map(|dir| Utf8Path::new(dir).join("openstack")),
        );
        folders.push("/etc/openstack".into());
        let mut seen = Vec::new();
        folders.retain(|folder| {
            let new = !seen.contains(folder);
            seen.push(folder.clone());
            new
        });
        folders
    }

    /// Returns `path` with a leading `~/` replaced, and a relative one below the working directory.
    pub(crate) fn expand(&self, path: &str) -> Utf8PathBuf {
        match (path.strip_prefix("~/"), &self.home) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => self.working_directory.join(path),
        }
    }

    /// Reads the first file called `stem` in the search order, or the one that `variable` names.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if the first one that exists cannot be read or is no mapping. One that this user may not open is passed over with a warning.
    pub(crate) fn load(
        &self,
        stem: &str,
        variable: Option<&str>,
        warnings: &mut Vec<Warning>,
    ) -> Result<Option<(Utf8PathBuf, Section)>, ConfigError> {
        let named = variable
            .and_then(|name| self.variable(name))
            .map(|path| self.expand(path));
        let usual = self
            .folders()
            .into_iter()
            .flat_map(|folder| ["yaml", "yml", "json"].map(|suffix| folder.join(format!("{stem}.{suffix}"))));
        for path in named.into_iter().chain(usual) {
            match read(&path)? {
                Found::Text(text) => return Ok(parse(&path, &text)?.map(|section| (path, section))),
                Found::Nothing => {}
                Found::NotAllowed => warnings.push(Warning::Unreadable { path }),
            }
        }
        Ok(None)
    }
}

enum Found {
    Text(String),
    Nothing,
    NotAllowed,
}

fn read(path: &Utf8Path) -> Result<Found, ConfigError> {
    let failed = |source| ConfigError::Read {
        path: path.to_owned(),
        source,
    };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Found::Nothing);
        }
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(Found::NotAllowed),
        Err(error) => return Err(failed(error)),
    };
    let mut text = String::new();
    let read = file.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(failed)?;
    if read as u64 > MAX_BYTES {
        return Err(ConfigError::TooLarge {
            path: path.to_owned(),
            limit: MAX_BYTES,
        });
    }
    Ok(Found::Text(text))
}

fn parse(path: &Utf8Path, text: &str) -> Result<Option<Section>, ConfigError> {
    let node = if path.extension() == Some("json") {
        from_json(text)
    } else {
        from_yaml(text)
    }
    .map_err(|place| ConfigError::Syntax {
        path: path.to_owned(),
        place,
    })?;
    match node {
        Node::Map(section) => Ok(Some(section)),
        // An empty secure.yaml is a file somebody prepared; it says nothing.
        Node::Null => Ok(None),
        Node::Text(_) | Node::List(_) => Err(ConfigError::Shape {
            path: path.to_owned(),
            what: "it is no mapping with a key `clouds`".to_owned(),
        }),
    }
}
