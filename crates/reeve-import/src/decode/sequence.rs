//! A disk decoded by several threads and handed on in the order of the disk, zeros included: for what takes a stream.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::work::{ImageWork, Job, StreamWork, Work};
use super::{DecodeError, MAX_THREADS, clear_around};
use crate::disk::{CHUNK_BYTES, DiskImage};
use crate::vmdk::StreamDisk;

/// A piece of a disk's bytes; at most [`CHUNK_BYTES`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Bytes as they are.
    Data(Vec<u8>),
    /// So many zeros, at least one.
    Zeros(usize),
}

/// Decodes an image with `threads` threads, 1 to 16, and gives its bytes to `take` in order, from the first to the last, until `take` says that it wants no more.
///
/// `take` is called on the calling thread. Memory: about three chunks of one MiB for each thread.
///
/// # Errors
///
/// [`DecodeError::Read`] if the source is at fault; [`DecodeError::Stopped`] if `take` returned false.
pub fn decode_in_order(
    image: &dyn DiskImage,
    threads: usize,
    take: &mut dyn FnMut(Piece) -> bool,
) -> Result<(), DecodeError> {
    in_order(&ImageWork::new(image), threads, take)
}

/// Decodes a stream as [`decode_in_order`] does an image, and returns what its input is read to.
///
/// # Errors
///
/// As [`decode_in_order`].
pub fn decode_stream_in_order<R: Read + Send>(
    disk: StreamDisk<R>,
    threads: usize,
    take: &mut dyn FnMut(Piece) -> bool,
) -> Result<StreamDisk<R>, DecodeError> {
    let work = StreamWork::new(disk);
    in_order(&work, threads, take)?;
    Ok(work.into_inner())
}

fn in_order<W: Work>(work: &W, threads: usize, take: &mut dyn FnMut(Piece) -> bool) -> Result<(), DecodeError> {
    let threads = threads.clamp(1, MAX_THREADS);
    let queue = Queue {
        state: Mutex::new(State {
            ready: BTreeMap::new(),
            next: 0,
            at_work: threads,
            error: None,
            is_over: false,
        }),
        came: Condvar::new(),
        moved: Condvar::new(),
        ahead: threads as u64,
    };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let leaving = Leaving(&queue);
                if let Err(error) = queue.decode(work) {
                    queue.lock().error.get_or_insert(error);
                }
                drop(leaving);
            });
        }
        let result = queue.hand_on(work.size(), take);
        // Workers that wait for room are let go, whatever came of it.
        queue.lock().is_over = true;
        queue.moved.notify_all();
        result
    })
}

/// Chunks on their way from the workers to whoever takes them.
struct Queue {
    state: Mutex<State>,
    came: Condvar,
    moved: Condvar,
    /// How many chunks a worker may be ahead of the one that is next.
    ahead: u64,
}

struct State {
    /// Start and bytes of chunks with data, by their number.
    ready: BTreeMap<u64, (u64, Vec<u8>)>,
    next: u64,
    at_work: usize,
    error: Option<DecodeError>,
    is_over: bool,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A worker: decodes chunks until there are none, or nobody wants them.
    fn decode<W: Work>(&self, work: &W) -> Result<(), DecodeError> {
        let mut scratch = work.scratch();
        let mut job = Job::default();
        while work.take(&mut job, &mut scratch)? {
            let mut bytes = vec![0; job.length];
            clear_around(&mut bytes, &job.data);
            work.fill(&job, &mut scratch, &mut bytes)?;
            let mut state = self.lock();
            // Ends when the chunk that is next is taken, or when it is over: the worker that has that chunk never waits here.
            while !state.is_over && state.error.is_none() && job.number > state.next + self.ahead {
                state = self.moved.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            if state.is_over || state.error.is_some() {
                return Ok(());
            }
            state.ready.insert(job.number, (job.start, bytes));
            self.came.notify_all();
        }
        Ok(())
    }

    /// Hands everything on in order.
    fn hand_on(&self, size: u64, take: &mut dyn FnMut(Piece) -> bool) -> Result<(), DecodeError> {
        let mut position = 0;
        while let Some((start, bytes)) = self.next()? {
            zeros(&mut position, start, take)?;
            position += bytes.len() as u64;
            if !take(Piece::Data(bytes)) {
                return Err(DecodeError::Stopped);
            }
        }
        zeros(&mut position, size, take)
    }

    /// Returns the next chunk with data, when it is there.
    fn next(&self) -> Result<Option<(u64, Vec<u8>)>, DecodeError> {
        let mut state = self.lock();
        loop {
            if let Some(error) = state.error.take() {
                // Workers see that it is over by this.
                state.is_over = true;
                self.moved.notify_all();
                return Err(error);
            }
            let number = state.next;
            if let Some(chunk) = state.ready.remove(&number) {
                state.next += 1;
                self.moved.notify_all();
                return Ok(Some(chunk));
            }
            if state.at_work == 0 {
                return Ok(None);
            }
            state = self.came.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Gives zeros up to `end`.
fn zeros(position: &mut u64, end: u64, take: &mut dyn FnMut(Piece) -> bool) -> Result<(), DecodeError> {
    while *position < end {
        let length = CHUNK_BYTES.min(end - *position);
        if !take(Piece::Zeros(usize::try_from(length).expect("at most a chunk"))) {
            return Err(DecodeError::Stopped);
        }
        *position += length;
    }
    Ok(())
}

/// Counts a worker out, also when it panics: whoever waits for its chunk must not wait for ever.
struct Leaving<'a>(&'a Queue);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.at_work -= 1;
        if std::thread::panicking() {
            state.is_over = true;
        }
        drop(state);
        self.0.came.notify_all();
        self.0.moved.notify_all();
    }
}
