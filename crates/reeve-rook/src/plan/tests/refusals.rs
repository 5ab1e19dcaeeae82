//! Facts that no plan can be made of: each error names the thing, the fact and the next action.

use std::collections::BTreeSet;

use super::host;
use crate::facts::*;
use crate::plan::{Options, plan};
use crate::sample::Cluster;

fn refusal(change: impl FnOnce(&mut Facts)) -> String {
    let mut facts = Cluster::default().facts();
    change(&mut facts);
    plan(&facts, &Options::default())
        .expect_err("a plan was made")
        .to_string()
}

fn refused_option(options: &Options) -> String {
    plan(&Cluster::default().facts(), options)
        .expect_err("a plan was made")
        .to_string()
}

#[test]
fn hosts_and_nodes() {
    let no_node = refusal(|facts| drop(facts.kubernetes.nodes.pop()));
    assert_eq!(
        no_node,
        "host n3: no Kubernetes node has its machine id or one of its addresses; join it to the Kubernetes cluster, or check the kubeconfig"
    );
    let unreachable = refusal(|facts| {
        let name = "n2".parse().unwrap();
        facts.hosts.insert(
            name,
            HostReading::Unreachable {
                because: "timeout".into(),
            },
        );
    });
    assert!(
        unreachable.contains("mon.n2: no host that answered has a unit for it, and n2 did not answer"),
        "{unreachable}"
    );
    assert!(refusal(|facts| facts.kubernetes.nodes[0].ready = false).contains("node n1 is not Ready"));
    assert!(refusal(|facts| facts.kubernetes.nodes[0].unschedulable = true).contains("kubectl uncordon n1"));
    assert!(
        refusal(|facts| facts.kubernetes.nodes[0].hostname_label = None).contains("no label kubernetes.io/hostname")
    );
    assert!(refusal(|facts| host(facts, "n1").root = Reading::Known(false)).contains("sudo"));
    let both = refusal(|facts| facts.kubernetes.nodes[1].machine_id = facts.kubernetes.nodes[0].machine_id.clone());
    assert!(both.contains("both node n1 and node n2"), "{both}");
}

#[test]
fn mons() {
    let away = refusal(|facts| _ = facts.ceph.quorum.names.remove("n2"));
    assert_eq!(
        away,
        "mon.n2: it is not in quorum; bring it back, or remove it from the mon map"
    );
    let store = |change: fn(&mut MonStore)| refusal(|facts| change(&mut host(facts, "n1").mon_stores[0]));
    assert!(store(|it| it.device = 1).contains("different file systems"));
    assert!(store(|it| it.kv_backend = Some("leveldb".into())).contains("leveldb"));
    let leftover = refusal(|facts| {
        if let Reading::Known(dir) = &mut host(facts, "n1").data_dir {
            dir.entries.insert("mon-n1".into());
        }
    });
    assert!(leftover.contains("/var/lib/rook/mon-n1 exists on n1"), "{leftover}");
    let memory = refusal(|facts| {
        if let Reading::Known(dir) = &mut host(facts, "n1").data_dir {
            dir.filesystem = "tmpfs".into();
        }
    });
    assert!(memory.contains("tmpfs"), "{memory}");
    let illegal = refusal(|facts| {
        facts.ceph.monmap.mons[0].name = "Mon_A".into();
        facts.ceph.quorum.names.insert("Mon_A".into());
    });
    assert!(
        illegal.contains("mon.Mon_A: Kubernetes does not allow its id"),
        "{illegal}"
    );
    assert!(refusal(|facts| facts.ceph.monmap.stretch_mode = true).contains("stretch"));
}

#[test]
fn mgrs() {
    assert!(refusal(|facts| facts.ceph.mgr.active = None).contains("no mgr is active"));
    let taken = refusal(|facts| {
        facts.ceph.mgr.standbys = BTreeSet::from(["b".into()]);
        let mut unit = host(facts, "n2")
            .daemons
            .iter()
            .find(|it| it.daemon.id == "n2")
            .unwrap()
            .clone();
        unit.daemon = "mgr.b".parse().unwrap();
        host(facts, "n2").daemons.push(unit);
    });
    assert!(
        taken.contains("mgr.b: Rook will start a mgr of the same name"),
        "{taken}"
    );
}

