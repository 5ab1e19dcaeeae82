//! What Rook manages now, what is still to be done by hand, and what not to do any more: from the plan, the run and the inventory.

mod standing;

use std::collections::{BTreeMap, BTreeSet};

use reeve_ceph::DaemonType;
use reeve_journal::RunDetail;

use super::history::History;
use super::inventory::Inventory;
use super::shape::{DaemonState, HandWork};
use super::work::Work;
use crate::check::{list, shell_word};
use crate::plan::steps::StepInput;
use crate::plan::{PlanOptions, StepContext};

/// Most names that one sentence lists.
const MOST_NAMES: usize = 12;

/// What the answers are made of.
pub(super) struct Tasks<'a> {
    pub(super) run: &'a RunDetail,
    pub(super) context: &'a StepContext,
    pub(super) options: &'a PlanOptions,
    pub(super) work: &'a Work,
    pub(super) history: &'a History,
    pub(super) inventory: &'a Inventory,
    pub(super) kept_in: Option<&'a str>,
}

fn work(id: &str, title: impl Into<String>, detail: impl Into<String>, commands: &[String]) -> HandWork {
    HandWork {
        id: id.into(),
        title: title.into(),
        detail: detail.into(),
        commands: commands.to_vec(),
    }
}

/// How the old daemons were deployed, as far as the names of their units tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Deployed {
    Packages,
    CephAnsible,
    Cephadm,
}

