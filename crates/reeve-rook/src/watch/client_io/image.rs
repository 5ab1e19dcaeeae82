//! The image that a watch writes to: named by the operator, and nobody else's.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use reeve_host::{Command, Host, HostError};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::Instant;

/// The mark on an image whose content is worth nothing. A watch gives it to an image that was empty; a person can give it to any.
pub const SCRATCH_MARK: &str = "reeve.scratch";

/// How long a question to `rbd` may take; counting what an image uses takes longest.
const DEADLINE: Duration = Duration::from_secs(60);
/// A client that was killed is a watcher for 30 s more (Ceph: `osd_client_watch_timeout`).
const WATCHERS_LEAVE_WITHIN: Duration = Duration::from_secs(40);
/// No more of an image is written to than this.
pub(super) const MOST_BYTES: u64 = 64 << 20;
const LEAST_BYTES: u64 = 1 << 20;

/// An RBD image by pool and name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageName {
    /// The pool.
    pub pool: String,
    /// The image.
    pub image: String,
}

/// The text does not name an image.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an image: write POOL/IMAGE, each of letters, digits, `.`, `_` and `-`, not beginning with `-`")]
pub struct ImageNameError(String);

impl FromStr for ImageName {
    type Err = ImageNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = |word: &str| {
            !word.is_empty()
                && word.len() <= 200
                && !word.starts_with('-')
                && word
                    .chars()
                    .all(|char| char.is_ascii_alphanumeric() || "._-".contains(char))
        };
        match text.split_once('/') {
            Some((pool, image)) if plain(pool) && plain(image) => Ok(Self {
                pool: pool.to_owned(),
                image: image.to_owned(),
            }),
            _ => Err(ImageNameError(reeve_untrusted::short(text, 100))),
        }
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.pool, self.image)
    }
}

/// Why client I/O cannot be watched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientIoError {
    /// The host did not do what was asked.
    #[error("could not ask host {host} about image {image}")]
    Host {
        /// The host.
        host: String,
        /// The image.
        image: ImageName,
        /// What went wrong.
        #[source]
        source: HostError,
    },
    /// `rbd` answered in a way that is not known.
    #[error("`{command}` on {host} gave an answer that cannot be read")]
    Answer {
        /// The host.
        host: String,
        /// The command.
        command: String,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// The image must not be written to.
    #[error("image {image} is not written to: {because}")]
    Image {
        /// The image.
        image: ImageName,
        /// Why not, and what to do.
        because: String,
    },
    /// fio does not run.
    #[error("fio cannot watch image {image} from {host}: {because}")]
    Fio {
        /// The host.
        host: String,
        /// The image.
        image: ImageName,
        /// Why not.
        because: String,
    },
}

/// Asks about an image from the host that will write to it.
pub(super) struct ImageQuestions {
    pub(super) host: Arc<dyn Host>,
    pub(super) user: String,
    pub(super) image: ImageName,
}

impl ImageQuestions {
    /// Makes sure that the image exists, is nobody's and holds nothing, and marks it; returns how many of its bytes to write to.
    pub(super) async fn claim(&self, leftover_stopped: bool) -> Result<u64, ClientIoError> {
        let info: Value = self.ask("info").await?;
        let size = info["size"].as_u64().unwrap_or_default();
        if size < LEAST_BYTES {
            return Err(self.refused("it is smaller than 1 MiB"));
        }
        self.unwatched(leftover_stopped).await?;
        if !self.is_marked().await? {
            let used: Value = self.ask("du").await?;
            let images = used["images"].as_array();
            let bytes = images.map(|images| images.iter().filter_map(|it| it["used_size"].as_u64()).sum::<u64>());
            if bytes != Some(0) {
                let image = &self.image;
                return Err(self.refused(&format!(
                    "it holds data, and a watch overwrites it; make a new one (`rbd create --size 64M POOL/IMAGE`), or, if what it holds is worth nothing, \
                     `rbd image-meta set {image} {SCRATCH_MARK} yes`"
                )));
            }
            let mark = self.rbd(["image-meta", "set", &image_argument(&self.image), SCRATCH_MARK, "yes"]);
            self.run(&mark).await?;
        }
        Ok(size.min(MOST_BYTES))
    }

