//! `reeve.toml`: what the ecosystem's own files (kubeconfig, ssh_config, ceph.conf) do not hold.
//!
//! Later layers win: built-in default, file, environment, command line. Every value remembers where it came from.

use std::fmt;

use camino::{Utf8Path, Utf8PathBuf};
use reeve_keys::UnknownKey;
use serde::Deserialize;

use crate::environment::{self, Environment};

/// The largest configuration file that is read.
const SIZE_LIMIT: u64 = 1 << 20;

/// `reeve.toml` as written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct File {
    /// Folder of the runs' journals.
    pub(crate) runs_dir: Option<Utf8PathBuf>,
    /// Settings of `reeve rook`.
    pub(crate) rook: RookSection,
}

/// The section `[rook]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RookSection {
    pub(crate) admin_host: Option<String>,
    pub(crate) ssh_config: Option<Utf8PathBuf>,
    pub(crate) kubeconfig: Option<Utf8PathBuf>,
    pub(crate) context: Option<String>,
    pub(crate) namespace: Option<String>,
    pub(crate) operator_namespace: Option<String>,
    pub(crate) data_dir_host_path: Option<String>,
    pub(crate) ceph_image: Option<String>,
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Default,
    File(Utf8PathBuf),
    Environment(&'static str),
    CommandLine,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{path}"),
            Self::Environment(name) => write!(f, "${name}"),
            Self::CommandLine => f.write_str("command line"),
        }
    }
}

/// A value and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setting<T> {
    pub(crate) value: T,
    pub(crate) origin: Origin,
}

/// The configuration file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("could not read the configuration file {path}")]
    Read {
        path: Utf8PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the configuration file {path} is larger than {SIZE_LIMIT} bytes, so it is not one")]
    TooLarge { path: Utf8PathBuf },
    #[error("{path}:{line}: {message}")]
    Wrong {
        path: Utf8PathBuf,
        line: usize,
        message: String,
    },
}

/// The file that was read, if there is one, and its path.
#[derive(Clone, Debug, Default)]
pub(crate) struct Config {
    pub(crate) path: Option<Utf8PathBuf>,
    pub(crate) file: File,
}

impl Config {
    /// Reads the configuration file: the one named on the command line or in `$REEVE_CONFIG` has to exist; `reeve.toml` in the
    /// working folder and `~/.config/reeve/reeve.toml` are read where they exist, the first of them.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for a named file that is missing, and for any file that is not well-formed.
    pub(crate) fn find(named: Option<&Utf8Path>, environment: &Environment) -> Result<Self, ConfigError> {
        if let Some(path) = named.or(environment.config.as_deref()) {
            return Self::load(path);
        }
        let below = |base: &Utf8PathBuf| base.join("reeve").join("reeve.toml");
        let personal = environment.xdg_config_home.as_ref().map(below);
        let home = environment.home.as_ref().map(|home| below(&home.join(".config")));
        let places = [Some(Utf8PathBuf::from("reeve.toml")), personal.or(home)];
        match places.into_iter().flatten().find(|path| path.is_file()) {
            Some(path) => Self::load(&path),
            None => Ok(Self::default()),
        }
    }

    fn load(path: &Utf8Path) -> Result<Self, ConfigError> {
        let read = |source| ConfigError::Read {
            path: path.into(),
            source,
        };
        if std::fs::metadata(path).map_err(read)?.len() > SIZE_LIMIT {
            return Err(ConfigError::TooLarge { path: path.into() });
        }
        let text = std::fs::read_to_string(path).map_err(read)?;
        let file = parse(path, &text)?;
        Ok(Self {
            path: Some(path.into()),
            file,
        })
    }

    /// Returns the value of the highest layer that has one.
    pub(crate) fn layer<T: Clone>(
        &self,
        flag: Option<&T>,
        from_environment: Option<(&'static str, &T)>,
        from_file: Option<&T>,
        default: Option<T>,
    ) -> Option<Setting<T>> {
        let setting = |value: &T, origin| Setting {
            value: value.clone(),
            origin,
        };
        flag.map(|value| setting(value, Origin::CommandLine))
            .or_else(|| from_environment.map(|(name, value)| setting(value, Origin::Environment(name))))
            .or_else(|| from_file.map(|value| setting(value, Origin::File(self.path.clone().unwrap_or_default()))))
            .or_else(|| {
                default.map(|value| Setting {
                    value,
                    origin: Origin::Default,
                })
            })
    }

    /// Returns the folder of the runs' journals: `$XDG_STATE_HOME/reeve/runs` unless something else was said.
    pub(crate) fn runs_dir(&self, flag: Option<&Utf8PathBuf>, environment: &Environment) -> Setting<Utf8PathBuf> {
        let state = environment.xdg_state_home.clone();
        let home = || environment.home.as_ref().map(|home| home.join(".local/state"));
        let default = state
            .or_else(home)
            .unwrap_or_else(|| "/var/lib".into())
            .join("reeve")
            .join("runs");
        let from_environment = environment.runs_dir.as_ref().map(|path| (environment::RUNS_DIR, path));
        self.layer(flag, from_environment, self.file.runs_dir.as_ref(), Some(default))
            .expect("a default was given")
    }
}

fn parse(path: &Utf8Path, text: &str) -> Result<File, ConfigError> {
    toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start).min(text.len());
        let line = text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
        let message = UnknownKey::of(error.message()).map_or_else(|| error.message().to_owned(), |key| key.to_string());
        ConfigError::Wrong {
            path: path.into(),
            line,
            message,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_is_named_with_file_line_and_the_nearest_known_key() {
        let error = parse("reeve.toml".into(), "\n[rook]\nadmin_hots = \"n1\"\n")
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("reeve.toml:3: unknown key `admin_hots`"), "{error}");
        assert!(error.ends_with("the nearest known key is `admin_host`"), "{error}");
    }

    #[test]
    fn a_wrong_type_is_named_with_its_line() {
        let error = parse("reeve.toml".into(), "[rook]\nnamespace = 3\n")
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("reeve.toml:2: "), "{error}");
    }

    #[test]
    fn later_layers_win_and_say_so() {
        let config = Config {
            path: Some("reeve.toml".into()),
            file: File::default(),
        };
        let [flag, environment, file, default] = ["flag", "environment", "file", "default"].map(String::from);
        let all = config
            .layer(
                Some(&flag),
                Some(("X", &environment)),
                Some(&file),
                Some(default.clone()),
            )
            .unwrap();
        assert_eq!((all.value.as_str(), all.origin), ("flag", Origin::CommandLine));
        let no_flag = config
            .layer(None, Some(("X", &environment)), Some(&file), Some(default.clone()))
            .unwrap();
        assert_eq!(
            (no_flag.value.as_str(), no_flag.origin),
            ("environment", Origin::Environment("X"))
        );
        let from_file = config.layer(None, None, Some(&file), Some(default.clone())).unwrap();
        assert_eq!(
            (from_file.value.as_str(), from_file.origin),
            ("file", Origin::File("reeve.toml".into()))
        );
        let nothing = config.layer(None, None, None, Some(default)).unwrap();
        assert_eq!((nothing.value.as_str(), nothing.origin), ("default", Origin::Default));
    }
}
