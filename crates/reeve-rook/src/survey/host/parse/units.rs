//! Systemd units: which daemon each runs and how it was deployed.

use reeve_ceph::{DaemonName, DaemonType, Fsid};

use crate::facts::Deployment;

/// What `systemctl show` tells of one unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unit {
    pub(crate) id: String,
    pub(crate) load: String,
    pub(crate) active: String,
    pub(crate) enabled: String,
    pub(crate) path: String,
    pub(crate) main_pid: u32,
    pub(crate) exec_start: String,
    pub(crate) exec_stop: String,
    pub(crate) control_group: String,
}

/// Reads `systemctl show PATTERN…`: a block of `Key=value` lines for each unit, blank lines between them; one unit appears once.
pub(crate) fn parse_units(text: &str) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::new();
    for block in text.split("\n\n") {
        let mut unit = Unit::default();
        for (key, value) in block.lines().filter_map(|line| line.split_once('=')) {
            match key {
                "Id" => unit.id = value.into(),
                "LoadState" => unit.load = value.into(),
                "ActiveState" => unit.active = value.into(),
                "UnitFileState" => unit.enabled = value.into(),
                "FragmentPath" => unit.path = value.into(),
                "MainPID" => unit.main_pid = value.parse().unwrap_or(0),
                "ControlGroup" => unit.control_group = value.into(),
                // Several ExecStart= lines come as several lines; the first runs the daemon.
                "ExecStart" if unit.exec_start.is_empty() => unit.exec_start = argv(value),
                "ExecStop" => {
                    unit.exec_stop.push_str(&argv(value));
                    unit.exec_stop.push('\n');
                }
                _ => {}
            }
        }
        if !unit.id.is_empty() && !units.iter().any(|known| known.id == unit.id) {
            units.push(unit);
        }
    }
    units
}

/// Cuts the command line out of `{ path=… ; argv[]=… ; ignore_errors=… }`.
fn argv(value: &str) -> String {
    let after = value.split_once("argv[]=").map_or(value, |(_, rest)| rest);
    after.split(" ; ").next().unwrap_or_default().trim().to_owned()
}

impl Unit {
    /// Returns the daemon that the unit runs, if it is the unit of a Ceph daemon; `hostname` is the id of those that have one per host.
    ///
    /// Source: ceph/ceph: `systemd/*.service.in`; ceph/ceph-ansible: `roles/*/templates/*.service.j2`; ceph/ceph:
    /// `src/cephadm/cephadmlib/systemd_unit.py` (cephadm names units `ceph-FSID@TYPE.ID`).
    pub(crate) fn daemon(&self, hostname: &str) -> Option<DaemonName> {
        let name = self.id.strip_suffix(".service")?;
        if let Some((_, instance)) = self.cephadm() {
            return cephadm_daemon(instance);
        }
        let (word, instance) = name.split_once('@').unwrap_or((name, ""));
        let kind = match word {
            "rbd-target-api" | "tcmu-runner" | "nfs-ganesha" => DaemonType::from_word(word)?,
            _ => DaemonType::from_word(word.strip_prefix("ceph-")?)?,
        };
        let id = match (kind, instance) {
            (DaemonType::Crash | DaemonType::Exporter | DaemonType::Iscsi | DaemonType::Nfs, "") => hostname,
            (_, "") => return None,
            (DaemonType::Rgw, instance) => instance.strip_prefix("rgw.").unwrap_or(instance),
            (_, instance) => instance,
        };
        format!("{kind}.{id}").parse().ok()
    }

    /// Returns cluster id and instance if the unit is one of cephadm's.
    fn cephadm(&self) -> Option<(Fsid, &str)> {
        let (fsid, instance) = self
            .id
            .strip_suffix(".service")?
            .strip_prefix("ceph-")?
            .split_once('@')?;
        Some((fsid.parse().ok()?, instance))
    }
}

/// cephadm writes `mon.n1`; types that this crate does not know (`prometheus.n1`) are no Ceph daemons.
fn cephadm_daemon(instance: &str) -> Option<DaemonName> {
    let (word, id) = instance.split_once('.')?;
    format!("{}.{id}", DaemonType::from_word(word)?).parse().ok()
}

/// Returns how a unit's daemon was deployed.
///
/// `run_script` is the content of ceph-ansible's `ceph-osd-run.sh`, which older releases start OSDs with; `unit_image` finds the
/// content of cephadm's `unit.image` by daemon.
pub(crate) fn deployment_of(
    unit: &Unit,
    run_script: Option<&str>,
    unit_image: impl Fn(&Fsid, &str) -> Option<String>,
) -> Deployment {
    if let Some((fsid, instance)) = unit.cephadm() {
        let image = unit_image(&fsid, instance);
        return Deployment::Cephadm {
            fsid: fsid.to_string(),
            image,
        };
    }
    let words: Vec<&str> = unit.exec_start.split_whitespace().collect();
    let program = words
        .first()
        .map_or("", |path| path.rsplit('/').next().unwrap_or_default());
    match program {
        "podman" | "docker" => {
            let image = container_image(&words[1..]).unwrap_or_default();
            Deployment::CephAnsible {
                engine: program.into(),
                image,
            }
        }
        "ceph-osd-run.sh" => {
            let engine = if unit.exec_stop.contains("/podman ") {
                "podman"
            } else {
                "docker"
            };
            let words: Vec<&str> = run_script
                .unwrap_or_default()
                .split(|c: char| c.is_whitespace() || c == '\\')
                .collect();
            let run = words.iter().position(|word| *word == "run").map(|at| &words[at..]);
            let image = run.and_then(container_image).unwrap_or_default();
            Deployment::CephAnsible {
                engine: engine.into(),
                image,
            }
        }
        "ceph-mon" | "ceph-mgr" | "ceph-osd" | "ceph-mds" | "radosgw" | "rbd-mirror" | "cephfs-mirror"
        | "ceph-crash" | "ceph-exporter" | "ganesha.nfsd" | "tcmu-runner" | "rbd-target-api" => Deployment::Packages,
        // A masked unit shows no command any more; nothing but a package's path is left to tell.
        "" if unit.load == "masked" => Deployment::Packages,
        _ => Deployment::Unknown {
            exec_start: unit.exec_start.chars().take(400).collect(),
        },
    }
}

