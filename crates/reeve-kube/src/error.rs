//! Why a request to the API server failed, and what to do about it.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use kube::core::Status;

use crate::cluster::Origin;
use reeve_untrusted::printable;

/// A request to the API server that failed.
///
/// Texts from the server are safe to print.
#[derive(Clone, Debug, thiserror::Error)]
#[error("could not {action} at {origin}")]
pub struct RequestError {
    /// What was wanted: `list nodes`.
    pub action: String,
    /// Where.
    pub origin: Origin,
    /// Why it did not work.
    #[source]
    pub problem: Problem,
}

/// Why a request failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// Nothing listens at the server's address.
    #[error("connection refused")]
    ConnectionRefused,
    /// No answer in time; whether the request had its effect is not known.
    #[error("no answer within {} s", after.as_secs())]
    Deadline {
        /// The deadline.
        after: Duration,
    },
    /// The server's name is not known.
    #[error("the server's name cannot be looked up: {0}")]
    NameUnknown(String),
    /// The connection could not be made or broke; whether the request had its effect is not known.
    #[error("no connection: {0}")]
    Unreachable(String),
    /// The server's certificate is not signed by the authority that the kubeconfig names.
    #[error("the server's certificate is not signed by an authority that the kubeconfig names ({0})")]
    CertificateUnknown(String),
    /// The server's certificate is not for the name in the kubeconfig.
    #[error("the server's certificate is for another name than the kubeconfig has ({0})")]
    CertificateName(String),
    /// The server's certificate is not valid now.
    #[error("the server's certificate is not valid at this time ({0})")]
    CertificateTime(String),
    /// The user could not be presented: an exec plugin, a token file or a client certificate does not work.
    #[error("the kubeconfig's credentials cannot be used: {0}")]
    Credentials(String),
    /// 401.
    #[error("the server does not know the user (401): {0}")]
    Unauthorized(String),
    /// 403.
    #[error("not allowed (403): {0}")]
    Forbidden(String),
    /// 404.
    #[error("not found (404): {0}")]
    NotFound(String),
    /// 409 with reason AlreadyExists.
    #[error("exists already (409): {0}")]
    AlreadyExists(String),
    /// 409.
    #[error("changed by somebody else meanwhile (409): {0}")]
    Conflict(String),
    /// 400 and 422.
    #[error("refused ({code}): {message}")]
    Rejected {
        /// The HTTP status.
        code: u16,
        /// What the server said.
        message: String,
    },
    /// Any other status, such as 500 or 503.
    #[error("the server has a problem ({code}): {message}")]
    Server {
        /// The HTTP status.
        code: u16,
        /// What the server said.
        message: String,
    },
    /// An answer that is no Kubernetes object, or larger than allowed.
    #[error("the answer cannot be read: {0}")]
    Garbage(String),
    /// A list longer than this crate reads.
    #[error("the list has more than {limit} entries")]
    TooMany {
        /// The bound.
        limit: usize,
    },
}

impl RequestError {
    /// Tells whether the same request may work a little later.
    pub const fn is_transient(&self) -> bool {
        match &self.problem {
            Problem::ConnectionRefused | Problem::Deadline { .. } | Problem::Unreachable(_) | Problem::Conflict(_) => {
                true
            }
            Problem::Server { code, .. } => *code == 429 || *code >= 500,
            _ => false,
        }
    }

    /// Tells whether the server could not be reached at all, as opposed to one that answered.
    pub const fn is_unreachable(&self) -> bool {
        matches!(
            self.problem,
            Problem::ConnectionRefused
                | Problem::Deadline { .. }
                | Problem::NameUnknown(_)
                | Problem::Unreachable(_)
                | Problem::CertificateUnknown(_)
                | Problem::CertificateName(_)
                | Problem::CertificateTime(_)
        )
    }

    /// Tells whether the server said that this user may not do this.
    pub const fn is_forbidden(&self) -> bool {
        matches!(self.problem, Problem::Forbidden(_))
    }

    /// Tells whether the server said that there is no such thing.
    pub const fn is_not_found(&self) -> bool {
        matches!(self.problem, Problem::NotFound(_))
    }

