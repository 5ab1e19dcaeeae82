//! What every cluster with old units has to do, the modelled one and a real one.
//!
//! Each check brings the cluster back to where it was; it panics if the cluster does not behave. The commands are those that the steps of a
//! take-over send.

use std::time::Duration;

use reeve_ceph::{DaemonName, DaemonType};
use reeve_host::{Command, HostName, Hosts, Output};
use serde_json::Value;
use tokio::time::{Instant, sleep};

/// A daemon with its old unit.
#[derive(Clone, Debug)]
pub struct OldDaemon {
    /// The daemon.
    pub daemon: DaemonName,
    /// Its host.
    pub host: HostName,
    /// Its unit, which runs and is not masked.
    pub unit: String,
}

/// A healthy cluster of at least three mons whose daemons run in old units, and whose PGs are all active+clean.
pub struct Site<'a> {
    /// The way to its hosts.
    pub hosts: &'a dyn Hosts,
    /// The host whose `ceph` is used.
    pub admin: HostName,
    /// A mon; better not the leader.
    pub mon: OldDaemon,
    /// An OSD.
    pub osd: OldDaemon,
}

/// Runs every check.
///
/// # Panics
///
/// If the cluster does not behave.
pub async fn all(site: &Site<'_>) {
    options_are_kept_as_ceph_writes_them(site).await;
    flags_are_set_and_cleared(site).await;
    ceph_says_what_may_stop(site).await;
    a_mask_keeps_a_unit_from_starting(site).await;
    a_mon_leaves_and_returns(site).await;
    an_osd_goes_and_comes_back(site).await;
}

async fn on(site: &Site<'_>, host: &HostName, argv: &[&str]) -> Output {
    let host = site.hosts.connect(host).await.expect("the host can be reached");
    let (program, args) = argv.split_first().expect("there is a program");
    let command = Command::new(*program)
        .args(args.iter().copied())
        .as_root()
        .deadline(Duration::from_secs(120));
    host.run(&command).await.expect("the command runs to its end")
}

async fn systemctl(site: &Site<'_>, old: &OldDaemon, verb: &str) -> Output {
    on(site, &old.host, &["systemctl", verb, "--", &old.unit]).await
}

async fn ceph(site: &Site<'_>, words: &[&str]) -> Output {
    let argv: Vec<&str> = ["ceph", "--connect-timeout", "15"]
        .into_iter()
        .chain(words.iter().copied())
        .collect();
    on(site, &site.admin, &argv).await
}

async fn asked(site: &Site<'_>, words: &[&str]) -> Value {
    let words: Vec<&str> = words.iter().copied().chain(["--format", "json"]).collect();
    let output = ceph(site, &words).await;
    serde_json::from_slice(&output.stdout).expect("the answer is JSON")
}

/// Looks until something is so, within two minutes.
async fn until<F: Future<Output = bool>>(what: &str, mut look: impl FnMut() -> F) {
    let begun = Instant::now();
    while !look().await {
        assert!(
            begun.elapsed() < Duration::from_secs(120),
            "{what}: not so after two minutes"
        );
        sleep(Duration::from_millis(500)).await;
    }
}

fn has(list: &Value, wanted: &str) -> bool {
    list.as_array().is_some_and(|list| list.iter().any(|it| it == wanted))
}

async fn option(site: &Site<'_>, name: &str) -> Option<String> {
    let dump = asked(site, &["config", "dump"]).await;
    let found = dump
        .as_array()?
        .iter()
        .find(|it| it["section"] == "global" && it["name"] == name)?;
    Some(found["value"].as_str()?.to_owned())
}

/// Fractions come back with six digits, everything else as it was given; what is removed is not there.
///
/// # Panics
///
/// If the cluster does not behave.
pub async fn options_are_kept_as_ceph_writes_them(site: &Site<'_>) {
    for (name, given, kept) in [
        ("mon_osd_min_in_ratio", "0.7", "0.700000"),
        ("mon_max_pg_per_osd", "300", "300"),
        ("osd_scrub_auto_repair", "false", "false"),
    ] {
        let before = option(site, name).await;
        assert!(ceph(site, &["config", "set", "global", name, given]).await.success());
        assert_eq!(option(site, name).await.as_deref(), Some(kept), "{name}");
        assert!(ceph(site, &["config", "rm", "global", name]).await.success());
        assert_eq!(option(site, name).await, None, "{name}");
        if let Some(before) = before {
            assert!(ceph(site, &["config", "set", "global", name, &before]).await.success());
        }
    }
}

