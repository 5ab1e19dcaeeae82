//! Versions: what runs, what Rook accepts, what the image holds.

use reeve_ceph::CephVersion;
use reeve_report::Severity;

use super::rook;
use crate::check::context::Context;
use crate::check::need::Need;
use crate::check::rule::{Judgement, Rule};
use crate::rook_release::{self, Acceptance};

const SUPPORT: &str = "rook/rook: pkg/operator/ceph/version/version.go – Minimum, supportedVersions";
const DETECT: &str =
    "rook/rook: pkg/operator/ceph/cluster/version.go – detectAndValidateCephVersion, validateCephVersion";

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "rook.versions-mixed",
        title: "All daemons run one version of Ceph",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[],
        reason: "Rook takes more than one version string for an upgrade in progress; its reconcile then waits for mons that are still gated, and never reaches mgrs and OSDs.",
        remedy: "Finish the upgrade with the legacy tooling until `ceph versions` shows one line, and survey again.",
        source: DETECT,
        judge: mixed,
    },
    Rule {
        id: "rook.osd-release-behind",
        title: "require_osd_release is the release that runs",
        severity: Severity::Refusal,
        waiver: Some("Rook raises require_osd_release at the end of the OSD stage, which cannot be undone"),
        needs: &[],
        reason: "Rook raises it by itself after the OSDs, and there is no way back from that; finishing the upgrade is a decision of its own.",
        remedy: "ceph osd require-osd-release {release}",
        source: "rook/rook: pkg/operator/ceph/cluster/osd/osd.go – applyUpgradeOSDFunctionality",
        judge: osd_release,
    },
    Rule {
        id: "rook.ceph-unsupported",
        title: "The Rook operator accepts the running Ceph version",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[Need::Operator],
        reason: "The operator refuses a Ceph version that it does not support, after the cluster has already been seeded.",
        remedy: "Install a Rook that accepts Ceph {version} ({newest} is the newest known here) and survey again; where there is none, upgrade Ceph with the legacy tooling first.",
        source: SUPPORT,
        judge: unsupported,
    },
    Rule {
        id: "rook.version-untested",
        title: "This Rook version is one that take-overs are tested with",
        severity: Severity::Warning,
        waiver: None,
        needs: &[Need::Operator],
        reason: "Take-overs are tested with Rook 1.18 to 1.20; other releases write other settings and may start daemons in another order.",
        remedy: "Prefer Rook {newest}, or rehearse on the laboratory first.",
        source: SUPPORT,
        judge: untested,
    },
    Rule {
        id: "rook.image-not-said",
        title: "It was said which Ceph image Rook is to run",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[],
        reason: "Rook starts every daemon from this one image, so no plan can be made without it.",
        remedy: "Survey again with the image that holds the running version: `reeve rook survey --ceph-image quay.io/ceph/ceph:v{version}`.",
        source: DETECT,
        judge: image_not_said,
    },
    Rule {
        id: "rook.image-version",
        title: "The Ceph image holds the version that runs",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[],
        reason: "With a newer image the take-over is an upgrade too, daemon by daemon and without a way back; with an older one daemons may refuse their data.",
        remedy: "Survey again with `--ceph-image` and the tag v{version}; upgrade before or after the take-over, not in it.",
        source: DETECT,
        judge: image_version,
    },
];

fn mixed(cx: &Context<'_>, out: &mut Judgement<'_>) {
    let ceph = &cx.facts.ceph;
    let mut lines: Vec<(&str, String)> = Vec::new();
    for (kind, by_string) in &ceph.versions {
        for (line, count) in by_string {
            lines.push((line, format!("{count} {kind}: {line}")));
        }
    }
    let mut strings: Vec<&str> = lines.iter().map(|(line, _)| *line).collect();
    strings.sort_unstable();
    strings.dedup();
    let evidence = lines.into_iter().map(|(_, text)| text).collect::<Vec<_>>().join("\n");
    if strings.len() > 1 {
        let numbers: Vec<Option<CephVersion>> = strings.iter().map(|line| line.parse().ok()).collect();
        let same_number = numbers.windows(2).all(|pair| pair[0].is_some() && pair[0] == pair[1]);
        let what = if same_number {
            "builds of one version"
        } else {
            "versions"
        };
        out.found("cluster", format!("The daemons run {} {what}.", strings.len()), &[])
            .by("ceph versions", evidence);
    } else if let Some(check) = cx.health("DAEMON_OLD_VERSION") {
        out.found(
            "cluster",
            format!("Ceph raises DAEMON_OLD_VERSION: {}.", check.summary),
            &[],
        )
        .by("ceph versions", evidence);
    } else if cx.running.is_none() {
        out.unseen("running version: `ceph versions` names none that can be read");
    }
}