    /// Returns the next action, as one sentence.
    pub fn hint(&self) -> String {
        let Origin {
            kubeconfig,
            context,
            server,
        } = &self.origin;
        let kubectl = format!("kubectl --kubeconfig {kubeconfig} --context {context}");
        match &self.problem {
            Problem::ConnectionRefused | Problem::Deadline { .. } | Problem::Unreachable(_) => {
                format!("check that {server} is up and can be reached from here: `{kubectl} version`")
            }
            Problem::NameUnknown(_) => {
                format!("check the `server` of context {context} in {kubeconfig}, and the name service here")
            }
            Problem::CertificateUnknown(_) => {
                format!(
                    "put the authority that signed {server}'s certificate into {kubeconfig} as `certificate-authority`; it is always verified"
                )
            }
            Problem::CertificateName(_) => {
                format!("use a name in {kubeconfig} that the certificate of {server} has, or set `tls-server-name`")
            }
            Problem::CertificateTime(_) => format!("renew the certificate of {server}, or set the clock here right"),
            Problem::Credentials(_) => {
                format!("check the user of context {context} in {kubeconfig}: `{kubectl} auth whoami`")
            }
            Problem::Unauthorized(_) => {
                format!("log in again or renew the user of context {context} in {kubeconfig}: `{kubectl} auth whoami`")
            }
            Problem::Forbidden(_) => {
                format!("give the user of context {context} this right, or use another context of {kubeconfig}")
            }
            Problem::NotFound(_) => {
                format!("check that context {context} of {kubeconfig} is the cluster that was meant")
            }
            Problem::AlreadyExists(_) | Problem::Conflict(_) => {
                "see who else works on this object, and try again".into()
            }
            Problem::Rejected { .. } => {
                "read what the server says; an admission policy or webhook of the cluster may refuse it".into()
            }
            Problem::Server { .. } => format!("look at the API server's health: `{kubectl} get --raw /readyz?verbose`"),
            Problem::Garbage(_) => {
                format!("check that {server} is a Kubernetes API server and not something in front of it")
            }
            Problem::TooMany { .. } => "this cluster is larger than this version reads; please report it".into(),
        }
    }
}

/// Returns why `error` happened.
pub(crate) fn classify(error: &kube::Error) -> Problem {
    match error {
        kube::Error::Api(status) => from_status(status),
        kube::Error::Auth(error) => Problem::Credentials(credentials_text(error)),
        kube::Error::SerdeError(error) => Problem::Garbage(printable(&error.to_string())),
        kube::Error::FromUtf8(_) => Problem::Garbage("it is not UTF-8".into()),
        kube::Error::RustlsTls(error) => Problem::Credentials(printable(&error.to_string())),
        other => from_chain(other),
    }
}

/// Returns what may be told of an authentication that failed.
///
/// An exec plugin's standard output holds the token, and its command line shows its environment; both are left out.
pub(crate) fn credentials_text(error: &kube::client::AuthError) -> String {
    match error {
        kube::client::AuthError::AuthExecRun { out, .. } => {
            let said = printable(&String::from_utf8_lossy(&out.stderr));
            format!("the exec plugin ended with {}: {said}", out.status)
        }
        kube::client::AuthError::AuthExecParse(_) => "the exec plugin's answer is no ExecCredential".into(),
        other => printable(&other.to_string()),
    }
}

fn from_status(status: &Status) -> Problem {
    let message = printable(&status.message);
    match status.code {
        401 => Problem::Unauthorized(message),
        403 => Problem::Forbidden(message),
        404 => Problem::NotFound(message),
        409 if status.reason == "AlreadyExists" => Problem::AlreadyExists(message),
        409 => Problem::Conflict(message),
        code @ (400 | 405..=428) => Problem::Rejected { code, message },
        code => Problem::Server { code, message },
    }
}

