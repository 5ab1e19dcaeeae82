//! A part of a disk, or several in a row, read in pieces with a bound on everything that is read.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::disk::DiskImage;
use crate::error::ReadError;

/// The most bytes that are read from one file system: a journal that was not closed is read too.
const MAX_BYTES: u64 = 512 << 20;

/// The most bytes that are read from one disk, whatever is on it.
const MAX_DISK_BYTES: u64 = 2 * MAX_BYTES;

/// How long readers of other crates may work on one disk, without the time in which it is read.
const PATIENCE: Duration = Duration::from_secs(20);

/// The piece of a disk that is read at once.
const PIECE: u64 = 64 << 10;

/// How many pieces are kept.
const PIECES: usize = 64;

/// How much may still be done with one disk, for all its file systems together.
pub(super) struct Allowance {
    bytes: AtomicU64,
    nanoseconds: AtomicU64,
}

impl Allowance {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            bytes: AtomicU64::new(MAX_DISK_BYTES),
            nanoseconds: AtomicU64::new(u64::try_from(PATIENCE.as_nanos()).expect("a few seconds")),
        })
    }

    /// Takes bytes that are about to be read; `None` if there are not so many left.
    fn read(&self, count: u64) -> Option<()> {
        Self::take(&self.bytes, count)
    }

    /// Takes time that was worked; `None` if there was not so much left.
    pub(super) fn work(&self, time: Duration) -> Option<()> {
        Self::take(&self.nanoseconds, u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
    }

    fn take(from: &AtomicU64, count: u64) -> Option<()> {
        let less = |left: u64| left.checked_sub(count);
        from.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less)
            .ok()
            .map(drop)
    }
}

/// Bytes that follow each other on a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// Where they begin on the disk.
    pub(super) start: u64,
    /// How many there are.
    pub(super) length: u64,
}

/// Runs of a disk's bytes in a row, with what was read last.
pub(super) struct Window {
    image: Arc<dyn DiskImage>,
    /// Each with where it begins in the window.
    runs: Vec<(u64, Run)>,
    length: u64,
    pieces: VecDeque<(u64, Vec<u8>)>,
    left: u64,
    allowance: Arc<Allowance>,
}

/// Why a part of a disk was not read.
#[derive(Debug, thiserror::Error)]
pub(super) enum WindowError {
    /// What is in the part leads beyond its end, or to more than is read of one file system.
    #[error("it leads beyond its end, or to more than is read")]
    Beyond,
    /// The disk itself cannot be read there.
    #[error(transparent)]
    Disk(#[from] ReadError),
}

impl Window {
    /// Returns the runs in a row; each is within the disk, and they are at most as long together as a disk can be.
    pub(super) fn new(
        image: Arc<dyn DiskImage>,
        runs: impl IntoIterator<Item = Run>,
        allowance: &Arc<Allowance>,
    ) -> Self {
        let mut length = 0;
        let runs = runs.into_iter().filter(|run| run.length > 0);
        let runs = runs.map(|run| {
            let at = length;
            length += run.length;
            (at, run)
        });
        Self {
            runs: runs.collect(),
            image,
            length,
            pieces: VecDeque::new(),
            left: MAX_BYTES,
            allowance: Arc::clone(allowance),
        }
    }

    /// Returns what may still be done with the disk.
    pub(super) const fn allowance(&self) -> &Arc<Allowance> {
        &self.allowance
    }

    /// Returns how many bytes there are.
    pub(super) const fn len(&self) -> u64 {
        self.length
    }