fn osd_release(cx: &Context<'_>, out: &mut Judgement<'_>) {
    let Some(release) = running(cx, out).map(|version| version.release_name().to_lowercase()) else {
        return;
    };
    let required = &cx.facts.ceph.osdmap.require_osd_release;
    if *required != release {
        let fact = format!("The OSDs run {release}, and require_osd_release is {required}.");
        out.found("cluster", fact, &[("release", &release)])
            .by("ceph osd dump", format!("require_osd_release {required}"));
    } else if let Some(check) = cx.health("OSD_UPGRADE_FINISHED") {
        out.found(
            "cluster",
            format!("Ceph raises OSD_UPGRADE_FINISHED: {}.", check.summary),
            &[("release", &release)],
        );
    }
}

fn unsupported(cx: &Context<'_>, out: &mut Judgement<'_>) {
    let Some(version) = running(cx, out) else { return };
    let Some(rook) = rook(cx, out) else { return };
    let name = version.release_name();
    let fact = match rook_release::acceptance(&rook, version) {
        Acceptance::Accepted => return,
        Acceptance::UnknownRook => {
            out.unseen(format!("what Rook {rook} accepts: this release is not known here"));
            return;
        }
        Acceptance::TooOld { minimum } => {
            format!("Rook {rook} wants Ceph {minimum} at least, and {version} ({name}) runs.")
        }
        Acceptance::OnlyUnsupported => {
            format!(
                "Rook {rook} takes Ceph {version} ({name}) only with `allowUnsupported`, which is not for production."
            )
        }
    };
    let here = rook_release::kubernetes_minor(&cx.facts.kubernetes.version);
    let newest = here.and_then(|minor| rook_release::newest_rook_for_both(version, minor));
    let newest = newest
        .or_else(|| rook_release::newest_rook_for(version))
        .map_or("none".into(), |newest| newest.to_string());
    out.found(
        "cluster",
        fact,
        &[("version", &version.to_string()), ("newest", &newest)],
    );
}

fn untested(cx: &Context<'_>, out: &mut Judgement<'_>) {
    let Some(rook) = rook(cx, out) else { return };
    if rook.major != 1 || !(18..=20).contains(&rook.minor) {
        let newest = cx
            .running
            .and_then(|(_, version)| rook_release::newest_rook_for(version));
        let newest = newest.map_or("1.18 to 1.20".into(), |newest| newest.to_string());
        out.found(
            "Rook operator",
            format!("The operator is Rook {rook}."),
            &[("newest", &newest)],
        );
    }
}

fn image_not_said(cx: &Context<'_>, out: &mut Judgement<'_>) {
    if cx.facts.scope.ceph_image.is_none() {
        let version = cx.running.map_or("VERSION".into(), |(_, version)| version.to_string());
        out.found(
            "Ceph image",
            "The survey was not told an image.",
            &[("version", &version)],
        );
    }
}

fn image_version(cx: &Context<'_>, out: &mut Judgement<'_>) {
    let Some(version) = running(cx, out) else { return };
    let Some(image) = &cx.facts.scope.ceph_image else {
        out.unseen("Ceph image: none was said");
        return;
    };
    match image_tag(image).and_then(|tag| tag.parse::<CephVersion>().ok()) {
        Some(in_image) if in_image == version => {}
        Some(in_image) => {
            let fact = format!("The tag of {image} says {in_image}, and {version} runs.");
            out.found("Ceph image", fact, &[("version", &version.to_string())]);
        }
        None => out.unseen(format!(
            "Ceph image: the tag of {image} names no version such as v{version}"
        )),
    }
}

/// Returns the version that runs, or says that it is not known.
fn running(cx: &Context<'_>, out: &mut Judgement<'_>) -> Option<CephVersion> {
    if cx.running.is_none() {
        out.unseen("running version: `ceph versions` does not show a single one");
    }
    cx.running.map(|(_, version)| version)
}

/// Returns the tag of an image reference, without a digest after it.
fn image_tag(image: &str) -> Option<&str> {
    let without_digest = image.split_once('@').map_or(image, |(name, _)| name);
    // A colon before the last slash belongs to a registry's port.
    let last = without_digest.rsplit('/').next()?;
    last.split_once(':').map(|(_, tag)| tag)
}

#[cfg(test)]
mod tests {
    use super::image_tag;

    #[test]
    fn the_tag_is_what_follows_the_name() {
        assert_eq!(image_tag("quay.io/ceph/ceph:v18.2.7"), Some("v18.2.7"));
        assert_eq!(image_tag("registry:5000/ceph"), None);
        assert_eq!(image_tag("registry:5000/ceph:v1@sha256:00"), Some("v1"));
        assert_eq!(image_tag("ceph@sha256:00"), None);
    }
}
