//! The OSDs, by host, in the order of their hand-over.

use std::collections::{BTreeMap, HashMap};

use reeve_ceph::{DaemonName, OsdId};
use reeve_host::HostName;

use super::crush::{Domains, Tree};
use super::index::{Found, Index};
use super::mons::ROOK_OWNER;
use super::natural::Natural;
use crate::facts::{Deployment, Facts, HostFacts, Osd, OsdVolume, UserIds, VolumeLayout};
use crate::plan::options::{EncryptedOsds, Options, OsdsAtOnce};
use crate::plan::{PlanError, steps::Activation};

/// The OSDs of one host.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OsdHost {
    pub(crate) host: HostName,
    /// Names of the buckets above the host, from the root down.
    pub(crate) path: Vec<String>,
    /// Names of the host buckets that hold its OSDs; usually one.
    pub(crate) buckets: Vec<String>,
    /// Sorted by id.
    pub(crate) osds: Vec<OsdSite>,
}

/// An OSD.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OsdSite {
    pub(crate) id: OsdId,
    pub(crate) uuid: String,
    pub(crate) unit: String,
    pub(crate) unit_path: String,
    /// Other units that start it, `ceph-volume@…`.
    pub(crate) starters: Vec<String>,
    /// Data, DB and WAL device.
    pub(crate) devices: Vec<String>,
    pub(crate) encrypted: bool,
    /// How the host's own ceph-volume makes it startable again.
    pub(crate) activation: Activation,
    /// Who owns the devices now, where that is not Rook's user.
    pub(crate) other_owner: Option<UserIds>,
    /// The bucket that holds it.
    pub(crate) bucket: String,
    pub(crate) class: String,
    pub(crate) weight: f64,
}

impl OsdSite {
    pub(crate) fn daemon(&self) -> DaemonName {
        DaemonName::osd(self.id)
    }
}

/// Returns the OSDs by host: hosts that were named first, then failure domain by failure domain, as people count.
pub(super) fn osd_hosts(
    facts: &Facts,
    index: &Index<'_>,
    tree: &Tree<'_>,
    options: &Options,
) -> Result<Vec<OsdHost>, PlanError> {
    let volumes = volumes(facts);
    let mut hosts: BTreeMap<&HostName, OsdHost> = BTreeMap::new();
    for osd in &facts.ceph.osds {
        let daemon = DaemonName::osd(osd.id);
        let found = index.unit(&daemon)?;
        let place = tree.place(osd.id).ok_or_else(|| {
            PlanError::daemon(
                &daemon,
                "it has no place in CRUSH",
                "put it there with `ceph osd crush add`, or purge it",
            )
        })?;
        let volume = volume(&daemon, osd, &found, &volumes, facts.ceph.fsid.as_str())?;
        let site = site(osd, &found, volume, &place)?;
        let host = hosts.entry(found.host).or_insert_with(|| OsdHost {
            host: found.host.clone(),
            path: place.path.iter().map(|it| (*it).to_owned()).collect(),
            buckets: Vec::new(),
            osds: Vec::new(),
        });
        if !host.buckets.contains(&site.bucket) {
            host.buckets.push(site.bucket.clone());
        }
        host.osds.push(site);
    }
    for host in hosts.values_mut() {
        host.osds.sort_by_key(|osd| osd.id);
        host.buckets.sort();
    }
    encryption(hosts.values(), options)?;
    if options.osds_at_once == OsdsAtOnce::Host {
        let domains = Domains::of_pools(facts)?;
        hosts.values().try_for_each(|host| domains.hold_together(tree, host))?;
    }
    in_order(hosts.into_values().collect(), options)
}

fn in_order(mut hosts: Vec<OsdHost>, options: &Options) -> Result<Vec<OsdHost>, PlanError> {
    for named in options.hosts_first.iter().chain(options.pause_after.iter().flatten()) {
        if !hosts.iter().any(|it| it.host == *named) {
            return Err(PlanError::option(
                "hosts_first or pause_after",
                format!("{named} is no host with OSDs"),
            ));
        }
    }
    let named: HashMap<&HostName, usize> = options.hosts_first.iter().zip(0..).collect();
    hosts.sort_by_cached_key(|host| {
        let place = named.get(&host.host).copied().unwrap_or(usize::MAX);
        let path: Vec<Natural> = host.path.iter().map(|it| Natural::new(it)).collect();
        (place, path, Natural::new(host.host.as_str()))
    });
    Ok(hosts)
}

type Volumes<'a> = HashMap<(&'a HostName, OsdId), Vec<&'a OsdVolume>>;

fn volumes(facts: &Facts) -> Volumes<'_> {
    let mut volumes: Volumes<'_> = HashMap::new();
    for (host, host_facts) in facts.reached_hosts() {
        for volume in host_facts.volumes.known().into_iter().flatten() {
            volumes.entry((host, volume.id)).or_default().push(volume);
        }
    }
    volumes
}

fn volume<'a>(
    daemon: &DaemonName,
    osd: &Osd,
    found: &Found<'_>,
    volumes: &Volumes<'a>,
    fsid: &str,
) -> Result<&'a OsdVolume, PlanError> {
    if let Err(because) = found.facts.volumes.require() {
        return Err(PlanError::unknown(
            format!("what ceph-volume on {} says of {daemon}", found.host),
            because,
        ));
    }
    let ours = |it: &&&OsdVolume| it.uuid == osd.uuid && it.cluster.as_deref().is_none_or(|cluster| cluster == fsid);
    let all = volumes.get(&(found.host, osd.id)).map_or(&[][..], Vec::as_slice);
    let mut matching = all.iter().filter(ours);
    let Some(volume) = matching.next() else {
        let fact = format!("ceph-volume on {} does not list it with uuid {}", found.host, osd.uuid);
        return Err(PlanError::daemon(
            daemon,
            fact,
            "Rook would not find it either: redeploy it with ceph-volume",
        ));
    };
    // What `lvm list` and `raw list` both show is one OSD: an LV is a block device too.
    if matching.any(|other| other.device != volume.device && other.layout == volume.layout) {
        let fact = format!("ceph-volume on {} lists it on more than one device", found.host);
        return Err(PlanError::daemon(
            daemon,
            fact,
            "find out which one it runs from, and wipe the other",
        ));
    }
    let lvm = all.iter().filter(ours).find(|it| it.layout == VolumeLayout::Lvm);
    Ok(lvm.copied().unwrap_or(volume))
}

