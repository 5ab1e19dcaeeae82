//! Facts with every list in its documented order.

use crate::facts::{Facts, HostReading, Reading};

/// Returns the facts with every list sorted as its documentation says, so that a plan does not depend on how they were gathered.
///
/// What a survey writes is in that order already; the digest of such facts does not change.
pub(crate) fn ordered(facts: &Facts) -> Facts {
    let mut facts = facts.clone();
    let ceph = &mut facts.ceph;
    ceph.monmap
        .mons
        .sort_by(|one, two| (one.rank, &one.name).cmp(&(two.rank, &two.name)));
    ceph.osds.sort_by_key(|osd| osd.id);
    ceph.pools.sort_by_key(|pool| pool.id);
    ceph.crush.buckets.sort_by_key(|bucket| std::cmp::Reverse(bucket.id));
    ceph.crush.devices.sort_by_key(|device| device.id);
    ceph.crush.rules.sort_by_key(|rule| rule.id);
    if let Reading::Known(filesystems) = &mut ceph.filesystems {
        filesystems.sort_by(|one, two| one.name.cmp(&two.name));
    }
    if let Reading::Known(services) = &mut ceph.services {
        services.sort_by(|one, two| (&one.kind, &one.id).cmp(&(&two.kind, &two.id)));
    }
    if let Reading::Known(entities) = &mut ceph.auth {
        entities.sort_by(|one, two| one.entity.cmp(&two.entity));
    }
    for reading in facts.hosts.values_mut() {
        let HostReading::Reached(host) = reading else { continue };
        host.daemons
            .sort_by(|one, two| (&one.daemon, &one.unit).cmp(&(&two.daemon, &two.unit)));
        host.revivers.sort_by(|one, two| one.unit.cmp(&two.unit));
        host.mon_stores
            .sort_by(|one, two| (&one.mon, &one.path).cmp(&(&two.mon, &two.path)));
        if let Reading::Known(volumes) = &mut host.volumes {
            volumes.sort_by(|one, two| (one.id, one.layout, &one.device).cmp(&(two.id, two.layout, &two.device)));
        }
        host.ceph_confs.sort_by(|one, two| one.path.cmp(&two.path));
    }
    facts.kubernetes.nodes.sort_by(|one, two| one.name.cmp(&two.name));
    if let Reading::Known(clusters) = &mut facts.kubernetes.ceph_clusters {
        clusters.sort_by(|one, two| (&one.namespace, &one.name).cmp(&(&two.namespace, &two.name)));
    }
    facts
}
