//! Daemons of a host: from units, processes and data directories.

use std::collections::BTreeMap;

use reeve_ceph::{DaemonName, DaemonType};

use super::commands::OsdContainer;
use super::parse::{Entry, FoundFiles, Process, Unit, deployment_of};
use crate::facts::{DaemonUnit, Deployment, StrayProcess};

/// What was found out about daemons.
pub(super) struct Found {
    /// Sorted by daemon.
    pub(super) daemons: Vec<DaemonUnit>,
    /// Processes without a unit.
    pub(super) strays: Vec<StrayProcess>,
}

/// Returns the units of daemons that have a data directory but no unit in systemd's memory: stopped and disabled ones.
pub(super) fn units_to_ask_for(dirs: &BTreeMap<DaemonName, &Entry>, units: &[Unit], hostname: &str) -> Vec<String> {
    let known: Vec<DaemonName> = units.iter().filter_map(|unit| unit.daemon(hostname)).collect();
    let unit_name = |(daemon, dir): (&DaemonName, &&Entry)| {
        if known.contains(daemon) {
            return None;
        }
        let parent = dir.path.rsplit('/').nth(1)?;
        Some(match parent.parse::<reeve_ceph::Fsid>() {
            Ok(fsid) => format!("ceph-{fsid}@{daemon}.service"),
            Err(_) if daemon.kind == DaemonType::Rgw => format!("ceph-radosgw@rgw.{}.service", daemon.id),
            Err(_) => format!("ceph-{}@{}.service", daemon.kind, daemon.id),
        })
    };
    dirs.iter().filter_map(unit_name).collect()
}

/// Puts units, processes and data directories together.
pub(super) fn daemons(
    units: &[Unit],
    processes: &[Process],
    dirs: &BTreeMap<DaemonName, &Entry>,
    files: &FoundFiles,
    hostname: &str,
    run_script: Option<&str>,
) -> Found {
    let unit_image = |fsid: &reeve_ceph::Fsid, instance: &str| {
        let text = files.get(&format!("/var/lib/ceph/{fsid}/{instance}/unit.image"))?;
        Some(text.trim().to_owned()).filter(|image| !image.is_empty())
    };
    let mut daemons: Vec<DaemonUnit> = units
        .iter()
        .filter(|unit| unit.load != "not-found")
        .filter_map(|unit| {
            let daemon = unit.daemon(hostname)?;
            Some(DaemonUnit {
                unit: unit.id.clone(),
                deployment: deployment_of(unit, run_script, unit_image),
                active: unit.active.clone(),
                enabled: unit.enabled.clone(),
                main_pid: unit.main_pid,
                path: unit.path.clone(),
                data_dir: dirs.get(&daemon).map(|entry| entry.path.clone()),
                daemon,
            })
        })
        .collect();
    let mut strays = Vec::new();
    for process in processes.iter().filter(|process| process.kind().is_some()) {
        let daemon = process.daemon();
        match daemon {
            Some(daemon) if process.is_in_a_pod() => daemons.push(in_a_pod(daemon, process)),
            _ if process.is_in_a_pod() || units.iter().any(|unit| owns(unit, process, &daemons)) => {}
            daemon => {
                let command = process.command.chars().filter(|c| !c.is_control()).take(200).collect();
                strays.push(StrayProcess {
                    pid: process.pid,
                    daemon,
                    command,
                });
            }
        }
    }
    // By number where the id is one, so that osd.9 comes before osd.10.
    daemons.sort_by_cached_key(|entry| {
        let number = entry.daemon.id.parse::<u64>().ok();
        (entry.daemon.kind, number, entry.daemon.id.clone(), entry.unit.clone())
    });
    Found { daemons, strays }
}

fn in_a_pod(daemon: DaemonName, process: &Process) -> DaemonUnit {
    DaemonUnit {
        daemon,
        unit: String::new(),
        deployment: Deployment::Rook,
        active: "active".into(),
        enabled: String::new(),
        main_pid: process.pid,
        path: String::new(),
        data_dir: None,
    }
}

/// Tells whether a unit started a process.
///
/// In a container engine's hands a daemon is not always the unit's child nor in its control group, so there the daemon's name in the
/// process' arguments has to do, for a unit that is active.
fn owns(unit: &Unit, process: &Process, daemons: &[DaemonUnit]) -> bool {
    let by_number = unit.main_pid != 0 && (unit.main_pid == process.pid || unit.main_pid == process.parent);
    let by_group = process.control_group.split(['/', ',']).any(|part| part == unit.id);
    let by_name = || {
        let entry = daemons.iter().find(|entry| entry.unit == unit.id);
        entry.is_some_and(|entry| {
            let contained = matches!(
                entry.deployment,
                Deployment::CephAnsible { .. } | Deployment::Cephadm { .. }
            );
            let same = match process.daemon() {
                Some(daemon) => daemon == entry.daemon,
                None => process.kind() == Some(entry.daemon.kind),
            };
            contained && entry.active == "active" && same
        })
    };
    by_number || by_group || by_name()
}

