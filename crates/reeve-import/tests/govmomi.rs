//! The 960 OVF descriptors among govmomi's own tests (Go module github.com/vmware/govmomi v0.55.0, folder ovf/fixtures): each is read
//! without a panic, and those that are not accepted are listed with the reason in `snapshots/govmomi__rejects.snap`.
//!
//! The files are not part of this project; `cargo xtask test` gets them from the Go module proxy.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails, and says where")]

use std::fmt::Write;

use camino::{Utf8Path, Utf8PathBuf};
use reeve_import::{Envelope, FileSource};

fn descriptors(folder: &Utf8Path, found: &mut Vec<Utf8PathBuf>) {
    for entry in folder.read_dir_utf8().unwrap() {
        let path = entry.unwrap().into_path();
        if path.is_dir() {
            descriptors(&path, found);
        } else if path
            .extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("ovf"))
        {
            found.push(path);
        }
    }
}

#[test]
#[ignore = "needs govmomi's fixtures; REEVE_OVF_FIXTURES names their folder"]
fn rejects() {
    let folder = std::env::var_os("REEVE_OVF_FIXTURES").expect("REEVE_OVF_FIXTURES names the fixtures' folder");
    let folder = Utf8PathBuf::try_from(std::path::PathBuf::from(folder)).unwrap();
    let mut paths = Vec::new();
    descriptors(&folder, &mut paths);
    paths.sort();
    let (mut machines, mut disks, mut nics, mut rejects) = (0, 0, 0, 0);
    let mut lines = String::new();
    for path in &paths {
        let source = FileSource::open(path).unwrap();
        match Envelope::read(&source) {
            Ok(envelope) => {
                machines += envelope.machines.len();
                disks += envelope
                    .machines
                    .iter()
                    .map(|machine| machine.disks.len())
                    .sum::<usize>();
                nics += envelope
                    .machines
                    .iter()
                    .map(|machine| machine.nics.len())
                    .sum::<usize>();
            }
            Err(error) => {
                rejects += 1;
                let said = error
                    .to_string()
                    .replace(folder.as_str(), "")
                    .trim_start_matches('/')
                    .to_owned();
                writeln!(lines, "{said}").unwrap();
            }
        }
    }
    let head = format!(
        "{} descriptors, {rejects} not accepted; in the others {machines} machines with {disks} disks and {nics} network interfaces\n\n",
        paths.len()
    );
    insta::assert_snapshot!(head + &lines);
}
