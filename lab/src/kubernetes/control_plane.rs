//! etcd, API server, controller manager and scheduler, in the laboratory's hub, each with certificates of its own.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use super::pki::{Authority, Purpose, Subject, service_account_keys, write_secret};
use super::{ADMIN, PORT, SERVICE_ADDRESS, write_kubeconfig};
use crate::command::{Tool, last_lines, wait_for};
use crate::error::{LabError, Result};
use crate::network::Network;
use crate::state::{Line, Record, Started};

const PART: &str = "Kubernetes control plane";
const ETCD: &str = "https://127.0.0.1:2379";
const ETCD_PEER: &str = "https://127.0.0.1:2380";

/// The folders and addresses of one control plane.
#[derive(Clone, Debug)]
pub(crate) struct ControlPlane {
    /// Where it keeps certificates, data and logs.
    folder: Utf8PathBuf,
    /// Where its programs are.
    bin: Utf8PathBuf,
    network: Network,
    /// The administrator's kubeconfig.
    kubeconfig: Utf8PathBuf,
}

impl ControlPlane {
    pub(crate) fn new(folder: &Utf8Path, bin: &Utf8Path, network: &Network, kubeconfig: &Utf8Path) -> Self {
        let (folder, bin, kubeconfig) = (folder.to_owned(), bin.to_owned(), kubeconfig.to_owned());
        Self {
            folder,
            bin,
            network: network.clone(),
            kubeconfig,
        }
    }

    /// Returns the address by which everything outside of the hub speaks to the API server.
    pub(crate) fn server(&self) -> String {
        format!("https://{}:{PORT}", self.network.hub_address())
    }

    fn pki(&self) -> Utf8PathBuf {
        self.folder.join("pki")
    }

    /// Returns `kubectl` as administrator.
    pub(crate) fn kubectl(&self) -> Tool {
        let program = self.bin.join("kubectl");
        Tool::new(PART, program).args(["--kubeconfig", self.kubeconfig.as_str(), "--request-timeout", "30s"])
    }

    /// Makes all certificates of the control plane and the administrator's kubeconfig; returns the authority that signs for the nodes.
    pub(crate) fn make_certificates(&self) -> Result<Authority> {
        let pki = self.pki();
        for path in [&pki, &self.folder.join("log"), &self.folder.join("etcd")] {
            std::fs::create_dir_all(path).map_err(LabError::file("make", path))?;
        }
        let cluster = Authority::new("reeve-lab")?;
        let etcd = Authority::new("reeve-lab-etcd")?;
        write_secret(&pki.join("ca.crt"), cluster.certificate())?;
        write_secret(&pki.join("etcd-ca.crt"), etcd.certificate())?;
        let plain = |name| Subject { name, group: None };
        etcd.sign(plain("etcd"), Purpose::Both, &["localhost", "127.0.0.1"])?
            .write(&pki, "etcd")?;
        etcd.sign(plain("kube-apiserver"), Purpose::Client, &[])?
            .write(&pki, "apiserver-etcd")?;
        let hub = self.network.hub_address();
        let names = [
            "kubernetes",
            "kubernetes.default",
            "kubernetes.default.svc",
            "localhost",
            "127.0.0.1",
            SERVICE_ADDRESS,
            &hub,
        ];
        cluster
            .sign(plain("kube-apiserver"), Purpose::Server, &names)?
            .write(&pki, "apiserver")?;
        let to_kubelets = Subject {
            name: "kube-apiserver-kubelet-client",
            group: Some("system:masters"),
        };
        cluster
            .sign(to_kubelets, Purpose::Client, &[])?
            .write(&pki, "apiserver-kubelet")?;
        let (private, public) = service_account_keys()?;
        write_secret(&pki.join("sa.key"), &private)?;
        write_secret(&pki.join("sa.pub"), &public)?;
        for (file, name) in [
            ("controller-manager", "system:kube-controller-manager"),
            ("scheduler", "system:kube-scheduler"),
        ] {
            let credentials = cluster.sign(plain(name), Purpose::Client, &[])?;
            let path = pki.join(format!("{file}.kubeconfig"));
            write_kubeconfig(&path, &self.server(), cluster.certificate(), &credentials, "default")?;
        }
        let admin = cluster.sign(ADMIN, Purpose::Client, &[])?;
        write_kubeconfig(
            &self.kubeconfig,
            &self.server(),
            cluster.certificate(),
            &admin,
            crate::rook::NAMESPACE,
        )?;
        Ok(cluster)
    }

