//! A part of a disk that is read in pieces, with a bound on everything that is read.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::disk::DiskImage;
use crate::error::ReadError;

/// The most bytes that are read from one file system: a journal that was not closed is read too.
const MAX_BYTES: u64 = 512 << 20;

/// The piece of a disk that is read at once.
const PIECE: u64 = 64 << 10;

/// How many pieces are kept.
const PIECES: usize = 64;

/// A part of a disk, with what was read last.
pub(super) struct Window {
    image: Arc<dyn DiskImage>,
    start: u64,
    length: u64,
    pieces: VecDeque<(u64, Vec<u8>)>,
    left: u64,
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
    /// Returns the part of `length` bytes from `start` on, both within the disk.
    pub(super) fn new(image: Arc<dyn DiskImage>, start: u64, length: u64) -> Self {
        Self {
            image,
            start,
            length,
            pieces: VecDeque::new(),
            left: MAX_BYTES,
        }
    }

    fn piece(&mut self, number: u64) -> Result<&[u8], WindowError> {
        if let Some(at) = self.pieces.iter().position(|(held, _)| *held == number) {
            return Ok(&self.pieces[at].1);
        }
        let from = number * PIECE;
        let size = PIECE.min(self.length - from);
        self.left = self.left.checked_sub(size).ok_or(WindowError::Beyond)?;
        let mut bytes = vec![0; usize::try_from(size).expect("at most a piece")];
        self.image.reader().read_at(&mut bytes, self.start + from)?;
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
