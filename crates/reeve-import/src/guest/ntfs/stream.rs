//! What an attribute holds: within its record, or in runs of clusters that one or several records tell of.

use ntfs::attribute_value::NtfsAttributeValue;
use ntfs::structured_values::NtfsAttributeList;
use ntfs::{Ntfs, NtfsAttribute, NtfsAttributeFlags, NtfsAttributeType};

use super::{Bounded, NtfsFailure, calm};

/// The most runs of a file; one of 150 MiB in clusters of 4 KiB has 38,400 at the worst.
const MAX_RUNS: usize = 65_536;

/// What an attribute holds.
pub(super) struct Stream {
    /// How many bytes.
    pub(super) length: u64,
    /// How it is kept, if that is a way that is not read.
    pub(super) kept: Option<&'static str>,
    parts: Parts,
}

enum Parts {
    /// All of it.
    Here(Vec<u8>),
    /// Where it is, in order and without gaps.
    Runs(Vec<Run>),
}

struct Run {
    /// The first of the attribute's bytes that it has.
    start: u64,
    length: u64,
    /// Where they are on the disk; nowhere if they are zeros.
    place: Option<u64>,
}

impl Stream {
    /// Finds an attribute by its type and name; `None` if the file has none such.
    pub(super) fn of(
        ntfs: &Ntfs,
        bytes: &mut Bounded,
        record: u64,
        kind: NtfsAttributeType,
        name: &str,
    ) -> Result<Option<Self>, NtfsFailure> {
        calm(|| {
            let file = ntfs.file(bytes, record)?;
            let mut found: Option<Self> = None;
            let mut list = None;
            for attribute in file.attributes_raw() {
                let attribute = attribute?;
                // A type that the crate does not know is none that is asked for.
                match attribute.ty() {
                    Ok(NtfsAttributeType::AttributeList) => {
                        list = Some(attribute.structured_value::<_, NtfsAttributeList<'_, '_>>(bytes)?);
                    }
                    Ok(ty) if ty == kind && attribute.name()? == name && found.is_none() => {
                        found = Some(Self::begin(&attribute, bytes)?);
                    }
                    _ => {}
                }
            }
            let Some(list) = list else {
                return Ok(found);
            };
            // The list has all attributes, in the order of their types, names and first clusters; those of the file's own record too.
            let mut found: Option<Self> = None;
            let mut entries = list.entries();
            while let Some(entry) = entries.next(bytes) {
                let entry = entry?;
                if !entry.ty().is_ok_and(|ty| ty == kind) || entry.name() != name {
                    continue;
                }
                let holder = entry.to_file(ntfs, bytes)?;
                let attribute = entry.to_attribute(&holder)?;
                let first = u64::try_from(entry.lowest_vcn().value()).map_err(|_| NtfsFailure::Damaged)?;
                match &mut found {
                    None if first == 0 => found = Some(Self::begin(&attribute, bytes)?),
                    Some(stream) if Some(stream.end()) == first.checked_mul(ntfs.cluster_size().into()) => {
                        stream.add(&attribute, bytes)?;
                    }
                    _ => return Err(NtfsFailure::Damaged),
                }
            }
            Ok(found)
        })
    }

    fn begin(attribute: &NtfsAttribute<'_, '_>, bytes: &mut Bounded) -> Result<Self, NtfsFailure> {
        let flags = attribute.flags();
        let mut stream = Self {
            length: attribute.value_length(),
            kept: [
                (NtfsAttributeFlags::COMPRESSED, "compressed"),
                (NtfsAttributeFlags::ENCRYPTED, "encrypted"),
            ]
            .into_iter()
            .find_map(|(flag, how)| flags.contains(flag).then_some(how)),
            parts: Parts::Runs(Vec::new()),
        };
        stream.add(attribute, bytes)?;
        Ok(stream)
    }

    fn add(&mut self, attribute: &NtfsAttribute<'_, '_>, bytes: &mut Bounded) -> Result<(), NtfsFailure> {
        let value = match attribute.value(bytes)? {
            NtfsAttributeValue::Resident(value) => {
                self.parts = Parts::Here(value.data().to_vec());
                return Ok(());
            }
            NtfsAttributeValue::NonResident(value) => value,
            NtfsAttributeValue::AttributeListNonResident(_) => return Err(NtfsFailure::Damaged),
        };
        let mut start = self.end();
        let Parts::Runs(runs) = &mut self.parts else {
            return Err(NtfsFailure::Damaged);
        };
        for run in value.data_runs() {
            let run = run?;
            let length = run.allocated_size();
            runs.push(Run {
                start,
                length,
                place: run.data_position().value().map(u64::from),
            });
            start = start.checked_add(length).ok_or(NtfsFailure::Damaged)?;
            if runs.len() > MAX_RUNS {
                return Err(NtfsFailure::Damaged);
            }
        }
        Ok(())
    }

    /// Returns how many bytes are known where they are.
    fn end(&self) -> u64 {
        match &self.parts {
            Parts::Here(bytes) => bytes.len() as u64,
            Parts::Runs(runs) => runs.last().map_or(0, |run| run.start + run.length),
        }
    }

    /// Returns all of it, if it stands in its record.
    pub(super) fn here(&self) -> Option<&[u8]> {
        match &self.parts {
            Parts::Here(bytes) => Some(bytes),
            Parts::Runs(_) => None,
        }
    }

    /// Fills `buffer` with the bytes from `offset` on.
    pub(super) fn read_at(&self, bytes: &mut Bounded, buffer: &mut [u8], offset: u64) -> Result<(), NtfsFailure> {
        let end = offset.checked_add(buffer.len() as u64);
        if end.is_none_or(|end| end > self.length.min(self.end())) {
            return Err(NtfsFailure::Damaged);
        }
        let runs = match &self.parts {
            Parts::Here(held) => {
                let from = usize::try_from(offset).expect("within what is held");
                buffer.copy_from_slice(&held[from..from + buffer.len()]);
                return Ok(());
            }
            Parts::Runs(runs) => runs,
        };
        let (mut at, mut rest) = (offset, buffer);
        let first = runs.partition_point(|run| run.start + run.length <= offset);
        for run in &runs[first..] {
            if rest.is_empty() {
                break;
            }
            let within = at - run.start;
            let count = usize::try_from(run.length - within).map_or(rest.len(), |left| left.min(rest.len()));
            let (part, behind) = rest.split_at_mut(count);
            match run.place {
                Some(place) => bytes.fill(part, place.checked_add(within).ok_or(NtfsFailure::Damaged)?)?,
                None => part.fill(0),
            }
            rest = behind;
            at += count as u64;
        }
        Ok(())
    }
}
