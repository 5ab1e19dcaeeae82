//! What every host has to do, as a test that runs on any of them.

use std::time::{Duration, Instant};

use camino::Utf8Path;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

use crate::{Command, Host, HostError};

/// Checks everything that the [`Host`] trait promises, inside of `directory`, which must exist and be empty; it is empty again
/// afterwards.
///
/// The commands depend on nothing but `directory`, so that a recording of one run answers the next.
///
/// # Panics
///
/// With what is wrong, as a test does.
pub async fn check(host: &dyn Host, directory: &Utf8Path) {
    arguments_are_not_interpreted(host).await;
    outputs_and_status(host).await;
    input(host).await;
    limits(host).await;
    deadline(host).await;
    files(host, directory).await;
    renames(host, directory).await;
}

/// Checks what a host promises that offers conversations.
///
/// # Panics
///
/// With what is wrong, as a test does.
pub async fn check_conversation(host: &dyn Host) {
    let patience = Duration::from_secs(20);
    let echo = Command::new("cat").deadline(Duration::from_secs(60));
    let mut conversation = host.open(&echo).await.expect("cat can be started");
    let mut lines = BufReader::new(conversation.output).lines();
    for said in ["one", "two words; $HOME", "ümlaut"] {
        conversation
            .input
            .write_all(format!("{said}\n").as_bytes())
            .await
            .expect("cat reads");
        conversation.input.flush().await.expect("cat reads");
        let heard = tokio::time::timeout(patience, lines.next_line());
        let heard = heard.await.expect("cat answers in time").expect("cat can be heard");
        assert_eq!(heard.as_deref(), Some(said));
    }
    // The end of the input is the program's end, and that the end of the output.
    drop(conversation.input);
    let heard = tokio::time::timeout(patience, lines.next_line())
        .await
        .expect("cat ends in time");
    assert_eq!(heard.expect("the end can be heard"), None);

    let missing = host.open(&Command::new("reeve-no-such-program")).await;
    if let Ok(mut missing) = missing {
        let mut heard = Vec::new();
        let end = tokio::time::timeout(patience, missing.output.read_to_end(&mut heard)).await;
        end.expect("what does not exist ends in time")
            .expect("the end can be heard");
        assert!(heard.is_empty());
    }
}

async fn arguments_are_not_interpreted(host: &dyn Host) {
    let words = [
        "$HOME",
        "*",
        "a  b",
        "; exit 3",
        "it's",
        "\"",
        "\\n",
        "",
        "ümlaut",
        "line\nbreak",
        "-n",
        "!x",
        "`id`",
    ];
    let output = host
        .run(&Command::new("printf").arg("[%s]").args(words))
        .await
        .expect("printf runs");
    let expected: String = words.iter().map(|word| format!("[{word}]")).collect();
    assert_eq!(output.stdout_text(), expected);
    assert!(output.success() && output.stderr.is_empty() && !output.truncated);
}

async fn outputs_and_status(host: &dyn Host) {
    let both = Command::new("sh").args(["-c", "echo out; echo one >&2; printf 'tw\\033o' >&2; exit 3"]);
    let output = host.run(&both).await.expect("a status is not an error of run");
    assert_eq!((output.status, output.stdout.as_slice()), (3, &b"out\n"[..]));
    let error = host.run_ok(&both).await.expect_err("a status is an error of run_ok");
    match &error {
        HostError::Status {
            host: name,
            status: 3,
            stderr_tail,
            ..
        } => {
            assert_eq!((name, stderr_tail.as_str()), (host.name(), "one / tw\\u{1b}o"));
        }
        other => panic!("not a status: {other}"),
    }
    assert!(!error.is_transient());
    let missing = host
        .run(&Command::new("reeve-no-such-program"))
        .await
        .expect_err("there is no such program");
    assert!(
        matches!(&missing, HostError::NotFound { program, .. } if program == "reeve-no-such-program"),
        "{missing}"
    );
    let root = host
        .run_ok(&Command::new("id").arg("-u").as_root())
        .await
        .expect("root answers");
    assert_eq!(root.stdout, b"0\n", "a command for root runs as root");
}

async fn input(host: &dyn Host) {
    let bytes: Vec<u8> = (0..=255).cycle().take(1024 * 1024).collect();
    let output = host
        .run_ok(&Command::new("cat").stdin(bytes.clone()))
        .await
        .expect("cat runs");
    assert_eq!(output.stdout, bytes, "a megabyte goes through in both directions");
    let output = host.run_ok(&Command::new("cat")).await.expect("cat runs");
    assert_eq!(output.stdout, b"", "standard input is empty unless it is given");
    let output = host
        .run_ok(&Command::new("true").stdin(bytes))
        .await
        .expect("input may be left unread");
    assert_eq!(output.stdout, b"");
}

