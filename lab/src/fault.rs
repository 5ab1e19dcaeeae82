//! Faults of a real cluster, each with its inverse.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::cgroup;
use crate::error::Result;
use crate::image::CEPH_IMAGE;
use crate::lab::Lab;
use crate::state::{Lock, Record};
use crate::up::boot_one;
use crate::{ceph, rook};

const ASK: &str = "exec timeout 60 ceph \"$@\"";
const MINUTE: Duration = Duration::from_secs(70);
/// Where a node's Ceph image is kept while it is missing.
const KEPT_IMAGE: &str = "docker.io/lab/kept:1";
/// The gate that a run left which died: as a hand-over makes it.
const STALE_GATE: &str = include_str!("../recipes/fault/stale-gate.yaml");
/// The pool that has only one copy of everything.
const SCRATCH: &str = "scratch";

/// Something that can be broken, and repaired again. A repeat of either changes nothing more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum Fault {
    /// The mon of a node is stopped.
    StoppedMon {
        /// The node.
        node: String,
    },
    /// The OSDs of a node are stopped: placement groups are not clean.
    StoppedOsds {
        /// The node.
        node: String,
    },
    /// OSDs count as nearly full.
    Nearfull,
    /// A pool keeps one copy only.
    PoolOfSizeOne,
    /// The CRUSH bucket of a node has another name than the node.
    CrushHostName {
        /// The node.
        node: String,
    },
    /// A data directory of an earlier Rook lies on a node.
    LeftoverDataDirectory {
        /// The node.
        node: String,
    },
    /// A node does not have the Ceph image.
    MissingImage {
        /// The node.
        node: String,
    },
    /// Clients may take over another's global id: CVE-2021-20288.
    InsecureGlobalId,
    /// Recovery is switched off by a flag.
    Norecover,
    /// The daemon gate of a run that died is still there.
    StaleGate,
    /// The kubelet of a node is stopped: the node becomes NotReady.
    StoppedKubelet {
        /// The node.
        node: String,
    },
    /// The power of a node is cut; the repair boots it.
    PowerCut {
        /// The node.
        node: String,
    },
}

impl Lab {
    /// Breaks something. It returns when the cause is there; what follows from it (a health check, a NotReady node) may take longer to show.
    ///
    /// # Errors
    ///
    /// [`crate::LabError`] of the command that failed.
    pub fn inject(&self, fault: &Fault) -> Result<()> {
        let scratch_size: &[&[&str]] = &[
            &["config", "set", "mon", "mon_allow_pool_size_one", "true"],
            &["osd", "pool", "create", SCRATCH, "1", "1"],
            &["osd", "pool", "application", "enable", SCRATCH, "rbd"],
            &["osd", "pool", "set", SCRATCH, "size", "1", "--yes-i-really-mean-it"],
        ];
        match fault {
            Fault::StoppedMon { node } => self.units(node, "stop", "ceph-mon@*"),
            Fault::StoppedOsds { node } => self.units(node, "stop", "ceph-osd@*"),
            Fault::Nearfull => self.ceph(&[&["osd", "set-nearfull-ratio", "0.001"]]),
            Fault::PoolOfSizeOne => self.ceph(scratch_size),
            Fault::CrushHostName { node } => self.rename_bucket(node, &other_name(node)),
            Fault::LeftoverDataDirectory { node } => self
                .script(node, "mkdir -p \"/var/lib/rook/mon-$1/data\"", &[node], MINUTE)
                .map(drop),
            Fault::MissingImage { node } => self.move_image(node, CEPH_IMAGE, KEPT_IMAGE),
            Fault::InsecureGlobalId => self.ceph(&[&["config", "set", "mon", GLOBAL_ID, "true"]]),
            Fault::Norecover => self.ceph(&[&["osd", "set", "norecover"]]),
            Fault::StaleGate => self.gate("apply"),
            Fault::StoppedKubelet { node } => self.script(node, "systemctl stop kubelet", &[], MINUTE).map(drop),
            Fault::PowerCut { node } => self.cut_power(node),
        }
    }

    /// Repairs what [`Lab::inject`] broke; harmless where nothing is broken.
    ///
    /// # Errors
    ///
    /// [`crate::LabError`] of the command that failed.
    pub fn repair(&self, fault: &Fault) -> Result<()> {
        match fault {
            Fault::StoppedMon { node } => self.start_enabled(node, "ceph-mon@"),
            Fault::StoppedOsds { node } => self.start_enabled(node, "ceph-osd@"),
            Fault::Nearfull => self.ceph(&[&["osd", "set-nearfull-ratio", "0.85"]]),
            Fault::PoolOfSizeOne => self.ceph(&[
                &["config", "set", "mon", "mon_allow_pool_delete", "true"],
                &[
                    "osd",
                    "pool",
                    "delete",
                    SCRATCH,
                    SCRATCH,
                    "--yes-i-really-really-mean-it",
                ],
                &["config", "rm", "mon", "mon_allow_pool_delete"],
                &["config", "rm", "mon", "mon_allow_pool_size_one"],
            ]),
            Fault::CrushHostName { node } => self.rename_bucket(&other_name(node), node),
            Fault::LeftoverDataDirectory { node } => self
                .script(node, "rm -rf \"/var/lib/rook/mon-$1\"", &[node], MINUTE)
                .map(drop),
            Fault::MissingImage { node } => self.move_image(node, KEPT_IMAGE, CEPH_IMAGE),
            Fault::InsecureGlobalId => self.ceph(&[&["config", "set", "mon", GLOBAL_ID, "false"]]),
            Fault::Norecover => self.ceph(&[&["osd", "unset", "norecover"]]),
            Fault::StaleGate => self.gate("delete"),
            Fault::StoppedKubelet { node } => self.script(node, "systemctl start kubelet", &[], MINUTE).map(drop),
            Fault::PowerCut { node } => self.restore_power(node),
        }
    }

