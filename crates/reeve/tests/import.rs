//! `reeve import` as a person or a script meets it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails, and says where")]

mod binary;
#[path = "../../reeve-import/tests/host/mod.rs"]
mod host;

use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use binary::{binary, text};
use camino::Utf8Path;
use host::Host;
use reeve_openstack::fake::{FakeCloud, Fault};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A disk of 1 MiB as qemu-img writes it.
const DISK: &[u8] = include_bytes!("../../reeve-import/tests/corpus/image/qemu-img-stream.vmdk");

const OVF: &str = include_str!("../../reeve-import/tests/made/lab.ovf");

fn shown(folder: &Utf8Path, words: &[&str]) -> String {
    let output = binary(folder, words).output().unwrap();
    format!(
        "$ reeve {}\n{}--- stderr ---\n{}--- exit code {} ---\n",
        words.join(" "),
        text(&output.stdout),
        text(&output.stderr),
        output.status.code().unwrap(),
    )
}

#[test]
fn inspect_tells_what_is_in_a_source() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Utf8Path::from_path(dir.path()).unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).unwrap();
    write("lab-disk1.vmdk", DISK);
    write("lab.ovf", OVF.replace("@SIZE@", "1048576").as_bytes());
    write("cut.vmdk", &DISK[..70_000]);
    write("delta.vmdk", b"# Disk DescriptorFile\nparentCID=12345678\nparentFileNameHint=\"base\x1b[2J.vmdk\"\ncreateType=\"vmfsSparse\"\n");
    write(
        "web.vmx",
        b"config.version = \"8\"\nmemSize = \"512\"\nscsi0.present = \"TRUE\"\nscsi0:0.present = \"TRUE\"\nscsi0:0.fileName = \"delta.vmdk\"\n",
    );
    let all: String = [
        &["import", "inspect", "lab.ovf"][..],
        &["import", "inspect", "lab-disk1.vmdk", "--format", "json"],
        &["import", "inspect", "web.vmx"],
        &["import", "inspect", "cut.vmdk"],
        &["import", "inspect", "none.ova"],
        &["import", "inspect", "."],
    ]
    .iter()
    .map(|words| shown(folder, words))
    .collect();
    insta::assert_snapshot!(all);
}

#[test]
fn inspect_tells_which_system_is_on_a_disk() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Utf8Path::from_path(dir.path()).unwrap();
    let disk = include_bytes!("../../reeve-import/tests/made/windows.vmdk");
    std::fs::write(folder.join("windows.vmdk"), disk).unwrap();
    let said = shown(folder, &["import", "inspect", "windows.vmdk"]);
    let line = "    guest    Windows Server 2022 Datacenter (21H2, 10.0.20348, x86_64)\n";
    assert!(said.contains(line), "{said}");
}

/// A folder with packages and a clouds.yaml, and the cloud; the environment of the machine does not reach the binary.
struct Desk {
    dir: TempDir,
    cloud: FakeCloud,
}

