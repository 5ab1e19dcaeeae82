//! What a laboratory does to the machine: nothing that `down` does not take back, whenever its maker was killed, and nothing to another laboratory.
//!
//! These tests build real laboratories, small ones: a node, a client, no Kubernetes. They keep them in a folder of their own and share the cached
//! parts with all others.

#![expect(
    clippy::unwrap_used,
    reason = "the helpers of a test fail as the test does: with a panic that names the place"
)]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};

/// The folder of this test's laboratories, on a real file system.
struct Machine {
    folder: tempfile::TempDir,
}

/// Returns a laboratory's name that no other run of these tests on this machine has.
fn named(name: &str) -> String {
    format!("{name}-{}", std::process::id())
}

/// What ended how.
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Machine {
    fn new() -> Self {
        Self {
            folder: tempfile::Builder::new()
                .prefix("reeve-lab-test-")
                .tempdir_in("/var/tmp")
                .unwrap(),
        }
    }

    fn state(&self) -> &Utf8Path {
        Utf8Path::from_path(self.folder.path()).unwrap()
    }

    fn lab(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lab"));
        command
            .arg("--state")
            .arg(self.state())
            .args(words)
            .stdin(Stdio::null());
        command
    }

    fn run(&self, words: &[&str]) -> Said {
        let output = self.lab(words).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Said {
            code: output.status.code(),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }

    #[track_caller]
    fn fine(&self, words: &[&str]) -> String {
        let said = self.run(words);
        assert_eq!(
            said.code,
            Some(0),
            "lab {}\n{}\n{}",
            words.join(" "),
            said.out,
            said.err
        );
        said.out
    }

    /// Runs `ceph` on the first node of a laboratory.
    #[track_caller]
    fn ceph(&self, name: &str, words: &[&str]) -> String {
        let mut all = vec!["shell", "--name", name, "n1", "--", "timeout", "30", "ceph"];
        all.extend(words);
        self.fine(&all)
    }

    /// Returns everything on the machine that belongs to a laboratory of this name or to this test's own cache.
    fn traces(&self, name: &str) -> Vec<String> {
        let mut found = Vec::new();
        let names = |folder: &str| -> Vec<String> {
            let entries = Utf8Path::new(folder).read_dir_utf8().into_iter().flatten().flatten();
            entries.map(|entry| entry.file_name().to_owned()).collect()
        };
        let prefix = format!("reeve-{name}-");
        found.extend(
            names("/run/netns")
                .into_iter()
                .filter(|namespace| namespace.starts_with(&prefix))
                .map(|n| format!("namespace {n}")),
        );
        let own = [format!("{}/{name}/", self.state()), format!("{}/cache", self.state())];
        let loops = Command::new("losetup")
            .args(["--list", "--noheadings", "--output", "NAME,BACK-FILE"])
            .output()
            .unwrap();
        let loops = String::from_utf8_lossy(&loops.stdout).into_owned();
        found.extend(
            loops
                .lines()
                .filter(|line| line.contains(&own[0]))
                .map(|line| format!("loop device {line}")),
        );
        let cgroup = format!("reeve-lab/{name}");
        for hierarchy in names("/sys/fs/cgroup") {
            let path = Utf8PathBuf::from("/sys/fs/cgroup").join(hierarchy).join(&cgroup);
            if path.exists() {
                found.push(format!("cgroup {path}"));
            }
        }
        for pid in names("/proc").into_iter().filter(|name| name.parse::<u32>().is_ok()) {
            let read = |file: &str| {
                std::fs::read(format!("/proc/{pid}/{file}")).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            };
            // Mounts of every mount namespace, not only of this one.
            let within = format!("/{cgroup}/");
            let wanted = [
                ("mountinfo", &own[0]),
                ("mountinfo", &own[1]),
                ("cmdline", &own[0]),
                ("cmdline", &own[1]),
                ("cgroup", &within),
            ];
            for (file, what) in wanted {
                if read(file).is_ok_and(|text| text.contains(what.as_str())) {
                    found.push(format!("process {pid}: {file} names {what}"));
                }
            }
        }
        found
    }

    #[track_caller]
    fn assert_nothing_left(&self, name: &str, after: &str) {
        let left = self.traces(name);
        assert!(left.is_empty(), "{after}:\n{}", left.join("\n"));
        assert!(!self.state().join(name).exists(), "{after}: its folder is still there");
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // A test that failed leaves nothing behind either.
        for entry in self.state().read_dir_utf8().into_iter().flatten().flatten() {
            if entry.path().is_dir() {
                self.run(&["down", "--name", entry.file_name()]);
            }
        }
    }
}

/// A `lab up` whose progress is followed line by line.
struct Maker {
    child: Child,
    lines: std::sync::mpsc::Receiver<String>,
    heard: Vec<String>,
}

impl Maker {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = std::sync::mpsc::channel();
        let reader = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || {
            for line in reader.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self {
            child,
            lines,
            heard: Vec::new(),
        }
    }

    /// Waits for a line that holds `text`.
    #[track_caller]
    fn hear(&mut self, text: &str) {
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(300) {
            match self.lines.recv_timeout(Duration::from_secs(300)) {
                Ok(line) => {
                    self.heard.push(line);
                    if self.heard.last().unwrap().contains(text) {
                        return;
                    }
                }
                Err(_) => break,
            }
        }
        panic!("`lab up` never said {text:?}, but:\n{}", self.heard.join("\n"));
    }

    /// Kills it as `kill -9` does, and nothing else: what it started goes on.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// A laboratory as small as it can be: one node, one mon, two OSDs.
fn small(name: &str) -> Vec<&str> {
    vec!["up", "rook", "--no-kubernetes", "--nodes", "1", "--name", name]
}

#[test]
#[ignore = "needs root and builds a laboratory"]
fn a_maker_killed_at_any_moment_leaves_nothing_after_down() {
    let machine = Machine::new();
    // The moments: a line of progress, and so many milliseconds more. Three laboratories die beside each other, which also shows that a `down` takes
    // nothing of another one that is being made.
    let lanes: [(&str, &[(&str, u64)]); 3] = [
        (
            "killed",
            &[
                ("begins  network", 0),
                ("begins  network", 60),
                ("begins  node roots", 150),
                ("begins  Ceph: mons", 250),
            ],
        ),
        (
            "dead",
            &[
                ("begins  network", 15),
                ("begins  node roots", 0),
                ("begins  boot", 600),
                ("begins  Ceph: OSDs", 1500),
            ],
        ),
        (
            "ended",
            &[
                ("begins  network", 30),
                ("begins  node roots", 60),
                ("begins  boot", 0),
                ("begins  boot", 30),
            ],
        ),
    ];
    std::thread::scope(|scope| {
        for (name, moments) in &lanes {
            let machine = &machine;
            scope.spawn(move || {
                let name = &named(name);
                for (line, milliseconds) in *moments {
                    let mut maker = Maker::start(machine.lab(&small(name)));
                    maker.hear(line);
                    std::thread::sleep(Duration::from_millis(*milliseconds));
                    maker.kill();
                    machine.fine(&["down", "--name", name]);
                    machine.assert_nothing_left(name, &format!("killed {milliseconds} ms after `{line}`"));
                }
            });
        }
    });

    // Without `down` in between, the next `up` removes what was left, and then `down` what it made.
    let name = &named("killed");
    let mut without_osds = small(name);
    without_osds.extend(["--osds-per-node", "0"]);
    let mut maker = Maker::start(machine.lab(&without_osds));
    maker.hear("begins  Ceph: mons");
    maker.kill();
    let status = machine.run(&["status", "--name", name]);
    assert_eq!(status.code, Some(1));
    assert!(status.out.contains("half made"), "{}", status.out);
    assert!(
        !machine.traces(name).is_empty(),
        "nothing would be found even if something were there"
    );
    machine.fine(&without_osds);
    let up = machine.fine(&["status", "--name", name]);
    assert!(up.starts_with(&format!("laboratory  {name}: up\n")), "{up}");
    machine.fine(&["down", "--name", name]);
    machine.assert_nothing_left(name, "made after a crash and taken down");
}

#[test]
#[ignore = "needs root and builds a laboratory"]
fn a_maker_of_cached_parts_killed_in_the_middle_leaves_nothing_after_down() {
    let machine = Machine::new();
    let name = &named("cold");
    let cache = machine.state().join("cache");
    let mut words = vec!["--cache", cache.as_str()];
    words.extend(small(name));
    let mut maker = Maker::start(machine.lab(&words));
    maker.hear("begins  node tree");
    // Downloads and the first packages' installation are under way then.
    std::thread::sleep(Duration::from_secs(6));
    maker.kill();
    assert!(
        !machine.traces(name).is_empty(),
        "the makers of the tree should still run"
    );
    machine.fine(&["--cache", cache.as_str(), "down", "--name", name]);
    machine.assert_nothing_left(name, "killed while the tree was made");
    let left: Vec<_> = cache
        .read_dir_utf8()
        .unwrap()
        .flatten()
        .map(|entry| entry.file_name().to_owned())
        .collect();
    assert_eq!(left, ["lock"], "half made parts are removed");
}

#[test]
#[ignore = "needs root and builds a laboratory"]
fn two_laboratories_do_not_disturb_each_other() {
    let machine = Machine::new();
    let (one, other) = (&named("left"), &named("right"));
    let mut left = small(one);
    left.extend(["--mon-id-style", "upper"]);
    std::thread::scope(|scope| {
        let making = scope.spawn(|| machine.fine(&left));
        machine.fine(&small(other));
        making.join().unwrap();
    });
    let fsid = |name: &str| machine.ceph(name, &["fsid"]);
    let (left_id, right_id) = (fsid(one), fsid(other));
    assert_ne!(left_id, right_id);
    assert!(
        machine.ceph(one, &["mon", "stat"]).contains("N1"),
        "mon ids in capitals were asked for"
    );

    // A second `up` of one that is well changes nothing; one of other parts is refused.
    machine.fine(&small(other));
    assert_eq!(fsid(other), right_id);
    let refused = machine.run(&["up", "rook", "--no-kubernetes", "--nodes", "2", "--name", other]);
    assert_eq!(refused.code, Some(2), "{}", refused.err);
    assert!(refused.err.contains("is up with other parts"), "{}", refused.err);

    // A client writes through the legacy configuration; the power of the other laboratory's node is cut meanwhile.
    machine.fine(&["fault", "--name", one, "inject", "power-cut", "n1"]);
    let fio =
        "fio --name=w --ioengine=rbd --clientname=volumes --pool=volumes --rbdname=disk --rw=write --bs=64k --size=8M";
    let mut words = vec!["shell", "--name", other, "client", "--"];
    words.extend(fio.split(' '));
    machine.fine(&words);
    assert_eq!(
        machine.run(&["status", "--name", one]).code,
        Some(1),
        "a node without power is no laboratory that is well"
    );
    machine.fine(&["fault", "--name", one, "repair", "power-cut", "n1"]);
    let began = Instant::now();
    while !machine.ceph(one, &["osd", "stat"]).contains("2 up") {
        assert!(
            began.elapsed() < Duration::from_secs(120),
            "OSDs do not come back after a power cut"
        );
        std::thread::sleep(Duration::from_secs(1));
    }
    assert_eq!(fsid(one), left_id, "the same cluster comes back");

    machine.fine(&["down", "--name", one]);
    machine.assert_nothing_left(one, "taken down beside another");
    let status = machine.fine(&["status", "--name", other, "--format", "json"]);
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    assert_eq!(
        (&status["state"], &status["nodes"][0]["running"]),
        (&"up".into(), &true.into())
    );
    assert_eq!(fsid(other), right_id);
    machine.fine(&["down", "--name", other]);
    machine.assert_nothing_left(other, "taken down");
    assert!(machine.fine(&["list"]).is_empty());
}
