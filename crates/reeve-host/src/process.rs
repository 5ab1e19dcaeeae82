//! Talking to a process: feeding it, and reading what it says without ever holding more than its limits.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// How much of the two outputs is kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) stdout: usize,
    pub(crate) stderr: usize,
    pub(crate) cut_stdout: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Captured {
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) truncated: bool,
}

#[derive(Debug)]
pub(crate) enum ExchangeError {
    TooLarge,
    Io(io::Error),
}

/// Feeds a process and reads both its outputs to their end, all at once, so that none of the three pipes can block the others.
pub(crate) async fn exchange(
    stdin: Option<impl AsyncWrite + Unpin>,
    input: Option<&[u8]>,
    stdout: impl AsyncRead + Unpin,
    stderr: impl AsyncRead + Unpin,
    limits: Limits,
) -> Result<Captured, ExchangeError> {
    let feed = async {
        if let (Some(mut stdin), Some(input)) = (stdin, input) {
            // A program may end without reading all of its input; its status tells whether that was right.
            let _ = stdin.write_all(input).await;
            let _ = stdin.shutdown().await;
        }
        Ok(())
    };
    let ((), (stdout, cut_stdout), (stderr, cut_stderr)) =
        tokio::try_join!(feed, read_beginning(stdout, limits), read_end(stderr, limits.stderr))?;
    Ok(Captured {
        stdout,
        stderr,
        truncated: cut_stdout || cut_stderr,
    })
}

async fn read_beginning(mut from: impl AsyncRead + Unpin, limits: Limits) -> Result<(Vec<u8>, bool), ExchangeError> {
    let mut kept = Vec::new();
    let mut cut = false;
    let mut chunk = vec![0; 16 * 1024];
    loop {
        let count = from.read(&mut chunk).await.map_err(ExchangeError::Io)?;
        if count == 0 {
            return Ok((kept, cut));
        }
        let room = limits.stdout - kept.len();
        kept.extend_from_slice(&chunk[..count.min(room)]);
        if count > room {
            if !limits.cut_stdout {
                return Err(ExchangeError::TooLarge);
            }
            // The rest is read and dropped, because a full pipe would stop the program.
            cut = true;
        }
    }
}

async fn read_end(mut from: impl AsyncRead + Unpin, limit: usize) -> Result<(Vec<u8>, bool), ExchangeError> {
    let mut kept: Vec<u8> = Vec::new();
    let mut cut = false;
    let mut chunk = vec![0; 4 * 1024];
    loop {
        let count = from.read(&mut chunk).await.map_err(ExchangeError::Io)?;
        if count == 0 {
            let surplus = kept.len().saturating_sub(limit);
            kept.drain(..surplus);
            return Ok((kept, cut || surplus > 0));
        }
        kept.extend_from_slice(&chunk[..count]);
        // Twice the limit, so that the beginning is moved out only now and then.
        if kept.len() > limit.saturating_mul(2).saturating_add(chunk.len()) {
            kept.drain(..kept.len() - limit);
            cut = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn captured(out: &[u8], err: &[u8], limits: Limits) -> Result<Captured, ExchangeError> {
        exchange(None::<tokio::io::Sink>, None, out, err, limits).await
    }

    #[tokio::test]
    async fn limits_hold_to_the_byte() {
        let limits = Limits {
            stdout: 4,
            stderr: 3,
            cut_stdout: false,
        };
        let exact = captured(b"1234", b"abc", limits).await.unwrap();
        assert_eq!(
            (exact.stdout.as_slice(), exact.stderr.as_slice(), exact.truncated),
            (&b"1234"[..], &b"abc"[..], false)
        );
        assert!(matches!(
            captured(b"12345", b"", limits).await,
            Err(ExchangeError::TooLarge)
        ));
        let cut = captured(
            b"12345",
            b"",
            Limits {
                cut_stdout: true,
                ..limits
            },
        )
        .await
        .unwrap();
        assert_eq!((cut.stdout.as_slice(), cut.truncated), (&b"1234"[..], true));
        let noise = vec![b'x'; 100_000];
        let cut = captured(b"", &[&noise[..], b"end"].concat(), limits).await.unwrap();
        assert_eq!((cut.stderr.as_slice(), cut.truncated), (&b"end"[..], true));
    }
}
