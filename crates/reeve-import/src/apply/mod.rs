//! Carrying a plan out: the steps, and the world that they work on.

mod copy;
mod digests;
mod image;
mod marked;
mod port;
mod proof;
mod server;
mod snapshot;
mod volume;
mod way;
mod world;

pub use copy::{Copied, CopyError};
pub use digests::Digests;
pub use image::ImageMade;
pub use port::PortMade;
pub use proof::ProofMade;
pub use server::ServerMade;
pub use volume::VolumeMade;
pub use world::{CopyWatch, NobodyWatches, Pace, World, WorldError};

use reeve_journal::plan::{PlannedStep, StepId};
use reeve_journal::{BuildError, Operation, Outputs, Step};
use serde::de::DeserializeOwned;

use crate::plan::OPERATION;

/// The operation: builds the steps of an import's plan.
#[derive(Clone, Copy, Debug, Default)]
pub struct Import;

impl Operation<World> for Import {
    fn name(&self) -> &str {
        OPERATION
    }

    fn step(&self, planned: &PlannedStep, outputs: &Outputs<'_>) -> Result<Box<dyn Step<World>>, BuildError> {
        Ok(match planned.kind.as_str() {
            "make_image" => Box::new(image::MakeImage {
                step: planned.id.clone(),
                input: input(planned)?,
            }),
            "make_snapshot" => Box::new(snapshot::MakeSnapshot { input: input(planned)? }),
            "remove_snapshot" => Box::new(snapshot::RemoveSnapshot { input: input(planned)? }),
            "make_volume" => {
                let input: crate::plan::VolumeInput = input(planned)?;
                let image = match &input.image_step {
                    Some(step) => id(planned, outputs, step, "image_id")?,
                    None => None,
                };
                Box::new(volume::MakeVolume { input, image })
            }
            "prove_volume" => {
                let input: crate::plan::ProofInput = input(planned)?;
                let volume = id(planned, outputs, &input.volume_step, "volume_id")?;
                let expected = id(planned, outputs, &input.image_step, "volume_digest")?;
                Box::new(proof::ProveVolume {
                    input,
                    volume,
                    expected,
                })
            }
            "remove_proof" => Box::new(proof::RemoveProof { input: input(planned)? }),
            "make_port" => Box::new(port::MakePort { input: input(planned)? }),
            "make_server" => {
                let input: crate::plan::ServerInput = input(planned)?;
                let all = |steps: &[StepId], key| -> Result<Vec<Option<String>>, BuildError> {
                    steps.iter().map(|step| id(planned, outputs, step, key)).collect()
                };
                let volumes = all(&input.volume_steps, "volume_id")?;
                let ports = all(&input.port_steps, "port_id")?;
                Box::new(server::MakeServer { input, volumes, ports })
            }
            _ => return Err(BuildError::unknown_kind(planned)),
        })
    }
}

fn input<T: DeserializeOwned>(planned: &PlannedStep) -> Result<T, BuildError> {
    T::deserialize(&planned.input).map_err(|error| BuildError::new(planned, &error.to_string()))
}

/// Returns the id, or another text, that an earlier step recorded; `None` while that step is not done, as when this one is built to be undone.
fn id(planned: &PlannedStep, outputs: &Outputs<'_>, step: &StepId, key: &str) -> Result<Option<String>, BuildError> {
    match outputs.get(step) {
        None => Ok(None),
        Some(output) => match output[key].as_str() {
            Some(id) => Ok(Some(id.to_owned())),
            None => Err(BuildError::new(
                planned,
                &format!("step `{step}` has recorded no {key}"),
            )),
        },
    }
}
