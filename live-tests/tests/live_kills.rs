//! A take-over whose tool is killed before and after the effect of every step, and taken up again each time.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails, and says where")]

use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use camino::Utf8Path;
use reeve_live_tests::{Counts, Laboratory, Migration, Picture, Sampler, assert_taken_over, figure, now};

#[test]
#[ignore = "needs a running laboratory whose cluster is still a legacy one"]
fn nothing_is_done_twice_though_the_tool_dies_around_every_step() {
    let lab = Laboratory::open();
    lab.wait("the cluster to be well", Duration::from_secs(120), Laboratory::is_well);
    let before = Picture::take(&lab);
    let began = now();
    let sampler = Sampler::start(&lab);
    let migration = Migration::plan(&lab);
    let steps = migration.steps();
    // The first step, so that there is a run to take up.
    let said = migration.migrate(&["--until", &steps[0].id]);
    assert_eq!(said.code, 4, "{said:?}");
    let run = migration.run_id();

    let sockets = tempfile::Builder::new()
        .prefix("kills-")
        .permissions(std::fs::Permissions::from_mode(0o700))
        .tempdir()
        .unwrap();
    let sockets = Utf8Path::from_path(sockets.path()).unwrap();
    let mut kills = 0_u32;
    let mut longest = (Duration::ZERO, String::new());
    for step in &steps[1..] {
        for when in ["before", "after"] {
            let begun = Instant::now();
            let output = lab
                .program("killed_run")
                .args([migration.runs().as_str(), &run, lab.ssh_config.as_str()])
                .args([lab.kubeconfig.as_str(), sockets.as_str(), &step.id, when])
                .stdin(Stdio::null())
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(
                output.status.code(),
                None,
                "{when} {}: it was not killed: {said}",
                step.id
            );
            kills += 1;
            let took = begun.elapsed();
            if took > longest.0 {
                longest = (took, format!("{when} {}", step.id));
            }
            end_connections(sockets);
        }
    }
    let said = migration.resume(&[]);
    assert_eq!(said.code, 0, "{said:?}");
    let samples = sampler.stop();
    lab.wait("no program of a dead run to be left", Duration::from_secs(30), |lab| {
        lab.conversations() == 0
    });
    figure(&format!(
        "{kills} kills in {} s; the longest process: {} with {:.1} s",
        now() - began,
        longest.1,
        longest.0.as_secs_f64()
    ));

    assert_taken_over(&lab, &before, began);
    let counts = Counts::since(&lab, began);
    let stopped = steps.iter().filter(|step| step.kind == "stop_unit").count();
    assert_eq!(counts.unit_stops.len(), stopped, "{counts:?}");
    assert!(
        counts.unit_starts.is_empty(),
        "no old unit came back in between: {counts:?}"
    );
    // Every OSD goes down once and comes up once, whatever the tool went through.
    let mut downs: Vec<u32> = Vec::new();
    let mut down: Vec<u32> = Vec::new();
    for seen in samples.iter().filter_map(|sample| sample.seen.as_ref()) {
        downs.extend(seen.down.iter().filter(|osd| !down.contains(osd)));
        down.clone_from(&seen.down);
    }
    let mut once = downs.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), downs.len(), "OSDs that went down: {downs:?}");
    let epochs: Vec<u32> = samples
        .iter()
        .filter_map(|sample| Some(sample.seen.as_ref()?.mon_epoch))
        .collect();
    assert!(
        epochs.windows(2).all(|pair| pair[0] == pair[1]),
        "epochs of the mon map: {epochs:?}"
    );
}

/// Ends the connections that a killed process leaves behind; they would end by themselves after ten minutes.
fn end_connections(folder: &Utf8Path) {
    for entry in folder.read_dir_utf8().unwrap().flatten() {
        for socket in entry.path().read_dir_utf8().into_iter().flatten().flatten() {
            if socket.file_type().is_ok_and(|kind| kind.is_socket()) {
                let control = format!("ControlPath={}", socket.path());
                let ended = Command::new("ssh").args(["-o", &control, "-O", "exit", "any"]).output();
                assert!(ended.is_ok(), "{ended:?}");
            }
        }
        let _ = std::fs::remove_dir_all(entry.path());
    }
}
