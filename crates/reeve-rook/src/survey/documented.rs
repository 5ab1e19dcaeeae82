//! Every command of a survey, for people who must allow them.

use reeve_ceph::{Query, query};
use reeve_host::Command;

use super::host::commands as host;
use crate::remote_ceph::host_command;

/// Where a command runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runs {
    /// On the admin host.
    OnTheAdminHost,
    /// On every host of the Ceph cluster.
    OnEachHost,
    /// On hosts of the Ceph cluster where another command's answer makes it necessary.
    OnSomeHosts,
}

/// A command that a survey runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentedCommand {
    /// Where.
    pub runs: Runs,
    /// Program and arguments.
    pub argv: Vec<String>,
    /// The same as a shell reads it.
    pub command: String,
    /// It needs root, directly or through sudo.
    pub as_root: bool,
    /// Caps that the Ceph key needs; empty for commands that are none of Ceph's.
    pub caps: &'static str,
    /// What it is asked for.
    pub why: &'static str,
}

/// Returns every command that a survey may run, in the order of the documentation; words in capitals stand for names.
pub fn commands() -> Vec<DocumentedCommand> {
    let mut list = on_the_admin_host();
    list.extend(on_hosts());
    list
}

fn ceph<T: serde::de::DeserializeOwned>(query: &Query<T>, why: &'static str) -> DocumentedCommand {
    documented(
        Runs::OnTheAdminHost,
        &host_command(&query.command()),
        query.needs(),
        why,
    )
}

fn documented(runs: Runs, command: &Command, caps: &'static str, why: &'static str) -> DocumentedCommand {
    let shown = command.to_string();
    let command_line = shown.strip_prefix("(as root) ").unwrap_or(&shown).to_owned();
    DocumentedCommand {
        runs,
        argv: command.shown_argv(),
        command: command_line,
        as_root: command.is_as_root(),
        caps,
        why,
    }
}

fn on_the_admin_host() -> Vec<DocumentedCommand> {
    let mirroring = host_command(&query::mirror_pool_info("POOL"));
    vec![
        ceph(
            &query::MON_DUMP,
            "cluster id, mons and their addresses, stretch mode, cephx ciphers; the first question",
        ),
        ceph(&query::HEALTH, "health checks"),
        ceph(&query::VERSIONS, "versions that run"),
        ceph(&query::QUORUM_STATUS, "mons in quorum"),
        ceph(&query::MGR_DUMP, "mgrs, modules, dashboards"),
        ceph(&query::OSD_DUMP, "OSDs, pools, flags, ratios"),
        ceph(&query::OSD_METADATA, "hosts, devices and addresses of OSDs"),
        ceph(&query::OSD_DF, "how full OSDs are"),
        ceph(&query::CRUSH_DUMP, "hierarchy and rules"),
        ceph(&query::STATUS, "PGs by state"),
        ceph(&query::FS_DUMP, "file systems and MDS daemons"),
        ceph(&query::SERVICE_DUMP, "object gateways, mirroring, NFS, iSCSI"),
        ceph(
            &query::AUTH_LS,
            "auth entities and caps; the keys are dropped while the answer is read",
        ),
        ceph(
            &query::CONFIG_DUMP,
            "central configuration; values that can hold secrets are hidden",
        ),
        ceph(&query::CONFIG_KEY_LS, "names in the config-key store, never values"),
        ceph(&query::ORCH_STATUS, "orchestrator"),
        ceph(
            &query::ORCH_UPGRADE_STATUS,
            "an upgrade in progress; only where there is an orchestrator",
        ),
        ceph(&query::NODE_LS, "hosts of daemons"),
        ceph(&query::MON_METADATA, "hosts of mons"),
        ceph(&query::MGR_METADATA, "hosts of mgrs"),
        ceph(&query::MDS_METADATA, "hosts of MDS daemons"),
        ceph(
            &query::REALM_LIST,
            "multisite; only where pool .rgw.root exists, because radosgw-admin makes it otherwise",
        ),
        ceph(&query::ZONEGROUP_LIST, "multisite; likewise"),
        ceph(&query::ZONE_LIST, "multisite; likewise"),
        documented(
            Runs::OnTheAdminHost,
            &mirroring,
            "mon 'allow r', osd 'allow r'",
            "mirroring of each pool of application rbd",
        ),
    ]
}

