//! How a request is found again.

use sha2::{Digest, Sha256};

use crate::wire::Outgoing;

/// Returns what makes a request the same as another: method, address with sorted query, microversion, and whether a stranger asks. All logins are one.
pub(super) fn key(outgoing: &Outgoing, login: bool) -> String {
    if login {
        return "LOGIN".to_owned();
    }
    let mut query = crate::url::query_of(&outgoing.url);
    query.sort();
    let address = outgoing.url.split('?').next().unwrap_or_default();
    let mut key = format!(
        "{} {}",
        outgoing.method,
        crate::url::shown(&crate::url::join(address, "", &query))
    );
    let microversion = outgoing
        .headers
        .iter()
        .find(|(name, _)| name == "openstack-api-version");
    if let Some(Ok(text)) = microversion.map(|(_, value)| value.to_str()) {
        key.push_str(&format!(" [{text}]"));
    }
    if outgoing.anonymous {
        key.push_str(" [anonymous]");
    }
    key
}

/// Returns the name of the file for a key: readable, and different for different keys.
pub(super) fn file_name(key: &str) -> String {
    let path = key.split('?').next().unwrap_or_default();
    let words: Vec<&str> = path.rsplit('/').take(3).filter(|word| word.len() < 40).collect();
    let slug: String = words
        .into_iter()
        .rev()
        .collect::<Vec<_>>()
        .join("-")
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        .collect();
    let hash = hex::encode(Sha256::digest(key.as_bytes()));
    format!("{}-{}.json", slug.trim_matches(['-', '.']), &hash[..16])
}
