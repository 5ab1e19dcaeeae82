//! Flavors, volume types and rules, as far as the checks look at them.

use std::collections::BTreeMap;

use serde_json::Value;

/// A flavor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flavor {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Processors.
    pub vcpus: i64,
    /// Memory in MiB.
    pub ram_mib: i64,
    /// Root disk in GB; 0 if it has none.
    pub disk_gb: i64,
    /// Its extra specs.
    pub extra_specs: BTreeMap<String, String>,
}

impl Flavor {
    /// Reads one entry of Nova's listing.
    pub(crate) fn from_json(value: &Value) -> Result<Flavor, String> {
        let number = |key: &str| {
            value[key]
                .as_i64()
                .ok_or_else(|| format!("a flavor has no number `{key}`"))
        };
        let text = |key: &str| {
            value[key]
                .as_str()
                .map(str::to_owned)
                .ok_or_else(|| format!("a flavor has no `{key}`"))
        };
        Ok(Flavor {
            id: text("id")?,
            name: text("name")?,
            vcpus: number("vcpus")?,
            ram_mib: number("ram")?,
            disk_gb: number("disk")?,
            extra_specs: specs(&value["extra_specs"]),
        })
    }

    /// Returns how an operator would name it.
    pub fn subject(&self) -> String {
        format!("flavor {} ({})", self.name, self.id)
    }
}

/// Reads extra specs.
pub(crate) fn specs(value: &Value) -> BTreeMap<String, String> {
    let Some(map) = value.as_object() else {
        return BTreeMap::new();
    };
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    map.iter().map(|(key, value)| (key.clone(), text(value))).collect()
}

/// A volume type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeType {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its description; `None` if it has none.
    pub description: Option<String>,
}

impl VolumeType {
    /// Reads one entry of Cinder's listing.
    pub(crate) fn from_json(value: &Value) -> Result<VolumeType, String> {
        let text = |key: &str| value[key].as_str().map(str::to_owned);
        Ok(VolumeType {
            id: text("id").ok_or("a volume type has no `id`")?,
            name: text("name").unwrap_or_default(),
            description: text("description"),
        })
    }

    /// Returns how an operator would name it.
    pub fn subject(&self) -> String {
        format!("volume type {} ({})", self.name, self.id)
    }
}

/// A rule that new security groups begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefaultRule {
    /// Its id.
    pub id: String,
    /// `ingress` or `egress`.
    pub direction: String,
    /// `IPv4` or `IPv6`.
    pub ethertype: Option<String>,
    /// The addresses it is for; all if none.
    pub remote_ip_prefix: Option<String>,
    /// The group it is for; `PARENT` stands for the group that gets the rule.
    pub remote_group_id: Option<String>,
    /// Whether the group `default` of a project gets it.
    pub in_default_group: bool,
    /// Whether other groups get it.
    pub in_other_groups: bool,
}

impl DefaultRule {
    /// Reads one entry of Neutron's listing.
    pub(crate) fn from_json(value: &Value) -> Result<DefaultRule, String> {
        let text = |key: &str| value[key].as_str().map(str::to_owned);
        Ok(DefaultRule {
            id: text("id").unwrap_or_default(),
            direction: text("direction").ok_or("a rule has no `direction`")?,
            ethertype: text("ethertype"),
            remote_ip_prefix: text("remote_ip_prefix"),
            remote_group_id: text("remote_group_id"),
            in_default_group: value["used_in_default_sg"].as_bool().unwrap_or(false),
            in_other_groups: value["used_in_non_default_sg"].as_bool().unwrap_or(false),
        })
    }

    /// Returns how an operator would name it.
    pub fn subject(&self) -> String {
        format!("default {} rule {}", self.direction, self.id)
    }
}
