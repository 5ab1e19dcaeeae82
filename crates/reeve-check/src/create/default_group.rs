//! scs-0115 on clouds that have no listing of default rules: a new security group shows them.
//!
//! Source of the verdict: SovereignCloudStack/standards at 077174d9: `Tests/iaas/scs_0115_security_groups/security_groups.py` – the fallback.

use reeve_openstack::Request;
use serde_json::{Value, json};

use super::Made;
use crate::check::judge as judge_reading;
use crate::facts::{Facts, Missing, missing};
use crate::resource::{Kind, Workshop};
use crate::verdict::Findings;

const ID: &str = "scs-0115-default-rules";

pub(super) async fn judge(facts: &Facts, workshop: &Workshop) -> Vec<Made> {
    let outcome = group(workshop).await;
    // Requirement and source are those of the check that reads.
    let Some(mut result) = judge_reading(ID, facts) else {
        return Vec::new();
    };
    match outcome {
        Ok(findings) => {
            result.verdict = findings.verdict();
            result.cause = findings.cause();
            result.findings = findings.into_vec();
        }
        Err(missing) => result.cause = Some(super::with_hint(&missing)),
    }
    vec![Made::Judged(result)]
}

async fn group(workshop: &Workshop) -> Result<Findings, Missing> {
    let group = workshop
        .make(Kind::SecurityGroup, "group", json!({}))
        .await
        .map_err(|error| super::aborted(&error, "see that a quota for security groups is left"))?;
    let service = workshop
        .session()
        .service("network")
        .await
        .map_err(|error| missing(&error))?;
    let request = Request::get("/security-group-rules").with("security_group_id", group.id.as_str());
    let rules = service
        .list(&request, "security_group_rules")
        .await
        .map_err(|error| missing(&error));
    workshop.remove(&group).await;
    Ok(by_rules(&rules?))
}

fn by_rules(rules: &[Value]) -> Findings {
    let mut findings = Findings::default();
    for rule in rules.iter().filter(|rule| rule["direction"] == "ingress") {
        findings.violation(
            format!(
                "rule {} of a new security group",
                rule["id"].as_str().unwrap_or_default()
            ),
            "it lets traffic in",
            "take the rule out of the default rules of new groups",
        );
    }
    for ethertype in ["IPv4", "IPv6"] {
        if !rules
            .iter()
            .any(|rule| rule["direction"] == "egress" && rule["ethertype"] == ethertype)
        {
            findings.violation(
                "a new security group",
                format!("no rule lets {ethertype} out"),
                "let new groups begin with a rule that lets everything out",
            );
        }
    }
    findings
}
