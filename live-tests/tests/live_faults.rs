//! Faults in mid-step on a real cluster: each has the end that was decided for it, and the run goes on to its end afterwards.
//!
//! One take-over meets them all, one after the other, while a client writes. What a fault leaves is looked at before it is repaired: the exit code, what reeve
//! says, and which daemon serves.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails, and says where")]

use std::time::{Duration, Instant};

use reeve_live_tests::{
    ClientIo, Fault, Laboratory, Migration, Picture, PlannedStep, Said, assert_taken_over_without_counts, figure,
};

/// Exit code of a run that stopped in good order.
const PAUSED: i32 = 4;
/// Exit code of a run that a person has to help.
const STUCK: i32 = 5;
const MINUTE: Duration = Duration::from_secs(60);

/// The take-over and its steps.
struct Stage<'a> {
    lab: &'a Laboratory,
    migration: Migration<'a>,
    steps: Vec<PlannedStep>,
    client: &'a ClientIo<'a>,
}

impl Stage<'_> {
    /// Returns the step of a kind in the hand-over of a subject.
    fn step(&self, kind: &str, subject: &str) -> &PlannedStep {
        let mut of = self
            .steps
            .iter()
            .filter(|step| step.kind == kind && step.subject == subject);
        of.next().unwrap_or_else(|| panic!("no {kind} of {subject}"))
    }

    /// Returns the last step of the hand-over of a subject.
    fn last_step(&self, subject: &str) -> &PlannedStep {
        self.steps.iter().rfind(|step| step.subject == subject).unwrap()
    }

    /// Goes on to the last step before the hand-over of a subject.
    fn go_before(&self, subject: &str) {
        let first = self.steps.iter().position(|step| step.subject == subject).unwrap();
        let said = self.migration.resume(&["--until", &self.steps[first - 1].id]);
        assert_eq!(said.code, PAUSED, "to {subject}: {said:?}");
    }

    /// Goes on to the end of the hand-over of a subject, which must succeed.
    fn hand_over(&self, subject: &str) {
        let said = self.go_through(subject);
        let last = self.last_step(subject);
        // The end of the hand-over may be the end of the plan.
        assert!(
            matches!(said.code, 0 | PAUSED) && is_done(self, last),
            "{} is not done: {said:?}",
            last.id
        );
    }

    /// Goes on to the end of the hand-over of a subject, if it gets there.
    fn go_through(&self, subject: &str) -> Said {
        self.migration.resume(&["--until", &self.last_step(subject).id])
    }

    /// Returns the subjects of a kind of daemon in the plan's order.
    fn subjects(&self, kind: &str) -> Vec<String> {
        let stops = self.steps.iter().filter(|step| step.kind == "stop_unit");
        stops
            .map(|step| step.subject.clone())
            .filter(|subject| subject.starts_with(kind))
            .collect()
    }

    /// Returns the host of a daemon and its old unit.
    fn old_unit(&self, subject: &str) -> (String, String) {
        let input = &self.step("stop_unit", subject).input;
        (
            input["host"].as_str().unwrap().to_owned(),
            input["unit"].as_str().unwrap().to_owned(),
        )
    }

    /// Asserts that a run paused because of what `saying` says, that the daemon serves in its old unit, and that the client saw nothing.
    fn assert_undone(&self, said: &Said, subject: &str, saying: &str) {
        assert_eq!(said.code, PAUSED, "{said:?}");
        assert!(said.err.contains(saying), "`{saying}` is not in {}", said.err);
        self.assert_serves(subject, said);
    }

    /// Asserts that a daemon serves in its old unit, and that the client saw nothing.
    fn assert_serves(&self, subject: &str, said: &Said) {
        let (host, unit) = self.old_unit(subject);
        let state = self.lab.on(&host, &["systemctl", "is-active", &unit]).out;
        assert_eq!(state.trim(), "active", "{unit} on {host} after {said:?}");
        self.lab
            .wait("the cluster to be as well as before", MINUTE * 3, Laboratory::is_well);
        self.client.still_runs();
    }
}

