//! Known content: uploaded as an image, and looked for in a volume that went through a backup.
//!
//! A project's own login is enough, and no server is needed: a volume is made of the image, and volumes are copied back to images, of which Glance says the digest.

use reeve_openstack::{Bytes, Method, Request, RequestError, UploadPatience, upload as body};
use ring::digest::{Algorithm, Context, SHA256, SHA512};
use serde_json::{Value, json};

use super::aborted;
use crate::facts::{Missing, missing};
use crate::resource::{Kind, Made as Thing, MakeError, RunId, Workshop};
use crate::verdict::Findings;

pub(super) const UPLOAD: &str = "scsx-0104-upload";
pub(super) const DATA: &str = "scsx-0117-data";

/// How many bytes are uploaded.
const SIZE: usize = 1 << 20;

/// Bytes of one step of the upload.
const STEP: usize = 64 << 10;

/// Largest volume whose digest is worked out here, in bytes; the ones that are made have 1 GiB.
const MAX_VOLUME: u64 = 16 << 30;

/// What came of the upload.
pub(super) enum Uploaded {
    /// The image has the content.
    Ready(Thing),
    /// The cloud does not let users upload, or loses what they do.
    Broken { image: Option<Thing>, detail: String },
    /// Something else went wrong.
    Missing { image: Option<Thing>, missing: Missing },
}

impl Uploaded {
    /// Returns the image, if there is one.
    pub(super) const fn image(&self) -> Option<&Thing> {
        match self {
            Uploaded::Ready(image) => Some(image),
            Uploaded::Broken { image, .. } | Uploaded::Missing { image, .. } => image.as_ref(),
        }
    }

    /// Returns the image if it has the content, or why not.
    pub(super) fn ready(&self) -> Result<&Thing, Missing> {
        match self {
            Uploaded::Ready(image) => Ok(image),
            Uploaded::Missing { missing, .. } => Err(missing.clone()),
            Uploaded::Broken { detail, .. } => Err(Missing {
                cause: format!("there is no image with known content: {detail}"),
                hint: format!("see `{UPLOAD}`"),
                not_found: false,
            }),
        }
    }

    /// Returns what that means for the check on uploads.
    pub(super) fn outcome(self) -> Result<Findings, Missing> {
        let mut findings = Findings::default();
        match self {
            Uploaded::Ready(_) => {}
            Uploaded::Missing { missing, .. } => return Err(missing),
            Uploaded::Broken { detail, .. } => findings.violation(
                "users",
                detail,
                "let the role `member` do it in Glance's policy (`add_image`, `upload_image`), and see its log",
            ),
        }
        Ok(findings)
    }
}

/// Returns the content: bytes that no store has, the same for one run.
fn content(run: &RunId) -> Vec<u8> {
    let mut all = Vec::with_capacity(SIZE);
    for number in 0_u32.. {
        if all.len() >= SIZE {
            break;
        }
        let mut context = Context::new(&SHA256);
        context.update(run.as_str().as_bytes());
        context.update(&number.to_be_bytes());
        all.extend_from_slice(context.finish().as_ref());
    }
    all.truncate(SIZE);
    all
}

/// Uploads the content as an image.
pub(super) async fn upload(workshop: &Workshop) -> Uploaded {
    let members = json!({ "disk_format": "raw", "container_format": "bare", "visibility": "private" });
    let image = match workshop.make(Kind::Image, "content", members).await {
        Ok(image) => image,
        Err(MakeError::Request { source, .. }) if source.is_forbidden() => {
            let detail = format!("they may not make an image: {}", missing(&source).cause);
            return Uploaded::Broken { image: None, detail };
        }
        Err(error) => {
            let missing = aborted(
                &error,
                "see what Glance's log says, and whether a quota for images is used up",
            );
            return Uploaded::Missing { image: None, missing };
        }
    };
    let content = content(workshop.run());
    if let Err(error) = send(workshop, &image, content.clone()).await {
        let cause = missing(&error);
        return if error.is_forbidden() {
            let detail = format!("they may not upload an image: {}", cause.cause);
            Uploaded::Broken {
                image: Some(image),
                detail,
            }
        } else {
            Uploaded::Missing {
                image: Some(image),
                missing: cause,
            }
        };
    }
    let shown = match workshop.wait(&image, "active", workshop.patience().volume).await {
        Ok(shown) => shown,
        Err(error) => {
            let missing = aborted(&error, "see what Glance's log says");
            return Uploaded::Missing {
                image: Some(image),
                missing,
            };
        }
    };
    match digest(&shown, content, 0) {
        None => Uploaded::Ready(image),
        Some((is, _)) if shown["size"].as_u64() == Some(SIZE as u64) && is => Uploaded::Ready(image),
        Some(_) => {
            let detail = format!(
                "an image that was uploaded is another one afterwards: {} bytes became {}",
                SIZE, shown["size"]
            );
            Uploaded::Broken {
                image: Some(image),
                detail,
            }
        }
    }
}

async fn send(workshop: &Workshop, image: &Thing, content: Vec<u8>) -> Result<(), RequestError> {
    let service = workshop.session().service("image").await?;
    workshop.tell(format!("uploading image {}", image.name));
    // Room for all of it, so that whoever gives the pieces never waits.
    let (writer, upload) = body(content.len() as u64, SIZE / STEP + 1);
    let content = Bytes::from(content);
    let giving = tokio::task::spawn_blocking(move || {
        let mut from = 0;
        while from < content.len() {
            let to = (from + STEP).min(content.len());
            // An upload that is over says itself why.
            if writer.give(content.slice(from..to)).is_err() {
                return;
            }
            from = to;
        }
    });
    let patience = UploadPatience {
        stall: workshop.patience().volume,
        answer: workshop.patience().volume,
    };
    let sent = service
        .put(&format!("/images/{}/file", image.id), &[], upload, patience)
        .await;
    // It has ended by now: everything was taken, or nobody takes it any more.
    let _ended = giving.await;
    sent.map(drop)
}

