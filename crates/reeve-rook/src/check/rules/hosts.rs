//! What a host must be like.

use reeve_report::Severity;

use crate::check::context::Context;
use crate::check::need::Need;
use crate::check::rule::{Judgement, Rule};
use crate::facts::HostReading;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "rook.host-unreachable",
        title: "Every host answers",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[],
        reason: "Nothing that runs there can be stopped, moved or put back.",
        remedy: "Try `ssh {host} true` from where Reeve runs, repair what it says, and survey again.",
        source: "OpenSSH: ssh(1)",
        judge: unreachable,
    },
    Rule {
        id: "rook.host-no-root",
        title: "Reeve can become root on every host",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[Need::Root],
        reason: "Units are stopped and stores are moved as root.",
        remedy: "Let the login on {host} use sudo without a password (`ssh {host} sudo -n true` must succeed), and survey again.",
        source: "sudo(8) – -n",
        judge: no_root,
    },
    Rule {
        id: "rook.stray-process",
        title: "Every Ceph process belongs to a unit",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[Need::Hosts],
        reason: "What no unit runs cannot be stopped and masked, and two processes on one store or disk destroy it.",
        remedy: "On {host}: find out who runs it (`ps -o pid,ppid,args -p {pid}`), bring it under its unit or end it, and survey again.",
        source: "ceph/ceph: src/ceph_osd.cc, src/ceph_mon.cc; hazard: two daemons with one identity",
        judge: stray,
    },
    Rule {
        id: "rook.time-unsynchronised",
        title: "Every host's clock is synchronised",
        severity: Severity::Warning,
        waiver: None,
        needs: &[Need::Time],
        reason: "A mon whose clock drifts by 0.05 s loses its lease, and a restarted one may not join the quorum.",
        remedy: "On {host}: `timedatectl set-ntp true`, then `timedatectl show -p NTPSynchronized`.",
        source: "ceph/ceph: doc/rados/configuration/mon-config-ref.rst – Clock",
        judge: time,
    },
    Rule {
        id: "rook.selinux-enforcing",
        title: "SELinux does not enforce",
        severity: Severity::Warning,
        waiver: None,
        needs: &[Need::Hosts],
        reason: "A pod may not open a store that carries the label of the legacy daemons.",
        remedy: "Run the operator with `ROOK_HOSTPATH_REQUIRES_PRIVILEGED: \"true\"`, and see the first hand-over on {host} closely (`ausearch -m avc -ts recent`).",
        source: "rook/rook: Documentation/Getting-Started/ceph-openshift.md; pkg/operator/ceph/controller/spec.go – PodSecurityContext",
        judge: selinux,
    },
    Rule {
        id: "rook.mon-port-foreign",
        title: "No other program listens on the mons' ports",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[Need::Hosts],
        reason: "Rook's mon binds to 3300 and 6789 on the host and would crash.",
        remedy: "On {host}: `ss -ltnp sport = :{port}`; move that program to another port, and survey again.",
        source: "rook/rook: pkg/operator/ceph/cluster/mon/spec.go – makeMonDaemonContainer",
        judge: mon_port,
    },
    Rule {
        id: "rook.port-taken",
        title: "The ports of Rook's other daemons are free",
        severity: Severity::Warning,
        waiver: None,
        needs: &[Need::Hosts],
        reason: "With host networking Rook's mgr (9283) and exporter (9926) want this port; they go on without it, but serve no metrics there until it is free.",
        remedy: "See on {host} who has it: `ss -ltnp sport = :{port}`; a legacy mgr or exporter frees it when it is stopped.",
        source: "rook/rook: pkg/operator/ceph/cluster/mgr/spec.go; pkg/operator/ceph/cluster/nodedaemon/exporter.go",
        judge: port,
    },
    Rule {
        id: "rook.ceph-uid",
        title: "User `ceph` has the image's ids 167:167",
        severity: Severity::Note,
        waiver: None,
        needs: &[Need::Hosts],
        reason: "Debian's packages use 64045; the plan gives stores to 167, and on a way back to the host's ids again.",
        remedy: "Nothing; `id ceph` on {host} shows the ids, should you have to repair ownership by hand.",
        source: "rook/rook: pkg/operator/ceph/controller/spec.go – CephUserID; Debian: ceph-common.postinst",
        judge: ceph_uid,
    },
    Rule {
        id: "rook.hyperconverged",
        title: "No virtual machines run beside the daemons",
        severity: Severity::Warning,
        waiver: None,
        needs: &[Need::Memory],
        reason: "Rook derives osd_memory_target from memory limits in the CephCluster, and a pod over its limit is killed; the virtual machines and the kubelet want memory too.",
        remedy: "Set no memory limits for OSDs, keep `ceph-common` and client keyrings on {host}, and see `free -g` there first.",
        source: "rook/rook: Documentation/CRDs/Cluster/ceph-cluster-crd.md – Cluster-wide Resources Configuration Settings",
        judge: hyperconverged,
    },
    Rule {
        id: "rook.host-memory",
        title: "Every host has memory to spare",
        severity: Severity::Warning,
        waiver: None,
        needs: &[Need::Memory],
        reason: "Beside the daemons that move, Rook runs prepare jobs, an exporter and perhaps its operator and mgrs here; below 1 GiB the kernel may kill a daemon.",
        remedy: "On {host}: `free -m`; free at least 1 GiB before its daemons are handed over.",
        source: "rook/rook: Documentation/Getting-Started/Prerequisites/prerequisites.md",
        judge: memory,
    },
];

