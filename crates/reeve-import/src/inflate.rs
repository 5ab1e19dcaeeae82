//! Decompression of one grain.

use crate::error::{ReadError, SourceName};

/// A decompressor with its tables; one for each thread.
pub(crate) struct Inflater(libdeflater::Decompressor);

impl Inflater {
    pub(crate) fn new() -> Self {
        Self(libdeflater::Decompressor::new())
    }

    /// Inflates a zlib stream into `grain` and fills what is left of it with zeros; never writes more than it holds.
    ///
    /// At least `needed` bytes must come out: the last grain of a disk may be cut at the disk's end. The checksum of the stream is
    /// checked.
    ///
    /// # Errors
    ///
    /// [`ReadError::Damaged`] at `offset` if the stream is broken, gives fewer bytes, or more than the grain holds.
    pub(crate) fn inflate(
        &mut self,
        stream: &[u8],
        grain: &mut [u8],
        needed: usize,
        file: &SourceName,
        offset: u64,
    ) -> Result<(), ReadError> {
        match self.0.zlib_decompress(stream, grain) {
            Ok(length) if length >= needed => {
                grain[length..].fill(0);
                Ok(())
            }
            Ok(length) => Err(file.damaged(
                offset,
                format!("a compressed grain gives {length} bytes, and {needed} are needed"),
            )),
            Err(libdeflater::DecompressionError::InsufficientSpace) => Err(file.damaged(
                offset,
                format!(
                    "a compressed grain gives more than the {} bytes of a grain",
                    grain.len()
                ),
            )),
            Err(libdeflater::DecompressionError::BadData) => Err(file.damaged(
                offset,
                "a compressed grain is broken: its zlib stream or its checksum is wrong",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deflate(bytes: &[u8]) -> Vec<u8> {
        let mut compressor = libdeflater::Compressor::new(libdeflater::CompressionLvl::default());
        let mut out = vec![0; compressor.zlib_compress_bound(bytes.len())];
        let length = compressor.zlib_compress(bytes, &mut out).unwrap();
        out.truncate(length);
        out
    }

    #[test]
    fn bombs_short_grains_and_broken_checksums_are_errors() {
        let file = SourceName::new("x");
        let mut inflater = Inflater::new();
        let mut grain = [1; 64];
        inflater.inflate(&deflate(&[7; 64]), &mut grain, 64, &file, 0).unwrap();
        assert_eq!(grain, [7; 64]);
        inflater.inflate(&deflate(&[7; 10]), &mut grain, 10, &file, 0).unwrap();
        assert_eq!((&grain[..10], &grain[10..]), (&[7; 10][..], &[0; 54][..]));
        let more = inflater.inflate(&deflate(&[7; 65]), &mut grain, 64, &file, 40);
        assert!(more.unwrap_err().to_string().contains("more than the 64 bytes"));
        let fewer = inflater.inflate(&deflate(&[7; 63]), &mut grain, 64, &file, 40);
        assert!(fewer.unwrap_err().to_string().contains("gives 63 bytes"));
        let mut broken = deflate(&[7; 64]);
        *broken.last_mut().unwrap() ^= 1;
        let error = inflater.inflate(&broken, &mut grain, 64, &file, 40).unwrap_err();
        assert_eq!(error.offset(), 40);
    }
}
