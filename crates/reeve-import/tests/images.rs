//! Every kind of image, read at any place and as a whole; and everything that must be refused.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails, and says where")]

mod made;

use std::sync::{Arc, Mutex};

use made::{GRAIN, content, pieces, sparse, stream};
use proptest::prelude::*;
use reeve_import::{
    ByteSource, ContentDigest, DecodeOptions, DigestKind, DiskImage, DiskSink, ExtentKind, MemorySource, NoProgress,
    ReadError, StreamDisk, VmdkImage, decode_image, decode_stream, digest_of,
};

/// Keeps what is written, and refuses to be written twice at one place.
struct Memory(Mutex<(Vec<u8>, Vec<bool>)>);

impl Memory {
    fn new(size: u64) -> Self {
        let size = usize::try_from(size).unwrap();
        Self(Mutex::new((vec![0; size], vec![false; size / 512])))
    }

    fn bytes(self) -> Vec<u8> {
        self.0.into_inner().unwrap().0
    }
}

impl DiskSink for Memory {
    fn write_at(&self, bytes: &[u8], offset: u64) -> std::io::Result<()> {
        let mut inner = self.0.lock().unwrap();
        let start = usize::try_from(offset).unwrap();
        inner.0[start..start + bytes.len()].copy_from_slice(bytes);
        for sector in start / 512..(start + bytes.len()) / 512 {
            assert!(
                !std::mem::replace(&mut inner.1[sector], true),
                "sector {sector} is written twice"
            );
        }
        Ok(())
    }
}

fn options(threads: usize, digest: DigestKind) -> DecodeOptions {
    DecodeOptions { threads, digest }
}

fn memory(name: &str, bytes: &[u8]) -> Arc<dyn ByteSource> {
    Arc::new(MemorySource::new(name, bytes.to_vec()))
}

/// Nothing beside the image.
fn alone() -> made::Files {
    made::Files::new(&[])
}

fn expected(disk: &[u8], kind: DigestKind) -> ContentDigest {
    digest_of(&mut &disk[..], kind, disk.len() as u64).unwrap()
}

fn check_whole(image: &VmdkImage, disk: &[u8]) {
    assert_eq!(image.virtual_size(), disk.len() as u64);
    let mut place = 0;
    for extent in image.extents() {
        let extent = extent.unwrap();
        assert_eq!(extent.start, place, "no gap between extents");
        assert!(extent.length > 0);
        let range = usize::try_from(extent.start).unwrap()..usize::try_from(extent.end()).unwrap();
        if extent.kind != ExtentKind::Data {
            assert!(
                disk[range].iter().all(|byte| *byte == 0),
                "a hole at {place} where there is data"
            );
        }
        place = extent.end();
    }
    assert_eq!(place, disk.len() as u64, "extents end with the disk");
    for (threads, kind) in [
        (1, DigestKind::Blake3Chunks),
        (3, DigestKind::Blake3Chunks),
        (2, DigestKind::Sha256),
    ] {
        let sink = Memory::new(image.virtual_size());
        let decoded = decode_image(image, &sink, options(threads, kind), &NoProgress).unwrap();
        assert_eq!(decoded.digest, expected(disk, kind));
        let bytes = sink.bytes();
        assert!(bytes == disk, "{threads} threads");
    }
}

/// The disk that most tests use: more than one grain table, more than one chunk, an end inside a grain.
fn disk() -> Vec<u8> {
    let mut disk = content(3 * (1 << 20) + 5 * GRAIN + 3 * 512);
    // A stretch without a grain that is longer than what a table covers.
    disk.resize(40 << 20, 0);
    disk.extend(content(2 * GRAIN + 512));
    disk
}

#[test]
fn every_kind_gives_the_same_bytes() {
    let disk = disk();
    let image = VmdkImage::open(memory("stream.vmdk", &stream(&disk)), &alone()).unwrap();
    assert_eq!(image.kind().as_str(), "streamOptimized");
    assert_eq!(image.adapter(), Some("lsilogic"));
    check_whole(&image, &disk);
    let image = VmdkImage::open(memory("sparse.vmdk", &sparse(&disk, true)), &alone()).unwrap();
    assert_eq!(image.kind().as_str(), "monolithicSparse");
    check_whole(&image, &disk);
    let files = pieces(&disk);
    let image = VmdkImage::open(files.source("a.vmdk"), &files).unwrap();
    let mut with_zeros = disk;
    with_zeros.resize(with_zeros.len() + (1 << 20), 0);
    check_whole(&image, &with_zeros);
}

