//! Keys, ciphers and what clients may do.

use std::collections::BTreeMap;

use reeve_ceph::CephVersion;
use reeve_report::Severity;

use super::rook;
use crate::check::context::Context;
use crate::check::need::Need;
use crate::check::rule::{Judgement, Rule, list};

const RECLAIM: &str = "rook/rook: pkg/operator/ceph/cluster/mgr/mgr.go – Start; pkg/operator/ceph/config/config.go – DisableInsecureGlobalID; CVE-2021-20288";
const CIPHERS: &str =
    "rook/rook: pkg/operator/ceph/cluster/cephx.go – setDefaultCephxKeyType, setRotatingServiceKeyType";

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "rook.insecure-global-id",
        title: "No client reclaims its global id insecurely",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[Need::Config],
        reason: "When Rook makes its first mgr it forbids that, and these clients lose access to their data.",
        remedy: "Update and restart the clients that `ceph health detail` names until the warning is gone, and survey again.",
        source: RECLAIM,
        judge: insecure_reclaim,
    },
    Rule {
        id: "rook.insecure-global-id-allowed",
        title: "Insecure reclaim of global ids is forbidden already",
        severity: Severity::Warning,
        waiver: None,
        needs: &[Need::Config],
        reason: "Rook forbids it when it makes its first mgr; a client that is away now and comes back later with an old version is then locked out.",
        remedy: "Forbid it now and see for a while who complains: `ceph config set mon auth_allow_insecure_global_id_reclaim false`.",
        source: RECLAIM,
        judge: insecure_allowed,
    },
    Rule {
        id: "rook.admin-caps",
        title: "client.admin may do everything",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[Need::Auth],
        reason: "Rook works with the key of client.admin and nothing else.",
        remedy: "ceph auth caps client.admin mon 'allow *' osd 'allow *' mgr 'allow *' mds 'allow *'",
        source: "rook/rook: pkg/operator/ceph/controller/cluster_info.go – CreateOrLoadClusterInfo",
        judge: admin_caps,
    },
    Rule {
        id: "rook.bootstrap-key",
        title: "No bootstrap key is there that Rook deletes",
        severity: Severity::Note,
        waiver: None,
        needs: &[Need::Auth],
        reason: "From 1.18.11 on Rook deletes the bootstrap keys; legacy tooling that makes new daemons with them stops working. The plan exports all keys first.",
        remedy: "Nothing; each comes back with `ceph auth import` from the export, should it be needed.",
        source: "rook/rook: pkg/operator/ceph/cluster/cluster.go – postMonStartupActions, deleteBootstrapKeys",
        judge: bootstrap,
    },
    Rule {
        id: "rook.client-caps",
        title: "No client has a name that Rook uses",
        severity: Severity::Note,
        waiver: None,
        needs: &[Need::Auth],
        reason: "Rook gives users of this name its own caps.",
        remedy: "See `ceph auth get {entity}`; whoever uses it for something else needs another user.",
        source: "rook/rook: pkg/operator/ceph/cluster/nodedaemon/keyring.go; pkg/operator/ceph/csi/secrets.go",
        judge: client_caps,
    },
    Rule {
        id: "rook.cipher-upgrade",
        title: "Rook leaves the cephx ciphers as they are",
        severity: Severity::Warning,
        waiver: None,
        needs: &[Need::Operator],
        reason: "This Rook sets auth_preferred_cipher and auth_service_cipher to aes256k at every reconcile; clients and kernels without it then cannot use their tickets.",
        remedy: "See that the plan pins `security.cephx.daemon.keyType: aes` before you approve it.",
        source: CIPHERS,
        judge: cipher_upgrade,
    },
    Rule {
        id: "rook.cipher-aes256k",
        title: "The cluster uses cephx ciphers of type aes",
        severity: Severity::Note,
        waiver: None,
        needs: &[],
        reason: "A key type of `aes` in the CephCluster would downgrade the cluster to HEALTH_ERR, and taking it back does not restore it.",
        remedy: "Nothing; never set `security.cephx.daemon.keyType: aes` here.",
        source: CIPHERS,
        judge: aes256k,
    },
];

/// Returns caps as `ceph auth` takes them.
pub(super) fn caps_text(caps: &BTreeMap<String, String>) -> String {
    caps.iter()
        .map(|(service, cap)| format!("{service} '{cap}'"))
        .collect::<Vec<_>>()
        .join(" ")
}

fn set_to<'a>(cx: &Context<'a>, option: &str) -> Option<&'a str> {
    let ceph = &cx.facts.ceph;
    ceph.config_value("mon", option)
        .or_else(|| ceph.config_value("global", option))
}

fn insecure_reclaim(cx: &Context<'_>, out: &mut Judgement<'_>) {
    if let Some(check) = cx.health("AUTH_INSECURE_GLOBAL_ID_RECLAIM") {
        out.found("clients", format!("{}.", check.summary), &[])
            .by("ceph health detail", check.detail.join("\n"));
    } else if set_to(cx, "mon_warn_on_insecure_global_id_reclaim") == Some("false") {
        out.unseen("insecure clients: mon_warn_on_insecure_global_id_reclaim is false, so Ceph does not name them");
    }
}

fn insecure_allowed(cx: &Context<'_>, out: &mut Judgement<'_>) {
    if cx.facts.ceph.config.known().is_none() {
        return;
    }
    let value = set_to(cx, "auth_allow_insecure_global_id_reclaim");
    if value != Some("false") {
        let fact = format!(
            "auth_allow_insecure_global_id_reclaim is {}.",
            value.unwrap_or("not set, which means true")
        );
        out.found("cluster", fact, &[]);
    }
}

