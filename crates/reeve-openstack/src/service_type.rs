//! Types of services: their official names and the older ones that catalogues still use.

use std::fmt;

/// Official type, older names in the order in which they are looked for, and the versions that this crate speaks, best first.
///
/// Source: service-types-authority: `service-types.yaml`; openstacksdk 4.10: `openstack/config/cloud_region.py` – `get_service_type`. `volumev2` is left
/// out: nothing has served it since the Zed release.
const TYPES: [(&str, &[&str], &[&str]); 13] = [
    ("identity", &[], &["v3"]),
    ("compute", &[], &["v2.1", "v2"]),
    ("image", &[], &["v2"]),
    ("network", &[], &["v2.0"]),
    ("block-storage", &["volumev3", "volume", "block-store"], &["v3"]),
    ("placement", &[], &[]),
    ("key-manager", &[], &["v1"]),
    ("load-balancer", &[], &["v2"]),
    ("object-store", &[], &["v1"]),
    ("dns", &[], &["v2"]),
    ("orchestration", &[], &["v1"]),
    ("shared-file-system", &["sharev2", "share"], &["v2"]),
    (
        "container-infrastructure-management",
        &["container-infra", "container-infrastructure"],
        &["v1"],
    ),
];

/// The type of a service, as the catalogue may spell it: `compute`, `block-storage`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServiceType(String);

impl ServiceType {
    /// Returns the type called `name`; older names become the official one.
    pub fn new(name: &str) -> ServiceType {
        ServiceType(official(name).to_owned())
    }

    /// Returns the official name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns every name that a catalogue may have for it, the official one first.
    pub fn names(&self) -> Vec<&str> {
        let older = TYPES
            .iter()
            .find(|(official, ..)| *official == self.0)
            .map_or(&[][..], |(_, older, _)| older);
        std::iter::once(self.as_str()).chain(older.iter().copied()).collect()
    }

    /// Returns the major versions that this crate speaks, best first; empty for a service that has no version in its address.
    pub fn versions(&self) -> &'static [&'static str] {
        TYPES
            .iter()
            .find(|(official, ..)| *official == self.0)
            .map_or(&[][..], |(_, _, versions)| versions)
    }

    /// Returns the key under which [`crate::CloudConfig::services`] has what is set for it.
    pub(crate) fn key(&self) -> String {
        self.0.replace('-', "_")
    }
}

impl fmt::Display for ServiceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Returns the official types.
pub(crate) fn official_types() -> impl Iterator<Item = &'static str> {
    TYPES.iter().map(|(official, ..)| *official)
}

/// Returns the key of the official type for a key with any name of it: `block_storage` for `volume`.
pub(crate) fn official_key(key: &str) -> String {
    official(&key.replace('_', "-")).replace('-', "_")
}

fn official(name: &str) -> &str {
    TYPES
        .iter()
        .find(|(_, older, _)| older.contains(&name))
        .map_or(name, |(official, ..)| official)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_names_become_official() {
        assert_eq!(ServiceType::new("volumev3").as_str(), "block-storage");
        assert_eq!(ServiceType::new("compute").names(), ["compute"]);
        assert_eq!(
            ServiceType::new("block-storage").names()[..2],
            ["block-storage", "volumev3"]
        );
        assert_eq!(ServiceType::new("rating").names(), ["rating"]);
        assert_eq!(official_key("volume"), "block_storage");
        assert_eq!(official_key("load_balancer"), "load_balancer");
    }
}
