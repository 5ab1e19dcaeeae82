//! Adapter: OpenStack clouds.
//!
//! [`Clouds::load`] reads clouds.yaml, secure.yaml, clouds-public.yaml and the `OS_…` variables as the tools of OpenStack do; [`Clouds::choose`] makes one
//! [`CloudConfig`] of them. [`Session::connect`] prepares a session, [`Session::service`] finds a [`Service`] in the catalogue, and [`Service::json`],
//! [`Service::list`] and [`Service::send`] ask it, and [`Service::put`] sends a body while it is being made ([`upload`]). What comes back is JSON as the cloud sent it: the meaning is left to the operations.
//!
//! Every request goes through one place, where a session that only reads ([`Access::ReadOnly`], the default) refuses whatever could change anything, and where a
//! cloud can be recorded ([`SessionOptions::record`]) and read again without it ([`Session::replay`]). Requests have deadlines and bounds ([`Limits`]);
//! those that may be are repeated after 429, 503 and broken connections; a token that ends is renewed once.
//!
//! What fails is a [`RequestError`]: it names cloud, region, service, request, status and the cloud's own request id, says by [`RequestError::is_transient`] whether
//! trying again helps, and has a [`RequestError::hint`]. Secrets are masked wherever something is shown or written.
//!
//! This crate reads no environment and no home directory: [`Surroundings`] come from the caller. With feature `fake`, module `fake` has a small cloud in this process.

mod access;
mod config;
mod discovery;
mod error;
mod exchange;
#[cfg(feature = "fake")]
pub mod fake;
mod keystone;
mod limits;
mod page;
mod post;
mod recording;
mod reply;
mod request;
mod service;
mod service_type;
mod session;
mod tls;
mod token;
mod transport;
mod upload;
mod url;
mod wire;

pub use access::{Access, Method};
pub use config::{
    Auth, CloudChoice, CloudConfig, Clouds, ConfigError, CredentialName, DomainName, Interface, ProjectName, Scope,
    ServiceOptions, Surroundings, TlsOptions, UserName, Warning,
};
pub use error::{Origin, Problem, RequestError};
pub use exchange::Exchange;
pub use hyper::body::Bytes;
pub use limits::Limits;
pub use post::{Post, PostError, post};
pub use recording::RecordingError;
pub use request::{Answer, Microversion, MicroversionError, Request};
pub use service::Service;
pub use service_type::ServiceType;
pub use session::{Session, SessionError, SessionOptions};
pub use tls::TlsError;
pub use token::{CatalogEndpoint, CatalogService, Named, Token, TokenInfo};
pub use upload::{Upload, UploadClosed, UploadPatience, UploadWriter, upload, upload_of_any_length};
