//! Every question that this crate can ask: a read-only command and the type of its answer.

use std::marker::PhantomData;

use serde::de::DeserializeOwned;

use crate::answer::{
    AuthList, ConfigEntry, ConfigKeys, CrushDump, DaemonMetadata, FsDump, HealthDetail, MgrDump, MgrModules, MonDump,
    NodeList, OrchStatus, OrchUpgradeStatus, OsdDf, OsdDump, OsdMetadata, OsdTree, QuorumStatus, RealmList,
    ServiceDump, Status, Versions, ZoneList, ZonegroupList,
};
use crate::{AnswerError, CephCommand, CephCommands, CephError, CephProgram, json};

/// A read-only command together with the type of its answer.
pub struct Query<T> {
    program: CephProgram,
    words: &'static [&'static str],
    needs: &'static str,
    answer: PhantomData<fn() -> T>,
}

const fn ceph<T>(words: &'static [&'static str], needs: &'static str) -> Query<T> {
    Query {
        program: CephProgram::Ceph,
        words,
        needs,
        answer: PhantomData,
    }
}

const fn radosgw_admin<T>(words: &'static [&'static str]) -> Query<T> {
    Query {
        program: CephProgram::RadosgwAdmin,
        words,
        needs: "mon 'allow r', osd 'allow rwx'",
        answer: PhantomData,
    }
}

const MON_R: &str = "mon 'allow r'";
const MGR_R: &str = "mon 'allow r', mgr 'allow r'";

/// Health with details.
pub const HEALTH: Query<HealthDetail> = ceph(&["health", "detail"], MON_R);
/// Versions that run.
pub const VERSIONS: Query<Versions> = ceph(&["versions"], MON_R);
/// The mon map.
pub const MON_DUMP: Query<MonDump> = ceph(&["mon", "dump"], MON_R);
/// Quorum and leader.
pub const QUORUM_STATUS: Query<QuorumStatus> = ceph(&["quorum_status"], MON_R);
/// The mgr map.
pub const MGR_DUMP: Query<MgrDump> = ceph(&["mgr", "dump"], MON_R);
/// Mgr modules.
pub const MGR_MODULES: Query<MgrModules> = ceph(&["mgr", "module", "ls"], MON_R);
/// The OSD map with pools.
pub const OSD_DUMP: Query<OsdDump> = ceph(&["osd", "dump"], MON_R);
/// What OSDs say of themselves.
pub const OSD_METADATA: Query<Vec<OsdMetadata>> = ceph(&["osd", "metadata"], MON_R);
/// How full OSDs are.
pub const OSD_DF: Query<OsdDf> = ceph(&["osd", "df"], MGR_R);
/// The CRUSH tree as people see it.
pub const OSD_TREE: Query<OsdTree> = ceph(&["osd", "tree"], MON_R);
/// The CRUSH map.
pub const CRUSH_DUMP: Query<CrushDump> = ceph(&["osd", "crush", "dump"], MON_R);
/// PGs by state.
pub const STATUS: Query<Status> = ceph(&["status"], MON_R);
/// File systems and MDS daemons.
pub const FS_DUMP: Query<FsDump> = ceph(&["fs", "dump"], MON_R);
/// The service map.
pub const SERVICE_DUMP: Query<ServiceDump> = ceph(&["service", "dump"], MON_R);
/// Auth entities and caps.
pub const AUTH_LS: Query<AuthList> = ceph(&["auth", "ls"], "mon 'allow rx'");
/// Central configuration.
pub const CONFIG_DUMP: Query<Vec<ConfigEntry>> = ceph(&["config", "dump"], MON_R);
/// Names in the config-key store.
pub const CONFIG_KEY_LS: Query<ConfigKeys> = ceph(&["config-key", "ls"], MON_R);
/// The orchestrator.
pub const ORCH_STATUS: Query<OrchStatus> = ceph(&["orch", "status"], MGR_R);
/// The orchestrator's upgrade; only where there is a backend.
pub const ORCH_UPGRADE_STATUS: Query<OrchUpgradeStatus> = ceph(&["orch", "upgrade", "status"], MGR_R);
/// Hosts of daemons.
pub const NODE_LS: Query<NodeList> = ceph(&["node", "ls"], MON_R);
/// What mons say of themselves.
pub const MON_METADATA: Query<Vec<DaemonMetadata>> = ceph(&["mon", "metadata"], MON_R);
/// What mgrs say of themselves.
pub const MGR_METADATA: Query<Vec<DaemonMetadata>> = ceph(&["mgr", "metadata"], MON_R);
/// What MDS daemons say of themselves.
pub const MDS_METADATA: Query<Vec<DaemonMetadata>> = ceph(&["mds", "metadata"], MON_R);
/// Realms; ask only where pool `.rgw.root` exists, for `radosgw-admin` makes it otherwise.
pub const REALM_LIST: Query<RealmList> = radosgw_admin(&["realm", "list"]);
/// Zonegroups; ask only where pool `.rgw.root` exists.
pub const ZONEGROUP_LIST: Query<ZonegroupList> = radosgw_admin(&["zonegroup", "list"]);
/// Zones; ask only where pool `.rgw.root` exists.
pub const ZONE_LIST: Query<ZoneList> = radosgw_admin(&["zone", "list"]);

/// Returns the command that asks how the RBD images of a pool are mirrored; its answer is a `MirrorInfo`.
///
/// It needs `mon 'allow r', osd 'allow r'`.
pub fn mirror_pool_info(pool: &str) -> CephCommand {
    // `--pool=` and not two words: a pool's name may begin with a dash.
    CephCommand::new(
        CephProgram::Rbd,
        ["mirror".into(), "pool".into(), "info".into(), format!("--pool={pool}")],
    )
}

/// Runs a command and reads its answer.
///
/// # Errors
///
/// Any [`CephError`].
pub async fn ask<T: DeserializeOwned>(ceph: &dyn CephCommands, command: &CephCommand) -> Result<T, CephError> {
    let place = ceph.place();
    let output = match ceph.run(command).await {
        Ok(output) => output,
        Err(error) => return Err(CephError::transport(place, command, error)),
    };
    if output.status != 0 {
        return Err(CephError::of_status(place, command, &output));
    }
    json::read(&output.stdout).map_err(|source| CephError::Garbage {
        place,
        command: command.to_string(),
        source,
    })
}

impl<T: DeserializeOwned> Query<T> {
    /// Returns the command.
    pub fn command(&self) -> CephCommand {
        CephCommand::new(self.program, self.words.iter().copied())
    }

    /// Returns the caps that the key needs for it, as `ceph auth` writes them.
    pub fn needs(&self) -> &'static str {
        self.needs
    }

    /// Reads an answer.
    ///
    /// # Errors
    ///
    /// [`AnswerError`] if it is not JSON or lacks what must be there.
    pub fn read(&self, bytes: &[u8]) -> Result<T, AnswerError> {
        json::read(bytes)
    }

    /// Runs the command and reads its answer.
    ///
    /// # Errors
    ///
    /// Any [`CephError`].
    pub async fn ask(&self, ceph: &dyn CephCommands) -> Result<T, CephError> {
        ask(ceph, &self.command()).await
    }
}
