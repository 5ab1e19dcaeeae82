//! How the cloud misbehaves.

use std::time::Duration;

/// Something that goes wrong.
#[derive(Clone, Debug)]
pub struct Fault {
    /// A part of `METHOD /path` by which the request is known.
    pub on: String,
    /// How often it goes wrong; the next request after that is answered as it should be.
    pub times: u32,
    /// What goes wrong.
    pub behaviour: Behaviour,
}

/// What goes wrong.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Behaviour {
    /// This status with these headers and this body.
    Status(u16, Vec<(String, String)>, String),
    /// The right answer, this much later.
    Slow(Duration),
    /// Half of the right answer, then the connection ends.
    Half,
    /// Half of the first line, then the connection ends.
    HalfLine,
    /// The connection ends without a word.
    Close,
    /// Bytes that are no HTTP.
    Noise,
    /// A page for browsers with status 200.
    Page,
    /// An answer of this many bytes.
    Huge(usize),
}

impl Fault {
    /// Returns a fault that happens `times` times.
    pub fn new(on: &str, times: u32, behaviour: Behaviour) -> Fault {
        Fault {
            on: on.to_owned(),
            times,
            behaviour,
        }
    }

    /// Returns a fault that never ends.
    pub fn always(on: &str, behaviour: Behaviour) -> Fault {
        Fault::new(on, u32::MAX, behaviour)
    }

    /// Returns a fault that answers with a status and nothing else.
    pub fn status(on: &str, times: u32, status: u16) -> Fault {
        Fault::new(on, times, Behaviour::Status(status, Vec::new(), String::new()))
    }
}
