//! Sending something to an address that belongs to no cloud: no token, no catalogue, one try.

use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, USER_AGENT};
use hyper::body::Bytes;
use secrecy::{ExposeSecret, SecretString};

use crate::access::Method;
use crate::config::TlsOptions;
use crate::error::Problem;
use crate::limits::Limits;
use crate::reply::request_id;
use crate::request::Answer;
use crate::tls::TlsError;
use crate::wire::{Outgoing, Wire};

/// Something could not be sent, or there was no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PostError {
    /// The address cannot be used; nothing was sent.
    #[error("the address {url} {what}")]
    Address {
        /// The address.
        url: String,
        /// What is wrong.
        what: String,
    },
    /// TLS cannot be prepared; nothing was sent.
    #[error("TLS cannot be prepared")]
    Tls(#[from] TlsError),
    /// The connection did not bring an answer.
    #[error("POST {url} failed")]
    Connection {
        /// The address.
        url: String,
        /// Why.
        #[source]
        source: Problem,
    },
}

/// What goes to an address.
#[derive(Clone, Debug)]
pub struct Post {
    /// The media type of the body.
    pub content_type: &'static str,
    /// The value of the header `Authorization`, if there is any; sent over TLS, or to this machine, only.
    pub authorization: Option<SecretString>,
    /// The body.
    pub body: Vec<u8>,
}

/// Posts to `url` and returns the answer with any status. Sent once.
///
/// # Errors
///
/// [`PostError`] if the address cannot be used or no answer comes; every status is an answer.
pub async fn post(url: &str, post: Post, tls: &TlsOptions, limits: &Limits) -> Result<Answer, PostError> {
    let shown = crate::url::shown(url);
    let unusable = |what: &str| PostError::Address {
        url: shown.clone(),
        what: what.to_owned(),
    };
    crate::url::check(url).map_err(|what| unusable(&what))?;
    let mut headers = vec![
        (CONTENT_TYPE, HeaderValue::from_static(post.content_type)),
        (
            USER_AGENT,
            HeaderValue::from_static(concat!("reeve/", env!("CARGO_PKG_VERSION"))),
        ),
    ];
    if let Some(secret) = &post.authorization {
        if url.starts_with("http://") && !is_here(url) {
            return Err(unusable(
                "is not encrypted, and what opens it would go over the wire as it is",
            ));
        }
        let mut value = HeaderValue::from_str(secret.expose_secret())
            .map_err(|_| unusable("gets a token with characters that no header can have"))?;
        value.set_sensitive(true);
        headers.push((AUTHORIZATION, value));
    }
    let outgoing = Outgoing {
        method: Method::Post,
        url: url.to_owned(),
        headers,
        body: Some(Bytes::from(post.body)),
        anonymous: true,
    };
    let answer = Wire::new(tls, limits)?
        .send(&outgoing, limits.answer, limits.answer_bytes)
        .await;
    let incoming = answer.map_err(|source| PostError::Connection { url: shown, source })?;
    Ok(Answer {
        status: incoming.status,
        request_id: request_id(&incoming.headers),
        body: incoming.body,
    })
}

/// Tells whether an address is on this machine.
fn is_here(url: &str) -> bool {
    let host = url
        .parse::<http::Uri>()
        .ok()
        .and_then(|uri| uri.host().map(str::to_owned));
    let host = host.unwrap_or_default();
    let address = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .parse::<std::net::IpAddr>();
    address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_token_goes_nowhere_unencrypted() {
        let post_to = |url: &'static str| async move {
            let body = Post {
                content_type: "text/plain",
                authorization: Some(SecretString::from("Basic s3cret")),
                body: Vec::new(),
            };
            post(url, body, &TlsOptions::default(), &Limits::default())
                .await
                .unwrap_err()
        };
        for (url, words) in [
            ("http://monitor.example/reports", "is not encrypted"),
            ("http://127.0.0.1.example/reports", "is not encrypted"),
            ("monitor", "does not begin with https://"),
            ("http://127.0.0.1:1/reports", "POST http://127.0.0.1:1/reports failed"),
        ] {
            let error = post_to(url).await;
            assert!(error.to_string().contains(words), "{error}");
            assert!(!format!("{error:?}").contains("s3cret"));
        }
    }
}
