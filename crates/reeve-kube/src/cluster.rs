//! A Kubernetes cluster that can be asked.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use camino::Utf8PathBuf;
use http_body_util::Limited;
use kube::Client;
use kube::client::{ClientBuilder, DynBody};
use tokio::sync::Semaphore;
use tower::util::MapResponseLayer;

use crate::error::{Problem, RequestError, classify};
use crate::kubeconfig::{Chosen, ConnectError, KubeconfigSource, build_text, choose};
use reeve_untrusted::printable;

/// Most requests that one [`Cluster`] and its clones have under way at once.
pub const MAX_IN_FLIGHT: usize = 8;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// One request with its answer; retries of a server that is busy included.
const REQUEST_DEADLINE: Duration = Duration::from_secs(30);
/// Exec plugins may have to talk to an identity provider.
const CREDENTIALS_DEADLINE: Duration = Duration::from_secs(60);
/// Largest answer; a page of 500 nodes with all their images is about 10 MB.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// Where a cluster was reached, for messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The kubeconfig.
    pub kubeconfig: Utf8PathBuf,
    /// The context in it.
    pub context: String,
    /// The API server's URL without user info.
    pub server: String,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (context {} of {})", self.server, self.context, self.kubeconfig)
    }
}

/// A Kubernetes cluster. Clones share connections and the bound on requests under way.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
    origin: Arc<Origin>,
    permits: Arc<Semaphore>,
    deadline: Duration,
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster")
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

impl Cluster {
    /// Prepares the connection that a kubeconfig describes and runs its exec plugin, if it has one. Nothing is asked yet.
    ///
    /// TLS is always verified: against the kubeconfig's authority, or the system's where it names none.
    ///
    /// # Errors
    ///
    /// [`ConnectError`] for a file, context or credentials that cannot be used, and for contexts that switch verification off.
    pub async fn connect(source: &KubeconfigSource) -> Result<Self, ConnectError> {
        let Chosen { origin, mut config } = choose(source).await?;
        config.connect_timeout = Some(CONNECT_TIMEOUT);
        config.read_timeout = Some(REQUEST_DEADLINE);
        config.write_timeout = Some(REQUEST_DEADLINE);
        // Else the time a pooled connection lay idle counts against the next answer.
        config.reset_reader_on_write = true;
        config.accept_invalid_certs = false;

        // Building the client runs the exec plugin and waits for it.
        let building = tokio::task::spawn_blocking(move || build(config));
        let built = tokio::time::timeout(CREDENTIALS_DEADLINE, building).await;
        let client = match built {
            Err(_) => {
                return Err(ConnectError::Deadline {
                    origin,
                    after: CREDENTIALS_DEADLINE,
                });
            }
            Ok(Err(_)) => {
                return Err(ConnectError::Credentials {
                    origin,
                    detail: "the attempt was broken off".into(),
                });
            }
            Ok(Ok(Err(error))) => {
                return Err(ConnectError::Credentials {
                    origin,
                    detail: build_text(&error),
                });
            }
            Ok(Ok(Ok(client))) => client,
        };
        Ok(Self::with_client(client, origin))
    }

    /// Makes a cluster of a client that is there already.
    pub fn with_client(client: Client, origin: Origin) -> Self {
        Self {
            client,
            origin: Arc::new(origin),
            permits: Arc::new(Semaphore::new(MAX_IN_FLIGHT)),
            deadline: REQUEST_DEADLINE,
        }
    }

    /// Returns the same cluster with another deadline for each request.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Returns where this is.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Returns the client below, for requests that this crate has no function for.
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// Returns the version as the API server tells it: `v1.34.4`.
    ///
    /// # Errors
    ///
    /// [`RequestError`] if the server does not answer.
    pub async fn version(&self) -> Result<String, RequestError> {
        let info = self
            .ask("read the server's version", self.client.apiserver_version())
            .await?;
        Ok(printable(&info.git_version))
    }

    /// Runs one request within the deadline and the bound, and says what it was for if it fails.
    pub(crate) async fn ask<T>(
        &self,
        action: &str,
        request: impl Future<Output = kube::Result<T>>,
    ) -> Result<T, RequestError> {
        let permit = self.permits.acquire().await;
        // The semaphore is never closed; without a permit the request would still be right, just one too many.
        let answer = tokio::time::timeout(self.deadline, request).await;
        drop(permit);
        match answer {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(self.failed(action, classify(&error))),
            Err(_) => Err(self.failed(action, Problem::Deadline { after: self.deadline })),
        }
    }

    /// Returns an error of a request at this cluster.
    pub(crate) fn failed(&self, action: &str, problem: Problem) -> RequestError {
        RequestError {
            action: action.to_owned(),
            origin: (*self.origin).clone(),
            problem,
        }
    }
}

fn build(config: kube::Config) -> kube::Result<Client> {
    let limit = MapResponseLayer::new(|answer: http::Response<Box<DynBody>>| {
        answer.map(|body| Limited::new(body, MAX_ANSWER_BYTES))
    });
    Ok(ClientBuilder::try_from(config)?.with_layer(&limit).build())
}
