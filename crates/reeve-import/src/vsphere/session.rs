//! A session with a host: login, calls, ranges of files, and a new login when the host has forgotten the old one.

use std::fmt;
use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, COOKIE, HeaderName, HeaderValue, RANGE, SET_COOKIE};
use http::{Method, StatusCode};
use hyper::body::Bytes;
use secrecy::{ExposeSecret, SecretString};
use tokio::runtime::Runtime;

use super::address::{DatastoreFile, VsphereHost};
use super::connection::{Connection, Incoming, Outgoing};
use super::error::VsphereError;
use super::soap::{ACTION, Answered, Reference, answered, envelope, text};
use super::trust::Trust;
use crate::error::escaped;
use crate::xml::Element;

/// Longest time for an answer to a call, or for a range of a file.
const ANSWER: Duration = Duration::from_secs(60);

/// Longest time for a word of farewell.
const FAREWELL: Duration = Duration::from_secs(5);

/// The largest answer to a call, in bytes.
const CALL_LIMIT: usize = 32 << 20;

/// How often a range is asked for.
const ATTEMPTS: u32 = 6;

/// The pause before the second time; doubled for each further one.
const PAUSE: Duration = Duration::from_millis(500);

/// The cookie of a session.
const SESSION_COOKIE: &str = "vmware_soap_session=";

/// How to log in.
#[derive(Clone)]
pub struct VsphereLogin {
    /// The password; none if there is none, which is told when it is needed.
    pub password: Option<SecretString>,
    /// Whom connections trust.
    pub trust: Trust,
}

impl fmt::Debug for VsphereLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VsphereLogin")
            .field("trust", &self.trust)
            .finish_non_exhaustive()
    }
}

/// What a host says of itself.
#[derive(Clone, Debug)]
pub(super) struct Content {
    /// `VMware ESXi 7.0.3 build-…`.
    pub(super) name: String,
    pub(super) root: Reference,
    pub(super) properties: Reference,
    pub(super) views: Reference,
    pub(super) search: Reference,
    sessions: Reference,
}

/// A session with an ESXi host or a vCenter. Calls block; see the module.
pub struct Vsphere {
    host: VsphereHost,
    login: VsphereLogin,
    connection: Connection,
    content: Content,
    /// The cookie of the login, counted, so that of many who find it forgotten one logs in again.
    cookie: tokio::sync::Mutex<(u64, HeaderValue)>,
    runtime: Mutex<Option<Runtime>>,
    handle: tokio::runtime::Handle,
}

impl fmt::Debug for Vsphere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vsphere")
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}

impl Drop for Vsphere {
    fn drop(&mut self) {
        let runtime = self.runtime.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = runtime.take() {
            // It may be dropped where nothing may block.
            runtime.shutdown_background();
        }
    }
}

impl Vsphere {
    /// Logs in.
    ///
    /// # Errors
    ///
    /// [`VsphereError`]; nothing is tried twice, because hosts lock users out that fail too often.
    pub fn connect(host: VsphereHost, login: VsphereLogin) -> Result<Self, VsphereError> {
        if login.password.is_none() {
            return Err(VsphereError::NoPassword(host.to_string()));
        }
        let connection = Connection::new(&host.authority, &login.trust)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(|error| VsphereError::Runtime(error.to_string()))?;
        let (content, cookie) = runtime.block_on(async {
            let content = content(&connection).await?;
            let cookie = log_in(&connection, &content.sessions, &host, &login).await?;
            Ok::<_, VsphereError>((content, cookie))
        })?;
        tracing::debug!(host = %host, says = %content.name, "logged in");
        Ok(Self {
            host,
            login,
            connection,
            content,
            cookie: tokio::sync::Mutex::new((0, cookie)),
            handle: runtime.handle().clone(),
            runtime: Mutex::new(Some(runtime)),
        })
    }

    /// Returns the host and who logged in.
    pub fn host(&self) -> &VsphereHost {
        &self.host
    }

    /// Returns what the host says of itself: `VMware ESXi 7.0.3 build-20328353`.
    pub fn name(&self) -> &str {
        &self.content.name
    }

    /// Ends the session on the host; one that cannot be ended ends by itself after half an hour.
    pub fn log_out(&self) {
        let farewell = self.block_on(async {
            let outgoing = envelope("Logout", &self.content.sessions, "");
            tokio::time::timeout(FAREWELL, self.post("Logout", &outgoing)).await
        });
        if !matches!(farewell, Ok(Ok(_))) {
            tracing::debug!(host = %self.host, "the session was not ended");
        }
    }

    pub(super) fn content(&self) -> &Content {
        &self.content
    }

    /// Returns whom connections to this host trust.
    pub(super) fn trust(&self) -> &Trust {
        &self.login.trust
    }

    /// Returns the cookie of the session, for this host and no other.
    pub(super) async fn cookie(&self) -> HeaderValue {
        self.cookie.lock().await.1.clone()
    }

