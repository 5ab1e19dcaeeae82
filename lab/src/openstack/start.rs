//! The order in which a cloud comes up, and what is made in it the first time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::cloud::Cloud;
use super::configuration::{FSID, LIBVIRT_SECRET, OSD_ID, PASSWORD, Settings, files};
use super::logins;
use super::service::{CINDER_BACKUP, NOVA_COMPUTE};
use crate::error::Result;
use crate::progress::{Parts, all_at_once};

macro_rules! first {
    ($name:literal) => {
        include_str!(concat!("../../recipes/openstack/first/", $name, ".sh"))
    };
}

/// What is made once, in the state that is stored.
const FIRST: [&str; 9] = [
    first!("ceph-mon"),
    first!("ceph-osd"),
    first!("ceph-pools"),
    first!("ovs-databases"),
    first!("ovs-settings"),
    first!("databases"),
    first!("keystone"),
    first!("libvirt-secret"),
    first!("compute-host"),
];
const NOVA: &str = first!("nova");
/// Programs of the folder in which the laboratory keeps its own.
const SEED: [(&str, &str); 5] = [
    ("cloud.py", include_str!("../../recipes/openstack/seed/cloud.py")),
    ("content.py", include_str!("../../recipes/openstack/seed/content.py")),
    ("ready.py", include_str!("../../recipes/openstack/seed/ready.py")),
    ("profiles.py", include_str!("../../recipes/openstack/seed/profiles.py")),
    (
        "endpoints.py",
        include_str!("../../recipes/openstack/seed/endpoints.py"),
    ),
];
const FOLDER: &str = "/opt/reeve-lab";
const DATABASES: [&str; 10] = [
    "keystone",
    "glance",
    "placement",
    "nova_api",
    "nova",
    "nova_cell0",
    "neutron",
    "cinder",
    "barbican",
    "octavia",
];
const MINUTES: Duration = Duration::from_secs(600);

/// Whether a cloud is new or a copy of a stored one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Birth {
    /// Nothing is there: databases, identities and content are made.
    First,
    /// Everything is there.
    Copy,
}

/// Returns all that the content of a stored state is made from.
pub(super) fn ingredients() -> String {
    let seed = SEED
        .iter()
        .filter(|(name, _)| ["cloud.py", "content.py"].contains(name));
    let scripts = FIRST.iter().chain([&NOVA]).copied();
    scripts.chain(seed.map(|(_, text)| *text)).collect()
}

/// Starts a cloud and returns when it is ready to be used.
pub(super) fn start(cloud: &Cloud<'_>, settings: Settings, birth: Birth, parts: &Parts<'_>) -> Result<()> {
    write_files(cloud, settings)?;
    parts.run("databases, messages, Ceph and the switch", || ground(cloud, birth))?;
    if birth == Birth::First {
        parts.run("database schemas", || schemas(cloud))?;
        parts.run("identities", || {
            cloud.start_and_wait(&["keystone"])?;
            seed(cloud, "content.py", &["identities"])
        })?;
    }
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    parts.run("APIs", || apis(cloud, birth))?;
    parts.run("heartbeats of the services", || {
        seed(cloud, "ready.py", &[&since.to_string(), "480"])
    })?;
    if birth == Birth::First {
        parts.run("flavors, volume types, networks, images", || {
            seed(cloud, "content.py", &["content"])
        })?;
    }
    Ok(())
}

/// Writes everything that programs read when they start.
fn write_files(cloud: &Cloud<'_>, settings: Settings) -> Result<()> {
    for (path, text) in files(settings) {
        cloud.root.write(path, &text, 0o644)?;
    }
    for (name, text) in SEED {
        cloud.root.write(&format!("{FOLDER}/{name}"), text, 0o755)?;
    }
    let own = logins::render(&logins::Door::Inside);
    cloud.root.write(&format!("{FOLDER}/clouds.yaml"), &own, 0o600)
}

/// Runs one of the laboratory's own programs, as administrator over the internal endpoints.
pub(super) fn seed(cloud: &Cloud<'_>, program: &str, words: &[&str]) -> Result<()> {
    let path = format!("{FOLDER}/{program}");
    let login = format!("OS_CLIENT_CONFIG_FILE={FOLDER}/clouds.yaml");
    let tool = cloud.root.tool()?.args(["env", &login, "python3", &path]);
    tool.args(words.iter().copied())
        .input(format!("{PASSWORD}\n"))
        .deadline(MINUTES)
        .run()
        .map(drop)
}

