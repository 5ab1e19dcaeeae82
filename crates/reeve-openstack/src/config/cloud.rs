//! One cloud with everything that a session needs to know about it.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use camino::Utf8PathBuf;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

/// One cloud and one region of it, after all files and variables were put together.
///
/// `Debug` masks the secrets.
#[derive(Clone, Debug)]
pub struct CloudConfig {
    /// Its name in clouds.yaml; `envvars` for the one that the variables make.
    pub name: String,
    /// The region; the catalogue is not narrowed to a region if there is none.
    pub region: Option<String>,
    /// Which of a service's endpoints to use.
    pub interface: Interface,
    /// Keystone's address as it was configured, without a `/` at its end.
    pub auth_url: String,
    /// Who logs in.
    pub auth: Auth,
    /// What the token is for.
    pub scope: Scope,
    /// How TLS is done.
    pub tls: TlsOptions,
    /// What is set for single services; the key is the service's type with `_` for `-`.
    pub services: BTreeMap<String, ServiceOptions>,
    /// Longest time for one answer, if the file says so.
    pub api_timeout: Option<Duration>,
    /// The files it was read from, in the order of reading.
    pub files: Vec<Utf8PathBuf>,
    /// What the operator has to be told before anything is sent.
    pub warnings: Vec<Warning>,
}

/// Which of the endpoints of a service to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Interface {
    /// For everybody.
    Public,
    /// For the cloud's own network.
    Internal,
    /// For administrators.
    Admin,
}

impl Interface {
    /// Returns how the catalogue spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Interface::Public => "public",
            Interface::Internal => "internal",
            Interface::Admin => "admin",
        }
    }
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who logs in, and how.
#[derive(Clone, Debug)]
pub enum Auth {
    /// `v3password`.
    Password {
        /// The user.
        user: UserName,
        /// The password.
        password: SecretString,
    },
    /// `v3token`: a token that somebody else got; it cannot be renewed.
    Token(SecretString),
    /// `v3applicationcredential`: brings its own project, so no scope is asked for.
    ApplicationCredential {
        /// Which one.
        credential: CredentialName,
        /// Its secret.
        secret: SecretString,
    },
    /// `v3totp`: a code that is good for one login; it cannot be renewed.
    Totp {
        /// The user.
        user: UserName,
        /// The code.
        passcode: SecretString,
    },
}

impl Auth {
    /// Returns the name of the plug-in that does this in other tools.
    pub const fn method(&self) -> &'static str {
        match self {
            Auth::Password { .. } => "v3password",
            Auth::Token(_) => "v3token",
            Auth::ApplicationCredential { .. } => "v3applicationcredential",
            Auth::Totp { .. } => "v3totp",
        }
    }

    /// Returns whether a second login may work like the first.
    pub const fn is_renewable(&self) -> bool {
        matches!(self, Auth::Password { .. } | Auth::ApplicationCredential { .. })
    }
}

/// A domain, by id or by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DomainName {
    /// Its id.
    Id(String),
    /// Its name.
    Name(String),
}

/// A user, by id or by name in a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserName {
    /// Its id.
    Id(String),
    /// Its name and the domain that it is unique in.
    Name(String, DomainName),
}

/// A project, by id or by name in a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProjectName {
    /// Its id.
    Id(String),
    /// Its name and the domain that it is unique in.
    Name(String, DomainName),
}

/// An application credential, by id or by name of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialName {
    /// Its id.
    Id(String),
    /// Its name and the user it belongs to.
    Name(String, UserName),
}

/// What a token is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// What Keystone gives if nothing is asked for.
    Unscoped,
    /// A project.
    Project(ProjectName),
    /// A domain.
    Domain(DomainName),
    /// The whole system.
    System,
}

/// How TLS is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsOptions {
    /// Whether certificates are verified; the file or `OS_INSECURE` can switch it off.
    pub verify: bool,
    /// Authorities to trust instead of those of the system, as PEM.
    pub ca_file: Option<Utf8PathBuf>,
    /// Own certificate, as PEM.
    pub client_certificate: Option<Utf8PathBuf>,
    /// Key of the own certificate, as PEM; in the same file as the certificate if there is none.
    pub client_key: Option<Utf8PathBuf>,
}

impl Default for TlsOptions {
    fn default() -> TlsOptions {
        TlsOptions {
            verify: true,
            ca_file: None,
            client_certificate: None,
            client_key: None,
        }
    }
}

/// What is set for one service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServiceOptions {
    /// `*_endpoint_override`: used as it is, without catalogue and without discovery.
    pub endpoint_override: Option<String>,
    /// `*_api_version`: the major version.
    pub api_version: Option<String>,
    /// `*_interface`.
    pub interface: Option<Interface>,
    /// `*_region_name`.
    pub region: Option<String>,
    /// `*_service_type`: what the catalogue calls it.
    pub service_type: Option<String>,
    /// `*_service_name`: which of several of one type.
    pub service_name: Option<String>,
    /// `*_default_microversion`.
    pub default_microversion: Option<String>,
}

/// What the operator has to be told about a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// Certificates are not verified: anybody on the way can read and change everything, the password too.
    NotVerified {
        /// `verify: false` or `insecure: true`.
        because: &'static str,
    },
    /// A CA file is named and not used, because verification is off.
    AuthorityUnused {
        /// The file.
        path: Utf8PathBuf,
    },
    /// Keystone is reached without TLS: password and token go over the wire as they are.
    Unencrypted {
        /// Keystone's address.
        auth_url: String,
    },
    /// A profile is named and nowhere defined; it is ignored, as other tools do.
    ProfileUnknown {
        /// The profile.
        profile: String,
    },
    /// A file could not be opened and was passed over, as other tools do.
    Unreadable {
        /// The file.
        path: Utf8PathBuf,
    },
    /// A key that other tools know and this crate does not follow.
    Ignored {
        /// The key.
        key: String,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Warning::NotVerified { because } => write!(
                f,
                "certificates are NOT verified ({because}): anybody on the way can read the password and change the answers"
            ),
            Warning::AuthorityUnused { path } => write!(f, "cacert {path} is not used, because verification is off"),
            Warning::Unencrypted { auth_url } => {
                write!(
                    f,
                    "{auth_url} is reached without TLS: password and token go over the wire as they are"
                )
            }
            Warning::ProfileUnknown { profile } => write!(
                f,
                "profile `{profile}` is not in clouds-public.yaml; Reeve brings no profiles of its own, so it is ignored"
            ),
            Warning::Unreadable { path } => write!(f, "{path} may not be read by this user and is passed over"),
            Warning::Ignored { key } => write!(f, "`{key}` is not followed by this version"),
        }
    }
}
