//! Making a laboratory: every part written down before it is made, independent parts beside each other.

use std::time::Duration;

use camino::Utf8PathBuf;

use crate::ceph::{self, Member};
use crate::cgroup::Hierarchies;
use crate::command::Tool;
use crate::error::{LabError, Result};
use crate::kubernetes::{self, Authority};
use crate::lab::Lab;
use crate::network::{self, End};
use crate::node::{CLIENT, Node};
use crate::prepare::{Prepared, prepare};
use crate::progress::{Parts, Progress, all_at_once};
use crate::rook::{self, RookFiles};
use crate::spec::Spec;
use crate::ssh::Host;
use crate::state::{Line, Lock, Made, Places, Record};
use crate::storage::{LoopDevice, attach_loop};
use crate::{down, image, machine, ssh};

/// How long the parts of a run took.
pub type Times = Vec<(String, Duration)>;

/// Makes the cached parts only, so that a later [`Lab::up`] is quick.
///
/// # Errors
///
/// [`LabError::Lacking`] if the machine cannot; otherwise the failed part.
pub fn prepare_only(places: &Places, spec: &Spec, mirror: Option<&str>, progress: &dyn Progress) -> Result<Times> {
    let parts = Parts::new(progress);
    let cgroups = Hierarchies::of_this_machine()?;
    let rook = rook_files(spec)?;
    machine::check(places, &cgroups, None, &parts)?;
    prepare(places, &cgroups, rook.as_ref(), mirror, &parts)?;
    Ok(parts.times())
}

fn rook_files(spec: &Spec) -> Result<Option<RookFiles>> {
    if spec.kubernetes {
        RookFiles::find(spec.rook.as_deref()).map(Some)
    } else {
        Ok(None)
    }
}

impl Lab {
    /// Brings a laboratory up; one that is up and well stays as it is, one that is not is removed first.
    ///
    /// # Errors
    ///
    /// [`LabError::Lacking`] if the machine cannot; [`LabError::Busy`] if another process works on it; [`LabError::Request`] if one of this name but of
    /// other parts is up; otherwise the part that failed. What was made stays for a look around, and `down` or the next `up` removes it.
    pub fn up(places: &Places, spec: &Spec, mirror: Option<&str>, progress: &dyn Progress) -> Result<(Self, Times)> {
        spec.check()?;
        let parts = Parts::new(progress);
        let cgroups = Hierarchies::of_this_machine()?;
        let rook = rook_files(spec)?;
        let lock = Lock::of_lab(places, &spec.name)?;
        if let Some(recorded) = Record::read(&places.folder(&spec.name))? {
            let lab = Self::from_record(places, &recorded)?;
            if lab.is_well(&recorded) {
                let same = Spec {
                    rook: None,
                    ..lab.spec.clone()
                } == Spec {
                    rook: None,
                    ..spec.clone()
                };
                if same {
                    parts.note(&format!("the laboratory `{}` is up and well; nothing to do", spec.name));
                    return Ok((lab, parts.times()));
                }
                return Err(LabError::Request(format!(
                    "the laboratory `{0}` is up with other parts; take it down first (`lab down --name {0}`) or choose another --name",
                    spec.name
                )));
            }
        }
        if places.folder(&spec.name).exists() {
            parts.run("remove what an earlier laboratory of this name left", || {
                down::destroy(places, &spec.name, &cgroups)
            })?;
        }
        machine::check(places, &cgroups, Some(spec), &parts)?;
        let prepared = prepare(places, &cgroups, rook.as_ref(), mirror, &parts)?;
        let (lab, record) = begin(places, spec, &cgroups)?;
        make(&lab, &record, &prepared, rook.as_ref(), &parts)?;
        record.append(&Line::Up)?;
        drop(lock);
        Ok((lab, parts.times()))
    }
}

