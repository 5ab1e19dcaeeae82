//! A disk as qcow2 with holes, as a stream: every table comes before the data, because what has data is known before.
//!
//! Source: QEMU, `docs/interop/qcow2.txt`, version 3. No compression, no backing file, no feature bits; every cluster is used once.

use crate::disk::{CHUNK_BYTES, DiskImage, ExtentKind, Extents};
use crate::error::ReadError;

/// Bytes of a cluster: what QEMU takes if nothing is said, and the grain of VMware's writers.
pub(crate) const CLUSTER: u64 = 64 << 10;

/// Clusters that one table of the second level is for.
const TABLE: u64 = CLUSTER / 8;

/// Clusters that one block of reference counts is for; a count has 16 bits.
const COUNTS: u64 = CLUSTER / 2;

/// The cluster is used once, so it may be written in place.
const COPIED: u64 = 1 << 63;

const HEADER_BYTES: u32 = 104;

/// Where everything in the stream is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    size: u64,
    /// Clusters with data below each entry of the first level.
    used: Vec<u32>,
    level_one_clusters: u64,
    level_two_tables: u64,
    count_table_clusters: u64,
    count_blocks: u64,
    data_clusters: u64,
}

impl Layout {
    /// Finds out where everything goes; reads the image's tables only.
    pub(crate) fn of(image: &dyn DiskImage) -> Result<Self, ReadError> {
        let size = image.virtual_size();
        let entries = size.div_ceil(CLUSTER * TABLE);
        let mut used = vec![0_u32; usize::try_from(entries).expect("at most 64 TiB in steps of 512 MiB")];
        for run in Runs::of(image) {
            let (mut from, to) = run?;
            while from < to {
                let entry = from / TABLE;
                let end = to.min((entry + 1) * TABLE);
                used[usize::try_from(entry).expect("within the disk")] += u32::try_from(end - from).expect("a table's");
                from = end;
            }
        }
        let data_clusters = used.iter().map(|count| u64::from(*count)).sum();
        let mut layout = Self {
            size,
            level_one_clusters: (entries * 8).div_ceil(CLUSTER).max(1),
            level_two_tables: used.iter().filter(|count| **count > 0).count() as u64,
            used,
            count_table_clusters: 1,
            count_blocks: 1,
            data_clusters,
        };
        // The counts count themselves; both numbers only grow, and a block is for 32,768 clusters, so this ends after a few turns.
        loop {
            let blocks = layout.clusters().div_ceil(COUNTS);
            let table = (blocks * 8).div_ceil(CLUSTER);
            if (blocks, table) == (layout.count_blocks, layout.count_table_clusters) {
                return Ok(layout);
            }
            (layout.count_blocks, layout.count_table_clusters) = (blocks, table);
        }
    }

    fn clusters(&self) -> u64 {
        self.first_data() + self.data_clusters
    }

    fn count_table(&self) -> u64 {
        1 + self.level_one_clusters
    }

    fn first_block(&self) -> u64 {
        self.count_table() + self.count_table_clusters
    }

    fn first_table(&self) -> u64 {
        self.first_block() + self.count_blocks
    }

    fn first_data(&self) -> u64 {
        self.first_table() + self.level_two_tables
    }

    /// Returns the bytes of the whole stream.
    pub(crate) fn length(&self) -> u64 {
        self.clusters() * CLUSTER
    }

    /// Gives everything that comes before the data to `take`, until that returns false; tells whether it came to its end.
    pub(crate) fn tables(
        &self,
        image: &dyn DiskImage,
        take: &mut dyn FnMut(Vec<u8>) -> bool,
    ) -> Result<bool, ReadError> {
        if !take(self.header()) || !take(self.level_one()) {
            return Ok(false);
        }
        let blocks = (0..self.count_blocks).map(|block| (self.first_block() + block) * CLUSTER);
        if !take(padded(blocks.flat_map(u64::to_be_bytes).collect())) {
            return Ok(false);
        }
        let mut left = self.clusters();
        for _ in 0..self.count_blocks {
            let here = left.min(COUNTS);
            left -= here;
            if !take(padded((0..here).flat_map(|_| 1_u16.to_be_bytes()).collect())) {
                return Ok(false);
            }
        }
        self.level_two(image, take)
    }

    fn header(&self) -> Vec<u8> {
        let mut header = b"QFI\xfb".to_vec();
        let small = |header: &mut Vec<u8>, value: u32| header.extend(value.to_be_bytes());
        let large = |header: &mut Vec<u8>, value: u64| header.extend(value.to_be_bytes());
        small(&mut header, 3);
        // No backing file.
        large(&mut header, 0);
        small(&mut header, 0);
        small(&mut header, CLUSTER.trailing_zeros());
        large(&mut header, self.size);
        // No encryption.
        small(&mut header, 0);
        small(&mut header, u32::try_from(self.used.len()).expect("at most 131,072"));
        large(&mut header, CLUSTER);
        large(&mut header, self.count_table() * CLUSTER);
        small(&mut header, u32::try_from(self.count_table_clusters).expect("a few"));
        // No snapshots, no features.
        small(&mut header, 0);
        (0..4).for_each(|_| large(&mut header, 0));
        // Counts of 2^4 bits.
        small(&mut header, 4);
        small(&mut header, HEADER_BYTES);
        padded(header)
    }

