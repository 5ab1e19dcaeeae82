//! Machines of a simulated ESXi, by the binary.

use camino::Utf8Path;
use serde_json::{Value, json};

use crate::DISK;
use crate::binary::text;
use crate::desk::{Desk, ended, signal};
use crate::host::Host;

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
