//! The steps that prove what is on a volume: the cloud makes an image of it, whose digest has to be that of the disk, and the image is removed again.
//!
//! Source: Cinder's API reference v3, "Upload volume to image"; cinder: `volume/manager.py` – `copy_volume_to_image`.

use std::time::Instant;

use async_trait::async_trait;
use reeve_journal::{Recorded, Refusal, Step, StepError};
use reeve_openstack::{Method, Request};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::marked::{Kind, Marked, shown, text};
use super::world::{World, failed};
use crate::plan::ProofInput;

/// What is recorded of a volume that was compared with its disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProofMade {
    /// The volume.
    pub volume_id: String,
    /// The algorithm of the digest.
    pub algorithm: String,
    /// The digest of all bytes of the volume, as Glance computed it: that of the disk, with zeros behind it up to the volume's size.
    pub digest: String,
    /// How long it took, in milliseconds. Unknown if the image was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took_ms: Option<u64>,
}

/// A volume is not what it should be, or that cannot be told.
#[derive(Debug, thiserror::Error)]
enum ProofError {
    #[error(
        "THE VOLUME {volume} DOES NOT HOLD THE DISK: the digest of what is on it is {found}, and it should be {expected}"
    )]
    Differs {
        volume: String,
        found: String,
        expected: String,
    },
    #[error("the image of volume {volume} has {found} bytes, and it should have {expected}")]
    Size { volume: String, found: u64, expected: u64 },
    #[error("the image of the volume is digested with {0}, and the plan counts on another digest; make the plan again")]
    Algorithm(String),
    #[error("the cloud could not make an image of volume {volume}: its status is {status}")]
    NotMade { volume: String, status: String },
    #[error("the volume is not there any more, or was not made")]
    NoVolume,
}

/// Compares a volume with its disk, by an image that the cloud makes of it.
///
/// Undo: the image is deleted. A repeat finds the image, also one that the cloud is still making.
pub(super) struct ProveVolume {
    pub(super) input: ProofInput,
    pub(super) volume: Option<String>,
    pub(super) expected: Option<String>,
}

/// Removes the image by which a volume was compared.
///
/// Undo: none; before the proof there was no such image either. A repeat finds it gone.
pub(super) struct RemoveProof {
    pub(super) input: ProofInput,
}

fn marked(input: &ProofInput) -> Marked<'_> {
    Marked {
        kind: Kind::Proof,
        mark: &input.mark,
        name: &input.mark,
    }
}

impl ProveVolume {
    fn known(&self) -> Result<(&str, &str), StepError> {
        match (&self.volume, &self.expected) {
            (Some(volume), Some(expected)) => Ok((volume, expected)),
            _ => Err(StepError::permanent(ProofError::NoVolume)),
        }
    }

    async fn look(&self, world: &World, volume: &str) -> Result<Value, StepError> {
        let of_volume = Marked {
            kind: Kind::Volume,
            mark: "",
            name: "",
        };
        let found = of_volume.look(world, volume).await?;
        found.ok_or_else(|| StepError::permanent(ProofError::NoVolume))
    }

    /// Has the cloud make an image of the volume.
    async fn order(&self, world: &World, volume: &str) -> Result<(), StepError> {
        let cinder = world.session.service("block-storage").await.map_err(failed)?;
        let order =
            json!({ "image_name": self.input.mark, "disk_format": "raw", "container_format": "bare", "force": false });
        let request = Request::new(Method::Post, format!("/volumes/{volume}/action"))
            .with_body(json!({ "os-volume_upload_image": order }));
        cinder.send(&request).await.map(drop).map_err(failed)
    }

    /// Waits until the image is there and the volume free again.
    async fn settled(&self, world: &World, volume: &str) -> Result<Value, StepError> {
        // Ends with the step's deadline.
        loop {
            let status = text(&self.look(world, volume).await?["status"]).to_owned();
            let image = marked(&self.input).only(world).await?;
            let image_status = image.as_ref().map_or("", |image| text(&image["status"]));
            match (image_status, status.as_str()) {
                ("active", "available") => return Ok(image.unwrap_or_default()),
                ("active" | "queued" | "saving" | "importing" | "uploading" | "", "uploading")
                | ("active", "in-use") => {}
                (other, volume_status) => {
                    return Err(StepError::transient(ProofError::NotMade {
                        volume: shown(volume),
                        status: format!("{} (the image: {})", shown(volume_status), shown(other)),
                    }));
                }
            }
            tokio::time::sleep(world.pace.poll).await;
        }
    }

