//! CephFS, RGW, mirrors, NFS and iSCSI.

use reeve_ceph::DaemonType;
use reeve_report::Severity;

use super::{MAX_LABEL, dns_label};
use crate::check::context::Context;
use crate::check::need::Need;
use crate::check::rule::{Judgement, Rule, list};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "rook.cephfs-name",
        title: "Kubernetes accepts the file systems' names",
        severity: Severity::Refusal,
        waiver: Some("the file system stays with its legacy MDS daemons, which Rook does not manage"),
        needs: &[Need::Filesystems],
        reason: "A CephFilesystem must have the file system's name, and Kubernetes takes lower-case letters, digits and inner dashes only.",
        remedy: "Rename it with all clients unmounted (`ceph fs rename {fs} NAME --yes-i-really-mean-it`), or waive this and keep its MDS daemons as they are.",
        source: "rook/rook: pkg/operator/ceph/file/filesystem.go – createFilesystem",
        judge: fs_name,
    },
    Rule {
        id: "rook.cephfs-standby",
        title: "Every file system allows standby replay",
        severity: Severity::Note,
        waiver: None,
        needs: &[Need::Filesystems],
        reason: "From 1.19 on Rook runs no standby MDS at all without `activeStandby`, which means standby replay.",
        remedy: "Decide before the MDS daemons are handed over: `ceph fs set {fs} allow_standby_replay true`, or keep a legacy standby.",
        source: "rook/rook: pkg/operator/ceph/file/mds/mds.go – Start",
        judge: fs_standby,
    },
    Rule {
        id: "rook.rgw-realmless",
        title: "RGW has a realm",
        severity: Severity::Warning,
        waiver: None,
        needs: &[Need::Rgw, Need::Services, Need::Hosts],
        reason: "A CephObjectStore would create a realm and stage a period around the existing zone; the plan leaves these gateways as they are.",
        remedy: "Nothing now; to hand them over later, make realm and period by hand first and rehearse it: `radosgw-admin realm create`, `radosgw-admin period update --commit`.",
        source: "rook/rook: pkg/operator/ceph/object/objectstore.go – setMultisite; rook/rook issues 15984, 16069",
        judge: realmless,
    },
    Rule {
        id: "rook.rbd-mirror",
        title: "No rbd-mirror runs",
        severity: Severity::Warning,
        waiver: None,
        needs: &[Need::Services, Need::Hosts],
        reason: "Its daemon stays a legacy one; Rook's would have another id, and a CephBlockPool without mirroring removes the peers.",
        remedy: "Nothing now; make a CephRBDMirror after the OSDs, and stop the legacy daemon when `rbd mirror pool status` shows the new one up.",
        source: "rook/rook: pkg/operator/ceph/pool/controller.go – disableMirroring",
        judge: rbd_mirror,
    },
    Rule {
        id: "rook.cephfs-mirror",
        title: "No cephfs-mirror runs",
        severity: Severity::Warning,
        waiver: None,
        needs: &[Need::Services, Need::Hosts],
        reason: "Its daemon stays a legacy one; Rook's would have another id.",
        remedy: "Nothing now; make a CephFilesystemMirror after the MDS daemons, then stop the legacy daemon.",
        source: "rook/rook: pkg/operator/ceph/file/mirror",
        judge: cephfs_mirror,
    },
    Rule {
        id: "rook.nfs",
        title: "No NFS gateway runs",
        severity: Severity::Warning,
        waiver: None,
        needs: &[Need::Services, Need::Hosts],
        reason: "Rook's CephNFS uses other ids and names, so exports would not follow; the plan leaves the gateways as they are.",
        remedy: "Nothing now; keep its unit, and note that nobody manages it any more.",
        source: "rook/rook: pkg/operator/ceph/nfs/controller.go",
        judge: nfs,
    },
    Rule {
        id: "rook.iscsi",
        title: "No iSCSI gateway runs",
        severity: Severity::Warning,
        waiver: None,
        needs: &[Need::Services, Need::Hosts],
        reason: "Rook has nothing to run it with; the plan leaves it as it is.",
        remedy: "Nothing now; keep its unit or retire it.",
        source: "rook/rook: Documentation/CRDs (no such resource)",
        judge: iscsi,
    },
];

fn fs_name(cx: &Context<'_>, out: &mut Judgement<'_>) {
    const AROUND: usize = "rook-ceph-mds--a".len();
    for fs in cx.facts.ceph.filesystems.known().into_iter().flatten() {
        if !dns_label(&fs.name) || fs.name.len() + AROUND > MAX_LABEL {
            let fact = format!("Kubernetes does not take `{}` in names.", fs.name);
            out.found(format!("file system {}", fs.name), fact, &[("fs", &fs.name)]);
        }
    }
}

fn fs_standby(cx: &Context<'_>, out: &mut Judgement<'_>) {
    for fs in cx
        .facts
        .ceph
        .filesystems
        .known()
        .into_iter()
        .flatten()
        .filter(|fs| !fs.standby_replay)
    {
        let fact = format!("File system {} has no standby replay.", fs.name);
        out.found(format!("file system {}", fs.name), fact, &[("fs", &fs.name)]);
    }
}

fn realmless(cx: &Context<'_>, out: &mut Judgement<'_>) {
    if cx.facts.ceph.rgw.known().is_some_and(|sites| sites.realms.is_empty()) {
        runs(cx, out, &[DaemonType::Rgw], &["rgw"], "without a realm");
    }
}

fn rbd_mirror(cx: &Context<'_>, out: &mut Judgement<'_>) {
    runs(cx, out, &[DaemonType::RbdMirror], &["rbd-mirror"], "here");
}

fn cephfs_mirror(cx: &Context<'_>, out: &mut Judgement<'_>) {
    runs(cx, out, &[DaemonType::CephfsMirror], &["cephfs-mirror"], "here");
}

fn nfs(cx: &Context<'_>, out: &mut Judgement<'_>) {
    runs(cx, out, &[DaemonType::Nfs], &["nfs", "ganesha"], "here");
}

fn iscsi(cx: &Context<'_>, out: &mut Judgement<'_>) {
    runs(cx, out, &[DaemonType::Iscsi], &["iscsi", "tcmu-runner"], "here");
}

fn runs(cx: &Context<'_>, out: &mut Judgement<'_>, kinds: &[DaemonType], words: &[&str], how: &str) {
    let daemons: Vec<String> = cx.service_daemons(kinds, words).into_iter().collect();
    if !daemons.is_empty() {
        let verb = if daemons.len() == 1 { "runs" } else { "run" };
        out.found("services", format!("{} {verb} {how}.", list(&daemons, 8)), &[]);
    }
}
