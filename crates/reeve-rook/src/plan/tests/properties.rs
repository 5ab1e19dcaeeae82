//! Properties of plans over made-up clusters of many shapes.

use proptest::prelude::*;
use reeve_ceph::DaemonType;
use reeve_journal::plan::Plan;

use super::walk::forth_and_back;
use crate::facts::{ConfigOption, Deployment, Facts, HostReading, Orchestrator, Reading, UserIds, VolumeLayout};
use crate::plan::{Options, OsdsAtOnce, plan};
use crate::sample::Cluster;

/// What differs from the sample's tidy hosts.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Twist {
    pub(crate) debian_users: bool,
    pub(crate) lvm_with_db: bool,
    pub(crate) short_crush_names: bool,
    pub(crate) settings: bool,
    pub(crate) cephadm: bool,
    pub(crate) mon_in_names: bool,
}

fn twists() -> impl Strategy<Value = Twist> {
    any::<[bool; 6]>().prop_map(
        |[
            debian_users,
            lvm_with_db,
            short_crush_names,
            settings,
            cephadm,
            mon_in_names,
        ]| Twist {
            // cephadm's containers run Ceph as 167 whatever the host has.
            debian_users: debian_users && !cephadm,
            lvm_with_db,
            short_crush_names,
            settings,
            cephadm,
            mon_in_names,
        },
    )
}

fn clusters(max_hosts: usize, max_osds: usize) -> impl Strategy<Value = Cluster> {
    let domain = prop::sample::select(vec!["host", "rack", "osd"]);
    (
        1..=max_hosts,
        1..=7_usize,
        1..=3_usize,
        1..=max_osds,
        0..=8_usize,
        2..=4_u32,
        domain,
        1..=3_usize,
    )
        .prop_map(
            |(hosts, mons, mgrs, osds_per_host, racks, pool_size, domain, classes)| Cluster {
                hosts,
                mons: mons.min(hosts),
                mgrs: mgrs.min(hosts),
                osds_per_host,
                racks: racks.min(hosts),
                device_classes: ["hdd", "ssd", "nvme"]
                    .into_iter()
                    .take(classes)
                    .map(str::to_owned)
                    .collect(),
                failure_domain: if domain == "rack" && racks == 0 {
                    "host".into()
                } else {
                    domain.into()
                },
                pool_size,
                ..Cluster::default()
            },
        )
}

pub(crate) fn twisted(cluster: &Cluster, twist: Twist) -> Facts {
    let mut facts = cluster.facts();
    for reading in facts.hosts.values_mut() {
        let HostReading::Reached(host) = reading else { continue };
        if twist.debian_users {
            let owner = UserIds {
                uid: 64_045,
                gid: 64_045,
            };
            host.ceph_user = Some(owner);
            host.mon_stores.iter_mut().for_each(|store| store.owner = owner);
        }
        if let (true, Reading::Known(volumes)) = (twist.lvm_with_db, &mut host.volumes) {
            for volume in volumes {
                volume.layout = VolumeLayout::Lvm;
                volume.db = Some(format!("/dev/db/osd-{}", volume.id));
            }
        }
    }
    if twist.mon_in_names {
        name_mons(&mut facts);
    }
    if twist.cephadm {
        deploy_by_cephadm(&mut facts);
    }
    if twist.short_crush_names {
        for bucket in facts
            .ceph
            .crush
            .buckets
            .iter_mut()
            .filter(|bucket| bucket.kind == "host")
        {
            bucket.name = format!("old-{}", bucket.name);
        }
    }
    if twist.settings {
        let option = |section: &str, name: &str, value: &str| ConfigOption {
            section: section.into(),
            mask: String::new(),
            name: name.into(),
            value: value.into(),
        };
        facts.ceph.config = Reading::Known(vec![
            option("osd", "osd_crush_update_on_start", "true"),
            option("global", "mon_allow_pool_delete", "true"),
            option("global", "log_to_file", "true"),
        ]);
        facts.ceph.pools[0].autoscale_mode = "off".into();
        facts.ceph.osdmap.flags.insert("noout".into());
    }
    facts
}

/// Calls the mons `ceph-mon1`, `ceph-mon2` …, whose stores Rook looks for elsewhere.
fn name_mons(facts: &mut Facts) {
    let named = |id: &str| id.replace('n', "ceph-mon");
    facts
        .ceph
        .monmap
        .mons
        .iter_mut()
        .for_each(|mon| mon.name = named(&mon.name));
    facts.ceph.quorum.names = facts.ceph.quorum.names.iter().map(|id| named(id)).collect();
    facts.ceph.quorum.leader = named(&facts.ceph.quorum.leader);
    for reading in facts.hosts.values_mut() {
        let HostReading::Reached(host) = reading else { continue };
        host.mon_stores
            .iter_mut()
            .for_each(|store| store.mon = named(&store.mon));
        host.daemons
            .iter_mut()
            .filter(|unit| unit.daemon.kind == DaemonType::Mon)
            .for_each(|unit| unit.daemon.id = named(&unit.daemon.id));
    }
}

