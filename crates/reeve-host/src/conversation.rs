//! A program that runs while questions and answers go to and fro.

use std::fmt;

use tokio::io::{AsyncRead, AsyncWrite};

/// A program that runs on a host while lines go to it and come from it.
///
/// Its standard error is thrown away. Dropping the conversation closes the program's standard input and ends it; one that ignores both is ended by `timeout` at
/// the deadline of its command, where the host has `timeout`.
pub struct Conversation {
    /// What is written here the program reads.
    pub input: Box<dyn AsyncWrite + Send + Unpin>,
    /// What the program writes; it ends when the program or the connection does.
    pub output: Box<dyn AsyncRead + Send + Unpin>,
    /// Ends the program when it is dropped.
    _process: Box<dyn Send>,
}

impl Conversation {
    /// Makes a conversation of its two directions and whatever has to live as long as it does.
    pub fn new(
        input: impl AsyncWrite + Send + Unpin + 'static,
        output: impl AsyncRead + Send + Unpin + 'static,
        process: impl Send + 'static,
    ) -> Self {
        Self {
            input: Box::new(input),
            output: Box::new(output),
            _process: Box::new(process),
        }
    }
}

impl fmt::Debug for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conversation").finish_non_exhaustive()
    }
}
