//! Ways to break facts about Ceph that several cases share.

use std::collections::{BTreeMap, BTreeSet};

use reeve_ceph::DaemonName;

use super::{host, known};
use crate::facts::*;

pub(super) fn raise(facts: &mut Facts, code: &str, severity: HealthStatus) {
    let check = HealthCheck {
        severity,
        summary: format!("{code} as Ceph words it"),
        detail: vec!["a detail".into()],
        muted: false,
    };
    facts.ceph.health.checks.insert(code.into(), check);
}

pub(super) fn warn(facts: &mut Facts, code: &str) {
    raise(facts, code, HealthStatus::Warn);
}

pub(super) fn set(facts: &mut Facts, section: &str, name: &str, value: &str) {
    let option = ConfigOption {
        section: section.into(),
        mask: String::new(),
        name: name.into(),
        value: value.into(),
    };
    known(&mut facts.ceph.config).push(option);
}

pub(super) fn conf(facts: &mut Facts, section: &str, name: &str, value: &str) {
    let sections = &mut host(facts, "n2").ceph_confs[0].sections;
    sections
        .entry(section.into())
        .or_default()
        .insert(name.into(), value.into());
}

pub(super) fn rename_mon(facts: &mut Facts, to: &str) {
    let ceph = &mut facts.ceph;
    ceph.monmap.mons[2].name = to.into();
    ceph.quorum.names.remove("n3");
    ceph.quorum.names.insert(to.into());
    let host = host(facts, "n3");
    host.daemons[0].daemon = DaemonName::mon(to);
    host.mon_stores[0].mon = to.into();
}

pub(super) fn bucket<'a>(facts: &'a mut Facts, name: &str) -> &'a mut Bucket {
    facts
        .ceph
        .crush
        .buckets
        .iter_mut()
        .find(|bucket| bucket.name == name)
        .unwrap()
}

pub(super) fn add_service(facts: &mut Facts, kind: &str) {
    let service = Service {
        kind: kind.into(),
        id: "a".into(),
        hostname: "n1".into(),
        metadata: BTreeMap::new(),
    };
    known(&mut facts.ceph.services).push(service);
}

pub(super) fn add_fs(facts: &mut Facts, name: &str, standby_replay: bool) {
    known(&mut facts.ceph.filesystems).push(FileSystem {
        name: name.into(),
        metadata_pool: "meta".into(),
        data_pools: vec!["data".into()],
        max_mds: 1,
        standby_replay,
        mds: BTreeSet::new(),
    });
}
