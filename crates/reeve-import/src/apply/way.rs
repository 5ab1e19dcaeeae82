//! The way of a copy's bytes: into the digest, and to the cloud if they are sent at all.

use std::io::{self, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use reeve_journal::Cancellation;
use reeve_journal::plan::StepId;
use reeve_openstack::{Bytes, UploadWriter};

use super::copy::{Copy, CopyError};
use super::digests::Hasher;
use super::world::CopyWatch;
use crate::bytes::ByteSource;
use crate::vsphere::NfcStream;

/// Bytes that are read and handed on at once where a file is sent as it is.
const PIECE: usize = 1 << 20;

/// The way of a copy's bytes.
pub(super) struct Way {
    hasher: Hasher,
    sent: u64,
    writer: Option<UploadWriter>,
    line: Line,
}

impl Way {
    /// Returns the way of a copy: to the cloud by `writer`, or only through the digest.
    pub(super) fn new(copy: &Copy, writer: Option<UploadWriter>) -> Self {
        Self {
            hasher: Hasher::new(copy.input.hash),
            sent: 0,
            line: Line {
                step: copy.step.clone(),
                watch: Arc::clone(&copy.watch),
                cancellation: copy.cancellation.clone(),
                sends: writer.is_some(),
                closed: Arc::default(),
            },
            writer,
        }
    }

    /// Sends a piece; tells whether to go on.
    pub(super) fn send(&mut self, bytes: Bytes) -> bool {
        if self.line.is_stopped() {
            return false;
        }
        self.hasher.update(&bytes);
        self.sent += bytes.len() as u64;
        if let Some(writer) = &self.writer
            && writer.give(bytes).is_err()
        {
            self.line.closed.store(true, Ordering::Relaxed);
        }
        !self.line.is_stopped()
    }

    /// Returns how many bytes were sent.
    pub(super) const fn sent(&self) -> u64 {
        self.sent
    }

    /// Says that everything was sent; returns the digest in the making, and the number of bytes.
    ///
    /// # Errors
    ///
    /// [`CopyError::Closed`] if nobody took it.
    pub(super) fn end(self) -> Result<(Hasher, u64), CopyError> {
        match self.writer.map(UploadWriter::end) {
            // Where the length was said before, the end of the body is no news.
            Some(Err(_)) if self.line.is_stopped() => Err(self.line.why(None)),
            _ => Ok((self.hasher, self.sent)),
        }
    }

    /// Returns what is known of this copy apart from its bytes.
    pub(super) fn line(&self) -> Line {
        self.line.clone()
    }
}

/// What is known of a copy apart from its bytes: who watches it, and whether it is still wanted.
#[derive(Clone)]
pub(super) struct Line {
    step: StepId,
    watch: Arc<dyn CopyWatch>,
    cancellation: Cancellation,
    /// Otherwise the source is only read.
    sends: bool,
    /// The cloud takes no more.
    closed: Arc<AtomicBool>,
}

impl Line {
    /// Tells whether the copy is not wanted any more.
    pub(super) fn is_stopped(&self) -> bool {
        self.closed.load(Ordering::Relaxed) || self.cancellation.is_cancelled()
    }

    /// Returns why the copy stopped: `error`, unless that only followed from what the cloud or a person wanted.
    pub(super) fn why(&self, error: Option<CopyError>) -> CopyError {
        match error {
            _ if self.cancellation.is_cancelled() => CopyError::Stopped,
            _ if self.closed.load(Ordering::Relaxed) => CopyError::Closed,
            Some(error) => error,
            None => CopyError::Stopped,
        }
    }

    /// Tells the watch that so much of the whole has come.
    pub(super) fn report(&self, bytes: u64, of: u64) {
        if self.sends {
            self.watch.copied(&self.step, bytes, of);
        } else {
            self.watch.read_again(&self.step, bytes, of);
        }
    }
}

/// A disk's own bytes, which are sent as they are while the disk is decoded out of them.
pub(super) struct Passing {
    input: Input,
    /// What is to be sent, until it is a large piece, and there is a way for it.
    held: Vec<u8>,
    way: Option<Way>,
}

/// Where such bytes come from.
enum Input {
    File(BufReader<FileReader>),
    Export(Box<NfcStream>),
}

impl Passing {
    /// Returns the bytes of a file.
    pub(super) fn of_file(file: Arc<dyn ByteSource>) -> Self {
        Self::new(Input::File(BufReader::with_capacity(
            PIECE,
            FileReader { file, position: 0 },
        )))
    }

    /// Returns the bytes of a disk that a host exports.
    pub(super) fn of_export(stream: NfcStream) -> Self {
        Self::new(Input::Export(Box::new(stream)))
    }

    const fn new(input: Input) -> Self {
        Self {
            input,
            held: Vec::new(),
            way: None,
        }
    }

    /// Sends what was read so far, and what will be, by this way. Until then what is read is held: the head of the disk, which is bounded.
    pub(super) fn by(&mut self, way: Way) {
        self.way = Some(way);
    }

    fn flush(&mut self) -> io::Result<()> {
        if let Some(way) = &mut self.way
            && !self.held.is_empty()
            && !way.send(Bytes::from(std::mem::take(&mut self.held)))
        {
            return Err(io::Error::other("the copy is not wanted any more"));
        }
        Ok(())
    }

    /// Sends what stands behind the disk as well, and returns the way; `None` if there was none.
    ///
    /// # Errors
    ///
    /// What reading gives; or that the copy is not wanted any more.
    pub(super) fn finish(mut self) -> io::Result<Option<Way>> {
        if let Input::File(_) = self.input {
            let mut buffer = vec![0; PIECE];
            // Ends with the file.
            while self.read(&mut buffer)? > 0 {}
        }
        if let Input::Export(stream) = &mut self.input {
            // Behind its end-of-stream marker an export has at most padding.
            let behind = stream.drain();
            self.held.extend_from_slice(&behind);
        }
        self.flush()?;
        Ok(self.way)
    }
}

impl Read for Passing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = match &mut self.input {
            Input::File(file) => file.read(buffer)?,
            Input::Export(stream) => stream.read(buffer)?,
        };
        self.held.extend_from_slice(&buffer[..count]);
        if self.held.len() >= PIECE {
            self.flush()?;
        }
        Ok(count)
    }
}

/// Reads a file front to back.
struct FileReader {
    file: Arc<dyn ByteSource>,
    position: u64,
}

impl Read for FileReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.file.len() - self.position;
        let count = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        self.file
            .read_at(&mut buffer[..count], self.position)
            .map_err(io::Error::other)?;
        self.position += count as u64;
        Ok(count)
    }
}
