//! The same behaviour from this machine and from a recording of it; many hosts at once; recordings and their errors.

use std::sync::Arc;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use reeve_host::{
    Answer, Command, Host, HostError, HostName, HostRecording, Hosts, LocalHost, LocalHosts, Recorded, RecordedBytes,
    Recording, RecordingHosts, ReplayHosts, behaviour, on_each,
};

fn name(name: &str) -> HostName {
    HostName::new(name).expect("test names are host names")
}

fn here() -> LocalHosts {
    LocalHosts::new(LocalHost::new(name("here")))
}

fn directory() -> (tempfile::TempDir, Utf8PathBuf) {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let path = Utf8PathBuf::from_path_buf(directory.path().to_owned()).expect("its name is UTF-8");
    (directory, path)
}

/// Root, or sudo that does not ask; without either the suite cannot check what it promises about root.
async fn can_be_root(host: &dyn Host) -> bool {
    host.run_ok(&Command::new("true").as_root()).await.is_ok()
}

#[tokio::test]
async fn this_machine_and_its_recording_behave_the_same() {
    let (_directory, path) = directory();
    let recorder = RecordingHosts::new(here());
    let host = recorder.connect(&name("here")).await.unwrap();
    assert!(
        can_be_root(&*host).await,
        "this test needs root, or sudo without a password"
    );
    behaviour::check(&*host, &path).await;

    let file = path.join("recording.json");
    recorder.recording().save(&file).unwrap();
    let replay = ReplayHosts::new(Recording::load(&file).unwrap());
    let host = replay.connect(&name("here")).await.unwrap();
    behaviour::check(&*host, &path).await;
}

#[tokio::test]
async fn programs_that_keep_running_are_talked_with_here_and_not_in_recordings() {
    let recorder = RecordingHosts::new(here());
    behaviour::check_conversation(&LocalHost::new(name("here"))).await;
    let host = recorder.connect(&name("here")).await.unwrap();
    let error = host.open(&Command::new("cat")).await.unwrap_err();
    assert!(matches!(error, HostError::NoConversation { .. }), "{error}");
}

#[tokio::test]
async fn a_dropped_conversation_leaves_no_process() {
    let host = LocalHost::new(name("here"));
    let conversation = host.open(&Command::new("sleep").arg("4713.5")).await.unwrap();
    let sleeping = Command::new("pgrep").args(["-fx", "sleep 4713[.]5"]);
    assert!(host.run(&sleeping).await.unwrap().success());
    drop(conversation);
    ended(&host, &sleeping).await;
}

