//! Every pool is described or left with a reason, and no description says more than the pool does.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::facts::{ConfigOption, CrushRule, Facts, FileSystem, Pool, PoolKind, Reading};
use crate::sample::Cluster;

const ACCEPT: AdoptOptions = AdoptOptions {
    accept_unused_rules: true,
};

fn pool(id: i64, name: &str, application: &str) -> Pool {
    Pool {
        id,
        name: name.into(),
        kind: PoolKind::Replicated,
        size: 3,
        min_size: 2,
        pg_num: 32,
        crush_rule: 0,
        autoscale_mode: "on".into(),
        applications: BTreeSet::from([application.to_owned()]),
        mirroring: None,
    }
}

fn facts(pools: Vec<Pool>) -> Facts {
    let mut facts = Cluster::default().facts();
    facts.ceph.pools = pools;
    facts
}

fn rule(id: i64, name: &str, take: &str) -> CrushRule {
    CrushRule {
        id,
        name: name.into(),
        take: take.into(),
        failure_domain: "host".into(),
    }
}

#[test]
fn the_laboratorys_pools_are_described() {
    let facts = Cluster::default().facts();
    insta::assert_snapshot!(adopt(&facts, ACCEPT).yaml());
}

#[test]
fn without_leave_no_rule_is_added() {
    let mut facts = facts(vec![pool(1, "volumes", "rbd"), pool(2, "images", "rbd")]);
    facts.ceph.crush.rules.push(rule(1, "images", "default~hdd"));
    let adoption = adopt(&facts, AdoptOptions::default());
    assert_eq!(adoption.described.len(), 1);
    assert_eq!(
        (adoption.described[0].pool.as_str(), &adoption.described[0].adds_rule),
        ("images", &None)
    );
    assert_eq!(adoption.left[0].pool, "volumes");
    assert!(
        adoption.left[0].because.contains("add a CRUSH rule named volumes"),
        "{adoption:?}"
    );
}

#[test]
fn a_rule_that_is_added_is_like_the_pools_own() {
    let mut facts = facts(vec![pool(1, "fast", "rbd")]);
    facts.ceph.crush.rules = vec![rule(0, "ssd-only", "default~ssd")];
    let adoption = adopt(&facts, ACCEPT);
    let spec = &adoption.described[0].object.spec;
    assert_eq!(spec.crush_root.as_deref(), Some("default"));
    assert_eq!(spec.device_class.as_deref(), Some("ssd"));
    assert_eq!(spec.failure_domain.as_deref(), Some("host"));
}

#[test]
fn statistics_stay_on() {
    let mut facts = facts(vec![pool(1, "volumes", "rbd"), pool(2, "images", "rbd")]);
    facts.ceph.config = Reading::Known(vec![ConfigOption {
        section: "mgr".into(),
        mask: String::new(),
        name: "mgr/prometheus/rbd_stats_pools".into(),
        value: "images,other".into(),
    }]);
    let adoption = adopt(&facts, ACCEPT);
    let on: Vec<bool> = adoption
        .described
        .iter()
        .map(|it| it.object.spec.enable_rbd_stats)
        .collect();
    assert_eq!(on, [false, true]);
    facts.ceph.config = Reading::unknown("no leave to read it");
    assert_eq!(adopt(&facts, ACCEPT).described, vec![]);
}

#[test]
fn what_rook_would_change_is_left() {
    let mut cases: Vec<(&str, Pool)> = Vec::new();
    let mut case = |because: &'static str, change: &dyn Fn(&mut Pool)| {
        let mut one = pool(7, "one", "rbd");
        change(&mut one);
        cases.push((because, one));
    };
    case("erasure coded", &|it| {
        it.kind = PoolKind::Erasure { profile: "k4m2".into() }
    });
    case("mirrored (image)", &|it| it.mirroring = Some("image".into()));
    case("no application", &|it| it.applications.clear());
    case("a CephFilesystem describes", &|it| {
        it.applications = BTreeSet::from(["cephfs".into()])
    });
    case("a CephObjectStore describes", &|it| {
        it.applications = BTreeSet::from(["rgw".into()])
    });
    case("its application is manila", &|it| {
        it.applications = BTreeSet::from(["manila".into()])
    });
    case("several applications (nfs, rbd)", &|it| {
        it.applications.extend(["nfs".to_owned()])
    });
    case("no Kubernetes object can have its name", &|it| {
        it.name = "My_Pool".into()
    });
    case("rule 9 is not in the map", &|it| it.crush_rule = 9);
    for (because, one) in cases {
        let adoption = adopt(&facts(vec![one]), ACCEPT);
        assert_eq!(adoption.described, vec![], "{because}");
        assert!(adoption.left[0].because.contains(because), "{because}: {adoption:?}");
    }
}

#[test]
fn pools_of_a_file_system_are_left_whatever_they_are_marked_with() {
    let mut facts = facts(vec![
        pool(1, "meta", "rbd"),
        pool(2, "data", "rbd"),
        pool(3, "volumes", "rbd"),
    ]);
    facts.ceph.filesystems = Reading::Known(vec![FileSystem {
        name: "fs".into(),
        metadata_pool: "meta".into(),
        data_pools: vec!["data".into()],
        max_mds: 1,
        standby_replay: false,
        mds: BTreeSet::new(),
    }]);
    let left: Vec<String> = adopt(&facts, ACCEPT).left.into_iter().map(|it| it.pool).collect();
    assert_eq!(left, ["meta", "data"]);
}

