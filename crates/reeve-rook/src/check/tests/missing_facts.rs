//! Facts that could not be read: a rule that needs one never passes, and no other rule changes its mind.

use std::collections::BTreeMap;

use proptest::prelude::*;
use reeve_report::Outcome;

use super::{cases, known};
use crate::check::{Need, Rule, Waivers, check, rules};
use crate::facts::*;
use crate::sample::Cluster;

const LOST: &str = "it could not be read";

fn lose<T>(reading: &mut Reading<T>) {
    *reading = Reading::unknown(LOST);
}

/// Makes the fact unreadable: of hosts, on the second one.
fn forget(facts: &mut Facts, need: Need) {
    let (ceph, kubernetes) = (&mut facts.ceph, &mut facts.kubernetes);
    match need {
        Need::Filesystems => return lose(&mut ceph.filesystems),
        Need::Services => return lose(&mut ceph.services),
        Need::Rgw => return lose(&mut ceph.rgw),
        Need::Auth => return lose(&mut ceph.auth),
        Need::Config => return lose(&mut ceph.config),
        Need::Orchestrator => return lose(&mut ceph.orchestrator),
        Need::Namespace => return lose(&mut kubernetes.namespace),
        Need::Operator => return lose(&mut kubernetes.operator),
        Need::Crds => return lose(&mut kubernetes.crds),
        Need::CephClusters => return lose(&mut kubernetes.ceph_clusters),
        Need::Gate => return lose(&mut kubernetes.gate),
        Need::Permissions => return lose(&mut kubernetes.permissions),
        Need::Hosts | Need::Root | Need::DataDir | Need::Volumes | Need::Time | Need::Memory => {}
    }
    let reading = facts.hosts.get_mut("n2").expect("samples have n2");
    if need == Need::Hosts {
        *reading = HostReading::Unreachable { because: LOST.into() };
        return;
    }
    let HostReading::Reached(host) = reading else { return };
    match need {
        Need::Root => lose(&mut host.root),
        Need::DataDir => lose(&mut host.data_dir),
        Need::Volumes => lose(&mut host.volumes),
        Need::Time => lose(&mut host.time_synchronised),
        Need::Memory => lose(&mut host.memory_available_bytes),
        _ => unreachable!("the others returned above"),
    }
}

fn outcomes(facts: &Facts) -> BTreeMap<&'static str, Outcome> {
    let results = check(facts, &Waivers::default());
    rules()
        .into_iter()
        .map(|rule| rule.id)
        .zip(results.into_iter().map(|result| result.outcome))
        .collect()
}

/// Returns whether losing `lost` can change what the rule sees: it names it, or it is of a host and the whole host was lost.
fn affected(rule: &Rule, lost: Need) -> bool {
    let of_hosts = [
        Need::Hosts,
        Need::Root,
        Need::DataDir,
        Need::Volumes,
        Need::Time,
        Need::Memory,
    ];
    rule.needs.contains(&lost) || (lost == Need::Hosts && rule.needs.iter().any(|need| of_hosts.contains(need)))
}

#[test]
fn what_cannot_be_read_is_not_passed() {
    for need in Need::ALL {
        let mut facts = Cluster::default().facts();
        forget(&mut facts, need);
        let after = outcomes(&facts);
        let affected: Vec<_> = rules().into_iter().filter(|rule| affected(rule, need)).collect();
        assert!(!affected.is_empty(), "no rule needs {need:?}");
        for rule in affected {
            match &after[rule.id] {
                Outcome::NotJudged { because } => assert!(because.contains(LOST), "{}: {because}", rule.id),
                Outcome::Found(_) => {}
                other => panic!("{} without {need:?}: {other:?}", rule.id),
            }
        }
    }
}

