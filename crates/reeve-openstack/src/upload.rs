//! A body that is sent while it is being made, of a length that is known before or only at its end.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::sync::mpsc;

/// How long an upload may stand still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UploadPatience {
    /// Longest time in which not one piece of the body is taken by the connection.
    pub stall: Duration,
    /// Longest time from the last piece to the answer; stores write what they have buffered in it.
    pub answer: Duration,
}

impl Default for UploadPatience {
    fn default() -> UploadPatience {
        UploadPatience {
            stall: Duration::from_secs(180),
            answer: Duration::from_secs(900),
        }
    }
}

/// The end of an upload's body that is sent; made by [`upload`] or [`upload_of_any_length`].
#[derive(Debug)]
pub struct Upload {
    pieces: mpsc::Receiver<Piece>,
    /// `None` if only the end tells.
    length: Option<u64>,
    taken: Arc<AtomicU64>,
    is_whole: Arc<AtomicBool>,
}

/// What is handed from one end of a body to the other.
#[derive(Debug)]
enum Piece {
    Bytes(Bytes),
    /// Nothing follows.
    End,
}

/// The end of an upload's body that makes it. Dropped before the whole length was given, or without [`UploadWriter::end`] where no length was said, the upload fails: a body is never cut short in silence.
#[derive(Debug)]
pub struct UploadWriter {
    pieces: mpsc::Sender<Piece>,
}

/// Nobody takes the body any more: the upload has failed, or was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nobody takes the upload any more")]
pub struct UploadClosed;

/// Returns both ends of a body of `length` bytes; at most `pieces_ahead` pieces wait between them.
#[must_use]
pub fn upload(length: u64, pieces_ahead: usize) -> (UploadWriter, Upload) {
    ends(Some(length), pieces_ahead)
}

/// Returns both ends of a body whose length nobody knows before its end, which [`UploadWriter::end`] says; it is sent in chunks.
#[must_use]
pub fn upload_of_any_length(pieces_ahead: usize) -> (UploadWriter, Upload) {
    ends(None, pieces_ahead)
}

fn ends(length: Option<u64>, pieces_ahead: usize) -> (UploadWriter, Upload) {
    let (sender, receiver) = mpsc::channel(pieces_ahead.max(1));
    let upload = Upload {
        pieces: receiver,
        length,
        taken: Arc::default(),
        is_whole: Arc::new(AtomicBool::new(length == Some(0))),
    };
    (UploadWriter { pieces: sender }, upload)
}

impl UploadWriter {
    /// Gives a piece to the connection, from a thread that may wait; returns when there is room.
    ///
    /// # Errors
    ///
    /// [`UploadClosed`] if the upload is over.
    pub fn give(&self, piece: Bytes) -> Result<(), UploadClosed> {
        self.pieces.blocking_send(Piece::Bytes(piece)).map_err(|_| UploadClosed)
    }

    /// Says that the body has come to its end. Where its length was said before, that length decides, and this says nothing new.
    ///
    /// # Errors
    ///
    /// As [`UploadWriter::give`], for a body without a length.
    pub fn end(self) -> Result<(), UploadClosed> {
        self.pieces.blocking_send(Piece::End).map_err(|_| UploadClosed)
    }
}

impl Upload {
    /// Returns a counter of the bytes that the connection has taken so far.
    #[must_use]
    pub fn taken(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.taken)
    }

    /// Returns what says whether the connection has taken everything.
    pub(crate) fn is_whole(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.is_whole)
    }

    /// Returns how many bytes are still to come, if that is known.
    fn left(&self) -> Option<u64> {
        Some(self.length? - self.taken.load(Ordering::Relaxed))
    }

    /// Takes what was given; returns what goes out.
    fn take(&mut self, piece: Option<Piece>) -> Option<Result<Frame<Bytes>, io::Error>> {
        let wrong = |what: &str| Some(Err(io::Error::other(what.to_owned())));
        match (piece, self.left()) {
            (Some(Piece::Bytes(bytes)), left) => {
                let count = bytes.len() as u64;
                if left.is_some_and(|left| count > left) {
                    return wrong("the body is longer than was said");
                }
                self.taken.fetch_add(count, Ordering::Relaxed);
                if left == Some(count) {
                    self.is_whole.store(true, Ordering::Relaxed);
                }
                Some(Ok(Frame::data(bytes)))
            }
            (Some(Piece::End), None) => {
                self.is_whole.store(true, Ordering::Relaxed);
                None
            }
            (Some(Piece::End) | None, _) => wrong("the body ended early"),
        }
    }
}

/// A body as it goes out: whole, or in pieces as they are made.
pub(crate) enum OutgoingBody {
    Whole(Full<Bytes>),
    Pieces(Upload),
}

impl Body for OutgoingBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match &mut *self {
            OutgoingBody::Whole(body) => Pin::new(body).poll_frame(context).map_err(|never| match never {}),
            OutgoingBody::Pieces(upload) => {
                if upload.is_whole.load(Ordering::Relaxed) {
                    return Poll::Ready(None);
                }
                let piece = ready!(upload.pieces.poll_recv(context));
                Poll::Ready(upload.take(piece))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            OutgoingBody::Whole(body) => body.is_end_stream(),
            OutgoingBody::Pieces(upload) => upload.is_whole.load(Ordering::Relaxed),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            OutgoingBody::Whole(body) => body.size_hint(),
            OutgoingBody::Pieces(upload) => upload.left().map_or_else(SizeHint::default, SizeHint::with_exact),
        }
    }
}
