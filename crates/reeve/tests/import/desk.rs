//! A folder in which the binary is at work, and the cloud that it works with.

use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use camino::Utf8Path;
use reeve_openstack::fake::FakeCloud;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::binary::{binary, text};
use crate::{DISK, OVF};

/// A folder with packages and a clouds.yaml, and the cloud; the environment of the machine does not reach the binary.
pub(crate) struct Desk {
    dir: TempDir,
    pub(crate) cloud: FakeCloud,
}

impl Desk {
    pub(crate) async fn new() -> Self {
        let desk = Self {
            dir: tempfile::tempdir().unwrap(),
            cloud: FakeCloud::start().await,
        };
        let auth = json!({ "auth_url": format!("{}/identity", desk.cloud.url()), "username": "joe", "user_domain_name": "one",
            "password": "correct horse", "project_name": "alpha", "project_domain_name": "one" });
        let gone = json!({ "auth_url": "http://127.0.0.1:9/identity", "username": "joe", "password": "x", "user_domain_name": "one",
            "project_name": "alpha", "project_domain_name": "one" });
        let cloud = |auth: Value| json!({ "auth": auth, "region_name": "r1" });
        let clouds = json!({ "clouds": { "good": cloud(auth), "gone": cloud(gone) } });
        desk.file("clouds.yaml", clouds.to_string().as_bytes());
        desk.package("web", "");
        {
            let mut state = desk.cloud.state();
            state.add(
                "flavors",
                json!({ "id": "f8", "name": "SCS-8V-16", "vcpus": 8, "ram": 16384, "disk": 0, "extra_specs": {} }),
            );
            state.add(
                "networks",
                json!({ "id": "inner-id", "name": "inner", "project_id": "alpha-id", "subnets": ["s"] }),
            );
        }
        desk
    }

    pub(crate) fn path(&self) -> &Utf8Path {
        Utf8Path::from_path(self.dir.path()).unwrap()
    }

    pub(crate) fn file(&self, name: &str, bytes: &[u8]) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    /// Puts a package into a folder; the machine is called as the folder.
    pub(crate) fn package(&self, name: &str, below: &str) {
        let ovf = OVF
            .replace("@SIZE@", "1048576")
            .replace("lab &amp; more", name)
            .replace("lab-disk1", &format!("{name}-disk1"));
        self.file(&format!("{below}{name}.ovf"), ovf.as_bytes());
        self.file(&format!("{below}{name}-disk1.vmdk"), DISK);
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = binary(self.path(), words);
        command.env("COLUMNS", "120").env("REEVE_CHECK_POLL_MS", "2");
        command
    }

    async fn reeve(&self, words: &[&str]) -> Output {
        let mut command = self.command(words);
        tokio::task::spawn_blocking(move || command.output().unwrap())
            .await
            .unwrap()
    }

    /// Runs a command that has to end with this code, and returns what it says.
    pub(crate) async fn ends(&self, code: i32, words: &[&str]) -> (String, String) {
        let output = self.reeve(words).await;
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(
            output.status.code(),
            Some(code),
            "reeve {}\n{out}\n{err}",
            words.join(" ")
        );
        (out, err)
    }

    pub(crate) async fn plan(&self) {
        let words = [
            "import",
            "plan",
            "web.ovf",
            "--cloud",
            "good",
            "--accept-licences",
            "--output",
            "web.json",
        ];
        self.ends(0, &words).await;
    }

    pub(crate) fn begin(&self, words: &[&str]) -> Child {
        let mut command = self.command(words);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    pub(crate) fn count(&self, collection: &str) -> usize {
        let mut state = self.cloud.state();
        state.settle();
        state.collections.get(collection).map_or(0, Vec::len)
    }

    /// Waits until an upload is under way.
    pub(crate) async fn uploading(&self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let is_saving = |image: &Value| image["status"] == "saving";
            if self
                .cloud
                .state()
                .collections
                .get("images")
                .is_some_and(|images| images.iter().any(is_saving))
            {
                return;
            }
            assert!(Instant::now() < deadline, "no upload begins");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

pub(crate) async fn ended(child: Child) -> Output {
    tokio::task::spawn_blocking(move || child.wait_with_output().unwrap())
        .await
        .unwrap()
}

pub(crate) fn signal(child: &Child, name: &str) {
    let status = Command::new("/bin/kill")
        .args(["-s", name, &child.id().to_string()])
        .status()
        .unwrap();
    assert!(status.success());
}
