//! Disks and packages made in memory, as their writers make them; small, with every part of the formats in them.

#![allow(dead_code, reason = "each of the tests that share this module uses a part of it")]

pub(crate) mod hive;

use std::collections::BTreeMap;
use std::sync::Arc;

use libdeflater::{CompressionLvl, Compressor};
use reeve_import::{ByteSource, DiskImage, MemberName, Members, MemorySource, ReadError, VmdkImage};

/// Bytes of a grain.
pub(crate) const GRAIN: usize = 65536;
/// Entries of a grain table.
const TABLE: usize = 512;

/// Returns a disk's bytes: text, noise, zeros and a last grain that is cut.
pub(crate) fn content(size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    let mut noise: u64 = 0x9e37_79b9_7f4a_7c15;
    for (index, grain) in bytes.chunks_mut(GRAIN).enumerate() {
        match index % 5 {
            0 => grain
                .iter_mut()
                .enumerate()
                .for_each(|(at, byte)| *byte = (at / 7 % 96 + 32) as u8),
            1 => grain.iter_mut().for_each(|byte| {
                noise ^= noise << 13;
                noise ^= noise >> 7;
                noise ^= noise << 17;
                *byte = noise as u8;
            }),
            // Written, and zeros all the same.
            2 => {}
            3 => grain[grain.len() - 1] = 1,
            _ => {}
        }
    }
    bytes
}

fn header(flags: u32, capacity: usize, directory: u64, overhead: u64, descriptor: (u64, u64)) -> Vec<u8> {
    let mut bytes = vec![0; 512];
    bytes[..4].copy_from_slice(b"KDMV");
    bytes[4..8].copy_from_slice(&3_u32.to_le_bytes());
    bytes[8..12].copy_from_slice(&flags.to_le_bytes());
    bytes[12..20].copy_from_slice(&((capacity / 512) as u64).to_le_bytes());
    bytes[20..28].copy_from_slice(&((GRAIN / 512) as u64).to_le_bytes());
    bytes[28..36].copy_from_slice(&descriptor.0.to_le_bytes());
    bytes[36..44].copy_from_slice(&descriptor.1.to_le_bytes());
    bytes[44..48].copy_from_slice(&(TABLE as u32).to_le_bytes());
    bytes[56..64].copy_from_slice(&directory.to_le_bytes());
    bytes[64..72].copy_from_slice(&overhead.to_le_bytes());
    bytes[73..77].copy_from_slice(b"\n \r\n");
    bytes[77..79].copy_from_slice(&u16::from(flags >> 16 & 1 == 1).to_le_bytes());
    bytes
}

fn descriptor(kind: &str, extents: &str) -> Vec<u8> {
    format!("# Disk DescriptorFile\nversion=1\nCID=12345678\nparentCID=ffffffff\ncreateType=\"{kind}\"\n\n{extents}\n\n#DDB\nddb.adapterType = \"lsilogic\"\n")
        .into_bytes()
}

fn pad(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(512), 0);
}

fn marker(out: &mut Vec<u8>, value: u64, kind: u32) {
    out.extend(value.to_le_bytes());
    out.extend(0_u32.to_le_bytes());
    out.extend(kind.to_le_bytes());
    pad(out);
}

