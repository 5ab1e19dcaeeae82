//! Where the clusters are: command line, environment, configuration file and defaults brought together.

use camino::Utf8PathBuf;
use reeve_host::HostName;
use reeve_rook::facts::Scope;

use crate::cli::TargetArgs;
use crate::command::Context;
use crate::config::Setting;
use crate::environment::KUBECONFIG;
use crate::exit::Exit;
use crate::failure::Failure;

/// Where the clusters are.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) scope: Scope,
    pub(crate) ssh_config: Option<Utf8PathBuf>,
    pub(crate) kubeconfig: Utf8PathBuf,
    pub(crate) context: Option<String>,
}

impl Target {
    /// Returns every setting by its key in `[rook]` of `reeve.toml`, none where nobody said anything.
    pub(crate) fn settings(args: &TargetArgs, context: &Context<'_>) -> Vec<(&'static str, Option<Setting<String>>)> {
        let file = &context.config.file.rook;
        let environment = context.environment;
        let path = |value: &Option<Utf8PathBuf>| value.as_ref().map(ToString::to_string);
        let home_kubeconfig = environment
            .home
            .as_ref()
            .map(|home| home.join(".kube/config").to_string());
        let layer = |flag: &Option<String>,
                     from_environment: Option<(&'static str, &String)>,
                     from_file: &Option<String>,
                     default| {
            context
                .config
                .layer(flag.as_ref(), from_environment, from_file.as_ref(), default)
        };
        let kubeconfig_variable = path(&environment.kubeconfig);
        let namespace = layer(&args.namespace, None, &file.namespace, Some("rook-ceph".into()));
        let operator = layer(
            &args.operator_namespace,
            None,
            &file.operator_namespace,
            namespace.as_ref().map(|setting| setting.value.clone()),
        );
        vec![
            ("rook.admin_host", layer(&args.admin_host, None, &file.admin_host, None)),
            (
                "rook.ssh_config",
                layer(&path(&args.ssh_config), None, &path(&file.ssh_config), None),
            ),
            (
                "rook.kubeconfig",
                layer(
                    &path(&args.kubeconfig),
                    kubeconfig_variable.as_ref().map(|value| (KUBECONFIG, value)),
                    &path(&file.kubeconfig),
                    home_kubeconfig,
                ),
            ),
            ("rook.context", layer(&args.context, None, &file.context, None)),
            ("rook.namespace", namespace),
            ("rook.operator_namespace", operator),
            (
                "rook.data_dir_host_path",
                layer(
                    &args.data_dir_host_path,
                    None,
                    &file.data_dir_host_path,
                    Some("/var/lib/rook".into()),
                ),
            ),
            ("rook.ceph_image", layer(&args.ceph_image, None, &file.ceph_image, None)),
        ]
    }

    /// Brings everything together.
    ///
    /// # Errors
    ///
    /// Wrong usage if the admin host is missing or is no host name, or if nobody said where the kubeconfig lies.
    pub(crate) fn resolve(args: &TargetArgs, context: &Context<'_>) -> Result<Self, Failure> {
        let settings = Self::settings(args, context);
        let value = |key: &str| {
            settings
                .iter()
                .find(|(name, _)| *name == key)
                .and_then(|(_, setting)| Some(setting.as_ref()?.value.clone()))
        };
        let admin = value("rook.admin_host").ok_or_else(|| {
            Failure::new(
                Exit::Usage,
                "no admin host: a host whose `ceph` command works with the admin keyring",
            )
            .hint("pass `--admin-host HOST`, or set `admin_host` in section `[rook]` of reeve.toml")
        })?;
        let admin_host: HostName = admin
            .parse()
            .map_err(|error| Failure::from_error(Exit::Usage, &error))?;
        let kubeconfig = value("rook.kubeconfig").ok_or_else(|| {
            Failure::new(Exit::Usage, "no kubeconfig, and no home folder to look for one")
                .hint("pass `--kubeconfig FILE`, or set KUBECONFIG")
        })?;
        let namespace = value("rook.namespace").expect("it has a default");
        let scope = Scope {
            admin_host,
            operator_namespace: value("rook.operator_namespace").unwrap_or_else(|| namespace.clone()),
            namespace,
            data_dir_host_path: value("rook.data_dir_host_path").expect("it has a default"),
            ceph_image: value("rook.ceph_image"),
        };
        Ok(Self {
            scope,
            ssh_config: value("rook.ssh_config").map(Into::into),
            kubeconfig: kubeconfig.into(),
            context: value("rook.context"),
        })
    }
}
