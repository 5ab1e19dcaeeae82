//! Survey: reads the world into facts, and changes nothing.
//!
//! A [`Survey`] starts from one admin host and a [`KubernetesSource`]. It asks Ceph on the admin host (`ceph`), learns from the answers which
//! hosts there are, finds the name that each is reached by, asks each host (`host`), and puts everything into [`Facts`](crate::facts::Facts).
//! Every command that it may run is in [`commands`]; all of them only read, and `docs/src/reference/survey.md` says what right each needs.
//!
//! What fails on the way decides between three ends: a question that nobody can do without is a [`SurveyError`], with the exit status
//! ([`SurveyError::is_unreachable`]) and the next action ([`SurveyError::hint`]); a host that does not answer is a fact of its own; any other
//! answer that is missing becomes an unknown fact with its reason.

mod ceph;
mod documented;
mod error;
mod generated;
pub(crate) mod host;
mod kubernetes;
mod kubernetes_source;
mod names;
mod progress;
mod recording;
mod secrets;
mod take;

pub use documented::{DocumentedCommand, Runs, commands};
pub use error::SurveyError;
pub use generated::recording_of;
pub use kubernetes::{KubernetesCluster, read as read_kubernetes};
pub use kubernetes_source::{KubernetesSource, KubernetesSourceError};
pub use progress::{Progress, SurveyEvent};
pub use recording::without_secrets;
pub use take::{Survey, replayed};
