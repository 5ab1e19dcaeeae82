//! Which parts of a file grains occupy: no two may share a byte.

use crate::error::{ReadError, SourceName};

/// The most cells kept, two bytes each: with grains of 64 KiB a file of 2 TiB, which is as far as a table's 32-bit sectors reach.
const MAX_CELLS: u64 = 32 << 20;

/// The places of the uncompressed grains of one file.
///
/// The file is divided into cells as large as a grain. Two grains that begin in one cell overlap, and one that begins in the
/// next cell overlaps if it begins earlier within it; so one number a cell is enough to find every overlap.
pub(crate) struct Occupied {
    grain: u64,
    /// For each cell the sector at which a grain begins in it, plus 1; 0 for none.
    cells: Vec<u16>,
}

impl Occupied {
    pub(crate) const fn new(grain: u64) -> Self {
        Self {
            grain,
            cells: Vec::new(),
        }
    }

    /// Notes a grain at byte `at`, which its table names at byte `entry`.
    ///
    /// # Errors
    ///
    /// [`ReadError::Damaged`] if it overlaps one that was noted before; [`ReadError::TooLarge`] if it lies too far back in the file.
    pub(crate) fn take(&mut self, at: u64, file: &SourceName, entry: u64) -> Result<(), ReadError> {
        let cell = at / self.grain;
        if cell >= MAX_CELLS {
            return Err(file.too_large(entry, "the place of a grain, in grains,", cell, MAX_CELLS));
        }
        let cell = usize::try_from(cell).expect("bounded above");
        let within = u16::try_from(at % self.grain / 512 + 1).expect("a grain has at most 2048 sectors");
        if cell >= self.cells.len() {
            self.cells.resize((cell + 1).next_power_of_two(), 0);
        }
        let before = cell.checked_sub(1).map_or(0, |before| self.cells[before]);
        let after = self.cells.get(cell + 1).copied().unwrap_or(0);
        if self.cells[cell] != 0 || before > within || (after != 0 && after < within) {
            return Err(file.damaged(
                entry,
                format!("the grain at byte {at} overlaps another one that a table leads to"),
            ));
        }
        self.cells[cell] = within;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Told to overlap if and only if two of them do.
        #[test]
        fn overlaps_are_found(sectors in prop::collection::vec(0_u64..200, 1..12)) {
            let grain = 8 * 512;
            let mut occupied = Occupied::new(grain);
            let mut taken: Vec<u64> = Vec::new();
            for sector in sectors {
                let overlaps = taken.iter().any(|other| other.abs_diff(sector) < 8);
                let answer = occupied.take(sector * 512, &SourceName::new("x"), 0);
                prop_assert_eq!(answer.is_err(), overlaps, "{} among {:?}", sector, taken);
                if !overlaps {
                    taken.push(sector);
                }
            }
        }
    }

    #[test]
    fn a_grain_far_beyond_is_refused_before_memory_is_taken() {
        let mut occupied = Occupied::new(4096);
        assert!(
            occupied
                .take(u64::from(u32::MAX) * 512, &SourceName::new("x"), 0)
                .is_err()
        );
    }
}