#[test]
fn comments_cannot_end_and_values_cannot_break_out() {
    let evil = "x\n---\nkind: Secret\u{2028}y";
    let mut facts = facts(vec![pool(1, evil, "rbd"), pool(2, "volumes", "rbd")]);
    facts.ceph.crush.buckets[0].name = "a: b # c\n- d".into();
    facts.ceph.crush.rules[0].take = "a: b # c\n- d".into();
    let adoption = adopt(&facts, ACCEPT);
    let text = adoption.yaml();
    let read: Vec<CephBlockPool> = serde_saphyr::from_multiple(&text).unwrap();
    assert_eq!(read, vec![adoption.described[0].object.clone()], "{text}");
}

fn any_pool(id: i64) -> impl Strategy<Value = Pool> {
    let name = prop_oneof![
        Just(".mgr".to_owned()),
        Just("builtin-mgr".to_owned()),
        "[a-z][a-z0-9-]{0,6}[a-z0-9]",
        "[A-Za-z_.:# \u{1b}-]{1,8}",
    ];
    let applications = proptest::collection::btree_set(
        prop_oneof![Just("rbd"), Just("mgr"), Just("cephfs"), Just("rgw"), Just("x")].prop_map(str::to_owned),
        0..3,
    );
    let kind = prop_oneof![
        4 => Just(PoolKind::Replicated),
        1 => Just(PoolKind::Erasure { profile: "default".into() }),
    ];
    let mirroring =
        prop_oneof![3 => Just(None), 1 => Just(Some("disabled".to_owned())), 1 => Just(Some("image".to_owned()))];
    (name, applications, kind, mirroring, 1_u32..5, 0_i64..4).prop_map(
        move |(name, applications, kind, mirroring, size, crush_rule)| Pool {
            name,
            applications,
            kind,
            mirroring,
            size,
            crush_rule,
            ..pool(id, "x", "rbd")
        },
    )
}

fn any_facts() -> impl Strategy<Value = Facts> {
    let pools = proptest::collection::vec(any_pool(0), 0..8);
    (pools, any::<bool>()).prop_map(|(pools, has_rule)| {
        // Ceph keeps names apart.
        let mut names = BTreeSet::new();
        let pools = pools.into_iter().filter(|pool| names.insert(pool.name.clone()));
        let pools = pools.enumerate().map(|(at, pool)| Pool {
            id: i64::try_from(at).unwrap() + 1,
            ..pool
        });
        let mut facts = facts(pools.collect());
        facts.ceph.crush.rules.push(rule(1, "plain", "default~hdd"));
        facts.ceph.crush.rules.push(rule(2, "gone", "no-such-bucket"));
        if has_rule && let Some(first) = facts.ceph.pools.first() {
            let name = first.name.clone();
            facts.ceph.crush.rules.push(rule(3, &name, "default"));
        }
        facts
    })
}

proptest! {
    #[test]
    fn every_pool_is_described_or_left(facts in any_facts(), accept_unused_rules in any::<bool>()) {
        let options = AdoptOptions { accept_unused_rules };
        let adoption = adopt(&facts, options);
        let described = adoption.described.iter().map(|it| it.pool.as_str());
        let left = adoption.left.iter().map(|it| it.pool.as_str());
        let mut seen: Vec<&str> = described.chain(left).collect();
        seen.sort_unstable();
        let mut wanted: Vec<&str> = facts.ceph.pools.iter().map(|pool| pool.name.as_str()).collect();
        wanted.sort_unstable();
        prop_assert_eq!(seen, wanted);
        prop_assert!(adoption.left.iter().all(|left| !left.because.is_empty()));

        let names: BTreeSet<&str> = adoption.described.iter().map(|it| it.object.metadata.name.as_str()).collect();
        prop_assert_eq!(names.len(), adoption.described.len(), "two objects with one name");
        for described in &adoption.described {
            let pool = facts.ceph.pools.iter().find(|pool| pool.name == described.pool).unwrap();
            let spec = &described.object.spec;
            prop_assert_eq!(&pool.kind, &PoolKind::Replicated);
            prop_assert_eq!(spec.replicated.size, pool.size);
            // Rook refuses size 1 with the field on.
            prop_assert_eq!(spec.replicated.require_safe_replica_size, pool.size > 1);
            prop_assert_eq!(spec.name.as_ref().unwrap_or(&described.object.metadata.name), &pool.name);
            prop_assert_eq!(&BTreeSet::from([spec.application.clone()]), &pool.applications);
            let has_rule = facts.ceph.crush.rules.iter().any(|rule| rule.name == pool.name);
            prop_assert_eq!(described.adds_rule.is_some(), !has_rule);
            prop_assert!(accept_unused_rules || has_rule);
        }
        let read: Vec<CephBlockPool> = serde_saphyr::from_multiple(&adoption.yaml()).unwrap();
        let objects: Vec<CephBlockPool> = adoption.described.iter().map(|it| it.object.clone()).collect();
        prop_assert_eq!(read, objects);
    }
}