    /// Starts the four programs and waits until the API server says that it is ready.
    pub(crate) fn start(&self, record: &Record, inside: &[Utf8PathBuf]) -> Result<()> {
        let pki = self.pki();
        let file = |name: &str| pki.join(name).into_string();
        let data = self.folder.join("etcd").into_string();
        let flags: Vec<(&str, String)> = vec![
            ("--data-dir", data),
            ("--listen-client-urls", ETCD.into()),
            ("--advertise-client-urls", ETCD.into()),
            ("--listen-peer-urls", ETCD_PEER.into()),
            ("--initial-advertise-peer-urls", ETCD_PEER.into()),
            ("--initial-cluster", format!("default={ETCD_PEER}")),
            ("--client-cert-auth", "true".into()),
            ("--peer-client-cert-auth", "true".into()),
            ("--trusted-ca-file", file("etcd-ca.crt")),
            ("--peer-trusted-ca-file", file("etcd-ca.crt")),
            ("--cert-file", file("etcd.crt")),
            ("--key-file", file("etcd.key")),
            ("--peer-cert-file", file("etcd.crt")),
            ("--peer-key-file", file("etcd.key")),
            // The laboratory is built anew after a loss of power; nothing in it is worth waiting for the disk.
            ("--unsafe-no-fsync", "true".into()),
            ("--log-level", "warn".into()),
        ];
        self.start_one(record, inside, "etcd", &flags)?;
        let flags: Vec<(&str, String)> = vec![
            ("--etcd-servers", ETCD.into()),
            ("--etcd-cafile", file("etcd-ca.crt")),
            ("--etcd-certfile", file("apiserver-etcd.crt")),
            ("--etcd-keyfile", file("apiserver-etcd.key")),
            ("--bind-address", self.network.hub_address()),
            ("--advertise-address", self.network.hub_address()),
            ("--secure-port", PORT.to_string()),
            ("--tls-cert-file", file("apiserver.crt")),
            ("--tls-private-key-file", file("apiserver.key")),
            ("--client-ca-file", file("ca.crt")),
            ("--kubelet-client-certificate", file("apiserver-kubelet.crt")),
            ("--kubelet-client-key", file("apiserver-kubelet.key")),
            ("--kubelet-certificate-authority", file("ca.crt")),
            ("--kubelet-preferred-address-types", "InternalIP".into()),
            ("--anonymous-auth", "false".into()),
            ("--authorization-mode", "Node,RBAC".into()),
            ("--enable-admission-plugins", "NodeRestriction".into()),
            ("--allow-privileged", "true".into()),
            ("--service-account-issuer", "https://kubernetes.default.svc".into()),
            ("--service-account-key-file", file("sa.pub")),
            ("--service-account-signing-key-file", file("sa.key")),
            ("--service-cluster-ip-range", "10.96.0.0/16".into()),
            ("--profiling", "false".into()),
        ];
        self.start_one(record, inside, "kube-apiserver", &flags)?;
        wait_for(PART, "the API server to be ready", Duration::from_secs(90), || {
            self.ready()
        })?;
        let flags: Vec<(&str, String)> = vec![
            ("--kubeconfig", file("controller-manager.kubeconfig")),
            ("--root-ca-file", file("ca.crt")),
            ("--service-account-private-key-file", file("sa.key")),
            ("--use-service-account-credentials", "true".into()),
            ("--leader-elect", "false".into()),
            ("--node-monitor-grace-period", "24s".into()),
            ("--profiling", "false".into()),
        ];
        self.start_one(record, inside, "kube-controller-manager", &flags)?;
        let flags: Vec<(&str, String)> = vec![
            ("--kubeconfig", file("scheduler.kubeconfig")),
            ("--leader-elect", "false".into()),
        ];
        self.start_one(record, inside, "kube-scheduler", &flags)
    }

    /// Tells whether the API server says that it is ready; otherwise what it says instead.
    pub(crate) fn ready(&self) -> std::result::Result<(), String> {
        let program = self.bin.join("kubectl");
        let words = [
            "--kubeconfig",
            self.kubeconfig.as_str(),
            "--request-timeout",
            "2s",
            "get",
            "--raw",
            "/readyz",
        ];
        let said = Tool::new(PART, program)
            .args(words)
            .answer()
            .map_err(|error| error.to_string())?;
        if said.code == 0 {
            return Ok(());
        }
        let log = self.log("kube-apiserver");
        let log = std::fs::read_to_string(&log)
            .map(|text| last_lines(&text, 5))
            .unwrap_or_default();
        Err(format!(
            "{}\nlast lines of its log:\n{log}",
            last_lines(&said.stderr, 3).trim_start()
        ))
    }

    /// Returns where a part writes its log.
    pub(crate) fn log(&self, program: &str) -> Utf8PathBuf {
        self.folder.join("log").join(format!("{program}.log"))
    }

    fn start_one(
        &self,
        record: &Record,
        inside: &[Utf8PathBuf],
        program: &str,
        flags: &[(&str, String)],
    ) -> Result<()> {
        let namespace = self.network.namespace("hub");
        let tool = Tool::new(PART, "ip")
            .args(["netns", "exec", &namespace, self.bin.join(program).as_str()])
            .args(flags.iter().map(|(name, value)| format!("{name}={value}")))
            .inside(inside);
        let child = tool.start(&self.log(program))?;
        record.append(&Line::Runs {
            process: Started::new(program, child.id()),
        })
    }
}
