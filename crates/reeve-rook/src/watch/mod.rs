//! Watch: looks at the cluster once a second while a run is at work, and keeps what it saw beside the journal.
//!
//! A [`Sample`] is one look; [`SampleLog`] writes them, [`Samples`] reads them back, also while another process writes. What reads them: the live view of a run,
//! `reeve rook status`, the hand-over report and the benchmarks.

mod client_io;
mod expected;
mod log;
mod sample;
mod sampler;
mod serving;
mod silence;
mod view;
pub mod words;

pub use client_io::{
    ClaimedImage, ClientIoError, ClientIoOptions, ClientIoWatch, ImageName, ImageNameError, SCRATCH_MARK,
};
pub use expected::Expected;
pub use log::{
    ClientWatch, SAMPLES_FORMAT, SampleFollower, SampleLine, SampleLog, Samples, SamplesError, Session, SessionBegin,
    StopAsked, samples_path,
};
pub use sample::{Answer, ClientIo, ClusterView, Sample};
pub use sampler::{SampleSink, Sampler, SamplerPace, change};
pub use serving::{DaemonsOfPlan, ServedBy, Serving};
pub use silence::Silence;