/// A rule that looks at a fact without naming it would lose its finding with the fact and say "passed".
#[test]
fn a_finding_never_turns_into_passed() {
    let mut wrong = Vec::new();
    for case in cases() {
        let mut broken = Cluster::default().facts();
        (case.breaks)(&mut broken);
        let before = outcomes(&broken);
        for need in Need::ALL {
            let mut facts = broken.clone();
            // A case may have taken n2 away already.
            if facts.hosts.get("n2").is_none_or(|reading| reading.reached().is_none()) {
                continue;
            }
            forget(&mut facts, need);
            for (id, outcome) in outcomes(&facts) {
                let was_found = matches!(before[id], Outcome::Found(_));
                if was_found && outcome == Outcome::Passed {
                    wrong.push(format!("{}: {id} passes without {need:?}", case.name));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_finding_says_what_was_not_seen() {
    let mut facts = Cluster::default().facts();
    known(&mut super::host(&mut facts, "n3").data_dir).filesystem = "tmpfs".into();
    forget(&mut facts, Need::DataDir);
    let Outcome::Found(findings) = outcomes(&facts)["rook.data-dir-volatile"].clone() else {
        panic!("nothing found")
    };
    assert_eq!(findings[0].evidence.last().unwrap().text, format!("n2: {LOST}"));
}

#[test]
fn a_warning_that_is_switched_off_is_not_judged() {
    let mut facts = Cluster::default().facts();
    known(&mut facts.ceph.config).push(ConfigOption {
        section: "mon".into(),
        mask: String::new(),
        name: "mon_warn_on_insecure_global_id_reclaim".into(),
        value: "false".into(),
    });
    assert!(matches!(
        outcomes(&facts)["rook.insecure-global-id"],
        Outcome::NotJudged { .. }
    ));
}

#[test]
fn an_image_without_a_version_is_not_judged() {
    let mut facts = Cluster::default().facts();
    facts.scope.ceph_image = Some("registry:5000/ceph@sha256:00".into());
    assert!(matches!(
        outcomes(&facts)["rook.image-version"],
        Outcome::NotJudged { .. }
    ));
}

#[test]
fn an_operator_that_is_missing_is_not_judged_further() {
    let mut facts = Cluster::default().facts();
    known(&mut facts.kubernetes.operator).exists = false;
    let after = outcomes(&facts);
    assert!(matches!(after["rook.operator-missing"], Outcome::Found(_)));
    for rule in rules().into_iter().filter(|rule| rule.needs.contains(&Need::Operator)) {
        assert!(
            after[rule.id] != Outcome::Passed || rule.id == "rook.cipher-upgrade",
            "{} passed",
            rule.id
        );
    }
}

#[test]
fn an_image_store_that_cannot_be_read_matters_only_without_the_kubelets_yes() {
    let mut facts = Cluster::default().facts();
    lose(&mut super::host(&mut facts, "n2").images);
    assert_eq!(outcomes(&facts)["rook.image-missing"], Outcome::Passed);
    facts.kubernetes.nodes[1].images.clear();
    assert!(matches!(
        outcomes(&facts)["rook.image-missing"],
        Outcome::NotJudged { .. }
    ));
}

#[test]
fn what_optional_facts_leave_open_is_not_judged() {
    let mut facts = Cluster::default().facts();
    facts.ceph.osds[0].metadata = None;
    facts.ceph.osds[1].utilization = None;
    super::host(&mut facts, "n2").mon_stores[0].kv_backend = None;
    known(&mut super::host(&mut facts, "n2").volumes)[0].cluster = None;
    facts.ceph.pools[0].crush_rule = 9;
    let after = outcomes(&facts);
    for id in [
        "rook.osd-filestore",
        "rook.osd-nearfull",
        "rook.mon-store-backend",
        "rook.osd-other-cluster",
        "rook.pool-domain-osd",
    ] {
        assert!(matches!(after[id], Outcome::NotJudged { .. }), "{id}");
    }
}

fn shape() -> impl Strategy<Value = Cluster> {
    (2_usize..6, 1_usize..4, 0_usize..3, 0_usize..3).prop_map(|(hosts, mons, osds_per_host, racks)| Cluster {
        hosts,
        mons: mons.min(hosts),
        osds_per_host,
        racks,
        ..Cluster::default()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is missing at once: every rule that needs a part of it is not judged or found something else, and nobody panics.
    #[test]
    fn losing_facts_only_costs_judgement(cluster in shape(), lost in proptest::sample::subsequence(Need::ALL.to_vec(), 0..=Need::ALL.len())) {
        let mut facts = cluster.facts();
        let before = outcomes(&facts);
        // The whole host goes last, so that the other facts of it are lost too.
        for need in lost.iter().filter(|need| **need != Need::Hosts).chain(lost.iter().filter(|need| **need == Need::Hosts)) {
            forget(&mut facts, *need);
        }
        let after = outcomes(&facts);
        let hit: Vec<_> = rules().into_iter().filter(|rule| lost.iter().any(|need| affected(rule, *need))).collect();
        for rule in &hit {
            prop_assert!(after[rule.id] != Outcome::Passed, "{} passed", rule.id);
        }
        let not_judged = after.values().filter(|outcome| matches!(outcome, Outcome::NotJudged { .. })).count();
        let found_before = hit.iter().filter(|rule| matches!(before[rule.id], Outcome::Found(_))).count();
        let found_after = hit.iter().filter(|rule| matches!(after[rule.id], Outcome::Found(_))).count();
        prop_assert!(not_judged + found_before.max(found_after) >= hit.len());
    }

    /// Hosts, nodes, units and buckets may vanish in any combination.
    #[test]
    fn holes_never_panic(cluster in shape(), holes in proptest::collection::vec((0_u8..9, 0_usize..8), 0..12)) {
        let mut facts = cluster.facts();
        for (what, at) in holes {
            let ceph = &mut facts.ceph;
            match what {
                0 => { let name = facts.hosts.keys().nth(at).cloned(); name.and_then(|name| facts.hosts.remove(&name)); }
                1 if at < facts.kubernetes.nodes.len() => { facts.kubernetes.nodes.remove(at); }
                2 if at < ceph.osds.len() => { ceph.osds.remove(at); }
                3 if at < ceph.crush.buckets.len() => { ceph.crush.buckets.remove(at); }
                4 if at < ceph.crush.buckets.len() => ceph.crush.buckets[at].children.push(-1),
                5 if at < ceph.monmap.mons.len() => { ceph.monmap.mons.remove(at); }
                6 if at < ceph.monmap.mons.len() => ceph.monmap.mons[at].v2 = Some("nonsense".into()),
                7 => ceph.versions.clear(),
                _ => facts.scope.data_dir_host_path.clear(),
            }
        }
        prop_assert_eq!(check(&facts, &Waivers::default()).len(), rules().len());
    }
}
