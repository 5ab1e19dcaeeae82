//! Processes.

use reeve_ceph::{DaemonName, DaemonType};

/// One line of `ps -o pid,ppid,cgroup,args`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    pub(crate) parent: u32,
    pub(crate) control_group: String,
    pub(crate) command: String,
}

/// Reads `ps --no-headers -ww -o pid,ppid,cgroup,args`.
pub(crate) fn parse_ps(text: &str) -> Vec<Process> {
    let line = |line: &str| {
        let (pid, rest) = line.trim_start().split_once(' ')?;
        let (parent, rest) = rest.trim_start().split_once(' ')?;
        let (control_group, command) = rest.trim_start().split_once(' ')?;
        Some(Process {
            pid: pid.parse().ok()?,
            parent: parent.parse().ok()?,
            control_group: control_group.to_owned(),
            command: command.trim().to_owned(),
        })
    };
    text.lines().filter_map(line).collect()
}

impl Process {
    fn program(&self) -> &str {
        let words = self.command.split_whitespace();
        // A script's first words are its interpreter and the interpreter's options.
        let mut paths = words
            .filter(|word| !word.starts_with('-'))
            .map(|word| word.rsplit('/').next().unwrap_or_default());
        let first = paths.next().unwrap_or_default();
        if first.starts_with("python") {
            paths.next().unwrap_or_default()
        } else {
            first
        }
    }

    /// Tells whether the process hosts virtual machines.
    pub(crate) fn is_of_a_hypervisor(&self) -> bool {
        let program = self.program();
        program.starts_with("qemu-system")
            || matches!(program, "qemu-kvm" | "kvm" | "nova-compute" | "libvirtd" | "virtqemud")
    }

    /// Returns what kind of Ceph daemon it is, if it is one.
    pub(crate) fn kind(&self) -> Option<DaemonType> {
        match self.program() {
            program @ ("ceph-mon" | "ceph-mgr" | "ceph-osd" | "ceph-mds" | "radosgw" | "rbd-mirror"
            | "cephfs-mirror" | "ceph-crash" | "ceph-exporter" | "ganesha.nfsd" | "tcmu-runner"
            | "rbd-target-api") => DaemonType::from_word(program),
            _ => None,
        }
    }

    /// Returns which daemon it is, where its arguments tell: `--id n1`, `-i n1`, `-n mon.n1`, `--name client.rgw.n1`.
    pub(crate) fn daemon(&self) -> Option<DaemonName> {
        let kind = self.kind()?;
        let mut words = self.command.split_whitespace();
        while let Some(word) = words.next() {
            let (option, value) = match word.split_once('=') {
                Some((option, value)) => (option, Some(value)),
                None => (word, None),
            };
            if !matches!(option, "--id" | "-i" | "-n" | "--name") {
                continue;
            }
            let value = value.or_else(|| words.next())?;
            let id = match option {
                "--id" | "-i" => value,
                // `mon.n1`, `client.rgw.n1.rgw0`: the kind is not always part of the name.
                _ => value.split_once('.').map(|(_, id)| id)?,
            };
            let id = if kind == DaemonType::Rgw {
                id.strip_prefix("rgw.").unwrap_or(id)
            } else {
                id
            };
            return format!("{kind}.{id}").parse().ok();
        }
        None
    }

    /// Tells whether a Kubernetes pod holds it: kubelets name the control groups of pods so, whatever the driver.
    pub(crate) fn is_in_a_pod(&self) -> bool {
        self.control_group.contains("kubepods")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn processes_name_their_daemons() {
        let text = "   12     1 0::/system.slice/system-ceph.slice/ceph-mon@n1.service /usr/bin/ceph-mon -f --cluster ceph --id n1 --setuser ceph\n\
             13 1 0::/x /usr/bin/ceph-osd -n osd.3 -f --setuser ceph\n\
             14 1 0::/kubepods/burstable/pod1/abc ceph-mgr --foreground --id=a\n\
             15 1 0::/x /usr/bin/radosgw -f --cluster ceph --name client.rgw.n1.rgw0 --setuser ceph\n\
             16 1 0::/x /usr/bin/python3 -s /usr/bin/ceph-crash\n\
             17 1 0::/x /usr/bin/qemu-system-x86_64 -name guest=vm\n\
             18 1 0::/x vim /etc/ceph-mon\nnoise";
        let processes = parse_ps(text);
        assert_eq!(processes.len(), 7);
        let shown: Vec<_> = processes
            .iter()
            .map(|p| (p.kind().map(DaemonType::as_str), p.daemon().map(|d| d.to_string())))
            .collect();
        let name = |text: &str| Some(text.to_owned());
        assert_eq!(
            shown,
            [
                (Some("mon"), name("mon.n1")),
                (Some("osd"), name("osd.3")),
                (Some("mgr"), name("mgr.a")),
                (Some("rgw"), name("rgw.n1.rgw0")),
                (Some("crash"), None),
                (None, None),
                (None, None),
            ]
        );
        assert!(processes[2].is_in_a_pod() && !processes[1].is_in_a_pod());
        assert!(processes[5].is_of_a_hypervisor() && !processes[0].is_of_a_hypervisor());
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "[ -~\n]{0,200}", args in "(-n|--id|-i|--name=|osd|\\.|=| |ceph-osd){0,12}") {
            let line = format!("{text}\n1 1 / {args}");
            for process in parse_ps(&line) {
                process.daemon();
                process.is_of_a_hypervisor();
            }
        }
    }
}
