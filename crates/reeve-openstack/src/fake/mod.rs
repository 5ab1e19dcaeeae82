//! A small cloud in this process that behaves: it checks passwords and tokens, pages its listings, hides what the real one hides, and misbehaves when told to.
//!
//! It speaks HTTP/1.1 over a real socket, so that connections, TLS, deadlines and half answers are tested as they are. What it knows of the services was read from the
//! 2025.1 releases: the forms of their links, which images a listing shows, and the words of their errors.

mod content;
mod fault;
mod glance;
mod http;
mod identity;
mod routes;
mod rules;
mod sharing;
mod state;
mod things;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

pub use fault::{Behaviour, Fault};
pub use rules::RuleKeeping;
pub use state::{Converter, Cut, Guest, State};

use crate::config::{Auth, CloudConfig, DomainName, Interface, ProjectName, Scope, TlsOptions, UserName};

/// The user that the cloud knows.
pub const USER: &str = "joe";

/// The password of that user.
pub const PASSWORD: &str = "correct horse";

/// A cloud that listens on this machine until it is dropped.
#[derive(Debug)]
pub struct FakeCloud {
    url: String,
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

impl Drop for FakeCloud {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl FakeCloud {
    /// Starts a cloud without TLS.
    ///
    /// # Panics
    ///
    /// If no port can be had.
    pub async fn start() -> FakeCloud {
        FakeCloud::listen(None, "127.0.0.1").await
    }

    /// Starts a cloud with TLS; `host` is the name that its catalogue uses.
    ///
    /// # Panics
    ///
    /// If no port can be had.
    pub async fn start_tls(config: Arc<rustls::ServerConfig>, host: &str) -> FakeCloud {
        FakeCloud::listen(Some(TlsAcceptor::from(config)), host).await
    }

    async fn listen(tls: Option<TlsAcceptor>, host: &str) -> FakeCloud {
        let address: SocketAddr = ([127, 0, 0, 1], 0).into();
        let listener = TcpListener::bind(address).await.expect("a port on loopback is free");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{host}:{port}");
        let state = Arc::new(Mutex::new(State::new(url.clone())));
        let task = tokio::spawn(http::serve(listener, tls, Arc::clone(&state)));
        FakeCloud { url, state, task }
    }

    /// Returns the address: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns what the cloud holds, to look at and to change.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the cloud misbehave.
    pub fn fault(&self, fault: Fault) {
        self.state().faults.push(fault);
    }

    /// Returns a configuration that logs in as the manager of a domain, `one` or `two`.
    pub fn manager_config(&self, domain: &str) -> CloudConfig {
        let of = || DomainName::Name(domain.to_owned());
        let user = UserName::Name(format!("{domain}-manager"), of());
        CloudConfig {
            name: format!("{domain}-manager"),
            auth: Auth::Password {
                user,
                password: SecretString::from(PASSWORD),
            },
            scope: Scope::Domain(of()),
            ..self.config()
        }
    }

    /// Returns a configuration that logs in.
    pub fn config(&self) -> CloudConfig {
        let domain = || DomainName::Name("one".to_owned());
        CloudConfig {
            name: "fake".to_owned(),
            region: Some("r1".to_owned()),
            interface: Interface::Public,
            auth_url: format!("{}/identity", self.url),
            auth: Auth::Password {
                user: UserName::Name(USER.to_owned(), domain()),
                password: SecretString::from(PASSWORD),
            },
            scope: Scope::Project(ProjectName::Name("alpha".to_owned(), domain())),
            tls: TlsOptions::default(),
            services: std::collections::BTreeMap::new(),
            api_timeout: None,
            files: Vec::new(),
            warnings: Vec::new(),
        }
    }
}
