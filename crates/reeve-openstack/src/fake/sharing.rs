//! Rules that share networks with other projects.
//!
//! Source: neutron: `conf/policies/rbac.py` – members may make them, unless the provider has it otherwise.

use serde_json::{Value, json};

use super::http::{Answered, Asked};
use super::state::State;

/// Answers a request about such rules; `None` for any other.
pub(super) fn answer(state: &mut State, asked: &Asked) -> Option<Answered> {
    let rest = asked.path.strip_prefix("/network/v2.0/rbac-policies")?;
    Some(match asked.method.as_str() {
        "POST" if !state.lets_share => {
            let message = "rule:create_rbac_policy is disallowed by policy";
            Answered::json(
                403,
                &json!({ "NeutronError": { "type": "PolicyNotAuthorized", "message": message } }),
            )
        }
        "POST" => {
            let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
            let mut rule = body["rbac_policy"].clone();
            rule["id"] = format!("rbac-{}", state.next_number()).into();
            state.add("rbac_policies", rule.clone());
            Answered::json(201, &json!({ "rbac_policy": rule }))
        }
        "DELETE" => {
            let id = rest.trim_start_matches('/').to_owned();
            let rules = state.collections.entry("rbac_policies".to_owned()).or_default();
            rules.retain(|rule| rule["id"] != id.as_str());
            Answered {
                status: 204,
                headers: Vec::new(),
                body: String::new(),
            }
        }
        _ => return None,
    })
}
