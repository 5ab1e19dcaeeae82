//! OSDs as they lie on disks.

use std::collections::BTreeMap;

use reeve_report::Severity;

use super::rook;
use crate::check::context::Context;
use crate::check::need::Need;
use crate::check::rule::{Judgement, Rule, list};
use crate::facts::VolumeLayout;

const DISCOVERY: &str = "rook/rook: pkg/daemon/ceph/osd/volume.go – GetCephVolumeLVMOSDs, GetCephVolumeRawOSDs";
const ACTIVATION: &str = "rook/rook: pkg/operator/ceph/cluster/osd/activate-osd.sh";

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "rook.osd-not-listed",
        title: "ceph-volume lists every OSD on its host",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[Need::Volumes],
        reason: "Rook finds OSDs by `ceph-volume lvm list` and `raw list` only; it would never start this one again.",
        remedy: "On {host}: see `ceph-volume lvm list` and `ceph-volume raw list`; if osd.{osd} cannot be made to appear, rebuild it with the legacy tooling.",
        source: DISCOVERY,
        judge: not_listed,
    },
    Rule {
        id: "rook.osd-listed-twice",
        title: "ceph-volume lists no OSD twice",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[Need::Volumes],
        reason: "Rook would start whichever it meets last, and it may be the copy that is out of date.",
        remedy: "Find the stale one with `ceph-volume lvm list {osd}` and `ceph-volume raw list`, take its disk out or wipe its label, and survey again.",
        source: DISCOVERY,
        judge: listed_twice,
    },
    Rule {
        id: "rook.osd-uuid-differs",
        title: "Every OSD's disk carries the uuid that the OSD map has",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[Need::Volumes],
        reason: "The disk belongs to an earlier OSD of that number; Rook would start it under the present one's name.",
        remedy: "Compare `ceph osd dump` (osd.{osd}) with `ceph-volume lvm list {osd}` on {host}; take the stale disk out, and survey again.",
        source: DISCOVERY,
        judge: uuid_differs,
    },
    Rule {
        id: "rook.osd-stale-volume",
        title: "No disk holds an OSD that the cluster no longer has",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[Need::Volumes],
        reason: "Rook makes a Deployment for every OSD of this fsid that it finds on a node, also for one that was purged long ago.",
        remedy: "Make sure that {device} on {host} holds nothing you want, then wipe it (`ceph-volume lvm zap --destroy`) or take it out.",
        source: DISCOVERY,
        judge: stale,
    },
    Rule {
        id: "rook.osd-other-cluster",
        title: "No disk on these hosts belongs to another Ceph cluster",
        severity: Severity::Refusal,
        waiver: Some(
            "the disks of the other cluster are left alone, unless somebody ever sets cleanupPolicy.wipeDevicesFromOtherClusters, which zaps them all",
        ),
        needs: &[Need::Volumes],
        reason: "Rook reports and skips it, but one setting, wipeDevicesFromOtherClusters, makes it zap every such disk of the node.",
        remedy: "Find out whose it is with `ceph-volume lvm list {device}` on {host}; take it out if nobody needs it.",
        source: "rook/rook: pkg/daemon/ceph/osd/daemon.go – WipeDevicesFromOtherClusters",
        judge: other_cluster,
    },
    Rule {
        id: "rook.osd-raw-with-db",
        title: "No raw OSD has a DB or WAL device of its own",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[Need::Volumes],
        reason: "Rook activates a raw OSD with its data device only, so it starts without its DB and fails.",
        remedy: "Rebuild osd.{osd} with `ceph-volume lvm create`, or move its DB back: `ceph-bluestore-tool bluefs-bdev-migrate`; then survey again.",
        source: ACTIVATION,
        judge: raw_with_db,
    },
    Rule {
        id: "rook.osd-simple",
        title: "No OSD was made by ceph-disk",
        severity: Severity::Refusal,
        waiver: Some(
            "whether Rook starts ceph-disk OSDs has not been proved; one that it cannot start goes back to its unit",
        ),
        needs: &[Need::Volumes],
        reason: "Rook may find its block partition by `ceph-volume raw list`, but nobody has proved that it starts.",
        remedy: "Rebuild osd.{osd} with `ceph-volume lvm create` with the legacy tooling, or waive this and let the first host show it.",
        source: DISCOVERY,
        judge: simple,
    },
    Rule {
        id: "rook.osd-encryption-mixed",
        title: "No node has both encrypted and plain OSDs",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[Need::Volumes],
        reason: "Rook's `encryptedDevice` counts for a whole node: with it plain OSDs get a lockbox user and, from Rook 1.20, fail to start; without it nobody has proved the encrypted ones.",
        remedy: "Rebuild the OSDs of one kind on {host} with the legacy tooling until all are alike, and survey again.",
        source: ACTIVATION,
        judge: encryption_mixed,
    },
    Rule {
        id: "rook.osd-encrypted",
        title: "No OSD is encrypted",
        severity: Severity::Warning,
        waiver: None,
        needs: &[Need::Volumes],
        reason: "Rook opens dm-crypt through the LVM tags, and from 1.20 it resizes volume groups, logical volumes and LUKS while it does; the laboratory has no device-mapper to prove it on.",
        remedy: "Back the LUKS headers up first (on {host}: `cryptsetup luksHeaderBackup`), see that logical volumes of a group have one size (`lvs`), and try one host only.",
        source: ACTIVATION,
        judge: encrypted,
    },
];

