//! Access rules of application credentials, as services keep to them or not.

use serde_json::Value;

use super::http::Asked;
use super::state::State;

/// What a service makes of access rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleKeeping {
    /// It keeps to them.
    Keeps,
    /// It lets everything through.
    Ignores,
    /// It refuses whoever has any.
    Refuses,
}

/// Tells whether a request with this token may pass.
pub(super) fn allows(state: &State, asked: &Asked) -> bool {
    let Some(rules) = asked.token.as_deref().and_then(|token| state.token_rules.get(token)) else {
        return true;
    };
    let service = asked.path.split('/').nth(1).unwrap_or_default();
    match state.rule_keeping.get(service).copied().unwrap_or(RuleKeeping::Keeps) {
        RuleKeeping::Ignores => true,
        RuleKeeping::Refuses => false,
        RuleKeeping::Keeps => rules.iter().any(|rule| fits(rule, asked)),
    }
}

fn fits(rule: &Value, asked: &Asked) -> bool {
    let pattern: Vec<&str> = rule["path"].as_str().unwrap_or_default().split('/').collect();
    let path: Vec<&str> = asked.path.split('/').collect();
    let is_any = |part: &str| part.starts_with('{') && part.ends_with('}');
    rule["method"] == asked.method.as_str()
        && pattern.len() == path.len()
        && pattern
            .iter()
            .zip(&path)
            .all(|(wanted, is)| is_any(wanted) || wanted == is)
}
