//! Mutation of sound inputs, and the readers that must bear it: no panic, no hang, no memory beyond bounds.
//!
//! Structure-aware where it counts: numbers are replaced in place by numbers that hurt, whole sectors are copied over each other,
//! checksums of tar, LVM and XFS are repaired so that the mutation behind them is reached.

use std::sync::Arc;
use std::time::{Duration, Instant};

use reeve_import::{
    ByteSource, DecodeOptions, DigestKind, DiskImage, Envelope, Manifest, Members, MemorySource, NoProgress, NoSink,
    Ova, Signature, StreamDisk, VmdkImage, Vmx, WindowsLook, decode_image, decode_stream, look, look_into,
};

use crate::made::hive::{Lists, software, system};
use crate::{guests, made};

/// The longest that one input may take.
pub(crate) const SLOWEST: Duration = Duration::from_secs(10);

/// The largest disk that is decoded as a whole; of larger ones some parts are read.
const WHOLE_BYTES: u64 = 64 << 20;

/// The most extents that are looked at.
const EXTENTS: usize = 100_000;

/// A reader under test.
pub(crate) struct Target {
    pub(crate) name: &'static str,
    pub(crate) seeds: Vec<Vec<u8>>,
    pub(crate) run: fn(&[u8]),
    form: Form,
}

/// What inputs are made of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Bytes,
    /// A tar archive.
    Archive,
    /// A disk by its sectors, as `guests` has them.
    Sectors,
}

/// Returns all targets with their seeds; `corpus` holds more seeds for each, by the target's name.
pub(crate) fn targets(corpus: &dyn Fn(&str) -> Vec<Vec<u8>>) -> Vec<Target> {
    let disk = made::content(9 * made::GRAIN + 512);
    let pieces = made::pieces(&disk);
    let descriptor = |name: &str| {
        let source = pieces.source(name);
        let mut bytes = vec![0; usize::try_from(source.len()).expect("small")];
        source.read_at(&mut bytes, 0).expect("in memory");
        bytes
    };
    let target = |name, own: Vec<Vec<u8>>, run| {
        let mut seeds = own;
        seeds.extend(corpus(name));
        Target {
            name,
            seeds,
            run,
            form: match name {
                "ova" => Form::Archive,
                "lvm" | "xfs" => Form::Sectors,
                _ => Form::Bytes,
            },
        }
    };
    let lists = [Lists::Lf, Lists::Lh, Lists::Li, Lists::Ri];
    let hives = lists
        .iter()
        .flat_map(|lists| [system().hive(*lists), software().hive(*lists)])
        .collect();
    vec![
        target("image", vec![made::stream(&disk), made::sparse(&disk, true)], image),
        target("stream", vec![made::stream(&disk)], stream),
        target("descriptor", vec![descriptor("a.vmdk")], described),
        target("ova", vec![made::ova(&disk)], ova),
        target("ovf", vec![made::OVF.replace("@SIZE@", "1048576").into_bytes()], ovf),
        target("vmx", vec![VMX.as_bytes().to_vec()], vmx),
        target("manifest", vec![MANIFEST.as_bytes().to_vec()], manifest),
        target("certificate", vec![CERTIFICATE.as_bytes().to_vec()], certificate),
        target("ntfs", vec![made::windows()], ntfs),
        target("registry", hives, registry),
        target("lvm", vec![guests::kept("lvm-ext4")], guest),
        target("xfs", ["xfs-4", "xfs-5", "xfs-5-log"].map(guests::kept).into(), guest),
    ]
}

const VMX: &str = ".encoding = \"UTF-8\"\nconfig.version = \"8\"\nvirtualHW.version = \"19\"\ndisplayName = \"a |22b|22\"\nmemSize = \"1024\"\nnumvcpus = \"2\"\nscsi0.present = \"TRUE\"\nscsi0:0.present = \"TRUE\"\nscsi0:0.fileName = \"a.vmdk\"\nethernet0.present = \"TRUE\"\nethernet0.address = \"00:50:56:00:00:01\"\n";
const MANIFEST: &str = "SHA1(a.ovf)= da39a3ee5e6b4b0d3255bfef95601890afd80709\nSHA256(a (1).vmdk)= e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n";
const CERTIFICATE: &str = include_str!("signed.cert");

fn source(bytes: &[u8]) -> Arc<dyn ByteSource> {
    Arc::new(MemorySource::new("input", bytes.to_vec()))
}

const OPTIONS: DecodeOptions = DecodeOptions {
    threads: 2,
    digest: DigestKind::Blake3Chunks,
};