#[test]
fn osds() {
    let volume = |change: fn(&mut OsdVolume)| {
        refusal(|facts| {
            if let Reading::Known(volumes) = &mut host(facts, "n1").volumes {
                change(&mut volumes[0]);
            }
        })
    };
    assert!(volume(|it| it.db = Some("/dev/nvme0n1p1".into())).contains("osd.0: its DB or WAL"));
    assert!(volume(|it| it.uuid = "other".into()).contains("does not list it with uuid"));
    assert!(volume(|it| it.encrypted = true).contains("osd.0: it is encrypted"));
    assert!(refusal(|facts| facts.ceph.osds[3].up = false).contains("osd.3: it is down"));
    assert!(refusal(|facts| _ = facts.ceph.crush.devices.remove(0)).contains("osd.0: it has no place in CRUSH"));
    let filestore = refusal(|facts| facts.ceph.osds[0].metadata.as_mut().unwrap().objectstore = "filestore".into());
    assert!(filestore.contains("filestore"));
    let unknown = refusal(|facts| {
        let unit = host(facts, "n1")
            .daemons
            .iter_mut()
            .find(|it| it.daemon.to_string() == "osd.1")
            .unwrap();
        unit.deployment = Deployment::Unknown {
            exec_start: "/opt/start-osd 1".into(),
        };
    });
    assert!(
        unknown.contains("osd.1: its unit ceph-osd@1.service runs `/opt/start-osd 1`"),
        "{unknown}"
    );
    assert!(refusal(|facts| host(facts, "n1").volumes = Reading::unknown("no root")).contains("no root"));
}

#[test]
fn the_cluster() {
    assert!(refusal(|facts| _ = facts.ceph.osdmap.flags.insert("nodown".into())).contains("ceph osd unset nodown"));
    let mixed = refusal(|facts| {
        facts.ceph.versions.insert(
            reeve_ceph::DaemonType::Mgr,
            [("ceph version 18.2.4 (x) reef (stable)".into(), 2)].into(),
        );
    });
    assert!(mixed.contains("more than one version"));
    let tight = refusal(|facts| facts.ceph.pools[1].min_size = 3);
    assert!(
        tight.contains("pool volumes has size 3 and min_size 3") && tight.contains("pools_that_may_stop"),
        "{tight}"
    );
    let insecure = refusal(|facts| {
        let check = HealthCheck {
            severity: HealthStatus::Warn,
            summary: String::new(),
            detail: vec![],
            muted: false,
        };
        facts
            .ceph
            .health
            .checks
            .insert("AUTH_INSECURE_GLOBAL_ID_RECLAIM".into(), check);
    });
    assert!(insecure.contains("allow_insecure_global_id"));
    let upgrade = refusal(|facts| {
        facts.ceph.orchestrator = Reading::Known(Orchestrator {
            backend: Some("cephadm".into()),
            paused: false,
            upgrade: Some("v19".into()),
        });
    });
    assert!(upgrade.contains("cephadm is upgrading to v19"));
    let half_encrypted = refusal(|facts| {
        let option = ConfigOption {
            section: "global".into(),
            mask: String::new(),
            name: "ms_cluster_mode".into(),
            value: "secure".into(),
        };
        facts.ceph.config = Reading::Known(vec![option]);
    });
    assert!(half_encrypted.contains("ms_cluster_mode"), "{half_encrypted}");
}

#[test]
fn kubernetes() {
    let gate = |state: GateState| refusal(|facts| facts.kubernetes.gate = Reading::Known(state));
    assert!(gate(GateState::default()).contains("1.30"));
    assert!(
        gate(GateState {
            supported: true,
            policy: true,
            run: Some("r1".into()),
            ..GateState::default()
        })
        .contains("of run r1")
    );
    let namespace = |change: fn(&mut Namespace)| {
        refusal(|facts| {
            if let Reading::Known(it) = &mut facts.kubernetes.namespace {
                change(it);
            }
        })
    };
    assert!(namespace(|it| it.exists = false).contains("no namespace rook-ceph"));
    assert!(
        namespace(|it| assert!(it.rook_secrets.insert("rook-ceph-mon".into()))).contains("has rook-ceph-mon already")
    );
    assert!(namespace(|it| _ = it.rook_deployments.insert("rook-ceph-mon-a".into(), 1)).contains("a Rook daemon"));
    let cluster = refusal(|facts| {
        facts.kubernetes.ceph_clusters = Reading::Known(vec![CephCluster {
            namespace: "rook-ceph".into(),
            name: "old".into(),
            phase: None,
            fsid: None,
            external: false,
        }]);
    });
    assert!(cluster.contains("CephCluster rook-ceph/old is there already"));
    assert!(refusal(|facts| facts.kubernetes.operator = Reading::unknown("forbidden")).contains("forbidden"));
}

#[test]
fn options() {
    assert!(
        refused_option(&Options {
            mgr_count: 9,
            ..Options::default()
        })
        .contains("mgr_count")
    );
    let nowhere = Options {
        hosts_first: vec!["n9".parse().unwrap()],
        ..Options::default()
    };
    assert!(refused_option(&nowhere).contains("n9 is no host with OSDs"));
    assert!(refusal(|facts| facts.scope.ceph_image = None).contains("ceph_image"));
    let misspelt = serde_json::from_str::<Options>(r#"{"mgr_cuont": 1}"#)
        .unwrap_err()
        .to_string();
    assert!(misspelt.contains("mgr_cuont"), "{misspelt}");
    assert_eq!(serde_json::from_str::<Options>("{}").unwrap(), Options::default());
}
