//! Why a request to a cloud failed, and what to do about it.

use std::fmt;
use std::time::Duration;

use crate::access::Method;

/// A request to a cloud that failed.
///
/// All texts are safe to print and hold no secrets.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{request} failed at {origin}{}", request_id_text(.request_id.as_deref()))]
pub struct RequestError {
    /// What was asked: `GET https://cloud.example/compute/v2.1/flavors`.
    pub request: String,
    /// Where.
    pub origin: Origin,
    /// The HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// The cloud's own number for the request, for its operator to look for in logs.
    pub request_id: Option<String>,
    /// Why it did not work.
    #[source]
    pub problem: Problem,
}

fn request_id_text(id: Option<&str>) -> String {
    id.map(|id| format!(" ({id})")).unwrap_or_default()
}

/// Which cloud, region and service a request went to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The cloud, as clouds.yaml calls it.
    pub cloud: String,
    /// The region, if one was chosen.
    pub region: Option<String>,
    /// The type of the service.
    pub service: String,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.region {
            Some(region) => write!(f, "{} of cloud {} (region {region})", self.service, self.cloud),
            None => write!(f, "{} of cloud {}", self.service, self.cloud),
        }
    }
}

/// Why a request failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// Nothing listens at the address.
    #[error("connection refused")]
    ConnectionRefused,
    /// No complete answer in time; whether the request had its effect is not known.
    #[error("no complete answer within {} s", after.as_secs_f64())]
    Deadline {
        /// The deadline.
        after: Duration,
    },
    /// The host's name is not known.
    #[error("the host's name cannot be looked up: {0}")]
    NameUnknown(String),
    /// The connection could not be made or broke before an answer.
    #[error("no connection: {0}")]
    Unreachable(String),
    /// The answer ended before it was complete.
    #[error("the answer ends in the middle")]
    Truncated,
    /// The certificate is not signed by an authority that is trusted.
    #[error("the certificate is not signed by an authority that is trusted here")]
    CertificateUnknown,
    /// The certificate is for another name.
    #[error("the certificate is for another name than the address has")]
    CertificateName,
    /// The certificate is not valid now.
    #[error("the certificate is not valid at this time")]
    CertificateTime,
    /// TLS failed in another way.
    #[error("no TLS connection: {0}")]
    Tls(String),
    /// 401 for a login.
    #[error("the login was refused (401): {0}")]
    LoginRefused(String),
    /// 401 for a request, after a second login if one was possible.
    #[error("the token is not accepted (401): {0}")]
    Unauthorized(String),
    /// The token has come to its end and cannot be renewed.
    #[error("the token expired at {0} and cannot be renewed by this way of logging in")]
    TokenExpired(String),
    /// 403.
    #[error("not allowed (403): {0}")]
    Forbidden(String),
    /// 404.
    #[error("not found (404): {0}")]
    NotFound(String),
    /// 409.
    #[error("in conflict with something that exists (409): {0}")]
    Conflict(String),
    /// 413 and 429 that stayed so after waiting.
    #[error("the cloud asks for fewer requests ({code}): {message}")]
    TooManyRequests {
        /// The HTTP status.
        code: u16,
        /// What the cloud said.
        message: String,
    },
    /// Another status from 300 to 499.
    #[error("refused ({code}): {message}")]
    Rejected {
        /// The HTTP status.
        code: u16,
        /// What the cloud said.
        message: String,
    },
    /// A status from 500.
    #[error("the service has a problem ({code}): {message}")]
    Server {
        /// The HTTP status.
        code: u16,
        /// What the cloud said.
        message: String,
    },
    /// The answer is not what this interface answers.
    #[error("the answer cannot be read: {0}")]
    Garbage(String),
    /// The answer is larger than allowed.
    #[error("the answer is larger than {limit} bytes")]
    TooLarge {
        /// The bound.
        limit: usize,
    },
    /// A listing is longer than allowed or goes in a circle.
    #[error("the listing does not end: {0}")]
    Endless(String),
    /// The catalogue has no such service.
    #[error("the catalogue has no endpoint for {service}; it has {known}")]
    NoEndpoint {
        /// What was looked for, with region and interface.
        service: String,
        /// The types in the catalogue, or `nothing`.
        known: String,
    },
    /// The token came without a catalogue, as one without a scope does.
    #[error("the token has no catalogue, because it has no scope")]
    NoCatalogue,
    /// The service does not speak the microversion.
    #[error("the service speaks microversions {speaks}, not {wanted}")]
    Microversion {
        /// What was asked for.
        wanted: String,
        /// What it has.
        speaks: String,
    },
    /// The session only reads, and this request would change something. Nothing was sent.
    #[error("this session only reads; {method} was not sent")]
    ReadOnly {
        /// The method of the request.
        method: Method,
    },
    /// The recording does not have this request.
    #[error("the recording does not have this request")]
    NotRecorded,
    /// The request had failed when the recording was made.
    #[error("when this was recorded: {0}")]
    WhenRecorded(String),
    /// The recording cannot be written.
    #[error("the recording cannot be written: {0}")]
    RecordingFailed(String),
}

impl RequestError {
    /// Tells whether the same request may work a little later.
    pub const fn is_transient(&self) -> bool {
        self.problem.is_transient()
    }

