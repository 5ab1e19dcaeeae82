//! The step that copies a disk: its effect is an active image with the disk's mark and the digest of the disk's content.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use http::{HeaderName, HeaderValue};
use reeve_journal::plan::StepId;
use reeve_journal::{Recorded, Refusal, Step, StepError};
use reeve_openstack::{Method, Problem, Request, Service, upload, upload_of_any_length};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::copy::{Copied, Copy, CopyError, Ready, open};
use super::digests::Digests;
use super::marked::{Kind, Marked, shown, text};
use super::world::{World, failed};
use crate::error::ReadError;
use crate::place::vsphere_error;
use crate::plan::{ImageFormat, ImageInput, ImageMethod};

/// Pieces of one MiB that wait for the connection.
const PIECES_AHEAD: usize = 4;

/// What is recorded of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ImageMade {
    /// The image.
    pub image_id: String,
    /// Its format, as Glance keeps it.
    pub format: String,
    /// The format in which it was sent, if the cloud made another of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_as: Option<String>,
    /// The bytes of the image, as Glance counted them: those that were sent, unless the cloud made another format of them.
    pub size: u64,
    /// The algorithm of the digests.
    pub algorithm: String,
    /// The digest of the image's bytes, which is also Glance's.
    pub digest: String,
    /// The digest that a volume of this image should have: of the disk's bytes, with zeros up to the volume's size. None if no volume is compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume_digest: Option<String>,
    /// The digest of the disk's content, whatever the image's format: `blake3-chunks:` and 64 hexadecimal digits. Unknown if the image was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// Bytes that the source had as data; all others are zeros. Unknown if the image was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<u64>,
    /// How long the copy took, in milliseconds. Unknown if the image was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took_ms: Option<u64>,
}

/// What Glance has is not what was sent.
#[derive(Debug, thiserror::Error)]
enum ImageError {
    #[error("Glance has digested the image's data to {found}, and it should be {expected}; the image was deleted")]
    Digest { found: String, expected: String },
    #[error("Glance digests images with {0}, and the plan counts on another digest; make the plan again")]
    Algorithm(String),
    #[error("the image is in store {found}, and {wanted} was asked for; the image was deleted")]
    Store { found: String, wanted: String },
    #[error("the plan's store {0} cannot be named in a request; make the plan again")]
    NoStore(String),
    #[error("the image has status {0} after its upload; the image was deleted")]
    Status(String),
    #[error(
        "the cloud could not import what was staged by glance-direct, and does not say why; make the plan again without `--import-method`"
    )]
    Import,
}

/// Copies a disk into an image.
///
/// Undo: every image with the mark is deleted. A repeat finds the image, reads the source once more for its digest if no process alive knows it, and sends nothing.
pub(super) struct MakeImage {
    pub(super) step: StepId,
    pub(super) input: ImageInput,
}

