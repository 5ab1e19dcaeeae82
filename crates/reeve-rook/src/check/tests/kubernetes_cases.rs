//! Broken facts about Kubernetes and Rook.

use std::collections::BTreeSet;

use super::{Case, R, W, known};
use crate::facts::*;
use crate::sample::Cluster;

fn setting(facts: &mut Facts, name: &str, value: &str) {
    known(&mut facts.kubernetes.operator)
        .settings
        .insert(name.into(), value.into());
}

/// Rook 1.20 on Squid, with everything that it wants.
fn newer(facts: &mut Facts) {
    let version = reeve_ceph::CephVersion::new(19, 2, 3);
    *facts = Cluster {
        version,
        rook: "1.20.6".into(),
        ..Cluster::default()
    }
    .facts();
    let crds = known(&mut facts.kubernetes.crds);
    crds.extend(["cephconnections.csi.ceph.io", "clientprofiles.csi.ceph.io"].map(String::from));
    setting(facts, "ROOK_DELETE_UNUSED_CRUSH_RULES", "false");
}

fn ceph_cluster(namespace: &str, fsid: &str) -> CephCluster {
    let (namespace, name) = (namespace.into(), "it".into());
    CephCluster {
        namespace,
        name,
        phase: Some("Ready".into()),
        fsid: Some(fsid.into()),
        external: true,
    }
}