fn admin_caps(cx: &Context<'_>, out: &mut Judgement<'_>) {
    let Some(auth) = cx.facts.ceph.auth.known() else { return };
    let Some(admin) = auth.iter().find(|entity| entity.entity == "client.admin") else {
        out.found("client.admin", "There is no client.admin.", &[]);
        return;
    };
    let lacking: Vec<&str> = ["mon", "osd", "mgr", "mds"]
        .into_iter()
        .filter(|s| admin.caps.get(*s).map(String::as_str) != Some("allow *"))
        .collect();
    if !lacking.is_empty() {
        out.found(
            "client.admin",
            format!("client.admin lacks `allow *` for {}.", lacking.join(", ")),
            &[],
        )
        .by("ceph auth ls", caps_text(&admin.caps));
    }
}

fn bootstrap(cx: &Context<'_>, out: &mut Judgement<'_>) {
    let entities = cx.facts.ceph.auth.known().into_iter().flatten();
    let names: Vec<&str> = entities
        .map(|entity| entity.entity.as_str())
        .filter(|name| name.starts_with("client.bootstrap-"))
        .collect();
    if !names.is_empty() {
        let all = list(&names, 8);
        out.found(all.clone(), format!("There is {all}."), &[]);
    }
}

fn client_caps(cx: &Context<'_>, out: &mut Judgement<'_>) {
    const CRASH: &[(&str, &str)] = &[("mgr", "allow rw"), ("mon", "allow profile crash")];
    const EXPORTER: &[(&str, &str)] = &[
        ("mds", "allow r"),
        ("mgr", "allow r"),
        ("mon", "allow profile ceph-exporter"),
        ("osd", "allow r"),
    ];
    for entity in cx.facts.ceph.auth.known().into_iter().flatten() {
        let rooks = match entity.entity.as_str() {
            "client.crash" => CRASH,
            "client.ceph-exporter" => EXPORTER,
            // What Rook gives to these depends on its release, so any that exist are named.
            name if name.starts_with("client.csi-rbd-") || name.starts_with("client.csi-cephfs-") => &[],
            _ => continue,
        };
        let caps = entity
            .caps
            .iter()
            .map(|(service, cap)| (service.as_str(), cap.as_str()));
        if !caps.eq(rooks.iter().copied()) {
            let fact = format!("{} exists with caps of its own.", entity.entity);
            out.found(entity.entity.clone(), fact, &[("entity", &entity.entity)])
                .by("ceph auth ls", caps_text(&entity.caps));
        }
    }
}

/// Returns whether this pair of Rook and Ceph sets aes256k.
///
/// Source: as [`CIPHERS`]; Rook from 1.19.9 and 1.20.5 on, with Ceph from 19.2.6, 20.2.4 and 21 on.
fn sets_aes256k(rook: &semver::Version, ceph: CephVersion) -> bool {
    let rook = (rook.major, rook.minor, rook.patch);
    let rook = ((1, 19, 9)..(1, 20, 0)).contains(&rook) || rook >= (1, 20, 5);
    let ceph = match ceph.major {
        19 => ceph >= CephVersion::new(19, 2, 6),
        20 => ceph >= CephVersion::new(20, 2, 4),
        major => major >= 21,
    };
    rook && ceph
}

fn cipher_upgrade(cx: &Context<'_>, out: &mut Judgement<'_>) {
    let Some(ciphers) = &cx.facts.ceph.ciphers else { return };
    if ciphers.preferred == "aes256k" && ciphers.service == "aes256k" {
        return;
    }
    let Some(rook) = rook(cx, out) else { return };
    let Some((_, version)) = cx.running else {
        out.unseen("running version: `ceph versions` does not show a single one");
        return;
    };
    if sets_aes256k(&rook, version) {
        let fact = format!(
            "Rook {rook} runs Ceph {version}, whose preferred cipher is {} now.",
            ciphers.preferred
        );
        out.found("cluster", fact, &[]).by(
            "ceph mon dump",
            format!(
                "service {}, allowed {}, preferred {}",
                ciphers.service, ciphers.allowed, ciphers.preferred
            ),
        );
    }
}

fn aes256k(cx: &Context<'_>, out: &mut Judgement<'_>) {
    let Some(ciphers) = &cx.facts.ceph.ciphers else { return };
    if ciphers.preferred == "aes256k" || ciphers.service == "aes256k" {
        out.found("cluster", "The cluster uses aes256k.", &[]).by(
            "ceph mon dump",
            format!(
                "service {}, allowed {}, preferred {}",
                ciphers.service, ciphers.allowed, ciphers.preferred
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pairs_that_set_aes256k() {
        let sets = |rook: &str, ceph: (u16, u16, u16)| {
            sets_aes256k(&rook.parse().unwrap(), CephVersion::new(ceph.0, ceph.1, ceph.2))
        };
        assert!(sets("1.19.9", (19, 2, 6)) && sets("1.20.5", (20, 2, 4)) && sets("1.21.0", (21, 2, 0)));
        assert!(!sets("1.19.8", (19, 2, 6)) && !sets("1.20.4", (20, 2, 4)) && !sets("1.18.11", (19, 2, 6)));
        assert!(!sets("1.20.6", (19, 2, 5)) && !sets("1.20.6", (20, 2, 3)) && !sets("1.20.6", (18, 2, 7)));
    }
}