/// Compares the digest that Glance says with that of `content` and as many zeros behind it; `None` if it says none that can be worked out here.
fn digest(image: &Value, content: Vec<u8>, zeros: u64) -> Option<(bool, String)> {
    let algorithm: &'static Algorithm = match image["os_hash_algo"].as_str()? {
        "sha256" => &SHA256,
        "sha512" => &SHA512,
        _ => return None,
    };
    let said = image["os_hash_value"].as_str()?.to_owned();
    let mut context = Context::new(algorithm);
    context.update(&content);
    let nothing = vec![0; 1 << 20];
    let mut left = zeros;
    while left > 0 {
        let now = left.min(nothing.len() as u64);
        context.update(&nothing[..usize::try_from(now).unwrap_or(nothing.len())]);
        left -= now;
    }
    Some((said == hex::encode(context.finish().as_ref()), said))
}

/// Judges whether a restored volume has the content of the volume that was backed up.
pub(super) async fn compare(
    workshop: &Workshop,
    uploaded: &Uploaded,
    volume: &Thing,
    restored: &Thing,
) -> Result<Findings, Missing> {
    uploaded.ready()?;
    let copy = copied(workshop, restored).await?;
    let size = copy["size"].as_u64().unwrap_or(0);
    let content = content(workshop.run());
    let mut findings = Findings::default();
    if size < content.len() as u64 || size > MAX_VOLUME {
        return Err(unreadable(&copy));
    }
    // Some seconds of work, beside everything else.
    let asked = copy.clone();
    let zeros = size - content.len() as u64;
    let worked_out = tokio::task::spawn_blocking(move || digest(&asked, content, zeros)).await;
    let (is, said) = worked_out.ok().flatten().ok_or_else(|| unreadable(&copy))?;
    if is {
        return Ok(findings);
    }
    // What is behind the content may be anything on some stores; so the volume that was backed up decides.
    let original = copied(workshop, volume).await?;
    if original["os_hash_value"] != said.as_str() {
        findings.violation(
            "restored volume",
            format!(
                "its content is another one than that of the volume that was backed up ({} against {})",
                start(&said),
                start(original["os_hash_value"].as_str().unwrap_or_default())
            ),
            "do not rely on backups before this is found; see the logs of cinder-backup and of the storage that it writes to",
        );
    }
    Ok(findings)
}

fn start(digest: &str) -> String {
    digest.chars().filter(char::is_ascii_hexdigit).take(16).collect()
}

fn unreadable(image: &Value) -> Missing {
    Missing {
        cause: format!(
            "the copy of a volume has no digest that can be compared ({}, {} bytes)",
            image["os_hash_algo"], image["size"]
        ),
        hint: "let Glance work digests out: `hashing_algorithm = sha512`".to_owned(),
        not_found: false,
    }
}

/// Copies a volume to an image, returns what Glance says of it, and deletes it.
async fn copied(workshop: &Workshop, volume: &Thing) -> Result<Value, Missing> {
    let service = workshop
        .session()
        .service("block-storage")
        .await
        .map_err(|error| missing(&error))?;
    let ledger = |error| {
        aborted(
            &MakeError::Ledger(error),
            "see that the folder of the ledgers can be written",
        )
    };
    let (number, name) = workshop.intend(Kind::Image, "copy").map_err(ledger)?;
    workshop.tell(format!("copying volume {} to image {name}", volume.name));
    let order = json!({ "os-volume_upload_image": { "image_name": name, "disk_format": "raw", "container_format": "bare", "force": false } });
    let path = format!("{}/{}/action", Kind::Volume.path(""), volume.id);
    let answer = match service.json(&Request::new(Method::Post, path).with_body(order)).await {
        Ok(answer) => answer,
        Err(error) => {
            workshop.refused(number, &error).map_err(ledger)?;
            return Err(missing(&error));
        }
    };
    let id = answer["os-volume_upload_image"]["image_id"].clone();
    let id = Kind::Image
        .id_of(&json!({ "id": id }))
        .ok_or_else(|| aborted(&MakeError::NoId(Kind::Image), "see that the address is Cinder"))?;
    let image = workshop.found(number, Kind::Image, name, id).map_err(ledger)?;
    let shown = workshop.wait(&image, "active", workshop.patience().server).await;
    // While it is copied, the volume can be neither deleted nor copied once more.
    let free = workshop.wait(volume, "available", workshop.patience().volume).await;
    workshop.remove(&image).await;
    free.map_err(|error| aborted(&error, "see what the log of cinder-volume says"))?;
    shown.map_err(|error| aborted(&error, "see what the logs of cinder-volume and Glance say"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_that_of_the_content_and_zeros_behind_it() {
        let run: RunId = "r261121161259a1b2c3".parse().unwrap();
        let content = content(&run);
        assert_eq!(content.len(), SIZE);
        let mut whole = content.clone();
        whole.resize(3 * SIZE + 5, 0);
        let said = hex::encode(ring::digest::digest(&SHA512, &whole));
        let image = |algorithm: &str| json!({ "os_hash_algo": algorithm, "os_hash_value": said });
        let zeros = (2 * SIZE + 5) as u64;
        assert_eq!(
            digest(&image("sha512"), content.clone(), zeros),
            Some((true, said.clone()))
        );
        assert_eq!(
            digest(&image("sha512"), content.clone(), zeros - 1),
            Some((false, said.clone()))
        );
        assert_eq!(digest(&image("md5"), content.clone(), zeros), None);
        assert_eq!(digest(&json!({}), content, zeros), None);
    }
}
