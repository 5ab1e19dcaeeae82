//! A session with one cloud: login, token, services, and the rules for every request.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use http::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT};
use hyper::body::Bytes;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{Mutex as AsyncMutex, OnceCell, Semaphore};
use tokio::time::Instant;

use crate::access::{Access, Method};
use crate::config::{CloudConfig, Warning};
use crate::error::{Origin, Problem, RequestError};
use crate::exchange::{Exchange, MAX_EXCHANGES};
use crate::keystone;
use crate::limits::Limits;
use crate::recording::{Recorder, RecordingError, Replay};
use crate::reply::{Next, next, refusal, request_id};
use crate::request::Answer;
use crate::service::Service;
use crate::service_type::ServiceType;
use crate::tls::TlsError;
use crate::token::{self, Token, TokenInfo};
use crate::transport::{Source, Transport};
use crate::upload::{Upload, UploadPatience};
use crate::wire::{Incoming, Outgoing, Wire};

/// A token that comes to its end within this time is renewed before it is used.
const MARGIN: SignedDuration = SignedDuration::from_secs(60);

/// How a session is to work.
#[derive(Clone, Debug)]
pub struct SessionOptions {
    /// Whether it may change anything.
    pub access: Access,
    /// Bounds on time, size and number.
    pub limits: Limits,
    /// Folder that every answer is kept in, without secrets; must not exist or be empty.
    pub record: Option<Utf8PathBuf>,
}

impl Default for SessionOptions {
    fn default() -> SessionOptions {
        SessionOptions {
            access: Access::ReadOnly,
            limits: Limits::default(),
            record: None,
        }
    }
}

/// Why no session could be prepared; nothing was sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// Certificates or keys cannot be used.
    #[error("TLS cannot be prepared for cloud `{cloud}`")]
    Tls {
        /// The cloud.
        cloud: String,
        /// What is wrong.
        #[source]
        source: TlsError,
    },
    /// The recording cannot be made or read.
    #[error("the recording cannot be used")]
    Recording(#[from] RecordingError),
}

/// A session with one cloud; clones share token, connections and bounds.
#[derive(Clone)]
pub struct Session(Arc<Inner>);

struct Inner {
    config: CloudConfig,
    limits: Limits,
    transport: Transport,
    login: AsyncMutex<Login>,
    services: Mutex<HashMap<ServiceType, Arc<OnceCell<Service>>>>,
    gates: Mutex<HashMap<String, Arc<Semaphore>>>,
    exchanges: Mutex<Vec<Exchange>>,
}

/// What came of the last login.
enum Login {
    NotYet,
    Done(Arc<Token>),
    /// Refused logins are not tried again: Keystone locks users out that fail too often.
    Refused(RequestError),
}

/// Names the cloud; nothing of the token or the connections.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("cloud", &self.0.config.name)
            .finish_non_exhaustive()
    }
}

/// What a request is for, as far as headers, repeats and errors depend on it.
pub(crate) struct Purpose<'a> {
    pub(crate) service: &'a str,
    pub(crate) login: bool,
    pub(crate) with_token: bool,
}

impl Session {
    /// Prepares a session; nothing is sent before the first request.
    ///
    /// # Errors
    ///
    /// [`SessionError`] if certificates cannot be used or the folder for the recording cannot be made.
    pub fn connect(config: CloudConfig, options: &SessionOptions) -> Result<Session, SessionError> {
        let mut limits = options.limits.clone();
        if let Some(timeout) = config.api_timeout {
            limits.answer = timeout;
        }
        let wire = Wire::new(&config.tls, &limits).map_err(|source| SessionError::Tls {
            cloud: config.name.clone(),
            source,
        })?;
        let recorder = options
            .record
            .as_deref()
            .map(|folder| Recorder::new(folder, &config))
            .transpose()?;
        for warning in &config.warnings {
            if let Warning::NotVerified { .. } | Warning::Unencrypted { .. } = warning {
                tracing::warn!(cloud = %config.name, "{warning}");
            }
        }
        let login_url = format!("{}/auth/tokens", keystone::versioned(&config.auth_url));
        let transport = Transport::new(options.access, login_url, Source::Live(wire, recorder));
        Ok(Session::of(config, limits, transport))
    }

    /// Opens a recording as if it were the cloud; nothing is sent ever, and nothing can be changed.
    ///
    /// # Errors
    ///
    /// [`SessionError::Recording`] if the folder is no recording.
    pub fn replay(folder: &Utf8Path) -> Result<Session, SessionError> {
        let replay = Replay::open(folder)?;
        let config = replay.config();
        let login_url = format!("{}/auth/tokens", keystone::versioned(&config.auth_url));
        let transport = Transport::new(Access::ReadOnly, login_url, Source::Replay(replay));
        Ok(Session::of(config, Limits::default(), transport))
    }