/// Waits until `find` finds no process any more.
async fn ended(host: &LocalHost, find: &Command) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while host.run(find).await.expect("it can be looked").success() {
        assert!(Instant::now() < deadline, "it still runs");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_dropped_call_leaves_no_process() {
    let host = LocalHost::new(name("here"));
    let command = Command::new("sh")
        .args(["-c", "sleep 4712.5; true"])
        .deadline(Duration::from_secs(60));
    let call = tokio::time::timeout(Duration::from_secs(1), host.run(&command)).await;
    assert!(call.is_err());
    // The child of the shell goes as well.
    ended(&host, &Command::new("pgrep").args(["-fx", "sleep 4712[.]5"])).await;
}

#[tokio::test]
async fn a_process_that_ignores_the_request_to_end_is_killed() {
    let host = LocalHost::new(name("here"));
    let stubborn = "trap '' TERM; while :; do sleep 0.471; done";
    let command = Command::new("sh")
        .args(["-c", stubborn])
        .deadline(Duration::from_millis(300));
    assert!(matches!(host.run(&command).await, Err(HostError::Deadline { .. })));
    ended(&host, &Command::new("pgrep").args(["-f", "sleep 0[.]471; done"])).await;
}

fn many(count: usize) -> (Vec<HostName>, Recording) {
    let names: Vec<HostName> = (0..count).map(|number| name(&format!("n{number}"))).collect();
    let commands = (0..15)
        .map(|number| {
            let command = Command::new("ask").arg(number.to_string());
            let stdout = RecordedBytes::Text("x".repeat(2000));
            let answer = Answer::Output {
                status: 0,
                stdout,
                stderr: RecordedBytes::default(),
                truncated: false,
            };
            Recorded::new(&command, answer)
        })
        .collect::<Vec<_>>();
    let host = HostRecording {
        unreachable: None,
        commands,
    };
    let hosts = names.iter().map(|name| (name.clone(), host.clone())).collect();
    (
        names,
        Recording {
            hosts,
            ..Recording::default()
        },
    )
}

async fn ask_all(host: Arc<dyn Host>) -> Result<usize, HostError> {
    let mut bytes = 0;
    for number in 0..15 {
        let command = Command::new("ask")
            .arg(number.to_string())
            .deadline(Duration::from_millis(700));
        bytes += host.run_ok(&command).await?.stdout.len();
    }
    Ok(bytes)
}

#[tokio::test(start_paused = true)]
async fn a_hundred_hosts_answer_in_order_and_bad_ones_cost_only_themselves() {
    let (names, recording) = many(100);
    let hosts = ReplayHosts::new(recording)
        .latency(Duration::from_millis(30))
        .connect_deadline(Duration::from_millis(700))
        .silent(name("n3"))
        .mute(name("n5"))
        .unreachable(name("n7"));
    let start = tokio::time::Instant::now();
    // Spawned, as callers do: this also shows that the future can move between threads.
    let asked = names.clone();
    let results = tokio::spawn(async move { on_each(&hosts, &asked, 32, ask_all).await })
        .await
        .unwrap();
    let elapsed = start.elapsed();
    assert_eq!(results.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>(), names);
    for (at, (_, result)) in results.iter().enumerate() {
        match (at, result) {
            (3 | 7, Err(HostError::Unreachable { .. })) | (5, Err(HostError::Deadline { .. })) => {}
            (3 | 5 | 7, other) => panic!("n{at}: {other:?}"),
            (_, Ok(bytes)) => assert_eq!(*bytes, 30_000),
            (_, Err(error)) => panic!("{error}"),
        }
    }
    // 100 hosts, 16 exchanges of 30 ms, 32 at a time: a little over 2 s when nothing waits for the bad ones.
    assert!(elapsed < Duration::from_secs(8), "{elapsed:?}");
}

#[tokio::test]
async fn the_bound_holds() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    let (names, recording) = many(20);
    let hosts = ReplayHosts::new(recording);
    let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let results: Vec<(HostName, Result<(), HostError>)> = on_each(&hosts, &names, 4, |_| async {
        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(5)).await;
        now.fetch_sub(1, Ordering::SeqCst);
        Ok(())
    })
    .await;
    assert_eq!((results.len(), most.into_inner()), (20, 4));
}

#[tokio::test]
async fn what_was_not_recorded_is_its_own_error() {
    let (_, recording) = many(1);
    let hosts = ReplayHosts::new(recording);
    let host = hosts.connect(&name("n0")).await.unwrap();
    let error = host.run(&Command::new("ask").arg("99")).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the recording of n0 has no answer to `ask 99`; record it again"
    );
    let as_root = host.run(&Command::new("ask").arg("1").as_root()).await.unwrap_err();
    assert!(matches!(as_root, HostError::Unrecorded { .. }) && !as_root.is_transient());
    assert!(matches!(
        hosts.connect(&name("other")).await,
        Err(HostError::Unreachable { .. })
    ));
}

#[tokio::test]
async fn a_recording_holds_no_secrets_and_keeps_the_order_of_answers() {
    let (_directory, path) = directory();
    let recorder = RecordingHosts::redacting(here(), |_, command, output| {
        if command.program() == "cat" {
            output.stdout = b"(redacted)".to_vec();
        }
    });
    let host = recorder.connect(&name("here")).await.unwrap();
    let key = host.run_ok(&Command::new("cat").stdin("top-secret-1")).await.unwrap();
    assert_eq!(key.stdout, b"top-secret-1", "the caller gets the real output");
    host.run_ok(&Command::new("test").arg("-n").secret_arg("top-secret-2"))
        .await
        .unwrap();
    let count = Command::new("sh").args(["-c", "echo x >>\"$1\"; wc -l <\"$1\"", "count", path.join("n").as_str()]);
    for _ in 0..2 {
        host.run_ok(&count).await.unwrap();
    }
    let file = path.join("recording.json");
    recorder.recording().save(&file).unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(!text.contains("top-secret") && text.contains("(redacted)"), "{text}");

    let replay = ReplayHosts::new(Recording::load(Utf8Path::new(&file)).unwrap());
    let host = replay.connect(&name("here")).await.unwrap();
    for expected in ["1\n", "2\n", "2\n"] {
        assert_eq!(host.run_ok(&count).await.unwrap().stdout_text(), expected);
    }
    host.run_ok(&Command::new("test").arg("-n").secret_arg("another"))
        .await
        .unwrap();
}