    fn piece(&mut self, number: u64) -> Result<&[u8], WindowError> {
        if let Some(at) = self.pieces.iter().position(|(held, _)| *held == number) {
            return Ok(&self.pieces[at].1);
        }
        let from = number * PIECE;
        let size = PIECE.min(self.length - from);
        self.left = self.left.checked_sub(size).ok_or(WindowError::Beyond)?;
        self.allowance.read(size).ok_or(WindowError::Beyond)?;
        let mut bytes = vec![0; usize::try_from(size).expect("at most a piece")];
        let mut reader = self.image.reader();
        let (mut at, mut rest) = (from, &mut bytes[..]);
        while !rest.is_empty() {
            let index = self.runs.partition_point(|(start, _)| *start <= at) - 1;
            let (start, run) = self.runs[index];
            let within = at - start;
            let count = (run.length - within).min(rest.len() as u64);
            let (now, later) = rest.split_at_mut(usize::try_from(count).expect("at most a piece"));
            reader.read_at(now, run.start + within)?;
            at += count;
            rest = later;
        }
        if self.pieces.len() == PIECES {
            self.pieces.pop_front();
        }
        self.pieces.push_back((number, bytes));
        Ok(&self.pieces[self.pieces.len() - 1].1)
    }

    /// Fills `buffer` with the bytes from `offset` on.
    ///
    /// # Errors
    ///
    /// [`WindowError`]; the buffer may be half filled then.
    pub(super) fn read_at(&mut self, buffer: &mut [u8], offset: u64) -> Result<(), WindowError> {
        let end = offset.checked_add(buffer.len() as u64);
        if end.is_none_or(|end| end > self.length) {
            return Err(WindowError::Beyond);
        }
        let (mut at, mut done) = (offset, 0);
        while done < buffer.len() {
            let within = usize::try_from(at % PIECE).expect("less than a piece");
            let piece = self.piece(at / PIECE)?;
            let count = (piece.len() - within).min(buffer.len() - done);
            buffer[done..done + count].copy_from_slice(&piece[within..within + count]);
            at += count as u64;
            done += count;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::partition::tests::Plain;

    #[test]
    fn what_is_read_and_worked_is_bounded_for_the_whole_disk() {
        let allowance = Allowance::new();
        let image: Arc<dyn DiskImage> = Arc::new(Plain(vec![0; 1 << 20]));
        // The same bytes once more are read once more: what was read last is kept, and it is less than the disk has.
        let whole = Run {
            start: 0,
            length: 1 << 20,
        };
        let mut read = 0;
        for _ in 0..4 {
            let mut window = Window::new(Arc::clone(&image), [whole; 600], &allowance);
            let mut buffer = vec![0; 1 << 20];
            let mut at = 0;
            while window.read_at(&mut buffer, at).is_ok() {
                at += buffer.len() as u64;
                read += buffer.len() as u64;
            }
            assert!(at <= MAX_BYTES, "{at}");
        }
        assert_eq!(read, MAX_DISK_BYTES);
        assert!(allowance.work(PATIENCE / 2).is_some());
        assert!(allowance.work(PATIENCE).is_none());
    }

    proptest! {
        #[test]
        fn runs_in_a_row_read_as_their_bytes_put_together(runs in proptest::collection::vec((0_u64..200_000, 0_u64..90_000), 0..6), at in 0_u64..300_000, count in 0_usize..100_000) {
            let bytes: Vec<u8> = (0..300_000_u32).map(|number| (number / 3) as u8).collect();
            let runs = runs.into_iter().map(|(start, length)| Run { start, length });
            let runs: Vec<Run> = runs.collect();
            let whole: Vec<u8> = runs.iter().flat_map(|run| bytes[run.start as usize..][..run.length as usize].to_vec()).collect();
            let mut window = Window::new(Arc::new(Plain(bytes)), runs, &Allowance::new());
            prop_assert_eq!(window.len(), whole.len() as u64);
            let mut buffer = vec![0; count];
            match whole.get(at as usize..at as usize + count) {
                Some(wanted) => {
                    window.read_at(&mut buffer, at).unwrap();
                    prop_assert!(buffer == wanted);
                }
                None => prop_assert!(matches!(window.read_at(&mut buffer, at), Err(WindowError::Beyond))),
            }
        }
    }
}