async fn limits(host: &dyn Host) {
    let numbers = Command::new("seq").arg("100000").stdout_limit(1000);
    let error = host.run(&numbers).await.expect_err("it is too much");
    assert!(
        matches!(error, HostError::OutputTooLarge { limit: 1000, .. }),
        "{error}"
    );
    let output = host.run(&numbers.cut_stdout()).await.expect("cutting was asked for");
    assert_eq!((output.stdout.len(), output.truncated, output.status), (1000, true, 0));
    assert!(output.stdout.starts_with(b"1\n2\n"));
    let complaint = Command::new("sh").args(["-c", "seq 100000 >&2"]).stderr_limit(100);
    let output = host.run(&complaint).await.expect("standard error is cut, not refused");
    assert_eq!((output.stderr.len(), output.truncated), (100, true));
    assert!(output.stderr.ends_with(b"100000\n"));
}

async fn deadline(host: &dyn Host) {
    // A number that no other sleep on the host has, to look for it afterwards.
    let sleep = Command::new("sleep").arg("4711.25").deadline(Duration::from_secs(1));
    let start = Instant::now();
    let error = host.run(&sleep).await.expect_err("it does not end in time");
    assert!(
        matches!(error, HostError::Deadline { .. }) && error.is_transient(),
        "{error}"
    );
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
    // A remote `timeout` counts from its own start, in whole seconds. Brackets keep the pattern from finding its own pgrep.
    let gone = "for at in $(seq 200); do pgrep -fx 'sleep 4711[.]25' > /dev/null || exit 0; sleep 0.1; done; exit 1";
    let left = host
        .run(&Command::new("sh").args(["-c", gone]).deadline(Duration::from_secs(60)))
        .await
        .expect("sh runs");
    assert_eq!(left.status, 0, "the process is ended too");
}

async fn files(host: &dyn Host, directory: &Utf8Path) {
    let path = directory.join("a file's name $x");
    let list = Command::new("ls").args(["-A", directory.as_str()]).as_root();
    assert_eq!(host.read(&path, 100).await.expect("a missing file is no error"), None);
    for content in [&b""[..], b"\0\xff binary\n", b"again"] {
        host.write(&path, content, 0o640).await.expect("it can be written");
        assert_eq!(
            host.read(&path, 100).await.expect("it can be read").as_deref(),
            Some(content)
        );
    }
    let mode = Command::new("stat").args(["-c", "%a", path.as_str()]).as_root();
    assert_eq!(host.run_ok(&mode).await.expect("stat runs").stdout_text(), "640\n");
    let names = host.run_ok(&list).await.expect("ls runs").stdout_text();
    assert_eq!(names, "a file's name $x\n", "nothing is left beside it");
    let error = host.read(&path, 4).await.expect_err("it is too large");
    assert!(matches!(error, HostError::OutputTooLarge { limit: 4, .. }), "{error}");
    let error = host.read(directory, 100).await.expect_err("a directory is no file");
    assert!(
        matches!(&error, HostError::File { problem, .. } if problem.contains("Is a directory")),
        "{error}"
    );
    let error = host
        .write(&directory.join("no/such"), b"x", 0o600)
        .await
        .expect_err("there is no such directory");
    assert!(matches!(error, HostError::File { .. }), "{error}");
    let error = host
        .write(Utf8Path::new("relative"), b"x", 0o600)
        .await
        .expect_err("it is relative");
    assert!(matches!(error, HostError::File { .. }), "{error}");
    host.run_ok(&Command::new("rm").args(["--", path.as_str()]).as_root())
        .await
        .expect("rm runs");
    assert_eq!(host.run_ok(&list).await.expect("ls runs").stdout, b"");
}

async fn renames(host: &dyn Host, directory: &Utf8Path) {
    let (one, two) = (directory.join("one"), directory.join("two"));
    let problem = |result: Result<(), HostError>| match result.expect_err("it must be refused") {
        HostError::File { problem, .. } => problem,
        other => panic!("not about the file: {other}"),
    };
    assert_eq!(problem(host.rename(&one, &two).await), "there is no such file");
    host.write(&one, b"1", 0o600).await.expect("it can be written");
    host.rename(&one, &two).await.expect("it can be renamed");
    assert_eq!(host.read(&one, 9).await.expect("a missing file is no error"), None);
    assert_eq!(
        host.read(&two, 9).await.expect("it can be read").as_deref(),
        Some(&b"1"[..])
    );
    host.write(&one, b"2", 0o600).await.expect("it can be written");
    assert!(problem(host.rename(&one, &two).await).ends_with("two exists already"));
    assert_eq!(
        host.read(&two, 9).await.expect("it can be read").as_deref(),
        Some(&b"1"[..]),
        "it is untouched"
    );
    // /proc is a mount of its own on every host.
    let elsewhere = problem(host.rename(&one, Utf8Path::new("/proc/reeve")).await);
    assert!(elsewhere.ends_with("copying is not renaming"), "{elsewhere}");
    assert!(problem(host.rename(&one, &directory.join("no/such")).await).contains("there is no directory"));
    for path in [&one, &two] {
        host.run_ok(&Command::new("rm").args(["--", path.as_str()]).as_root())
            .await
            .expect("rm runs");
    }
}
