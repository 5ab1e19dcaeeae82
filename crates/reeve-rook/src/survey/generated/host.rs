//! A host's answers.

use std::collections::BTreeMap;
use std::fmt::Write;

use reeve_host::{Answer, Recorded};
use serde_json::{Value, json};

use super::{answer, failure};
use crate::facts::{HostFacts, Reading, Scope, UserIds};
use crate::survey::host::commands;

/// What a host answers.
pub(super) fn answers(host: &HostFacts, scope: &Scope) -> Vec<Recorded> {
    let path = scope.data_dir_host_path.as_str();
    let on_loop = host
        .volumes
        .known()
        .is_some_and(|volumes| volumes.iter().any(|v| v.device.starts_with("/dev/loop")));
    vec![
        answer(&commands::login_files(), login_files(host)),
        answer(
            &commands::user_id(),
            if host.root == Reading::Known(true) {
                "0\n"
            } else {
                "1000\n"
            },
        ),
        answer(&commands::addresses(), addresses(host)),
        answer(&commands::units(), units(host)),
        answer(&commands::processes(), processes(host)),
        answer(&commands::ceph_directories(), ceph_directories(host)),
        answer(&commands::ceph_files(), ceph_files(host)),
        answer(&commands::data_directory(path), data_directory(host, path)),
        answer(&commands::free_space(path), free_space(host, path)),
        answer(&commands::ceph_user(), ceph_user(host)),
        answer(
            &commands::clock(),
            format!(
                "NTPSynchronized={}\n",
                if host.time_synchronised == Reading::Known(true) {
                    "yes"
                } else {
                    "no"
                }
            ),
        ),
        Recorded::new(&commands::chrony(), Answer::NotFound),
        answer(&commands::listening_ports(), ports(host)),
        failure(&commands::cron_tables(), 1, ""),
        Recorded::new(&commands::crictl_images(), Answer::NotFound),
        answer(&commands::ctr_images(), images(host)),
        answer(&commands::ceph_volume("lvm", false, None), "{}"),
        answer(&commands::ceph_volume("raw", on_loop, None), raw_list(host)),
    ]
}

fn login_files(host: &HostFacts) -> String {
    let mut text = format!(
        "/proc/sys/kernel/hostname:{}\n/etc/machine-id:{}\n/etc/os-release:PRETTY_NAME=\"{}\"\n/proc/sys/kernel/osrelease:{}\n",
        host.hostname, host.machine_id, host.os, host.kernel
    );
    for (key, bytes) in [
        ("MemTotal", &host.memory_bytes),
        ("MemAvailable", &host.memory_available_bytes),
    ] {
        if let Reading::Known(bytes) = bytes {
            line(
                &mut text,
                format_args!("/proc/meminfo:{key}:       {} kB", bytes / 1024),
            );
        }
    }
    match host.selinux.as_str() {
        "enforcing" => text.push_str("/sys/fs/selinux/enforce:1\n"),
        "permissive" => text.push_str("/sys/fs/selinux/enforce:0\n"),
        "disabled" => text.push_str("/etc/selinux/config:SELINUX=disabled\n"),
        _ => {}
    }
    text
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("a String takes any text");
}

fn addresses(host: &HostFacts) -> String {
    let mut text = String::new();
    for address in &host.addresses {
        let family = if address.contains(':') { "inet6" } else { "inet" };
        line(
            &mut text,
            format_args!("2: eth0    {family} {address}/24 scope global eth0"),
        );
    }
    text
}

fn units(host: &HostFacts) -> String {
    let mut text = String::new();
    for daemon in &host.daemons {
        let program = match daemon.daemon.kind.as_str() {
            "rgw" => "radosgw".to_owned(),
            "rbd-mirror" => "rbd-mirror".to_owned(),
            kind => format!("ceph-{kind}"),
        };
        line(&mut text, format_args!("MainPID={}", daemon.main_pid));
        line(
            &mut text,
            format_args!(
                "ExecStart={{ path=/usr/bin/{program} ; argv[]=/usr/bin/{program} -f --cluster ceph --id {} ; ignore_errors=no ; pid=0 }}",
                daemon.daemon.id
            ),
        );
        line(
            &mut text,
            format_args!("Id={}\nLoadState=loaded\nActiveState={}", daemon.unit, daemon.active),
        );
        line(
            &mut text,
            format_args!("FragmentPath={}\nUnitFileState={}\n", daemon.path, daemon.enabled),
        );
    }
    text
}

