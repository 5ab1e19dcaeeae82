//! Describes the pools that are there as CephBlockPools, so that applying them changes nothing.
//!
//! [`adopt`] is a pure function of facts. Each pool is either described ([`DescribedPool`]) or left with the reason ([`LeftPool`]); a
//! test holds it to that. What Rook does with a CephBlockPool of a pool that exists, and so what a description may hold, is written down at
//! the fields of `object`.

mod object;
mod pools;
mod yaml;

#[cfg(test)]
mod tests;

use serde::Serialize;

pub use object::{CephBlockPool, Metadata, Replicated, Spec};
pub use pools::{AdoptOptions, adopt};

/// What can be described, and what cannot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Adoption {
    /// Pools with their description, in the order of their numbers.
    pub described: Vec<DescribedPool>,
    /// Pools that are left as they are, in the order of their numbers.
    pub left: Vec<LeftPool>,
}

/// A pool and its description.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DescribedPool {
    /// The pool's name.
    pub pool: String,
    /// The CRUSH rule that Rook adds, which no pool uses; none where a rule of that name is there already.
    pub adds_rule: Option<String>,
    /// The description.
    pub object: CephBlockPool,
}

/// A pool that is left as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeftPool {
    /// The pool's name.
    pub pool: String,
    /// Why it is not described.
    pub because: String,
    /// What a person can do about it; empty where nothing is to be done.
    pub instead: String,
}
