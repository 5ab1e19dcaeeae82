//! Rook learns of the cluster and makes its Deployments; with the gate closed it starts nothing but its mgrs.

use crate::plan::PlanError;
use crate::plan::draft::Draft;
use crate::plan::objects::{cluster, seed};
use crate::plan::options::PlanOptions;
use crate::plan::site::Site;
use crate::plan::steps::{
    AwaitDeployments, AwaitStandbyMgrs, ConfigBefore, CreateCephCluster, CreateConfigOverride, CreateEndpoints,
    CreateSecret, GuardCephSettings, LabelOsdDeployments, ProveDeploymentsSettled, TriggerReconcile,
};

/// Options that Rook sets in its first reconcile.
///
/// Source: rook: `pkg/operator/ceph/config/defaults.go`, `pkg/operator/ceph/controller/network.go`, `config.DisableInsecureGlobalID`;
/// the first four were seen in the laboratory's `config dump`.
const ROOK_SETS: [(&str, &str); 5] = [
    ("global", "log_to_file"),
    ("global", "mon_cluster_log_file"),
    ("global", "mon_allow_pool_delete"),
    ("global", "mon_allow_pool_size_one"),
    ("mon", "auth_allow_insecure_global_id_reclaim"),
];

/// Options that Rook removes unless the CephCluster asks for what they do.
const ROOK_REMOVES: [(&str, &str); 6] = [
    ("global", "log_file"),
    ("global", "ms_cluster_mode"),
    ("global", "ms_service_mode"),
    ("global", "ms_client_mode"),
    ("global", "ms_osd_compress_mode"),
    ("global", "rbd_default_map_options"),
];

/// Auth entities that Rook makes, but for its mgrs (measured).
const ROOK_CREATES: [&str; 7] = [
    "client.ceph-exporter",
    "client.crash",
    "client.csi-cephfs-node",
    "client.csi-cephfs-provisioner",
    "client.csi-rbd-node",
    "client.csi-rbd-provisioner",
    "client.rbd-mirror-peer",
];

pub(super) fn write(draft: &mut Draft<'_>, site: &Site<'_>, options: &PlanOptions) -> Result<(), PlanError> {
    draft.phase(
        "seed",
        "Let Rook see the cluster",
        "Rook adopts identity, mons and OSDs and makes its Deployments. The gate holds their pods back, so all it wants can be judged first.",
    );
    draft.hand_over("cluster", "Give Rook the cluster's identity and description");
    draft.step(guard(site)?);
    draft.step(CreateSecret {
        fsid: site.facts.ceph.fsid.to_string(),
    });
    draft.step(CreateEndpoints {
        data: seed::endpoints_data(site),
    });
    let there = site
        .facts
        .kubernetes
        .namespace
        .known()
        .is_some_and(|it| it.rook_config_maps.contains(seed::OVERRIDE));
    if !there {
        draft.step(CreateConfigOverride {});
    }
    let object = cluster::ceph_cluster(site, options)?;
    let create = draft.step(CreateCephCluster {
        object,
        operator_replicas: site.operator.replicas,
    });
    let osds = site
        .osd_hosts
        .iter()
        .map(|host| {
            (
                site.node(&host.host).node.clone(),
                host.osds.iter().map(|osd| osd.id).collect(),
            )
        })
        .collect();
    let mons: Vec<String> = site.mons.iter().map(|mon| mon.id.clone()).collect();
    let deadline_seconds = super::reconcile_deadline(site);
    draft.step(AwaitDeployments {
        mons,
        osds,
        deadline_seconds,
    });
    draft.step(AwaitStandbyMgrs {
        mgrs: site.rook_mgrs.clone(),
    });
    draft.step_for("first", super::maps_unchanged(site));

    draft.hand_over("second_look", "Let Rook look twice, so that no daemon restarts twice");
    for host in &site.osd_hosts {
        let node = site.node(&host.host).node.clone();
        draft.step_for(
            &node,
            LabelOsdDeployments {
                node: node.clone(),
                osds: host.osds.iter().map(|osd| osd.id).collect(),
            },
        );
    }
    draft.step(TriggerReconcile {
        before: cluster::STATUS_INTERVAL.into(),
        after: cluster::SECOND_INTERVAL.into(),
    });
    let deployments = site.mons.len() + site.rook_mgrs.len() + site.osds().count();
    draft.step(ProveDeploymentsSettled {
        deployments,
        deadline_seconds,
    });
    draft.step_for("second", super::maps_unchanged(site));

    let (required, release) = (
        &site.facts.ceph.osdmap.require_osd_release,
        site.version.release_name().to_lowercase(),
    );
    if !required.eq_ignore_ascii_case(&release) {
        let because = format!("Rook raises require_osd_release from {required} to {release}, for good");
        draft.no_return(
            create.clone(),
            because,
            "raise it yourself first, if you want to see what it does",
        );
    }
    if cluster::dashboard_on(&site.facts.ceph, options.chosen.dashboard) {
        let because = "Rook gives the dashboard's user `admin` a new password";
        draft.no_return(
            create,
            because,
            "read it from Secret rook-ceph-dashboard-password, or set the old one again",
        );
    }
    Ok(())
}

fn guard(site: &Site<'_>) -> Result<GuardCephSettings, PlanError> {
    let ceph = &site.facts.ceph;
    let auth = ceph
        .auth
        .require()
        .map_err(|because| PlanError::unknown("the list of auth entities", because))?;
    ceph.config
        .require()
        .map_err(|because| PlanError::unknown("the config database", because))?;
    let exists = |entity: &String| auth.iter().any(|it| it.entity == *entity);
    let mut created: Vec<String> = ROOK_CREATES.into_iter().map(str::to_owned).collect();
    created.extend(site.rook_mgrs.iter().map(|id| format!("mgr.{id}")));
    created.retain(|entity| !exists(entity));
    created.sort();
    let mut deleted: Vec<String> = auth
        .iter()
        .map(|it| &it.entity)
        .filter(|it| it.starts_with("client.bootstrap-"))
        .cloned()
        .collect();
    deleted.sort();
    let before = |(section, name): (&str, &str)| ConfigBefore {
        section: section.into(),
        name: name.into(),
        before: ceph.config_value(section, name).map(str::to_owned),
    };
    let removed = ROOK_REMOVES.into_iter().map(before).filter(|it| it.before.is_some());
    let config = ROOK_SETS.into_iter().map(before).chain(removed).collect();
    Ok(GuardCephSettings {
        config,
        created,
        deleted,
    })
}