impl Tasks<'_> {
    /// Returns what must still be done by hand, the most pressing first.
    pub(super) fn by_hand(&self) -> Vec<HandWork> {
        let mut all = Vec::new();
        all.extend(self.go_on());
        all.extend(self.carry_by_hand());
        if self.on_rook().next().is_none() && self.retired().next().is_none() {
            // Nothing is Rook's, so nothing follows from it.
            all.extend(self.backups());
            return all;
        }
        all.extend(self.gateways());
        all.extend(self.filesystems());
        all.extend(self.pools());
        all.extend(self.settings());
        all.extend(self.operator_settings());
        all.extend(self.keys());
        all.extend(self.dashboard_login());
        all.extend(self.monitoring());
        all.extend(self.orchestrator());
        all.extend(self.revivers());
        all.extend(self.reboot());
        all.extend(self.old_units());
        all.extend(self.old_folders());
        all.extend(self.backups());
        all
    }

    fn on_rook(&self) -> impl Iterator<Item = &str> {
        let daemons = self
            .history
            .daemons
            .iter()
            .filter(|it| it.state == Some(DaemonState::Rook));
        daemons.map(|it| it.name.as_str())
    }

    fn retired(&self) -> impl Iterator<Item = &str> {
        let daemons = self
            .history
            .daemons
            .iter()
            .filter(|it| it.state == Some(DaemonState::Retired));
        daemons.map(|it| it.name.as_str())
    }

    fn is_finished(&self) -> bool {
        self.run.summary.steps_done == self.run.summary.steps
    }

    fn rook_mgrs(&self) -> Vec<String> {
        let released = self.work.all().find_map(|step| match step {
            StepInput::DeleteReleasedList(step) => Some(&step.released),
            _ => None,
        });
        let names = released.into_iter().flatten().filter(|name| name.starts_with("mgr."));
        names.cloned().collect()
    }

    fn image(&self) -> Option<String> {
        self.work.all().find_map(|step| match step {
            StepInput::CreateCephCluster(step) => {
                step.object["spec"]["cephVersion"]["image"].as_str().map(str::to_owned)
            }
            _ => None,
        })
    }

    fn dashboard(&self) -> bool {
        self.work.all().any(|step| match step {
            StepInput::CreateCephCluster(step) => step.object["spec"]["dashboard"]["enabled"] == true,
            _ => false,
        })
    }

    fn hosts(&self) -> BTreeSet<&str> {
        let hosts = self.work.all().filter_map(|step| match step {
            StepInput::StopUnit(step) => Some(step.host.as_str()),
            _ => None,
        });
        hosts.collect()
    }

    fn deployed(&self) -> BTreeSet<Deployed> {
        let fsid = &self.run.plan.target.id;
        let of_unit = |step: &StepInput| match step {
            StepInput::MaskUnit(step) if step.unit.contains(fsid.as_str()) => Some(Deployed::Cephadm),
            // A unit file of its own, not a package's template, is what ceph-ansible writes for containers.
            StepInput::MaskUnit(step) if step.own_file.is_some() => Some(Deployed::CephAnsible),
            StepInput::MaskUnit(_) => Some(Deployed::Packages),
            _ => None,
        };
        self.work.all().filter_map(of_unit).collect()
    }

    /// Where the tools look, as `reeve` takes it.
    fn target(&self) -> String {
        format!("--admin-host {}", shell_word(&self.context.admin_host))
    }

    fn go_on(&self) -> Option<HandWork> {
        if self.is_finished() || self.run.summary.is_rehearsal {
            return None;
        }
        let run = self.run.summary.run.as_str();
        if self.run.summary.steps_done == 0 {
            return None;
        }
        Some(work(
            "finish",
            "Finish the run, or take it back",
            format!(
                "{} of {} steps are done. Until one of the two is done, the gate keeps Rook from starting daemons by itself.",
                self.run.summary.steps_done, self.run.summary.steps
            ),
            &[
                format!("reeve rook resume {run}"),
                format!("reeve rook rollback {run} --all"),
            ],
        ))
    }

    fn carry_by_hand(&self) -> Option<HandWork> {
        let line = self
            .run
            .plan
            .summary
            .iter()
            .find(|line| line.starts_with("CARRY BY HAND"))?;
        Some(work(
            "carry-options",
            "Carry options that the plan could not read",
            line.clone(),
            &["ceph config set SECTION OPTION VALUE".into()],
        ))
    }

    fn gateways(&self) -> Option<HandWork> {
        match &self.inventory.services {
            None => Some(work(
                "gateways",
                "Look whether gateways run in old units",
                "The plan leaves RGW, NFS, iSCSI and rbd-mirror daemons as they are; whether there are any was not read for this report.",
                &["ceph service dump".into()],
            )),
            Some(services) if services.is_empty() => None,
            Some(services) => Some(work(
                "gateways",
                format!(
                    "Decide about {} that still run in old units",
                    counted(services.len(), "gateway")
                ),
                format!(
                    "{}. They go on serving. A CephObjectStore takes an RGW over only where realm, zonegroup and zone map one to one; Rook edits all three.",
                    list(services, MOST_NAMES)
                ),
                &["ceph service dump".into(), "radosgw-admin zonegroup get".into()],
            )),
        }
    }

    fn filesystems(&self) -> Option<HandWork> {
        let filesystems = self.inventory.filesystems.as_ref()?;
        if filesystems.is_empty() {
            return None;
        }
        let shown: Vec<String> = filesystems
            .iter()
            .map(|(name, mds)| format!("{name} (MDS {})", list(&mds.iter().collect::<Vec<_>>(), MOST_NAMES)))
            .collect();
        Some(work(
            "filesystems",
            format!("Hand {} over", counted(filesystems.len(), "file system")),
            format!(
                "{}. The MDS run in their old units. A CephFilesystem with `metadataPool: null` and `dataPools: []` takes a file system over without touching its pools; \
                 stop an old MDS only when Rook's stand by. Never delete that CephFilesystem: Rook fails the file system then.",
                list(&shown, MOST_NAMES)
            ),
            &filesystems
                .keys()
                .map(|name| format!("ceph fs status {}", shell_word(name)))
                .collect::<Vec<_>>(),
        ))
    }

    fn pools(&self) -> Option<HandWork> {
        let pools = self.inventory.pools.as_ref()?;
        let of_blocks: Vec<&str> = pools
            .iter()
            .filter(|(_, applications)| applications.contains("rbd"))
            .map(|(name, _)| name.as_str())
            .collect();
        if of_blocks.is_empty() {
            return None;
        }
        Some(work(
            "describe-pools",
            format!(
                "Describe {} with CephBlockPools, if you want to",
                counted(of_blocks.len(), "pool")
            ),
            format!(
                "{}. Without a description a pool works as before, and Rook leaves it alone. `adopt-crs` writes descriptions that change nothing, and names the pools that cannot have one.",
                list(&of_blocks, MOST_NAMES)
            ),
            &[
                format!("reeve rook adopt-crs {} --output pools", self.target()),
                "kubectl apply -f pools/".into(),
            ],
        ))
    }

    fn settings(&self) -> Option<HandWork> {
        let carried: Vec<String> = self
            .work
            .done()
            .filter_map(|step| match step {
                StepInput::SetConfig(step) if !self.is_restored(&step.section, &step.name) => {
                    Some(format!("{}/{}", step.section, step.name))
                }
                _ => None,
            })
            .collect();
        let all = self.inventory.options.as_ref().map(Vec::len);
        if carried.is_empty() && all.is_none_or(|number| number == 0) {
            return None;
        }
        let mut detail = match all {
            Some(1) => "1 option was in the config database and nowhere else.".to_owned(),
            Some(number) => format!("{number} options were in the config database and nowhere else."),
            None => "Options are in the config database and nowhere else.".to_owned(),
        };
        if !carried.is_empty() {
            detail.push_str(&format!(
                " The plan put {} there, which stay: {}.",
                counted(carried.len(), "option"),
                list(&carried, MOST_NAMES)
            ));
        }
        detail.push_str(
            " No object in Kubernetes knows them: keep a copy, or write them to `spec.cephConfig` of the CephCluster.",
        );
        Some(work(
            "settings",
            "Keep the settings that live only in the mon store",
            detail,
            &["ceph config dump".into()],
        ))
    }

    /// Tells whether the plan gives an option its old value back, sooner or later.
    fn is_restored(&self, section: &str, name: &str) -> bool {
        self.work
            .all()
            .any(|step| matches!(step, StepInput::RestoreConfig(it) if it.section == section && it.name == name))
    }

    fn operator_settings(&self) -> Option<HandWork> {
        let settings = self.work.done().find_map(|step| match step {
            StepInput::SetOperatorSettings(step) => Some(&step.settings),
            _ => None,
        })?;
        let shown: Vec<String> = settings
            .iter()
            .map(|(name, change)| {
                let before = change.before.as_deref().unwrap_or("not set");
                format!("{name}={} (was {before})", change.after)
            })
            .collect();
        Some(work(
            "operator-settings",
            "Decide about the Rook operator's settings",
            format!(
                "The plan set {}. They keep the operator from acting by itself on disks and rules that it did not make, and stay.",
                list(&shown, MOST_NAMES)
            ),
            &[format!(
                "kubectl -n {} edit configmap rook-ceph-operator-config",
                shell_word(&self.context.operator_namespace)
            )],
        ))
    }

    fn keys(&self) -> Option<HandWork> {
        let made: Vec<&str> = self
            .work
            .all()
            .filter_map(|step| match step {
                StepInput::GuardCephSettings(step) => Some(step.created.iter().map(String::as_str)),
                _ => None,
            })
            .flatten()
            .collect();
        let own = [
            "client.admin",
            "client.bootstrap-",
            "client.crash",
            "client.ceph-exporter",
            "client.csi-",
            "client.rbd-mirror-peer",
        ];
        let clients: Vec<&str> = self
            .inventory
            .entities
            .as_ref()?
            .iter()
            .map(String::as_str)
            .filter(|entity| entity.starts_with("client.") && !made.contains(entity))
            .filter(|entity| !own.iter().any(|own| entity.starts_with(own)))
            .collect();
        let first = clients.first()?;
        Some(work(
            "keys",
            format!("Go on looking after {}", counted(clients.len(), "client key")),
            format!(
                "{}. They work as before and stand in no object of Kubernetes; `ceph auth` goes on being the way to them. Rook makes keys for itself only.",
                list(&clients, MOST_NAMES)
            ),
            &[format!("ceph auth get {}", shell_word(first))],
        ))
    }

    fn dashboard_login(&self) -> Option<HandWork> {
        let had_one = self
            .inventory
            .modules
            .as_ref()
            .is_some_and(|modules| modules.contains("dashboard"));
        let namespace = shell_word(&self.context.namespace);
        match (self.dashboard(), had_one) {
            (true, _) => Some(work(
                "dashboard",
                "Log in to the dashboard with its new password",
                "It runs in Rook's mgr, at another address than before, and user `admin` has a new password. Other users and alerts stay.",
                &[
                    format!("kubectl -n {namespace} get service rook-ceph-mgr-dashboard"),
                    format!(
                        "kubectl -n {namespace} get secret rook-ceph-dashboard-password -o jsonpath='{{.data.password}}' | base64 -d"
                    ),
                ],
            )),
            (false, true) => Some(work(
                "dashboard",
                "Decide about the dashboard",
                "It was on, and the CephCluster switches it off. Rook switches it on again by one field.",
                &[format!(
                    "kubectl -n {namespace} patch cephcluster {} --type merge -p '{{\"spec\":{{\"dashboard\":{{\"enabled\":true}}}}}}'",
                    shell_word(&self.context.cluster_name)
                )],
            )),
            (false, false) => None,
        }
    }

    fn monitoring(&self) -> Option<HandWork> {
        let modules = self.inventory.modules.as_ref()?;
        if !modules.contains("prometheus") || self.retired().next().is_none() {
            return None;
        }
        let old: Vec<&str> = self
            .work
            .all()
            .filter_map(|step| match step {
                StepInput::StopUnit(step) if step.daemon.kind == DaemonType::Mgr => Some(step.host.as_str()),
                _ => None,
            })
            .collect();
        Some(work(
            "monitoring",
            "Point Prometheus to Rook's mgr",
            format!(
                "The mgr's `prometheus` module answered on port 9283 of {}; it answers at Service rook-ceph-mgr now. Alerts on systemd units of Ceph daemons will fire: they watch masked units.",
                list(&old, MOST_NAMES)
            ),
            &[format!(
                "kubectl -n {} get service rook-ceph-mgr",
                shell_word(&self.context.namespace)
            )],
        ))
    }

    fn orchestrator(&self) -> Option<HandWork> {
        if !self
            .work
            .is_done(|step| matches!(step, StepInput::DisableOrchestrator(_)))
        {
            return None;
        }
        Some(work(
            "orchestrator",
            "Look at what cephadm deployed besides",
            "cephadm is switched off; what it deployed beside mons, mgrs and OSDs (crash, node-exporter, Prometheus, Grafana, alertmanager) runs on in its units and is watched by nobody.",
            &["cephadm ls".into()],
        ))
    }

    fn revivers(&self) -> Option<HandWork> {
        let units = &self.inventory.revivers;
        if units.is_empty() {
            return None;
        }
        let shown: Vec<String> = units
            .iter()
            .map(|(unit, hosts)| format!("{unit} on {}", list(&hosts.iter().collect::<Vec<_>>(), MOST_NAMES)))
            .collect();
        Some(work(
            "revivers",
            "Make sure that nothing starts old daemons again",
            format!(
                "These can: {}. Take Ceph out of what they manage before they run again.",
                list(&shown, MOST_NAMES)
            ),
            &[],
        ))
    }

    fn reboot(&self) -> Option<HandWork> {
        if !self.is_finished() {
            return None;
        }
        Some(work(
            "reboot",
            "Reboot one host, when it suits you",
            "It is the proof that everything comes back under Rook and no old unit starts. Wait for HEALTH_OK, then look again.",
            &[format!(
                "reeve rook verify {}",
                shell_word(self.run.summary.run.as_str())
            )],
        ))
    }

    fn old_units(&self) -> Option<HandWork> {
        let mut by_host: BTreeMap<&str, usize> = BTreeMap::new();
        for step in self.work.done() {
            if let StepInput::MaskUnit(step) = step {
                *by_host.entry(&step.host).or_default() += 1;
            }
        }
        if by_host.is_empty() {
            return None;
        }
        let shown: Vec<String> = by_host
            .iter()
            .map(|(host, units)| format!("{units} on {host}"))
            .collect();
        Some(work(
            "old-units",
            "Leave the old units masked for as long as their packages are there",
            format!(
                "Masked: {}. They may go, with the packages, when you want no way back any more; remove the packages only after the masks were proved by a reboot, and without purging them.",
                list(&shown, MOST_NAMES)
            ),
            &["systemctl list-unit-files --state=masked 'ceph*'".into()],
        ))
    }

    fn old_folders(&self) -> Option<HandWork> {
        let moved: Vec<String> = self
            .work
            .done()
            .filter_map(|step| match step {
                StepInput::MoveMonStore(step) => Some(format!("{} on {} (now {})", step.from, step.host, step.to)),
                _ => None,
            })
            .collect();
        self.on_rook().next()?;
        let stores = if moved.is_empty() {
            String::new()
        } else {
            format!(" Stores of mons were moved, not copied: {}.", list(&moved, MOST_NAMES))
        };
        Some(work(
            "old-folders",
            "Remove old folders when you want no way back any more",
            format!(
                "/var/lib/ceph keeps keyrings and folders of old daemons, /etc/ceph the configuration of clients, which stays good.{stores} \
                 What is left of old daemons may go after all hosts were rebooted once and `reeve rook verify` finds nothing. Never remove {}: it is the mons' memory now.",
                self.options.scope.data_dir_host_path
            ),
            &["ls /var/lib/ceph/*".into()],
        ))
    }

    fn backups(&self) -> Option<HandWork> {
        let folder = self.kept_in?;
        Some(work(
            "backups",
            "Keep the copies that the run made, or destroy them",
            format!(
                "{folder} holds keys, settings and maps from before the run, and is readable by its owner only. `reeve rook rollback` needs it; it should not lie about for ever."
            ),
            &[format!("ls -l {}", shell_word(folder))],
        ))
    }
}

/// Returns a number with its noun.
fn counted(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}
