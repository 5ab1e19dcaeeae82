//! The mons: where each runs, where its store lies and where Rook will look for it.

use camino::Utf8PathBuf;
use reeve_ceph::DaemonName;
use reeve_host::HostName;

use super::index::Index;
use super::natural::Natural;
use crate::facts::{Facts, Mon, UserIds};
use crate::plan::PlanError;

/// The user and group that Ceph has in Rook's images.
///
/// Source: rook: `pkg/operator/ceph/controller/spec.go`, `CephUserID`.
pub(crate) const ROOK_OWNER: UserIds = UserIds { uid: 167, gid: 167 };

/// A mon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MonSite {
    pub(crate) id: String,
    pub(crate) host: HostName,
    pub(crate) unit: String,
    pub(crate) unit_path: String,
    /// Its IP address, without brackets.
    pub(crate) ip: String,
    /// The address that goes into Rook's list: v1 where it has one.
    pub(crate) endpoint: String,
    pub(crate) has_v2: bool,
    pub(crate) leader: bool,
    /// TCP ports that it listens on.
    pub(crate) ports: Vec<u16>,
    pub(crate) store: Utf8PathBuf,
    pub(crate) target: Utf8PathBuf,
    pub(crate) owner: UserIds,
}

impl MonSite {
    pub(crate) fn daemon(&self) -> DaemonName {
        DaemonName::mon(&self.id)
    }
}

/// Returns the mons in the order of their hand-over: as people count, the leader last.
pub(super) fn mons(facts: &Facts, index: &Index<'_>) -> Result<Vec<MonSite>, PlanError> {
    let ceph = &facts.ceph;
    let mut mons = Vec::with_capacity(ceph.monmap.mons.len());
    for mon in &ceph.monmap.mons {
        if !ceph.quorum.names.contains(&mon.name) {
            let daemon = DaemonName::mon(&mon.name);
            return Err(PlanError::daemon(
                &daemon,
                "it is not in quorum",
                "bring it back, or remove it from the mon map",
            ));
        }
        mons.push(site(facts, index, mon)?);
    }
    if mons.is_empty() {
        return Err(PlanError::cluster(
            "the mon map has no mon",
            "check the survey's admin host",
        ));
    }
    mons.sort_by_cached_key(|mon| (mon.leader, Natural::new(&mon.id)));
    for pair in mons
        .iter()
        .enumerate()
        .flat_map(|(at, one)| mons[at + 1..].iter().map(move |two| (one, two)))
    {
        if pair.0.host == pair.1.host {
            let fact = format!("it runs on {}, as mon.{} does", pair.0.host, pair.1.id);
            let next = "move one of them to another host: Rook puts one mon on a node";
            return Err(PlanError::daemon(&pair.0.daemon(), fact, next));
        }
    }
    Ok(mons)
}

fn site(facts: &Facts, index: &Index<'_>, mon: &Mon) -> Result<MonSite, PlanError> {
    let daemon = DaemonName::mon(&mon.name);
    legal_id(&daemon)?;
    let found = index.unit(&daemon)?;
    let Some(store) = found.facts.mon_stores.iter().find(|store| store.mon == mon.name) else {
        let fact = format!("its data directory on {} was not found", found.host);
        return Err(PlanError::daemon(
            &daemon,
            fact,
            "see `mon_data` of the mon, and take the survey again",
        ));
    };
    if let Some(backend) = store.kv_backend.as_deref().filter(|it| *it != "rocksdb") {
        let fact = format!("its store is of kind {backend}");
        return Err(PlanError::daemon(
            &daemon,
            fact,
            "remove the mon and add it again, which makes a rocksdb store",
        ));
    }
    let root = facts.scope.data_dir_host_path.trim_end_matches('/');
    let folder = target_folder(&mon.name);
    let data_dir = found
        .facts
        .data_dir
        .require()
        .map_err(|because| PlanError::unknown(format!("{root} on {}", found.host), because))?;
    if data_dir.filesystem == "tmpfs" {
        let fact = format!("{root} lies in memory (tmpfs)");
        return Err(PlanError::host(
            found.host,
            fact,
            "choose a dataDirHostPath on a disk and take the survey again",
        ));
    }
    if data_dir.device != store.device {
        let fact = format!(
            "its store {} and {root} lie on different file systems, so it cannot be moved by rename",
            store.path
        );
        let next = "choose a dataDirHostPath on the store's file system (a bind mount does), and take the survey again";
        return Err(PlanError::daemon(&daemon, fact, next));
    }
    if data_dir.entries.contains(&folder) {
        let fact = format!("{root}/{folder} exists on {}", found.host);
        return Err(PlanError::daemon(
            &daemon,
            fact,
            "look what it is; a leftover of an earlier Rook must be moved away first",
        ));
    }
    let (Some(ip), Some(endpoint)) = (mon.ip(), mon.v1.as_ref().or(mon.v2.as_ref())) else {
        return Err(PlanError::daemon(
            &daemon,
            "the mon map gives it no address",
            "see `ceph mon dump`",
        ));
    };
    let port = |address: &String| address.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
    let mut ports: Vec<u16> = mon.v2.iter().chain(&mon.v1).filter_map(port).collect();
    ports.sort_unstable();
    Ok(MonSite {
        id: mon.name.clone(),
        host: found.host.clone(),
        unit: found.unit.unit.clone(),
        unit_path: found.unit.path.clone(),
        ip: ip.to_owned(),
        endpoint: endpoint.clone(),
        has_v2: mon.v2.is_some(),
        leader: facts.ceph.quorum.leader == mon.name,
        ports,
        store: Utf8PathBuf::from(&store.path),
        target: Utf8PathBuf::from(format!("{root}/{folder}/data")),
        owner: store.owner,
    })
}

/// Returns the folder under `dataDirHostPath` that holds the mon's `data`.
///
/// Source: rook: `pkg/operator/ceph/cluster/mon/config.go`, `dataDirRelativeHostPath`: an id with `mon` anywhere in it stands alone.
fn target_folder(id: &str) -> String {
    if id.contains("mon") {
        id.to_owned()
    } else {
        format!("mon-{id}")
    }
}

/// Refuses ids that cannot be part of a Kubernetes name: Rook names the Deployment `rook-ceph-mon-ID`.
fn legal_id(daemon: &DaemonName) -> Result<(), PlanError> {
    let id = &daemon.id;
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.';
    let edge = |byte: Option<&u8>| byte.is_some_and(|it| it.is_ascii_lowercase() || it.is_ascii_digit());
    let bytes = id.as_bytes();
    let legal = bytes.iter().copied().all(inner) && edge(bytes.first()) && edge(bytes.last()) && bytes.len() <= 50;
    if legal {
        return Ok(());
    }
    let fact = "Kubernetes does not allow its id in a name (small letters, digits, `-` and `.`, at most 50)";
    Err(PlanError::daemon(
        daemon,
        fact,
        "replace it by a mon with such an id before the take-over",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_with_mon_in_them_stand_alone() {
        assert_eq!(target_folder("n1"), "mon-n1");
        assert_eq!(target_folder("a"), "mon-a");
        assert_eq!(target_folder("ceph-mon1"), "ceph-mon1");
        assert_eq!(target_folder("monika"), "monika");
    }
}