/// Options of `podman run` and `docker run` that take the next word as their value, as far as ceph-ansible uses them.
const OPTIONS_WITH_VALUE: [&str; 13] = [
    "-v",
    "--volume",
    "-e",
    "--env",
    "--name",
    "--log-driver",
    "--conmon-pidfile",
    "--cidfile",
    "-l",
    "--label",
    "--entrypoint",
    "-u",
    "--user",
];

/// Finds the image in the words after `run`: what ceph-ansible put into `CONTAINER_IMAGE`, else the first word that is no option.
fn container_image(words: &[&str]) -> Option<String> {
    if let Some(image) = words.iter().find_map(|word| word.strip_prefix("CONTAINER_IMAGE=")) {
        return Some(image.to_owned());
    }
    let mut words = words.iter().skip_while(|word| **word != "run").skip(1);
    while let Some(word) = words.next() {
        if OPTIONS_WITH_VALUE.contains(word) {
            words.next();
        } else if !word.is_empty() && !word.starts_with('-') {
            return Some((*word).to_owned());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn unit(id: &str, exec_start: &str) -> Unit {
        Unit {
            id: id.into(),
            load: "loaded".into(),
            exec_start: exec_start.into(),
            ..Unit::default()
        }
    }

    #[test]
    fn units_name_their_daemons() {
        let daemon = |id: &str| unit(id, "").daemon("n1").map(|name| name.to_string());
        let table = [
            ("ceph-mon@n1.service", Some("mon.n1")),
            ("ceph-mgr@node-1.example.service", Some("mgr.node-1.example")),
            ("ceph-osd@12.service", Some("osd.12")),
            ("ceph-radosgw@rgw.n1.rgw0.service", Some("rgw.n1.rgw0")),
            (
                "ceph-rbd-mirror@rbd-mirror.n1.service",
                Some("rbd-mirror.rbd-mirror.n1"),
            ),
            ("ceph-crash.service", Some("crash.n1")),
            ("ceph-crash@n1.service", Some("crash.n1")),
            (
                "ceph-11111111-2222-3333-4444-555555555555@mds.fs.n1.abc.service",
                Some("mds.fs.n1.abc"),
            ),
            ("ceph-11111111-2222-3333-4444-555555555555@prometheus.n1.service", None),
            (
                "ceph-11111111-2222-3333-4444-555555555555@ceph-exporter.n1.service",
                Some("exporter.n1"),
            ),
            ("tcmu-runner.service", Some("iscsi.n1")),
            ("ceph-volume@lvm-0-abc.service", None),
            ("ceph.target", None),
            ("ceph-mon.target", None),
            ("puppet.service", None),
        ];
        for (id, expected) in table {
            assert_eq!(daemon(id).as_deref(), expected, "{id}");
        }
    }

    #[test]
    fn the_image_is_found_with_and_without_an_entry_point() {
        let run = "/usr/bin/podman run --rm --net=host -v /etc/ceph:/etc/ceph:z -e CLUSTER=ceph --entrypoint=/usr/bin/ceph-mon \
                   --name ceph-mon-n1 quay.io/ceph/ceph:v17.2.7 --cluster ceph -f -i n1";
        let deployment = deployment_of(&unit("ceph-mon@n1.service", run), None, |_, _| None);
        let image = "quay.io/ceph/ceph:v17.2.7".to_owned();
        assert_eq!(
            deployment,
            Deployment::CephAnsible {
                engine: "podman".into(),
                image
            }
        );
        let script = "#!/bin/bash\n/usr/bin/docker run \\\n  --rm \\\n  -e OSD_ID=\"$1\" \\\n  registry/daemon:v4 \\\n";
        let mut osd = unit("ceph-osd@1.service", "/usr/share/ceph-osd-run.sh 1");
        osd.exec_stop = "/usr/bin/docker stop ceph-osd-1\n".into();
        let deployment = deployment_of(&osd, Some(script), |_, _| None);
        assert_eq!(
            deployment,
            Deployment::CephAnsible {
                engine: "docker".into(),
                image: "registry/daemon:v4".into()
            }
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "([A-Za-z]{0,9}=[ -~]{0,40}\n|\n|Id=ceph-mon@[a-z.]{0,5}.service\n){0,20}") {
            for unit in parse_units(&text) {
                unit.daemon("n1");
                deployment_of(&unit, None, |_, _| None);
            }
        }
    }
}
