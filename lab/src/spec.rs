//! What a laboratory should be made of.

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

use crate::error::{LabError, Result};

/// Longest name of a laboratory; it becomes part of namespace and cgroup names.
const LONGEST_NAME: usize = 20;

/// The checked name of a laboratory: lower-case letters, digits and dashes, beginning with a letter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LabName(String);

impl LabName {
    /// Returns the name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for LabName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for LabName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let letters = text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        let first = text.starts_with(|c: char| c.is_ascii_lowercase());
        if letters && first && text.len() <= LONGEST_NAME {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!(
                "`{text}` cannot name a laboratory: lower-case letters, digits and dashes, a letter first, at most {LONGEST_NAME} characters"
            ))
        }
    }
}

impl TryFrom<String> for LabName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<LabName> for String {
    fn from(name: LabName) -> Self {
        name.0
    }
}

/// How mon ids are formed from node names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MonIdStyle {
    /// As the node: `n1`.
    #[default]
    Node,
    /// In capitals: `N1`. Ceph takes it, a Kubernetes object name does not.
    Upper,
    /// With an underscore: `n_1`. Ceph takes it, a Kubernetes object name does not.
    Underscore,
}

impl MonIdStyle {
    /// Returns the id of the mon on the node of this number.
    #[must_use]
    pub fn mon_id(self, number: u8) -> String {
        match self {
            Self::Node => format!("n{number}"),
            Self::Upper => format!("N{number}"),
            Self::Underscore => format!("n_{number}"),
        }
    }
}

/// What a laboratory should be made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Its name.
    pub name: LabName,
    /// Storage nodes, 1 to 5.
    pub nodes: u8,
    /// Mons, on the first nodes, one each.
    pub mons: u8,
    /// Mgrs, on the first nodes, one each.
    pub mgrs: u8,
    /// OSDs on every node, 0 to 8.
    pub osds_per_node: u8,
    /// How mon ids are formed.
    pub mon_id_style: MonIdStyle,
    /// Whether there is a legacy Ceph cluster; without it, the nodes are empty.
    pub ceph: bool,
    /// Whether there is Kubernetes with the Rook operator.
    pub kubernetes: bool,
    /// Where the Rook operator's files are; needed if there is Kubernetes.
    pub rook: Option<Utf8PathBuf>,
}

impl Spec {
    /// Returns the usual laboratory: three nodes, three mons, two mgrs, two OSDs a node, Kubernetes with Rook from `rook`.
    #[must_use]
    pub fn usual(name: LabName, rook: Option<Utf8PathBuf>) -> Self {
        Self {
            name,
            nodes: 3,
            mons: 3,
            mgrs: 2,
            osds_per_node: 2,
            mon_id_style: MonIdStyle::Node,
            ceph: true,
            kubernetes: true,
            rook,
        }
    }

    /// Checks that the parts fit together.
    ///
    /// # Errors
    ///
    /// [`LabError::Request`] naming the option and what it may be.
    pub fn check(&self) -> Result<()> {
        let refuse = |text: String| Err(LabError::Request(text));
        if !(1..=5).contains(&self.nodes) {
            return refuse(format!("--nodes {}: a laboratory has 1 to 5 nodes", self.nodes));
        }
        if self.mons < 1 || self.mons > self.nodes {
            return refuse(format!(
                "--mons {}: at least 1, at most one for each of the {} nodes",
                self.mons, self.nodes
            ));
        }
        if self.mgrs < 1 || self.mgrs > self.nodes {
            return refuse(format!(
                "--mgrs {}: at least 1, at most one for each of the {} nodes",
                self.mgrs, self.nodes
            ));
        }
        if self.osds_per_node > 8 {
            return refuse(format!("--osds-per-node {}: at most 8", self.osds_per_node));
        }
        Ok(())
    }

    /// Returns the memory that the laboratory takes when all is up, in bytes: measured on labs of 1, 3 and 5 nodes and rounded up.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        const MIB: u64 = 1 << 20;
        let node = 100 * MIB + if self.kubernetes { 350 * MIB } else { 0 };
        let osds = u64::from(self.osds_per_node) * u64::from(self.nodes) * 350 * MIB;
        let ceph = u64::from(self.mons) * 200 * MIB + u64::from(self.mgrs) * 500 * MIB + osds;
        let control = if self.kubernetes { 1024 * MIB } else { 0 };
        u64::from(self.nodes) * node + control + if self.ceph { ceph } else { 0 }
    }

    /// Returns the names of the storage nodes, in order.
    #[must_use]
    pub fn node_names(&self) -> Vec<String> {
        (1..=self.nodes).map(|number| format!("n{number}")).collect()
    }

    /// Returns the ids of the mons, in the order of their nodes.
    #[must_use]
    pub fn mon_ids(&self) -> Vec<String> {
        (1..=self.mons).map(|number| self.mon_id_style.mon_id(number)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_in_paths_and_namespaces() {
        for good in ["dev", "a", "test-2"] {
            assert!(good.parse::<LabName>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "-x",
            "2lab",
            "Dev",
            "a/b",
            "a.b",
            "..",
            "a name",
            "a23456789012345678901",
        ] {
            assert!(bad.parse::<LabName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn parts_that_do_not_fit_are_refused_by_option() {
        let usual = Spec::usual("dev".parse().unwrap(), None);
        assert!(usual.check().is_ok());
        for (spec, option) in [
            (
                Spec {
                    nodes: 6,
                    ..usual.clone()
                },
                "--nodes 6",
            ),
            (
                Spec {
                    nodes: 0,
                    ..usual.clone()
                },
                "--nodes 0",
            ),
            (
                Spec {
                    mons: 4,
                    ..usual.clone()
                },
                "--mons 4",
            ),
            (
                Spec {
                    mgrs: 0,
                    ..usual.clone()
                },
                "--mgrs 0",
            ),
            (
                Spec {
                    osds_per_node: 9,
                    ..usual.clone()
                },
                "--osds-per-node 9",
            ),
        ] {
            assert!(spec.check().unwrap_err().to_string().starts_with(option));
        }
    }

    #[test]
    fn mon_ids_follow_the_style() {
        let spec = Spec {
            mon_id_style: MonIdStyle::Underscore,
            ..Spec::usual("dev".parse().unwrap(), None)
        };
        assert_eq!(spec.mon_ids(), ["n_1", "n_2", "n_3"]);
        assert_eq!(MonIdStyle::Upper.mon_id(5), "N5");
    }
}