    /// Tells whether the service could not be reached at all, as opposed to one that answered.
    pub const fn is_unreachable(&self) -> bool {
        matches!(
            self.problem,
            Problem::ConnectionRefused
                | Problem::Deadline { .. }
                | Problem::NameUnknown(_)
                | Problem::Unreachable(_)
                | Problem::CertificateUnknown
                | Problem::CertificateName
                | Problem::CertificateTime
                | Problem::Tls(_)
        )
    }

    /// Tells whether the cloud said that this user may not do this.
    pub const fn is_forbidden(&self) -> bool {
        matches!(self.problem, Problem::Forbidden(_))
    }

    /// Tells whether this may be because of the microversion: the service does not speak it, or a recording has the answer at another one.
    ///
    /// Source: API SIG guideline "Microversion Specification" – one that is not supported is answered with 406.
    pub const fn is_about_microversion(&self) -> bool {
        matches!(
            self.problem,
            Problem::Microversion { .. } | Problem::Rejected { code: 406, .. } | Problem::NotRecorded
        )
    }

    /// Tells whether the cloud said that there is no such thing.
    pub const fn is_not_found(&self) -> bool {
        matches!(self.problem, Problem::NotFound(_))
    }

    /// Returns the next action, as one sentence.
    pub fn hint(&self) -> String {
        let Origin { cloud, service, .. } = &self.origin;
        let openstack = format!("openstack --os-cloud {cloud}");
        match &self.problem {
            Problem::ConnectionRefused | Problem::Deadline { .. } | Problem::Unreachable(_) | Problem::Truncated => {
                format!(
                    "check that {service} is up and can be reached from here: `{openstack} --debug token issue` shows what is tried"
                )
            }
            Problem::NameUnknown(_) => {
                "check the address in clouds.yaml or in the catalogue, and the name service here".to_owned()
            }
            Problem::CertificateUnknown => {
                format!(
                    "put the authority that signed the certificate into a file and name it as `cacert` of cloud {cloud}"
                )
            }
            Problem::CertificateName => "use an address that the certificate is for".to_owned(),
            Problem::CertificateTime => "have the certificate renewed, or set the clock here right".to_owned(),
            Problem::Tls(_) => {
                "check that the address speaks TLS 1.2 or 1.3, and the client certificate if one is configured"
                    .to_owned()
            }
            Problem::LoginRefused(_) => {
                format!("check user, domain, project and secret of cloud {cloud}: `{openstack} token issue`")
            }
            Problem::Unauthorized(_) | Problem::TokenExpired(_) => {
                format!("log in again: `{openstack} token issue`; an application credential renews its token by itself")
            }
            Problem::Forbidden(_) => {
                format!("use a user whose roles allow this: `{openstack} role assignment list --names --user USER`")
            }
            Problem::NotFound(_) => {
                format!("check that {service} has this resource, and that the endpoint is the right one")
            }
            Problem::Conflict(_) => "see what exists already, and try again".to_owned(),
            Problem::TooManyRequests { .. } => "wait, or ask the provider for a higher rate limit".to_owned(),
            Problem::Rejected { .. } => "read what the cloud says".to_owned(),
            Problem::Server { .. } => {
                format!("give the provider the request id and the time; the cause is in the log of {service}")
            }
            Problem::Garbage(_) | Problem::TooLarge { .. } | Problem::Endless(_) => {
                format!("check that the address is the {service} service and not something in front of it")
            }
            Problem::NoEndpoint { .. } => {
                format!("compare with `{openstack} catalog list`; region and interface must match too")
            }
            Problem::NoCatalogue => format!("give cloud {cloud} a `project_name` or `project_id`"),
            Problem::Microversion { .. } => {
                format!("the {service} service is older or newer than this program expects")
            }
            Problem::ReadOnly { .. } => "allow changes, if they are wanted".to_owned(),
            Problem::NotRecorded => "record the cloud again with this version of the program".to_owned(),
            Problem::WhenRecorded(_) => "mend the cause at the cloud and record it again".to_owned(),
            Problem::RecordingFailed(_) => "check that the folder is there, is empty and has room".to_owned(),
        }
    }
}

impl Problem {
    /// Tells whether the same request may work a little later.
    pub const fn is_transient(&self) -> bool {
        match self {
            Problem::ConnectionRefused
            | Problem::Deadline { .. }
            | Problem::Unreachable(_)
            | Problem::Truncated
            | Problem::TooManyRequests { .. } => true,
            Problem::Server { code, .. } => matches!(*code, 500 | 502..=504),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_everything_and_keeps_its_part() {
        let error = RequestError {
            request: "GET https://c.example/v2.1/flavors".to_owned(),
            origin: Origin {
                cloud: "c".to_owned(),
                region: Some("r1".to_owned()),
                service: "compute".to_owned(),
            },
            status: Some(503),
            request_id: Some("req-1".to_owned()),
            problem: Problem::Server {
                code: 503,
                message: "m".to_owned(),
            },
        };
        assert_eq!(
            error.to_string(),
            "GET https://c.example/v2.1/flavors failed at compute of cloud c (region r1) (req-1)"
        );
        assert_eq!(
            std::error::Error::source(&error).unwrap().to_string(),
            "the service has a problem (503): m"
        );
        assert!(error.is_transient() && !error.is_unreachable());
        assert!(error.hint().contains("request id"), "{}", error.hint());
    }
}
