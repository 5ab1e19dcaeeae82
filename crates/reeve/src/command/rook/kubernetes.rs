//! The Kubernetes cluster that a survey reads: the kubeconfig, checked and opened.

use std::sync::Arc;

use reeve_kube::KubeconfigSource;
use reeve_rook::survey::{KubernetesCluster, KubernetesSource};

use super::target::Target;
use crate::exit::Exit;
use crate::failure::Failure;

/// Opens the cluster that the kubeconfig names; nothing is asked yet.
///
/// # Errors
///
/// Wrong configuration, with the kubeconfig named and what to do next.
pub(super) async fn source(target: &Target) -> Result<Arc<dyn KubernetesSource>, Failure> {
    let source = KubeconfigSource {
        path: target.kubeconfig.clone(),
        context: target.context.clone(),
    };
    match KubernetesCluster::connect(&source).await {
        Ok(cluster) => Ok(Arc::new(cluster)),
        Err(error) => {
            let exit = if error.unreachable {
                Exit::Unreachable
            } else {
                Exit::Usage
            };
            Err(Failure::from_error(exit, &error).hint(&error.hint))
        }
    }
}
