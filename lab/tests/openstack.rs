//! What a laboratory of the kind `openstack` is and what it does to the machine: a cloud that works, faults that come and go, and nothing left after `down`.
//!
//! These tests build real clouds, one at a time, in a folder of their own; they share the cached parts with all others.

#![expect(
    clippy::unwrap_used,
    reason = "the helpers of a test fail as the test does: with a panic that names the place"
)]

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

/// Uses the cloud as a member of a project does.
const USE: &str = include_str!("data/use_cloud.py");
/// Says what a profile changed, as an administrator and a member see it.
const LOOK: &str = include_str!("data/look_at_cloud.py");

/// A cloud takes 4 GiB: the tests of this file take turns.
static TURN: Mutex<()> = Mutex::new(());

/// A laboratory in a folder of this test, taken down at its end.
struct Cloud {
    folder: tempfile::TempDir,
    name: String,
    _turn: MutexGuard<'static, ()>,
}

impl Cloud {
    fn new(name: &str) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("reeve-lab-test-")
            .tempdir_in("/var/tmp");
        Self {
            folder: folder.unwrap(),
            name: format!("{name}-{}", std::process::id()),
            // A test that failed has taken its cloud down all the same.
            _turn: TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner),
        }
    }

    fn state(&self) -> &Utf8Path {
        Utf8Path::from_path(self.folder.path()).unwrap()
    }

    fn lab(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lab"));
        let (before, after) = words.split_at(words.iter().position(|word| *word == "--").unwrap_or(words.len()));
        command.arg("--state").arg(self.state()).args(before);
        if before.first() != Some(&"list") {
            command.args(["--name", &self.name]);
        }
        command.args(after).stdin(Stdio::null());
        command
    }

    /// Runs a command with this on its standard input; returns exit code, output and messages.
    fn run(&self, words: &[&str], input: &str) -> (Option<i32>, String, String) {
        let mut command = self.lab(words);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut pipe = child.stdin.take().unwrap();
        let input = input.to_owned();
        // A program that ends before it has read everything closes the pipe.
        std::thread::spawn(move || drop(pipe.write_all(input.as_bytes())));
        let output = child.wait_with_output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    }

    #[track_caller]
    fn fine(&self, words: &[&str], input: &str) -> String {
        let (code, out, err) = self.run(words, input);
        assert_eq!(code, Some(0), "lab {}\n{out}\n{err}", words.join(" "));
        out
    }

    fn python(&self, program: &str, words: &[&str]) -> String {
        let mut all = vec!["shell", "--", "python3", "-"];
        all.extend(words);
        self.fine(&all, program)
    }

    /// Returns everything on the machine that belongs to the laboratory.
    fn traces(&self) -> Vec<String> {
        let mut found = Vec::new();
        let names = |folder: &str| -> Vec<String> {
            let entries = Utf8Path::new(folder).read_dir_utf8().into_iter().flatten().flatten();
            entries.map(|entry| entry.file_name().to_owned()).collect()
        };
        let cgroup = format!("reeve-lab/{}", self.name);
        for hierarchy in names("/sys/fs/cgroup") {
            let path = Utf8PathBuf::from("/sys/fs/cgroup").join(hierarchy).join(&cgroup);
            found.extend(path.exists().then(|| format!("cgroup {path}")));
        }
        let own = format!("{}/{}/", self.state(), self.name);
        let within = format!("/{cgroup}/");
        for pid in names("/proc").into_iter().filter(|name| name.parse::<u32>().is_ok()) {
            for (file, what) in [("mountinfo", &own), ("cmdline", &own), ("cgroup", &within)] {
                let text = std::fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
                if String::from_utf8_lossy(&text).contains(what.as_str()) {
                    found.push(format!("process {pid}: {file} names {what}"));
                }
            }
        }
        found.extend(self.state().join(&self.name).exists().then(|| "its folder".to_owned()));
        found
    }

    #[track_caller]
    fn take_down(&self, after: &str) {
        self.fine(&["down"], "");
        assert!(self.traces().is_empty(), "{after}: {}", self.traces().join("\n"));
    }

    /// Starts `lab up`, kills it as `kill -9` does some time after it said `line`.
    fn kill_up_after(&self, line: &str, milliseconds: u64) {
        let mut command = self.lab(&["up", "openstack"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let heard = BufReader::new(child.stderr.take().unwrap())
            .lines()
            .map_while(Result::ok);
        let mut heard = heard.skip_while(|said| !said.contains(line));
        assert!(heard.next().is_some(), "`lab up` never said {line:?}");
        std::thread::sleep(Duration::from_millis(milliseconds));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        // A test that failed leaves nothing behind either.
        if self.state().join(&self.name).exists() {
            self.run(&["down"], "");
        }
    }
}

#[test]
#[ignore = "needs root and builds a cloud"]
fn a_cloud_works_and_goes_without_a_trace() {
    let cloud = Cloud::new("works");
    cloud.fine(&["up", "openstack"], "");
    let status: serde_json::Value = serde_json::from_str(&cloud.fine(&["status", "--format", "json"], "")).unwrap();
    assert_eq!((&status["kind"], &status["state"]), (&"openstack".into(), &"up".into()));
    assert_eq!(status["profiles"], serde_json::json!([]));

    let said = cloud.python(USE, &[]);
    for worked in [
        "catalogue",
        "ready",
        "detached",
        "backup",
        "encrypted volume",
        "objects",
        "access rules",
        "domain manager",
    ] {
        assert!(said.lines().any(|line| line == worked), "no `{worked}` in {said}");
    }

    // A program of the machine reaches the cloud through its network, and only there.
    let ask = [
        "exec",
        "--",
        "sh",
        "-c",
        "cat \"$OS_CLIENT_CONFIG_FILE\" && ls /sys/class/net && cat /proc/net/tcp",
    ];
    let seen = cloud.fine(&ask, "");
    assert!(seen.contains("auth_url: http://127.0.0.1:5000/v3"), "{seen}");
    // 5000 is 1388 in hexadecimal.
    assert!(seen.contains("0100007F:1388"), "Keystone does not listen in {seen}");
    let here = std::fs::read_to_string("/proc/net/tcp").unwrap();
    assert!(
        !here.contains("0100007F:1388"),
        "Keystone listens on the machine itself"
    );

    // A second `up` changes nothing; programs have logs; a node does not exist.
    cloud.fine(&["up", "openstack"], "");
    assert!(cloud.fine(&["logs", "keystone"], "").contains("WSGI app 0"));
    assert_eq!(cloud.run(&["logs", "n1"], "").0, Some(2));
    assert_eq!(cloud.run(&["shell", "n1", "--", "true"], "").0, Some(2));
    let list = cloud.fine(&["list"], "");
    assert!(list.starts_with(&cloud.name) && list.contains("openstack"), "{list}");
    cloud.take_down("used and taken down");
}

#[test]
#[ignore = "needs root and builds a cloud"]
fn faults_come_and_go_and_come_again() {
    let cloud = Cloud::new("faults");
    cloud.fine(&["up", "openstack"], "");
    let good = cloud.python(LOOK, &[]);
    let profiles = [
        "missing-flavors",
        "overpromising-flavors",
        "image-metadata",
        "hidden-image",
        "community-image",
        "ingress-default-rule",
        "no-default-network",
        "no-domain-managers",
        "rbac-sharing",
        "cinder-backup-down",
        "barbican-creator",
        "rdrand-off",
        "image-conversion",
        "https",
        "tls10",
        "slow",
        "swift",
    ];
    for profile in profiles {
        for _ in 0..2 {
            cloud.fine(&["fault", "inject", profile], "");
        }
        let broken = cloud.python(LOOK, &[]);
        assert_ne!(good, broken, "{profile} is not to be seen");
        let status = cloud.fine(&["status"], "");
        assert!(status.contains(&format!("broken      {profile}\n")), "{status}");
        for _ in 0..2 {
            cloud.fine(&["fault", "repair", profile], "");
        }
        let mended = cloud.python(LOOK, &[]);
        assert_eq!(good, mended, "{profile} was repaired");
    }
    cloud.take_down("broken in every way and taken down");
}

#[test]
#[ignore = "needs root and builds a cloud"]
fn a_maker_killed_at_any_moment_leaves_nothing_after_down() {
    let cloud = Cloud::new("killed");
    let moments = [
        ("begins  copy of the stored state", 0),
        ("begins  copy of the stored state", 200),
        ("begins  namespaces and mounts", 0),
        ("begins  namespaces and mounts", 60),
        ("begins  databases", 0),
        ("begins  databases", 1500),
        ("begins  APIs", 3000),
        ("begins  heartbeats", 500),
    ];
    for (line, milliseconds) in moments {
        cloud.kill_up_after(line, milliseconds);
        cloud.take_down(&format!("killed {milliseconds} ms after `{line}`"));
    }
    // Without `down` in between, the next `up` removes what was left.
    cloud.kill_up_after("begins  APIs", 1000);
    let (code, status, _) = cloud.run(&["status"], "");
    assert!(code == Some(1) && status.contains("half made"), "{status}");
    assert!(
        !cloud.traces().is_empty(),
        "nothing would be found even if something were there"
    );
    cloud.fine(&["up", "openstack", "--break", "hidden-image"], "");
    assert!(cloud.fine(&["status"], "").contains("broken      hidden-image\n"));
    // A program that a person left in it does not keep it.
    let mut inside = cloud.lab(&["exec", "--", "sleep", "600"]).spawn().unwrap();
    cloud.take_down("made after a crash and taken down");
    inside.wait().unwrap();
}