fn not_listed(cx: &Context<'_>, out: &mut Judgement<'_>) {
    for osd in cx.facts.ceph.osds.iter().filter(|osd| osd.up) {
        if !cx.volumes(osd.id).is_empty() {
            continue;
        }
        // Where the OSD has no unit either, its host was not surveyed; where the listing failed, the need says so.
        let Some(home) = cx.osd_home(osd.id) else {
            out.unseen(format!(
                "host of osd.{}: no host that answered has a unit or volume of it",
                osd.id
            ));
            continue;
        };
        if cx.host(home).is_some_and(|host| host.volumes.known().is_some()) {
            let names = [("host", home.as_str()), ("osd", &osd.id.to_string())];
            out.found(
                format!("osd.{} on {home}", osd.id),
                format!("osd.{} is up, and ceph-volume on {home} does not know it.", osd.id),
                &names,
            );
        }
    }
}

fn listed_twice(cx: &Context<'_>, out: &mut Judgement<'_>) {
    for (id, volumes) in cx.all_volumes().filter(|(_, volumes)| volumes.len() > 1) {
        let places: Vec<String> = volumes
            .iter()
            .map(|(host, volume)| format!("{} on {host} ({:?})", volume.device, volume.layout))
            .collect();
        out.found(
            format!("osd.{id}"),
            format!("osd.{id} is listed {} times.", volumes.len()),
            &[("osd", &id.to_string())],
        )
        .by("ceph-volume list", places.join("\n"));
    }
}

fn uuid_differs(cx: &Context<'_>, out: &mut Judgement<'_>) {
    for (id, volumes) in cx.all_volumes() {
        let Some(osd) = cx.osd(id) else { continue };
        for (host, volume) in volumes
            .iter()
            .filter(|(_, volume)| !volume.uuid.eq_ignore_ascii_case(&osd.uuid))
        {
            let fact = format!("{} carries another uuid for osd.{id} than the OSD map.", volume.device);
            out.found(
                format!("osd.{id} on {host}"),
                fact,
                &[("osd", &id.to_string()), ("host", host.as_str())],
            )
            .by("ceph osd dump", osd.uuid.clone())
            .by(format!("{host}: ceph-volume list"), volume.uuid.clone());
        }
    }
}

fn stale(cx: &Context<'_>, out: &mut Judgement<'_>) {
    for (id, volumes) in cx.all_volumes().filter(|(id, _)| cx.osd(*id).is_none()) {
        for (host, volume) in volumes {
            let fact = format!("{} holds osd.{id}, which the OSD map does not have.", volume.device);
            out.found(
                format!("osd.{id} on {host}"),
                fact,
                &[("device", &volume.device), ("host", host.as_str())],
            );
        }
    }
}