    fn of(config: CloudConfig, limits: Limits, transport: Transport) -> Session {
        Session(Arc::new(Inner {
            config,
            limits,
            transport,
            login: AsyncMutex::new(Login::NotYet),
            services: Mutex::new(HashMap::new()),
            gates: Mutex::new(HashMap::new()),
            exchanges: Mutex::new(Vec::new()),
        }))
    }

    /// Returns the configuration; what the operator has to be told is in its `warnings`.
    pub fn config(&self) -> &CloudConfig {
        &self.0.config
    }

    /// Returns the bounds.
    pub(crate) fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// Returns whether this is a recording.
    pub fn is_replay(&self) -> bool {
        self.0.transport.is_replay()
    }

    /// Returns when the recording was begun, if this is one: the time at which its images and dates are to be judged.
    pub fn recorded_at(&self) -> Option<Timestamp> {
        self.0.transport.recorded_at()
    }

    /// Returns what was sent so far and how long it took, in the order of the answers.
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.0.exchanges.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns what the token says; logs in if there is none yet or it is about to end.
    ///
    /// # Errors
    ///
    /// [`RequestError`] if the login fails. A refused login is not tried again in this session.
    pub async fn token(&self) -> Result<TokenInfo, RequestError> {
        Ok(self.current().await?.info.clone())
    }

    /// Returns a service of the catalogue; its address is looked up once.
    ///
    /// # Errors
    ///
    /// [`RequestError`] if the login fails or the catalogue has no such service.
    pub async fn service(&self, service_type: &str) -> Result<Service, RequestError> {
        let service_type = ServiceType::new(service_type);
        let cell = {
            let mut services = self.0.services.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(services.entry(service_type.clone()).or_default())
        };
        // Services are looked up beside each other; one that could not be found is looked up again the next time.
        let service = cell.get_or_try_init(|| Service::find(self, service_type)).await?;
        Ok(service.clone())
    }

    async fn current(&self) -> Result<Arc<Token>, RequestError> {
        let mut login = self.0.login.lock().await;
        match &*login {
            Login::Done(token) if self.is_good(token) => return Ok(Arc::clone(token)),
            Login::Refused(error) => return Err(error.clone()),
            Login::Done(token) if !self.0.config.auth.is_renewable() => {
                let end = token.info.expires_at.map(|at| at.to_string()).unwrap_or_default();
                return Err(self.error("identity", "use the token", None, None, Problem::TokenExpired(end)));
            }
            _ => {}
        }
        let result = self.log_in().await;
        *login = match &result {
            Ok(token) => Login::Done(Arc::clone(token)),
            Err(error) if matches!(error.problem, Problem::LoginRefused(_) | Problem::Forbidden(_)) => {
                Login::Refused(error.clone())
            }
            Err(_) => Login::NotYet,
        };
        result
    }

    fn is_good(&self, token: &Token) -> bool {
        self.is_replay()
            || token
                .info
                .expires_at
                .is_none_or(|end| end.duration_since(Timestamp::now()) > MARGIN)
    }

    /// Forgets a token that was not accepted, unless somebody else has renewed it already.
    async fn forget(&self, rejected: &Arc<Token>) {
        let mut login = self.0.login.lock().await;
        if let Login::Done(token) = &*login
            && Arc::ptr_eq(token, rejected)
        {
            *login = Login::NotYet;
        }
    }

    async fn log_in(&self) -> Result<Arc<Token>, RequestError> {
        let body = keystone::login_body(&self.0.config.auth, &self.0.config.scope);
        let outgoing = Outgoing {
            method: Method::Post,
            url: self.0.transport.login_url().to_owned(),
            headers: vec![(CONTENT_TYPE, HeaderValue::from_static("application/json"))],
            body: Some(Bytes::from(body.to_string())),
            anonymous: false,
        };
        let purpose = Purpose {
            service: "identity",
            login: true,
            with_token: false,
        };
        let incoming = self.exchange(&purpose, outgoing.clone()).await?;
        let failed = |what: String| self.failure(&purpose, &outgoing, Some(&incoming), Problem::Garbage(what));
        let info = token::parse(&incoming.body).map_err(failed)?;
        let secret = match incoming.headers.get("x-subject-token").map(HeaderValue::to_str) {
            Some(Ok(text)) if !text.is_empty() => SecretString::from(text),
            _ if self.is_replay() => SecretString::from("recorded"),
            _ => return Err(failed("it has no X-Subject-Token".to_owned())),
        };
        Ok(Arc::new(Token { secret, info }))
    }

