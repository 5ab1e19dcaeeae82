//! The shapes of Ceph's answers, as far as they are used; one file per part of Ceph.

mod auth;
mod crush;
mod fs;
mod health;
mod mgr;
mod mon;
mod osd;
mod placement;
mod rgw;
mod service;

pub use auth::{AuthEntry, AuthList, ConfigEntry, ConfigKeys};
pub use crush::{CrushBucket, CrushDevice, CrushDump, CrushItem, CrushRule, CrushStep, CrushType};
pub use fs::{FsDump, FsMap, MdsInfo, MdsMap};
pub use health::{HealthCheck, HealthDetail, HealthWord, Message, Versions};
pub use mgr::{MgrDump, MgrModules, Named, OrchStatus, OrchUpgradeStatus};
pub use mon::{Address, Addresses, Ciphers, MonDump, MonEntry, QuorumStatus};
pub use osd::{OsdDf, OsdDfNode, OsdDump, OsdEntry, OsdMetadata, PoolEntry};
pub use placement::{DaemonMetadata, NodeList, OsdTree, PgMap, PgState, Status, TreeNode};
pub use rgw::{MirrorInfo, RealmList, ZoneList, ZonegroupList};
pub use service::{ServiceDaemon, ServiceDaemons, ServiceDump};
