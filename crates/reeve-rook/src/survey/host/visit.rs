//! The visit to one host.

use std::collections::BTreeSet;
use std::sync::Arc;

use reeve_ceph::OsdId;
use reeve_host::{Command, Host, HostError, Output, printable_tail};
use tokio::sync::Semaphore;

use super::{commands, daemons, parse, revivers, volumes};
use crate::facts::{CephConf, DataDir, HostFacts, Reading, Scope};

/// How many commands run at once on one host; sshd allows ten sessions on a connection unless told otherwise.
const COMMANDS_AT_ONCE: usize = 5;

/// What Ceph says of a host before anybody looked there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Expected {
    /// OSDs that say they run there.
    pub(crate) osds: BTreeSet<OsdId>,
    /// Some OSD there lies on a loop device.
    pub(crate) loop_devices: bool,
}

/// A host that lets us in and has said who it is.
pub(crate) struct Login {
    pub(crate) facts: parse::LoginFacts,
    files: parse::FoundFiles,
}

/// A host with a bound on what runs there at once.
pub(crate) struct Visit {
    host: Arc<dyn Host>,
    permits: Semaphore,
}

impl Visit {
    pub(crate) fn new(host: Arc<dyn Host>) -> Self {
        Self {
            host,
            permits: Semaphore::new(COMMANDS_AT_ONCE),
        }
    }

    /// Runs a command when its turn comes; any status is an answer.
    pub(super) async fn run(&self, command: &Command) -> Result<Output, HostError> {
        let _permit = self.permits.acquire().await.expect("nobody closes the semaphore");
        self.host.run(command).await
    }

    /// Runs a command and gives what it printed, whatever its status: for commands that print what they can and fail for the rest.
    async fn text(&self, command: &Command) -> Result<String, HostError> {
        Ok(self.run(command).await?.stdout_text())
    }