/// Makes the laboratory's folder with the first line of its record.
fn begin(places: &Places, spec: &Spec, cgroups: &Hierarchies) -> Result<(Lab, Record)> {
    use std::os::unix::fs::DirBuilderExt;
    let machine = machine::lock()?;
    let mut taken = Vec::new();
    for name in places.names()? {
        let recorded = Record::read(&places.folder(&name))?;
        taken.extend(recorded.and_then(|recorded| recorded.rook().map(|(_, network)| network)));
    }
    let number = network::choose(&taken, &network::routes()?)?;
    let network = network::Network::new(&spec.name, number);
    // What is there already belongs to somebody else, and must not come into this laboratory's record.
    for path in cgroups
        .folders(spec.name.as_str())
        .into_iter()
        .chain(network.shown_as())
    {
        if path.exists() {
            return Err(LabError::Request(format!(
                "{path} is there already and belongs to no laboratory in {}; choose another --name, or remove it if nothing uses it",
                places.state
            )));
        }
    }
    let folder = places.folder(&spec.name);
    // Keys lie in it.
    std::fs::DirBuilder::new()
        .mode(0o700)
        .create(&folder)
        .map_err(LabError::file("make", &folder))?;
    let record = Record::begin(&folder, spec, number)?;
    machine::change_settings(&machine)?;
    for path in cgroups.folders(spec.name.as_str()) {
        record.makes(Made::Cgroup { path })?;
    }
    let recorded = Record::read(&folder)?.ok_or_else(|| LabError::NotThere {
        name: spec.name.to_string(),
    })?;
    Ok((Lab::from_record(places, &recorded)?, record))
}

fn make(lab: &Lab, record: &Record, prepared: &Prepared, rook: Option<&RookFiles>, parts: &Parts<'_>) -> Result<()> {
    let spec = &lab.spec;
    let nodes = lab.nodes();
    let tool = |tool: Tool| lab.tool(tool);
    let control = format!("{}/control", spec.name);
    parts.run("network namespaces and cgroups", || {
        for name in [&lab.work_cgroup(), &control]
            .into_iter()
            .chain(nodes.iter().map(|node| &node.cgroup))
        {
            lab.cgroups.make(name)?;
        }
        let ends: Vec<End> = nodes.iter().map(|node| node.end.clone()).collect();
        lab.network.make(record, &ends, tool)
    })?;
    if let Some(programs) = &prepared.programs {
        std::os::unix::fs::symlink(programs, lab.bin()).map_err(LabError::file("make", lab.bin()))?;
    }
    let plane = lab.control_plane();
    let authority = if spec.kubernetes {
        Some(plane.make_certificates()?)
    } else {
        None
    };
    let fsid = std::fs::read_to_string("/proc/sys/kernel/random/uuid")
        .map_err(LabError::file("read", "/proc/sys/kernel/random/uuid"))?
        .trim()
        .to_owned();
    std::thread::scope(|scope| {
        // The API server is slow to start and needs nothing of the nodes.
        let starting = scope.spawn(|| {
            if !spec.kubernetes {
                return Ok(());
            }
            parts.run("Kubernetes control plane", || {
                plane.start(record, &lab.cgroups.procs(&control))
            })?;
            parts.run("Rook's definitions", || {
                let files = rook.expect("looked for before anything was begun, where there is Kubernetes");
                let folder = lab.folder.join("rook");
                files.write_kustomization(&folder)?;
                rook::apply(|| lab.kubectl(), &folder)
            })
        });
        let storage = || -> Result<()> {
            let members = parts.run("node roots", || {
                make_roots(lab, record, prepared, &nodes, authority.as_ref(), &fsid)
            })?;
            parts.run("boot of the nodes", || boot(lab, record, &nodes))?;
            record.complete("nodes")?;
            if !spec.ceph {
                return Ok(());
            }
            let run =
                |node: &str, text: &str, words: &[&str], deadline: Duration| lab.script(node, text, words, deadline);
            ceph::make(parts, spec, &fsid, &members, &run)?;
            parts.run("client", || equip_client(lab, &members[0].node))?;
            record.complete("ceph")
        };
        let storage = storage();
        let control = starting.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        storage.and(control)?;
        if spec.kubernetes {
            parts.run("kubelets", || {
                kubernetes::wait_until_ready(|| lab.kubectl(), &spec.node_names())
            })?;
            parts.run("Rook operator", || rook::wait_until_ready(|| lab.kubectl()))?;
            record.complete("kubernetes")?;
        }
        Ok(())
    })
}

