//! Finding the cluster that a kubeconfig names, and refusing what is not safe.

use std::io;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use kube::config::{Cluster as KubeconfigCluster, KubeConfigOptions, Kubeconfig, KubeconfigError};

use crate::cluster::Origin;
use crate::error::credentials_text;
use reeve_untrusted::printable;

/// Largest kubeconfig that is read.
const MAX_BYTES: u64 = 16 << 20;

/// Which cluster to talk to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KubeconfigSource {
    /// The kubeconfig.
    pub path: Utf8PathBuf,
    /// The context in it; its `current-context` if none.
    pub context: Option<String>,
}

/// Why no connection could be prepared; nothing was sent yet, except by an exec plugin of the kubeconfig.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The file does not exist or cannot be read.
    #[error("cannot read the kubeconfig {path}")]
    Read {
        /// The file.
        path: Utf8PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file is no kubeconfig. What stands in it is not repeated: it holds secrets.
    #[error("{path} is not a kubeconfig{place}")]
    Syntax {
        /// The file.
        path: Utf8PathBuf,
        /// Where it went wrong, as ` (line 3, column 7)`, or empty.
        place: String,
    },
    /// No context was asked for and the file names no current one.
    #[error("{path} has no current-context (contexts in it: {known})")]
    NoCurrentContext {
        /// The file.
        path: Utf8PathBuf,
        /// The contexts in it, or `none`.
        known: String,
    },
    /// There is no such context.
    #[error("{path} has no context `{context}` (contexts in it: {known})")]
    ContextMissing {
        /// The file.
        path: Utf8PathBuf,
        /// The context that was wanted.
        context: String,
        /// The contexts in it, or `none`.
        known: String,
    },
    /// The context names a cluster that is not in the file, or one without a server.
    #[error("context `{context}` of {path} names cluster `{cluster}`, which {what}")]
    ClusterMissing {
        /// The file.
        path: Utf8PathBuf,
        /// The context.
        context: String,
        /// The cluster that it names.
        cluster: String,
        /// `is not in the file` or `has no server`.
        what: &'static str,
    },
    /// The context turns the verification of TLS off.
    #[error("context `{context}` of {path} says insecure-skip-tls-verify for {server}")]
    VerificationOff {
        /// The file.
        path: Utf8PathBuf,
        /// The context.
        context: String,
        /// The server.
        server: String,
    },
    /// The server is reached without TLS.
    #[error("context `{context}` of {path} reaches {server} without TLS")]
    Unencrypted {
        /// The file.
        path: Utf8PathBuf,
        /// The context.
        context: String,
        /// The server.
        server: String,
    },
    /// The context wants a proxy.
    #[error("context `{context}` of {path} reaches {server} through a proxy, which this version cannot")]
    Proxy {
        /// The file.
        path: Utf8PathBuf,
        /// The context.
        context: String,
        /// The server.
        server: String,
    },
    /// Certificates, key, token or exec plugin do not work.
    #[error("the certificates or credentials for {origin} cannot be used: {detail}")]
    Credentials {
        /// The cluster.
        origin: Origin,
        /// What is wrong, without secrets.
        detail: String,
    },
    /// An exec plugin did not end in time.
    #[error("preparing the credentials for {origin} took longer than {} s", after.as_secs())]
    Deadline {
        /// The cluster.
        origin: Origin,
        /// The deadline.
        after: Duration,
    },
}

impl ConnectError {
    /// Returns the next action, as one sentence.
    pub fn hint(&self) -> String {
        match self {
            Self::Read { path, .. } => format!("name the right file with --kubeconfig, or make {path} readable"),
            Self::Syntax { path, .. } => format!("check it: `kubectl --kubeconfig {path} config view`"),
            Self::NoCurrentContext { path, .. } | Self::ContextMissing { path, .. } => {
                format!("choose one with --context: `kubectl --kubeconfig {path} config get-contexts`")
            }
            Self::ClusterMissing { path, .. } => format!("mend the file: `kubectl --kubeconfig {path} config view`"),
            Self::VerificationOff { server, .. } => format!(
                "take insecure-skip-tls-verify out and name the authority of {server} as certificate-authority; \
                 reeve never sends an admin's credentials to a server that it cannot verify"
            ),
            Self::Unencrypted { path, .. } => {
                format!("write https:// into {path}; reeve never sends credentials in the clear")
            }
            Self::Proxy { server, .. } => format!("run reeve where {server} can be reached directly"),
            Self::Credentials { origin, .. } | Self::Deadline { origin, .. } => {
                format!(
                    "try `kubectl --kubeconfig {} --context {} auth whoami`",
                    origin.kubeconfig, origin.context
                )
            }
        }
    }
}

/// A kubeconfig's choice, checked.
pub(crate) struct Chosen {
    pub(crate) origin: Origin,
    pub(crate) config: kube::Config,
}

