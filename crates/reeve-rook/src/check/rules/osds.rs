//! OSDs as Ceph sees them.

use std::collections::BTreeMap;

use reeve_ceph::DaemonName;
use reeve_report::Severity;

use super::keys::caps_text;
use super::legacy_unit;
use crate::check::context::Context;
use crate::check::need::Need;
use crate::check::rule::{Judgement, Rule, list};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "rook.osd-down",
        title: "All OSDs are up",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[],
        reason: "Its data has one copy less, and Rook makes a Deployment for every OSD whose disk it finds, also for one that is down for a reason.",
        remedy: "Start it (on {host}: `systemctl start {unit}`), or remove it for good: `ceph osd purge {osd}` and take its disk away.",
        source: "rook/rook: pkg/operator/ceph/cluster/osd/create.go – createNewOSDsFromStatus",
        judge: down,
    },
    Rule {
        id: "rook.osd-nearfull",
        title: "No OSD is nearly full",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[],
        reason: "While a neighbour is down for its hand-over, Ceph may have to write more here, and at the full ratio all writes stop.",
        remedy: "Free or add space, or spread data better, until `ceph osd df` shows every OSD below the nearfull ratio; then survey again.",
        source: "ceph/ceph: doc/rados/operations/health-checks.rst – OSD_NEARFULL",
        judge: nearfull,
    },
    Rule {
        id: "rook.osd-filestore",
        title: "All OSDs are BlueStore",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[],
        reason: "Rook runs BlueStore only; it once formatted a Filestore disk that it was handed.",
        remedy: "Rebuild osd.{osd} as BlueStore with the legacy tooling (`ceph osd destroy`, `ceph-volume lvm create`), wait for active+clean, and survey again.",
        source: "rook/rook: pkg/daemon/ceph/osd/volume.go – GetCephVolumeLVMOSDs, GetCephVolumeRawOSDs",
        judge: filestore,
    },
    Rule {
        id: "rook.osd-flags-blocking",
        title: "No flag of the OSD map stops reads, writes, recovery or state changes",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[],
        reason: "With it an OSD that was handed over is not seen to come back, or its data is not brought up to date.",
        remedy: "ceph osd unset {flag}",
        source: "ceph/ceph: doc/man/8/ceph.rst – osd set",
        judge: flags_blocking,
    },
    Rule {
        id: "rook.osd-flags-set",
        title: "No other flag of the OSD map is set",
        severity: Severity::Warning,
        waiver: None,
        needs: &[],
        reason: "The plan sets and unsets flags of its own; one that was set before is recorded and left, and may be forgotten.",
        remedy: "If it is not wanted: `ceph osd unset {flag}`.",
        source: "ceph/ceph: doc/man/8/ceph.rst – osd set",
        judge: flags_set,
    },
    Rule {
        id: "rook.osd-caps",
        title: "The OSDs' caps are those that Rook asks for",
        severity: Severity::Warning,
        waiver: None,
        needs: &[Need::Auth],
        reason: "At every start Rook asks for the key with its own caps; where they differ the mon says no, and the OSD goes on with the key on its disk.",
        remedy: "ceph auth caps osd.{osd} mon 'allow profile osd' mgr 'allow profile osd' osd 'allow *'",
        source: "rook/rook: pkg/operator/ceph/cluster/osd/keyring-update.sh",
        judge: caps,
    },
];

fn down(cx: &Context<'_>, out: &mut Judgement<'_>) {
    let mut any = false;
    for osd in cx.facts.ceph.osds.iter().filter(|osd| !osd.up) {
        any = true;
        let place = if osd.in_cluster { "down" } else { "down and out" };
        let (subject, host, unit) = legacy_unit(cx, &DaemonName::osd(osd.id));
        let names = [("osd", &*osd.id.to_string()), ("host", &host), ("unit", &unit)];
        out.found(subject, format!("osd.{} is {place}.", osd.id), &names)
            .by("ceph osd dump", format!("osd.{} {place}", osd.id));
    }
    if let (false, Some(check)) = (any, cx.health("OSD_DOWN")) {
        out.found(
            "cluster",
            format!("Ceph raises OSD_DOWN: {}.", check.summary),
            &[("osd", "N"), ("host", "HOST"), ("unit", "ceph-osd@N")],
        )
        .by("ceph health detail", check.detail.join("\n"));
    }
}

