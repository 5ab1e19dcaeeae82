//! The laboratory's own ssh key, the nodes' host keys, and the configuration by which a client comes in as it would in the field.

use camino::{Utf8Path, Utf8PathBuf};

use crate::command::Tool;
use crate::error::{LabError, Result};
use crate::kubernetes::write_secret;

const PART: &str = "ssh";
/// The login that is not root but may become it.
pub const OPERATOR: &str = "operator";

/// A host as ssh sees it.
#[derive(Clone, Debug)]
pub(crate) struct Host {
    pub(crate) name: String,
    pub(crate) address: String,
    pub(crate) root: Utf8PathBuf,
}

/// Returns the folder of keys and known hosts.
fn folder(lab: &Utf8Path) -> Utf8PathBuf {
    lab.join("ssh")
}

/// Returns the ssh configuration with which one logs in as root.
pub(crate) fn config(lab: &Utf8Path) -> Utf8PathBuf {
    lab.join("ssh_config")
}

/// Returns the ssh configuration with which one logs in as `operator`.
pub(crate) fn operator_config(lab: &Utf8Path) -> Utf8PathBuf {
    lab.join("ssh_config.operator")
}

/// Makes the key, a host key for each node, and both configurations; the nodes' roots are mounted and not yet booted.
pub(crate) fn make(lab: &Utf8Path, hosts: &[Host], tool: impl Fn(Tool) -> Tool) -> Result<()> {
    let keys = folder(lab);
    std::fs::create_dir_all(&keys).map_err(LabError::file("make", &keys))?;
    let generate = |path: &Utf8Path, comment: &str| {
        let words = ["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path.as_str()];
        tool(Tool::new(PART, "ssh-keygen").args(words)).run().map(drop)
    };
    let key = keys.join("key");
    generate(&key, "reeve-lab")?;
    let public = read(&keys.join("key.pub"))?;
    let mut known = String::new();
    for host in hosts {
        let path = host.root.join("etc/ssh/ssh_host_ed25519_key");
        generate(&path, &host.name)?;
        let host_key = read(&path.with_extension("pub"))?;
        let mut words = host_key.split_whitespace();
        let (kind, value) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        known += &format!("{},{} {kind} {value}\n", host.name, host.address);
        authorize(&host.root, &public, &tool)?;
    }
    let known_hosts = keys.join("known_hosts");
    write_secret(&known_hosts, &known)?;
    write_secret(&config(lab), &configuration(hosts, "root", &key, &known_hosts))?;
    write_secret(
        &operator_config(lab),
        &configuration(hosts, OPERATOR, &key, &known_hosts),
    )
}

fn authorize(root: &Utf8Path, public: &str, tool: &impl Fn(Tool) -> Tool) -> Result<()> {
    for (login, home) in [("root", "root"), (OPERATOR, "home/operator")] {
        let folder = root.join(home).join(".ssh");
        std::fs::create_dir_all(&folder).map_err(LabError::file("make", &folder))?;
        write_secret(&folder.join("authorized_keys"), public)?;
        // The numbers of the node's users, not the machine's.
        let own = format!("chown -R {login}:{login} /{home}/.ssh && chmod 0700 /{home}/.ssh");
        tool(Tool::new(PART, "chroot").args([root.as_str(), "sh", "-c", &own])).run()?;
    }
    Ok(())
}

fn read(path: &Utf8Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(LabError::file("read", path))
}

/// Writes an ssh configuration; ssh_config(5). The name of a host is looked up in the known hosts, whatever its address.
fn configuration(hosts: &[Host], user: &str, key: &Utf8Path, known_hosts: &Utf8Path) -> String {
    let mut text =
        String::from("# Made by the laboratory. It knows only the laboratory's nodes, by their own host keys.\n");
    for host in hosts {
        text += &format!(
            "Host {} {}\n  HostName {}\n  HostKeyAlias {}\n",
            host.name, host.address, host.address, host.name
        );
    }
    text += &format!(
        "Host *\n  User {user}\n  IdentityFile \"{key}\"\n  IdentitiesOnly yes\n  UserKnownHostsFile \"{known_hosts}\"\n  \
         GlobalKnownHostsFile /dev/null\n  StrictHostKeyChecking yes\n  HostKeyAlgorithms ssh-ed25519\n  ConnectTimeout 10\n"
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_names_every_host_and_checks_their_keys() {
        let host = |number: u8| Host {
            name: format!("n{number}"),
            address: format!("10.77.9.1{number}"),
            root: "/r".into(),
        };
        let text = configuration(
            &[host(1), host(2)],
            "root",
            "/lab/ssh/key".into(),
            "/lab/ssh/known_hosts".into(),
        );
        insta::assert_snapshot!(text, @r#"
        # Made by the laboratory. It knows only the laboratory's nodes, by their own host keys.
        Host n1 10.77.9.11
          HostName 10.77.9.11
          HostKeyAlias n1
        Host n2 10.77.9.12
          HostName 10.77.9.12
          HostKeyAlias n2
        Host *
          User root
          IdentityFile "/lab/ssh/key"
          IdentitiesOnly yes
          UserKnownHostsFile "/lab/ssh/known_hosts"
          GlobalKnownHostsFile /dev/null
          StrictHostKeyChecking yes
          HostKeyAlgorithms ssh-ed25519
          ConnectTimeout 10
        "#);
    }
}
