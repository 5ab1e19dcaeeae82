//! The programs of the cloud: how each is started in the foreground, and how one sees that it answers.

/// How one sees that a program answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// This address answers, whatever it says.
    Http(&'static str),
    /// This address answers without an error.
    HttpFine(&'static str),
    /// This command ends with 0.
    Command(&'static [&'static str]),
    /// It is not waited for.
    Unseen,
}

/// How a program is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// By its own words.
    Program(&'static [&'static str]),
    /// By uwsgi, which serves this script.
    Wsgi {
        /// The script.
        script: &'static str,
        /// The port on the loopback device.
        port: u16,
        /// How many processes.
        processes: u8,
        /// Threads of each.
        threads: u8,
    },
}

/// What is stopped when: a program before those that it uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layer {
    /// Databases, messages and Ceph: the last to be stopped, one after the other, the last in the list first.
    Ground,
    /// All that stands on it, stopped at once.
    Above,
}

/// One program of the cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Service {
    /// The name of its log and its cgroup.
    pub(super) name: &'static str,
    pub(super) start: Start,
    pub(super) answer: Answer,
    pub(super) layer: Layer,
}

const fn ground(name: &'static str, words: &'static [&'static str], answer: Answer) -> Service {
    Service {
        name,
        start: Start::Program(words),
        answer,
        layer: Layer::Ground,
    }
}

const fn above(name: &'static str, words: &'static [&'static str], answer: Answer) -> Service {
    Service {
        name,
        start: Start::Program(words),
        answer,
        layer: Layer::Above,
    }
}

const fn wsgi(
    name: &'static str,
    script: &'static str,
    port: u16,
    processes: u8,
    threads: u8,
    answer: Answer,
) -> Service {
    Service {
        name,
        start: Start::Wsgi {
            script,
            port,
            processes,
            threads,
        },
        answer,
        layer: Layer::Above,
    }
}

const NEUTRON: &str = "/etc/neutron/neutron.conf";
/// Ends with 0 once something listens on RabbitMQ's port.
const RABBIT_LISTENS: &[&str] = &["sh", "-c", "ss -Hltn sport = :5672 | grep -q ."];

/// All programs. Swift's and the proxy in front run only where a profile asks for them.
const SERVICES: [Service; 35] = [
    ground(
        "mariadb",
        &["mariadbd", "--user=mysql"],
        Answer::Command(&["mariadb", "-e", "select 1"]),
    ),
    ground("rabbitmq", &["rabbitmq-server"], Answer::Command(RABBIT_LISTENS)),
    ground(
        "ceph-mon",
        &["ceph-mon", "-f", "-i", "lab"],
        Answer::Command(&["timeout", "20", "ceph", "-s"]),
    ),
    ground(
        "ceph-osd",
        &["ceph-osd", "-f", "-i", "0"],
        Answer::Command(&["sh", "-c", "timeout 20 ceph osd stat -f json | jq -e .num_up_osds==1"]),
    ),
    ground(
        "ovsdb",
        &[
            "ovsdb-server",
            "/etc/openvswitch/conf.db",
            "--remote=punix:/run/openvswitch/db.sock",
            "--unixctl=/run/openvswitch/ovsdb-server.ctl",
            "--pidfile=/run/openvswitch/ovsdb-server.pid",
        ],
        Answer::Command(&["test", "-S", "/run/openvswitch/db.sock"]),
    ),
    ground(
        "ovn-nb",
        &[
            "ovsdb-server",
            "/var/lib/ovn/ovnnb_db.db",
            "--remote=punix:/run/ovn/ovnnb_db.sock",
            "--unixctl=/run/ovn/ovnnb_db.ctl",
            "--pidfile=/run/ovn/ovnnb_db.pid",
        ],
        Answer::Command(&["test", "-S", "/run/ovn/ovnnb_db.sock"]),
    ),
    ground(
        "ovn-sb",
        &[
            "ovsdb-server",
            "/var/lib/ovn/ovnsb_db.db",
            "--remote=punix:/run/ovn/ovnsb_db.sock",
            "--unixctl=/run/ovn/ovnsb_db.ctl",
            "--pidfile=/run/ovn/ovnsb_db.pid",
        ],
        Answer::Command(&["test", "-S", "/run/ovn/ovnsb_db.sock"]),
    ),
    above(
        "memcached",
        &["memcached", "-u", "memcache", "-l", "127.0.0.1", "-m", "64"],
        Answer::Unseen,
    ),
    above("ceph-mgr", &["ceph-mgr", "-f", "-i", "lab"], Answer::Unseen),
    above(
        "ovs-vswitchd",
        &[
            "ovs-vswitchd",
            "unix:/run/openvswitch/db.sock",
            "--pidfile=/run/openvswitch/ovs-vswitchd.pid",
        ],
        Answer::Command(&["test", "-e", "/sys/class/net/br-ex"]),
    ),
    above(
        "ovn-northd",
        &[
            "ovn-northd",
            "--ovnnb-db=unix:/run/ovn/ovnnb_db.sock",
            "--ovnsb-db=unix:/run/ovn/ovnsb_db.sock",
            "--pidfile=/run/ovn/ovn-northd.pid",
        ],
        Answer::Unseen,
    ),
    above(
        "ovn-controller",
        &[
            "ovn-controller",
            "unix:/run/openvswitch/db.sock",
            "--pidfile=/run/ovn/ovn-controller.pid",
        ],
        Answer::Unseen,
    ),
    wsgi(
        "keystone",
        "/usr/bin/keystone-wsgi-public",
        5000,
        2,
        4,
        Answer::HttpFine("http://127.0.0.1:5000/v3"),
    ),
    above(
        GLANCE_API,
        &["glance-api", "--config-file", "/etc/glance/glance-api.conf"],
        Answer::HttpFine("http://127.0.0.1:9292/healthcheck"),
    ),
    wsgi(
        "placement",
        "/usr/bin/placement-api",
        8778,
        1,
        4,
        Answer::HttpFine("http://127.0.0.1:8778/"),
    ),
    above("nova-api", &["nova-api"], Answer::Http("http://127.0.0.1:8774/")),
    above("nova-conductor", &["nova-conductor"], Answer::Unseen),
    above("nova-scheduler", &["nova-scheduler"], Answer::Unseen),
    above(
        "neutron",
        &[
            "neutron-server",
            "--config-file",
            NEUTRON,
            "--config-file",
            "/etc/neutron/plugins/ml2/ml2_conf.ini",
        ],
        Answer::Http("http://127.0.0.1:9696/"),
    ),
    above("cinder-api", &["cinder-api"], Answer::Http("http://127.0.0.1:8776/")),
    above("cinder-scheduler", &["cinder-scheduler"], Answer::Unseen),
    above("cinder-volume", &["cinder-volume"], Answer::Unseen),
    above(CINDER_BACKUP, &["cinder-backup"], Answer::Unseen),
    wsgi(
        BARBICAN,
        "/usr/bin/barbican-wsgi-api",
        9311,
        1,
        1,
        Answer::Http("http://127.0.0.1:9311/"),
    ),
    wsgi(
        "octavia",
        "/usr/bin/octavia-wsgi",
        9876,
        1,
        1,
        Answer::Http("http://127.0.0.1:9876/"),
    ),
    above(
        RADOSGW,
        &["radosgw", "-f", "-n", "client.rgw.lab"],
        Answer::Http("http://127.0.0.1:7480/"),
    ),
    above("virtlogd", &["virtlogd"], Answer::Unseen),
    above(
        "libvirtd",
        &["libvirtd"],
        Answer::Command(&["virsh", "-c", "qemu:///system", "uri"]),
    ),
    above(
        NOVA_COMPUTE,
        &["nova-compute", "--config-file", "/etc/nova/nova-compute.conf"],
        Answer::Unseen,
    ),
    above(
        "ovn-metadata",
        &[
            "neutron-ovn-metadata-agent",
            "--config-file",
            NEUTRON,
            "--config-file",
            "/etc/neutron/neutron_ovn_metadata_agent.ini",
        ],
        Answer::Unseen,
    ),
    above(
        FRONT,
        &["haproxy", "-db", "-f", "/etc/reeve-lab/front.cfg"],
        Answer::Http("http://127.0.0.2:1936/"),
    ),
    above(
        "swift-account",
        &["swift-account-server", "/etc/swift/account-server.conf"],
        Answer::Http("http://127.0.0.1:6202/healthcheck"),
    ),
    above(
        "swift-container",
        &["swift-container-server", "/etc/swift/container-server.conf"],
        Answer::Http("http://127.0.0.1:6201/healthcheck"),
    ),
    above(
        "swift-object",
        &["swift-object-server", "/etc/swift/object-server.conf"],
        Answer::Http("http://127.0.0.1:6200/healthcheck"),
    ),
    above(
        "swift-proxy",
        &["swift-proxy-server", "/etc/swift/proxy-server.conf"],
        Answer::HttpFine("http://127.0.0.1:8080/healthcheck"),
    ),
];

/// cinder-backup, which a profile stops.
pub(super) const CINDER_BACKUP: &str = "cinder-backup";
/// Barbican, whose rules a profile changes.
pub(super) const BARBICAN: &str = "barbican";
pub(super) const GLANCE_API: &str = "glance";
/// The RADOS gateway, which Swift can replace.
pub(super) const RADOSGW: &str = "radosgw";
/// nova-compute, which decides on the processors of guests.
pub(super) const NOVA_COMPUTE: &str = "nova-compute";
/// The proxy in front of the public endpoints.
pub(super) const FRONT: &str = "front";
/// Swift's programs.
pub(super) const SWIFT: [&str; 4] = ["swift-account", "swift-container", "swift-object", "swift-proxy"];

/// Returns all programs that the cloud can have.
pub(super) fn all() -> impl Iterator<Item = &'static Service> {
    SERVICES.iter()
}

/// Returns the program of this name.
pub(super) fn named(name: &str) -> Option<&'static Service> {
    SERVICES.iter().find(|service| service.name == name)
}