impl Desk {
    async fn new() -> Desk {
        let desk = Desk {
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

    fn path(&self) -> &Utf8Path {
        Utf8Path::from_path(self.dir.path()).unwrap()
    }

    fn file(&self, name: &str, bytes: &[u8]) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    /// Puts a package into a folder; the machine is called as the folder.
    fn package(&self, name: &str, below: &str) {
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
    async fn ends(&self, code: i32, words: &[&str]) -> (String, String) {
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

    async fn plan(&self) {
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

    fn begin(&self, words: &[&str]) -> Child {
        let mut command = self.command(words);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn count(&self, collection: &str) -> usize {
        let mut state = self.cloud.state();
        state.settle();
        state.collections.get(collection).map_or(0, Vec::len)
    }

    /// Waits until an upload is under way.
    async fn uploading(&self) {
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

async fn ended(child: Child) -> Output {
    tokio::task::spawn_blocking(move || child.wait_with_output().unwrap())
        .await
        .unwrap()
}

fn signal(child: &Child, name: &str) {
    let status = Command::new("/bin/kill")
        .args(["-s", name, &child.id().to_string()])
        .status()
        .unwrap();
    assert!(status.success());
}

/// The disk's content, as SHA-512 of it, from the cloud's own words.
fn digest(desk: &Desk) -> String {
    let state = desk.cloud.state();
    state.collections["images"][0]["os_hash_value"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_help_of_every_command() {
    let desk = Desk::new().await;
    for name in ["plan", "run", "resume", "undo", "report"] {
        let (out, _) = desk.ends(0, &["import", name, "--help"]).await;
        insta::assert_snapshot!(format!("help_import_{name}"), out);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_from_the_plan_to_the_report_and_back() {
    let desk = Desk::new().await;
    let folder = desk.path().to_string();
    let words = [
        "import",
        "plan",
        "web.ovf",
        "--cloud",
        "good",
        "--boot",
        "--network",
        "VM Network=inner",
        "--accept-licences",
        "--output",
        "web.json",
    ];
    let mut all = String::new();
    for (code, words) in [
        (0, &words[..]),
        (4, &["import", "run", "web.json"]),
        (0, &["import", "run", "web.json", "--yes"]),
        (0, &["import", "run", "web.json", "--yes"]),
        (0, &["import", "report"]),
        (4, &["import", "undo"]),
        (0, &["import", "undo", "--yes"]),
        (0, &["import", "undo", "--yes"]),
    ] {
        let (out, err) = desk.ends(code, words).await;
        all += &format!(
            "$ reeve {}\n{out}--- stderr ---\n{err}--- exit code {code} ---\n",
            words.join(" ")
        );
        if words == ["import", "report"] {
            let made = ["images", "volumes", "ports", "servers"].map(|collection| desk.count(collection));
            assert_eq!(made, [1, 2, 1, 1]);
        }
    }
    let left = ["images", "volumes", "ports", "servers"].map(|collection| desk.count(collection));
    assert_eq!(left, [0, 0, 0, 0]);
    insta::with_settings!({ filters => vec![
        (regex(&folder).as_str(), "FOLDER"),
        (r"http://127\.0\.0\.1:\d+", "CLOUD"),
        (r"\d{8}T\d{6}Z-import-[0-9a-f]{4}", "RUN"),
        (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[0-9.]*( UTC|Z)", "TIME"),
        (r"(?m)^\d\d:\d\d:\d\d ", "TIME "),
        (r"\(\d+\.\d s\)", "(TOOK)"),
        (r"\d+\.\d s +[0-9.]+", "TOOK RATE"),
        (r"sha256:[0-9a-f]{64}", "DIGEST"),
        (r"blake3:[0-9a-f]{64}", "FINGERPRINT"),
    ] }, {
        insta::assert_snapshot!(all);
    });
}

fn regex(text: &str) -> String {
    text.replace('.', "\\.")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stands_in_the_way_is_told_and_nothing_is_written() {
    let desk = Desk::new().await;
    desk.cloud.state().collections.get_mut("networks").unwrap().clear();
    let words = [
        "import", "plan", "web.ovf", "--cloud", "good", "--boot", "--output", "web.json",
    ];
    let (out, _) = desk.ends(1, &words).await;
    assert!(out.contains("in the way: the package has 1 licence text(s)"), "{out}");
    assert!(out.contains("the project sees no network with a subnet"), "{out}");
    assert!(!desk.path().join("web.json").exists());
    let (out, _) = desk
        .ends(1, &["import", "plan", "web.ovf", "--cloud", "good", "--format", "json"])
        .await;
    let planned: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(planned[0]["plan"], Value::Null);
    assert!(
        planned[0]["blockers"][0]["remedy"]
            .as_str()
            .unwrap()
            .contains("--accept-licences")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_way_to_end_has_its_documented_code() {
    let desk = Desk::new().await;
    desk.plan().await;
    for (code, words, said) in [
        (3, &["import", "plan", "web.ovf", "--cloud", "gone"][..], "hint:"),
        (2, &["import", "plan", "web.ovf", "--cloud", "nobody"], "nobody"),
        (2, &["import", "plan", "none.ova", "--cloud", "good"], "none.ova"),
        (
            2,
            &[
                "import",
                "plan",
                "web.ovf",
                "--cloud",
                "good",
                "--property",
                "status=active",
            ],
            "is not a property",
        ),
        (
            2,
            &["import", "plan", "web.ovf", "--cloud", "good", "--machine", "db"],
            "there are: web",
        ),
        (3, &["import", "run", "web.json", "--yes", "--cloud", "gone"], "hint:"),
        (2, &["import", "run", "web.ovf", "--yes"], "web.ovf"),
        (2, &["import", "resume"], "there is no import"),
        (0, &["import", "resume", "--all"], "there is no import to go on with"),
        (2, &["import", "report"], "there is no import"),
    ] {
        let (_, err) = desk.ends(code, words).await;
        assert!(err.contains(said), "reeve {}: {err}", words.join(" "));
    }
    assert_eq!(desk.count("images"), 0);
    // A failure that stays: the run is paused, and the same command goes on when it is mended.
    desk.cloud.fault(Fault::status("POST /image/v2/images", 5, 403));
    let (_, err) = desk.ends(4, &["import", "run", "web.json", "--yes"]).await;
    assert!(err.contains("images/disk1/make_image failed"), "{err}");
    desk.cloud.state().faults.clear();
    desk.ends(0, &["import", "run", "web.json", "--yes"]).await;
    assert_eq!(desk.count("images"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_is_killed_while_it_copies_leaves_nothing_behind() {
    for (left, back) in [("queued", false), ("saving", false), ("saving", true)] {
        let desk = Desk::new().await;
        desk.plan().await;
        {
            let mut state = desk.cloud.state();
            state.upload_pause = Some(Duration::from_millis(5));
            state.broken_upload_status = left.to_owned();
        }
        let mut child = desk.begin(&["import", "run", "web.json", "--yes"]);
        desk.uploading().await;
        child.kill().unwrap();
        ended(child).await;
        desk.cloud.state().upload_pause = None;
        assert_eq!(desk.count("images"), 1, "it was killed too late");
        if back {
            desk.ends(0, &["import", "undo", "--yes"]).await;
            assert_eq!(desk.count("images"), 0);
            continue;
        }
        let (_, err) = desk.ends(0, &["import", "resume"]).await;
        assert!(err.contains("is finished"), "{err}");
        assert_eq!(desk.count("images"), 1);
        let (out, _) = desk.ends(0, &["import", "report", "--format", "json"]).await;
        let report: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(report["disks"][0]["image"]["digest"], digest(&desk));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_is_interrupted_deletes_its_image() {
    let desk = Desk::new().await;
    desk.plan().await;
    // Longer than what waits between the source and the connection.
    desk.cloud.state().upload_pause = Some(Duration::from_millis(20));
    let child = desk.begin(&["import", "run", "web.json", "--yes"]);
    desk.uploading().await;
    signal(&child, "INT");
    let output = ended(child).await;
    let said = text(&output.stderr);
    desk.cloud.state().upload_pause = None;
    // A disk of one piece is decoded before the signal comes: then the copy is brought to its end, and the run is over.
    match output.status.code() {
        Some(4) => assert!(said.contains("interrupted in good order"), "{said}"),
        other => assert_eq!(other, Some(0), "{said}"),
    }
    assert!(said.contains("stopping:"), "{said}");
    desk.ends(0, &["import", "resume"]).await;
    assert_eq!(desk.count("images"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_machines_beside_each_other_and_one_that_fails() {
    let desk = Desk::new().await;
    let names = ["a", "b", "c", "d", "e"];
    for name in names {
        desk.package(name, "vms/");
    }
    let sources: Vec<String> = names.iter().map(|name| format!("vms/{name}.ovf")).collect();
    let mut words = vec![
        "import",
        "plan",
        "--cloud",
        "good",
        "--accept-licences",
        "--output",
        "plans/",
    ];
    words.extend(sources.iter().map(String::as_str));
    desk.ends(0, &words).await;
    let kept = std::fs::read(desk.path().join("vms/c-disk1.vmdk")).unwrap();
    desk.file("vms/c-disk1.vmdk", &kept[..kept.len() - 600]);
    let words = ["import", "run", "plans", "--parallel", "3", "--yes", "--format", "json"];
    let (out, _) = desk.ends(4, &words).await;
    assert_eq!(desk.count("images"), 4);
    let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |key: &str| lines.iter().filter(|line| !line[key].is_null()).count();
    assert_eq!((of("begin"), of("end")), (5, 5));
    assert!(of("copy") >= 4 && of("record") > 20, "{out}");
    let copied = lines
        .iter()
        .filter(|line| line["copy"]["bytes"] == line["copy"]["of"] && line["copy"].is_object());
    assert_eq!(copied.count(), 4);
    let exits: Vec<i64> = lines
        .iter()
        .filter_map(|line| line["end"]["exit_code"].as_i64())
        .collect();
    assert_eq!(exits.iter().filter(|code| **code == 4).count(), 1, "{exits:?}");
    desk.file("vms/c-disk1.vmdk", &kept);
    desk.ends(0, &["import", "resume", "--all"]).await;
    assert_eq!(desk.count("images"), 5);
    desk.ends(0, &["import", "undo", "--all", "--yes", "--parallel", "4"])
        .await;
    assert_eq!(desk.count("images"), 0);
}

/// The machines of a host as a person meets them: listed, refused with what to do, and brought into a cloud.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs REEVE_VSPHERE_HOST"]
async fn machines_of_a_host_are_listed_and_imported() {
    let (desk, host) = (Desk::new().await, Host::start(&["-esx", "-machines", "2"]));
    let machines = tokio::task::block_in_place(|| host.machines());
    let (first, second) = (DISK.repeat(8), DISK[..512].to_vec());
    let first = first[..first.len() / 512 * 512].to_vec();
    let source = host.furnish(&machines[0], &first, &second).to_string();
    let address = host.address().to_string();
    let password = desk.path().join("password");
    std::fs::write(&password, format!("{}\n", host.text("password"))).unwrap();
    let login = [
        "--vsphere-password-file",
        "password",
        "--vsphere-fingerprint",
        host.text("fingerprint"),
    ];
    let with_login = |words: &[&'static str], more: &[&str]| -> Vec<String> {
        words
            .iter()
            .chain(more)
            .chain(&login)
            .map(|word| (*word).to_owned())
            .collect()
    };
    let ends = async |code: i32, words: Vec<String>| {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        desk.ends(code, &words).await
    };

    // A password that others can read, none at all, a certificate that nobody knows.
    let mode = |mode| std::fs::set_permissions(&password, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    mode(0o644);
    let (_, err) = ends(2, with_login(&["import", "list"], &[&address])).await;
    assert!(err.contains("chmod 600"), "{err}");
    mode(0o600);
    let (_, err) = desk.ends(2, &["import", "list", &address]).await;
    assert!(
        err.contains("there is no password") && err.contains("REEVE_VSPHERE_PASSWORD"),
        "{err}"
    );
    let (_, err) = desk
        .ends(3, &["import", "list", &address, "--vsphere-password-file", "password"])
        .await;
    assert!(
        err.contains("--vsphere-fingerprint") && err.contains("is not trusted"),
        "{err}"
    );

    let (out, _) = ends(0, with_login(&["import", "list"], &[&address])).await;
    assert!(out.contains("2 machines") && out.contains(&source), "{out}");
    let (out, _) = ends(0, with_login(&["import", "list", "--format", "json"], &[&address])).await;
    let listed: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (&listed[0]["power"], &listed[0]["source"]),
        (&json!("off"), &json!(source))
    );
    let (out, _) = ends(0, with_login(&["import", "inspect"], &[&source])).await;
    assert!(out.contains("web.vmdk") && out.contains("pvscsi"), "{out}");

    // The other machine is the simulator's own, whose description is empty: it is left out with a word, and the rest is planned.
    let words = ["import", "plan", "--cloud", "good", "--volumes", "--output", "plans/"];
    let (_, err) = ends(0, with_login(&words, &[&address])).await;
    assert!(err.contains(&format!("{} is left out", machines[1].name)), "{err}");
    let words = ["import", "run", "plans", "--yes"];
    ends(0, with_login(&words, &[])).await;
    let data: Vec<Vec<u8>> = desk.cloud.state().image_data.values().cloned().collect();
    assert!(
        data.len() == 2 && data.contains(&first) && data.contains(&second),
        "byte by byte"
    );
    for entry in desk.path().join("plans").read_dir_utf8().unwrap() {
        let plan = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(!plan.contains("s<e>c"), "{plan}");
    }

    // A password that is wrong is said once for all machines, and the host is asked once.
    std::fs::write(&password, "wrong").unwrap();
    let (_, err) = ends(3, with_login(&["import", "plan", "--cloud", "good"], &[&address])).await;
    assert!(err.contains("refuses the login of root"), "{err}");
}

/// Returns what [`DISK`] is decoded to.
fn decoded() -> Vec<u8> {
    let source = std::sync::Arc::new(reeve_import::MemorySource::new("disk.vmdk", DISK.into()));
    let image = reeve_import::VmdkImage::open(source, &reeve_import::Folder::new(Utf8Path::new("."))).unwrap();
    let mut bytes = vec![0; 1 << 20];
    reeve_import::DiskImage::reader(&image).read_at(&mut bytes, 0).unwrap();
    bytes
}

/// A machine that runs, as a person meets it: refused without the option that changes the host, and with it copied, stopped, killed and taken back.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs REEVE_VSPHERE_HOST"]
async fn a_machine_that_runs_is_exported_and_nothing_is_left_at_the_host() {
    let (desk, host) = (Desk::new().await, Host::start(&["-esx", "-machines", "1", "-running"]));
    let machine = tokio::task::block_in_place(|| host.machines()).remove(0);
    let source = host
        .furnish_exports(&machine, &[("web.vmdk", DISK, 1 << 20)])
        .to_string();
    // Others' snapshots stay, and a lease that nobody gives up ends soon.
    host.obey("snapshot others");
    host.obey("timeout 3");
    let address = host.address().to_string();
    let password = desk.path().join("password");
    std::fs::write(&password, format!("{}\n", host.text("password"))).unwrap();
    std::fs::set_permissions(&password, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let with_login = |words: &[&'static str], more: &[&str]| -> Vec<String> {
        let login = [
            "--vsphere-password-file",
            "password",
            "--vsphere-fingerprint",
            host.text("fingerprint"),
        ];
        let all = words.iter().chain(more).chain(&login);
        all.map(|word| (*word).to_owned()).collect()
    };
    fn borrowed(words: &[String]) -> Vec<&str> {
        words.iter().map(String::as_str).collect()
    }
    let ends = async |code: i32, words: Vec<String>| desk.ends(code, &borrowed(&words)).await;

    let (out, _) = ends(0, with_login(&["import", "list"], &[&address])).await;
    assert!(
        out.contains("in the way: it runs") && out.contains("--snapshot"),
        "{out}"
    );
    let (_, err) = ends(1, with_login(&["import", "plan", "--cloud", "good"], &[&source])).await;
    assert!(err.contains("it runs") && err.contains("--snapshot"), "{err}");
    let words = [
        "import",
        "plan",
        "--cloud",
        "good",
        "--snapshot",
        "--image-format",
        "qcow2",
    ];
    let (out, _) = ends(1, with_login(&words, &[&source])).await;
    assert!(
        out.contains("in the way: a qcow2")
            && out.contains("`--image-format vmdk`, which sends it as it comes, or `raw`"),
        "{out}"
    );
    let words = ["import", "plan", "web.ovf", "--cloud", "good", "--transfer", "lease"];
    let (_, err) = desk.ends(2, &words).await;
    assert!(err.contains("are for machines of ESXi and vCenter"), "{err}");
    let words = [
        "import",
        "plan",
        "--cloud",
        "good",
        "--snapshot",
        "--output",
        "web.json",
    ];
    let (out, _) = ends(0, with_login(&words, &[&address])).await;
    for said in [
        "a snapshot",
        "VMware Tools do not",
        "cannot be looked into",
        "by an export lease",
    ] {
        assert!(out.contains(said), "{said}: {out}");
    }
    assert_eq!(
        (host.snapshots().len(), host.leases("made")),
        (1, 0),
        "a plan changes nothing"
    );

    let run = with_login(&["import", "run", "web.json", "--yes"], &[]);
    for (name, back) in [("KILL", true), ("KILL", false), ("INT", true), ("INT", false)] {
        host.obey("throttle 20000");
        let child = desk.begin(&borrowed(&run));
        desk.uploading().await;
        signal(&child, name);
        let output = ended(child).await;
        let context = format!("{name}, back: {back}\n{}", text(&output.stderr));
        host.obey("throttle 0");
        assert_eq!(
            host.snapshots().len(),
            2,
            "the snapshot waits for what comes next: {context}"
        );
        if name == "INT" {
            assert_eq!(output.status.code(), Some(4), "{context}");
            assert_eq!((desk.count("images"), host.leases("held")), (0, 0), "{context}");
        }
        if !back {
            ends(0, with_login(&["import", "resume"], &[])).await;
            let data: Vec<Vec<u8>> = desk.cloud.state().image_data.values().cloned().collect();
            assert!(data == [decoded()], "byte by byte: {context}");
            assert_eq!(host.snapshots(), ["others"], "{context}");
        }
        ends(0, with_login(&["import", "undo", "--yes"], &[])).await;
        assert_eq!(desk.count("images"), 0, "{context}");
        assert_eq!(host.snapshots(), ["others"], "{context}");
        assert_eq!(host.leases("held"), 0, "{context}");
    }
}