    /// Sends a request with all rules: token, bounds, repeats, one new login; gives back an answer with a status from 200 to 299.
    pub(crate) async fn call(&self, purpose: &Purpose<'_>, outgoing: Outgoing) -> Result<Incoming, RequestError> {
        if !purpose.with_token {
            return self.exchange(purpose, outgoing).await;
        }
        let token = self.current().await?;
        match self
            .exchange(purpose, self.with_token(&outgoing, &token, purpose)?)
            .await
        {
            // Tokens are revoked before their time when a password or a role changes; one new login tells whether that was it.
            Err(error)
                if matches!(error.problem, Problem::Unauthorized(_))
                    && self.0.config.auth.is_renewable()
                    && !self.is_replay() =>
            {
                self.forget(&token).await;
                let token = self.current().await?;
                self.exchange(purpose, self.with_token(&outgoing, &token, purpose)?)
                    .await
            }
            result => result,
        }
    }

    /// Sends a body while it is being made: once, because it cannot be had a second time. A token that was not accepted is forgotten, so that the caller's next
    /// try logs in again.
    ///
    /// It does not wait for a place among the requests under way: it would keep that for hours.
    pub(crate) async fn call_upload(
        &self,
        purpose: &Purpose<'_>,
        outgoing: &Outgoing,
        upload: Upload,
        patience: UploadPatience,
    ) -> Result<Incoming, RequestError> {
        let token = self.current().await?;
        let mut outgoing = self.with_token(outgoing, &token, purpose)?;
        outgoing.headers.push((
            USER_AGENT,
            HeaderValue::from_static(concat!("reeve/", env!("CARGO_PKG_VERSION"))),
        ));
        let started = Instant::now();
        let limit = self.0.limits.answer_bytes;
        let result = self.0.transport.send_upload(&outgoing, upload, patience, limit).await;
        self.note(purpose, &outgoing, &result, started.elapsed());
        let result = self.judge(purpose, &outgoing, result);
        if let Err(error) = &result
            && matches!(error.problem, Problem::Unauthorized(_))
        {
            self.forget(&token).await;
        }
        result
    }

    fn with_token(&self, outgoing: &Outgoing, token: &Token, purpose: &Purpose<'_>) -> Result<Outgoing, RequestError> {
        let mut value = HeaderValue::from_str(token.secret.expose_secret()).map_err(|_| {
            self.failure(
                purpose,
                outgoing,
                None,
                Problem::Garbage("the token is no text".to_owned()),
            )
        })?;
        value.set_sensitive(true);
        let mut outgoing = outgoing.clone();
        outgoing.headers.push((HeaderName::from_static("x-auth-token"), value));
        Ok(outgoing)
    }

    /// Asks an address as a stranger would: one GET without a token, and whatever the answer is.
    ///
    /// `service` says for which service this is, for errors and bounds; `headers` go with it as they are and must hold no secret.
    ///
    /// # Errors
    ///
    /// [`RequestError`] if there is no answer at all, or the address or a header cannot be used. Every status is an answer.
    pub async fn probe(&self, service: &str, url: &str, headers: &[(&str, String)]) -> Result<Answer, RequestError> {
        let purpose = Purpose {
            service,
            login: false,
            with_token: false,
        };
        let mut outgoing = Outgoing {
            method: Method::Get,
            url: url.to_owned(),
            headers: Vec::new(),
            body: None,
            anonymous: true,
        };
        let unusable = |what: String| {
            self.error(
                service,
                &format!("GET {}", crate::url::shown(url)),
                None,
                None,
                Problem::Unreachable(what),
            )
        };
        crate::url::check(url).map_err(|what| unusable(format!("the address {what}")))?;
        for (name, value) in headers {
            match (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
                (Ok(name), Ok(value)) => outgoing.headers.push((name, value)),
                _ => return Err(unusable(format!("the header `{name}` cannot be sent"))),
            }
        }
        let result = self.attempts(&purpose, &mut outgoing).await;
        match result {
            Ok(incoming) => Ok(Answer {
                status: incoming.status,
                request_id: request_id(&incoming.headers),
                body: incoming.body,
            }),
            Err(problem) => Err(self.failure(&purpose, &outgoing, None, problem)),
        }
    }