/// Returns a streamOptimized disk as ESXi writes it: tables behind their grains, directory and footer at the end.
pub(crate) fn stream(disk: &[u8]) -> Vec<u8> {
    let mut text = descriptor(
        "streamOptimized",
        &format!("RW {} SPARSE \"stream.vmdk\"", disk.len() / 512),
    );
    text.resize(1024, 0);
    let overhead = 128;
    let mut out = header(0x3_0001, disk.len(), u64::MAX, overhead, (1, 2));
    out.extend(text);
    out.resize(overhead as usize * 512, 0);
    let mut compressor = Compressor::new(CompressionLvl::new(1).expect("1 is a level"));
    let mut directory: Vec<u32> = Vec::new();
    for (number, span) in disk.chunks(GRAIN * TABLE).enumerate() {
        let mut table = vec![0_u32; TABLE];
        for (slot, grain) in span.chunks(GRAIN).enumerate() {
            // Zeros of the kind 2 are written, all others left out.
            if grain.iter().all(|byte| *byte == 0) && slot % 5 != 2 {
                continue;
            }
            table[slot] = (out.len() / 512) as u32;
            let mut whole = grain.to_vec();
            whole.resize(GRAIN, 0);
            let mut packed = vec![0; compressor.zlib_compress_bound(GRAIN)];
            let length = compressor
                .zlib_compress(&whole, &mut packed)
                .expect("the bound is enough");
            out.extend((((number * TABLE + slot) * (GRAIN / 512)) as u64).to_le_bytes());
            out.extend((length as u32).to_le_bytes());
            out.extend(&packed[..length]);
            pad(&mut out);
        }
        if table.iter().all(|entry| *entry == 0) {
            directory.push(0);
            continue;
        }
        marker(&mut out, 4, 1);
        directory.push((out.len() / 512) as u32);
        out.extend(table.iter().flat_map(|entry| entry.to_le_bytes()));
    }
    let mut entries: Vec<u8> = directory.iter().flat_map(|entry| entry.to_le_bytes()).collect();
    pad(&mut entries);
    marker(&mut out, (entries.len() / 512) as u64, 2);
    let at = (out.len() / 512) as u64;
    out.extend(entries);
    marker(&mut out, 1, 3);
    out.extend(header(0x3_0001, disk.len(), at, overhead, (1, 2)));
    marker(&mut out, 0, 0);
    out
}

/// Returns a monolithicSparse disk; with `embedded` false, a sparse extent of a disk in pieces.
pub(crate) fn sparse(disk: &[u8], embedded: bool) -> Vec<u8> {
    let tables = disk.len().div_ceil(GRAIN * TABLE);
    let directory_at = 21;
    let first_table = directory_at + 1;
    let overhead = ((first_table + 4 * tables) as u64).next_multiple_of(128);
    let place = if embedded { (1, 20) } else { (0, 0) };
    let mut out = header(0x3, disk.len(), directory_at as u64, overhead, place);
    if embedded {
        out.extend(descriptor(
            "monolithicSparse",
            &format!("RW {} SPARSE \"s.vmdk\"", disk.len() / 512),
        ));
    }
    out.resize(directory_at * 512, 0);
    for table in 0..tables {
        out.extend(((first_table + 4 * table) as u32).to_le_bytes());
    }
    out.resize(overhead as usize * 512, 0);
    for (number, grain) in disk.chunks(GRAIN).enumerate() {
        if grain.iter().all(|byte| *byte == 0) {
            continue;
        }
        let entry = first_table * 512 + 4 * number;
        let sector = (out.len() / 512) as u32;
        out[entry..entry + 4].copy_from_slice(&sector.to_le_bytes());
        out.extend(grain);
        out.resize(out.len().next_multiple_of(GRAIN), 0);
    }
    out
}

/// Returns the descriptor and the files of a disk in pieces: sparse, flat, and one of zeros.
pub(crate) fn pieces(disk: &[u8]) -> Files {
    let third = disk.len() / 3 / 512 * 512;
    let (first, rest) = disk.split_at(third);
    let (second, third) = rest.split_at(third);
    let extents = format!(
        "RW {} SPARSE \"a-s001.vmdk\"\nRW {} FLAT \"a-f002.vmdk\" 3\nRW {} FLAT \"a-f003.vmdk\"\nRW 2048 ZERO",
        first.len() / 512,
        second.len() / 512,
        third.len() / 512
    );
    let mut flat = vec![9; 3 * 512];
    flat.extend(second);
    Files::new(&[
        ("a.vmdk", descriptor("twoGbMaxExtentSparse", &extents)),
        ("a-s001.vmdk", sparse(first, false)),
        ("a-f002.vmdk", flat),
        ("a-f003.vmdk", third.to_vec()),
    ])
}

/// Returns a disk whose one file holds its bytes as they are.
pub(crate) fn flat(disk: &[u8]) -> VmdkImage {
    let files = Files::new(&[
        (
            "f.vmdk",
            descriptor(
                "monolithicFlat",
                &format!("RW {} FLAT \"f-flat.vmdk\" 0", disk.len() / 512),
            ),
        ),
        ("f-flat.vmdk", disk[..disk.len() / 512 * 512].to_vec()),
    ]);
    VmdkImage::open(files.source("f.vmdk"), &files).expect("a disk of one file")
}

