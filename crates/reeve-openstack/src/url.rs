//! Addresses: checking, joining, and showing them without what is secret in them.

use http::Uri;

use reeve_untrusted::printable;

/// Parameters of a query whose value opens something.
const SECRET_PARAMETERS: [&str; 8] = [
    "temp_url_sig",
    "temp_url_expires",
    "signature",
    "x-amz-signature",
    "x-amz-credential",
    "token",
    "password",
    "awsaccesskeyid",
];

/// Tells what is wrong with an address of a service, if anything is.
pub(crate) fn check(url: &str) -> Result<(), String> {
    let uri: Uri = url
        .parse()
        .map_err(|error: http::uri::InvalidUri| format!("is no address ({error})"))?;
    match uri.scheme_str() {
        Some("http" | "https") => {}
        _ => return Err("does not begin with https:// or http://".to_owned()),
    }
    match uri.authority() {
        Some(authority) if authority.host().is_empty() => Err("has no host".to_owned()),
        Some(authority) if authority.as_str().contains('@') => {
            Err("has a user in front of its host; that belongs under `auth`".to_owned())
        }
        Some(_) => Ok(()),
        None => Err("has no host".to_owned()),
    }
}

/// Returns scheme and authority of an address: `https://host:port`.
pub(crate) fn origin(url: &str) -> String {
    match url.parse::<Uri>() {
        Ok(uri) => match (uri.scheme_str(), uri.authority()) {
            (Some(scheme), Some(authority)) => format!("{scheme}://{authority}"),
            _ => url.to_owned(),
        },
        Err(_) => url.to_owned(),
    }
}

/// Returns the path of an address, without a `/` at its end.
pub(crate) fn path(url: &str) -> String {
    url.parse::<Uri>()
        .map(|uri| uri.path().trim_end_matches('/').to_owned())
        .unwrap_or_default()
}

/// Returns `base` with `path` below it and `query` behind it.
pub(crate) fn join(base: &str, path: &str, query: &[(String, String)]) -> String {
    let mut url = base.trim_end_matches('/').to_owned();
    if !path.is_empty() {
        if !path.starts_with('/') {
            url.push('/');
        }
        url.push_str(path);
    }
    if !query.is_empty() {
        url.push('?');
        url.push_str(
            &form_urlencoded::Serializer::new(String::new())
                .extend_pairs(query)
                .finish(),
        );
    }
    url
}

/// Returns the parameters of an address or of a reference to one.
pub(crate) fn query_of(url: &str) -> Vec<(String, String)> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let query = query.split_once('#').map_or(query, |(query, _)| query);
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

/// Returns an address as it may be shown: no user and password, no signatures, no control characters.
pub(crate) fn shown(url: &str) -> String {
    let (address, query) = match url.split_once('?') {
        Some((address, query)) => (address, Some(query)),
        None => (url, None),
    };
    let mut text = without_user(address);
    if let Some(query) = query {
        let parts = query.split('&').map(|part| match part.split_once('=') {
            Some((name, _)) if is_secret_parameter(name) => format!("{name}=…"),
            _ => part.to_owned(),
        });
        text.push('?');
        text.push_str(&parts.collect::<Vec<_>>().join("&"));
    }
    printable(&text)
}

/// Tells whether the value of a parameter opens something.
fn is_secret_parameter(name: &str) -> bool {
    SECRET_PARAMETERS.contains(&name.to_ascii_lowercase().as_str())
}

/// Returns a text with `user:password@` in front of a host replaced, wherever an address begins.
pub(crate) fn without_user(text: &str) -> String {
    let mut cleaned = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        cleaned.push_str(before);
        cleaned.push_str("://");
        let end = after.find(['/', '?', '#', ' ', '"', '\'']).unwrap_or(after.len());
        match after[..end].rfind('@') {
            Some(at) => {
                cleaned.push_str("…@");
                rest = &after[at + 1..];
            }
            None => rest = after,
        }
    }
    cleaned.push_str(rest);
    cleaned
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked() {
        for good in ["https://cloud.example:5000/v3", "http://[::1]:8774"] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "cloud.example",
            "ftp://cloud.example",
            "https://",
            "https://a:b@cloud.example",
            "/v3",
        ] {
            assert!(check(bad).is_err(), "{bad:?} passed");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        assert_eq!(
            shown("https://joe:pw@c.example/v1?a=1&temp_url_sig=abc"),
            "https://…@c.example/v1?a=1&temp_url_sig=…"
        );
        assert_eq!(
            without_user("see swift+https://u:k@s/x and https://t"),
            "see swift+https://…@s/x and https://t"
        );
        assert_eq!(shown("https://c/\u{1b}[0m"), "https://c/\\u{1b}[0m");
    }

    #[test]
    fn joining_and_taking_apart() {
        let pairs = vec![
            ("marker".to_owned(), "a b&c".to_owned()),
            ("limit".to_owned(), "10".to_owned()),
        ];
        let url = join("https://c/v2/", "/flavors", &pairs);
        assert_eq!(url, "https://c/v2/flavors?marker=a+b%26c&limit=10");
        assert_eq!(query_of(&url), pairs);
        assert_eq!(
            (origin(&url), path(&url)),
            ("https://c".to_owned(), "/v2/flavors".to_owned())
        );
    }
}