#[test]
fn a_stream_gives_the_same_bytes_and_ends_where_the_disk_ends() {
    let disk = disk();
    for threads in [1, 3] {
        let mut bytes = stream(&disk);
        let length = bytes.len() as u64;
        bytes.extend(b"what follows in the archive");
        let open = StreamDisk::open(&bytes[..], "stream.vmdk").unwrap();
        let sink = Memory::new(open.virtual_size());
        let (decoded, after) =
            decode_stream(open, &sink, options(threads, DigestKind::Blake3Chunks), &NoProgress).unwrap();
        assert_eq!(decoded.digest, expected(&disk, DigestKind::Blake3Chunks));
        assert!(sink.bytes() == disk);
        assert_eq!(after.consumed(), length);
        assert_eq!(after.into_input(), b"what follows in the archive");
    }
}

/// Reads a stream to its end.
fn read_stream(bytes: &[u8]) -> Result<(), ReadError> {
    let disk = StreamDisk::open(bytes, "stream.vmdk")?;
    let sink = reeve_import::NoSink;
    match decode_stream(disk, &sink, options(1, DigestKind::Blake3Chunks), &NoProgress) {
        Ok(_) => Ok(()),
        Err(reeve_import::DecodeError::Read(error)) => Err(error),
        Err(error) => panic!("{error}"),
    }
}

/// Reads an image to its end.
fn read_image(bytes: &[u8]) -> Result<(), ReadError> {
    let image = VmdkImage::open(memory("image.vmdk", bytes), &alone())?;
    match decode_image(
        &image,
        &reeve_import::NoSink,
        options(1, DigestKind::Blake3Chunks),
        &NoProgress,
    ) {
        Ok(_) => Ok(()),
        Err(reeve_import::DecodeError::Read(error)) => Err(error),
        Err(error) => panic!("{error}"),
    }
}

/// Where the first grain's marker stands in the made stream.
const FIRST_GRAIN: usize = 128 * 512;

fn with(bytes: &[u8], at: usize, new: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at..at + new.len()].copy_from_slice(new);
    bytes
}

#[test]
fn lies_are_found_and_placed() {
    let disk = content(8 * GRAIN);
    let good = stream(&disk);
    read_stream(&good).unwrap();
    read_image(&good).unwrap();
    let tail = good.len();
    let lies: Vec<(&str, Vec<u8>)> = vec![
        ("cut in the header", good[..300].to_vec()),
        ("cut before the first grain", good[..FIRST_GRAIN].to_vec()),
        ("cut in a grain", good[..FIRST_GRAIN + 100].to_vec()),
        ("cut before the footer", good[..tail - 1536].to_vec()),
        ("cut before the end", good[..tail - 512].to_vec()),
        (
            "marker of another grain",
            with(&good, FIRST_GRAIN, &128_u64.to_le_bytes()),
        ),
        ("marker inside a grain", with(&good, FIRST_GRAIN, &1_u64.to_le_bytes())),
        (
            "marker beyond the disk",
            with(&good, FIRST_GRAIN, &(1_u64 << 40).to_le_bytes()),
        ),
        ("grain of 4 GiB", with(&good, FIRST_GRAIN + 8, &u32::MAX.to_le_bytes())),
        ("grain of 5 bytes", with(&good, FIRST_GRAIN + 8, &5_u32.to_le_bytes())),
        ("broken grain", with(&good, FIRST_GRAIN + 40, &[0xff; 8])),
        ("another capacity", with(&good, 12, &(64_u64 << 21).to_le_bytes())),
        (
            "footer of another disk",
            with(&good, tail - 1024 + 12, &(64_u64 << 21).to_le_bytes()),
        ),
        (
            "footer without a directory",
            with(&good, tail - 1024 + 56, &u64::MAX.to_le_bytes()),
        ),
        (
            "footer with a wrong directory",
            with(&good, tail - 1024 + 56, &129_u64.to_le_bytes()),
        ),
        (
            "directory beyond the file",
            with(&good, tail - 1024 + 56, &(1_u64 << 40).to_le_bytes()),
        ),
        ("unknown marker", with(&good, tail - 1536 + 12, &9_u32.to_le_bytes())),
    ];
    let mut said = String::new();
    for (what, bytes) in &lies {
        let image = read_image(bytes).expect_err(what);
        let stream = read_stream(bytes).expect_err(what);
        said.push_str(&format!("{what}\n  {image}\n  {stream}\n"));
    }
    insta::assert_snapshot!(said);
}