/// A flag is in the OSD map's list and raises a health code; setting it raises the map's epoch.
///
/// # Panics
///
/// If the cluster does not behave.
pub async fn flags_are_set_and_cleared(site: &Site<'_>) {
    let flags = |dump: &Value| dump["flags"].as_str().unwrap_or_default().to_owned();
    let before = asked(site, &["osd", "dump"]).await;
    assert!(ceph(site, &["osd", "set", "noout"]).await.success());
    let with = asked(site, &["osd", "dump"]).await;
    assert!(flags(&with).split(',').any(|it| it == "noout"), "{with}");
    assert!(with["epoch"].as_u64() > before["epoch"].as_u64());
    until("the flag is in health", || async {
        asked(site, &["status"]).await["health"]["checks"]["OSDMAP_FLAGS"].is_object()
    })
    .await;
    assert!(ceph(site, &["osd", "unset", "noout"]).await.success());
    let after = asked(site, &["osd", "dump"]).await;
    assert_eq!(flags(&after), flags(&before));
}

/// One mon and one OSD may go; all OSDs at once may not, and the answer is a report all the same.
///
/// # Panics
///
/// If the cluster does not behave.
pub async fn ceph_says_what_may_stop(site: &Site<'_>) {
    assert!(ceph(site, &["mon", "ok-to-stop", &site.mon.daemon.id]).await.success());
    assert!(ceph(site, &["osd", "ok-to-stop", &site.osd.daemon.id]).await.success());
    let dump = asked(site, &["osd", "dump"]).await;
    let ids: Vec<String> = dump["osds"]
        .as_array()
        .map(|osds| osds.iter().map(|osd| osd["osd"].to_string()).collect())
        .unwrap_or_default();
    let words: Vec<&str> = ["osd", "ok-to-stop"]
        .into_iter()
        .chain(ids.iter().map(String::as_str))
        .collect();
    let output = ceph(site, &words).await;
    assert_eq!(output.status, 16, "stopping every OSD is not ok");
    let report: Value = serde_json::from_slice(&output.stdout).expect("the report is JSON");
    assert!(
        report["bad_become_inactive"]
            .as_array()
            .is_some_and(|pgs| !pgs.is_empty()),
        "{report}"
    );
}

async fn is_enabled(site: &Site<'_>, old: &OldDaemon) -> String {
    systemctl(site, old, "is-enabled").await.stdout_text().trim().to_owned()
}

async fn state(site: &Site<'_>, old: &OldDaemon) -> String {
    let argv = ["systemctl", "show", "--property=ActiveState,MainPID", "--", &old.unit];
    on(site, &old.host, &argv).await.stdout_text()
}

async fn processes(site: &Site<'_>, old: &OldDaemon) -> usize {
    let argv = ["ps", "--no-headers", "-ww", "-e", "-o", "pid,ppid,cgroup,args"];
    let text = on(site, &old.host, &argv).await.stdout_text();
    let daemon = &old.daemon;
    crate::survey::host::parse::parse_ps(&text)
        .iter()
        .filter(|process| process.daemon().as_ref() == Some(daemon))
        .count()
}

/// A unit that runs can be masked and runs on; it is unmasked with the enablement it had.
///
/// # Panics
///
/// If the cluster does not behave.
pub async fn a_mask_keeps_a_unit_from_starting(site: &Site<'_>) {
    let old = &site.mon;
    let before = is_enabled(site, old).await;
    assert!(systemctl(site, old, "stop").await.success());
    assert!(systemctl(site, old, "mask").await.success());
    assert_eq!(is_enabled(site, old).await, "masked");
    assert!(
        !systemctl(site, old, "start").await.success(),
        "a masked unit was started"
    );
    assert_eq!(processes(site, old).await, 0);
    assert!(systemctl(site, old, "unmask").await.success());
    assert_eq!(is_enabled(site, old).await, before);
    systemctl(site, old, "reset-failed").await;
    assert!(systemctl(site, old, "start").await.success());
    returns(site, old).await;
}