/// Starts what everything else stands on; the four have nothing to do with each other.
fn ground(cloud: &Cloud<'_>, birth: Birth) -> Result<()> {
    cloud.start("memcached")?;
    let all: [fn(&Cloud<'_>, Birth) -> Result<()>; 4] = [database, messages, storage, switch];
    all_at_once(&all, |part| part(cloud, birth)).map(drop)
}

fn database(cloud: &Cloud<'_>, birth: Birth) -> Result<()> {
    cloud.start_and_wait(&["mariadb"])?;
    if birth == Birth::First {
        let words = [&[PASSWORD], &DATABASES[..]].concat();
        return cloud.root.script(first!("databases"), &words, MINUTES).map(drop);
    }
    // Images of a stored state grow old, and how old they may be is one of the things that are checked.
    let today = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
    let renew = format!("update glance.image_properties set value = '{today}' where name = 'image_build_date'");
    cloud.root.tool()?.args(["mariadb", "-e", &renew]).run().map(drop)
}

fn messages(cloud: &Cloud<'_>, _: Birth) -> Result<()> {
    cloud.start_and_wait(&["rabbitmq"])
}

fn storage(cloud: &Cloud<'_>, birth: Birth) -> Result<()> {
    let script = |text: &str, words: &[&str]| cloud.root.script(text, words, MINUTES).map(drop);
    let first = birth == Birth::First;
    if first {
        script(first!("ceph-mon"), &[FSID])?;
    }
    cloud.start_and_wait(&["ceph-mon"])?;
    if first {
        script(first!("ceph-osd"), &[OSD_ID])?;
    }
    cloud.start_and_wait(&["ceph-mgr", "ceph-osd"])?;
    if first {
        script(first!("ceph-pools"), &[])?;
    }
    Ok(())
}

fn switch(cloud: &Cloud<'_>, birth: Birth) -> Result<()> {
    let script = |text: &str| cloud.root.script(text, &[], MINUTES).map(drop);
    if birth == Birth::First {
        script(first!("ovs-databases"))?;
    }
    cloud.start_and_wait(&["ovsdb", "ovn-nb", "ovn-sb"])?;
    if birth == Birth::First {
        script(first!("ovs-settings"))?;
    }
    cloud.start_and_wait(&["ovs-vswitchd", "ovn-northd", "ovn-controller"])?;
    // The outside world of the cloud, which is only this bridge.
    script(
        "ip address replace 198.51.100.1/24 dev br-ex\nip address replace 2001:db8:100::1/64 dev br-ex nodad\nip link set br-ex up",
    )
}

/// Makes all schemas. Each is one busy process, so no more than three at a time.
fn schemas(cloud: &Cloud<'_>) -> Result<()> {
    let neutron = "neutron-db-manage --config-file /etc/neutron/neutron.conf --config-file /etc/neutron/plugins/ml2/ml2_conf.ini upgrade heads";
    let lanes: [&[(&str, &str)]; 3] = [
        &[("nova", NOVA), ("placement", "placement-manage db sync")],
        &[
            ("neutron", neutron),
            ("glance", "glance-manage db_sync"),
            ("barbican", "barbican-manage db upgrade"),
        ],
        &[
            ("keystone", first!("keystone")),
            ("cinder", "cinder-manage db sync"),
            ("octavia", "octavia-db-manage upgrade head"),
        ],
    ];
    all_at_once(&lanes, |lane| {
        lane.iter()
            .try_for_each(|(_, text)| cloud.root.script(text, &[PASSWORD], MINUTES).map(drop))
    })
    .map(drop)
}

/// Starts the services and waits until their APIs answer.
fn apis(cloud: &Cloud<'_>, birth: Birth) -> Result<()> {
    let script = |text: &str, words: &[&str]| cloud.root.script(text, words, MINUTES).map(drop);
    let early = [
        "keystone",
        "placement",
        "virtlogd",
        "libvirtd",
        "nova-conductor",
        "neutron",
        "glance",
        "nova-api",
        "cinder-api",
        "nova-scheduler",
        "cinder-scheduler",
        "cinder-volume",
        CINDER_BACKUP,
        "barbican",
        "radosgw",
        "octavia",
    ];
    early.iter().try_for_each(|name| cloud.start(name))?;
    cloud.wait("keystone")?;
    cloud.wait("placement")?;
    cloud.wait("libvirtd")?;
    if birth == Birth::First {
        script(first!("libvirt-secret"), &[LIBVIRT_SECRET])?;
    }
    cloud.start(NOVA_COMPUTE)?;
    early.iter().try_for_each(|name| cloud.wait(name))?;
    if birth == Birth::First {
        script(first!("compute-host"), &[])?;
    }
    cloud.start("ovn-metadata")
}

/// Makes Swift's rings.
pub(super) fn swift_rings(cloud: &Cloud<'_>) -> Result<()> {
    cloud.root.script(first!("swift-rings"), &[], MINUTES).map(drop)
}
