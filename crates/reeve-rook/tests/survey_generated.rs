//! Surveys of clusters that do not exist, of any size and with hosts that misbehave.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use proptest::prelude::*;
use reeve_host::{Answer, HostName, RecordedBytes, Recording, ReplayHosts};
use reeve_rook::facts::{Facts, HostReading};
use reeve_rook::sample::Cluster;
use reeve_rook::survey::{self, Survey, SurveyError, SurveyEvent};

fn name(host: &str) -> HostName {
    HostName::new(host).expect("a plain name")
}

async fn survey_of(facts: &Facts, hosts: ReplayHosts) -> Result<Facts, SurveyError> {
    let found = survey::replayed(facts.scope.clone(), Arc::new(hosts), facts.kubernetes.clone()).await;
    found.map(|found| Facts {
        taken_at: facts.taken_at,
        made_by: facts.made_by.clone(),
        ..found
    })
}

/// Compares facts line by line: a cluster's `Debug` form is too long to look for a difference in.
fn first_difference(found: &Facts, expected: &Facts) -> Option<String> {
    if found == expected {
        return None;
    }
    let (found, expected) = (found.to_json(), expected.to_json());
    let (mut found, mut expected) = (found.lines(), expected.lines());
    let mut at = 0;
    loop {
        at += 1;
        match (found.next(), expected.next()) {
            (None, None) => return Some("they differ in nothing that JSON shows".into()),
            (one, other) if one != other => return Some(format!("line {at}: found {one:?}, expected {other:?}")),
            _ => {}
        }
    }
}

/// Replaces what the admin host answers to a command.
fn answering(mut recording: Recording, words: &[&str], status: i32, stdout: &str, stderr: &str) -> Recording {
    let host = recording.hosts.get_mut(&name("n1")).expect("n1 is recorded");
    let answer = Answer::Output {
        status,
        stdout: RecordedBytes::Text(stdout.into()),
        stderr: RecordedBytes::Text(stderr.into()),
        truncated: false,
    };
    let fits = |argv: &[String]| argv.windows(words.len()).any(|window| window == words);
    let mut hits = 0;
    for recorded in host.commands.iter_mut().filter(|recorded| fits(&recorded.argv)) {
        recorded.answer = answer.clone();
        hits += 1;
    }
    assert!(hits > 0, "{words:?} is recorded");
    recording
}

