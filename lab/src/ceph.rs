//! A legacy Ceph cluster: mons, mgrs and OSDs as the packages' systemd units, born on the nodes' own disks.

use std::time::Duration;

use camino::Utf8Path;
use serde_json::Value;

use crate::command::{Output, wait_for};
use crate::error::{LabError, Result};
use crate::progress::{Parts, all_at_once};
use crate::spec::Spec;

const KEYS: &str = include_str!("../recipes/ceph/keys.sh");
const MON: &str = include_str!("../recipes/ceph/mon.sh");
const MGR: &str = include_str!("../recipes/ceph/mgr.sh");
const OSDS: &str = include_str!("../recipes/ceph/osds.sh");
const PART: &str = "Ceph";

/// The pool that clients use.
pub const POOL: &str = "volumes";
/// The image in it.
pub const IMAGE: &str = "disk";
/// The size of the image.
const IMAGE_SIZE: &str = "4G";
/// Who the clients are.
pub const CLIENT_NAME: &str = "client.volumes";
/// Size of an OSD's disk, a sparse file.
pub(crate) const DISK_BYTES: u64 = 12 << 30;

/// A storage node as the cluster sees it.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) node: String,
    pub(crate) address: String,
    /// Where its root lies, seen from the machine.
    pub(crate) root: camino::Utf8PathBuf,
    /// Its OSDs' devices.
    pub(crate) devices: Vec<String>,
    /// The id of its mon, if it has one.
    pub(crate) mon: Option<String>,
    pub(crate) has_mgr: bool,
}

/// How a script with arguments is run on a node.
pub(crate) type Run<'a> = dyn Fn(&str, &str, &[&str], Duration) -> Result<Output> + Sync + 'a;

/// Returns the configuration that all nodes and clients share.
pub(crate) fn configuration(spec: &Spec, fsid: &str, mons: &[String], subnet: &str) -> String {
    let size = spec.nodes.min(3);
    // On one node, the replicas can only be on its OSDs.
    let (size, chooseleaf) = if spec.nodes == 1 {
        (spec.osds_per_node.clamp(1, 3), 0)
    } else {
        (size, 1)
    };
    format!(
        "[global]\n\
         fsid = {fsid}\n\
         mon_host = {}\n\
         public_network = {subnet}\n\
         auth_client_required = cephx\n\
         auth_cluster_required = cephx\n\
         auth_service_required = cephx\n\
         osd_pool_default_size = {size}\n\
         osd_crush_chooseleaf_type = {chooseleaf}\n\
         osd_memory_target = 939524096\n\
         mon_osd_min_in_ratio = 0.2\n\
         # Without `restful`: its bcrypt cannot be loaded in Debian's mgr, and a module that fails is a health warning.\n\
         mgr_initial_modules = iostat nfs\n\
         # The nodes share one disk with everything else on the machine; its fill level says nothing about the cluster.\n\
         mon_data_avail_warn = 2\n\
         mon_data_avail_crit = 1\n\
         # Nor does it say anything about the cluster when heartbeats of OSDs that share two cores are late; that warning would stay for 15 minutes.\n\
         mon_warn_on_slow_ping_time = 60000\n\
         [mgr]\n\
         # What placement groups do is seen after one second instead of five.\n\
         mgr_stats_period = 1\n",
        mons.join(",")
    )
}

/// Makes the cluster and the clients' pool, and waits until all is well.
pub(crate) fn make(parts: &Parts<'_>, spec: &Spec, fsid: &str, members: &[Member], run: &Run<'_>) -> Result<()> {
    let first = &members[0];
    let mons: Vec<&Member> = members.iter().filter(|member| member.mon.is_some()).collect();
    parts.run("Ceph: mons", || {
        let mut words = vec![fsid];
        for member in &mons {
            words.extend([member.mon.as_deref().expect("filtered"), member.address.as_str()]);
        }
        run(&first.node, KEYS, &words, Duration::from_secs(60))?;
        for member in members {
            place_seed(&first.root, member)?;
        }
        all_at_once(&mons, |member| {
            let id = member.mon.as_deref().expect("filtered");
            run(&member.node, MON, &[id], Duration::from_secs(60)).map(drop)
        })?;
        quorum(&first.node, mons.len(), run)?;
        // Clusters of today have this off; a mon of before would warn about it.
        ask(
            run,
            &first.node,
            &["config", "set", "mon", "auth_allow_insecure_global_id_reclaim", "false"],
        )
        .map(drop)
    })?;
    // Mgrs only wait for keys and imports; OSDs only for the mons. Together they take as long as the longer one.
    std::thread::scope(|scope| {
        let mgrs: Vec<&Member> = members.iter().filter(|member| member.has_mgr).collect();
        let starting = scope.spawn(move || {
            parts.run("Ceph: mgrs", || {
                all_at_once(&mgrs, |member| {
                    run(&member.node, MGR, &[&member.node], Duration::from_secs(90)).map(drop)
                })
            })
        });
        let osds = parts.run("Ceph: OSDs", || {
            all_at_once(members, |member| {
                let devices: Vec<&str> = member.devices.iter().map(String::as_str).collect();
                if devices.is_empty() {
                    return Ok(());
                }
                run(&member.node, OSDS, &devices, Duration::from_secs(240)).map(drop)
            })
        });
        let mgrs = starting.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        mgrs.and(osds)
    })?;
    if spec.osds_per_node == 0 {
        return Ok(());
    }
    parts.run("Ceph: pool and all placement groups clean", || {
        for words in [
            &["osd", "pool", "create", POOL, "32", "32"][..],
            &["osd", "pool", "application", "enable", POOL, "rbd"],
        ] {
            ask(run, &first.node, words)?;
        }
        wait_until_clean(&first.node, usize::from(spec.nodes * spec.osds_per_node), run)?;
        let script = "timeout 60 rbd create --size \"$1\" \"$2\"";
        run(
            &first.node,
            script,
            &[IMAGE_SIZE, &format!("{POOL}/{IMAGE}")],
            Duration::from_secs(70),
        )
        .map(drop)
    })
}

