//! The CRUSH map.

use serde::{Deserialize, Serialize};

/// Answer to `ceph osd crush dump`.
///
/// Source: ceph/ceph: `src/crush/CrushWrapper.cc` – `CrushWrapper::dump`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct CrushDump {
    /// OSDs; holes in the numbers are named `deviceN`.
    pub devices: Vec<CrushDevice>,
    /// Bucket types.
    #[serde(default)]
    pub types: Vec<CrushType>,
    /// Buckets, shadow buckets (`name~class`) included.
    pub buckets: Vec<CrushBucket>,
    /// Rules.
    pub rules: Vec<CrushRule>,
}

/// A leaf.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct CrushDevice {
    /// Its number.
    pub id: i64,
    /// `osd.3`.
    pub name: String,
    /// Its device class; empty for none.
    #[serde(default)]
    pub class: String,
}

/// A bucket type.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct CrushType {
    /// Its number.
    pub type_id: i64,
    /// Its name.
    pub name: String,
}

/// A bucket.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct CrushBucket {
    /// Its number, negative.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// `root`, `rack`, `host`.
    pub type_name: String,
    /// What it holds.
    #[serde(default)]
    pub items: Vec<CrushItem>,
}

/// Something in a bucket.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct CrushItem {
    /// An OSD, or a bucket if negative.
    pub id: i64,
    /// Its weight in 1/65536.
    #[serde(default)]
    pub weight: i64,
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct CrushRule {
    /// Its number.
    pub rule_id: i64,
    /// Its name.
    pub rule_name: String,
    /// Its steps.
    #[serde(default)]
    pub steps: Vec<CrushStep>,
}

/// A step of a rule.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct CrushStep {
    /// `take`, `choose_firstn`, `chooseleaf_indep`, `emit` …
    pub op: String,
    /// What `take` takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item_name: Option<String>,
    /// What `choose` chooses.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
}

impl CrushRule {
    /// Returns where the rule starts: the first root it takes, with `~class` where it has one.
    pub fn take(&self) -> &str {
        let takes = |step: &&CrushStep| step.op == "take";
        self.steps
            .iter()
            .find(takes)
            .and_then(|step| step.item_name.as_deref())
            .unwrap_or_default()
    }

    /// Returns the type of bucket that no two copies share.
    ///
    /// That is the type of the last `choose` before an `emit` unless it chooses leaves, and then of the one before it; a rule that
    /// only chooses leaves has `osd`.
    pub fn failure_domain(&self) -> &str {
        let chosen = self.steps.iter().rev().filter(|step| step.op.starts_with("choose"));
        chosen
            .filter_map(|step| step.kind.as_deref())
            .find(|kind| *kind != "osd")
            .unwrap_or("osd")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(steps: &[(&str, &str)]) -> CrushRule {
        let step = |(op, word): &(&str, &str)| CrushStep {
            op: (*op).into(),
            item_name: (*op == "take").then(|| (*word).into()),
            kind: op.starts_with("choose").then(|| (*word).into()),
        };
        CrushRule {
            rule_id: 0,
            rule_name: "r".into(),
            steps: steps.iter().map(step).collect(),
        }
    }

    #[test]
    fn the_failure_domain_is_the_narrowest_bucket_chosen() {
        let replicated = rule(&[("take", "default~ssd"), ("chooseleaf_firstn", "host"), ("emit", "")]);
        assert_eq!(
            (replicated.take(), replicated.failure_domain()),
            ("default~ssd", "host")
        );
        let leaves = rule(&[("take", "default"), ("choose_firstn", "osd"), ("emit", "")]);
        assert_eq!(leaves.failure_domain(), "osd");
        let racks = rule(&[
            ("take", "default"),
            ("choose_indep", "rack"),
            ("chooseleaf_indep", "host"),
            ("emit", ""),
        ]);
        assert_eq!(racks.failure_domain(), "host");
        let two_per_host = rule(&[
            ("take", "default"),
            ("choose_indep", "host"),
            ("choose_indep", "osd"),
            ("emit", ""),
        ]);
        assert_eq!(two_per_host.failure_domain(), "host");
        assert_eq!((rule(&[]).take(), rule(&[]).failure_domain()), ("", "osd"));
    }
}
