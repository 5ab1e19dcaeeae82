//! What a token says: who, for what, with which roles, and the catalogue of services.

use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::config::Interface;
use crate::service_type::ServiceType;

/// Most entries of a catalogue that are read.
const MAX_SERVICES: usize = 1000;

/// A token and what it says.
#[derive(Clone, Debug)]
pub struct Token {
    pub(crate) secret: SecretString,
    /// What Keystone says about it.
    pub info: TokenInfo,
}

/// What Keystone says about a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenInfo {
    /// When it comes to its end.
    pub expires_at: Option<Timestamp>,
    /// The user.
    pub user: Option<Named>,
    /// The project, if that is its scope.
    pub project: Option<Named>,
    /// The domain, if that is its scope.
    pub domain: Option<Named>,
    /// Whether it is for the whole system.
    #[serde(default)]
    pub system: Option<serde_json::Value>,
    /// The roles, with those that they imply.
    #[serde(default)]
    pub roles: Vec<Named>,
    /// The services; `None` for a token without a scope.
    pub catalog: Option<Vec<CatalogService>>,
}

/// Something with an id and a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// Its id.
    #[serde(default)]
    pub id: String,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Its domain, if it is in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<Box<Named>>,
}

/// A service in the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogService {
    /// Its type, word for word.
    #[serde(rename = "type", default)]
    pub service_type: String,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Where it is.
    #[serde(default)]
    pub endpoints: Vec<CatalogEndpoint>,
}

/// Where a service is, for one interface and region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogEndpoint {
    /// `public`, `internal` or `admin`.
    #[serde(default)]
    pub interface: String,
    /// The region.
    #[serde(default)]
    pub region_id: Option<String>,
    /// The address.
    #[serde(default)]
    pub url: String,
}

#[derive(Deserialize)]
struct Body {
    token: RawToken,
}

/// The shape on the wire, where a region has two names and much may be missing.
#[derive(Deserialize)]
struct RawToken {
    expires_at: Option<Timestamp>,
    user: Option<Named>,
    project: Option<Named>,
    domain: Option<Named>,
    system: Option<serde_json::Value>,
    #[serde(default)]
    roles: Vec<Named>,
    catalog: Option<Vec<RawService>>,
}

#[derive(Deserialize)]
struct RawService {
    #[serde(rename = "type", default)]
    service_type: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    endpoints: Vec<RawEndpoint>,
}

#[derive(Deserialize)]
struct RawEndpoint {
    #[serde(default)]
    interface: String,
    region: Option<String>,
    region_id: Option<String>,
    #[serde(default)]
    url: Option<String>,
}

/// Reads the body of an answer to a login.
pub(crate) fn parse(body: &[u8]) -> Result<TokenInfo, String> {
    let Body { token } = serde_json::from_slice(body)
        .map_err(|error| format!("it is no token (line {}, column {})", error.line(), error.column()))?;
    let catalog = token.catalog.map(|services| {
        services
            .into_iter()
            .take(MAX_SERVICES)
            .map(|service| CatalogService {
                service_type: service.service_type,
                name: service.name.unwrap_or_default(),
                endpoints: service
                    .endpoints
                    .into_iter()
                    .map(|endpoint| CatalogEndpoint {
                        interface: endpoint.interface,
                        region_id: endpoint.region_id.or(endpoint.region),
                        url: endpoint.url.unwrap_or_default(),
                    })
                    .collect(),
            })
            .collect()
    });
    Ok(TokenInfo {
        expires_at: token.expires_at,
        user: token.user,
        project: token.project,
        domain: token.domain,
        system: token.system,
        roles: token.roles,
        catalog,
    })
}

impl TokenInfo {
    /// Tells whether the catalogue has a service of exactly this type; older names do not count.
    pub fn has_service_type(&self, service_type: &str) -> bool {
        self.services()
            .iter()
            .any(|service| service.service_type == service_type)
    }

    /// Returns the services of the catalogue; none for a token without a scope.
    pub fn services(&self) -> &[CatalogService] {
        self.catalog.as_deref().unwrap_or_default()
    }

    /// Returns the names of the roles.
    pub fn role_names(&self) -> impl Iterator<Item = &str> {
        self.roles.iter().map(|role| role.name.as_str())
    }

    /// Returns the address of a service: the first of its names that has an endpoint for interface and region.
    pub(crate) fn endpoint(
        &self,
        names: &[&str],
        name: Option<&str>,
        interface: Interface,
        region: Option<&str>,
    ) -> Option<&str> {
        names.iter().find_map(|wanted| {
            self.services()
                .iter()
                .filter(|service| service.service_type == *wanted && name.is_none_or(|name| service.name == name))
                .flat_map(|service| &service.endpoints)
                .find(|endpoint| {
                    // Very old catalogues say `publicURL`.
                    endpoint.interface.trim_end_matches("URL") == interface.as_str()
                        && region.is_none_or(|region| endpoint.region_id.as_deref() == Some(region))
                        && !endpoint.url.is_empty()
                })
                .map(|endpoint| endpoint.url.as_str())
        })
    }

    /// Returns the types in the catalogue, sorted and joined, for an error.
    pub(crate) fn known_types(&self) -> String {
        let mut types: Vec<String> = self
            .services()
            .iter()
            .map(|service| ServiceType::new(&service.service_type).to_string())
            .collect();
        types.sort();
        types.dedup();
        if types.is_empty() {
            "nothing".to_owned()
        } else {
            reeve_untrusted::printable(&types.join(", "))
        }
    }
}