    /// Begins work beside the calls of other threads.
    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) -> tokio::task::JoinHandle<()> {
        self.handle.spawn(work)
    }

    pub(super) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.handle.block_on(future)
    }

    /// Calls a method of an object and returns its `returnval`, if it has one.
    pub(super) async fn call(
        &self,
        call: &'static str,
        this: &Reference,
        arguments: &str,
    ) -> Result<Element, VsphereError> {
        let body = envelope(call, this, arguments);
        let seen = self.cookie.lock().await.0;
        match self.post(call, &body).await {
            Err(VsphereError::Fault { kind, .. }) if kind == "NotAuthenticated" => {
                self.log_in_again(seen).await?;
                self.post(call, &body).await
            }
            result => result,
        }
    }

    async fn post(&self, call: &'static str, body: &str) -> Result<Element, VsphereError> {
        let cookie = self.cookie.lock().await.1.clone();
        let incoming = self.connection.send(outgoing(body, Some(cookie))).await?;
        response(self.connection.authority(), call, &incoming)
    }

    async fn log_in_again(&self, seen: u64) -> Result<(), VsphereError> {
        let mut cookie = self.cookie.lock().await;
        if cookie.0 == seen {
            let fresh = log_in(&self.connection, &self.content.sessions, &self.host, &self.login).await?;
            *cookie = (seen + 1, fresh);
        }
        Ok(())
    }

    /// Returns the length of a file, or nothing if there is none.
    pub(super) async fn length(&self, file: &DatastoreFile) -> Result<Option<u64>, VsphereError> {
        let incoming = self.file(file, &Method::HEAD, None, 0).await?;
        match incoming.status {
            StatusCode::OK => match incoming.headers.get(CONTENT_LENGTH).and_then(number) {
                Some(length) => Ok(Some(length)),
                None => self.length_by_range(file).await.map(Some),
            },
            StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => self.length_by_range(file).await.map(Some),
            StatusCode::NOT_FOUND => Ok(None),
            status => Err(self.refused(status)),
        }
    }

    /// Returns the length of a file that is there, from what is said with its first byte: where something in front of the host takes no `HEAD`.
    async fn length_by_range(&self, file: &DatastoreFile) -> Result<u64, VsphereError> {
        let first = HeaderValue::from_static("bytes=0-0");
        let incoming = self.file(file, &Method::GET, Some(&first), 1).await?;
        match incoming.status {
            // `bytes 0-0/4096`, and of an empty file `bytes */0`.
            StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => {
                let said = incoming
                    .headers
                    .get(CONTENT_RANGE)
                    .and_then(|value| value.to_str().ok());
                let length = said.and_then(|said| said.rsplit_once('/')?.1.parse().ok());
                length.ok_or_else(|| self.answer("GET of a range", "it does not say how long the file is"))
            }
            StatusCode::OK => Err(self.answer("GET of a range", "it gives the whole file and not the range")),
            status => Err(self.refused(status)),
        }
    }

    /// Fills `buffer` with the bytes of a file from `offset` on. A connection that breaks is made again, a bounded number of times.
    pub(super) async fn range(&self, file: &DatastoreFile, offset: u64, buffer: &mut [u8]) -> Result<(), VsphereError> {
        let Some(last) = (buffer.len() as u64).checked_sub(1) else {
            return Ok(());
        };
        let range = format!("bytes={offset}-{}", offset + last);
        let range = HeaderValue::from_str(&range).expect("digits are a header");
        let incoming = self.file(file, &Method::GET, Some(&range), buffer.len()).await?;
        if incoming.status != StatusCode::PARTIAL_CONTENT {
            return Err(match incoming.status {
                StatusCode::OK => self.answer("GET of a range", "it gives the whole file and not the range"),
                StatusCode::RANGE_NOT_SATISFIABLE => self.answer("GET of a range", "the file ends before the range"),
                status => self.refused(status),
            });
        }
        let said = incoming
            .headers
            .get(CONTENT_RANGE)
            .and_then(|value| value.to_str().ok());
        let begins = said.is_some_and(|said| said.starts_with(&format!("bytes {offset}-{}/", offset + last)));
        if !begins || incoming.body.len() != buffer.len() {
            return Err(self.answer("GET of a range", "it gives another range than the one asked for"));
        }
        buffer.copy_from_slice(&incoming.body);
        Ok(())
    }

    /// Asks for a file until there is an answer that lasts.
    async fn file(
        &self,
        file: &DatastoreFile,
        method: &Method,
        range: Option<&HeaderValue>,
        limit: usize,
    ) -> Result<Incoming, VsphereError> {
        let mut pause = PAUSE;
        let mut logged_in = false;
        for attempt in 1.. {
            let (seen, cookie) = self.cookie.lock().await.clone();
            let mut headers = vec![(COOKIE, cookie)];
            headers.extend(range.map(|range| (RANGE, range.clone())));
            let sent = self.connection.send(Outgoing {
                method: method.clone(),
                path: file.request_path(),
                headers,
                body: Bytes::new(),
                within: ANSWER,
                limit: limit.max(64 << 10),
            });
            let error = match sent.await {
                Ok(incoming) if incoming.status == StatusCode::UNAUTHORIZED && !logged_in => {
                    self.log_in_again(seen).await?;
                    logged_in = true;
                    continue;
                }
                Ok(incoming) => {
                    let error = self.refused(incoming.status);
                    if !error.is_transient() || attempt == ATTEMPTS {
                        return Ok(incoming);
                    }
                    error
                }
                Err(error) if error.is_transient() && attempt < ATTEMPTS => error,
                Err(error) => return Err(error),
            };
            tracing::debug!(%file, %error, attempt, "asked for once more");
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        unreachable!("the last attempt returns")
    }

    fn refused(&self, status: StatusCode) -> VsphereError {
        VsphereError::File {
            host: self.connection.authority().to_owned(),
            status: status.as_u16(),
        }
    }

    pub(super) fn answer(&self, call: &'static str, what: &str) -> VsphereError {
        VsphereError::Answer {
            host: self.connection.authority().to_owned(),
            call,
            what: what.to_owned(),
        }
    }
}