fn on_hosts() -> Vec<DocumentedCommand> {
    let each = |command: Command, why| documented(Runs::OnEachHost, &command, "", why);
    let some = |command: Command, why| documented(Runs::OnSomeHosts, &command, "", why);
    let container = host::OsdContainer {
        engine: "ENGINE".into(),
        name: "CONTAINER".into(),
    };
    vec![
        each(
            host::login_files(),
            "host name, machine id, system, memory, SELinux; the first question, on the admin host too",
        ),
        each(host::user_id(), "whether root's commands can be run"),
        each(host::addresses(), "addresses"),
        each(host::units(), "units of daemons, and of what can bring them back"),
        each(
            host::processes(),
            "Ceph processes, and whether virtual machines run here",
        ),
        each(host::ceph_directories(), "data directories, mon stores and their size"),
        each(
            host::ceph_files(),
            "ceph.conf, kinds of mon stores, images of cephadm, OSDs of ceph-volume simple without their keyring",
        ),
        each(
            host::data_directory("/var/lib/rook"),
            "what lies at dataDirHostPath; the path is the one that was asked for",
        ),
        each(host::free_space("/var/lib/rook"), "free space there"),
        each(host::ceph_user(), "user and group id of ceph"),
        each(host::clock(), "whether the clock is synchronised"),
        each(host::listening_ports(), "listening ports"),
        each(host::cron_tables(), "cron tables that may start daemons again"),
        each(host::crictl_images(), "images in the container runtime's store"),
        each(host::ceph_volume("lvm", false, None), "OSDs on LVM"),
        each(host::ceph_volume("raw", false, None), "OSDs on bare devices"),
        some(
            host::ceph_volume("raw", true, None),
            "the same where an OSD says that it lies on a loop device",
        ),
        some(
            host::ceph_volume("lvm", false, Some(&container)),
            "OSDs on LVM where only containers have ceph-volume",
        ),
        some(
            host::ceph_volume("raw", false, Some(&container)),
            "OSDs on bare devices, likewise",
        ),
        some(
            host::named_units(["UNIT".into()]),
            "units of daemons that have a data directory and are not in systemd's memory",
        ),
        some(
            host::chrony(),
            "the clock, where systemd does not say that it is synchronised",
        ),
        some(host::ctr_images(), "images, where there is no crictl"),
    ]
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    /// The list as the documentation shows it.
    fn markdown() -> String {
        let mut text = String::new();
        for (runs, title) in [
            (Runs::OnTheAdminHost, "On the admin host"),
            (Runs::OnEachHost, "On each host"),
            (Runs::OnSomeHosts, "On a host, where another answer makes it necessary"),
        ] {
            writeln!(text, "### {title}\n").unwrap();
            for command in commands().into_iter().filter(|command| command.runs == runs) {
                let right = match (command.as_root, command.caps) {
                    (true, "") => "root".to_owned(),
                    (true, caps) => format!("root, and a key with `{caps}`"),
                    (false, _) => "any login".to_owned(),
                };
                writeln!(
                    text,
                    "- {}  \n  Needs {right}. Gives: {}.\n  ```text\n  {}\n  ```",
                    program(&command),
                    command.why,
                    command.command
                )
                .unwrap();
            }
            text.push('\n');
        }
        text
    }

    fn program(command: &DocumentedCommand) -> String {
        let words: Vec<&str> = command
            .command
            .split(' ')
            .filter(|word| !word.contains('=') || word.starts_with("--pool"))
            .collect();
        let words = match words.as_slice() {
            ["ceph", "--connect-timeout", _, rest @ ..] => [&["ceph"], rest].concat(),
            words => words.to_vec(),
        };
        let shown = words
            .into_iter()
            .take_while(|word| !word.starts_with(['-', '/', '\'']))
            .collect::<Vec<_>>()
            .join(" ");
        format!("**{shown}**")
    }

    #[test]
    fn the_documentation_lists_every_command() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/src/reference/survey.md");
        let page = std::fs::read_to_string(path).unwrap();
        let listed = page
            .split_once("<!-- commands: begin -->\n")
            .and_then(|(_, rest)| rest.split_once("<!-- commands: end -->"))
            .expect("the page has the list between its marks")
            .0;
        let expected = markdown();
        assert!(
            listed.trim() == expected.trim(),
            "put this between the marks in docs/src/reference/survey.md:\n{expected}"
        );
    }

    #[test]
    fn nothing_in_the_list_writes() {
        let writing = [
            "rm", "mv", "dd", "tee", "set", "create", "delete", "start", "stop", "restart", "mask", "enable",
            "disable", "zap", "write",
        ];
        for command in commands() {
            for word in command.command.split([' ', '\'']) {
                assert!(!writing.contains(&word), "{}", command.command);
            }
        }
    }
}
