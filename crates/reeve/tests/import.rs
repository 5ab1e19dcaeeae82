//! `reeve import` as a person or a script meets it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails, and says where")]

use std::process::Command;

use camino::Utf8Path;

/// A disk of 1 MiB as qemu-img writes it.
const DISK: &[u8] = include_bytes!("../../reeve-import/tests/corpus/image/qemu-img-stream.vmdk");

const OVF: &str = include_str!("../../reeve-import/tests/made/lab.ovf");

fn shown(folder: &Utf8Path, words: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_reeve"))
        .args(words)
        .current_dir(folder)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", folder)
        .output()
        .unwrap();
    format!(
        "$ reeve {}\n{}--- stderr ---\n{}--- exit code {} ---\n",
        words.join(" "),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
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