fn number(value: &HeaderValue) -> Option<u64> {
    value.to_str().ok()?.trim().parse().ok()
}

fn outgoing(body: &str, cookie: Option<HeaderValue>) -> Outgoing {
    let mut headers = vec![
        (CONTENT_TYPE, HeaderValue::from_static("text/xml; charset=utf-8")),
        (HeaderName::from_static("soapaction"), HeaderValue::from_static(ACTION)),
    ];
    headers.extend(cookie.map(|cookie| (COOKIE, cookie)));
    Outgoing {
        method: Method::POST,
        path: "/sdk".to_owned(),
        headers,
        body: Bytes::from(body.to_owned()),
        within: ANSWER,
        limit: CALL_LIMIT,
    }
}

/// Returns the `returnval` of an answer, or the answer itself if it has none.
fn response(host: &str, call: &'static str, incoming: &Incoming) -> Result<Element, VsphereError> {
    match answered(&incoming.body) {
        Ok(Answered::Response(mut response)) if incoming.status.is_success() => {
            let value = response.children.iter().position(|child| child.name == "returnval");
            Ok(match value {
                Some(place) => response.children.swap_remove(place),
                None => response,
            })
        }
        Ok(Answered::Fault { kind, what }) => Err(VsphereError::Fault {
            host: host.to_owned(),
            call,
            kind,
            what,
        }),
        Ok(Answered::Response(_)) => Err(VsphereError::Answer {
            host: host.to_owned(),
            call,
            what: format!("status {}", incoming.status.as_u16()),
        }),
        Err(what) => Err(VsphereError::Answer {
            host: host.to_owned(),
            call,
            what: format!("status {}: {what}", incoming.status.as_u16()),
        }),
    }
}

/// Asks a host what it is, which needs no login.
async fn content(connection: &Connection) -> Result<Content, VsphereError> {
    const CALL: &str = "RetrieveServiceContent";
    let instance = Reference::new("ServiceInstance", "ServiceInstance");
    let incoming = connection.send(outgoing(&envelope(CALL, &instance, ""), None)).await?;
    let answer = response(connection.authority(), CALL, &incoming)?;
    let reference = |name: &str| {
        answer
            .first(name)
            .and_then(Reference::of)
            .ok_or_else(|| VsphereError::Answer {
                host: connection.authority().to_owned(),
                call: CALL,
                what: format!("it has no {name}"),
            })
    };
    let about = answer.first("about").and_then(|about| about.value("fullName"));
    Ok(Content {
        name: escaped(about.unwrap_or("unknown"), 200),
        root: reference("rootFolder")?,
        properties: reference("propertyCollector")?,
        views: reference("viewManager")?,
        search: reference("searchIndex")?,
        sessions: reference("sessionManager")?,
    })
}

async fn log_in(
    connection: &Connection,
    sessions: &Reference,
    host: &VsphereHost,
    login: &VsphereLogin,
) -> Result<HeaderValue, VsphereError> {
    const CALL: &str = "Login";
    let password = login
        .password
        .as_ref()
        .ok_or_else(|| VsphereError::NoPassword(host.to_string()))?;
    let user = host.user.as_str();
    let arguments = text("userName", user) + &text("password", password.expose_secret());
    let incoming = connection
        .send(outgoing(&envelope(CALL, sessions, &arguments), None))
        .await?;
    response(connection.authority(), CALL, &incoming).map_err(|error| match error {
        VsphereError::Fault { host, kind, what, .. } if kind == "InvalidLogin" || kind == "NoPermission" => {
            VsphereError::LoginRefused {
                host,
                user: escaped(user, 100),
                what,
            }
        }
        error => error,
    })?;
    let cookies = incoming.headers.get_all(SET_COOKIE).iter();
    let cookie = cookies
        .filter_map(|cookie| cookie.to_str().ok()?.split(';').next())
        .find(|cookie| cookie.starts_with(SESSION_COOKIE))
        .and_then(|cookie| HeaderValue::from_str(cookie).ok());
    let mut cookie = cookie.ok_or_else(|| VsphereError::Answer {
        host: connection.authority().to_owned(),
        call: CALL,
        what: "it has no cookie of a session".to_owned(),
    })?;
    cookie.set_sensitive(true);
    Ok(cookie)
}