pub(super) const CASES: &[Case] = &[
    Case {
        name: "Rook 1.20 on Squid",
        breaks: newer,
        finds: &[],
    },
    Case {
        name: "another cluster's kubeconfig",
        breaks: |f| {
            for node in &mut f.kubernetes.nodes {
                node.machine_id.insert(0, 'f');
                node.addresses.clear();
            }
        },
        finds: &[("rook.cluster-elsewhere", R, "kubeconfig")],
    },
    Case {
        name: "a cluster with the same names and addresses",
        breaks: |f| {
            f.kubernetes
                .nodes
                .iter_mut()
                .for_each(|node| node.machine_id.insert(0, 'f'))
        },
        finds: &[("rook.cluster-elsewhere", R, "kubeconfig")],
    },
    Case {
        name: "an old Kubernetes",
        breaks: |f| f.kubernetes.version = "v1.29.8".into(),
        finds: &[("rook.gate-unsupported", R, "Kubernetes")],
    },
    Case {
        name: "an API server without admission policies",
        breaks: |f| known(&mut f.kubernetes.gate).supported = false,
        finds: &[("rook.gate-unsupported", R, "Kubernetes")],
    },
    Case {
        name: "a Kubernetes that Rook does not know",
        breaks: |f| f.kubernetes.version = "v1.36.0".into(),
        finds: &[("rook.kubernetes-range", W, "Kubernetes")],
    },
    Case {
        name: "a permission that is missing",
        breaks: |f| known(&mut f.kubernetes.permissions)[0].allowed = false,
        finds: &[("rook.permission-missing", R, "create cephclusters.ceph.rook.io")],
    },
    Case {
        name: "a host that is no node",
        breaks: |f| {
            f.kubernetes.nodes.remove(2);
        },
        finds: &[("rook.host-not-node", R, "host n3")],
    },
    Case {
        name: "a host that two nodes look like",
        breaks: |f| {
            let mut twin = f.kubernetes.nodes[2].clone();
            twin.name = "n4".into();
            f.kubernetes.nodes.push(twin);
        },
        finds: &[("rook.host-node-unclear", R, "host n3")],
    },
    Case {
        name: "a node not Ready",
        breaks: |f| f.kubernetes.nodes[1].ready = false,
        finds: &[("rook.node-not-ready", R, "node n2")],
    },
    Case {
        name: "a node cordoned",
        breaks: |f| {
            f.kubernetes.nodes[1].unschedulable = true;
            f.kubernetes.nodes[1]
                .taints
                .insert("node.kubernetes.io/unschedulable:NoSchedule".into());
        },
        finds: &[("rook.node-unschedulable", R, "node n2")],
    },
    Case {
        name: "a control plane's taint",
        breaks: |f| {
            f.kubernetes.nodes[1]
                .taints
                .insert("node-role.kubernetes.io/control-plane:NoSchedule".into());
        },
        finds: &[("rook.node-tainted", R, "node n2")],
    },
    Case {
        name: "a taint that schedulers only prefer to heed",
        breaks: |f| {
            f.kubernetes.nodes[1]
                .taints
                .insert("storage=no:PreferNoSchedule".into());
        },
        finds: &[("rook.node-tainted", R, "node n2")],
    },
    Case {
        name: "a node under pressure",
        breaks: |f| {
            f.kubernetes.nodes[1].pressures.insert("DiskPressure".into());
        },
        finds: &[("rook.node-pressure", R, "node n2")],
    },
    Case {
        name: "a node that takes nothing over",
        breaks: |f| {
            let mut other = f.kubernetes.nodes[2].clone();
            (other.name, other.hostname_label) = ("worker".into(), Some("worker".into()));
            (other.machine_id, other.addresses) = ("w".into(), BTreeSet::new());
            (other.ready, other.unschedulable) = (false, true);
            f.kubernetes.nodes.push(other);
        },
        finds: &[],
    },
    Case {
        name: "a node without hostname label",
        breaks: |f| f.kubernetes.nodes[1].hostname_label = None,
        finds: &[("rook.node-hostname-label", R, "node n2")],
    },
    Case {
        name: "a hostname label that two nodes have",
        breaks: |f| {
            let mut other = f.kubernetes.nodes[1].clone();
            (other.name, other.machine_id, other.addresses) = ("worker".into(), "w".into(), BTreeSet::new());
            f.kubernetes.nodes.push(other);
        },
        finds: &[("rook.node-hostname-label", R, "node n2")],
    },
    Case {
        name: "an image missing",
        breaks: |f| {
            f.kubernetes.nodes[1].images.clear();
            known(&mut super::host(f, "n2").images).clear();
        },
        finds: &[("rook.image-missing", R, "host n2")],
    },
    Case {
        name: "an image that went, and the kubelet has not noticed",
        breaks: |f| known(&mut super::host(f, "n2").images).clear(),
        finds: &[("rook.image-missing", R, "host n2")],
    },
    Case {
        name: "no operator",
        breaks: |f| {
            let operator = known(&mut f.kubernetes.operator);
            (operator.exists, operator.version, operator.ready_replicas) = (false, None, 0);
        },
        finds: &[("rook.operator-missing", R, "Rook operator")],
    },
    Case {
        name: "an operator that does not run",
        breaks: |f| known(&mut f.kubernetes.operator).ready_replicas = 0,
        finds: &[("rook.operator-not-ready", R, "Rook operator")],
    },
    Case {
        name: "an operator of no version",
        breaks: |f| known(&mut f.kubernetes.operator).version = None,
        finds: &[("rook.operator-version-unknown", R, "Rook operator")],
    },
    Case {
        name: "an operator that deletes CRUSH rules",
        breaks: |f| {
            newer(f);
            known(&mut f.kubernetes.operator)
                .settings
                .remove("ROOK_DELETE_UNUSED_CRUSH_RULES");
        },
        finds: &[("rook.operator-deletes-rules", R, "Rook operator")],
    },
    Case {
        name: "hotplug",
        breaks: |f| setting(f, "ROOK_DISABLE_DEVICE_HOTPLUG", "false"),
        finds: &[("rook.operator-hotplug", W, "Rook operator")],
    },
    Case {
        name: "discovery",
        breaks: |f| setting(f, "ROOK_ENABLE_DISCOVERY_DAEMON", "true"),
        finds: &[("rook.operator-discovery", W, "Rook operator")],
    },
    Case {
        name: "a mon timeout of the operator",
        breaks: |f| setting(f, "ROOK_MON_OUT_TIMEOUT", "60s"),
        finds: &[("rook.operator-mon-timeout", W, "Rook operator")],
    },
    Case {
        name: "an operator that looks elsewhere",
        breaks: |f| {
            f.scope.operator_namespace = "rook-system".into();
            setting(f, "ROOK_CURRENT_NAMESPACE_ONLY", "true");
        },
        finds: &[("rook.operator-blind", R, "Rook operator")],
    },
    Case {
        name: "a hostname label of the operator's own",
        breaks: |f| setting(f, "ROOK_CUSTOM_HOSTNAME_LABEL", "example.com/host"),
        finds: &[("rook.operator-hostname-label", R, "Rook operator")],
    },
    Case {
        name: "no Rook CRDs",
        breaks: |f| known(&mut f.kubernetes.crds).clear(),
        finds: &[("rook.crds-missing", R, "CustomResourceDefinitions")],
    },
    Case {
        name: "no CSI CRDs",
        breaks: |f| {
            newer(f);
            known(&mut f.kubernetes.crds).remove("clientprofiles.csi.ceph.io");
        },
        finds: &[("rook.csi-crds-missing", R, "CustomResourceDefinitions")],
    },
    Case {
        name: "no namespace",
        breaks: |f| {
            let namespace = known(&mut f.kubernetes.namespace);
            namespace.exists = false;
            namespace.service_accounts.clear();
        },
        finds: &[("rook.namespace-missing", R, "namespace rook-ceph")],
    },
    Case {
        name: "no service account",
        breaks: |f| {
            known(&mut f.kubernetes.namespace)
                .service_accounts
                .remove("rook-ceph-osd");
        },
        finds: &[("rook.service-account-missing", R, "namespace rook-ceph")],
    },
    Case {
        name: "Pod Security",
        breaks: |f| {
            let labels = &mut known(&mut f.kubernetes.namespace).labels;
            labels.insert("pod-security.kubernetes.io/enforce".into(), "baseline".into());
        },
        finds: &[("rook.pod-security", R, "namespace rook-ceph")],
    },
    Case {
        name: "a CephCluster in the namespace",
        breaks: |f| known(&mut f.kubernetes.ceph_clusters).push(ceph_cluster("rook-ceph", "other")),
        finds: &[("rook.cephcluster-exists", R, "CephCluster rook-ceph/it")],
    },
    Case {
        name: "an external CephCluster of this fsid",
        breaks: |f| {
            let fsid = f.ceph.fsid.to_string();
            known(&mut f.kubernetes.ceph_clusters)
                .extend([ceph_cluster("external", &fsid), ceph_cluster("b", "other")]);
        },
        finds: &[("rook.cephcluster-same-fsid", R, "CephCluster external/it")],
    },
    Case {
        name: "the seed of an earlier attempt",
        breaks: |f| {
            let namespace = known(&mut f.kubernetes.namespace);
            namespace.rook_secrets.insert("rook-ceph-mon".into());
            namespace.rook_config_maps.insert("rook-ceph-mon-endpoints".into());
        },
        finds: &[
            ("rook.seed-left", R, "configmap/rook-ceph-mon-endpoints"),
            ("rook.seed-left", R, "secret/rook-ceph-mon"),
        ],
    },
    Case {
        name: "a Deployment of an earlier attempt",
        breaks: |f| {
            known(&mut f.kubernetes.namespace)
                .rook_deployments
                .insert("rook-ceph-mon-a".into(), 0);
        },
        finds: &[("rook.deployment-left", R, "deployment/rook-ceph-mon-a")],
    },
    Case {
        name: "settings beside the database",
        breaks: |f| {
            known(&mut f.kubernetes.namespace)
                .rook_config_maps
                .insert("rook-config-override".into());
        },
        finds: &[("rook.config-override", W, "configmap/rook-config-override")],
    },
    Case {
        name: "a stale gate",
        breaks: |f| {
            let gate = known(&mut f.kubernetes.gate);
            (gate.policy, gate.binding, gate.run) = (true, true, Some("2026-01-01-a".into()));
            gate.released = Some(BTreeSet::from(["mon.n1".into()]));
        },
        finds: &[("rook.gate-stale", R, "gate")],
    },
    Case {
        name: "only the list of a stale gate",
        breaks: |f| known(&mut f.kubernetes.gate).released = Some(BTreeSet::new()),
        finds: &[("rook.gate-stale", R, "gate")],
    },
];
