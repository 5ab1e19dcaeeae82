//! Disks that qemu-img writes, compared byte for byte with what it reads back. `cargo xtask test` installs it and runs this.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails, and says where")]

mod made;

use std::process::Command;
use std::sync::Arc;

use camino::Utf8Path;
use reeve_import::{
    DecodeOptions, DiskImage, FileSource, Folder, NoProgress, RawFile, VmdkImage, decode_image, digest_of,
};

fn qemu_img(words: &[&str], folder: &Utf8Path) {
    let status = Command::new("qemu-img")
        .args(words)
        .current_dir(folder)
        .status()
        .unwrap();
    assert!(status.success(), "qemu-img {words:?}");
}

#[test]
#[ignore = "needs qemu-img (Debian package qemu-utils)"]
fn what_qemu_img_writes_is_read_as_it_reads_it() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Utf8Path::from_path(dir.path()).unwrap();
    let mut content = made::content(6 << 20);
    content.resize(70 << 20, 0);
    content.extend(made::content(made::GRAIN + 512));
    std::fs::write(folder.join("disk.raw"), &content).unwrap();
    for kind in [
        "streamOptimized",
        "monolithicSparse",
        "monolithicFlat",
        "twoGbMaxExtentSparse",
        "twoGbMaxExtentFlat",
    ] {
        let name = format!("{kind}.vmdk");
        let how = format!("subformat={kind}");
        qemu_img(
            &["convert", "-f", "raw", "-O", "vmdk", "-o", &how, "disk.raw", &name],
            folder,
        );
        qemu_img(&["convert", "-f", "vmdk", "-O", "raw", &name, "back.raw"], folder);
        let source = Arc::new(FileSource::open(&folder.join(&name)).unwrap());
        let image = VmdkImage::open(source, &Folder::new(folder)).unwrap();
        assert_eq!(image.kind().as_str(), kind);
        let ours = folder.join(format!("{kind}.raw"));
        let sink = RawFile::create(&ours, image.virtual_size()).unwrap();
        let options = DecodeOptions::default();
        let decoded = decode_image(&image, &sink, options, &NoProgress).unwrap();
        let bytes = std::fs::read(&ours).unwrap();
        assert!(
            bytes == std::fs::read(folder.join("back.raw")).unwrap(),
            "{kind}: as qemu-img reads it"
        );
        assert!(bytes[..content.len()] == content, "{kind}: as it was written");
        let digest = digest_of(&mut &bytes[..], options.digest, bytes.len() as u64).unwrap();
        assert_eq!(decoded.digest, digest, "{kind}");
        std::fs::remove_file(folder.join("back.raw")).unwrap();
    }
}