fn site(
    osd: &Osd,
    found: &Found<'_>,
    volume: &OsdVolume,
    place: &super::crush::Leaf<'_>,
) -> Result<OsdSite, PlanError> {
    let daemon = DaemonName::osd(osd.id);
    if !osd.up {
        return Err(PlanError::daemon(
            &daemon,
            "it is down",
            "start it, or take it out and purge it",
        ));
    }
    if let Some(kind) = osd
        .metadata
        .as_ref()
        .map(|it| it.objectstore.as_str())
        .filter(|it| *it != "bluestore")
    {
        let fact = format!("its object store is {kind}");
        return Err(PlanError::daemon(
            &daemon,
            fact,
            "redeploy it as BlueStore; Rook runs nothing else",
        ));
    }
    let own_devices = volume.db.is_some() || volume.wal.is_some();
    if own_devices && volume.layout != VolumeLayout::Lvm {
        let fact = "its DB or WAL lies on a device of its own, and it was not made by `ceph-volume lvm`";
        return Err(PlanError::daemon(
            &daemon,
            fact,
            "redeploy it: Rook activates such an OSD without its DB",
        ));
    }
    let packages = found.unit.deployment == Deployment::Packages;
    let devices: Vec<String> = [Some(&volume.device), volume.db.as_ref(), volume.wal.as_ref()]
        .into_iter()
        .flatten()
        .cloned()
        .collect();
    Ok(OsdSite {
        id: osd.id,
        uuid: osd.uuid.clone(),
        unit: found.unit.unit.clone(),
        unit_path: found.unit.path.clone(),
        starters: starters(osd, found.facts, volume),
        encrypted: volume.encrypted,
        activation: match volume.layout {
            // A container unit activates its OSD itself.
            _ if !packages => Activation::ByUnit,
            VolumeLayout::Lvm => Activation::Lvm { uuid: osd.uuid.clone() },
            VolumeLayout::Raw => Activation::Raw {
                device: volume.device.clone(),
            },
            VolumeLayout::Simple => Activation::Simple { uuid: osd.uuid.clone() },
        },
        devices,
        other_owner: other_owner(&daemon, packages, found)?,
        bucket: place.bucket.to_owned(),
        class: place.class.to_owned(),
        weight: place.weight,
    })
}

fn other_owner(daemon: &DaemonName, packages: bool, found: &Found<'_>) -> Result<Option<UserIds>, PlanError> {
    if !packages {
        return Ok(None);
    }
    match found.facts.ceph_user {
        Some(owner) => Ok((owner != ROOK_OWNER).then_some(owner)),
        None => {
            let fact = format!("{} has no user `ceph`, and its unit needs one", found.host);
            Err(PlanError::daemon(
                daemon,
                fact,
                "see how the unit starts the OSD, and take the survey again",
            ))
        }
    }
}

/// Returns the units other than its own that start the OSD, so that they can be masked too.
///
/// Source: ceph: `src/ceph-volume/ceph_volume/systemd/main.py`; `ceph-volume@lvm-ID-UUID` activates at boot and then starts `ceph-osd@ID`.
fn starters(osd: &Osd, host: &HostFacts, volume: &OsdVolume) -> Vec<String> {
    let by_uuid = |unit: &&str| !osd.uuid.is_empty() && unit.contains(&osd.uuid);
    let mut units: Vec<String> = host
        .revivers
        .iter()
        .map(|it| it.unit.as_str())
        .filter(by_uuid)
        .map(str::to_owned)
        .collect();
    let word = match volume.layout {
        VolumeLayout::Lvm => Some("lvm"),
        VolumeLayout::Simple => Some("simple"),
        VolumeLayout::Raw => None,
    };
    units.extend(word.map(|word| format!("ceph-volume@{word}-{}-{}.service", osd.id, osd.uuid)));
    units.sort();
    units.dedup();
    units
}

fn encryption<'a>(hosts: impl Iterator<Item = &'a OsdHost>, options: &Options) -> Result<(), PlanError> {
    let mut encrypted = None;
    let mut plain = None;
    for osd in hosts.flat_map(|host| &host.osds) {
        let first = if osd.encrypted { &mut encrypted } else { &mut plain };
        first.get_or_insert(osd);
    }
    match (options.encrypted_osds, encrypted, plain) {
        (_, None, _) | (EncryptedOsds::CephVolume, _, _) | (EncryptedOsds::Rook, Some(_), None) => Ok(()),
        (EncryptedOsds::Refuse, Some(osd), _) => {
            let next =
                "choose encrypted_osds = ceph_volume or rook after a rehearsal on one host, or redeploy it unencrypted";
            Err(PlanError::daemon(
                &osd.daemon(),
                "it is encrypted (dm-crypt), which was not tried on real devices",
                next,
            ))
        }
        (EncryptedOsds::Rook, Some(_), Some(plain)) => {
            let because = format!(
                "{} is not encrypted, and Rook can only treat all OSDs alike; choose ceph_volume",
                plain.daemon()
            );
            Err(PlanError::option("encrypted_osds", because))
        }
    }
}
