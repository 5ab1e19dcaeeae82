//! Results are signed, and sent to a monitor in this process.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::Desk;
use crate::binary::text;

/// Sends the result to a monitor whose address comes next.
const UPLOAD: [&str; 8] = [
    "check",
    "upload",
    "result.json",
    "--key",
    "key",
    "--token-file",
    "token",
    "--monitor",
];

/// A monitor for one report: takes it, answers with a status, and gives back what came.
fn monitor(status: u16) -> (String, std::thread::JoinHandle<String>) {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let (mut all, mut chunk) = (Vec::new(), [0; 8192]);
        loop {
            let read = stream.read(&mut chunk).unwrap();
            all.extend_from_slice(&chunk[..read]);
            let asked = String::from_utf8_lossy(&all).into_owned();
            let Some((head, body)) = asked.split_once("\r\n\r\n") else {
                continue;
            };
            let length = head
                .to_lowercase()
                .lines()
                .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            if Some(body.len()) == length {
                let said = r#"{"detail":"the words of the monitor"}"#;
                let answer = format!(
                    "HTTP/1.1 {status} Status\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{said}",
                    said.len()
                );
                stream.write_all(answer.as_bytes()).unwrap();
                return asked;
            }
        }
    });
    (url, serving)
}

/// The report that is sent is one that ssh-keygen takes as signed for the monitor, and the token is in no output.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn results_are_signed_and_sent_to_a_monitor() {
    let desk = Desk::new().await;
    let keygen = |words: &[&str]| {
        let mut command = Command::new("ssh-keygen");
        command
            .current_dir(desk.path())
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    };
    // A machine without OpenSSH cannot say anything about its signatures; the laboratories' machines have it.
    let made = keygen(&["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", "key"]).output();
    assert!(
        made.is_ok_and(|made| made.status.success()),
        "ssh-keygen is needed for this test"
    );
    desk.file("token", "t0ken-of-the-monitor\n");
    let run = [
        "check",
        "run",
        "--read-only",
        "--format",
        "json",
        "--output",
        "result.json",
    ];
    assert_eq!(desk.reeve(&run).await.status.code(), Some(0));
    let verified = |signed: &str| {
        let (signature, report) = signed.split_once("-----END SSH SIGNATURE-----\n&").unwrap();
        desk.file("sig", &format!("{signature}-----END SSH SIGNATURE-----\n"));
        let public = std::fs::read_to_string(desk.path().join("key.pub")).unwrap();
        desk.file("allowed", &format!("somebody {public}"));
        let check = [
            "-Y", "verify", "-f", "allowed", "-I", "somebody", "-n", "report", "-s", "sig",
        ];
        let mut child = keygen(&check).spawn().unwrap();
        child.stdin.take().unwrap().write_all(report.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
        report.to_owned()
    };
    let signed = [
        "check",
        "report",
        "result.json",
        "--format",
        "signed",
        "--key",
        "key",
        "--subject",
        "mine",
    ];
    let output = desk.reeve(&signed).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let report = verified(&text(&output.stdout));
    assert!(
        report.starts_with("---\n") && report.contains("subject: \"mine\""),
        "{report}"
    );

    for (status, code, words) in [
        (200, 0, "the monitor took the report"),
        (401, 1, "(status 401)"),
        (409, 1, "it has this report already"),
    ] {
        let (url, serving) = monitor(status);
        let output = desk.reeve(&[&UPLOAD[..], &[&url, "--subject", "mine"]].concat()).await;
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains(words) && !said.contains("t0ken"), "{said}");
        assert!(status == 200 || said.contains("the words of the monitor"), "{said}");
        let asked = serving.join().unwrap();
        let (head, body) = asked.split_once("\r\n\r\n").unwrap();
        let head = head.to_lowercase();
        assert!(
            head.starts_with("post /reports http/1.1")
                && head.contains("content-type: application/x-signed-yaml")
                && head.contains("authorization: basic t0ken-of-the-monitor"),
            "{head}"
        );
        assert!(verified(body).contains("subject: \"mine\""));
    }
    // Nobody listens; a key that is none.
    let output = desk.reeve(&[&UPLOAD[..], &["http://127.0.0.1:1/"]].concat()).await;
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let output = desk.reeve(&[&UPLOAD[..], &["http://monitor.example/"]].concat()).await;
    assert!(text(&output.stderr).contains("is not encrypted"), "{output:?}");
    let words = ["check", "report", "result.json", "--format", "signed", "--key", "token"];
    let output = desk.reeve(&words).await;
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(text(&output.stderr).contains("could not be signed"), "{output:?}");
}