    async fn unwatched(&self, leftover_stopped: bool) -> Result<(), ClientIoError> {
        let begun = Instant::now();
        loop {
            let status: Value = self.ask("status").await?;
            // A list since Nautilus, an object by number before.
            let watchers = match &status["watchers"] {
                Value::Array(watchers) => watchers.len(),
                Value::Object(watchers) => watchers.len(),
                _ => return Err(self.refused("`rbd status` does not say who uses it")),
            };
            if watchers == 0 {
                return Ok(());
            }
            if !leftover_stopped || begun.elapsed() > WATCHERS_LEAVE_WITHIN {
                return Err(
                    self.refused("somebody uses it (`rbd status` shows who); name an image of its own for the watch")
                );
            }
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
    }

    async fn is_marked(&self) -> Result<bool, ClientIoError> {
        let list: Value = self
            .answer(["image-meta", "list", &image_argument(&self.image), "--format", "json"])
            .await?;
        Ok(list.get(SCRATCH_MARK).is_some())
    }

    async fn ask<T: DeserializeOwned>(&self, word: &str) -> Result<T, ClientIoError> {
        self.answer([word, &image_argument(&self.image), "--format", "json"])
            .await
    }

    async fn answer<T: DeserializeOwned, const N: usize>(&self, words: [&str; N]) -> Result<T, ClientIoError> {
        let command = self.rbd(words);
        let stdout = self.run(&command).await?;
        // `rbd image-meta list` prints nothing where there is nothing.
        let stdout = if stdout.iter().all(u8::is_ascii_whitespace) {
            b"{}".to_vec()
        } else {
            stdout
        };
        serde_json::from_slice(&stdout).map_err(|source| ClientIoError::Answer {
            host: self.host.name().to_string(),
            command: command.to_string(),
            source,
        })
    }

    fn rbd<const N: usize>(&self, words: [&str; N]) -> Command {
        Command::new("rbd")
            .args(["--id", &self.user])
            .args(words)
            .as_root()
            .deadline(DEADLINE)
    }

    async fn run(&self, command: &Command) -> Result<Vec<u8>, ClientIoError> {
        let output = self.host.run_ok(command).await.map_err(|error| self.failed(error))?;
        Ok(output.stdout)
    }

    fn failed(&self, source: HostError) -> ClientIoError {
        // ENOENT, as `rbd` passes it on.
        if let HostError::Status {
            status: 2, stderr_tail, ..
        } = &source
        {
            return self.refused(&format!(
                "there is no such image, or no way to it from {}, and none is made; `rbd create --size 64M POOL/IMAGE` makes one ({stderr_tail})",
                self.host.name()
            ));
        }
        ClientIoError::Host {
            host: self.host.name().to_string(),
            image: self.image.clone(),
            source,
        }
    }

    fn refused(&self, because: &str) -> ClientIoError {
        ClientIoError::Image {
            image: self.image.clone(),
            because: because.to_owned(),
        }
    }
}

fn image_argument(image: &ImageName) -> String {
    image.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_named_by_pool_and_name() {
        let image: ImageName = "volumes/watch-1".parse().unwrap();
        assert_eq!((image.pool.as_str(), image.image.as_str()), ("volumes", "watch-1"));
        for wrong in ["volumes", "a/b/c", "/b", "a/", "-p/x", "p/-x", "p/x y", "p/x\u{1b}"] {
            let error = wrong.parse::<ImageName>().unwrap_err().to_string();
            assert!(error.contains("POOL/IMAGE") && !error.contains('\u{1b}'), "{error}");
        }
    }
}
