//! clouds.yaml, secure.yaml, clouds-public.yaml and the `OS_…` variables, as the tools of OpenStack read them.

mod choose;
mod cloud;
mod error;
mod files;
mod merge;
mod resolve;
mod tree;

pub use choose::{CloudChoice, Clouds};
pub use cloud::{
    Auth, CloudConfig, CredentialName, DomainName, Interface, ProjectName, Scope, ServiceOptions, TlsOptions, UserName,
    Warning,
};
pub use error::ConfigError;
pub use files::Surroundings;
