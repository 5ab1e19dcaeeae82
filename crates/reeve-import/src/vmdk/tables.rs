//! All grain tables of an extent in memory: for a stream whose tables stand in front.

use crate::bytes::{ByteSource, read_vec};
use crate::error::ReadError;
use crate::vmdk::header::{SECTOR, SparseHeader};

/// The sector of every grain.
pub(crate) struct Tables {
    sectors: Vec<u32>,
}

impl Tables {
    /// Loads directory and tables from the front of a stream; its length bounds the memory.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if a table is not in the front part, or a table is used twice.
    pub(crate) fn load(front: &dyn ByteSource, header: &SparseHeader, directory: u64) -> Result<Self, ReadError> {
        let length = usize::try_from(header.directory_entries() * 4).expect("at most 16 MiB");
        let entries = read_vec(front, directory, length)?;
        let (entries, _) = entries.as_chunks::<4>();
        let per_table = usize::try_from(header.table_entries).expect("at most 512");
        let mut budget = front.len();
        let mut sectors = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            let table = u64::from(u32::from_le_bytes(*entry)) * SECTOR;
            let place = directory + 4 * index as u64;
            // Each table is somewhere in front, and no two are the same: together they cannot be larger than the front.
            budget = budget.checked_sub(4 * per_table as u64).ok_or_else(|| {
                front.name().damaged(
                    place,
                    "the grain directory has more tables than fit before the first grain",
                )
            })?;
            if table == 0 {
                sectors.resize(sectors.len() + per_table, 0);
                continue;
            }
            let bytes = read_vec(front, table, 4 * per_table)?;
            let (grains, _) = bytes.as_chunks::<4>();
            sectors.extend(grains.iter().map(|grain| u32::from_le_bytes(*grain)));
        }
        sectors.truncate(usize::try_from(header.grains()).expect("bounded by the front's length"));
        if header.has_zero_grains() {
            for sector in &mut sectors {
                if *sector == 1 {
                    *sector = 0;
                }
            }
        }
        Ok(Self { sectors })
    }

    /// Returns the number of grains with data.
    pub(crate) fn data_grains(&self) -> u64 {
        self.sectors.iter().filter(|sector| **sector != 0).count() as u64
    }

    /// Returns the sector of a grain; 0 for none.
    pub(crate) fn sector(&self, grain: u64) -> u32 {
        usize::try_from(grain)
            .ok()
            .and_then(|grain| self.sectors.get(grain))
            .copied()
            .unwrap_or(0)
    }
}
