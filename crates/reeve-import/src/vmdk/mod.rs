//! VMware's disk format: descriptors, sparse and flat extents, streams.

mod descriptor;
mod footer;
mod header;
mod image;
mod marker;
mod occupied;
mod sparse;
mod sparse_reader;
mod stream;
mod tables;

pub(crate) use descriptor::Lines;
pub use image::VmdkImage;
pub(crate) use stream::PackedChunk;
pub use stream::StreamDisk;
