//! Why no cloud can be read from files and variables.

use std::io;

use camino::Utf8PathBuf;

/// No cloud can be read from the files and variables. Nothing was sent yet, and no text repeats a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A file exists and cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: Utf8PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file is larger than a configuration can be.
    #[error("{path} is larger than {limit} bytes; that is no configuration of clouds")]
    TooLarge {
        /// The file.
        path: Utf8PathBuf,
        /// The bound.
        limit: u64,
    },
    /// A file is no YAML or JSON.
    #[error("{path} cannot be read as YAML or JSON ({place})")]
    Syntax {
        /// The file.
        path: Utf8PathBuf,
        /// Where it went wrong.
        place: String,
    },
    /// A file is YAML and has not the shape of a configuration.
    #[error("{path} is not a configuration of clouds: {what}")]
    Shape {
        /// The file.
        path: Utf8PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// There is neither a file nor a variable.
    #[error("no cloud is configured: there is no clouds.yaml in {searched}, and no OS_… variable is set")]
    Nothing {
        /// The folders that were looked into.
        searched: String,
    },
    /// No name was given and there are several clouds.
    #[error("which cloud? {place} has several: {known}")]
    NoChoice {
        /// The files that were read.
        place: String,
        /// The clouds in them.
        known: String,
    },
    /// There is no cloud of this name.
    #[error("there is no cloud `{name}` in {place} (clouds there: {known})")]
    Unknown {
        /// The name that was asked for.
        name: String,
        /// The files that were read.
        place: String,
        /// The clouds in them, or `none`.
        known: String,
    },
    /// A file has a cloud with the name that stands for the variables.
    #[error("{place} has a cloud `{name}`, which is the name of the one that the OS_… variables make")]
    NameTaken {
        /// The name.
        name: String,
        /// The files that were read.
        place: String,
    },
    /// The region is not one of the cloud's.
    #[error("cloud `{cloud}` has no region `{region}` (regions: {known}; upper and lower case matter)")]
    UnknownRegion {
        /// The cloud.
        cloud: String,
        /// The region that was asked for.
        region: String,
        /// The regions of the cloud.
        known: String,
    },
    /// The entry for a region has another shape than a name or `name` with `values`.
    #[error("cloud `{cloud}` has an entry in `regions` that is neither a name nor `name` with `values`")]
    Region {
        /// The cloud.
        cloud: String,
    },
    /// The way of logging in is not one that this crate knows.
    #[error("cloud `{cloud}` logs in by `{auth_type}`, which is not one of: {known}")]
    AuthType {
        /// The cloud.
        cloud: String,
        /// What it says.
        auth_type: String,
        /// What this crate knows.
        known: String,
    },
    /// Something that the login needs is missing.
    #[error("cloud `{cloud}` has no `{field}`, which a login by {auth_type} needs{hint}")]
    Missing {
        /// The cloud.
        cloud: String,
        /// The key.
        field: String,
        /// The way of logging in.
        auth_type: String,
        /// What the mistake may be, beginning with `; `, or empty.
        hint: String,
    },
    /// Two scopes at once.
    #[error("cloud `{cloud}` wants a token for {first} and for {second}; only one of them is possible")]
    Scopes {
        /// The cloud.
        cloud: String,
        /// One of them.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// A value cannot be used.
    #[error("cloud `{cloud}`: `{field}` {what}")]
    Value {
        /// The cloud.
        cloud: String,
        /// The key.
        field: String,
        /// What is wrong, without the value if it may be a secret.
        what: String,
    },
}

impl ConfigError {
    /// Returns the next action, as one sentence.
    pub fn hint(&self) -> String {
        match self {
            ConfigError::Read { path, .. } => format!("make {path} readable for this user"),
            ConfigError::TooLarge { path, .. } | ConfigError::Syntax { path, .. } | ConfigError::Shape { path, .. } => {
                format!(
                    "compare {path} with a clouds.yaml that works; `openstack --os-cloud NAME token issue` reads the same files"
                )
            }
            ConfigError::Nothing { .. } => {
                "put a clouds.yaml into ~/.config/openstack, or set OS_CLIENT_CONFIG_FILE to where it is".to_owned()
            }
            ConfigError::NoChoice { .. } | ConfigError::Unknown { .. } => {
                "name one of the clouds, or set OS_CLOUD".to_owned()
            }
            ConfigError::NameTaken { .. } => {
                "rename the cloud in the file, or set OS_CLOUD_NAME to another name".to_owned()
            }
            ConfigError::UnknownRegion { cloud, .. } | ConfigError::Region { cloud } => {
                format!("look at `regions` and `region_name` of cloud `{cloud}`")
            }
            ConfigError::AuthType { .. } => {
                "make an application credential for this cloud and use `auth_type: v3applicationcredential`".to_owned()
            }
            ConfigError::Missing { field, .. } => {
                format!("put `{field}` under `auth`; a secret belongs into secure.yaml beside clouds.yaml")
            }
            ConfigError::Scopes { cloud, .. } => format!("take all but one scope out of cloud `{cloud}`"),
            ConfigError::Value { cloud, field, .. } => format!("mend `{field}` of cloud `{cloud}`"),
        }
    }
}