impl Service {
    /// Returns the words that start it in the foreground.
    pub(super) fn words(&self) -> Vec<String> {
        match self.start {
            Start::Program(words) => words.iter().map(|word| (*word).to_owned()).collect(),
            Start::Wsgi {
                script,
                port,
                processes,
                threads,
            } => {
                let line = format!(
                    "uwsgi --plugin python3 --http-socket 127.0.0.1:{port} --wsgi-file {script} --master --processes {processes} \
                     --threads {threads} --enable-threads --lazy-apps --need-app --die-on-term --buffer-size 65535 --add-header"
                );
                let words = line.split_whitespace().map(str::to_owned);
                words.chain(["Connection: close".to_owned()]).collect()
            }
        }
    }
}

impl Answer {
    /// Returns the command that ends with 0 once the program answers; `None` where it is not waited for.
    pub(super) fn words(self) -> Option<Vec<&'static str>> {
        let curl = ["curl", "--silent", "--output", "/dev/null", "--max-time", "20"];
        match self {
            Self::Http(address) => Some([&curl[..], &[address]].concat()),
            Self::HttpFine(address) => Some([&curl[..], &["--fail", address]].concat()),
            Self::Command(words) => Some(words.to_vec()),
            Self::Unseen => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_fit_cgroups_and_files() {
        let names: std::collections::BTreeSet<&str> = all().map(|service| service.name).collect();
        assert_eq!(names.len(), SERVICES.len());
        for name in names {
            assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{name}");
            assert_eq!(named(name).map(|service| service.name), Some(name));
        }
        for name in SWIFT
            .iter()
            .chain(&[CINDER_BACKUP, BARBICAN, GLANCE_API, RADOSGW, NOVA_COMPUTE, FRONT])
        {
            assert!(named(name).is_some(), "{name}");
        }
    }

    #[test]
    fn a_script_is_served_on_its_port() {
        let words = named("placement").unwrap().words().join(" ");
        assert!(
            words
                .starts_with("uwsgi --plugin python3 --http-socket 127.0.0.1:8778 --wsgi-file /usr/bin/placement-api ")
        );
        assert!(words.ends_with("--add-header Connection: close"));
    }
}