/// Makes every unit one of cephadm, with the mons' stores below the cluster's id.
fn deploy_by_cephadm(facts: &mut Facts) {
    let fsid = facts.ceph.fsid.to_string();
    facts.ceph.orchestrator = Reading::Known(Orchestrator {
        backend: Some("cephadm".into()),
        paused: false,
        upgrade: None,
    });
    for reading in facts.hosts.values_mut() {
        let HostReading::Reached(host) = reading else { continue };
        host.ceph_user = None;
        for unit in &mut host.daemons {
            unit.unit = format!("ceph-{fsid}@{}.service", unit.daemon);
            unit.path = format!("/etc/systemd/system/ceph-{fsid}@.service");
            unit.deployment = Deployment::Cephadm {
                fsid: fsid.clone(),
                image: None,
            };
        }
        host.mon_stores
            .iter_mut()
            .for_each(|store| store.path = format!("/var/lib/ceph/{fsid}/mon.{}", store.mon));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Quorum, failure domains, once each, await before the next, undo to the very beginning; see `walk`.
    #[test]
    fn a_plan_keeps_its_promises(cluster in clusters(12, 4), twist in twists()) {
        let facts = twisted(&cluster, twist);
        forth_and_back(&facts, &plan(&facts, &Options::default()).unwrap());
    }

    /// The same where all OSDs of a host go at once; refused exactly where a rule spreads over OSDs.
    #[test]
    fn hosts_at_once_stay_in_one_domain(cluster in clusters(8, 4), twist in twists()) {
        let facts = twisted(&cluster, twist);
        let options = Options { osds_at_once: OsdsAtOnce::Host, ..Options::default() };
        match plan(&facts, &options) {
            Ok(plan) => {
                prop_assert!(cluster.failure_domain != "osd" || cluster.osds_per_host == 1);
                forth_and_back(&facts, &plan);
            }
            Err(error) => prop_assert!(cluster.failure_domain == "osd" && cluster.osds_per_host > 1, "{error}"),
        }
    }

    /// The same bytes again, and the same from facts in another order.
    #[test]
    fn plans_are_the_same_to_the_byte(cluster in clusters(9, 3), twist in twists(), seed in any::<u64>()) {
        let facts = twisted(&cluster, twist);
        let first = plan(&facts, &Options::default()).unwrap().to_json();
        prop_assert!(Plan::from_json(first.as_bytes(), "plan.json").is_ok(), "names, ids and seal hold");
        prop_assert_eq!(&plan(&facts, &Options::default()).unwrap().to_json(), &first);
        prop_assert_eq!(&plan(&shuffled(facts, seed), &Options::default()).unwrap().to_json(), &first);
    }
}

/// Deals every list of the facts anew.
fn shuffled(mut facts: Facts, seed: u64) -> Facts {
    let mut state = seed | 1;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % (1 << 30)).unwrap()
    };
    fn deal<T>(items: &mut [T], next: &mut impl FnMut() -> usize) {
        for at in (1..items.len()).rev() {
            items.swap(at, next() % (at + 1));
        }
    }
    let ceph = &mut facts.ceph;
    deal(&mut ceph.monmap.mons, &mut next);
    deal(&mut ceph.osds, &mut next);
    deal(&mut ceph.pools, &mut next);
    deal(&mut ceph.crush.buckets, &mut next);
    deal(&mut ceph.crush.devices, &mut next);
    if let Reading::Known(auth) = &mut ceph.auth {
        deal(auth, &mut next);
    }
    for reading in facts.hosts.values_mut() {
        let HostReading::Reached(host) = reading else { continue };
        deal(&mut host.daemons, &mut next);
        if let Reading::Known(volumes) = &mut host.volumes {
            deal(volumes, &mut next);
        }
    }
    deal(&mut facts.kubernetes.nodes, &mut next);
    facts
}

/// The largest cluster that the issue names; also the figure's lower bound, since this runs unoptimised.
#[test]
fn two_thousand_osds_on_a_hundred_hosts() {
    let cluster = Cluster {
        hosts: 100,
        mons: 7,
        mgrs: 3,
        osds_per_host: 20,
        racks: 10,
        failure_domain: "rack".into(),
        ..Cluster::default()
    };
    let facts = cluster.facts();
    let start = std::time::Instant::now();
    let plan = plan(&facts, &Options::default()).unwrap();
    assert!(
        start.elapsed().as_secs() < 30,
        "something is quadratic: {:?}",
        start.elapsed()
    );
    assert!(plan.steps().count() > 20_000);
    forth_and_back(&facts, &plan);
}