/// Returns the containers in which `ceph-volume` may be found, if OSDs run in containers here: those of one running OSD, under each name
/// that it can have.
pub(super) fn osd_containers(units: &[Unit], daemons: &[DaemonUnit]) -> Vec<OsdContainer> {
    let mut running = daemons
        .iter()
        .filter(|entry| entry.daemon.kind == DaemonType::Osd && entry.active == "active");
    let found = running.find_map(|entry| {
        let unit = units.iter().find(|unit| unit.id == entry.unit)?;
        let id = &entry.daemon.id;
        let (engine, names) = match &entry.deployment {
            Deployment::CephAnsible { engine, .. } => (
                engine.as_str(),
                vec![container_name(&unit.exec_start).unwrap_or_else(|| format!("ceph-osd-{id}"))],
            ),
            Deployment::Cephadm { fsid, .. } => {
                let engine = if unit.exec_stop.contains("docker") {
                    "docker"
                } else {
                    "podman"
                };
                // Since Quincy with a hyphen, before with a dot; a daemon keeps its container's name until it is redeployed.
                (
                    engine,
                    vec![format!("ceph-{fsid}-osd-{id}"), format!("ceph-{fsid}-osd.{id}")],
                )
            }
            _ => return None,
        };
        Some(
            names
                .into_iter()
                .map(|name| OsdContainer {
                    engine: engine.into(),
                    name,
                })
                .collect(),
        )
    });
    found.unwrap_or_default()
}

fn container_name(exec_start: &str) -> Option<String> {
    let mut words = exec_start.split_whitespace();
    while let Some(word) = words.next() {
        if word == "--name" {
            return words.next().map(String::from);
        }
        if let Some(name) = word.strip_prefix("--name=") {
            return Some(name.to_owned());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::survey::host::parse::{data_dirs, parse_find, parse_ps, parse_units};

    const UNITS: &str = "Id=ceph-mon@n1.service\nLoadState=loaded\nActiveState=active\nUnitFileState=enabled\nMainPID=12\n\
         ControlGroup=/system.slice/system-ceph\\x2dmon.slice/ceph-mon@n1.service\n\
         ExecStart={ path=/usr/bin/ceph-mon ; argv[]=/usr/bin/ceph-mon -f --cluster ceph --id n1 ; ignore_errors=no }\n\n\
         Id=ceph-osd@7.service\nLoadState=not-found\nActiveState=inactive\n";

    #[test]
    fn a_process_without_a_unit_is_a_stray_and_one_in_a_pod_is_rooks() {
        let ps = "12 1 0::/system.slice/ceph-mon@n1.service /usr/bin/ceph-mon -f --cluster ceph --id n1\n\
                  20 1 0::/user.slice/session-1.scope /usr/bin/ceph-mon -f --cluster ceph --id n1\n\
                  30 29 0::/kubepods/pod1/x ceph-osd --foreground --id 3\n\
                  31 29 0::/kubepods/pod2/x ceph-crash";
        let found = daemons(
            &parse_units(UNITS),
            &parse_ps(ps),
            &BTreeMap::new(),
            &FoundFiles::new(),
            "n1",
            None,
        );
        let shown: Vec<_> = found
            .daemons
            .iter()
            .map(|d| (d.daemon.to_string(), d.deployment.clone()))
            .collect();
        assert_eq!(
            shown,
            [
                ("mon.n1".into(), Deployment::Packages),
                ("osd.3".into(), Deployment::Rook)
            ]
        );
        assert_eq!(found.strays.iter().map(|stray| stray.pid).collect::<Vec<_>>(), [20]);
        assert_eq!(found.strays[0].daemon, Some(DaemonName::mon("n1")));
    }

    #[test]
    fn a_data_directory_without_a_unit_is_asked_for_by_name() {
        let listing = "d 1 0 0 1 ext4 /var/lib/ceph/mon/ceph-n1\nd 1 0 0 1 ext4 /var/lib/ceph/osd/ceph-9\n\
             d 1 0 0 1 ext4 /var/lib/ceph/radosgw/ceph-rgw.a\n\
             d 1 0 0 1 ext4 /var/lib/ceph/11111111-2222-3333-4444-555555555555/mgr.x";
        let entries = parse_find(listing);
        let names = units_to_ask_for(&data_dirs(&entries), &parse_units(UNITS), "n1");
        let expected = [
            "ceph-11111111-2222-3333-4444-555555555555@mgr.x.service",
            "ceph-osd@9.service",
            "ceph-radosgw@rgw.a.service",
        ];
        assert_eq!(names, expected);
    }
}
