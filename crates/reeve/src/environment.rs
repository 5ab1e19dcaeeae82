//! Environment variables: their names and their values, read here and nowhere else.

use std::collections::BTreeMap;
use std::time::Duration;

use camino::Utf8PathBuf;
use secrecy::SecretString;

/// The configuration file.
pub(crate) const CONFIG: &str = "REEVE_CONFIG";
/// The folder of runs.
pub(crate) const RUNS_DIR: &str = "REEVE_RUNS_DIR";
/// The log filter, as tracing-subscriber reads it: `debug`, `reeve_host=debug`.
pub(crate) const LOG: &str = "REEVE_LOG";
/// The kubeconfig, as all of Kubernetes' tools read it.
pub(crate) const KUBECONFIG: &str = "KUBECONFIG";
/// No colour, see no-color.org.
pub(crate) const NO_COLOR: &str = "NO_COLOR";
/// The terminal's width, as shells export it.
pub(crate) const COLUMNS: &str = "COLUMNS";

/// The password for ESXi or vCenter.
pub(crate) const VSPHERE_PASSWORD: &str = "REEVE_VSPHERE_PASSWORD";

/// How long `reeve check` waits between two looks, in milliseconds; for tests, where nothing takes long.
pub(crate) const CHECK_POLL: &str = "REEVE_CHECK_POLL_MS";

/// What variables begin with that OpenStack's tools read: OS_CLOUD, OS_AUTH_URL and so on.
const OPENSTACK: &str = "OS_";
/// Further variables that say where clouds.yaml is, or that these tools follow and we do not, which is said then.
const BESIDE_OPENSTACK: [&str; 6] = [
    "XDG_CONFIG_HOME",
    "XDG_CONFIG_DIRS",
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "all_proxy",
];

/// What the environment says, read once at the start.
#[derive(Clone, Default)]
pub(crate) struct Environment {
    pub(crate) config: Option<Utf8PathBuf>,
    pub(crate) runs_dir: Option<Utf8PathBuf>,
    pub(crate) log: Option<String>,
    pub(crate) kubeconfig: Option<Utf8PathBuf>,
    pub(crate) no_color: bool,
    pub(crate) columns: Option<usize>,
    pub(crate) home: Option<Utf8PathBuf>,
    pub(crate) xdg_config_home: Option<Utf8PathBuf>,
    pub(crate) xdg_state_home: Option<Utf8PathBuf>,
    pub(crate) check_poll: Option<Duration>,
    pub(crate) vsphere_password: Option<SecretString>,
    /// What OpenStack's tools read; holds secrets.
    pub(crate) openstack: BTreeMap<String, String>,
}

impl Environment {
    /// Reads the process's environment; an empty variable counts as not set.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place of the binary that reads the environment"
    )]
    pub(crate) fn read() -> Self {
        let value = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
        let path = |name: &str| value(name).map(Utf8PathBuf::from);
        Self {
            config: path(CONFIG),
            runs_dir: path(RUNS_DIR),
            log: value(LOG),
            kubeconfig: path(KUBECONFIG),
            no_color: value(NO_COLOR).is_some(),
            columns: value(COLUMNS).and_then(|text| text.parse().ok()),
            home: path("HOME"),
            xdg_config_home: path("XDG_CONFIG_HOME").filter(|path| path.is_absolute()),
            xdg_state_home: path("XDG_STATE_HOME").filter(|path| path.is_absolute()),
            check_poll: value(CHECK_POLL)
                .and_then(|text| text.parse().ok())
                .map(Duration::from_millis),
            vsphere_password: value(VSPHERE_PASSWORD).map(SecretString::from),
            openstack: std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
                .filter(|(name, _)| name.starts_with(OPENSTACK) || BESIDE_OPENSTACK.contains(&name.as_str()))
                .collect(),
        }
    }
}