fn unreachable(cx: &Context<'_>, out: &mut Judgement<'_>) {
    for (name, reading) in &cx.facts.hosts {
        if let HostReading::Unreachable { because } = reading {
            out.found(
                format!("host {name}"),
                format!("{name} did not answer."),
                &[("host", name.as_str())],
            )
            .by(format!("ssh {name}"), because.clone());
        }
    }
}

fn no_root(cx: &Context<'_>, out: &mut Judgement<'_>) {
    for (name, _) in cx
        .facts
        .reached_hosts()
        .filter(|(_, host)| host.root.known() == Some(&false))
    {
        out.found(
            format!("host {name}"),
            format!("The login on {name} cannot become root."),
            &[("host", name.as_str())],
        );
    }
}

fn stray(cx: &Context<'_>, out: &mut Judgement<'_>) {
    for (name, host) in cx.facts.reached_hosts() {
        for process in &host.stray_processes {
            let what = process
                .daemon
                .as_ref()
                .map_or("a Ceph process".into(), ToString::to_string);
            let fact = format!("Process {} on {name} is {what}, and no unit owns it.", process.pid);
            out.found(
                format!("{what} on {name}"),
                fact,
                &[("host", name.as_str()), ("pid", &process.pid.to_string())],
            )
            .by(format!("{name}: ps"), process.command.clone());
        }
    }
}

fn time(cx: &Context<'_>, out: &mut Judgement<'_>) {
    for (name, _) in cx
        .facts
        .reached_hosts()
        .filter(|(_, host)| host.time_synchronised.known() == Some(&false))
    {
        out.found(
            format!("host {name}"),
            format!("The clock of {name} is not synchronised."),
            &[("host", name.as_str())],
        );
    }
}

fn selinux(cx: &Context<'_>, out: &mut Judgement<'_>) {
    for (name, _) in cx.facts.reached_hosts().filter(|(_, host)| host.selinux == "enforcing") {
        out.found(
            format!("host {name}"),
            format!("SELinux enforces on {name}."),
            &[("host", name.as_str())],
        );
    }
}

fn mon_port(cx: &Context<'_>, out: &mut Judgement<'_>) {
    let mon_hosts = cx.facts.ceph.monmap.mons.iter().filter_map(|mon| cx.mon_home(mon));
    for (name, host) in mon_hosts {
        for port in [3300, 6789] {
            // Container runtimes that forward ports hold them for the mon; the process is named after the runtime then.
            let foreign = |program: &&String| !program.contains("ceph-mon") && !program.is_empty();
            if let Some(program) = host.ports.get(&port).filter(foreign) {
                let names = [("host", name.as_str()), ("port", &port.to_string())];
                out.found(
                    format!("port {port} on {name}"),
                    format!("{program} listens on {port} on {name}."),
                    &names,
                );
            }
        }
    }
}

fn port(cx: &Context<'_>, out: &mut Judgement<'_>) {
    for (name, host) in cx.facts.reached_hosts() {
        for port in [9283, 9926] {
            if let Some(program) = host.ports.get(&port) {
                let names = [("host", name.as_str()), ("port", &port.to_string())];
                out.found(
                    format!("port {port} on {name}"),
                    format!("{program} listens on {port} on {name}."),
                    &names,
                );
            }
        }
    }
}

fn ceph_uid(cx: &Context<'_>, out: &mut Judgement<'_>) {
    for (name, host) in cx.facts.reached_hosts() {
        if let Some(ids) = host.ceph_user.filter(|ids| (ids.uid, ids.gid) != (167, 167)) {
            let fact = format!("User ceph on {name} is {}:{}.", ids.uid, ids.gid);
            out.found(format!("host {name}"), fact, &[("host", name.as_str())]);
        }
    }
}

const GIB: u64 = 1 << 30;

fn hyperconverged(cx: &Context<'_>, out: &mut Judgement<'_>) {
    for (name, host) in cx.facts.reached_hosts().filter(|(_, host)| host.hypervisor) {
        let gib =
            |reading: Option<&u64>| reading.map_or("an unknown number of".into(), |bytes| (bytes / GIB).to_string());
        let (all, free) = (gib(host.memory_bytes.known()), gib(host.memory_available_bytes.known()));
        let fact = format!("{name} is a hypervisor too; {free} of {all} GiB of memory are available.");
        out.found(format!("host {name}"), fact, &[("host", name.as_str())]);
    }
}

fn memory(cx: &Context<'_>, out: &mut Judgement<'_>) {
    for (name, host) in cx.facts.reached_hosts() {
        if let Some(free) = host.memory_available_bytes.known().filter(|free| **free < GIB) {
            let fact = format!("{} MiB of memory are available on {name}.", free >> 20);
            out.found(format!("host {name}"), fact, &[("host", name.as_str())]);
        }
    }
}