/// Makes the nodes' roots with all that they need at boot, and returns the storage nodes as the cluster will see them.
fn make_roots(
    lab: &Lab,
    record: &Record,
    prepared: &Prepared,
    nodes: &[Node],
    authority: Option<&Authority>,
    fsid: &str,
) -> Result<Vec<Member>> {
    let spec = &lab.spec;
    let tool = |tool: Tool| lab.tool(tool);
    let mut hosts: Vec<(String, String)> = nodes
        .iter()
        .map(|node| (node.address.clone(), node.name().to_owned()))
        .collect();
    hosts.push((lab.network.hub_address(), "api".into()));
    let mons: Vec<String> = nodes[..usize::from(spec.mons)]
        .iter()
        .map(|node| node.address.clone())
        .collect();
    let configuration = ceph::configuration(spec, fsid, &mons, &lab.network.subnet());
    let ids = spec.mon_ids();
    let numbered: Vec<(usize, &Node)> = nodes.iter().enumerate().collect();
    let members = all_at_once(&numbered, |(number, node)| {
        node.make_root(record, &prepared.tree, tool)?;
        let mut loops: Vec<LoopDevice> = Vec::new();
        if spec.ceph && !node.is_client() {
            for disk in 1..=spec.osds_per_node {
                loops.push(attach_loop(record, &node.disk(disk), ceph::DISK_BYTES, tool)?);
            }
        }
        node.configure(&hosts, &loops, &lab.cgroups)?;
        if spec.ceph {
            let path = node.root().join("etc/ceph/ceph.conf");
            std::fs::write(&path, &configuration).map_err(LabError::file("write", &path))?;
        }
        if let (Some(authority), Some(images), false) = (authority, &prepared.images, node.is_client()) {
            image::give(images, &node.varlib(), tool)?;
            let hub = lab.network.hub_address();
            kubernetes::configure_kubelet(&node.root(), node.name(), &node.address, node.end.host, &hub, authority)?;
        }
        Ok(Member {
            node: node.name().to_owned(),
            address: node.address.clone(),
            root: node.root(),
            devices: loops.iter().map(|device| device.device.to_string()).collect(),
            mon: ids.get(*number).filter(|_| !node.is_client()).cloned(),
            has_mgr: *number < usize::from(spec.mgrs),
        })
    })?;
    let hosts: Vec<Host> = nodes
        .iter()
        .map(|node| Host {
            name: node.name().to_owned(),
            address: node.address.clone(),
            root: node.root(),
        })
        .collect();
    ssh::make(&lab.folder, &hosts, tool)?;
    Ok(members.into_iter().filter(|member| member.node != CLIENT).collect())
}

/// Boots the nodes and waits until they take orders.
fn boot(lab: &Lab, record: &Record, nodes: &[Node]) -> Result<()> {
    all_at_once(nodes, |node| boot_one(lab, record, node))?;
    Ok(())
}

/// Boots one node and waits until it takes orders.
pub(crate) fn boot_one(lab: &Lab, record: &Record, node: &Node) -> Result<()> {
    let programs: Option<Utf8PathBuf> = lab.spec.kubernetes.then(|| lab.bin());
    node.boot(record, &lab.cgroups, programs.as_deref())?;
    let folder = lab.folder.clone();
    node.wait_until_booted(|| {
        let recorded = Record::read(&folder).ok().flatten()?;
        recorded
            .processes
            .into_iter()
            .find(|process| process.label == node.name())
    })
}

/// Gives the client node the clients' keyring.
fn equip_client(lab: &Lab, first: &str) -> Result<()> {
    let run = |node: &str, text: &str, words: &[&str], deadline: Duration| lab.script(node, text, words, deadline);
    let keyring = ceph::client_keyring(first, &run)?;
    let path = lab
        .node(CLIENT)?
        .root()
        .join(format!("etc/ceph/ceph.{}.keyring", ceph::CLIENT_NAME));
    kubernetes::write_secret(&path, &keyring)
}