    fn level_one(&self) -> Vec<u8> {
        let mut next = self.first_table();
        let mut table = Vec::with_capacity(self.used.len() * 8);
        for count in &self.used {
            let entry = if *count == 0 {
                0
            } else {
                next += 1;
                ((next - 1) * CLUSTER) | COPIED
            };
            table.extend(entry.to_be_bytes());
        }
        table.resize(
            usize::try_from(self.level_one_clusters * CLUSTER).expect("a few clusters"),
            0,
        );
        table
    }

    fn level_two(&self, image: &dyn DiskImage, take: &mut dyn FnMut(Vec<u8>) -> bool) -> Result<bool, ReadError> {
        let mut next = self.first_data();
        let mut held: Option<(u64, Vec<u8>)> = None;
        for run in Runs::of(image) {
            let (from, to) = run?;
            for cluster in from..to {
                let (table, slot) = (cluster / TABLE, (cluster % TABLE) as usize * 8);
                if held.as_ref().is_some_and(|(number, _)| *number != table)
                    && let Some((_, bytes)) = held.take()
                    && !take(bytes)
                {
                    return Ok(false);
                }
                let (_, bytes) = held.get_or_insert_with(|| (table, padded(Vec::new())));
                bytes[slot..slot + 8].copy_from_slice(&((next * CLUSTER) | COPIED).to_be_bytes());
                next += 1;
            }
        }
        Ok(held.is_none_or(|(_, bytes)| take(bytes)))
    }
}

/// Fills up to a whole cluster.
fn padded(mut bytes: Vec<u8>) -> Vec<u8> {
    let length = bytes.len().next_multiple_of(CLUSTER as usize).max(CLUSTER as usize);
    bytes.resize(length, 0);
    bytes
}

/// Runs of clusters that have data, from and to, in order; two never touch the same cluster.
pub(crate) struct Runs<'a> {
    extents: Extents<'a>,
    held: Option<(u64, u64)>,
}

impl<'a> Runs<'a> {
    pub(crate) fn of(image: &'a dyn DiskImage) -> Self {
        Self {
            extents: image.extents(),
            held: None,
        }
    }
}

impl Iterator for Runs<'_> {
    type Item = Result<(u64, u64), ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        // Bounded by the extents, which end.
        loop {
            match self.extents.next() {
                None => return self.held.take().map(Ok),
                Some(Err(error)) => return Some(Err(error)),
                Some(Ok(extent)) if extent.kind == ExtentKind::Data => {
                    let (from, to) = (extent.start / CLUSTER, extent.end().div_ceil(CLUSTER));
                    match &mut self.held {
                        Some(held) if from <= held.1 => held.1 = held.1.max(to),
                        held => {
                            if let Some(done) = held.replace((from, to)) {
                                return Some(Ok(done));
                            }
                        }
                    }
                }
                Some(Ok(_)) => {}
            }
        }
    }
}

/// Takes from chunks of the disk, in order, the clusters that have data.
pub(crate) struct Clusters<'a> {
    runs: Runs<'a>,
    held: Option<(u64, u64)>,
}

impl<'a> Clusters<'a> {
    pub(crate) fn of(image: &'a dyn DiskImage) -> Self {
        Self {
            runs: Runs::of(image),
            held: None,
        }
    }

    /// Returns the clusters with data of the chunk that begins at `start`, one behind the other; the disk's last is filled up with zeros.
    pub(crate) fn of_chunk(&mut self, start: u64, chunk: &[u8]) -> Result<Vec<u8>, ReadError> {
        debug_assert!(start.is_multiple_of(CHUNK_BYTES));
        let (first, end) = (start / CLUSTER, (start + chunk.len() as u64).div_ceil(CLUSTER));
        let mut out = Vec::with_capacity(chunk.len().next_multiple_of(CLUSTER as usize));
        // Bounded by the runs within the chunk.
        loop {
            let (from, to) = match self.held.take() {
                Some(run) => run,
                None => match self.runs.next().transpose()? {
                    Some(run) => run,
                    None => return Ok(out),
                },
            };
            if from >= end {
                self.held = Some((from, to));
                return Ok(out);
            }
            let within = |cluster: u64| ((cluster - first) * CLUSTER) as usize;
            let upto = to.min(end);
            if upto > first {
                let bytes = &chunk[within(from.max(first))..within(upto).min(chunk.len())];
                out.extend_from_slice(bytes);
                out.resize(out.len().next_multiple_of(CLUSTER as usize), 0);
            }
            if to > end {
                self.held = Some((end, to));
                return Ok(out);
            }
        }
    }
}