    fn ceph(&self, commands: &[&[&str]]) -> Result<()> {
        for words in commands {
            self.script("n1", ASK, words, MINUTE)?;
        }
        Ok(())
    }

    fn units(&self, node: &str, verb: &str, pattern: &str) -> Result<()> {
        self.script(node, "systemctl \"$1\" \"$2\"", &[verb, pattern], MINUTE)
            .map(drop)
    }

    /// Starts the enabled units of a template: a stopped one matches no pattern of systemctl.
    fn start_enabled(&self, node: &str, template: &str) -> Result<()> {
        let text = "cd /etc/systemd/system; for link in *.wants/\"$1\"?*.service; do\n\
                    [ -L \"$link\" ] || continue; systemctl start \"${link##*/}\"; done";
        self.script(node, text, &[template], MINUTE).map(drop)
    }

    fn rename_bucket(&self, from: &str, to: &str) -> Result<()> {
        let text = "timeout 60 ceph osd crush dump --format json | jq -e --arg name \"$2\" '.buckets[] | select(.name == $name)' > /dev/null ||\n\
                    exec timeout 60 ceph osd crush rename-bucket \"$1\" \"$2\"";
        self.script("n1", text, &[from, to], MINUTE).map(drop)
    }

    fn move_image(&self, node: &str, from: &str, to: &str) -> Result<()> {
        let text = "images=$(ctr --namespace k8s.io images list --quiet)\n\
                    case \"$images\" in *\"$1\"*) ;; *) exit 0;; esac\n\
                    ctr --namespace k8s.io images tag --force \"$1\" \"$2\"\n\
                    ctr --namespace k8s.io images remove \"$1\"";
        self.script(node, text, &[from, to], MINUTE).map(drop)
    }

    fn gate(&self, verb: &str) -> Result<()> {
        let missing: &[&str] = if verb == "delete" { &["--ignore-not-found"] } else { &[] };
        let words = [verb, "--namespace", rook::NAMESPACE, "--filename", "-"];
        self.kubectl()
            .args(words)
            .args(missing.iter().copied())
            .input(STALE_GATE)
            .run()
            .map(drop)
    }

    /// Kills everything on a node at once, as a loss of power does.
    fn cut_power(&self, node: &str) -> Result<()> {
        let node = self.node(node)?;
        let mut dead = cgroup::Dead::new();
        for folder in self.cgroups.folders(&node.cgroup) {
            // The cgroups go too, with those of the pods in them; the boot makes them anew.
            let left = cgroup::clear(&folder, Duration::from_secs(30), &mut dead);
            if !left.is_empty() {
                return Err(crate::LabError::LeftBehind {
                    name: self.spec.name.to_string(),
                    left,
                });
            }
        }
        Ok(())
    }

    fn restore_power(&self, node: &str) -> Result<()> {
        let lock = Lock::of_lab(&self.places, &self.spec.name)?;
        let node = self.node(node)?;
        let recorded = self.recorded()?;
        if recorded
            .processes
            .iter()
            .any(|process| process.label == node.name() && process.is_running())
        {
            return Ok(());
        }
        self.cgroups.make(&node.cgroup)?;
        let record = Record::open(&self.folder)?;
        boot_one(self, &record, &node)?;
        drop(lock);
        Ok(())
    }

    /// Waits until all OSDs are up and in and all placement groups active+clean.
    ///
    /// # Errors
    ///
    /// [`crate::LabError::Waited`] after three minutes, with what was seen last.
    pub fn wait_until_clean(&self) -> Result<()> {
        let osds = usize::from(self.spec.nodes) * usize::from(self.spec.osds_per_node);
        let run = |node: &str, text: &str, words: &[&str], deadline: Duration| self.script(node, text, words, deadline);
        ceph::wait_until_clean("n1", osds, &run)
    }
}

const GLOBAL_ID: &str = "auth_allow_insecure_global_id_reclaim";

fn other_name(node: &str) -> String {
    format!("{node}-storage")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_written_by_name() {
        let text = serde_json::to_string(&Fault::PowerCut { node: "n2".into() }).unwrap();
        assert_eq!(text, r#"{"fault":"power_cut","node":"n2"}"#);
        assert_eq!(
            serde_json::from_str::<Fault>(&text).unwrap(),
            Fault::PowerCut { node: "n2".into() }
        );
    }
}