async fn returns(site: &Site<'_>, old: &OldDaemon) {
    until("the mon says itself that it is in quorum", || async {
        let status = ceph(
            site,
            &["tell", &old.daemon.to_string(), "mon_status", "--format", "json"],
        )
        .await;
        let status: Value = serde_json::from_slice(&status.stdout).unwrap_or_default();
        status["state"] == "leader" || status["state"] == "peon"
    })
    .await;
    until("the mon is in quorum", || async {
        has(&asked(site, &["quorum_status"]).await["quorum_names"], &old.daemon.id)
    })
    .await;
    until("health does not miss it", || async {
        asked(site, &["status"]).await["health"]["checks"]["MON_DOWN"].is_null()
    })
    .await;
}

/// A mon that is stopped leaves the quorum, health says so, and it comes back with the same mon map.
///
/// # Panics
///
/// If the cluster does not behave.
pub async fn a_mon_leaves_and_returns(site: &Site<'_>) {
    let old = &site.mon;
    let epoch = asked(site, &["mon", "dump"]).await["epoch"].clone();
    assert_eq!(processes(site, old).await, 1);
    assert!(systemctl(site, old, "stop").await.success());
    let stopped = state(site, old).await;
    assert!(
        stopped.contains("ActiveState=inactive") && stopped.contains("MainPID=0"),
        "{stopped}"
    );
    assert_eq!(processes(site, old).await, 0);
    until("the mon is not in quorum", || async {
        !has(&asked(site, &["quorum_status"]).await["quorum_names"], &old.daemon.id)
    })
    .await;
    until("health misses it", || async {
        asked(site, &["status"]).await["health"]["checks"]["MON_DOWN"].is_object()
    })
    .await;
    assert!(systemctl(site, old, "start").await.success());
    returns(site, old).await;
    assert_eq!(processes(site, old).await, 1);
    assert_eq!(asked(site, &["mon", "dump"]).await["epoch"], epoch);
}

async fn is_up(site: &Site<'_>, osd: &OldDaemon) -> bool {
    let dump = asked(site, &["osd", "dump"]).await;
    let id: u64 = osd.daemon.id.parse().expect("an OSD's id is a number");
    let found = dump["osds"]
        .as_array()
        .and_then(|osds| osds.iter().find(|it| it["osd"] == id));
    found.is_some_and(|it| it["up"] == 1)
}

async fn all_clean(site: &Site<'_>) -> bool {
    let status = asked(site, &["status"]).await;
    let states = status["pgmap"]["pgs_by_state"].as_array();
    states.is_some_and(|states| {
        states.iter().all(|state| {
            state["state_name"]
                .as_str()
                .is_some_and(|it| it.starts_with("active+clean"))
        })
    })
}

/// An OSD that is stopped is marked down, its PGs are undersized, and all are active+clean after it has come back.
///
/// # Panics
///
/// If the cluster does not behave.
pub async fn an_osd_goes_and_comes_back(site: &Site<'_>) {
    let old = &site.osd;
    assert_eq!(old.daemon.kind, DaemonType::Osd);
    let crush = asked(site, &["osd", "crush", "dump"]).await;
    assert!(is_up(site, old).await && all_clean(site).await);
    assert!(systemctl(site, old, "stop").await.success());
    until("the OSD is down", || async { !is_up(site, old).await }).await;
    until("PGs are undersized", || async {
        let status = asked(site, &["status"]).await;
        status["pgmap"]["pgs_by_state"].to_string().contains("undersized")
    })
    .await;
    assert!(!all_clean(site).await);
    assert!(systemctl(site, old, "start").await.success());
    until("the OSD is up", || is_up(site, old)).await;
    until("all PGs are active+clean", || all_clean(site)).await;
    assert_eq!(
        asked(site, &["osd", "crush", "dump"]).await,
        crush,
        "the CRUSH map is the same"
    );
}
