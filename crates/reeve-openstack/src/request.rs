//! A request to a service, and its answer.

use std::fmt;
use std::str::FromStr;

use hyper::body::Bytes;
use serde_json::Value;

use crate::access::Method;

/// A microversion, `2.96`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Microversion {
    /// In front of the point.
    pub major: u32,
    /// Behind it.
    pub minor: u32,
}

/// A text is no microversion.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not a microversion such as 2.96")]
pub struct MicroversionError;

impl FromStr for Microversion {
    type Err = MicroversionError;

    fn from_str(text: &str) -> Result<Microversion, MicroversionError> {
        let (major, minor) = text.split_once('.').ok_or(MicroversionError)?;
        let number = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            if digits {
                text.parse().map_err(|_| MicroversionError)
            } else {
                Err(MicroversionError)
            }
        };
        Ok(Microversion {
            major: number(major)?,
            minor: number(minor)?,
        })
    }
}

impl fmt::Display for Microversion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// A request to a service; the address of the service comes in front of its path.
#[derive(Clone, Debug)]
pub struct Request {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) body: Option<Value>,
    pub(crate) microversion: Option<Microversion>,
    pub(crate) accept: Option<&'static str>,
}

impl Request {
    /// Returns a request with a method and a path, `/flavors/detail`.
    pub fn new(method: Method, path: impl Into<String>) -> Request {
        Request {
            method,
            path: path.into(),
            query: Vec::new(),
            body: None,
            microversion: None,
            accept: None,
        }
    }

    /// Returns a request that reads.
    pub fn get(path: impl Into<String>) -> Request {
        Request::new(Method::Get, path)
    }

    /// Returns the request with a parameter more.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Request {
        self.query.push((name.into(), value.into()));
        self
    }

    /// Returns the request with a body.
    #[must_use]
    pub fn with_body(mut self, body: Value) -> Request {
        self.body = Some(body);
        self
    }

    /// Returns the request for an answer of this media type instead of JSON, to be read with [`crate::Service::send`].
    #[must_use]
    pub fn accepting(mut self, media_type: &'static str) -> Request {
        self.accept = Some(media_type);
        self
    }

    /// Returns the request for one microversion of the service.
    #[must_use]
    pub fn at(mut self, microversion: Microversion) -> Request {
        self.microversion = Some(microversion);
        self
    }
}

/// An answer: to a request with a token, one with a status from 200 to 299.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The cloud's own number for the request.
    pub request_id: Option<String>,
    /// The body as it came; untrusted.
    pub body: Bytes,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn microversions_are_ordered_by_number(a in 0u32..4, b in 0u32..200, c in 0u32..4, d in 0u32..200) {
            let (one, two) = (Microversion { major: a, minor: b }, Microversion { major: c, minor: d });
            prop_assert_eq!(one.cmp(&two), (a, b).cmp(&(c, d)));
            prop_assert_eq!(one.to_string().parse::<Microversion>().unwrap(), one);
        }
    }

    #[test]
    fn other_texts_are_none() {
        for bad in ["", "2", "2.", ".1", "2.1.3", "latest", "+2.1", "99999999999.1"] {
            assert!(bad.parse::<Microversion>().is_err(), "{bad:?} passed");
        }
    }
}
