//! What stands from now on: what Rook manages, and what not to do any more.

use super::{Deployed, MOST_NAMES, Tasks, counted, work};
use crate::check::list;
use crate::handover_report::shape::{HandWork, Managed};
use crate::plan::steps::StepInput;

impl Tasks<'_> {
    /// Returns what Rook manages now.
    pub(in crate::handover_report) fn managed(&self) -> Vec<Managed> {
        let mut managed = Vec::new();
        let cluster = format!("CephCluster {}/{}", self.context.namespace, self.context.cluster_name);
        let mut add = |what: String, detail: String| managed.push(Managed { what, detail });
        for (kind, word, how) in [
            (
                "mon.",
                "mon",
                "it keeps their number, their addresses and Secret rook-ceph-mon",
            ),
            ("osd.", "OSD", "it starts them on the devices that they have"),
        ] {
            let mut names: Vec<&str> = self.on_rook().filter(|name| name.starts_with(kind)).collect();
            // By number where names have one: osd.9 before osd.10.
            names.sort_by_key(|name| (name.len(), *name));
            if !names.is_empty() {
                let detail = format!("{} – {cluster}; {how}.", list(&names, MOST_NAMES));
                add(counted(names.len(), word), detail);
            }
        }
        let mgrs: Vec<String> = self.rook_mgrs();
        if self.retired().next().is_some() && !mgrs.is_empty() {
            let old: Vec<&str> = self.retired().collect();
            let detail = format!(
                "{} – {cluster}; in the place of {}.",
                list(&mgrs, MOST_NAMES),
                list(&old, MOST_NAMES)
            );
            add(counted(mgrs.len(), "mgr"), detail);
        }
        if self
            .work
            .is_done(|step| matches!(step, StepInput::EnableHealthChecks(_)))
        {
            add(
                "Health checks and disruption budgets".into(),
                "Rook starts failed mons and OSDs anew, and keeps `kubectl drain` from taking two failure domains at once.".into(),
            );
        }
        if let Some(image) = self.image().filter(|_| !managed.is_empty()) {
            managed.push(Managed {
                what: "The Ceph version".into(),
                detail: format!("`spec.cephVersion.image` of {cluster}, now {image}. Upgrades go through this field."),
            });
        }
        if self.dashboard() && self.is_finished() {
            managed.push(Managed {
                what: "The dashboard".into(),
                detail: format!("`spec.dashboard` of {cluster}; Service rook-ceph-mgr-dashboard."),
            });
        }
        managed
    }

    /// Returns what not to do any more.
    pub(in crate::handover_report) fn not_any_more(&self) -> Vec<HandWork> {
        if self.on_rook().next().is_none() {
            return Vec::new();
        }
        let deployed = self.deployed();
        let hosts = self.hosts();
        let hosts_shown = list(&hosts.iter().collect::<Vec<_>>(), MOST_NAMES);
        let namespace = &self.context.namespace;
        let fsid = &self.run.plan.target.id;
        let mut all = Vec::new();
        if deployed.contains(&Deployed::Packages) {
            all.push(work(
                "purge-packages",
                format!("Do not purge or reinstall the Ceph packages on {hosts_shown}"),
                "`ceph-osd` and `ceph-mon` of the packages start and stop daemons in their scripts, and a purge removes /var/lib/ceph with what is kept there. \
                 Leaving them installed harms nobody: their units are masked.",
                &[],
            ));
        }
        if !deployed.contains(&Deployed::Cephadm) {
            all.push(work(
                "ceph-ansible",
                "Do not run ceph-ansible against these hosts",
                "Its site, rolling-update and purge playbooks write units, start them and wipe disks. Take these hosts out of its inventory.",
                &[],
            ));
        }
        if deployed.contains(&Deployed::Cephadm) {
            all.push(work(
                "rm-cluster",
                format!("Do not run `cephadm rm-cluster --fsid {fsid}`"),
                "It removes everything of this cluster from a host, and with `--zap-osds` the data on its disks, which Rook uses now. \
                 `cephadm rm-daemon` removes one daemon's folder the same way.",
                &[],
            ));
            all.push(work(
                "orch",
                "Do not switch the cephadm orchestrator on again",
                "`ceph orch resume` or `ceph orch set backend cephadm` would let it deploy daemons that Rook runs.",
                &[],
            ));
        }
        all.push(work(
            "unmask",
            "Do not unmask or start an old unit",
            "Two processes with one identity destroy a daemon's data. The way back is `reeve rook rollback`, which stops Rook's pod first.",
            &[],
        ));
        all.push(work(
            "mons-by-hand",
            "Do not add, remove or move mons with `ceph mon`",
            format!("Rook keeps the list of mons in ConfigMap rook-ceph-mon-endpoints of namespace {namespace} and acts on what differs. Change `spec.mon` of the CephCluster instead."),
            &[],
        ));
        all.push(work(
            "delete-objects",
            format!("Do not delete CephCluster {}, Secret rook-ceph-mon or namespace {namespace}", self.context.cluster_name),
            "Without the Secret Rook makes a new cluster; without the CephCluster nothing looks after the daemons. Deleting a CephBlockPool deletes its pool, if it holds no image.",
            &[],
        ));
        all
    }
}