/// Returns why no answer came, from the causes below `error`.
///
/// The layers between (hyper, rustls) wrap their causes in types of their own, so the text of the chain decides where no
/// `io::Error` says it. Source: rustls: `src/error.rs` – Display of `CertificateError`.
fn from_chain(error: &(dyn StdError + 'static)) -> Problem {
    let mut texts = Vec::new();
    let mut refused = false;
    let mut timed_out = false;
    let mut cause = Some(error);
    // A chain is a handful of links; the bound is for one that points at itself.
    for _ in 0..32 {
        let Some(link) = cause else { break };
        if let Some(auth) = link.downcast_ref::<kube::client::AuthError>() {
            return Problem::Credentials(credentials_text(auth));
        }
        if let Some(io) = link.downcast_ref::<io::Error>() {
            refused |= io.kind() == io::ErrorKind::ConnectionRefused;
            timed_out |= io.kind() == io::ErrorKind::TimedOut;
        }
        texts.push(link.to_string());
        // An io::Error hides what it carries from `source`.
        cause = match link.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => link.source(),
        };
    }
    let all = texts.join(": ");
    let last = printable(texts.last().map_or("", String::as_str));
    if all.contains("length limit exceeded") {
        Problem::Garbage("it is larger than allowed".into())
    } else if all.contains("certificate") {
        if all.contains("NotValidForName") || all.contains("not valid for name") {
            Problem::CertificateName(last)
        } else if all.contains("Expired")
            || all.contains("expired")
            || all.contains("not valid yet")
            || all.contains("NotValidYet")
        {
            Problem::CertificateTime(last)
        } else {
            Problem::CertificateUnknown(last)
        }
    } else if refused {
        Problem::ConnectionRefused
    } else if all.contains("dns error") || all.contains("failed to lookup address") {
        Problem::NameUnknown(last)
    } else if timed_out {
        Problem::Unreachable("the connection timed out".into())
    } else {
        Problem::Unreachable(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("client error (Connect)")]
    struct Outer(#[source] io::Error);

    fn wrapped(inner: io::Error) -> Problem {
        classify(&kube::Error::Service(Box::new(Outer(inner))))
    }

    #[test]
    fn causes_are_found_below_the_layers() {
        assert_eq!(
            wrapped(io::Error::from(io::ErrorKind::ConnectionRefused)),
            Problem::ConnectionRefused
        );
        let tls = |text: &str| {
            wrapped(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("invalid peer certificate: {text}"),
            ))
        };
        assert!(matches!(tls("UnknownIssuer"), Problem::CertificateUnknown(_)));
        assert!(matches!(
            tls("certificate not valid for name \"a\""),
            Problem::CertificateName(_)
        ));
        assert!(matches!(
            tls("certificate expired: verification time …"),
            Problem::CertificateTime(_)
        ));
        assert!(matches!(
            wrapped(io::Error::other("dns error")),
            Problem::NameUnknown(_)
        ));
        assert!(matches!(
            wrapped(io::Error::from(io::ErrorKind::TimedOut)),
            Problem::Unreachable(_)
        ));
    }

    #[test]
    fn statuses_become_problems() {
        let problem = |code, reason: &str| from_status(&Status::failure("m\u{7}", reason).with_code(code));
        assert_eq!(problem(401, ""), Problem::Unauthorized("m\\u{7}".into()));
        assert!(matches!(problem(403, "Forbidden"), Problem::Forbidden(_)));
        assert!(matches!(problem(409, "AlreadyExists"), Problem::AlreadyExists(_)));
        assert!(matches!(problem(409, "Conflict"), Problem::Conflict(_)));
        assert!(matches!(problem(422, "Invalid"), Problem::Rejected { code: 422, .. }));
        assert!(matches!(problem(503, ""), Problem::Server { code: 503, .. }));
    }

    #[test]
    fn a_failing_exec_plugin_does_not_show_its_token() {
        let out = std::process::Output {
            status: std::os::unix::process::ExitStatusExt::from_raw(256),
            stdout: b"{\"status\":{\"token\":\"topsecret\"}}".to_vec(),
            stderr: b"not logged in".to_vec(),
        };
        let error = kube::Error::Auth(kube::client::AuthError::AuthExecRun {
            cmd: "login --pass topsecret".into(),
            out: Box::new(out),
        });
        let Problem::Credentials(text) = classify(&error) else {
            panic!("not told as credentials")
        };
        assert_eq!(text, "the exec plugin ended with exit status: 1: not logged in");
    }
}