/// Reads an image: all of a small one, parts of a large one. What it says does not matter here.
fn read(image: &VmdkImage) {
    let mut end = 0;
    for extent in image.extents().take(EXTENTS) {
        let Ok(extent) = extent else { break };
        assert!(extent.start == end && extent.length > 0 && extent.end() <= image.virtual_size());
        end = extent.end();
    }
    if image.virtual_size() <= WHOLE_BYTES {
        let _ = decode_image(image, &NoSink, OPTIONS, &NoProgress);
        return;
    }
    let mut reader = image.reader();
    let mut buffer = vec![0; 100_000];
    for part in 0..8 {
        let _ = reader.read_at(&mut buffer, image.virtual_size() / 9 * part + 77);
    }
}

fn image(bytes: &[u8]) {
    if let Ok(image) = VmdkImage::open(source(bytes), &made::Files::new(&[])) {
        read(&image);
    }
}

fn stream(bytes: &[u8]) {
    if let Ok(disk) = StreamDisk::open(bytes, "input") {
        let _ = decode_stream(disk, &NoSink, OPTIONS, &NoProgress);
    }
}

fn described(bytes: &[u8]) {
    let files = made::pieces(&made::content(9 * made::GRAIN + 512));
    if let Ok(image) = VmdkImage::open(source(bytes), &files) {
        read(&image);
    }
}

fn ova(bytes: &[u8]) {
    let Ok(ova) = Ova::open(source(bytes)) else {
        return;
    };
    for member in ova.members() {
        let opened = ova.open(&member.name).expect("a member that is listed can be opened");
        if member.name.has_extension("ovf") {
            let _ = Envelope::read(opened.as_ref());
        } else if member.name.has_extension("mf") {
            let _ = Manifest::read(opened.as_ref());
        } else if let Ok(image) = VmdkImage::open(opened, &ova) {
            read(&image);
        }
    }
}

fn ovf(bytes: &[u8]) {
    let _ = Envelope::read(&MemorySource::new("input.ovf", bytes.to_vec()));
}

fn vmx(bytes: &[u8]) {
    if let Ok(vmx) = Vmx::read(&MemorySource::new("input.vmx", bytes.to_vec())) {
        let _ = vmx.machine();
    }
}

fn manifest(bytes: &[u8]) {
    let _ = Manifest::read(&MemorySource::new("input.mf", bytes.to_vec()));
}

/// Looks into a Windows. What makes the crate behind it panic is caught before it comes here; its message is not.
fn ntfs(bytes: &[u8]) {
    if bytes.len() < 512 {
        return;
    }
    let image: Arc<dyn DiskImage> = Arc::new(made::flat(bytes));
    let (found, unseen) = look(&image);
    for text in found
        .iter()
        .flat_map(|found| found.remarks("sata", None, Some("e1000e")))
        .chain(unseen)
    {
        assert!(!text.chars().any(char::is_control), "{text:?}");
    }
}

fn registry(bytes: &[u8]) {
    let (system, software) = (system().hive(Lists::Lf), software().hive(Lists::Lf));
    for look in [
        WindowsLook::of_hives(bytes, &software),
        WindowsLook::of_hives(&system, bytes),
    ] {
        let Ok(look) = look else { continue };
        for text in look.remarks("sata", None, Some("e1000e")) {
            assert!(!text.chars().any(char::is_control), "{text:?}");
        }
    }
}

fn certificate(bytes: &[u8]) {
    let manifest = Manifest::read(&MemorySource::new("a.mf", MANIFEST.into())).expect("the manifest is sound");
    let _ = Signature::check(&MemorySource::new("a.cert", bytes.to_vec()), &manifest);
}

/// Looks at a disk by its sectors, and once more where checksums do not keep it from what is behind them.
fn guest(bytes: &[u8]) {
    for fits in [false, true] {
        let mut disk = guests::Sectors::parse(bytes);
        if fits {
            disk.repair();
        }
        let (_, remarks) = look_into(&disk.image(), |_, files| {
            guests::explore(files);
            None::<()>
        });
        for remark in remarks {
            assert!(!remark.chars().any(char::is_control), "{remark:?}");
        }
    }
}

/// Numbers from a seed: the same input each time, so that a failure can be seen again.
pub(crate) struct Numbers(u64);

impl Numbers {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit.max(1) as u64).expect("below a usize")
    }
}

/// Numbers that hurt: limits, and what lies beside them.
const HURTFUL: [u64; 14] = [
    0,
    1,
    2,
    127,
    128,
    512,
    513,
    65_535,
    0x7fff_ffff,
    0xffff_ffff,
    1 << 32,
    1 << 40,
    u64::MAX - 1,
    u64::MAX,
];