    /// Sends a request, repeats it where that is right, and gives back an answer with a status from 200 to 299, or 300 for a version document.
    async fn exchange(&self, purpose: &Purpose<'_>, mut outgoing: Outgoing) -> Result<Incoming, RequestError> {
        let result = self.attempts(purpose, &mut outgoing).await;
        self.judge(purpose, &outgoing, result)
    }

    /// Sends a request, repeats it where that is right, and gives back what came of the last try.
    async fn attempts(&self, purpose: &Purpose<'_>, outgoing: &mut Outgoing) -> Result<Incoming, Problem> {
        if !outgoing.headers.iter().any(|(name, _)| *name == ACCEPT) {
            outgoing
                .headers
                .push((ACCEPT, HeaderValue::from_static("application/json")));
        }
        outgoing.headers.push((
            USER_AGENT,
            HeaderValue::from_static(concat!("reeve/", env!("CARGO_PKG_VERSION"))),
        ));
        let gate = self.gate(purpose.service);
        let limits = &self.0.limits;
        let end = Instant::now() + limits.request;
        let mut attempt = 1;
        loop {
            let result = {
                let _permit = gate.acquire().await;
                let left = end.saturating_duration_since(Instant::now());
                let started = Instant::now();
                let result = self
                    .0
                    .transport
                    .send(outgoing, limits.answer.min(left), limits.answer_bytes)
                    .await;
                self.note(purpose, outgoing, &result, started.elapsed());
                result
            };
            let pause = match next(
                limits,
                attempt,
                outgoing.method,
                purpose.login,
                &result,
                Timestamp::now(),
            ) {
                Next::AskAgain(pause) if !self.is_replay() && Instant::now() + pause < end => pause,
                _ => return result,
            };
            tracing::debug!(cloud = %self.0.config.name, service = purpose.service, attempt, ?pause, "asking again");
            tokio::time::sleep(pause).await;
            attempt += 1;
        }
    }

    fn judge(
        &self,
        purpose: &Purpose<'_>,
        outgoing: &Outgoing,
        result: Result<Incoming, Problem>,
    ) -> Result<Incoming, RequestError> {
        match result {
            Ok(incoming) if (200..=300).contains(&incoming.status) => Ok(incoming),
            Ok(incoming) => {
                let problem = refusal(&incoming, purpose.login);
                Err(self.failure(purpose, outgoing, Some(&incoming), problem))
            }
            Err(problem) => Err(self.failure(purpose, outgoing, None, problem)),
        }
    }

    fn gate(&self, service: &str) -> Arc<Semaphore> {
        let mut gates = self.0.gates.lock().unwrap_or_else(PoisonError::into_inner);
        let gate = gates
            .entry(service.to_owned())
            .or_insert_with(|| Arc::new(Semaphore::new(self.0.limits.in_flight.max(1))));
        Arc::clone(gate)
    }

    fn note(&self, purpose: &Purpose<'_>, outgoing: &Outgoing, result: &Result<Incoming, Problem>, took: Duration) {
        let mut exchanges = self.0.exchanges.lock().unwrap_or_else(PoisonError::into_inner);
        if exchanges.len() < MAX_EXCHANGES {
            exchanges.push(Exchange {
                service: purpose.service.to_owned(),
                request: shown(outgoing),
                status: result.as_ref().ok().map(|incoming| incoming.status),
                request_id: result.as_ref().ok().and_then(|incoming| request_id(&incoming.headers)),
                took,
            });
        }
    }

    /// Returns an error about a request, with everything that is known of it.
    pub(crate) fn failure(
        &self,
        purpose: &Purpose<'_>,
        outgoing: &Outgoing,
        incoming: Option<&Incoming>,
        problem: Problem,
    ) -> RequestError {
        self.error(
            purpose.service,
            &shown(outgoing),
            incoming.map(|incoming| incoming.status),
            incoming.and_then(|incoming| request_id(&incoming.headers)),
            problem,
        )
    }

    /// Returns an error about something at a service.
    pub(crate) fn error(
        &self,
        service: &str,
        request: &str,
        status: Option<u16>,
        request_id: Option<String>,
        problem: Problem,
    ) -> RequestError {
        RequestError {
            request: request.to_owned(),
            origin: Origin {
                cloud: self.0.config.name.clone(),
                region: self.0.config.region.clone(),
                service: service.to_owned(),
            },
            status,
            request_id,
            problem,
        }
    }

    /// Returns the current token for looking at its catalogue.
    pub(crate) async fn catalogue(&self) -> Result<Arc<Token>, RequestError> {
        self.current().await
    }
}

fn shown(outgoing: &Outgoing) -> String {
    format!("{} {}", outgoing.method, crate::url::shown(&outgoing.url))
}