/// Returns a disk with a table of partitions, each of which holds what is given.
pub(crate) fn partitioned(parts: &[&[u8]]) -> Vec<u8> {
    const FIRST: usize = 2048;
    let mut disk = vec![0; FIRST * 512];
    disk[0] = 0xeb;
    disk[510..512].copy_from_slice(&[0x55, 0xaa]);
    for (entry, part) in parts.iter().enumerate() {
        let at = 446 + 16 * entry;
        disk[at + 4] = 7;
        let (start, length) = ((disk.len() / 512) as u32, part.len().div_ceil(512) as u32);
        disk[at + 8..at + 12].copy_from_slice(&start.to_le_bytes());
        disk[at + 12..at + 16].copy_from_slice(&length.to_le_bytes());
        disk.extend_from_slice(part);
        pad(&mut disk);
    }
    disk
}

/// Returns an NTFS of 3 MiB with what is looked at of a Windows, made by `mkntfs` and `ntfs-3g`; `tests/windows.rs` makes it anew.
pub(crate) fn windows() -> Vec<u8> {
    let stream = include_bytes!("windows.vmdk");
    let files = Files::new(&[("windows.vmdk", stream.to_vec())]);
    let image = VmdkImage::open(files.source("windows.vmdk"), &files).expect("a disk that was made here");
    let mut bytes = vec![0; usize::try_from(image.virtual_size()).expect("3 MiB")];
    image
        .reader()
        .read_at(&mut bytes, 0)
        .expect("a disk that was made here");
    bytes
}

/// Returns an OVA with a descriptor, a manifest and a stream.
pub(crate) fn ova(disk: &[u8]) -> Vec<u8> {
    let ovf = OVF.replace("@SIZE@", &disk.len().to_string()).into_bytes();
    let disk = stream(disk);
    let digest = |bytes: &[u8]| {
        use sha2::Digest;
        hex::encode(sha2::Sha256::digest(bytes))
    };
    let manifest = format!(
        "SHA256(lab.ovf)= {}\nSHA256(lab-disk1.vmdk)= {}\n",
        digest(&ovf),
        digest(&disk)
    );
    let mut out = Vec::new();
    for (name, bytes) in [
        ("lab.ovf", ovf),
        ("lab.mf", manifest.into_bytes()),
        ("lab-disk1.vmdk", disk),
    ] {
        out.extend(tar_header(name, bytes.len()));
        out.extend(bytes);
        pad(&mut out);
    }
    out.extend([0; 1024]);
    out
}

/// Returns a tar header of a regular file.
pub(crate) fn tar_header(name: &str, size: usize) -> Vec<u8> {
    let mut block = vec![0; 512];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[100..108].copy_from_slice(b"0000644\0");
    block[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
    block[156] = b'0';
    block[257..265].copy_from_slice(b"ustar\x0000");
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    block
}

/// A descriptor with what real ones have.
pub(crate) const OVF: &str = include_str!("lab.ovf");

/// Files by name.
pub(crate) struct Files(BTreeMap<String, Vec<u8>>);

impl Files {
    pub(crate) fn new(files: &[(&str, Vec<u8>)]) -> Self {
        Self(
            files
                .iter()
                .map(|(name, bytes)| ((*name).to_owned(), bytes.clone()))
                .collect(),
        )
    }

    pub(crate) fn source(&self, name: &str) -> Arc<dyn ByteSource> {
        Arc::new(MemorySource::new(name, self.0[name].clone()))
    }

    pub(crate) fn bytes_mut(&mut self, name: &str) -> &mut Vec<u8> {
        self.0.get_mut(name).expect("a file that was made")
    }
}

impl Members for Files {
    fn open(&self, name: &MemberName) -> Result<Arc<dyn ByteSource>, ReadError> {
        match self.0.get(name.as_str()) {
            Some(bytes) => Ok(Arc::new(MemorySource::new(name.as_str(), bytes.clone()))),
            None => Err(ReadError::Io {
                file: reeve_import::SourceName::new(name.as_str()),
                offset: 0,
                source: std::io::ErrorKind::NotFound.into(),
            }),
        }
    }
}
