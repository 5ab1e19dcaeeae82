//! A body that is sent while it is being made, of a length that is known before.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
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

/// The end of an upload's body that is sent; made by [`upload`].
#[derive(Debug)]
pub struct Upload {
    pieces: mpsc::Receiver<Bytes>,
    length: u64,
    taken: Arc<AtomicU64>,
}

/// The end of an upload's body that makes it. Dropped before the whole length was given, the upload fails: a body is never cut short in silence.
#[derive(Debug)]
pub struct UploadWriter {
    pieces: mpsc::Sender<Bytes>,
}

/// Nobody takes the body any more: the upload has failed, or was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nobody takes the upload any more")]
pub struct UploadClosed;

/// Returns both ends of a body of `length` bytes; at most `pieces_ahead` pieces wait between them.
#[must_use]
pub fn upload(length: u64, pieces_ahead: usize) -> (UploadWriter, Upload) {
    let (sender, receiver) = mpsc::channel(pieces_ahead.max(1));
    let upload = Upload {
        pieces: receiver,
        length,
        taken: Arc::new(AtomicU64::new(0)),
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
        self.pieces.blocking_send(piece).map_err(|_| UploadClosed)
    }
}

impl Upload {
    /// Returns a counter of the bytes that the connection has taken so far.
    #[must_use]
    pub fn taken(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.taken)
    }

    /// Returns how many bytes the body has.
    #[must_use]
    pub const fn length(&self) -> u64 {
        self.length
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
                let left = upload.length - upload.taken.load(Ordering::Relaxed);
                if left == 0 {
                    return Poll::Ready(None);
                }
                let piece = ready!(upload.pieces.poll_recv(context));
                Poll::Ready(Some(match piece {
                    Some(piece) if piece.len() as u64 <= left => {
                        upload.taken.fetch_add(piece.len() as u64, Ordering::Relaxed);
                        Ok(Frame::data(piece))
                    }
                    Some(_) => Err(io::Error::other("the body is longer than was said")),
                    None => Err(io::Error::other("the body ended early")),
                }))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            OutgoingBody::Whole(body) => body.is_end_stream(),
            OutgoingBody::Pieces(upload) => upload.taken.load(Ordering::Relaxed) == upload.length,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            OutgoingBody::Whole(body) => body.size_hint(),
            OutgoingBody::Pieces(upload) => SizeHint::with_exact(upload.length - upload.taken.load(Ordering::Relaxed)),
        }
    }
}
