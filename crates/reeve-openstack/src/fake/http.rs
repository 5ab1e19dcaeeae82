//! HTTP/1.1, just as much as is needed, with every chance to break it.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::fault::Behaviour;
use super::glance;
use super::routes::route;
use super::state::State;

/// Largest request that is read.
const MAX_REQUEST: usize = 1 << 20;

/// Largest body of an image that is read.
const MAX_UPLOAD: usize = 64 << 20;

/// A request.
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: Vec<(String, String)>,
    pub(super) token: Option<String>,
    pub(super) microversion: Option<String>,
    /// The store that an upload is for.
    pub(super) store: Option<String>,
    pub(super) body: Vec<u8>,
}

/// An answer.
pub(super) struct Answered {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Answered {
    pub(super) fn json(status: u16, body: &serde_json::Value) -> Answered {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Answered {
            status,
            headers,
            body: body.to_string(),
        }
    }
}

/// Serves until the task is aborted.
pub(super) async fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, state: Arc<Mutex<State>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, state) = (tls.clone(), Arc::clone(&state));
        tokio::spawn(async move {
            match tls {
                None => connection(stream, state).await,
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        connection(stream, state).await;
                    }
                }
            }
        });
    }
}

async fn connection<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, state: Arc<Mutex<State>>) {
    let mut buffer = Vec::new();
    while let Some(asked) = read(&mut stream, &mut buffer, &state).await {
        let (behaviour, answered) = {
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            let behaviour = state.note(&asked);
            if let Some(cut) = state
                .cut
                .filter(|cut| state.requests.len() == cut.at || (cut.forever && state.requests.len() > cut.at))
            {
                if state.requests.len() == cut.at {
                    if cut.with_effect && !matches!(behaviour, Some(Behaviour::Status(..))) {
                        route(&mut state, &asked);
                    }
                    state.was_cut.notify_one();
                }
                break;
            }
            // A request that is refused by what stands before the service has no effect in it.
            let answered = match &behaviour {
                Some(Behaviour::Status(status, headers, body)) => Answered {
                    status: *status,
                    headers: headers.clone(),
                    body: body.clone(),
                },
                _ => route(&mut state, &asked),
            };
            (behaviour, answered)
        };
        if !answer(&mut stream, &asked, behaviour, answered).await {
            break;
        }
    }
    // A connection that is cut off may fail to close in order; the client has what it gets.
    let _closed = stream.shutdown().await;
}

/// Reads one request; `None` at the end of the connection.
async fn read<S: AsyncRead + Unpin>(stream: &mut S, buffer: &mut Vec<u8>, state: &Mutex<State>) -> Option<Asked> {
    let end = loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        more(stream, buffer, MAX_REQUEST).await?;
        // A client that speaks TLS to a port that does not.
        if buffer.first().is_some_and(|first| !first.is_ascii_uppercase()) {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let header = |name: &str| {
        headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.clone())
    };
    let is_chunked = header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"));
    let length: usize = header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let start = end + 4;
    // Where the body ends in the buffer, and what it is, once it is all there.
    let whole = |buffer: &[u8]| match is_chunked {
        true => chunked(&buffer[start.min(buffer.len())..]).map(|(taken, body)| (start + taken, body)),
        false => (buffer.len() >= start + length).then(|| (start + length, buffer[start..start + length].to_vec())),
    };
    let path = target.split('?').next().unwrap_or_default().to_owned();
    match glance::uploads_to(&method, &path) {
        None => {
            while whole(buffer).is_none() {
                more(stream, buffer, MAX_REQUEST).await?;
            }
        }
        Some(image) => {
            let locked = || state.lock().unwrap_or_else(PoisonError::into_inner);
            let (pause, break_at) = glance::begin_upload(&mut locked(), image, header("x-auth-token").as_deref());
            while whole(buffer).is_none() {
                if let Some(pause) = pause {
                    tokio::time::sleep(pause).await;
                }
                let is_cut = break_at.is_some_and(|at| buffer.len() - start.min(buffer.len()) >= at);
                if is_cut || more(stream, buffer, MAX_UPLOAD).await.is_none() {
                    glance::broken_upload(&mut locked(), image);
                    return None;
                }
            }
        }
    }
    let (taken, body) = whole(buffer)?;
    buffer.drain(..taken);
    Some(Asked {
        query: crate::url::query_of(&target),
        path,
        token: header("x-auth-token"),
        microversion: header("openstack-api-version"),
        store: header("x-image-meta-store"),
        method,
        body,
    })
}

/// Reads a body in chunks; `None` while it is not all there. Returns how long it is in the buffer, and its bytes.
fn chunked(mut rest: &[u8]) -> Option<(usize, Vec<u8>)> {
    let (whole, mut body) = (rest.len(), Vec::new());
    // Ends with the last chunk, or with what has come.
    loop {
        let line = rest.windows(2).position(|window| window == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..line]).ok()?.trim(), 16).ok()?;
        let chunk = rest.get(line + 2..line + 2 + size + 2)?;
        rest = &rest[line + 2 + size + 2..];
        if size == 0 {
            return Some((whole - rest.len(), body));
        }
        body.extend_from_slice(&chunk[..size]);
    }
}

async fn more<S: AsyncRead + Unpin>(stream: &mut S, buffer: &mut Vec<u8>, limit: usize) -> Option<()> {
    let mut chunk = [0; 8192];
    match stream.read(&mut chunk).await {
        Ok(0) | Err(_) => None,
        Ok(_) if buffer.len() > limit => None,
        Ok(read) => {
            buffer.extend_from_slice(&chunk[..read]);
            Some(())
        }
    }
}

/// Answers; returns whether the connection goes on.
async fn answer<S: AsyncWrite + Unpin>(
    stream: &mut S,
    asked: &Asked,
    behaviour: Option<Behaviour>,
    answered: Answered,
) -> bool {
    let mut answered = answered;
    match &behaviour {
        Some(Behaviour::Slow(pause)) => tokio::time::sleep(*pause).await,
        Some(Behaviour::Close) => return false,
        Some(Behaviour::Page) => {
            answered = Answered {
                status: 200,
                headers: vec![("content-type".to_owned(), "text/html".to_owned())],
                body: "<html><body>Welcome</body></html>".to_owned(),
            };
        }
        Some(Behaviour::Huge(size)) => {
            answered.status = 200;
            answered.body = "x".repeat(*size);
        }
        _ => {}
    }
    let mut text = format!(
        "HTTP/1.1 {} Status\r\ncontent-length: {}\r\n",
        answered.status,
        answered.body.len()
    );
    text.push_str("x-openstack-request-id: req-00000000-fake\r\n");
    for (name, value) in &answered.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    if asked.method != "HEAD" {
        text.push_str(&answered.body);
    }
    let (bytes, goes_on) = match behaviour {
        Some(Behaviour::Half) => (&text.as_bytes()[..text.len() - answered.body.len() / 2 - 1], false),
        Some(Behaviour::HalfLine) => (&text.as_bytes()[..6], false),
        Some(Behaviour::Noise) => (&b"\x16\x03\x01\x00 this is no HTTP at all\r\n\r\n"[..], false),
        _ => (text.as_bytes(), true),
    };
    stream.write_all(bytes).await.is_ok() && stream.flush().await.is_ok() && goes_on
}