/// Text that hurts.
const WORDS: [&str; 16] = [
    "../",
    "/etc/passwd",
    "\"",
    "<",
    "&",
    "&#0;",
    "<!DOCTYPE a>",
    "99999999999999999999",
    "-1",
    "\0",
    "ä\u{202e}",
    "=",
    "\n",
    "byte * 2^64",
    "${key}",
    "ffffffff",
];

impl Target {
    /// Returns a mutated seed.
    pub(crate) fn input(&self, numbers: &mut Numbers) -> Vec<u8> {
        let mut bytes = self.seeds[numbers.below(self.seeds.len())].clone();
        for _ in 0..1 + numbers.below(4) {
            // What shifts all sectors behind it is tried, too.
            if self.form == Form::Sectors && numbers.below(8) > 0 {
                mutate_sector(&mut bytes, numbers);
            } else {
                mutate(&mut bytes, numbers);
            }
        }
        if self.form == Form::Archive && numbers.below(4) > 0 {
            repair_checksums(&mut bytes);
        }
        bytes
    }

    /// Runs one input.
    ///
    /// # Errors
    ///
    /// What went wrong, as text.
    pub(crate) fn check(&self, bytes: &[u8]) -> Result<(), String> {
        let began = Instant::now();
        let run = self.run;
        std::panic::catch_unwind(|| run(bytes)).map_err(|_| "a panic; see above".to_owned())?;
        let took = began.elapsed();
        if took > SLOWEST {
            return Err(format!("{} s for one input", took.as_secs()));
        }
        Ok(())
    }
}

fn mutate(bytes: &mut Vec<u8>, numbers: &mut Numbers) {
    let length = bytes.len();
    if length < 16 {
        bytes.push(0);
        return;
    }
    // The beginning has the headers; most files are mostly data.
    let reach = match numbers.below(3) {
        0 => length.min(512),
        1 => length.min(96 << 10),
        _ => length,
    };
    let at = numbers.below(reach);
    match numbers.below(11) {
        0 => bytes[at] ^= 1 << numbers.below(8),
        1 => bytes[at] = numbers.next() as u8,
        2 | 3 => {
            let value = HURTFUL[numbers.below(HURTFUL.len())];
            let value = if numbers.below(3) == 0 {
                value.wrapping_add(length as u64 / 512)
            } else {
                value
            };
            let width = if numbers.below(2) == 0 { 4 } else { 8 };
            let at = at / 4 * 4;
            let end = (at + width).min(length);
            bytes[at..end].copy_from_slice(&value.to_le_bytes()[..end - at]);
        }
        4 => bytes.truncate(at),
        5 => {
            // One sector over another: markers, tables and headers where they do not belong.
            let (from, to) = (numbers.below(length / 512) * 512, at / 512 * 512);
            let end = (from + 512).min(length);
            let sector = bytes[from..end].to_vec();
            let end = (to + sector.len()).min(length);
            bytes[to..end].copy_from_slice(&sector[..end - to]);
        }
        6 => {
            let end = (at + 1 + numbers.below(64)).min(length);
            bytes.drain(at..end);
        }
        7 | 8 => {
            let word = WORDS[numbers.below(WORDS.len())];
            bytes.splice(at..at, word.bytes());
        }
        9 => {
            // A line, or what stands between two line ends, once more.
            let end = bytes[at..]
                .iter()
                .position(|byte| *byte == b'\n')
                .map_or(length, |found| at + found + 1);
            if end - at < 4096 {
                let line = bytes[at..end].to_vec();
                bytes.splice(at..at, line);
            }
        }
        _ => {
            // An entry of a table takes its neighbour's value.
            let at = at / 4 * 4;
            if at + 8 <= length {
                bytes.copy_within(at + 4..at + 8, at);
            }
        }
    }
}

/// Mutates a sector of a disk in its place, more often one of the first.
fn mutate_sector(bytes: &mut [u8], numbers: &mut Numbers) {
    let (_, kept) = bytes.split_at_mut(8.min(bytes.len()));
    let (kept, _) = kept.as_chunks_mut::<516>();
    let reach = [16, 512, usize::MAX][numbers.below(3)];
    let number = numbers.below(kept.len().min(reach));
    if let Some(kept) = kept.get_mut(number) {
        let mut sector = kept[4..].to_vec();
        mutate(&mut sector, numbers);
        sector.resize(512, 0);
        kept[4..].copy_from_slice(&sector);
    }
}

/// Gives every block that looks like a tar header a checksum that fits.
fn repair_checksums(bytes: &mut [u8]) {
    let (blocks, _) = bytes.as_chunks_mut::<512>();
    for block in blocks {
        if block[257..262] == *b"ustar" {
            block[148..156].fill(b' ');
            let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
            block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        }
    }
}
