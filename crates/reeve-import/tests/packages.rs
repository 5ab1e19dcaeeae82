//! Packages on disk: OVA, OVF and VMX folders as `reeve import inspect` sees them; manifests and certificates.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails, and says where")]

mod made;

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use reeve_import::{Depth, Inspection, Manifest, MemorySource, Signature, inspect};

struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Utf8Path {
        Utf8Path::from_path(self.0.path()).unwrap()
    }

    fn file(&self, name: &str, bytes: &[u8]) -> Utf8PathBuf {
        let path = self.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    /// Returns an inspection as JSON, the folder's name taken out.
    fn shown(&self, inspection: &Inspection) -> String {
        serde_json::to_string_pretty(inspection)
            .unwrap()
            .replace(self.path().as_str(), "DESK")
    }
}

fn disk() -> Vec<u8> {
    made::content(5 * made::GRAIN)
}

#[test]
fn an_ova_is_read_in_place() {
    let desk = Desk::new();
    let path = desk.file("lab.ova", &made::ova(&disk()));
    let inspection = inspect(&path, Depth::Digests).unwrap();
    assert!(!inspection.has_problems());
    insta::assert_snapshot!(desk.shown(&inspection));
}

#[test]
fn an_ova_with_a_changed_disk_is_told() {
    let desk = Desk::new();
    let mut bytes = made::ova(&disk());
    let length = bytes.len();
    // In the footer of the disk, where only the digest sees it: behind the header's fields.
    bytes[length - 1024 - 1024 + 200] ^= 1;
    let path = desk.file("lab.ova", &bytes);
    assert!(!inspect(&path, Depth::Tables).unwrap().has_problems());
    let inspection = inspect(&path, Depth::Digests).unwrap();
    assert_eq!(
        inspection.problems,
        ["lab-disk1.vmdk is not the file that the manifest was made for: its SHA256 differs"]
    );
}

#[test]
fn a_folder_with_a_descriptor_is_read() {
    let desk = Desk::new();
    let text = made::OVF.replace("@SIZE@", "9");
    let path = desk.file("lab.ovf", text.as_bytes());
    desk.file("lab-disk1.vmdk", &made::stream(&disk()));
    let inspection = inspect(&path, Depth::Tables).unwrap();
    assert_eq!(
        inspection.disks[0].remarks,
        ["the description says 9 bytes; the disk's own size counts"]
    );
    assert_eq!(
        inspection.remarks,
        ["there is no manifest (.mf): whether the files are whole cannot be checked"]
    );
    desk.file("lab.mf", b"SHA1(lab.ovf)= da39a3ee5e6b4b0d3255bfef95601890afd80709\nSHA1(gone.vmdk)= da39a3ee5e6b4b0d3255bfef95601890afd80709\n");
    let problems = inspect(&path, Depth::Tables).unwrap().problems;
    assert_eq!(
        problems,
        [
            "the manifest has no digest of lab-disk1.vmdk",
            "lab.ovf is not the file that the manifest was made for: its SHA1 differs",
            "gone.vmdk is in the manifest, and there is no such file",
        ]
    );
    fs::remove_file(desk.path().join("lab-disk1.vmdk")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", desk.path().join("lab-disk1.vmdk")).unwrap();
    let disks = inspect(&path, Depth::Tables).unwrap().disks;
    assert!(disks[0].error.as_ref().unwrap().contains("a symbolic link"));
}

#[test]
fn a_disk_in_pieces_and_one_compressed_as_a_whole() {
    let desk = Desk::new();
    let stream = made::stream(&disk());
    let half = stream.len() / 2;
    let text = made::OVF.replace("@SIZE@", &disk().len().to_string());
    let cut = format!(
        "ovf:id=\"file1\" ovf:size=\"{}\" ovf:chunkSize=\"{}\"",
        stream.len(),
        stream.len() - half
    );
    let path = desk.file("lab.ovf", text.replace("ovf:id=\"file1\"", &cut).as_bytes());
    desk.file("lab-disk1.vmdk.000000000", &stream[..stream.len() - half]);
    desk.file("lab-disk1.vmdk.000000001", &stream[stream.len() - half..]);
    let found = inspect(&path, Depth::Tables).unwrap();
    assert_eq!(found.disks[0].virtual_size, Some(disk().len() as u64));
    let path = desk.file(
        "gz.ovf",
        text.replace("ovf:id=\"file1\"", "ovf:id=\"file1\" ovf:compression=\"gzip\"")
            .as_bytes(),
    );
    let found = inspect(&path, Depth::Tables).unwrap();
    assert!(found.disks[0].error.as_ref().unwrap().contains("gunzip"));
    assert!(found.has_problems());
}

#[test]
fn a_folder_of_a_machine_is_read() {
    let desk = Desk::new();
    desk.file("a.vmdk", &made::sparse(&disk(), true));
    let vmx = "config.version = \"8\"\nmemSize = \"512\"\nscsi0.present = \"TRUE\"\nscsi0:0.present = \"TRUE\"\nscsi0:0.fileName = \"a.vmdk\"\nscsi0:1.present = \"TRUE\"\nscsi0:1.fileName = \"gone.vmdk\"\n";
    let path = desk.file("a.vmx", vmx.as_bytes());
    let found = inspect(&path, Depth::Tables).unwrap();
    insta::assert_snapshot!(desk.shown(&found));
}

const MANIFEST: &str = "SHA1(a.ovf)= da39a3ee5e6b4b0d3255bfef95601890afd80709\nSHA256(a (1).vmdk)= e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n";
/// Made by `openssl dgst -sha256 -sign` with a throw-away key, and its certificate.
const SIGNED: &str = include_str!("mutation/signed.cert");

fn signature(manifest: &str, certificate: &str) -> Result<Signature, reeve_import::ReadError> {
    let manifest = Manifest::read(&MemorySource::new("lab.ova (a.mf)", manifest.into())).unwrap();
    Signature::check(&MemorySource::new("lab.ova (a.cert)", certificate.into()), &manifest)
}

#[test]
fn signatures_fit_or_do_not() {
    let good = signature(MANIFEST, SIGNED).unwrap();
    assert!(good.valid && good.self_signed);
    assert_eq!(good.subject, "O=Example, CN=Packages of the lab");
    assert!(!signature(&MANIFEST.replace("da39", "da38"), SIGNED).unwrap().valid);
    let other = SIGNED.replacen("= 5", "= 6", 1);
    assert_ne!(other, SIGNED);
    assert!(!signature(MANIFEST, &other).unwrap().valid);
    let renamed = signature(MANIFEST, &SIGNED.replace("(a.mf)", "(b.mf)")).unwrap_err();
    assert!(
        renamed.to_string().contains("the signature is one over b.mf"),
        "{renamed}"
    );
    assert!(signature(MANIFEST, "SHA256(a.mf)= 00\n").is_err());
    assert!(signature(MANIFEST, &SIGNED.replace("MII", "AAA")).is_err());
}
