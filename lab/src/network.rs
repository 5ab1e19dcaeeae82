//! Namespaces, bridge and addresses: one network 10.77.N.0/24 for each laboratory, reached from the machine by one veth pair.

use crate::command::Tool;
use crate::error::{LabError, Result};
use crate::spec::LabName;
use crate::state::{Made, Record};

const PART: &str = "network";

/// The network of one laboratory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Network {
    name: LabName,
    number: u8,
}

/// One end of the network: a node in its own namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct End {
    /// The node's name.
    pub(crate) node: String,
    /// The last number of its address.
    pub(crate) host: u8,
}

impl Network {
    pub(crate) fn new(name: &LabName, number: u8) -> Self {
        Self {
            name: name.clone(),
            number,
        }
    }

    /// Returns the name of a namespace: `hub` for the control plane's, otherwise a node's.
    pub(crate) fn namespace(&self, of: &str) -> String {
        format!("reeve-{}-{of}", self.name)
    }

    /// Returns the interface by which the machine itself reaches the network; at most 15 letters, so it carries the number.
    pub(crate) fn host_link(&self) -> String {
        format!("reeve{}", self.number)
    }

    pub(crate) fn address(&self, host: u8) -> String {
        format!("10.77.{}.{host}", self.number)
    }

    /// Returns where the control plane listens.
    pub(crate) fn hub_address(&self) -> String {
        self.address(1)
    }

    /// Returns the network as Ceph and people write it.
    pub(crate) fn subnet(&self) -> String {
        format!("10.77.{}.0/24", self.number)
    }

    /// Returns the files that show that a laboratory of this name has its network.
    pub(crate) fn shown_as(&self) -> Vec<camino::Utf8PathBuf> {
        vec![
            format!("/run/netns/{}", self.namespace("hub")).into(),
            format!("/sys/class/net/{}", self.host_link()).into(),
        ]
    }

    /// Makes the namespaces and joins them.
    pub(crate) fn make(&self, record: &Record, ends: &[End], tool: impl Fn(Tool) -> Tool) -> Result<()> {
        let ip = |words: &[&str]| tool(Tool::new(PART, "ip").args(words.iter().copied())).run().map(drop);
        let batch = |namespace: Option<&str>, lines: String| {
            let base = Tool::new(PART, "ip");
            let base = if let Some(namespace) = namespace {
                base.args(["-n", namespace])
            } else {
                base
            };
            tool(base.args(["-batch", "-"]).input(lines)).run().map(drop)
        };
        let hub = self.namespace("hub");
        let names: Vec<String> = ends.iter().map(|end| self.namespace(&end.node)).collect();
        for name in std::iter::once(&hub).chain(&names) {
            record.makes(Made::NetworkNamespace { name: name.clone() })?;
        }
        record.makes(Made::Link { name: self.host_link() })?;
        for name in std::iter::once(&hub).chain(&names) {
            ip(&["netns", "add", name])?;
        }
        let mut links = format!("link add {} type veth peer name host netns {hub}\n", self.host_link());
        for (end, name) in ends.iter().zip(&names) {
            links += &format!(
                "link add {} netns {hub} type veth peer name eth0 netns {name}\n",
                end.node
            );
        }
        links += &format!(
            "addr add {}/24 dev {}\nlink set {} up\n",
            self.address(254),
            self.host_link(),
            self.host_link()
        );
        batch(None, links)?;
        let mut inside = "link set lo up\nlink add br0 type bridge\n".to_owned();
        for port in std::iter::once("host").chain(ends.iter().map(|end| end.node.as_str())) {
            inside += &format!("link set {port} master br0 up\n");
        }
        inside += &format!("addr add {}/24 dev br0\nlink set br0 up\n", self.hub_address());
        batch(Some(&hub), inside)?;
        for (end, name) in ends.iter().zip(&names) {
            let address = self.address(end.host);
            let gateway = self.hub_address();
            batch(
                Some(name),
                format!(
                    "link set lo up\naddr add {address}/24 dev eth0\nlink set eth0 up\nroute add default via {gateway}\n"
                ),
            )?;
            // The bridge plugin writes this inside the node, where /proc/sys is read-only; it is there already then.
            let forward = "echo 1 > /proc/sys/net/ipv4/ip_forward";
            ip(&["netns", "exec", name, "sh", "-c", forward])?;
        }
        Ok(())
    }
}

/// Chooses the number of a network that no other laboratory has and that no route of the machine leads into.
///
/// # Errors
///
/// [`LabError::Request`] if all are taken.
pub(crate) fn choose(taken: &[u8], routes: &[String]) -> Result<u8> {
    let routed: Vec<(u32, u8)> = routes.iter().filter_map(|route| parse_route(route)).collect();
    (1..=250)
        .find(|number| !taken.contains(number) && !routed.iter().any(|route| overlaps(*route, *number)))
        .ok_or_else(|| {
            LabError::Request("every network 10.77.N.0/24 is taken; `lab list` shows the laboratories".into())
        })
}

/// Returns the destinations of the machine's own routes.
pub(crate) fn routes() -> Result<Vec<String>> {
    let said = Tool::new(PART, "ip")
        .args(["-json", "-4", "route", "show", "table", "all"])
        .run()?;
    let form = |error: serde_json::Error| LabError::Form {
        what: "`ip -json route`".into(),
        why: error.to_string(),
    };
    let all: Vec<serde_json::Value> = serde_json::from_str(&said.stdout).map_err(form)?;
    Ok(all
        .iter()
        .filter_map(|route| route["dst"].as_str().map(str::to_owned))
        .collect())
}

fn parse_route(text: &str) -> Option<(u32, u8)> {
    let (address, length) = text.split_once('/').unwrap_or((text, "32"));
    let address: std::net::Ipv4Addr = address.parse().ok()?;
    Some((address.to_bits(), length.parse().ok().filter(|length| *length <= 32)?))
}

/// Tells whether a route leads into 10.77.NUMBER.0/24. One to a network wider than /16 does not count: the more exact route wins over it, and it
/// would rule out every number.
fn overlaps((address, length): (u32, u8), number: u8) -> bool {
    let ours = u32::from_be_bytes([10, 77, number, 0]);
    let common = length.min(24);
    length >= 16 && (address ^ ours) >> (32 - u32::from(common)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_free_of_laboratories_and_routes() {
        let routes: Vec<String> = ["default", "10.0.0.0/8", "10.77.2.0/24", "10.77.3.128/25", "10.77.4.9"]
            .map(str::to_owned)
            .to_vec();
        assert_eq!(choose(&[], &routes).unwrap(), 1);
        assert_eq!(choose(&[1], &routes).unwrap(), 5);
        assert!(choose(&[], &["10.77.0.0/16".to_owned()]).is_err());
    }

    #[test]
    fn interface_names_fit_the_kernel() {
        let network = Network::new(&"a-rather-long-name".parse().unwrap(), 250);
        assert!(network.host_link().len() <= 15);
        assert_eq!(network.address(11), "10.77.250.11");
    }
}
