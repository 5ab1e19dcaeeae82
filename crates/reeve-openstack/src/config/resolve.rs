//! From the sections of a cloud to what a session needs.
//!
//! Source of the rules: openstacksdk 4.10: `openstack/config/loader.py` – `magic_fixes` and what it calls, `_validate_auth`;
//! `openstack/config/cloud_region.py` – `get_requests_verify_args`, `_get_config`; keystoneauth1 5.18: `identity/v3/` for what a login needs.

use std::collections::BTreeMap;
use std::time::Duration;

use camino::Utf8PathBuf;
use secrecy::SecretString;

use super::cloud::{
    Auth, CloudConfig, CredentialName, DomainName, Interface, ProjectName, Scope, ServiceOptions, TlsOptions, UserName,
    Warning,
};
use super::error::ConfigError;
use super::files::Surroundings;
use super::tree::{Node, Section};
use crate::service_type::{official_key, official_types};

/// Ways of logging in that are known, as the configuration spells them.
const AUTH_TYPES: &str = "password, v3password, token, v3token, v3applicationcredential, v3totp";

/// Keys of a login; each may also stand beside `auth` instead of in it.
const AUTH_KEYS: [&str; 14] = [
    "auth_url",
    "username",
    "user_id",
    "password",
    "passcode",
    "token",
    "system_scope",
    "default_domain_id",
    "default_domain_name",
    "application_credential_id",
    "application_credential_name",
    "application_credential_secret",
    "user_name",
    "auth_token",
];

/// Keys where what stands beside `auth` wins over what stands in it; the last of those that map to one key wins.
const SCOPE_KEYS: [(&str, &[&str]); 8] = [
    ("domain_id", &["domain_id"]),
    ("domain_name", &["domain_name"]),
    ("user_domain_id", &["user_domain_id"]),
    ("user_domain_name", &["user_domain_name"]),
    ("project_domain_id", &["project_domain_id"]),
    ("project_domain_name", &["project_domain_name"]),
    ("project_id", &["tenant_id", "project_id"]),
    ("project_name", &["tenant_name", "project_name"]),
];

/// Longest timeout that is taken from a file.
const MAX_TIMEOUT_SECONDS: f64 = 3600.0;

/// Returns the cloud that `section` describes.
pub(crate) fn resolve(
    name: String,
    section: Section,
    files: Vec<Utf8PathBuf>,
    mut warnings: Vec<Warning>,
    surroundings: &Surroundings,
) -> Result<CloudConfig, ConfigError> {
    let fields = Fields::new(&name, section);
    let auth_url = fields.auth_url()?;
    let (auth, scope) = fields.login()?;
    let tls = fields.tls(surroundings, &mut warnings);
    if !auth_url.starts_with("https://") {
        warnings.push(Warning::Unencrypted {
            auth_url: crate::url::shown(&auth_url),
        });
    }
    Ok(CloudConfig {
        region: fields.top("region_name").map(str::to_owned),
        interface: fields
            .interface("interface", fields.top("interface"))?
            .unwrap_or(Interface::Public),
        services: fields.services()?,
        api_timeout: fields.api_timeout()?,
        auth_url,
        auth,
        scope,
        tls,
        files,
        warnings,
        name,
    })
}

/// The texts of a cloud; empty ones count as not there, because openrc files set variables to nothing.
struct Fields<'a> {
    cloud: &'a str,
    top: BTreeMap<String, String>,
    auth: BTreeMap<String, String>,
}