    fn compare(&self, image: &Value, volume: &str, expected: &str) -> Result<(), ProofError> {
        let algorithm = text(&image["os_hash_algo"]);
        if algorithm != self.input.hash.as_str() {
            return Err(ProofError::Algorithm(shown(algorithm)));
        }
        let (size, wanted) = (image["size"].as_u64().unwrap_or(0), self.input.size_gib << 30);
        if size != wanted {
            return Err(ProofError::Size {
                volume: shown(volume),
                found: size,
                expected: wanted,
            });
        }
        let found = text(&image["os_hash_value"]);
        if found != expected {
            return Err(ProofError::Differs {
                volume: shown(volume),
                found: shown(found),
                expected: expected.to_owned(),
            });
        }
        Ok(())
    }

    fn made(&self, image: &Value, volume: &str, took: Option<u64>) -> Result<Recorded, StepError> {
        Recorded::value(ProofMade {
            volume_id: volume.to_owned(),
            algorithm: self.input.hash.as_str().to_owned(),
            digest: text(&image["os_hash_value"]).to_owned(),
            took_ms: took,
        })
    }

    /// Returns the image if it is there and has the right digest.
    async fn right(&self, world: &World) -> Result<Option<Value>, StepError> {
        let (volume, expected) = self.known()?;
        let image = marked(&self.input).only(world).await?;
        Ok(image.filter(|image| image["status"] == "active" && self.compare(image, volume, expected).is_ok()))
    }
}

#[async_trait]
impl Step<World> for ProveVolume {
    async fn ready(&self, world: &World) -> Result<(), Refusal> {
        let (volume, _) = self.known()?;
        if self.look(world, volume).await?["encrypted"] == true {
            return Err(Refusal::refused(
                "the volume is encrypted, and an image of it would be as well: its digest says nothing of the disk",
                "make the plan again without `--verify-volumes`, or with another volume type",
            ));
        }
        Ok(())
    }

    async fn done(&self, world: &World) -> Result<bool, StepError> {
        Ok(self.right(world).await?.is_some())
    }

    async fn act(&self, world: &World) -> Result<Recorded, StepError> {
        let (volume, expected) = self.known()?;
        let began = Instant::now();
        let marked = marked(&self.input);
        // The cloud goes on with what a dead process asked for.
        if self.look(world, volume).await?["status"] != "uploading" {
            marked.remove_all(world).await?;
            self.order(world, volume).await?;
        }
        let result = match self.settled(world, volume).await {
            Ok(image) => self
                .compare(&image, volume, expected)
                .map(|()| image)
                .map_err(StepError::permanent),
            Err(error) => Err(error),
        };
        match result {
            Ok(image) => {
                let took = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
                self.made(&image, volume, Some(took))
            }
            Err(error) => {
                if let Err(left) = marked.remove_all(world).await {
                    tracing::warn!(image = %self.input.mark, error = %left, "an image of a volume is still there");
                }
                Err(error)
            }
        }
    }

    async fn undo(&self, world: &World, _was: &Recorded) -> Result<(), StepError> {
        marked(&self.input).remove_all(world).await
    }

    async fn recall(&self, world: &World) -> Result<Recorded, StepError> {
        match self.right(world).await? {
            Some(image) => self.made(&image, self.known()?.0, None),
            None => Err(marked(&self.input).error("?", "was there a moment ago and is not any more")),
        }
    }
}

#[async_trait]
impl Step<World> for RemoveProof {
    async fn ready(&self, _world: &World) -> Result<(), Refusal> {
        Ok(())
    }

    async fn done(&self, world: &World) -> Result<bool, StepError> {
        Ok(marked(&self.input).find(world).await?.is_empty())
    }

    async fn act(&self, world: &World) -> Result<Recorded, StepError> {
        marked(&self.input).remove_all(world).await?;
        Ok(Recorded::default())
    }

    async fn undo(&self, _world: &World, _was: &Recorded) -> Result<(), StepError> {
        Ok(())
    }
}
