//! Where a survey has its facts about Kubernetes from.

use async_trait::async_trait;

use crate::facts::{KubernetesFacts, Scope};

/// Why Kubernetes cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{problem}")]
pub struct KubernetesSourceError {
    /// What failed, with the API server's URL or the kubeconfig's path.
    pub problem: String,
    /// The API server did not answer, rather than the kubeconfig being wrong.
    pub unreachable: bool,
    /// What to do next.
    pub hint: String,
    /// The cause below, if there is one.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// Gives the facts about Kubernetes.
#[async_trait]
pub trait KubernetesSource: Send + Sync {
    /// Reads what the take-over needs to know, within a deadline of the implementation's choice.
    ///
    /// # Errors
    ///
    /// [`KubernetesSourceError`] if version and nodes cannot be read; everything else becomes an unknown fact.
    async fn read(&self, scope: &Scope) -> Result<KubernetesFacts, KubernetesSourceError>;
}

/// Facts that were read before serve as their own source: for recordings and tests.
#[async_trait]
impl KubernetesSource for KubernetesFacts {
    async fn read(&self, _scope: &Scope) -> Result<KubernetesFacts, KubernetesSourceError> {
        Ok(self.clone())
    }
}