fn nearfull(cx: &Context<'_>, out: &mut Judgement<'_>) {
    let ratio = cx.facts.ceph.osdmap.nearfull_ratio;
    let mut any = false;
    for osd in cx.facts.ceph.osds.iter().filter(|osd| osd.up && osd.in_cluster) {
        match osd.utilization {
            Some(used) if used >= ratio => {
                any = true;
                let (percent, limit) = (used * 100.0, ratio * 100.0);
                out.found(
                    format!("osd.{}", osd.id),
                    format!("osd.{} is {percent:.0} % full; nearfull is {limit:.0} %.", osd.id),
                    &[],
                );
            }
            Some(_) => {}
            None => out.unseen(format!("utilization of osd.{}: `ceph osd df` does not say", osd.id)),
        }
    }
    // Ceph raises the codes a little later than the figures say, or for longer.
    for code in ["OSD_NEARFULL", "OSD_BACKFILLFULL", "OSD_FULL"] {
        if let (false, Some(check)) = (any, cx.health(code)) {
            out.found("cluster", format!("Ceph raises {code}: {}.", check.summary), &[])
                .by("ceph health detail", check.detail.join("\n"));
        }
    }
}

fn filestore(cx: &Context<'_>, out: &mut Judgement<'_>) {
    for osd in &cx.facts.ceph.osds {
        match &osd.metadata {
            Some(said) if said.objectstore == "bluestore" => {}
            Some(said) => {
                let fact = format!("osd.{} keeps its data in {}.", osd.id, said.objectstore);
                out.found(format!("osd.{}", osd.id), fact, &[("osd", &osd.id.to_string())])
                    .by("ceph osd metadata", format!("osd_objectstore {}", said.objectstore));
            }
            None => out.unseen(format!("object store of osd.{}: Ceph has no metadata of it", osd.id)),
        }
    }
}

const BLOCKING_FLAGS: &[&str] = &[
    "full",
    "nobackfill",
    "nodown",
    "noin",
    "norecover",
    "noup",
    "pause",
    "pauserd",
    "pausewr",
];

fn flags_blocking(cx: &Context<'_>, out: &mut Judgement<'_>) {
    for flag in cx
        .facts
        .ceph
        .osdmap
        .flags
        .iter()
        .filter(|flag| BLOCKING_FLAGS.contains(&flag.as_str()))
    {
        // `ceph osd set pause` shows as two flags, and is unset under its one name.
        let unset = if flag.starts_with("pause") { "pause" } else { flag };
        out.found(
            format!("flag {flag}"),
            format!("The flag {flag} is set."),
            &[("flag", unset)],
        );
    }
}

fn flags_set(cx: &Context<'_>, out: &mut Judgement<'_>) {
    let switched = |flag: &&String| flag.starts_with("no") && !BLOCKING_FLAGS.contains(&flag.as_str());
    for flag in cx.facts.ceph.osdmap.flags.iter().filter(switched) {
        out.found(
            format!("flag {flag}"),
            format!("The flag {flag} is set."),
            &[("flag", flag)],
        );
    }
}

fn caps(cx: &Context<'_>, out: &mut Judgement<'_>) {
    const WANTED: [(&str, &str); 3] = [
        ("mgr", "allow profile osd"),
        ("mon", "allow profile osd"),
        ("osd", "allow *"),
    ];
    let Some(auth) = cx.facts.ceph.auth.known() else { return };
    let by_name: BTreeMap<&str, &BTreeMap<String, String>> = auth
        .iter()
        .map(|entity| (entity.entity.as_str(), &entity.caps))
        .collect();
    let mut differing: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for osd in &cx.facts.ceph.osds {
        let name = format!("osd.{}", osd.id);
        let text = match by_name.get(name.as_str()) {
            None => "no entity".to_owned(),
            Some(caps) if caps.iter().map(|(k, v)| (k.as_str(), v.as_str())).eq(WANTED) => continue,
            Some(caps) => caps_text(caps),
        };
        differing.entry(text).or_default().push(name);
    }
    for (text, osds) in differing {
        let id = osds[0].trim_start_matches("osd.").to_owned();
        let (subject, verb) = if osds.len() == 1 {
            (osds[0].clone(), "has")
        } else {
            (format!("{} OSDs", osds.len()), "have")
        };
        out.found(
            subject,
            format!("{} {verb} other caps.", list(&osds, 8)),
            &[("osd", &id)],
        )
        .by("ceph auth ls", text);
    }
}
