//! Several sources in a row: a file that an OVF package holds in chunks.

use std::ops::Range;
use std::sync::Arc;

use crate::bytes::{ByteSource, check_range};
use crate::error::{ReadError, SourceName};

/// Several sources read as one, in their order.
pub struct ConcatSource {
    name: SourceName,
    /// Each part with the offset at which it begins; parts without bytes are left out.
    parts: Vec<(u64, Arc<dyn ByteSource>)>,
    length: u64,
}

impl ConcatSource {
    /// Returns the parts in a row. The sum of their lengths must fit 64 bits, which real files do.
    #[must_use]
    pub fn new(name: SourceName, sources: Vec<Arc<dyn ByteSource>>) -> Self {
        let mut length: u64 = 0;
        let mut parts = Vec::new();
        for source in sources {
            let part = source.len();
            if part > 0 {
                parts.push((length, source));
            }
            length = length.saturating_add(part);
        }
        Self { name, parts, length }
    }

    fn index(&self, offset: u64) -> usize {
        self.parts
            .partition_point(|(start, _)| *start <= offset)
            .saturating_sub(1)
    }
}

impl ByteSource for ConcatSource {
    fn name(&self) -> &SourceName {
        &self.name
    }

    fn len(&self) -> u64 {
        self.length
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<(), ReadError> {
        check_range(self, offset, buffer.len())?;
        let (mut rest, mut at) = (buffer, offset);
        while !rest.is_empty() {
            let (start, part) = &self.parts[self.index(at)];
            let left = part.len() - (at - start);
            let take = rest.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let (now, later) = rest.split_at_mut(take);
            part.read_at(now, at - start)?;
            at += take as u64;
            rest = later;
        }
        Ok(())
    }

    fn data_from(&self, offset: u64) -> Result<Option<Range<u64>>, ReadError> {
        if offset >= self.length {
            return Ok(None);
        }
        for (start, part) in &self.parts[self.index(offset)..] {
            let within = offset.saturating_sub(*start);
            if let Some(range) = part.data_from(within)? {
                return Ok(Some(start + range.start..start + range.end));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::{MemorySource, is_zero, read_vec};

    #[test]
    fn parts_read_as_one() {
        let part = |text: &str| Arc::new(MemorySource::new("part", text.into())) as Arc<dyn ByteSource>;
        let all = ConcatSource::new(
            SourceName::new("all"),
            vec![part("abc"), part(""), part("d"), part("efgh")],
        );
        assert_eq!(all.len(), 8);
        for start in 0..8 {
            for end in start..=8 {
                let got = read_vec(&all, start as u64, end - start).unwrap();
                assert_eq!(got, b"abcdefgh"[start..end].to_vec());
            }
        }
        assert_eq!(all.data_from(3).unwrap(), Some(3..4));
        assert_eq!(all.data_from(8).unwrap(), None);
        assert!(read_vec(&all, 7, 2).is_err());
        assert!(read_vec(&all, u64::MAX, 2).is_err());
    }

    #[test]
    fn zeros_are_told_from_data() {
        for length in [0, 1, 7, 8, 9, 511, 512, 513, 4096] {
            let mut bytes = vec![0; length];
            assert!(is_zero(&bytes), "{length} zeros");
            for place in [0, length / 2, length.saturating_sub(1)] {
                if place < length {
                    bytes[place] = 1;
                    assert!(!is_zero(&bytes), "{length} with a one at {place}");
                    bytes[place] = 0;
                }
            }
        }
    }
}
