//! One request and one answer over HTTPS, with bounds on time and size.

use std::error::Error as StdError;
use std::time::Duration;

use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming as IncomingBody};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use reeve_tls::{LastShown, Thumbprint};
use rustls::ClientConfig;

use super::error::VsphereError;
use super::trust::{Trust, client_config, thumbprint_config};

/// Longest time for a connection to be made.
const CONNECT: Duration = Duration::from_secs(10);

/// How long an unused connection is kept.
const IDLE: Duration = Duration::from_secs(20);

/// A request as it goes out.
pub(super) struct Outgoing {
    pub(super) method: Method,
    /// Path and query.
    pub(super) path: String,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) body: Bytes,
    /// Longest time until the whole answer is here.
    pub(super) within: Duration,
    /// The most bytes of the answer's body.
    pub(super) limit: usize,
}

/// An answer as it came in; any status.
pub(super) struct Incoming {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// Connections to a host.
pub(super) struct Connection {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    authority: String,
    shown: LastShown,
}

impl Connection {
    /// Prepares connections; nothing is sent.
    pub(super) fn new(authority: &str, trust: &Trust) -> Result<Self, VsphereError> {
        let shown = LastShown::default();
        Ok(Self::with_config(authority, client_config(trust, &shown)?, shown))
    }

    /// Prepares connections to the one host whose certificate has this thumbprint; nothing is sent.
    pub(super) fn by_thumbprint(authority: &str, thumbprint: Thumbprint) -> Result<Self, VsphereError> {
        let config = thumbprint_config(thumbprint)?;
        Ok(Self::with_config(authority, config, LastShown::default()))
    }

    fn with_config(authority: &str, config: ClientConfig, shown: LastShown) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_only()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE)
            .build(connector);
        Self {
            client,
            authority: authority.to_owned(),
            shown,
        }
    }

    /// Returns name or address, with the port if there is one.
    pub(super) fn authority(&self) -> &str {
        &self.authority
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    ///
    /// [`VsphereError::Unreachable`] and [`VsphereError::Certificate`]; every status is an answer.
    pub(super) async fn send(&self, outgoing: Outgoing) -> Result<Incoming, VsphereError> {
        let within = outgoing.within;
        match tokio::time::timeout(within, self.exchange(outgoing)).await {
            Ok(result) => result,
            Err(_) => Err(self.unreachable(format!("no whole answer within {} s", within.as_secs()))),
        }
    }

    /// Sends a request and returns the answer's status and its body, which is still to be read, as long as it may be.
    ///
    /// # Errors
    ///
    /// As [`Connection::send`].
    pub(super) async fn open(&self, outgoing: Outgoing) -> Result<(StatusCode, IncomingBody), VsphereError> {
        let within = outgoing.within;
        match tokio::time::timeout(within, self.begin(outgoing)).await {
            Ok(answer) => answer.map(|answer| (answer.status(), answer.into_body())),
            Err(_) => Err(self.unreachable(format!("no answer within {} s", within.as_secs()))),
        }
    }

    async fn begin(&self, outgoing: Outgoing) -> Result<http::Response<IncomingBody>, VsphereError> {
        let mut builder = http::Request::builder()
            .method(outgoing.method)
            .uri(format!("https://{}{}", self.authority, outgoing.path));
        if let Some(headers) = builder.headers_mut() {
            headers.extend(outgoing.headers);
        }
        let request = builder
            .body(Full::new(outgoing.body))
            .map_err(|error| self.unreachable(format!("the address cannot be used: {error}")))?;
        self.client
            .request(request)
            .await
            .map_err(|error| self.before_answer(&error))
    }

    async fn exchange(&self, outgoing: Outgoing) -> Result<Incoming, VsphereError> {
        let limit = outgoing.limit;
        let (head, body) = self.begin(outgoing).await?.into_parts();
        let body = Limited::new(body, limit).collect().await.map_err(|error| {
            self.unreachable(format!(
                "the answer broke off or is longer than {limit} bytes ({error})"
            ))
        })?;
        Ok(Incoming {
            status: head.status,
            headers: head.headers,
            body: body.to_bytes(),
        })
    }

    pub(super) fn unreachable(&self, what: String) -> VsphereError {
        VsphereError::Unreachable {
            host: self.authority.clone(),
            what,
        }
    }

    /// Returns why no answer began, from the causes below `error`.
    fn before_answer(&self, error: &(dyn StdError + 'static)) -> VsphereError {
        let mut last = error.to_string();
        let mut cause = Some(error);
        // A chain is a handful of links; the bound is for one that points at itself.
        for _ in 0..32 {
            let Some(link) = cause else { break };
            if let Some(rustls::Error::InvalidCertificate(reason)) = link.downcast_ref() {
                return VsphereError::Certificate {
                    host: self.authority.clone(),
                    what: certificate_words(reason),
                    shown: self.shown.fingerprint(),
                };
            }
            last = link.to_string();
            // An io::Error hides what it carries from `source`.
            cause = match link.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
                Some(inner) => Some(inner),
                None => link.source(),
            };
        }
        self.unreachable(last)
    }
}

fn certificate_words(reason: &rustls::CertificateError) -> String {
    use rustls::CertificateError as E;
    match reason {
        E::UnknownIssuer | E::BadSignature => "nobody who is trusted has signed it".to_owned(),
        E::NotValidForName | E::NotValidForNameContext { .. } => "it is for another name".to_owned(),
        E::Expired | E::ExpiredContext { .. } => "it has expired".to_owned(),
        other => other.to_string(),
    }
}