#[tokio::test(start_paused = true)]
async fn a_hundred_hosts_are_surveyed_completely() {
    let facts = Cluster {
        hosts: 100,
        mons: 5,
        osds_per_host: 20,
        racks: 10,
        ..Cluster::default()
    }
    .facts();
    let hosts = ReplayHosts::new(survey::recording_of(&facts)).latency(Duration::from_millis(30));
    let began = tokio::time::Instant::now();
    let found = survey_of(&facts, hosts).await.unwrap();
    assert_eq!(first_difference(&found, &facts), None);
    // Time is simulated here: this counts round trips, whatever the machine. `cargo xtask bench` measures the clock.
    assert!(
        began.elapsed() < Duration::from_secs(15),
        "{:?} of waiting",
        began.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn hosts_that_do_not_answer_become_facts() {
    let facts = Cluster {
        hosts: 6,
        ..Cluster::default()
    }
    .facts();
    let recording = survey::recording_of(&facts);
    let hosts = ReplayHosts::new(recording)
        .unreachable(name("n4"))
        .mute(name("n5"))
        .silent(name("n6"))
        .connect_deadline(Duration::from_secs(3600));
    let began = tokio::time::Instant::now();
    let found = survey_of(&facts, hosts).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(300), "{:?}", began.elapsed());
    assert_eq!(found.reached_hosts().count(), 3);
    let because = |host: &str| match &found.hosts[&name(host)] {
        HostReading::Unreachable { because } => because.clone(),
        HostReading::Reached(_) => panic!("{host} was reached"),
    };
    assert!(because("n4").contains("Connection refused"), "{}", because("n4"));
    assert!(
        because("n5").contains("did not answer within 20 s"),
        "{}",
        because("n5")
    );
    assert!(
        because("n6").contains("did not answer within 20 s"),
        "{}",
        because("n6")
    );
    assert!(found.ceph == facts.ceph, "nothing else is lost");
}

#[tokio::test]
async fn a_host_that_answers_to_anothers_name_is_not_taken_for_it() {
    let facts = Cluster::default().facts();
    let mut recording = survey::recording_of(&facts);
    // n3's name leads to n2, as a wrong line in /etc/hosts would have it.
    let other = recording.hosts[&name("n2")].clone();
    recording.hosts.insert(name("n3"), other);
    let found = survey_of(&facts, ReplayHosts::new(recording)).await.unwrap();
    match &found.hosts[&name("n3")] {
        HostReading::Unreachable { because } => assert!(because.contains(r#"n3 answers as "n2""#), "{because}"),
        HostReading::Reached(host) => panic!("{} was taken for n3", host.hostname),
    }
}

#[tokio::test]
async fn a_host_whose_name_ssh_does_not_know_is_reached_by_its_address() {
    let facts = Cluster::default().facts();
    let mut recording = survey::recording_of(&facts);
    let host = recording.hosts.remove(&name("n3")).unwrap();
    recording.hosts.insert(name("198.18.0.13"), host);
    let found = survey_of(&facts, ReplayHosts::new(recording)).await.unwrap();
    assert_eq!(found.hosts[&name("198.18.0.13")], facts.hosts[&name("n3")]);
    assert!(!found.hosts.contains_key(&name("n3")));
}

#[tokio::test]
async fn an_admin_host_under_another_name_is_one_of_the_hosts() {
    let mut facts = Cluster::default().facts();
    facts.scope.admin_host = name("bastion-n1");
    let mut recording = survey::recording_of(&facts);
    let n1 = recording.hosts.remove(&name("n1")).unwrap();
    recording
        .hosts
        .get_mut(&name("bastion-n1"))
        .unwrap()
        .commands
        .extend(n1.commands);
    let found = survey_of(&facts, ReplayHosts::new(recording)).await.unwrap();
    assert_eq!(found.hosts[&name("bastion-n1")], facts.hosts[&name("n1")]);
    assert_eq!(found.hosts.len(), 3);
}

#[tokio::test]
async fn bad_beginnings_are_told_with_the_next_action() {
    let facts = Cluster::default().facts();
    let recording = || survey::recording_of(&facts);
    let mon_dump = ["mon", "dump"];
    let mut no_ceph = recording();
    for recorded in &mut no_ceph.hosts.get_mut(&name("n1")).unwrap().commands {
        if recorded.argv[0] == "ceph" {
            recorded.answer = Answer::NotFound;
        }
    }
    let denied = "[errno 13] RADOS permission denied (error connecting to the cluster)";
    let lost = "[errno 110] RADOS timed out (error connecting to the cluster)";
    let cases = [
        (
            "unreachable",
            true,
            ReplayHosts::new(recording()).unreachable(name("n1")),
        ),
        ("no ceph", false, ReplayHosts::new(no_ceph)),
        (
            "a key without rights",
            false,
            ReplayHosts::new(answering(recording(), &mon_dump, 1, "", denied)),
        ),
        (
            "no cluster",
            true,
            ReplayHosts::new(answering(recording(), &mon_dump, 1, "", lost)),
        ),
        (
            "garbage",
            false,
            ReplayHosts::new(answering(recording(), &mon_dump, 0, "Welcome to \u{1b}[1mn1\n{}", "")),
        ),
        (
            "half an answer",
            false,
            ReplayHosts::new(answering(recording(), &["osd", "dump"], 0, "{\"epoch\":1,", "")),
        ),
        (
            "a key for some",
            false,
            ReplayHosts::new(answering(
                recording(),
                &["osd", "dump"],
                13,
                "",
                "Error EACCES: access denied",
            )),
        ),
    ];
    let mut told = String::new();
    for (case, unreachable, hosts) in cases {
        let error = survey_of(&facts, hosts).await.unwrap_err();
        assert_eq!(error.is_unreachable(), unreachable, "{case}: {error}");
        told.push_str(&format!("{case}: {error}\n"));
        let mut cause = std::error::Error::source(&error);
        while let Some(error) = cause {
            told.push_str(&format!("  because {error}\n"));
            cause = error.source();
        }
        told.push_str(&format!("  hint: {}\n", error.hint()));
    }
    assert!(!told.contains('\u{1b}'), "nothing that a terminal obeys");
    insta::assert_snapshot!("bad_beginnings", told);
}

#[tokio::test]
async fn another_kubernetes_cluster_is_refused() {
    let mut facts = Cluster::default().facts();
    for (at, node) in facts.kubernetes.nodes.iter_mut().enumerate() {
        node.addresses = [format!("203.0.113.{at}")].into();
        node.machine_id = format!("{:032x}", 77 + at);
    }
    let hosts = || ReplayHosts::new(survey::recording_of(&facts));
    let error = survey_of(&facts, hosts()).await.unwrap_err();
    assert!(matches!(error, SurveyError::OtherKubernetes { .. }) && !error.is_unreachable());
    insta::assert_snapshot!(error, @"the kubeconfig leads to another cluster: none of the 3 nodes of https://192.0.2.1:6443 (n1, n2, n3) is one of the Ceph hosts (n1, n2, n3), neither by address nor by machine id");
    // One node that is a Ceph host, by nothing but its machine id, makes it the right cluster.
    let mut right = facts.clone();
    right.kubernetes.nodes[2].machine_id = format!("{:032x}", 2);
    assert_eq!(
        first_difference(&survey_of(&right, hosts()).await.unwrap(), &right),
        None
    );
}

#[tokio::test]
async fn answers_that_are_missing_become_unknown_facts_with_their_reason() {
    let facts = Cluster::default().facts();
    let mut recording = survey::recording_of(&facts);
    for (words, status, stdout, stderr) in [
        (["auth", "ls"], 13, "", "Error EACCES: access denied"),
        (["fs", "dump"], 0, "nonsense", ""),
        (["osd", "df"], 110, "", "Error ETIMEDOUT: mgr does not answer"),
        (["raw", "list"], 1, "", "--> RuntimeError: boom"),
        (["timedatectl", "show"], 1, "", "Failed to connect to bus"),
    ] {
        recording = answering(recording, &words, status, stdout, stderr);
    }
    let found = survey_of(&facts, ReplayHosts::new(recording)).await.unwrap();
    assert!(found.ceph.osds.iter().all(|osd| osd.utilization.is_none()));
    let host = found.hosts[&name("n1")].reached().unwrap();
    let told = [
        found.ceph.auth.require().unwrap_err(),
        found.ceph.filesystems.require().unwrap_err(),
        host.volumes.require().unwrap_err(),
        host.time_synchronised.require().unwrap_err(),
    ];
    insta::assert_snapshot!(told.join("\n"), @"
Ceph refused `ceph auth ls` on n1: Error EACCES: access denied
`ceph fs dump` on n1 gave an answer that cannot be read: expected ident at line 1 column 2; it begins with `nonsense`
`(as root) ceph-volume raw list --format json` ended with status 1: --> RuntimeError: boom
`timedatectl show --property=NTPSynchronized` ended with status 1: Failed to connect to bus
");
}

#[tokio::test]
async fn progress_tells_every_host() {
    let facts = Cluster::default().facts();
    let hosts = ReplayHosts::new(survey::recording_of(&facts)).unreachable(name("n2"));
    let told = Mutex::new(Vec::new());
    let hear = |event: &SurveyEvent| told.lock().unwrap().push(event.to_string());
    Survey::new(facts.scope.clone(), Arc::new(hosts), Arc::new(facts.kubernetes.clone()))
        .take(&hear)
        .await
        .unwrap();
    let told = told.into_inner().unwrap();
    assert_eq!(
        told[..4],
        [
            "reading Ceph on n1",
            "reading Kubernetes",
            "Kubernetes has 3 nodes",
            "reading 3 hosts"
        ]
    );
    assert_eq!(told.len(), 7);
    assert!(
        told[4..]
            .iter()
            .any(|line| line.contains("n2 is unreachable: cannot reach n2")),
        "{told:?}"
    );
    assert!(told[6].starts_with("host 3 of 3: "));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// What a survey finds is what is there.
    #[test]
    fn any_cluster_is_found_as_it_is(
        hosts in 1usize..12, mons in 1usize..8, mgrs in 1usize..4, osds_per_host in 0usize..6, racks in 0usize..4,
        classes in prop::sample::subsequence(vec!["hdd".to_owned(), "ssd".into(), "nvme".into()], 1..=3),
        domain in prop::sample::select(vec!["host", "rack", "osd"]),
    ) {
        let cluster = Cluster {
            hosts, mons: mons.min(hosts), mgrs: mgrs.min(hosts), osds_per_host, racks: racks.min(hosts), device_classes: classes,
            failure_domain: domain.into(), ..Cluster::default()
        };
        let facts = cluster.facts();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let found = runtime.block_on(survey_of(&facts, ReplayHosts::new(survey::recording_of(&facts)))).unwrap();
        // A sample's hosts without any daemon are in its facts, and no survey can find them.
        let mut expected = facts;
        expected.hosts.retain(|_, host| host.reached().is_some_and(|host| !host.daemons.is_empty()));
        prop_assert_eq!(first_difference(&found, &expected), None);
    }

    /// Whatever a host answers, a survey ends with facts or with an error that a terminal can show.
    #[test]
    fn damaged_answers_end_a_survey_in_order(
        host in prop::sample::select(vec!["n1", "n2", "n3"]), which: prop::sample::Index,
        hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6), cut in prop::option::of(any::<prop::sample::Index>()),
        junk in prop::option::of("[ -~\u{1b}\n{}\\[\\]\":0-9]{0,60}"), status in prop::sample::select(vec![0, 0, 0, 1, 2, 13, 22, 255]),
    ) {
        let facts = Cluster::default().facts();
        let mut recording = survey::recording_of(&facts);
        let commands = &mut recording.hosts.get_mut(&name(host)).expect("the sample has three hosts").commands;
        let at = which.index(commands.len());
        if let Answer::Output { status: old, stdout, .. } = &mut commands[at].answer {
            let mut bytes = stdout.bytes();
            for (at, byte) in hits.into_iter().filter(|_| !bytes.is_empty()).collect::<Vec<_>>() {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            if let Some(cut) = cut.filter(|_| !bytes.is_empty()) {
                bytes.truncate(cut.index(bytes.len()));
            }
            *stdout = RecordedBytes::new(&junk.map_or(bytes, String::into_bytes));
            *old = status;
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        match runtime.block_on(survey_of(&facts, ReplayHosts::new(recording))) {
            Ok(found) => prop_assert!(serde_json::from_str::<Facts>(&found.to_json()).is_ok()),
            Err(error) => prop_assert!(!error.to_string().chars().any(char::is_control), "{error}"),
        }
    }
}
