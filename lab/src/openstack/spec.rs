//! What a laboratory of this kind should be made of.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::profile::Profile;
use crate::spec::LabName;

/// What a laboratory of this kind should be made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenStackSpec {
    /// Its name.
    pub name: LabName,
    /// What is broken in it from the beginning.
    pub profiles: BTreeSet<Profile>,
}

/// Memory of the whole cloud and one small guest: measured 4.0 GiB proportional set size, and 256 MiB for a guest, rounded up.
pub(super) const MEMORY_BYTES: u64 = 4608 << 20;