/// Reads the kubeconfig and checks the context that `source` means.
pub(crate) async fn choose(source: &KubeconfigSource) -> Result<Chosen, ConnectError> {
    let path = &source.path;
    let kubeconfig = read(path)?;
    let known = || {
        let names: Vec<_> = kubeconfig.contexts.iter().map(|one| printable(&one.name)).collect();
        if names.is_empty() {
            "none".into()
        } else {
            names.join(", ")
        }
    };
    let wanted = source
        .context
        .clone()
        .or_else(|| kubeconfig.current_context.clone())
        .filter(|name| !name.is_empty());
    let Some(context) = wanted else {
        return Err(ConnectError::NoCurrentContext {
            path: path.clone(),
            known: known(),
        });
    };
    let shown = printable(&context);
    let found = kubeconfig
        .contexts
        .iter()
        .find(|one| one.name == context)
        .and_then(|one| one.context.as_ref());
    let Some(found) = found else {
        return Err(ConnectError::ContextMissing {
            path: path.clone(),
            context: shown,
            known: known(),
        });
    };
    let cluster = kubeconfig
        .clusters
        .iter()
        .find(|one| one.name == found.cluster)
        .and_then(|one| one.cluster.as_ref());
    let missing = |what| ConnectError::ClusterMissing {
        path: path.clone(),
        context: shown.clone(),
        cluster: printable(&found.cluster),
        what,
    };
    let cluster = cluster.ok_or_else(|| missing("is not in the file"))?;
    let server = cluster
        .server
        .as_deref()
        .filter(|server| !server.is_empty())
        .ok_or_else(|| missing("has no server"))?;
    let server = without_user_info(server);
    refuse_unsafe(path, &shown, &server, cluster)?;

    let origin = Origin {
        kubeconfig: path.clone(),
        context: shown,
        server,
    };
    let options = KubeConfigOptions {
        context: Some(context),
        ..KubeConfigOptions::default()
    };
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options)
        .await
        .map_err(|error| ConnectError::Credentials {
            origin: origin.clone(),
            detail: load_text(&error),
        })?;
    Ok(Chosen { origin, config })
}

/// Returns what may be told of a client that could not be built.
pub(crate) fn build_text(error: &kube::Error) -> String {
    match error {
        kube::Error::Auth(auth) => credentials_text(auth),
        kube::Error::InferKubeconfig(load) => load_text(load),
        other => printable(&other.to_string()),
    }
}

fn read(path: &Utf8Path) -> Result<Kubeconfig, ConnectError> {
    let failed = |source| ConnectError::Read {
        path: path.to_owned(),
        source,
    };
    let metadata = std::fs::metadata(path).map_err(failed)?;
    if !metadata.is_file() {
        return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, "it is not a file")));
    }
    if metadata.len() > MAX_BYTES {
        return Err(failed(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it is larger than {MAX_BYTES} bytes"),
        )));
    }
    Kubeconfig::read_from(path).map_err(|error| match error {
        KubeconfigError::ReadConfig(source, _) => failed(source),
        KubeconfigError::Parse(error) => {
            // The parser's own text shows the lines around the place, and with them keys and tokens.
            let place = error
                .location()
                .map(|at| format!(" (line {}, column {})", at.line(), at.column()));
            ConnectError::Syntax {
                path: path.to_owned(),
                place: place.unwrap_or_default(),
            }
        }
        _ => ConnectError::Syntax {
            path: path.to_owned(),
            place: String::new(),
        },
    })
}

fn refuse_unsafe(
    path: &Utf8Path,
    context: &str,
    server: &str,
    cluster: &KubeconfigCluster,
) -> Result<(), ConnectError> {
    let (path, context, server) = (path.to_owned(), context.to_owned(), server.to_owned());
    if cluster.insecure_skip_tls_verify == Some(true) {
        Err(ConnectError::VerificationOff { path, context, server })
    } else if !server.to_ascii_lowercase().starts_with("https://") {
        Err(ConnectError::Unencrypted { path, context, server })
    } else if cluster.proxy_url.as_ref().is_some_and(|url| !url.is_empty()) {
        Err(ConnectError::Proxy { path, context, server })
    } else {
        Ok(())
    }
}

/// Returns what may be told of a kubeconfig whose files or data cannot be loaded; paths yes, data no.
fn load_text(error: &KubeconfigError) -> String {
    match error {
        KubeconfigError::ParseClusterUrl(_) => "the server is no URL".into(),
        KubeconfigError::LoadCertificateAuthority(error) => printable(&format!("certificate-authority: {error}")),
        KubeconfigError::LoadClientCertificate(error) => printable(&format!("client-certificate: {error}")),
        KubeconfigError::LoadClientKey(error) => printable(&format!("client-key: {error}")),
        KubeconfigError::ParseCertificates(_) => "certificate-authority: it is not PEM".into(),
        _ => "the kubeconfig cannot be used".into(),
    }
}

/// Returns a URL without `user:password@`.
fn without_user_info(url: &str) -> String {
    let shown = match url.split_once("://") {
        Some((scheme, rest)) => {
            let end = rest.find('/').unwrap_or(rest.len());
            let host = rest[..end].rsplit('@').next().unwrap_or_default();
            format!("{scheme}://{host}{}", &rest[end..])
        }
        None => url.to_owned(),
    };
    printable(&shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_loses_its_password() {
        assert_eq!(
            without_user_info("https://u:p@w@host:6443/k8s"),
            "https://host:6443/k8s"
        );
        assert_eq!(without_user_info("https://host:6443"), "https://host:6443");
        assert_eq!(without_user_info("host"), "host");
    }
}
