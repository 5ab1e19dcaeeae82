//! scs-0115: the rules that new security groups begin with.

use super::Check;
use crate::facts::{DefaultRule, Facts, Missing};
use crate::verdict::Findings;

pub(super) fn find(slug: &str) -> Option<Check> {
    (slug == "default-rules").then(|| {
        Check::new(
            "New security groups let nothing in, except from members of the group `default` itself, and let everything out over IPv4 and IPv6.",
            "scs-0115-v1, section \"Standard\"",
            judge,
        )
    })
}

fn judge(facts: &Facts) -> Result<Findings, Missing> {
    let rules = match &facts.default_rules {
        Ok(rules) => rules,
        Err(missing) if missing.not_found => {
            return Err(Missing {
                cause: "Network has no listing of default rules (it came with release 2023.2)".to_owned(),
                hint: "without it this can only be judged by making a security group, which a run that only reads does not".to_owned(),
                not_found: true,
            });
        }
        Err(missing) => return Err(missing.clone()),
    };
    let mut findings = Findings::default();
    for rule in rules.iter().filter(|rule| rule.direction == "ingress") {
        let inside = rule.remote_group_id.as_deref() == Some("PARENT") && !rule.in_other_groups;
        if !inside {
            findings.violation(
                rule.subject(),
                "it lets traffic in that does not come from the group itself",
                format!("`openstack default security group rule delete {}`", rule.id),
            );
        }
    }
    for ethertype in ["IPv4", "IPv6"] {
        for (group, of) in [
            ("default", is_default as fn(&DefaultRule) -> bool),
            ("custom", is_other),
        ] {
            let lets_out = |rule: &&DefaultRule| {
                rule.direction == "egress"
                    && rule.ethertype.as_deref() == Some(ethertype)
                    && rule.remote_ip_prefix.as_deref().unwrap_or_default().is_empty()
                    && of(rule)
            };
            if !rules.iter().any(|rule| lets_out(&rule)) {
                let switch = if group == "default" {
                    "--for-default-sg"
                } else {
                    "--for-custom-sg"
                };
                findings.violation(
                    "default rules",
                    format!("no rule lets {ethertype} out of new groups of the kind `{group}` to everywhere"),
                    format!("`openstack default security group rule create --egress --ethertype {ethertype} {switch}`"),
                );
            }
        }
    }
    Ok(findings)
}

fn is_default(rule: &DefaultRule) -> bool {
    rule.in_default_group
}

fn is_other(rule: &DefaultRule) -> bool {
    rule.in_other_groups
}
