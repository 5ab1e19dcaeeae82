//! A lease on the target's namespace: two runs on two machines must not work on one cluster.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reeve_journal::Cancellation;
use reeve_kube::{Cluster, Problem, RequestError, Resource};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

/// Name of the Lease.
const NAME: &str = "reeve-take-over";
/// For how long it holds without being renewed.
const HOLDS: Duration = Duration::from_secs(60);
const RENEWED_EVERY: Duration = Duration::from_secs(15);

/// Why the lease cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// Another run has it.
    #[error("run {holder} works on namespace {namespace}: its lease was renewed {age} s ago and holds for {} s", HOLDS.as_secs())]
    Held {
        /// The namespace.
        namespace: String,
        /// The run.
        holder: String,
        /// Since when, in seconds.
        age: i64,
    },
    /// The API server did not answer, or refused.
    #[error(transparent)]
    Request(#[from] RequestError),
}

/// The lease, held and renewed until [`Lease::release`]; if it is lost, the run is asked to stop.
#[derive(Debug)]
pub struct Lease {
    cluster: Cluster,
    namespace: String,
    run: String,
    renewal: JoinHandle<()>,
    lost: Arc<OnceLock<String>>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.renewal.abort();
    }
}

impl Lease {
    /// Takes the lease for a run. The same run gets it at once, because its journal's lock keeps its processes apart.
    ///
    /// # Errors
    ///
    /// [`LeaseError::Held`] while another run has it; [`LeaseError::Request`].
    pub async fn take(
        cluster: &Cluster,
        namespace: &str,
        run: &str,
        cancellation: Cancellation,
    ) -> Result<Self, LeaseError> {
        take(cluster, namespace, run).await?;
        let (of, within, by) = (cluster.clone(), namespace.to_owned(), run.to_owned());
        let lost = Arc::new(OnceLock::new());
        let told = Arc::clone(&lost);
        let renewal = tokio::spawn(async move {
            let mut renewed = tokio::time::Instant::now();
            loop {
                tokio::time::sleep(RENEWED_EVERY).await;
                match take(&of, &within, &by).await {
                    Ok(()) => renewed = tokio::time::Instant::now(),
                    Err(LeaseError::Request(error)) if error.is_transient() && renewed.elapsed() < HOLDS => {}
                    Err(error) => {
                        tracing::warn!(%error, "the lease is lost; the run stops after this step");
                        // Nothing else sets it.
                        let _ = told.set(error.to_string());
                        cancellation.cancel();
                        return;
                    }
                }
            }
        });
        Ok(Self {
            cluster: cluster.clone(),
            namespace: namespace.to_owned(),
            run: run.to_owned(),
            renewal,
            lost,
        })
    }

    /// Returns why the lease was lost, if it was; the run was asked to stop then.
    #[must_use]
    pub fn lost(&self) -> Option<String> {
        let why = self.lost.get()?;
        Some(format!("the lease on namespace {} was lost: {why}", self.namespace))
    }

    /// Gives the lease back.
    ///
    /// # Errors
    ///
    /// [`RequestError`]; it then ends by itself after a minute.
    pub async fn release(self) -> Result<(), RequestError> {
        self.renewal.abort();
        let lease = self.cluster.get(Resource::LEASE, &self.namespace, NAME).await?;
        if lease.is_some_and(|lease| lease["spec"]["holderIdentity"] == self.run.as_str()) {
            self.cluster.delete(Resource::LEASE, &self.namespace, NAME).await?;
        }
        Ok(())
    }
}

async fn take(cluster: &Cluster, namespace: &str, run: &str) -> Result<(), LeaseError> {
    // Somebody may come in between reading and writing; then it is read once more.
    for _ in 0..3 {
        let found = cluster.get(Resource::LEASE, namespace, NAME).await?;
        let now = jiff::Timestamp::now();
        let answer = match found {
            None => {
                cluster
                    .create(Resource::LEASE, namespace, &lease(namespace, run, now))
                    .await
            }
            Some(mut found) => {
                let holder = found["spec"]["holderIdentity"].as_str().unwrap_or_default().to_owned();
                let renewed = found["spec"]["renewTime"]
                    .as_str()
                    .and_then(|at| at.parse::<jiff::Timestamp>().ok());
                let age = renewed.map(|at| now.duration_since(at).as_secs());
                let holds = i64::try_from(HOLDS.as_secs()).unwrap_or(i64::MAX);
                if let (false, Some(age)) = (holder.is_empty() || holder == run, age.filter(|age| *age < holds)) {
                    let namespace = namespace.to_owned();
                    return Err(LeaseError::Held { namespace, holder, age });
                }
                found["spec"] = lease(namespace, run, now)["spec"].clone();
                cluster.replace(Resource::LEASE, namespace, &found).await
            }
        };
        match answer {
            Ok(()) => return Ok(()),
            Err(error) if matches!(error.problem, Problem::AlreadyExists(_) | Problem::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let namespace = namespace.to_owned();
    let holder = "another".to_owned();
    Err(LeaseError::Held {
        namespace,
        holder,
        age: 0,
    })
}

fn lease(namespace: &str, run: &str, now: jiff::Timestamp) -> Value {
    // MicroTime has six digits behind the point, always.
    let now = format!("{now:.6}");
    json!({
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": { "name": NAME, "namespace": namespace, "labels": { "app.kubernetes.io/managed-by": "reeve" } },
        "spec": { "holderIdentity": run, "leaseDurationSeconds": HOLDS.as_secs(), "renewTime": now },
    })
}