impl MakeImage {
    fn marked(&self) -> Marked<'_> {
        Marked {
            kind: Kind::Image,
            mark: &self.input.mark,
            name: &self.input.name,
        }
    }

    fn copy(&self, world: &World) -> Copy {
        Copy {
            step: self.step.clone(),
            input: self.input.clone(),
            sources: Arc::clone(&world.sources),
            threads: world.pace.threads,
            cancellation: world.cancellation.clone(),
            watch: Arc::clone(&world.watch),
        }
    }

    /// Returns the disk, opened, if it is the one of the plan.
    async fn open(&self, world: &World) -> Result<Ready, CopyError> {
        let (input, sources) = (self.input.clone(), Arc::clone(&world.sources));
        blocking(move || open(&input, &sources)).await
    }

    /// Returns the digests of the disk: what this process knows, or what the source says when it is read once more.
    async fn digests(&self, world: &World) -> Result<Digests, StepError> {
        if let Some(digests) = world.digests(&self.input.mark) {
            return Ok(digests);
        }
        let disk = self.open(world).await.map_err(copy_failed)?;
        let copy = self.copy(world);
        let copied = blocking(move || {
            let begun = copy.begin(disk)?;
            copy.run(begun, None)
        });
        let copied = copied.await.map_err(copy_failed)?;
        world.keep_digests(&self.input.mark, &copied.digests);
        Ok(copied.digests)
    }

    /// Tells whether reading the source once more gives the digest of what was sent. The stream of a host may be packed in another way each time.
    fn can_be_read_again(&self) -> bool {
        self.input.export.is_none() || self.input.format == ImageFormat::Raw
    }

    /// Tells whether the cloud made a raw image of what was sent in another format.
    fn was_converted(&self, image: &Value) -> bool {
        self.input.method == ImageMethod::GlanceDirect
            && self.input.format != ImageFormat::Raw
            && image["disk_format"] == ImageFormat::Raw.as_str()
    }

    /// Returns the digest that the image should have.
    fn expected<'a>(&self, image: &Value, digests: &'a Digests) -> &'a str {
        match &digests.disk {
            Some(disk) if self.was_converted(image) => disk,
            _ => &digests.sent,
        }
    }

    /// Returns the image if there is exactly one with the mark, and it is whole, with the digests that prove it.
    async fn whole(&self, world: &World) -> Result<Option<(Value, Digests)>, StepError> {
        let mut found = self.marked().find(world).await?;
        let image = match (found.pop(), found.is_empty()) {
            (Some(image), true) => image,
            _ => return Ok(None),
        };
        // How long another format is says the source; its digest is compared below.
        let is_raw = self.input.format == ImageFormat::Raw || self.was_converted(&image);
        let fits = !is_raw || image["size"].as_u64() == Some(self.input.size);
        let is_candidate = image["status"] == "active" && fits;
        if !is_candidate || image["os_hash_algo"] != self.input.hash.as_str() {
            return Ok(None);
        }
        if world.digests(&self.input.mark).is_none() && !self.can_be_read_again() {
            return Ok(None);
        }
        let digests = self.digests(world).await?;
        let is_right = image["os_hash_value"] == self.expected(&image, &digests);
        Ok(is_right.then_some((image, digests)))
    }

    fn made(&self, image: &Value, digests: Digests, copied: Option<(&Copied, u64)>) -> ImageMade {
        let sent_as = self.was_converted(image).then(|| self.input.format.as_str().to_owned());
        ImageMade {
            image_id: text(&image["id"]).to_owned(),
            format: match &sent_as {
                Some(_) => ImageFormat::Raw.as_str().to_owned(),
                None => self.input.format.as_str().to_owned(),
            },
            sent_as,
            size: image["size"].as_u64().unwrap_or(0),
            algorithm: self.input.hash.as_str().to_owned(),
            digest: text(&image["os_hash_value"]).to_owned(),
            volume_digest: digests.volume,
            content: copied.map(|(copied, _)| copied.content.clone()),
            data: copied.map(|(copied, _)| copied.data),
            took_ms: copied.map(|(_, took)| took),
        }
    }

    fn body(&self) -> Value {
        let mut body = json!({
            "name": self.input.name,
            "disk_format": self.input.format.as_str(),
            "container_format": "bare",
            "min_disk": self.input.min_disk_gib,
            "visibility": "private",
            "tags": [self.input.mark],
        });
        for (key, value) in &self.input.properties {
            body[key] = value.as_str().into();
        }
        body
    }

    /// Sends the disk into an image that was just made.
    async fn fill(&self, world: &World, id: &str) -> Result<Copied, StepError> {
        let disk = self.open(world).await.map_err(copy_failed)?;
        let glance = world.session.service("image").await.map_err(failed)?;
        let store = self.store_header()?;
        // A lease is waited for before the cloud waits for bytes.
        let (copy, beginning) = (self.copy(world), self.copy(world));
        let begun = blocking(move || beginning.begin(disk)).await.map_err(copy_failed)?;
        let (writer, body) = match begun.length() {
            Some(length) => upload(length, PIECES_AHEAD),
            None => upload_of_any_length(PIECES_AHEAD),
        };
        let copying = tokio::task::spawn_blocking(move || copy.run(begun, Some(writer)));
        let what = match self.input.method {
            ImageMethod::Upload => "file",
            ImageMethod::GlanceDirect => "stage",
        };
        let sent = glance
            .put(&format!("/images/{id}/{what}"), &store, body, world.pace.upload)
            .await;
        // The body is gone whatever came of it, so the copy ends as well.
        let copied = joined(copying.await);
        match (copied, sent) {
            (Ok(copied), Ok(_)) => {
                self.import(&glance, id).await?;
                Ok(copied)
            }
            // A token that was taken back: the next attempt has a new one.
            (_, Err(error)) if matches!(error.problem, Problem::Unauthorized(_)) => Err(StepError::transient(error)),
            // The cloud's own words say more than that it took no more.
            (Err(CopyError::Closed) | Ok(_), Err(error)) => Err(failed(error)),
            (Err(error), _) => Err(copy_failed(error)),
        }
    }

    /// Has the cloud make the image of what was staged. Source: Glance's API reference v2, "Import an image".
    async fn import(&self, glance: &Service, id: &str) -> Result<(), StepError> {
        let Some(method) = self.input.method.import_method() else {
            return Ok(());
        };
        let mut body = json!({ "method": { "name": method } });
        if let Some(store) = &self.input.store {
            body["stores"] = json!([store]);
        }
        let request = Request::new(Method::Post, format!("/images/{id}/import")).with_body(body);
        glance.send(&request).await.map(drop).map_err(failed)
    }

    /// Waits until Glance has the data in its store, and compares the digests.
    async fn compare(&self, world: &World, id: &str, copied: &Copied) -> Result<Value, StepError> {
        // Ends with the step's deadline.
        let image = loop {
            let image = self.marked().look(world, id).await?;
            let Some(image) = image else {
                return Err(StepError::permanent(ImageError::Status("deleted".to_owned())));
            };
            match text(&image["status"]) {
                "active" => break image,
                "saving" | "importing" | "uploading" => tokio::time::sleep(world.pace.poll).await,
                // An import that failed puts the image back to where it was.
                "queued" if self.input.method == ImageMethod::GlanceDirect => {
                    return Err(StepError::permanent(ImageError::Import));
                }
                other => return Err(StepError::transient(ImageError::Status(shown(other)))),
            }
        };
        let algorithm = text(&image["os_hash_algo"]);
        if algorithm != self.input.hash.as_str() {
            return Err(StepError::permanent(ImageError::Algorithm(shown(algorithm))));
        }
        let found = text(&image["os_hash_value"]);
        let size = if self.was_converted(&image) {
            self.input.size
        } else {
            copied.sent
        };
        let expected = self.expected(&image, &copied.digests);
        if found != expected || image["size"].as_u64() != Some(size) {
            return Err(StepError::transient(ImageError::Digest {
                found: shown(found),
                expected: expected.to_owned(),
            }));
        }
        // Several, with commas between them, where a cloud keeps copies.
        if let Some(wanted) = &self.input.store
            && !text(&image["stores"]).split(',').any(|store| store == wanted)
        {
            return Err(StepError::permanent(ImageError::Store {
                found: shown(text(&image["stores"])),
                wanted: shown(wanted),
            }));
        }
        Ok(image)
    }

    /// Returns the header that names the store. Source: Glance's API reference v2, "Upload binary image data".
    fn store_header(&self) -> Result<Vec<(HeaderName, HeaderValue)>, StepError> {
        let Some(store) = &self.input.store else {
            return Ok(Vec::new());
        };
        if self.input.method == ImageMethod::GlanceDirect {
            // The import names it; what is staged is in no store.
            return Ok(Vec::new());
        }
        let value = HeaderValue::from_str(store);
        let value = value.map_err(|_| StepError::permanent(ImageError::NoStore(shown(store))))?;
        Ok(vec![(HeaderName::from_static("x-image-meta-store"), value)])
    }
}