#[test]
fn tables_that_lead_twice_to_one_place_are_refused() {
    let disk = content(40 << 20);
    let good = sparse(&disk, true);
    read_image(&good).unwrap();
    let (directory, table) = (21 * 512, 22 * 512);
    let entry = |at: usize| u32::from_le_bytes(good[at..at + 4].try_into().unwrap());
    let lies = [
        (
            "two tables in one",
            with(&good, directory + 4, &entry(directory).to_le_bytes()),
        ),
        ("two grains in one", with(&good, table + 4, &entry(table).to_le_bytes())),
        (
            "overlapping grains",
            with(&good, table + 4, &(entry(table) + 1).to_le_bytes()),
        ),
        ("grain beyond the file", with(&good, table, &u32::MAX.to_le_bytes())),
        ("grain that says zeros", with(&good, table, &1_u32.to_le_bytes())),
        ("table beyond the file", with(&good, directory, &u32::MAX.to_le_bytes())),
        ("capacity of 60 TiB", with(&good, 12, &(60_u64 << 31).to_le_bytes())),
    ];
    let said: String = lies
        .iter()
        .map(|(what, bytes)| format!("{what}\n  {}\n", read_image(bytes).expect_err(what)))
        .collect();
    insta::assert_snapshot!(said);
}

#[test]
fn other_files_are_told_by_name() {
    let mut said = String::new();
    for head in [
        &b"QFI\xfb"[..],
        b"vhdxfile",
        b"conectix",
        b"\x1f\x8b\x08",
        b"PK\x03\x04",
        b"COWD",
        &0xcafe_babe_u64.to_le_bytes(),
        b"",
        b"<html>",
    ] {
        let mut bytes = head.to_vec();
        if !bytes.is_empty() {
            bytes.resize(1024, 0);
        }
        said.push_str(&format!("{}\n", read_image(&bytes).unwrap_err()));
    }
    let piece = sparse(&content(GRAIN), false);
    said.push_str(&format!("{}\n", read_image(&piece).unwrap_err()));
    insta::assert_snapshot!(said);
}

#[test]
fn a_piece_that_is_missing_or_cut_is_an_error() {
    let disk = content(12 * GRAIN);
    let mut files = pieces(&disk);
    files.bytes_mut("a-f003.vmdk").pop();
    let error = VmdkImage::open(files.source("a.vmdk"), &files)
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("a-f003.vmdk is to hold"), "{error}");
    let only = made::Files::new(&[("a.vmdk", files.bytes_mut("a.vmdk").clone())]);
    let error = VmdkImage::open(only.source("a.vmdk"), &only).err().unwrap();
    assert!(matches!(error, ReadError::Io { .. }), "{error}");
}

#[test]
fn a_disk_as_esxi_keeps_it_is_read() {
    let disk = content(5 * GRAIN + 512);
    let text = format!(
        "# Disk DescriptorFile\nversion=1\nencoding=\"UTF-8\"\nCID=12345678\nparentCID=ffffffff\ncreateType=\"vmfs\"\n\n# Extent description\nRW {} VMFS \"a-flat.vmdk\"\n\nddb.thinProvisioned = \"1\"\n",
        disk.len() / 512
    );
    let files = made::Files::new(&[("a.vmdk", text.into_bytes()), ("a-flat.vmdk", disk.clone())]);
    let image = VmdkImage::open(files.source("a.vmdk"), &files).unwrap();
    assert_eq!(image.kind().as_str(), "vmfs");
    check_whole(&image, &disk);
    let error = VmdkImage::open(files.source("a-flat.vmdk"), &files).err().unwrap();
    assert!(error.to_string().contains("name the small .vmdk beside it"), "{error}");
}

/// A sink that is full after some bytes.
struct Full(u64);

