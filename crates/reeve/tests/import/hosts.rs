//! Machines of a simulated ESXi, by the binary.

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::{Value, json};

use crate::DISK;
use crate::binary::text;
use crate::desk::{Desk, ended, signal};
use crate::host::Host;

/// A desk, a host, and a file on the desk with the host's password that nobody else can read.
struct Visit {
    desk: Desk,
    host: Host,
    address: String,
    password: Utf8PathBuf,
}

impl Visit {
    async fn new(arguments: &[&str]) -> Self {
        let (desk, host) = (Desk::new().await, Host::start(arguments));
        let visit = Self {
            address: host.address().to_string(),
            password: desk.path().join("password"),
            desk,
            host,
        };
        std::fs::write(&visit.password, format!("{}\n", visit.host.text("password"))).unwrap();
        visit.mode(0o600);
        visit
    }

    /// Sets who can read the file with the password.
    fn mode(&self, mode: u32) {
        std::fs::set_permissions(&self.password, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    }

    /// Returns the words with those of the login behind them.
    fn with_login<'a>(&'a self, words: &[&'a str]) -> Vec<&'a str> {
        let login = [
            "--vsphere-password-file",
            "password",
            "--vsphere-fingerprint",
            self.host.text("fingerprint"),
        ];
        [words, &login].concat()
    }

    /// As [`Desk::ends`], with the login behind the words.
    async fn ends(&self, code: i32, words: &[&str]) -> (String, String) {
        self.desk.ends(code, &self.with_login(words)).await
    }
}

/// The machines of a host as a person meets them: listed, refused with what to do, and brought into a cloud.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs REEVE_VSPHERE_HOST"]
async fn machines_of_a_host_are_listed_and_imported() {
    let visit = Visit::new(&["-esx", "-machines", "2"]).await;
    let Visit {
        desk, host, address, ..
    } = &visit;
    let machines = tokio::task::block_in_place(|| host.machines());
    let (first, second) = (DISK.repeat(8), DISK[..512].to_vec());
    let first = first[..first.len() / 512 * 512].to_vec();
    let source = host.furnish(&machines[0], &first, &second).to_string();

    // A password that others can read, none at all, a certificate that nobody knows.
    visit.mode(0o644);
    let (_, err) = visit.ends(2, &["import", "list", address]).await;
    assert!(err.contains("chmod 600"), "{err}");
    visit.mode(0o600);
    let (_, err) = desk.ends(2, &["import", "list", address]).await;
    assert!(
        err.contains("there is no password") && err.contains("REEVE_VSPHERE_PASSWORD"),
        "{err}"
    );
    let (_, err) = desk
        .ends(3, &["import", "list", address, "--vsphere-password-file", "password"])
        .await;
    assert!(
        err.contains("--vsphere-fingerprint") && err.contains("is not trusted"),
        "{err}"
    );

    let (out, _) = visit.ends(0, &["import", "list", address]).await;
    assert!(out.contains("2 machines") && out.contains(&source), "{out}");
    let (out, _) = visit.ends(0, &["import", "list", "--format", "json", address]).await;
    let listed: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (&listed[0]["power"], &listed[0]["source"]),
        (&json!("off"), &json!(source))
    );
    let (out, _) = visit.ends(0, &["import", "inspect", &source]).await;
    assert!(out.contains("web.vmdk") && out.contains("pvscsi"), "{out}");

    // The other machine is the simulator's own, whose description is empty: it is left out with a word, and the rest is planned.
    let words = [
        "import",
        "plan",
        "--cloud",
        "good",
        "--volumes",
        "--output",
        "plans/",
        address,
    ];
    let (_, err) = visit.ends(0, &words).await;
    assert!(err.contains(&format!("{} is left out", machines[1].name)), "{err}");
    let words = ["import", "run", "plans", "--yes"];
    visit.ends(0, &words).await;
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
    std::fs::write(&visit.password, "wrong").unwrap();
    let (_, err) = visit.ends(3, &["import", "plan", "--cloud", "good", address]).await;
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
    let visit = Visit::new(&["-esx", "-machines", "1", "-running"]).await;
    let Visit {
        desk, host, address, ..
    } = &visit;
    let machine = tokio::task::block_in_place(|| host.machines()).remove(0);
    let source = host
        .furnish_exports(&machine, &[("web.vmdk", DISK, 1 << 20)])
        .to_string();
    // Others' snapshots stay, and a lease that nobody gives up ends soon.
    host.obey("snapshot others");
    host.obey("timeout 3");

    let (out, _) = visit.ends(0, &["import", "list", address]).await;
    assert!(
        out.contains("in the way: it runs") && out.contains("--snapshot"),
        "{out}"
    );
    let (_, err) = visit.ends(1, &["import", "plan", "--cloud", "good", &source]).await;
    assert!(err.contains("it runs") && err.contains("--snapshot"), "{err}");
    let words = [
        "import",
        "plan",
        "--cloud",
        "good",
        "--snapshot",
        "--image-format",
        "qcow2",
        &source,
    ];
    let (out, _) = visit.ends(1, &words).await;
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
        address,
    ];
    let (out, _) = visit.ends(0, &words).await;
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

    let run = visit.with_login(&["import", "run", "web.json", "--yes"]);
    for (name, back) in [("KILL", true), ("KILL", false), ("INT", true), ("INT", false)] {
        host.obey("throttle 20000");
        let child = desk.begin(&run);
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
            visit.ends(0, &["import", "resume"]).await;
            let data: Vec<Vec<u8>> = desk.cloud.state().image_data.values().cloned().collect();
            assert!(data == [decoded()], "byte by byte: {context}");
            assert_eq!(host.snapshots(), ["others"], "{context}");
        }
        visit.ends(0, &["import", "undo", "--yes"]).await;
        assert_eq!(desk.count("images"), 0, "{context}");
        assert_eq!(host.snapshots(), ["others"], "{context}");
        assert_eq!(host.leases("held"), 0, "{context}");
    }
}