fn processes(host: &HostFacts) -> String {
    let mut text = String::new();
    for daemon in host.daemons.iter().filter(|daemon| daemon.active == "active") {
        let program = daemon.daemon.kind;
        line(
            &mut text,
            format_args!(
                "{} 1 0::/system.slice/{} /usr/bin/ceph-{program} -f --cluster ceph --id {} --setuser ceph --setgroup ceph",
                daemon.main_pid, daemon.unit, daemon.daemon.id
            ),
        );
    }
    text
}

fn ceph_directories(host: &HostFacts) -> String {
    let mut text = String::new();
    for daemon in &host.daemons {
        if let Some(path) = daemon
            .data_dir
            .as_ref()
            .filter(|path| !host.mon_stores.iter().any(|store| store.path == **path))
        {
            line(&mut text, format_args!("d 1 167 167 4096 ext4 {path}"));
        }
    }
    for store in &host.mon_stores {
        let (device, UserIds { uid, gid }) = (store.device, store.owner);
        line(
            &mut text,
            format_args!("d {device} {uid} {gid} 4096 ext4 {}", store.path),
        );
        line(
            &mut text,
            format_args!("d {device} {uid} {gid} 4096 ext4 {}/store.db", store.path),
        );
        line(
            &mut text,
            format_args!(
                "f {device} {uid} {gid} {} ext4 {}/store.db/000001.sst",
                store.bytes, store.path
            ),
        );
    }
    text
}

fn ceph_files(host: &HostFacts) -> String {
    let mut text = String::new();
    for conf in &host.ceph_confs {
        for (section, options) in &conf.sections {
            line(&mut text, format_args!("{}:[{section}]", conf.path));
            for (name, value) in options {
                line(&mut text, format_args!("{}:{name} = {value}", conf.path));
            }
        }
    }
    for store in &host.mon_stores {
        if let Some(backend) = &store.kv_backend {
            line(&mut text, format_args!("{}/kv_backend:{backend}", store.path));
        }
    }
    text
}

fn data_directory(host: &HostFacts, path: &str) -> String {
    let Reading::Known(dir) = &host.data_dir else {
        return String::new();
    };
    let mut text = String::new();
    for parent in commands::with_parents(path).iter().map(String::as_str).chain(["/"]) {
        if parent != path || dir.exists {
            line(
                &mut text,
                format_args!("d {} 0 0 4096 {} {parent}", dir.device, dir.filesystem),
            );
        }
    }
    for name in &dir.entries {
        line(
            &mut text,
            format_args!("d {} 0 0 4096 {} {path}/{name}", dir.device, dir.filesystem),
        );
    }
    text
}

fn free_space(host: &HostFacts, path: &str) -> String {
    let Reading::Known(dir) = &host.data_dir else {
        return String::new();
    };
    let mut text = String::from("     Avail File\n");
    for parent in commands::with_parents(path).iter().map(String::as_str).chain(["/"]) {
        line(&mut text, format_args!("{} {parent}", dir.free_bytes));
    }
    text
}

fn ceph_user(host: &HostFacts) -> String {
    let entry = host
        .ceph_user
        .map(|ids| format!("ceph:x:{}:{}:Ceph:/var/lib/ceph:/usr/sbin/nologin\n", ids.uid, ids.gid));
    entry.unwrap_or_default()
}

fn ports(host: &HostFacts) -> String {
    let mut text = String::new();
    for (port, process) in &host.ports {
        line(
            &mut text,
            format_args!("LISTEN 0 512 0.0.0.0:{port} 0.0.0.0:* users:((\"{process}\",pid=1,fd=1))"),
        );
    }
    text
}

fn images(host: &HostFacts) -> String {
    let images = host.images.known().cloned().unwrap_or_default();
    images.iter().map(|image| format!("{image}\n")).collect()
}

fn raw_list(host: &HostFacts) -> String {
    let volumes = host.volumes.known().map(Vec::as_slice).unwrap_or_default();
    let entries: BTreeMap<&String, Value> = volumes
        .iter()
        .map(|volume| {
            let mut entry = json!({"osd_id": volume.id, "osd_uuid": volume.uuid, "ceph_fsid": volume.cluster, "device": volume.device});
            for (key, device) in [("device_db", &volume.db), ("device_wal", &volume.wal)] {
                if let Some(device) = device {
                    entry[key] = device.as_str().into();
                }
            }
            (&volume.uuid, entry)
        })
        .collect();
    json!(entries).to_string()
}