#[async_trait]
impl Step<World> for MakeImage {
    async fn ready(&self, world: &World) -> Result<(), Refusal> {
        match self.open(world).await {
            Ok(_) => Ok(()),
            Err(error) if !is_passing(&error) => Err(Refusal::refused(
                with_cause(&error),
                "bring the source back as it was, or make the plan again",
            )),
            Err(error) => Err(copy_failed(error).into()),
        }
    }

    async fn done(&self, world: &World) -> Result<bool, StepError> {
        Ok(self.whole(world).await?.is_some())
    }

    async fn act(&self, world: &World) -> Result<Recorded, StepError> {
        let marked = self.marked();
        // What a dead process left: `queued` or `saving`, or with other data. None of it can be gone on with.
        marked.remove_all(world).await?;
        let began = Instant::now();
        let image = marked.make(world, marked.create(self.body())).await?;
        let id = text(&image["id"]).to_owned();
        let result = match self.fill(world, &id).await {
            Ok(copied) => self.compare(world, &id, &copied).await.map(|image| (image, copied)),
            Err(error) => Err(error),
        };
        match result {
            Ok((image, copied)) => {
                world.keep_digests(&self.input.mark, &copied.digests);
                let took = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
                Recorded::value(self.made(&image, copied.digests.clone(), Some((&copied, took))))
            }
            Err(error) => {
                // If it cannot be deleted now, the next attempt, the undo or a resume does it; the first error is the one to tell.
                if let Err(left) = marked.remove(world, &id).await {
                    tracing::warn!(image = %shown(&id), error = %left, "an unfinished image is still there");
                }
                Err(error)
            }
        }
    }

    async fn undo(&self, world: &World, _was: &Recorded) -> Result<(), StepError> {
        self.marked().remove_all(world).await
    }

    async fn recall(&self, world: &World) -> Result<Recorded, StepError> {
        match self.whole(world).await? {
            Some((image, digests)) => Recorded::value(self.made(&image, digests, None)),
            None => Err(self.marked().error("?", "was there a moment ago and is not any more")),
        }
    }
}

/// Tells whether trying again may help.
fn is_passing(error: &CopyError) -> bool {
    match error {
        // Asked to stop: the engine sees that for itself, and an attempt more is what a resume makes.
        CopyError::Stopped | CopyError::Closed => true,
        // A host that refuses a login locks the user out if it is asked again and again.
        CopyError::Read(error) if let Some(refused) = vsphere_error(error) => refused.is_transient(),
        CopyError::Read(ReadError::Io { source, .. }) => source.kind() != std::io::ErrorKind::NotFound,
        CopyError::Read(_) | CopyError::Changed { .. } | CopyError::Moved { .. } => false,
    }
}

fn copy_failed(error: CopyError) -> StepError {
    if is_passing(&error) {
        StepError::transient(error)
    } else {
        StepError::permanent(error)
    }
}

/// Returns an error with what is behind it, in one line.
fn with_cause(error: &CopyError) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// Runs something that reads files on a thread that may wait.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, CopyError> + Send + 'static,
) -> Result<T, CopyError> {
    joined(tokio::task::spawn_blocking(work).await)
}

fn joined<T>(result: Result<Result<T, CopyError>, tokio::task::JoinError>) -> Result<T, CopyError> {
    match result {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is going down.
            Err(_) => Err(CopyError::Stopped),
        },
    }
}
