//! Object gateways and RBD mirroring.

use serde::{Deserialize, Serialize};

/// Answer to `radosgw-admin realm list`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct RealmList {
    /// Names.
    pub realms: Vec<String>,
}

/// Answer to `radosgw-admin zonegroup list`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct ZonegroupList {
    /// Names.
    pub zonegroups: Vec<String>,
}

/// Answer to `radosgw-admin zone list`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct ZoneList {
    /// Names.
    pub zones: Vec<String>,
}

/// Answer to `rbd mirror pool info`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct MirrorInfo {
    /// `disabled`, `pool`, `image`, `init-only`.
    pub mode: String,
}