#[test]
#[ignore = "needs a running laboratory whose cluster is still a legacy one"]
fn every_fault_has_its_end() {
    let lab = Laboratory::open();
    lab.wait("the cluster to be well", MINUTE * 2, Laboratory::is_well);
    let before = Picture::take(&lab);
    let client = ClientIo::start(&lab);
    let migration = Migration::plan(&lab);
    let steps = migration.steps();
    let stage = Stage {
        lab: &lab,
        migration,
        steps,
        client: &client,
    };
    type Meet = fn(&Stage<'_>);
    let faults: [(&str, Meet); 13] = [
        ("no space for a backup", no_space_for_a_backup),
        ("another changes the CRUSH map", another_changes_the_crush_map),
        ("the operator's pod is killed", the_operators_pod_is_killed),
        ("the target directory is not empty", the_target_directory_is_not_empty),
        ("a mon does not start", a_mon_does_not_start),
        ("a mon's keyring is damaged", a_mons_keyring_is_damaged),
        ("the API server is away", the_api_server_is_away),
        ("the image is missing", the_image_is_missing),
        ("a person stops it", a_person_stops_it),
        ("ssh is cut", ssh_is_cut),
        ("a client's write takes too long", a_clients_write_takes_too_long),
        (
            "power is cut in a node's own hand-over",
            power_is_cut_in_its_own_hand_over,
        ),
        (
            "power is cut in another's hand-over",
            power_is_cut_in_anothers_hand_over,
        ),
    ];
    for (name, fault) in faults {
        let begun = Instant::now();
        fault(&stage);
        client.still_runs();
        figure(&format!("{name}: {} s", begun.elapsed().as_secs()));
    }
    let said = stage.migration.resume(&[]);
    assert_eq!(said.code, 0, "{said:?}");
    drop(stage);
    client.stop().assert_fine();
    lab.wait("the cluster to be well", MINUTE * 5, Laboratory::is_well);
    assert_taken_over_without_counts(&lab, &before);
}

/// The disk of the journals is full when a backup is written: the run stops before anything was touched, and goes on when there is room.
fn no_space_for_a_backup(stage: &Stage<'_>) {
    let runs = stage.migration.runs();
    std::fs::create_dir_all(&runs).unwrap();
    let mount = |words: &[&str]| {
        let status = std::process::Command::new(words[0]).args(&words[1..]).status().unwrap();
        assert!(status.success(), "{words:?}");
    };
    // Its owner must be alone in there.
    mount(&[
        "mount",
        "-t",
        "tmpfs",
        "-o",
        "size=8m,mode=0700",
        "reeve-live-runs",
        runs.as_str(),
    ]);
    let _unmount = Fault::new(
        || {},
        || {
            // The journals go on living in the folder itself.
            let kept = runs.with_extension("kept");
            mount(&["cp", "--archive", runs.as_str(), kept.as_str()]);
            mount(&["umount", runs.as_str()]);
            std::fs::remove_dir(&runs).unwrap();
            std::fs::rename(&kept, &runs).unwrap();
        },
    );
    let exports: Vec<&PlannedStep> = stage
        .steps
        .iter()
        .filter(|step| step.kind.starts_with("export_"))
        .collect();
    let said = stage.migration.migrate(&["--until", &exports[0].id]);
    assert_eq!(said.code, PAUSED, "{said:?}");
    let ballast = runs.join("ballast");
    // All that is left, to the last block.
    let _ = std::process::Command::new("dd")
        .args(["if=/dev/zero", "bs=4k", &format!("of={ballast}")])
        .output();
    let said = stage.migration.resume(&["--until", &exports[exports.len() - 1].id]);
    assert_ne!(said.code, 0, "{said:?}");
    let words = said.err.to_lowercase();
    assert!(
        words.contains("no space") || words.contains("disk is full") || words.contains("full"),
        "{said:?}"
    );
    std::fs::remove_file(&ballast).unwrap();
    let said = stage.migration.resume(&["--until", &exports[exports.len() - 1].id]);
    assert_eq!(said.code, PAUSED, "{said:?}");
}

/// The CRUSH map is not the one of the backup: the run refuses to go on, and says so.
fn another_changes_the_crush_map(stage: &Stage<'_>) {
    let fault = Fault::new(
        || {
            stage.lab.ceph(&["osd", "crush", "add-bucket", "another", "rack"]);
        },
        || {
            stage.lab.ceph(&["osd", "crush", "rm", "another"]);
        },
    );
    let said = stage.migration.resume(&["--until", "close_gate"]);
    assert_eq!(said.code, PAUSED, "{said:?}");
    assert!(said.err.contains("somebody has changed the CRUSH map"), "{said:?}");
    drop(fault);
    let said = stage.migration.resume(&["--until", "close_gate"]);
    assert_eq!(said.code, PAUSED, "{said:?}");
    assert!(!said.err.contains("refused"), "{said:?}");
}

/// The operator dies while it makes its Deployments: its next pod goes on, and so does the run.
fn the_operators_pod_is_killed(stage: &Stage<'_>) {
    let awaits = stage.step("await_deployments", "cluster");
    let running = stage.migration.start("resume", &["--yes", "--until", "seed"]);
    stage.migration.wait_for_step(&awaits.id, MINUTE * 2);
    std::thread::sleep(Duration::from_secs(5));
    let words = [
        "--namespace",
        "rook-ceph",
        "delete",
        "pod",
        "--selector=app=rook-ceph-operator",
        "--wait=false",
    ];
    stage.lab.kubectl(&words, None).fine();
    let said = running.end(MINUTE * 10);
    let last = stage.steps.iter().rfind(|step| step.phase == "seed").unwrap();
    assert!(said.code == PAUSED && is_done(stage, last), "{said:?}");
}

/// Something lies where a mon's store is to go: the hand-over is undone and nothing of it is touched.
fn the_target_directory_is_not_empty(stage: &Stage<'_>) {
    let mon = &stage.subjects("mon.")[0];
    stage.go_before(mon);
    let input = &stage.step("move_mon_store", mon).input;
    let (host, target) = (input["host"].as_str().unwrap(), input["to"].as_str().unwrap());
    let parent = camino::Utf8Path::new(target).parent().unwrap().to_string();
    let fault = Fault::new(
        || {
            stage.lab.on(host, &["mkdir", "-p", target]).fine();
            stage
                .lab
                .on(host, &["touch", &format!("{target}/anothers-file")])
                .fine();
        },
        || {
            stage.lab.on(host, &["rm", "-r", &parent]).fine();
        },
    );
    let said = stage.go_through(mon);
    stage.assert_undone(&said, mon, "exists already");
    stage
        .lab
        .on(host, &["test", "-f", &format!("{target}/anothers-file")])
        .fine();
    drop(fault);
    stage.hand_over(mon);
}

/// Rook's mon is started with an argument that it does not take: the old mon is back in quorum, long before the deadline.
fn a_mon_does_not_start(stage: &Stage<'_>) {
    let mon = &stage.subjects("mon.")[1];
    stage.go_before(mon);
    let deployment = format!("rook-ceph-{}", mon.replace('.', "-"));
    let get = ["--namespace", "rook-ceph", "get", "deployment", &deployment];
    let containers = stage.lab.kubectl_json(&get)["spec"]["template"]["spec"]["containers"].clone();
    let place = |containers: &serde_json::Value| {
        let list = containers.as_array().unwrap();
        let container = list.iter().position(|it| it["name"] == "mon").unwrap();
        let args = list[container]["args"].as_array().unwrap();
        (container, args.iter().position(|it| it == "--setuser=ceph").unwrap())
    };
    let (container, argument) = place(&containers);
    let put = |value: &str| {
        let path = format!("/spec/template/spec/containers/{container}/args/{argument}");
        let patch = serde_json::json!([{ "op": "replace", "path": path, "value": value }]);
        let patch = format!("--patch={patch}");
        let words = [
            "--namespace",
            "rook-ceph",
            "patch",
            "deployment",
            &deployment,
            "--type=json",
            &patch,
        ];
        stage.lab.kubectl(&words, None).fine();
    };
    let fault = Fault::new(|| put("--setuser=nobody-is-called-so"), || put("--setuser=ceph"));
    let begun = Instant::now();
    let said = stage.go_through(mon);
    figure(&format!(
        "a mon that does not start is given up and back after {} s",
        begun.elapsed().as_secs()
    ));
    stage.assert_undone(&said, mon, "does not start");
    drop(fault);
}

/// A mon's keyring is damaged while it runs, so neither Rook's mon nor the old one starts: the run is stuck and says what kept it from undoing; with the
/// keyring repaired it undoes the rest, and the hand-over succeeds afterwards.
fn a_mons_keyring_is_damaged(stage: &Stage<'_>) {
    let mon = &stage.subjects("mon.")[1];
    let input = &stage.step("move_mon_store", mon).input;
    let (host, store) = (input["host"].as_str().unwrap(), input["from"].as_str().unwrap());
    let shell = |script: &str| {
        stage.lab.on(host, &["sh", "-c", script]).fine();
    };
    let keyring = format!("{store}/keyring");
    // In place, so that owner and mode stay.
    let fault = Fault::new(
        || {
            shell(&format!(
                "cp -p {keyring} /root/keyring-kept && echo 'this is no keyring' > {keyring}"
            ))
        },
        || shell(&format!("cat /root/keyring-kept > {keyring}")),
    );
    let begun = Instant::now();
    let said = stage.go_through(mon);
    figure(&format!(
        "a mon whose keyring is damaged: stuck after {} s",
        begun.elapsed().as_secs()
    ));
    assert_eq!(said.code, STUCK, "{said:?}");
    assert!(
        said.err.contains("STUCK") && said.err.contains(mon.as_str()),
        "{said:?}"
    );
    stage.client.still_runs();
    drop(fault);
    let said = stage.migration.resume(&[]);
    assert_eq!(said.code, PAUSED, "{said:?}");
    stage.assert_serves(mon, &said);
    stage.hand_over(mon);
}

/// The API server does not answer for a minute while a mon is away: the run waits it out, or stops without undoing anything and goes on later.
fn the_api_server_is_away(stage: &Stage<'_>) {
    let mon = &stage.subjects("mon.")[2];
    stage.go_before(mon);
    let last = stage.last_step(mon);
    let running = stage.migration.start("resume", &["--yes", "--until", &last.id]);
    stage
        .migration
        .wait_for_step(&stage.step("mask_unit", mon).id, MINUTE * 2);
    let pid = stage.lab.api_server().to_string();
    let signal = |name: &str| {
        let status = std::process::Command::new("kill").args([name, &pid]).status().unwrap();
        assert!(status.success());
    };
    let fault = Fault::new(|| signal("-STOP"), || signal("-CONT"));
    std::thread::sleep(MINUTE);
    stage.client.still_runs();
    drop(fault);
    let said = running.end(MINUTE * 10);
    assert_eq!(said.code, PAUSED, "{said:?}");
    stage.hand_over(mon);
    assert_nothing_undone(stage, mon);
}

/// The image has gone from a node: the OSD's pod cannot start, and the old OSD serves again.
fn the_image_is_missing(stage: &Stage<'_>) {
    let osd = &stage.subjects("osd.")[0];
    stage.go_before(osd);
    let (host, _) = stage.old_unit(osd);
    let fault = Fault::new(
        || stage.lab.lab(&["fault", "inject", "missing-image", &host]),
        || stage.lab.lab(&["fault", "repair", "missing-image", &host]),
    );
    let begun = Instant::now();
    let said = stage.go_through(osd);
    figure(&format!(
        "an OSD without its image is given up and back after {} s",
        begun.elapsed().as_secs()
    ));
    stage.assert_undone(&said, osd, "does not start");
    drop(fault);
    stage.hand_over(osd);
}

/// Ctrl-C while a step changes something, and SIGTERM while one waits: the run pauses within seconds, says how to go on, and has undone nothing.
fn a_person_stops_it(stage: &Stage<'_>) {
    let osd = &stage.subjects("osd.")[1];
    stage.go_before(osd);
    let last = stage.last_step(osd);
    for (signal, kind) in [("-INT", "stop_unit"), ("-TERM", "await_osd_up")] {
        let running = stage.migration.start("resume", &["--yes", "--until", &last.id]);
        stage.migration.wait_for_step(&stage.step(kind, osd).id, MINUTE * 2);
        assert!(stage.lab.conversations() > 0, "questions to Ceph start `ceph`");
        running.signal(signal);
        let begun = Instant::now();
        let said = running.end(MINUTE);
        figure(&format!(
            "{signal} in {kind}: paused after {} s",
            begun.elapsed().as_secs()
        ));
        assert_eq!(said.code, PAUSED, "{said:?}");
        assert!(
            said.err.contains("interrupted in good order") && said.err.contains("reeve rook resume"),
            "{said:?}"
        );
        assert!(!is_done(stage, last), "it went on to the end: {said:?}");
    }
    stage.hand_over(osd);
    assert_nothing_undone(stage, osd);
}

/// reeve's own client writes, and an OSD is held up: the run pauses because of the write that takes too long, and goes on when it is told to.
fn a_clients_write_takes_too_long(stage: &Stage<'_>) {
    let osds = stage.subjects("osd.");
    let osd = &osds[osds.len() - 3];
    stage.go_before(osd);
    let node = &stage.lab.nodes[0];
    let rbd = |words: &[&str]| {
        let all: Vec<&str> = ["timeout", "60", "rbd"].iter().chain(words).copied().collect();
        stage.lab.on(node, &all).fine();
    };
    let image = Fault::new(
        || rbd(&["create", "--size", "64M", "volumes/watch"]),
        || rbd(&["rm", "--no-progress", "volumes/watch"]),
    );
    let last = stage.last_step(osd);
    let mut words = vec![
        "--yes",
        "--until",
        &last.id,
        "--watch-io",
        "volumes/watch",
        "--watch-io-host",
        "client",
    ];
    words.extend(["--watch-io-user", "volumes", "--watch-io-limit", "2"]);
    let running = stage.migration.start("resume", &words);
    stage
        .migration
        .wait_for_step(&stage.step("stop_unit", osd).id, MINUTE * 2);
    // Another OSD, which is not in hand: one that was handed over first, and so runs in a pod of that node.
    let other = osds[0].strip_prefix("osd.").unwrap();
    let host = &stage.old_unit(&osds[0]).0;
    let signal = |name: &str| {
        let script = format!("pkill {name} -f '[c]eph-osd --foreground --id {other} '");
        stage.lab.on(host, &["sh", "-c", &script]).fine();
    };
    let held_up = Fault::new(|| signal("-STOP"), || signal("-CONT"));
    std::thread::sleep(Duration::from_secs(6));
    drop(held_up);
    let said = running.end(MINUTE * 5);
    assert_eq!(said.code, PAUSED, "{said:?}");
    assert!(said.err.contains("the limit is 2.0 s (image volumes/watch"), "{said:?}");
    stage.hand_over(osd);
    assert_nothing_undone(stage, osd);
    // Nothing of the watch is left on the client's host: no unit, and no watcher of the image, which could not be removed else.
    let units = stage
        .lab
        .on(
            "client",
            &[
                "systemctl",
                "list-units",
                "--all",
                "--plain",
                "--no-legend",
                "reeve-watch-io-*",
            ],
        )
        .fine();
    assert_eq!(units.trim(), "");
    drop(image);
}

/// Asserts that no step of a hand-over was undone.
fn assert_nothing_undone(stage: &Stage<'_>, subject: &str) {
    let steps: Vec<&str> = stage
        .steps
        .iter()
        .filter(|step| step.subject == subject)
        .map(|step| step.id.as_str())
        .collect();
    let undone = stage.migration.records().into_iter().find(|record| {
        matches!(&record.event, reeve_journal::Event::StepUndoStarted { step, .. } if steps.contains(&step.to_string().as_str()))
    });
    assert!(undone.is_none(), "{undone:?}");
}

/// The connection to a host breaks while its OSD is handed over: nothing is undone blindly; with the connection back the run goes on.
fn ssh_is_cut(stage: &Stage<'_>) {
    let osds = stage.subjects("osd.");
    // A host that is not the admin host: without that one nobody can be asked anything.
    let osd = osds
        .iter()
        .find(|osd| stage.old_unit(osd).0 != stage.lab.nodes[0])
        .unwrap();
    stage.go_before(osd);
    let (host, _) = stage.old_unit(osd);
    let last = stage.last_step(osd);
    let running = stage.migration.start("resume", &["--yes", "--until", &last.id]);
    stage
        .migration
        .wait_for_step(&stage.step("stop_unit", osd).id, MINUTE * 5);
    let ssh = |script: &str| {
        stage.lab.lab_shell(&host, &["sh", "-c", script]);
    };
    let fault = Fault::new(
        || ssh("systemctl stop ssh.socket ssh.service; pkill -KILL -x 'sshd|sshd-session' ; true"),
        || ssh("systemctl start ssh.service"),
    );
    let said = running.end(MINUTE * 10);
    assert_eq!(said.code, PAUSED, "{said:?}");
    assert!(said.err.contains("cannot be told"), "{said:?}");
    stage.client.still_runs();
    drop(fault);
    stage.hand_over(osd);
}

/// A node loses its power while its OSD starts under Rook: it comes back under Rook, and the run has only waited.
fn power_is_cut_in_its_own_hand_over(stage: &Stage<'_>) {
    let osds = stage.subjects("osd.");
    let osd = &osds[osds.len() - 2];
    let (host, _) = stage.old_unit(osd);
    assert_ne!(host, stage.lab.nodes[0], "the admin host's turn is not now");
    power_cut(stage, osd, &host);
}

/// Another node loses its power while an OSD is handed over: the run waits until all is whole before it touches the next.
fn power_is_cut_in_anothers_hand_over(stage: &Stage<'_>) {
    let osds = stage.subjects("osd.");
    let osd = &osds[osds.len() - 1];
    let (host, _) = stage.old_unit(osd);
    let other = stage
        .lab
        .nodes
        .iter()
        .find(|node| **node != host && **node != stage.lab.nodes[0])
        .unwrap();
    power_cut(stage, osd, other);
}

fn power_cut(stage: &Stage<'_>, osd: &str, host: &str) {
    stage.go_before(osd);
    let last = stage.last_step(osd);
    let running = stage.migration.start("resume", &["--yes", "--until", &last.id]);
    stage
        .migration
        .wait_for_step(&stage.step("await_osd_up", osd).id, MINUTE * 5);
    let fault = Fault::new(
        || stage.lab.lab(&["fault", "inject", "power-cut", host]),
        || stage.lab.lab(&["fault", "repair", "power-cut", host]),
    );
    std::thread::sleep(Duration::from_secs(20));
    drop(fault);
    let said = running.end(MINUTE * 15);
    assert_eq!(said.code, PAUSED, "{said:?}");
    // Whether it waited all along or stopped because it could not tell, the hand-over is whole in the end.
    stage.hand_over(osd);
    stage
        .lab
        .wait("the cluster to be well", MINUTE * 5, Laboratory::is_well);
}

/// Tells whether the journal says that a step is done, and was not undone since.
fn is_done(stage: &Stage<'_>, step: &PlannedStep) -> bool {
    use reeve_journal::Event;
    let mut done = false;
    for record in stage.migration.records() {
        match record.event {
            Event::StepDone { step: of, .. } if of.to_string() == step.id => done = true,
            Event::StepUndoStarted { step: of, .. } if of.to_string() == step.id => done = false,
            _ => {}
        }
    }
    done
}
