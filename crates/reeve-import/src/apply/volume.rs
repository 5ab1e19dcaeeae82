//! The step that makes a volume.

use async_trait::async_trait;
use reeve_journal::{Recorded, Refusal, Step, StepError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::marked::{Kind, METADATA_KEY, Marked, shown, text};
use super::world::World;
use crate::plan::VolumeInput;

/// What is recorded of a volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VolumeMade {
    /// The volume.
    pub volume_id: String,
    /// Its size in GiB.
    pub size_gib: u64,
    /// Its type.
    pub volume_type: Option<String>,
}

/// Makes a volume of an image, or an empty one.
///
/// Undo: every volume with the mark is deleted. A repeat finds the volume; one that is still being made is waited for, one that failed is made again.
pub(super) struct MakeVolume {
    pub(super) input: VolumeInput,
    pub(super) image: Option<String>,
}

impl MakeVolume {
    fn marked(&self) -> Marked<'_> {
        Marked {
            kind: Kind::Volume,
            mark: &self.input.mark,
            name: &self.input.name,
        }
    }

    fn is_good(volume: &Value) -> bool {
        matches!(
            text(&volume["status"]),
            "available" | "in-use" | "reserved" | "attaching"
        )
    }

    async fn good(&self, world: &World) -> Result<Option<Value>, StepError> {
        Ok(self.marked().only(world).await?.filter(Self::is_good))
    }

    fn made(volume: &Value) -> Result<Recorded, StepError> {
        Recorded::value(VolumeMade {
            volume_id: text(&volume["id"]).to_owned(),
            size_gib: volume["size"].as_u64().unwrap_or(0),
            volume_type: volume["volume_type"].as_str().map(str::to_owned),
        })
    }

    fn body(&self) -> Value {
        let mut body = json!({
            "name": self.input.name,
            "size": self.input.size_gib,
            "metadata": { METADATA_KEY: self.input.mark },
        });
        if let Some(image) = &self.image {
            body["imageRef"] = image.as_str().into();
        }
        if let Some(kind) = &self.input.volume_type {
            body["volume_type"] = kind.as_str().into();
        }
        body
    }

    /// Waits until a volume is there, or failed.
    async fn settled(&self, world: &World, id: &str) -> Result<Value, StepError> {
        // Ends with the step's deadline.
        loop {
            let volume = self.marked().look(world, id).await?;
            let Some(volume) = volume else {
                return Err(self.marked().error(id, "was deleted while it was being made"));
            };
            match text(&volume["status"]) {
                _ if Self::is_good(&volume) => return Ok(volume),
                "creating" | "downloading" => tokio::time::sleep(world.pace.poll).await,
                other => {
                    let what = format!(
                        "has status {}; `openstack volume message list` may say why",
                        shown(other)
                    );
                    return Err(self.marked().error(id, &what));
                }
            }
        }
    }
}

#[async_trait]
impl Step<World> for MakeVolume {
    async fn ready(&self, _world: &World) -> Result<(), Refusal> {
        if self.input.image_step.is_some() && self.image.is_none() {
            return Err(Refusal::refused(
                "the image of this volume is not made",
                "resume the run",
            ));
        }
        Ok(())
    }

    async fn done(&self, world: &World) -> Result<bool, StepError> {
        Ok(self.good(world).await?.is_some())
    }

    async fn act(&self, world: &World) -> Result<Recorded, StepError> {
        let marked = self.marked();
        let begun = match marked.only(world).await? {
            Some(only) if matches!(text(&only["status"]), "creating" | "downloading") => only,
            _ => {
                marked.remove_all(world).await?;
                marked.make(world, marked.create(self.body())).await?
            }
        };
        Self::made(&self.settled(world, text(&begun["id"])).await?)
    }

    async fn undo(&self, world: &World, _was: &Recorded) -> Result<(), StepError> {
        self.marked().remove_all(world).await
    }

    async fn recall(&self, world: &World) -> Result<Recorded, StepError> {
        match self.good(world).await? {
            Some(volume) => Self::made(&volume),
            None => Err(self.marked().error("?", "was there a moment ago and is not any more")),
        }
    }
}