impl<'a> Fields<'a> {
    fn new(cloud: &'a str, mut section: Section) -> Fields<'a> {
        let texts = |section: Section| -> BTreeMap<String, String> {
            section
                .into_iter()
                .filter_map(|(key, value)| match value {
                    Node::Text(text) if !text.is_empty() => Some((key, text)),
                    // A list of interfaces means "the first that there is"; taking the first is what nearly always happens.
                    Node::List(list) if key.ends_with("interface") || key.ends_with("endpoint_type") => {
                        list.first().and_then(Node::text).map(|text| (key, text.to_owned()))
                    }
                    _ => None,
                })
                .collect()
        };
        let mut auth = match section.remove("auth") {
            Some(Node::Map(auth)) => texts(auth),
            _ => BTreeMap::new(),
        };
        // The older name wins over the newer one, as it does elsewhere: there the newer one has a default that the older one replaces.
        let (older, mut top): (BTreeMap<_, _>, BTreeMap<_, _>) = texts(section)
            .into_iter()
            .partition(|(key, _)| key.ends_with("endpoint_type"));
        top.extend(
            older
                .into_iter()
                .map(|(key, value)| (key.replace("endpoint_type", "interface"), value)),
        );
        for (target, sources) in SCOPE_KEYS {
            let mut found = None;
            for source in sources {
                found = auth.remove(*source).or(found);
                found = top.remove(*source).or(found);
            }
            if let Some(value) = found {
                auth.insert(target.to_owned(), value);
            }
        }
        for key in AUTH_KEYS {
            if let Some(value) = top.remove(key) {
                auth.entry(key.to_owned()).or_insert(value);
            }
        }
        for (old, new) in [("user_name", "username"), ("auth_token", "token")] {
            if let Some(value) = auth.remove(old) {
                auth.entry(new.to_owned()).or_insert(value);
            }
        }
        // One domain for user and project may be given once; without a project it is the scope itself.
        if auth.contains_key("project_id") || auth.contains_key("project_name") {
            for (short, long) in [
                ("domain_id", ["user_domain_id", "project_domain_id"]),
                ("domain_name", ["user_domain_name", "project_domain_name"]),
            ] {
                if let Some(value) = auth.remove(short) {
                    for key in long {
                        auth.entry(key.to_owned()).or_insert_with(|| value.clone());
                    }
                }
            }
        }
        Fields { cloud, top, auth }
    }

    fn top(&self, key: &str) -> Option<&str> {
        self.top.get(key).map(String::as_str)
    }

    fn auth(&self, key: &str) -> Option<&str> {
        self.auth.get(key).map(String::as_str)
    }

    fn value(&self, field: &str, what: impl Into<String>) -> ConfigError {
        ConfigError::Value {
            cloud: self.cloud.to_owned(),
            field: field.to_owned(),
            what: what.into(),
        }
    }

    fn missing(&self, field: &str, auth_type: &str, hint: &str) -> ConfigError {
        ConfigError::Missing {
            cloud: self.cloud.to_owned(),
            field: field.to_owned(),
            auth_type: auth_type.to_owned(),
            hint: hint.to_owned(),
        }
    }

    fn flag(&self, key: &str) -> Option<bool> {
        self.top(key)
            .map(|text| !matches!(text.to_ascii_lowercase().as_str(), "false" | "no" | "off" | "0"))
    }

    fn auth_type(&self) -> &str {
        self.top("auth_type")
            .or_else(|| self.top("auth_plugin"))
            .unwrap_or("password")
    }

    fn auth_url(&self) -> Result<String, ConfigError> {
        let Some(template) = self.auth("auth_url") else {
            return Err(self.missing("auth_url", self.auth_type(), ""));
        };
        let filled = self.fill(template)?;
        let url = filled.trim().trim_end_matches('/').to_owned();
        match crate::url::check(&url) {
            Ok(()) => Ok(url),
            Err(what) => Err(self.value("auth_url", what)),
        }
    }

    /// Replaces `{key}` by the value of a key, which profiles use for `{region_name}`.
    fn fill(&self, template: &str) -> Result<String, ConfigError> {
        let mut filled = String::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            let Some((key, after)) = after.split_once('}') else {
                return Err(self.value("auth_url", "has a `{` without a `}`"));
            };
            let Some(value) = self.top(key) else {
                return Err(self.value("auth_url", format!("refers to `{key}`, which is not set")));
            };
            filled.push_str(before);
            filled.push_str(value);
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }

    fn login(&self) -> Result<(Auth, Scope), ConfigError> {
        let auth_type = self.auth_type();
        match auth_type {
            "password" | "v3password" => {
                let hint = if self.auth("application_credential_secret").is_some() {
                    "; `auth_type: v3applicationcredential` is missing"
                } else if self.auth("token").is_some() {
                    "; `auth_type: v3token` is missing"
                } else {
                    ""
                };
                let user = self.user(auth_type, hint)?;
                let password = self.secret("password", auth_type, hint)?;
                Ok((Auth::Password { user, password }, self.scope()?))
            }
            "token" | "v3token" => Ok((Auth::Token(self.secret("token", auth_type, "")?), self.scope()?)),
            "v3totp" => {
                let user = self.user(auth_type, "")?;
                Ok((
                    Auth::Totp {
                        user,
                        passcode: self.secret("passcode", auth_type, "")?,
                    },
                    self.scope()?,
                ))
            }
            "v3applicationcredential" => {
                let secret = self.secret("application_credential_secret", auth_type, "")?;
                let credential = match (
                    self.auth("application_credential_id"),
                    self.auth("application_credential_name"),
                ) {
                    (Some(id), _) => CredentialName::Id(id.to_owned()),
                    (None, Some(name)) => CredentialName::Name(name.to_owned(), self.user(auth_type, "")?),
                    (None, None) => return Err(self.missing("application_credential_id", auth_type, "")),
                };
                Ok((Auth::ApplicationCredential { credential, secret }, Scope::Unscoped))
            }
            other => Err(ConfigError::AuthType {
                cloud: self.cloud.to_owned(),
                auth_type: other.to_owned(),
                known: AUTH_TYPES.to_owned(),
            }),
        }
    }

    fn secret(&self, key: &str, auth_type: &str, hint: &str) -> Result<SecretString, ConfigError> {
        self.auth(key)
            .map(SecretString::from)
            .ok_or_else(|| self.missing(key, auth_type, hint))
    }

    fn user(&self, auth_type: &str, hint: &str) -> Result<UserName, ConfigError> {
        if let Some(id) = self.auth("user_id") {
            return Ok(UserName::Id(id.to_owned()));
        }
        let Some(name) = self.auth("username") else {
            return Err(self.missing("username", auth_type, hint));
        };
        let domain = self
            .domain("user_domain")
            .or_else(|| self.domain("default_domain"))
            .ok_or_else(|| {
                self.missing(
                    "user_domain_name",
                    auth_type,
                    "; a user's name is unique in a domain only",
                )
            })?;
        Ok(UserName::Name(name.to_owned(), domain))
    }

    fn domain(&self, prefix: &str) -> Option<DomainName> {
        self.auth(&format!("{prefix}_id"))
            .map(|id| DomainName::Id(id.to_owned()))
            .or_else(|| {
                self.auth(&format!("{prefix}_name"))
                    .map(|name| DomainName::Name(name.to_owned()))
            })
    }

    fn scope(&self) -> Result<Scope, ConfigError> {
        let project = if let Some(id) = self.auth("project_id") {
            Some(ProjectName::Id(id.to_owned()))
        } else if let Some(name) = self.auth("project_name") {
            let domain = self
                .domain("project_domain")
                .or_else(|| self.domain("default_domain"))
                .ok_or_else(|| {
                    self.missing(
                        "project_domain_name",
                        self.auth_type(),
                        "; a project's name is unique in a domain only",
                    )
                })?;
            Some(ProjectName::Name(name.to_owned(), domain))
        } else {
            None
        };
        let domain = self.domain("domain");
        let system = self
            .auth("system_scope")
            .is_some_and(|scope| scope.eq_ignore_ascii_case("all") || scope == "true");
        let both = |first, second| {
            Err(ConfigError::Scopes {
                cloud: self.cloud.to_owned(),
                first,
                second,
            })
        };
        match (project, domain, system) {
            (Some(_), Some(_), _) => both("a project", "a domain"),
            (Some(_), _, true) => both("a project", "the system"),
            (_, Some(_), true) => both("a domain", "the system"),
            (Some(project), None, false) => Ok(Scope::Project(project)),
            (None, Some(domain), false) => Ok(Scope::Domain(domain)),
            (None, None, true) => Ok(Scope::System),
            (None, None, false) => Ok(Scope::Unscoped),
        }
    }

    fn tls(&self, surroundings: &Surroundings, warnings: &mut Vec<Warning>) -> TlsOptions {
        let path = |key: &str| self.top(key).map(|path| surroundings.expand(path));
        let because = if self.flag("insecure") == Some(true) {
            Some("insecure: true")
        } else if self.flag("verify") == Some(false) {
            Some("verify: false")
        } else {
            None
        };
        let mut ca_file = path("cacert");
        if let Some(because) = because {
            warnings.push(Warning::NotVerified { because });
            if let Some(path) = ca_file.take() {
                warnings.push(Warning::AuthorityUnused { path });
            }
        }
        TlsOptions {
            verify: because.is_none(),
            ca_file,
            client_certificate: path("cert"),
            client_key: path("key"),
        }
    }

    fn interface(&self, field: &str, text: Option<&str>) -> Result<Option<Interface>, ConfigError> {
        let Some(text) = text else { return Ok(None) };
        match text.strip_suffix("URL").unwrap_or(text) {
            "public" => Ok(Some(Interface::Public)),
            "internal" => Ok(Some(Interface::Internal)),
            "admin" => Ok(Some(Interface::Admin)),
            _ => Err(self.value(field, "is none of public, internal, admin")),
        }
    }

    fn api_timeout(&self) -> Result<Option<Duration>, ConfigError> {
        let mut others = self
            .top
            .iter()
            .filter(|(key, _)| key.ends_with("_timeout") && *key != "api_timeout");
        let Some((field, text)) = others.next_back().or_else(|| self.top.get_key_value("api_timeout")) else {
            return Ok(None);
        };
        match text.parse::<f64>() {
            Ok(seconds) if seconds > 0.0 && seconds <= MAX_TIMEOUT_SECONDS => {
                Ok(Some(Duration::from_secs_f64(seconds)))
            }
            _ => Err(self.value(
                field,
                format!("is no number of seconds between 0 and {MAX_TIMEOUT_SECONDS}"),
            )),
        }
    }

    fn services(&self) -> Result<BTreeMap<String, ServiceOptions>, ConfigError> {
        let mut services: BTreeMap<String, ServiceOptions> = BTreeMap::new();
        // A key with the official type wins over one with an older name of the service, so it comes last.
        let is_official = |key: &str| official_types().any(|official| key.starts_with(&official.replace('-', "_")));
        let (official, older): (Vec<_>, Vec<_>) = self.top.iter().partition(|(key, _)| is_official(key));
        for (key, value) in older.into_iter().chain(official) {
            let split = |suffix: &str| {
                key.strip_suffix(suffix)
                    .filter(|service| !service.is_empty())
                    .map(official_key)
            };
            if let Some(service) = split("_endpoint_override").or_else(|| split("_endpoint")) {
                if let Err(what) = crate::url::check(value) {
                    return Err(self.value(key, what));
                }
                services.entry(service).or_default().endpoint_override = Some(value.trim_end_matches('/').to_owned());
            } else if let Some(service) = split("_default_microversion") {
                services.entry(service).or_default().default_microversion = Some(value.clone());
            } else if let Some(service) = split("_api_version") {
                services.entry(service).or_default().api_version = Some(value.clone());
            } else if let Some(service) = split("_interface") {
                services.entry(service).or_default().interface = self.interface(key, Some(value))?;
            } else if let Some(service) = split("_region_name") {
                services.entry(service).or_default().region = Some(value.clone());
            } else if let Some(service) = split("_service_type") {
                services.entry(service).or_default().service_type = Some(value.clone());
            } else if let Some(service) = split("_service_name") {
                services.entry(service).or_default().service_name = Some(value.clone());
            }
        }
        Ok(services)
    }
}
