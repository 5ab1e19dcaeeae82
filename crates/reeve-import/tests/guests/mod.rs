//! Disks of guests that Linux and LVM made (`make.py` beside this file), and others as they are made in a test.

#![allow(dead_code, reason = "each of the tests that share this module uses a part of it")]

use std::collections::BTreeMap;
use std::sync::Arc;

use libdeflater::Decompressor;
use reeve_import::{DiskImage, DiskKind, DiskReader, Extent, ExtentKind, Extents, GuestFiles, LinuxLook, ReadError};

const SECTOR: usize = 512;

/// The largest disk that is made of an input.
const MAX_BYTES: u64 = 1 << 40;

/// A disk by its sectors; those that are missing are zeros.
pub(crate) struct Sectors {
    pub(crate) size: u64,
    pub(crate) sectors: BTreeMap<u64, [u8; SECTOR]>,
}

impl Sectors {
    /// Returns the disk that an input describes, as far as it does.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let (size, rest) = bytes.split_first_chunk().unwrap_or((&[0; 8], &[]));
        let size = u64::from_le_bytes(*size).min(MAX_BYTES) / SECTOR as u64 * SECTOR as u64;
        let (kept, _) = rest.as_chunks::<{ 4 + SECTOR }>();
        let sectors = kept.iter().map(|kept| {
            let (number, sector) = kept.split_first_chunk().expect("more than four bytes");
            let number = u64::from(u32::from_le_bytes(*number));
            (number, sector.try_into().expect("a sector"))
        });
        Self {
            size,
            sectors: sectors.collect(),
        }
    }

    /// Returns a disk with these bytes.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let (sectors, rest) = bytes.as_chunks::<SECTOR>();
        assert!(rest.is_empty(), "whole sectors");
        let sectors = (0..).zip(sectors.iter().copied());
        Self {
            size: bytes.len() as u64,
            sectors: sectors.filter(|(_, sector)| *sector != [0; SECTOR]).collect(),
        }
    }

    pub(crate) fn image(self) -> Arc<dyn DiskImage> {
        Arc::new(self)
    }

    fn bytes(&self, buffer: &mut [u8], offset: u64) {
        for (byte, at) in buffer.iter_mut().zip(offset..) {
            let sector = self.sectors.get(&(at / SECTOR as u64));
            *byte = sector.map_or(0, |sector| sector[(at % SECTOR as u64) as usize]);
        }
    }

    /// Gives what LVM and XFS check a checksum that fits, so that what is behind it is reached.
    pub(crate) fn repair(&mut self) {
        const LVM: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::Algorithm {
            init: 0xf597_a6cf_u32.reverse_bits(),
            xorout: 0,
            check: 0,
            residue: 0,
            ..crc::CRC_32_ISO_HDLC
        });
        const XFS: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISCSI);
        let put =
            |sector: &mut [u8; SECTOR], at: usize, sum: u32| sector[at..at + 4].copy_from_slice(&sum.to_le_bytes());
        for sector in self.sectors.values_mut() {
            // Version 4 of XFS, whose inodes are of version 2, has other things there.
            let xfs_sum = match sector {
                [b'X', b'F', b'S', b'B', ..] if sector[101] & 0xf == 5 => Some(224),
                [b'I', b'N', _, _, 3, ..] => Some(100),
                _ => None,
            };
            if let Some(at) = xfs_sum {
                put(sector, at, 0);
                let sum = XFS.checksum(sector);
                put(sector, at, sum);
            } else if sector.starts_with(b"LABELONE") {
                let sum = LVM.checksum(&sector[20..]);
                put(sector, 16, sum);
            }
        }
        let areas = self
            .sectors
            .iter()
            .filter(|(_, sector)| sector[4..].starts_with(b" LVM2 x[5A%r0N*>"));
        for (number, mut sector) in areas.map(|(number, sector)| (*number, *sector)).collect::<Vec<_>>() {
            let large = |at: usize| u64::from_le_bytes(sector[at..at + 8].try_into().expect("eight bytes"));
            let (offset, size) = (large(40), large(48).min(1 << 16));
            let mut text = vec![0; size as usize];
            self.bytes(&mut text, (number * SECTOR as u64).saturating_add(offset));
            put(&mut sector, 56, LVM.checksum(&text));
            let sum = LVM.checksum(&sector[4..]);
            put(&mut sector, 0, sum);
            self.sectors.insert(number, sector);
        }
    }
}

impl DiskImage for Sectors {
    fn kind(&self) -> DiskKind {
        DiskKind::Vmfs
    }

    fn virtual_size(&self) -> u64 {
        self.size
    }

    fn stored_bytes(&self) -> u64 {
        self.size
    }

    fn extents(&self) -> Extents<'_> {
        Box::new(std::iter::once(Ok(Extent {
            start: 0,
            length: self.size,
            kind: ExtentKind::Data,
        })))
    }

    fn reader(&self) -> Box<dyn DiskReader + '_> {
        Box::new(Reader(self))
    }
}

struct Reader<'a>(&'a Sectors);

impl DiskReader for Reader<'_> {
    fn read_at(&mut self, buffer: &mut [u8], offset: u64) -> Result<(), ReadError> {
        // A reader of a file system that leads beyond the disk is at fault.
        let end = offset.checked_add(buffer.len() as u64).expect("within the disk");
        assert!(end <= self.0.size, "{end} is beyond the disk");
        buffer.fill(0);
        let numbers = offset / SECTOR as u64..end.div_ceil(SECTOR as u64);
        for (number, sector) in self.0.sectors.range(numbers) {
            let start = number * SECTOR as u64;
            let (from, to) = (start.max(offset), (start + SECTOR as u64).min(end));
            buffer[(from - offset) as usize..(to - offset) as usize]
                .copy_from_slice(&sector[(from - start) as usize..(to - start) as usize]);
        }
        Ok(())
    }
}

/// Returns a disk beside this file, as inputs have it.
pub(crate) fn kept(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/guests/{name}.gz", env!("CARGO_MANIFEST_DIR"));
    let packed = std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let size = packed.last_chunk().expect("a size at the end");
    let mut bytes = vec![0; u32::from_le_bytes(*size) as usize];
    let count = Decompressor::new()
        .gzip_decompress(&packed, &mut bytes)
        .expect("it is sound");
    assert_eq!(count, bytes.len());
    bytes
}

/// Reads what a look reads, and much of what is there besides.
pub(crate) fn explore(files: &dyn GuestFiles) {
    let _ = LinuxLook::of(files);
    let mut folders = vec![String::new()];
    // Folders that are in themselves do not end.
    for turn in 0..8 {
        let Some(folder) = folders.get(turn).cloned() else {
            return;
        };
        for name in files.list(&folder).into_iter().take(5) {
            let path = format!("{folder}/{name}");
            if files.read(&path).is_none() {
                folders.push(path);
            }
        }
    }
}
