//! Kubernetes objects, whole, as the plan shows them and the run applies them.

pub(crate) mod cluster;
pub(crate) mod gate;
mod probe;
pub(crate) mod seed;

pub(crate) use probe::probe_pod;
