//! The ways to hosts and to Kubernetes, opened as the target says.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use camino::Utf8PathBuf;
use reeve_host::{Hosts, SshHosts, SshOptions};
use reeve_kube::{Cluster, KubeconfigSource};

use super::target::Target;
use crate::exit::Exit;
use crate::failure::Failure;

/// Connections over ssh, shared by everybody who asks for the same host; they end with this value.
pub(super) struct Ssh {
    pub(super) hosts: Arc<dyn Hosts>,
    /// Sockets of the shared connections lie in a folder of their own, 0700.
    _sockets: tempfile::TempDir,
}

/// Makes ready for connections over ssh; none is made yet. Every call gives connections of its own.
pub(super) fn ssh(target: &Target) -> Result<Ssh, Failure> {
    let sockets = tempfile::Builder::new()
        .prefix("reeve-")
        .permissions(std::fs::Permissions::from_mode(0o700))
        .tempdir()
        .map_err(|error| {
            Failure::new(
                Exit::Usage,
                format!("could not make a folder for ssh's sockets: {error}"),
            )
        })?;
    let path = Utf8PathBuf::from_path_buf(sockets.path().into())
        .map_err(|path| Failure::new(Exit::Usage, format!("{} is not UTF-8; set TMPDIR", path.display())))?;
    let options = SshOptions {
        config_file: target.ssh_config.clone(),
        ..SshOptions::new(path)
    };
    let hosts = SshHosts::new(options).map_err(|error| Failure::from_error(Exit::Usage, &error))?;
    Ok(Ssh {
        hosts: Arc::new(hosts),
        _sockets: sockets,
    })
}

/// Connects to the Kubernetes cluster of the kubeconfig.
pub(super) async fn kubernetes(target: &Target) -> Result<Cluster, Failure> {
    let source = KubeconfigSource {
        path: target.kubeconfig.clone(),
        context: target.context.clone(),
    };
    Cluster::connect(&source)
        .await
        .map_err(|error| Failure::from_error(Exit::Usage, &error))
}
