//! One request and one answer over HTTP, with bounds on time and size.

use std::error::Error as StdError;
use std::io;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use http::header::{HeaderMap, HeaderName, HeaderValue};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use crate::access::Method;
use crate::config::TlsOptions;
use crate::error::Problem;
use crate::limits::Limits;
use crate::tls::{TlsError, classify, client_config};
use crate::upload::{OutgoingBody, Upload, UploadPatience};
use reeve_untrusted::printable;

/// How long an unused connection is kept.
const IDLE: Duration = Duration::from_secs(20);

/// How often is looked whether an upload goes on.
const LOOK: Duration = Duration::from_millis(500);

/// A request as it goes out.
#[derive(Clone)]
pub(crate) struct Outgoing {
    pub(crate) method: Method,
    pub(crate) url: String,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Option<Bytes>,
    /// Whether it is about how the address answers to strangers; a recording keeps this apart from what the same address says with a token.
    pub(crate) anonymous: bool,
}

/// An answer as it came in; any status.
#[derive(Clone, Debug)]
pub(crate) struct Incoming {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Connections to a cloud.
pub(crate) struct Wire {
    client: Client<HttpsConnector<HttpConnector>, OutgoingBody>,
}

impl Wire {
    /// Prepares connections; nothing is sent.
    pub(crate) fn new(tls: &TlsOptions, limits: &Limits) -> Result<Wire, TlsError> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(limits.connect));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(client_config(tls)?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE)
            .build(connector);
        Ok(Wire { client })
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    ///
    /// Only problems of the connection and of size and time; every status is an answer.
    pub(crate) async fn send(&self, outgoing: &Outgoing, within: Duration, limit: usize) -> Result<Incoming, Problem> {
        let body = OutgoingBody::Whole(Full::new(outgoing.body.clone().unwrap_or_default()));
        match tokio::time::timeout(within, self.exchange(outgoing, body, limit)).await {
            Ok(result) => result,
            Err(_) => Err(Problem::Deadline { after: within }),
        }
    }

    /// Sends a body while it is being made; ends when it stands still for too long, not after a time in all.
    pub(crate) async fn send_upload(
        &self,
        outgoing: &Outgoing,
        upload: Upload,
        patience: UploadPatience,
        limit: usize,
    ) -> Result<Incoming, Problem> {
        let (taken, is_whole) = (upload.taken(), upload.is_whole());
        let exchange = self.exchange(outgoing, OutgoingBody::Pieces(upload), limit);
        tokio::pin!(exchange);
        let (mut last, mut since) = (0, Instant::now());
        loop {
            tokio::select! {
                result = &mut exchange => return result,
                () = tokio::time::sleep(LOOK) => {
                    let now = taken.load(Ordering::Relaxed);
                    if now != last {
                        (last, since) = (now, Instant::now());
                    }
                    let allowed = if is_whole.load(Ordering::Relaxed) { patience.answer } else { patience.stall };
                    if since.elapsed() >= allowed {
                        return Err(Problem::Deadline { after: allowed });
                    }
                }
            }
        }
    }

    async fn exchange(&self, outgoing: &Outgoing, body: OutgoingBody, limit: usize) -> Result<Incoming, Problem> {
        let mut builder = http::Request::builder()
            .method(outgoing.method.as_str())
            .uri(&outgoing.url);
        if let Some(headers) = builder.headers_mut() {
            headers.extend(outgoing.headers.iter().cloned());
        }
        let request = builder
            .body(body)
            .map_err(|error| Problem::Unreachable(printable(&format!("the address cannot be used: {error}"))))?;
        let answer = self
            .client
            .request(request)
            .await
            .map_err(|error| before_answer(&error))?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, limit).collect().await.map_err(|error| {
            if error.downcast_ref::<LengthLimitError>().is_some() {
                Problem::TooLarge { limit }
            } else {
                Problem::Truncated
            }
        })?;
        Ok(Incoming {
            status: head.status.as_u16(),
            headers: head.headers,
            body: body.to_bytes(),
        })
    }
}

/// Returns why no answer began, from the causes below `error`.
///
/// The layers between wrap their causes, so all links of the chain are looked at. Source of the texts: hyper-util: `src/client/legacy/connect/http.rs` – `ConnectError`.
fn before_answer(error: &(dyn StdError + 'static)) -> Problem {
    let mut last = String::new();
    let mut cut_off = false;
    let mut cause = Some(error);
    // A chain is a handful of links; the bound is for one that points at itself.
    for _ in 0..32 {
        let Some(link) = cause else { break };
        if let Some(error) = link.downcast_ref::<rustls::Error>() {
            return classify(error);
        }
        if let Some(error) = link.downcast_ref::<hyper::Error>() {
            cut_off |= error.is_incomplete_message();
            if error.is_parse() {
                return Problem::Garbage(format!("it is not HTTP ({})", printable(&error.to_string())));
            }
        }
        if let Some(io) = link.downcast_ref::<io::Error>() {
            match io.kind() {
                io::ErrorKind::ConnectionRefused => return Problem::ConnectionRefused,
                io::ErrorKind::TimedOut => return Problem::Unreachable("the connection timed out".to_owned()),
                _ => {}
            }
        }
        last = link.to_string();
        if last.contains("dns error") || last.contains("failed to lookup address") {
            let why = link.source().map(ToString::to_string).unwrap_or_default();
            return Problem::NameUnknown(printable(&why));
        }
        // An io::Error hides what it carries from `source`.
        cause = match link.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => link.source(),
        };
    }
    if cut_off {
        Problem::Truncated
    } else {
        Problem::Unreachable(printable(&last))
    }
}
