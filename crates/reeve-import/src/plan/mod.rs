//! Planning: what is known of a machine and of a cloud becomes a list of steps, or a list of what stands in the way.

mod blocker;
mod build;
mod cloud;
mod discover;
mod flavor;
mod hardware;
mod input;
mod options;

pub use blocker::{Blocker, Refused};
pub use build::{OPERATION, TARGET_KIND, plan};
pub use cloud::{CloudFacts, ComputeFacts, FlavorFact, ImageFacts, NetworkFact, NetworkFacts, VolumeFacts};
pub use discover::discover;
pub use input::{
    ExportInput, HashAlgorithm, ImageInput, PortInput, ProofInput, ServerInput, SnapshotInput, VolumeInput,
};
pub use options::{
    DiskBus, ImageFormat, ImageMethod, ImportOptions, MacPolicy, Makes, NetworkChoice, NicModel, PlanOptions,
};