/// Puts the seed of the first node into another's root, where its own scripts expect it, and the keys where the packages look for them.
fn place_seed(from: &Utf8Path, member: &Member) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let seed = from.join("root/seed");
    let own = member.root.join("root/seed");
    std::fs::create_dir_all(&own).map_err(LabError::file("make", &own))?;
    for name in ["mon.keyring", "admin.keyring", "bootstrap-osd.keyring", "monmap"] {
        if own != seed {
            let to = own.join(name);
            std::fs::copy(seed.join(name), &to).map_err(LabError::file("copy", &to))?;
        }
    }
    let admin = member.root.join("etc/ceph/ceph.client.admin.keyring");
    let placed = std::fs::copy(seed.join("admin.keyring"), &admin);
    let placed = placed.and_then(|_| std::fs::set_permissions(&admin, std::fs::Permissions::from_mode(0o600)));
    placed.map_err(LabError::file("write", &admin))
}

fn ask(run: &Run<'_>, node: &str, words: &[&str]) -> Result<String> {
    Ok(run(node, "exec timeout 60 ceph \"$@\"", words, Duration::from_secs(70))?.stdout)
}

fn ask_json(run: &Run<'_>, node: &str, words: &[&str]) -> std::result::Result<Value, String> {
    let mut all = vec!["--connect-timeout", "5", "--format", "json"];
    all.extend(words);
    let text = ask(run, node, &all).map_err(|error| error.to_string())?;
    serde_json::from_str(&text).map_err(|error| error.to_string())
}

fn quorum(node: &str, mons: usize, run: &Run<'_>) -> Result<()> {
    wait_for(PART, "all mons to be in quorum", Duration::from_secs(90), || {
        let status = ask_json(run, node, &["quorum_status"])?;
        let names = status["quorum_names"].as_array().map_or(0, Vec::len);
        if names == mons {
            Ok(())
        } else {
            Err(format!("{names} of {mons}: {}", status["quorum_names"]))
        }
    })
}

/// Waits until all OSDs are up and in and all placement groups active+clean.
pub(crate) fn wait_until_clean(node: &str, osds: usize, run: &Run<'_>) -> Result<()> {
    wait_for(
        PART,
        "all OSDs up and all placement groups active+clean",
        Duration::from_secs(180),
        || {
            let status = ask_json(run, node, &["status"])?;
            let (map, groups) = (&status["osdmap"], &status["pgmap"]);
            let count = |value: &Value| value.as_u64().unwrap_or_default();
            let up = count(&map["num_up_osds"]) as usize == osds && count(&map["num_in_osds"]) as usize == osds;
            let clean = groups["pgs_by_state"].as_array().is_some_and(|states| {
                !states.is_empty() && states.iter().all(|state| state["state_name"] == "active+clean")
            });
            if up && clean {
                Ok(())
            } else {
                Err(format!("{}, {}", map, groups["pgs_by_state"]))
            }
        },
    )
}

/// Returns the clients' keyring, made if it is not there.
pub(crate) fn client_keyring(node: &str, run: &Run<'_>) -> Result<String> {
    let pool = format!("profile rbd pool={POOL}");
    ask(
        run,
        node,
        &["auth", "get-or-create", CLIENT_NAME, "mon", "profile rbd", "osd", &pool],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_node_keeps_its_replicas_on_its_own_osds() {
        let usual = Spec::usual("dev".parse().unwrap(), None);
        let mons = ["10.77.1.11".to_owned()];
        let three = configuration(&usual, "f", &mons, "10.77.1.0/24");
        assert!(three.contains("osd_pool_default_size = 3") && three.contains("osd_crush_chooseleaf_type = 1"));
        let one = configuration(&Spec { nodes: 1, ..usual }, "f", &mons, "10.77.1.0/24");
        assert!(one.contains("osd_pool_default_size = 2") && one.contains("osd_crush_chooseleaf_type = 0"));
    }
}