    /// Runs a command and gives what it printed; a status other than 0 is a reason for not knowing.
    pub(super) async fn answer(&self, command: &Command) -> Result<String, String> {
        match self.run(command).await {
            Ok(output) if output.success() => Ok(output.stdout_text()),
            Ok(output) => Err(format!(
                "`{command}` ended with status {}: {}",
                output.status,
                printable_tail(&output.stderr)
            )),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Asks the host who it is.
    pub(crate) async fn log_in(&self) -> Result<Login, HostError> {
        let files = parse::parse_grep(&self.text(&commands::login_files()).await?);
        Ok(Login {
            facts: parse::parse_login(&files),
            files,
        })
    }

    /// Asks the host for its addresses.
    pub(crate) async fn addresses(&self) -> Result<BTreeSet<String>, HostError> {
        Ok(parse::parse_addresses(&self.text(&commands::addresses()).await?))
    }

    /// Asks everything else.
    ///
    /// # Errors
    ///
    /// A [`HostError`] that is about the host: then no other answer is worth much. All other failures become unknown facts.
    pub(crate) async fn read(&self, login: Login, scope: &Scope, expected: &Expected) -> Result<HostFacts, HostError> {
        let root = self.root().await?;
        let hostname = login.facts.hostname.clone();
        let path = scope.data_dir_host_path.as_str();
        // Bound to names, because the futures borrow them.
        let (units, processes, directories, files) = (
            commands::units(),
            commands::processes(),
            commands::ceph_directories(),
            commands::ceph_files(),
        );
        let (ports, cron, user) = (
            commands::listening_ports(),
            commands::cron_tables(),
            commands::ceph_user(),
        );
        let (
            addresses,
            units,
            processes,
            directories,
            files,
            data_dir,
            ports,
            cron,
            user,
            time_synchronised,
            images,
            listed,
        ) = futures::join!(
            self.addresses(),
            self.text(&units),
            self.text(&processes),
            self.text(&directories),
            self.text(&files),
            self.data_dir(path),
            self.text(&ports),
            self.text(&cron),
            self.text(&user),
            self.time_synchronised(),
            self.images(),
            volumes::list(self, expected.loop_devices, None),
        );
        for error in [units.as_ref().err(), processes.as_ref().err()].into_iter().flatten() {
            if error.is_about_the_host() || matches!(error, HostError::Disconnected { .. }) {
                return Err(clone_reason(error));
            }
        }
        let entries = parse::parse_find(&directories.unwrap_or_default());
        let files = parse::parse_grep(&files.unwrap_or_default());
        let data_dirs = parse::data_dirs(&entries);
        let mut units = parse::parse_units(&units.unwrap_or_default());
        let missing = daemons::units_to_ask_for(&data_dirs, &units, &hostname);
        if !missing.is_empty() {
            units.extend(parse::parse_units(
                &self.text(&commands::named_units(missing)).await.unwrap_or_default(),
            ));
        }
        let processes = parse::parse_ps(&processes.unwrap_or_default());
        let run_script = login.files.get(commands::OSD_RUN_SCRIPT).map(String::as_str);
        let found = daemons::daemons(&units, &processes, &data_dirs, &files, &hostname, run_script);
        let mut volumes = listed;
        if matches!(volumes, volumes::Listed::NoProgram) {
            for container in daemons::osd_containers(&units, &found.daemons) {
                volumes = volumes::list(self, expected.loop_devices, Some(&container)).await;
                if matches!(volumes, volumes::Listed::Both { .. }) {
                    break;
                }
            }
        }
        let has_osds = !expected.osds.is_empty()
            || found
                .daemons
                .iter()
                .any(|d| d.daemon.kind == reeve_ceph::DaemonType::Osd);
        let (memory, available) = parse::parse_memory(login.files.get("/proc/meminfo").map_or("", String::as_str));
        let meminfo = |bytes: Option<u64>| bytes.ok_or("/proc/meminfo does not say").into();
        Ok(HostFacts {
            hostname,
            machine_id: login.facts.machine_id,
            os: login.facts.os,
            kernel: login.facts.kernel,
            addresses: addresses.unwrap_or_default(),
            root,
            mon_stores: parse::mon_stores(&entries, &files),
            revivers: revivers::revivers(&units, &cron.unwrap_or_default()),
            hypervisor: processes.iter().any(parse::Process::is_of_a_hypervisor),
            daemons: found.daemons,
            stray_processes: found.strays,
            data_dir,
            volumes: volumes.merge(&files, has_osds),
            ceph_confs: ceph_confs(&files),
            ceph_user: user.ok().and_then(|text| parse::parse_passwd(&text)),
            selinux: parse::selinux(&login.files),
            time_synchronised,
            memory_bytes: meminfo(memory),
            memory_available_bytes: meminfo(available),
            ports: parse::parse_listening(&ports.unwrap_or_default()),
            images,
        })
    }

    async fn root(&self) -> Result<Reading<bool>, HostError> {
        Ok(match self.run(&commands::user_id()).await {
            Ok(output) => match parse::parse_id(&output.stdout_text()) {
                Some(id) => Reading::Known(id == 0),
                None => Reading::unknown("`id -u` gave no number"),
            },
            Err(HostError::SudoRefused { .. }) => Reading::Known(false),
            Err(error) if error.is_about_the_host() => return Err(error),
            Err(error) => Reading::unknown(error.to_string()),
        })
    }

    async fn data_dir(&self, path: &str) -> Reading<DataDir> {
        let (find, df) = (commands::data_directory(path), commands::free_space(path));
        let (listing, free) = futures::join!(self.text(&find), self.text(&df));
        match (listing, free) {
            (Ok(listing), Ok(free)) => parse::data_dir(path, &parse::parse_find(&listing), &parse::parse_df(&free))
                .ok_or("`find` and `df` did not say what lies there")
                .into(),
            (Err(error), _) | (_, Err(error)) => Reading::unknown(error.to_string()),
        }
    }

    async fn time_synchronised(&self) -> Reading<bool> {
        let kernel = self.answer(&commands::clock()).await;
        match kernel.as_deref().map(parse::parse_timedatectl) {
            Ok(Some(true)) => Reading::Known(true),
            // chrony can know better than the kernel's flag; where there is none, the flag counts.
            known => match (
                self.answer(&commands::chrony())
                    .await
                    .ok()
                    .and_then(|text| parse::parse_chrony(&text)),
                known,
            ) {
                (Some(synchronised), _) => Reading::Known(synchronised),
                (None, Ok(Some(synchronised))) => Reading::Known(synchronised),
                (None, Ok(None)) => Reading::unknown("`timedatectl` does not say"),
                (None, Err(because)) => Reading::unknown(because),
            },
        }
    }

    async fn images(&self) -> Reading<BTreeSet<String>> {
        let crictl = self.answer(&commands::crictl_images()).await;
        if let Some(images) = crictl.as_deref().ok().and_then(parse::parse_crictl_images) {
            return Reading::Known(images);
        }
        match self.answer(&commands::ctr_images()).await {
            Ok(text) => Reading::Known(parse::parse_ctr_images(&text)),
            Err(because) => Reading::unknown(because),
        }
    }
}

/// Makes the error anew: the first one is borrowed from an answer that is thrown away.
fn clone_reason(error: &HostError) -> HostError {
    HostError::Unreachable {
        host: error.host().clone(),
        detail: error.to_string(),
    }
}

fn ceph_confs(files: &parse::FoundFiles) -> Vec<CephConf> {
    parse::parse_files_of(files, "/etc/ceph/", ".conf")
        .map(|(path, text)| parse::parse_ceph_conf(path, text))
        .collect()
}
