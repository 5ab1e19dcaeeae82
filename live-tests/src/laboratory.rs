//! The running laboratory, entered as an operator would.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use camino::Utf8PathBuf;
use serde_json::Value;

/// A running laboratory.
#[derive(Clone, Debug)]
pub struct Laboratory {
    /// The kubeconfig of its Kubernetes cluster.
    pub kubeconfig: Utf8PathBuf,
    /// The ssh configuration that reaches its nodes.
    pub ssh_config: Utf8PathBuf,
    /// Its kubectl.
    pub kubectl: Utf8PathBuf,
    /// The Ceph image that its nodes hold.
    pub ceph_image: String,
    /// Its nodes' names.
    pub nodes: Vec<String>,
    name: String,
    status: Value,
}

/// What a command said.
#[derive(Clone, Debug)]
pub struct Said {
    /// Its exit code; -1 if a signal ended it.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Said {
    /// Returns standard output of a command that must succeed.
    ///
    /// # Panics
    ///
    /// If it did not.
    pub fn fine(self) -> String {
        assert_eq!(self.code, 0, "stdout: {}\nstderr: {}", self.out, self.err);
        self.out
    }
}

impl Laboratory {
    /// Opens the laboratory that `REEVE_LAB` names.
    ///
    /// # Panics
    ///
    /// If the variable is missing or `lab status` does not answer: these tests are nothing without it.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "tests have no command line; the job that runs them names the laboratory here"
    )]
    pub fn open() -> Self {
        let name = std::env::var("REEVE_LAB").expect("REEVE_LAB names the laboratory; `cargo xtask test` sets it");
        let said = run(
            Command::new(target().join("lab")).args(["status", "--name", &name, "--format", "json"]),
            None,
        );
        let status: Value = serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {said:?}"));
        let text = |key: &str| {
            status[key]
                .as_str()
                .unwrap_or_else(|| panic!("no `{key}` in {status}"))
                .to_owned()
        };
        Self {
            kubeconfig: text("kubeconfig").into(),
            ssh_config: text("ssh_config").into(),
            kubectl: text("kubectl").into(),
            ceph_image: text("ceph_image"),
            nodes: status["nodes"]
                .as_array()
                .expect("nodes are listed")
                .iter()
                .map(|node| node["name"].as_str().expect("a node has a name").to_owned())
                .collect(),
            name,
            status,
        }
    }

    /// Returns the address of a node.
    ///
    /// # Panics
    ///
    /// If there is no such node.
    #[must_use]
    pub fn address(&self, node: &str) -> &str {
        let nodes = self.status["nodes"].as_array().into_iter().flatten();
        nodes
            .filter(|listed| listed["name"] == node)
            .find_map(|listed| listed["address"].as_str())
            .unwrap_or_else(|| panic!("no address of {node} in {}", self.status))
    }

    /// Runs a command on a node, as root, through ssh. The words are given to a shell there, quoted.
    #[must_use]
    pub fn on(&self, node: &str, words: &[&str]) -> Said {
        let quoted: Vec<String> = words
            .iter()
            .map(|word| format!("'{}'", word.replace('\'', r"'\''")))
            .collect();
        run(
            Command::new("ssh").args(["-F", self.ssh_config.as_str(), node, &quoted.join(" ")]),
            None,
        )
    }

    /// Runs `kubectl` with `--output json` and reads the answer.
    ///
    /// # Panics
    ///
    /// If it fails.
    #[must_use]
    pub fn kubectl_json(&self, words: &[&str]) -> Value {
        let mut all = words.to_vec();
        all.extend(["--output", "json"]);
        serde_json::from_str(&self.kubectl(&all, None).fine()).expect("kubectl answers in JSON")
    }

    /// Runs `ceph` on the first node; it must succeed.
    pub fn ceph(&self, words: &[&str]) -> String {
        let mut all = vec!["timeout", "30", "ceph"];
        all.extend(words);
        self.on(&self.nodes[0], &all).fine()
    }

    /// Runs `ceph` with `--format json` and reads the answer.
    #[must_use]
    pub fn ceph_json(&self, words: &[&str]) -> Value {
        let mut all = words.to_vec();
        all.extend(["--format", "json"]);
        serde_json::from_str(&self.ceph(&all)).expect("ceph answers in JSON")
    }

    /// Returns the name of the CRUSH host that each OSD is on.
    ///
    /// # Panics
    ///
    /// If a host lists something that is no OSD's number.
    #[must_use]
    pub fn hosts_of_osds(&self) -> BTreeMap<u32, String> {
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let nodes = list(&self.ceph_json(&["osd", "tree"])["nodes"]);
        let hosts = nodes.iter().filter(|node| node["type"] == "host");
        let osds_of = |host: &Value| {
            let name = host["name"].to_string();
            list(&host["children"]).into_iter().map(move |osd| {
                let number = osd.as_u64().and_then(|number| u32::try_from(number).ok());
                (number.expect("a host's children are OSDs"), name.clone())
            })
        };
        hosts.flat_map(osds_of).collect()
    }

    /// Runs `kubectl`, with `input` on standard input.
    #[must_use]
    pub fn kubectl(&self, words: &[&str], input: Option<&str>) -> Said {
        run(
            Command::new(&self.kubectl)
                .args(["--kubeconfig", self.kubeconfig.as_str()])
                .args(words),
            input,
        )
    }

    /// Runs `reeve` in `folder`.
    #[must_use]
    pub fn reeve(&self, folder: &camino::Utf8Path, words: &[&str]) -> Said {
        run(
            Command::new(target().join("reeve")).args(words).current_dir(folder),
            None,
        )
    }

    /// Runs `reeve rook` with `words` and with where this laboratory is; `ssh_config` stands in for the laboratory's own.
    #[must_use]
    pub fn reeve_rook(&self, folder: &camino::Utf8Path, words: &[&str], ssh_config: Option<&camino::Utf8Path>) -> Said {
        run(&mut self.reeve_rook_command(folder, words, ssh_config), None)
    }

    /// Returns the command that [`Laboratory::reeve_rook`] runs.
    #[must_use]
    pub fn reeve_rook_command(
        &self,
        folder: &camino::Utf8Path,
        words: &[&str],
        ssh_config: Option<&camino::Utf8Path>,
    ) -> Command {
        let ssh_config = ssh_config.unwrap_or(&self.ssh_config);
        let mut command = Command::new(target().join("reeve"));
        command.current_dir(folder).arg("rook").args(words);
        command.args(["--admin-host", &self.nodes[0], "--ssh-config", ssh_config.as_str()]);
        command.args([
            "--kubeconfig",
            self.kubeconfig.as_str(),
            "--ceph-image",
            &self.ceph_image,
        ]);
        command
    }

    /// Returns a program that was built beside this test.
    #[must_use]
    pub fn program(&self, name: &str) -> Command {
        Command::new(target().join(name))
    }

    /// Runs `lab WORDS --name` this laboratory; it must succeed.
    pub fn lab(&self, words: &[&str]) {
        let mut all = words.to_vec();
        all.extend(["--name", &self.name]);
        run(Command::new(target().join("lab")).args(all), None).fine();
    }

    /// Runs a command on a node without ssh; it must succeed.
    pub fn lab_shell(&self, node: &str, words: &[&str]) {
        let mut all = vec!["shell", "--name", &self.name, node, "--"];
        all.extend(words);
        run(Command::new(target().join("lab")).args(all), None).fine();
    }

    /// Returns how many programs on the admin host answer the questions of runs to Ceph; each run has two of them.
    ///
    /// # Panics
    ///
    /// If the host cannot be asked.
    #[must_use]
    pub fn conversations(&self) -> usize {
        // The brackets keep the pattern from finding itself.
        let said = self.on(
            &self.nodes[0],
            &["pgrep", "--count", "--full", "from ceph_[a]rgparse import"],
        );
        said.out
            .trim()
            .parse()
            .unwrap_or_else(|_| panic!("no number: {said:?}"))
    }

    /// Writes a file on a node.
    pub fn put(&self, node: &str, path: &str, text: &str) {
        let script = format!("cat > '{path}'");
        let mut command = Command::new("ssh");
        command.args(["-F", self.ssh_config.as_str(), node, &script]);
        run(&mut command, Some(text)).fine();
    }

    /// Returns the process on this machine that is the API server.
    ///
    /// # Panics
    ///
    /// If `lab status` does not list it.
    #[must_use]
    pub fn api_server(&self) -> u32 {
        let processes = self.status["control_plane"].as_array().into_iter().flatten();
        processes
            .filter(|process| process["name"] == "kube-apiserver")
            .find_map(|process| process["pid"].as_u64()?.try_into().ok())
            .unwrap_or_else(|| panic!("no API server in {}", self.status))
    }

    /// Waits until `condition` holds.
    ///
    /// # Panics
    ///
    /// If it does not hold within `deadline`.
    pub fn wait(&self, what: &str, deadline: Duration, mut condition: impl FnMut(&Self) -> bool) {
        let began = Instant::now();
        while !condition(self) {
            assert!(began.elapsed() < deadline, "waited {deadline:?} in vain for {what}");
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    /// Tells whether all mons are in quorum, all OSDs up and in and all PGs active+clean.
    #[must_use]
    pub fn is_well(&self) -> bool {
        let said = self.on(&self.nodes[0], &["timeout", "20", "ceph", "status", "--format", "json"]);
        let Ok(status) = serde_json::from_str::<Value>(&said.out) else {
            return false;
        };
        let osds = &status["osdmap"];
        let clean = status["pgmap"]["pgs_by_state"]
            .as_array()
            .is_some_and(|states| states.iter().all(|state| state["state_name"] == "active+clean"));
        let mons = status["monmap"]["num_mons"].as_u64();
        let quorum = status["quorum_names"].as_array().map(|names| names.len() as u64);
        clean && mons == quorum && osds["num_osds"] == osds["num_up_osds"] && osds["num_osds"] == osds["num_in_osds"]
    }
}

/// Returns the folder of the binaries under test: where cargo put this program, or one up if it is a test.
pub(crate) fn target() -> Utf8PathBuf {
    let exe = Utf8PathBuf::from_path_buf(std::env::current_exe().expect("a test has a path")).expect("UTF-8");
    let folder = exe.parent().expect("a program is in a folder");
    match (folder.file_name(), folder.parent()) {
        (Some("deps"), Some(target)) => target.to_owned(),
        _ => folder.to_owned(),
    }
}

pub(crate) fn run(command: &mut Command, input: Option<&str>) -> Said {
    let mut child = command
        .stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    if let (Some(text), Some(mut pipe)) = (input, child.stdin.take()) {
        pipe.write_all(text.as_bytes()).expect("the program reads its input");
    }
    let output = child.wait_with_output().expect("the program was started");
    Said {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