fn other_cluster(cx: &Context<'_>, out: &mut Judgement<'_>) {
    let fsid = cx.facts.ceph.fsid.as_str();
    for (host, facts) in cx.facts.reached_hosts() {
        for volume in facts.volumes.known().into_iter().flatten() {
            match volume.cluster.as_deref() {
                Some(cluster) if cluster == fsid => {}
                Some(cluster) => {
                    let fact = format!("{} holds osd.{} of cluster {cluster}.", volume.device, volume.id);
                    let names = [("device", volume.device.as_str()), ("host", host.as_str())];
                    out.found(format!("{} on {host}", volume.device), fact, &names);
                }
                None => out.unseen(format!(
                    "cluster of {} on {host}: ceph-volume does not say",
                    volume.device
                )),
            }
        }
    }
}

fn raw_with_db(cx: &Context<'_>, out: &mut Judgement<'_>) {
    for (id, volumes) in cx.all_volumes() {
        let said = cx.osd(id).and_then(|osd| osd.metadata.as_ref());
        let dedicated = said.is_some_and(|said| said.dedicated_db || said.dedicated_wal);
        for (host, volume) in volumes.iter().filter(|(_, volume)| volume.layout == VolumeLayout::Raw) {
            if dedicated || volume.db.is_some() || volume.wal.is_some() {
                let fact = format!("osd.{id} is a raw OSD whose DB or WAL lies on another device.");
                out.found(format!("osd.{id} on {host}"), fact, &[("osd", &id.to_string())])
                    .by(
                        format!("{host}: ceph-volume raw list"),
                        format!(
                            "db {}, wal {}",
                            volume.db.as_deref().unwrap_or("none"),
                            volume.wal.as_deref().unwrap_or("none")
                        ),
                    );
            }
        }
    }
}

fn simple(cx: &Context<'_>, out: &mut Judgement<'_>) {
    for (id, volumes) in cx.all_volumes() {
        for (host, _) in volumes
            .iter()
            .filter(|(_, volume)| volume.layout == VolumeLayout::Simple)
        {
            out.found(
                format!("osd.{id} on {host}"),
                format!("osd.{id} was made by ceph-disk."),
                &[("osd", &id.to_string())],
            );
        }
    }
}

fn encryption_mixed(cx: &Context<'_>, out: &mut Judgement<'_>) {
    for (host, (encrypted, plain)) in encryption(cx) {
        if !encrypted.is_empty() && !plain.is_empty() {
            let fact = format!(
                "On {host} OSDs {} are encrypted, {} are not.",
                list(&encrypted, 8),
                list(&plain, 8)
            );
            out.found(format!("host {host}"), fact, &[("host", &host)]);
        }
    }
}

fn encrypted(cx: &Context<'_>, out: &mut Judgement<'_>) {
    let rook = rook(cx, out).map_or(String::new(), |rook| format!(" under Rook {rook}"));
    for (host, (encrypted, plain)) in encryption(cx) {
        if !encrypted.is_empty() && plain.is_empty() {
            let fact = format!(
                "On {host} OSDs {} are encrypted, and would be opened{rook}.",
                list(&encrypted, 8)
            );
            out.found(format!("host {host}"), fact, &[("host", &host)]);
        }
    }
}

/// Returns the encrypted and the plain OSDs of each host.
fn encryption(cx: &Context<'_>) -> BTreeMap<String, (Vec<String>, Vec<String>)> {
    let mut by_host: BTreeMap<String, (Vec<String>, Vec<String>)> = BTreeMap::new();
    for (id, volumes) in cx.all_volumes() {
        for (host, volume) in volumes {
            let (encrypted, plain) = by_host.entry(host.to_string()).or_default();
            if volume.encrypted {
                encrypted.push(id.to_string())
            } else {
                plain.push(id.to_string())
            }
        }
    }
    by_host
}