impl DiskSink for Full {
    fn write_at(&self, _bytes: &[u8], offset: u64) -> std::io::Result<()> {
        if offset >= self.0 {
            return Err(std::io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }
}

#[test]
fn a_full_sink_and_a_stop_end_all_workers() {
    let disk = content(16 << 20);
    let image = VmdkImage::open(memory("stream.vmdk", &stream(&disk)), &alone()).unwrap();
    for kind in [DigestKind::Blake3Chunks, DigestKind::Sha256] {
        let error = decode_image(&image, &Full(3 << 20), options(4, kind), &NoProgress).unwrap_err();
        assert!(matches!(error, reeve_import::DecodeError::Write { offset, .. } if offset >= 3 << 20));
    }
    struct Stop;
    impl reeve_import::Progress for Stop {
        fn advanced(&self, _position: u64, _written: u64) {}
        fn stopped(&self) -> bool {
            true
        }
    }
    let error = decode_image(&image, &Full(u64::MAX), options(2, DigestKind::Sha256), &Stop).unwrap_err();
    assert!(matches!(error, reeve_import::DecodeError::Stopped));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Any part of any kind reads as the same part of the disk.
    #[test]
    fn any_part_reads_the_same(ranges in prop::collection::vec((0_usize..(2 << 20), 1_usize..300_000), 1..6)) {
        let disk = content((2 << 20) + 3 * 512);
        let files = pieces(&disk);
        let images = [
            VmdkImage::open(memory("stream.vmdk", &stream(&disk)), &alone()).unwrap(),
            VmdkImage::open(memory("sparse.vmdk", &sparse(&disk, true)), &alone()).unwrap(),
            VmdkImage::open(files.source("a.vmdk"), &files).unwrap(),
        ];
        for image in &images {
            let mut reader = image.reader();
            for (start, length) in &ranges {
                let end = (start + length).min(disk.len());
                let mut buffer = vec![1; end - start];
                reader.read_at(&mut buffer, *start as u64).unwrap();
                prop_assert!(buffer == disk[*start..end], "{} from {start} to {end}", image.kind().as_str());
            }
            prop_assert!(reader.read_at(&mut [0; 2], image.virtual_size() - 1).is_err());
        }
    }

    /// A byte changed anywhere in a stream is an error, or changes no byte of the disk: it was padding, or text for people.
    #[test]
    fn a_changed_byte_is_never_believed(place in any::<prop::sample::Index>(), flip in 1_u8..) {
        let disk = content(6 * GRAIN);
        let good = stream(&disk);
        let mut bytes = good.clone();
        let at = place.index(bytes.len());
        bytes[at] ^= flip;
        if let Ok(open) = StreamDisk::open(&bytes[..], "stream.vmdk") {
            let sink = Memory::new(open.virtual_size().min(64 << 20));
            if open.virtual_size() <= 64 << 20
                && let Ok((decoded, _)) = decode_stream(open, &sink, options(1, DigestKind::Blake3Chunks), &NoProgress)
            {
                prop_assert_eq!(decoded.digest, expected(&disk, DigestKind::Blake3Chunks), "byte {}", at);
            }
        }
    }
}

/// Small disks of other writers, kept in the corpus: qemu-img (directory in front) and python3-vmdkstream (footer).
#[test]
fn disks_of_other_writers_are_read() {
    const DIGEST: &str = "sha256:1a85c51517c5d498d1703a970e073e55145c15e78c7c68997553959afd30270f";
    let image = include_bytes!("corpus/image/qemu-img-stream.vmdk");
    let stream = include_bytes!("corpus/stream/python-vmdkstream.vmdk");
    for bytes in [&image[..], &stream[..]] {
        let open = VmdkImage::open(memory("other.vmdk", bytes), &alone()).unwrap();
        let whole = decode_image(
            &open,
            &reeve_import::NoSink,
            options(2, DigestKind::Sha256),
            &NoProgress,
        )
        .unwrap();
        assert_eq!(whole.digest.to_string(), DIGEST);
        let open = StreamDisk::open(bytes, "other.vmdk").unwrap();
        let (whole, _) =
            decode_stream(open, &reeve_import::NoSink, options(2, DigestKind::Sha256), &NoProgress).unwrap();
        assert_eq!(whole.digest.to_string(), DIGEST);
    }
}
