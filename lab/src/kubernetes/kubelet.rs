//! What a node's root needs so that containerd and the kubelet come up at boot.

use std::time::Duration;

use camino::Utf8Path;

use super::pki::{Authority, Purpose, Subject, write_secret};
use super::{PORT, write_kubeconfig};
use crate::command::{Tool, wait_for};
use crate::error::{LabError, Result};

const UNIT: &str = include_str!("../../recipes/node/kubelet.service");
const CONFIGURATION: &str = include_str!("../../recipes/node/kubelet.yaml");
const CONTAINERD: &str = include_str!("../../recipes/node/containerd.toml");

/// Writes certificates, configuration and units of containerd and the kubelet into a node's root before it boots.
pub(crate) fn configure(
    root: &Utf8Path,
    node: &str,
    address: &str,
    number: u8,
    hub: &str,
    authority: &Authority,
) -> Result<()> {
    let server = format!("https://{hub}:{PORT}");
    let kubernetes = root.join("etc/kubernetes");
    let folders = [
        "etc/kubernetes",
        "etc/containerd",
        "etc/cni/net.d",
        "etc/reeve-lab",
        "etc/systemd/system/multi-user.target.wants",
    ];
    for folder in folders {
        let path = root.join(folder);
        std::fs::create_dir_all(&path).map_err(LabError::file("make", &path))?;
    }
    let user = format!("system:node:{node}");
    let subject = Subject {
        name: &user,
        group: Some("system:nodes"),
    };
    let client = authority.sign(subject, Purpose::Client, &[])?;
    write_kubeconfig(
        &kubernetes.join("kubelet.kubeconfig"),
        &server,
        authority.certificate(),
        &client,
        "default",
    )?;
    authority
        .sign(subject, Purpose::Server, &[node, address])?
        .write(&kubernetes, "kubelet")?;
    write_secret(&kubernetes.join("ca.crt"), authority.certificate())?;
    let network = serde_json::json!({
        "cniVersion": "1.0.0", "name": "lab",
        "plugins": [
            {"type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": true,
             "ipam": {"type": "host-local", "ranges": [[{"subnet": format!("10.78.{number}.0/24")}]], "routes": [{"dst": "0.0.0.0/0"}]}},
        ],
    });
    let files = [
        ("etc/kubernetes/kubelet.yaml", CONFIGURATION.to_owned()),
        ("etc/containerd/config.toml", CONTAINERD.to_owned()),
        ("etc/cni/net.d/10-lab.conflist", network.to_string()),
        ("etc/reeve-lab/kubelet.env", format!("NODE={node}\nADDRESS={address}\n")),
        ("etc/reeve-lab/api-server", format!("{hub}:{PORT}\n")),
        ("etc/systemd/system/kubelet.service", UNIT.to_owned()),
    ];
    for (name, text) in files {
        let path = root.join(name);
        std::fs::write(&path, text).map_err(LabError::file("write", &path))?;
    }
    let wanted = root.join("etc/systemd/system/multi-user.target.wants/kubelet.service");
    std::os::unix::fs::symlink("/etc/systemd/system/kubelet.service", &wanted).map_err(LabError::file("make", &wanted))
}

/// Waits until all nodes are Ready.
pub(crate) fn wait_until_ready(kubectl: impl Fn() -> Tool, nodes: &[String]) -> Result<()> {
    wait_for("kubelets", "all nodes to be Ready", Duration::from_secs(150), || {
        let path = "jsonpath={range .items[*]}{.metadata.name}={.status.conditions[?(@.type=='Ready')].status} {end}";
        let said = kubectl()
            .args(["get", "nodes", "--output", path])
            .answer()
            .map_err(|error| error.to_string())?;
        let ready = |node: &String| {
            said.stdout
                .split_whitespace()
                .any(|word| word == format!("{node}=True"))
        };
        if nodes.iter().all(ready) {
            Ok(())
        } else {
            Err(format!("{}{}", said.stdout.trim(), said.stderr.trim()))
        }
    })
}
