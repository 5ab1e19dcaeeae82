//! What the metadata of a volume group say of its logical volumes, and where on this physical volume these are.

use super::LvmError;
use super::text::{Section, Value};
use crate::guest::window::Run;

const SECTOR: u64 = 512;

/// The most logical volumes that are looked at.
const MAX_VOLUMES: usize = 64;

/// The most segments of a logical volume.
const MAX_SEGMENTS: u64 = 1024;

/// A volume group.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::guest) struct Group {
    /// Its name, as it stands there: untrusted text.
    pub(in crate::guest) name: String,
    /// The logical volumes that are for use, in the order of the metadata.
    pub(in crate::guest) volumes: Vec<Volume>,
}

/// A logical volume.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::guest) struct Volume {
    /// Its name, as it stands there: untrusted text.
    pub(in crate::guest) name: String,
    /// Where it is, in bytes of the physical volume; or why that cannot be said.
    pub(in crate::guest) runs: Result<Vec<Run>, &'static str>,
}

/// The physical volume whose metadata are read.
struct Here<'a> {
    /// Its name within the metadata: `pv0`.
    name: &'a str,
    /// Where its first extent begins, in bytes.
    start: u64,
    /// Bytes of an extent.
    extent: u64,
    /// Its bytes.
    size: u64,
}

impl Group {
    /// Returns what a text says, from the view of the physical volume with this identifier and of `size` bytes.
    ///
    /// # Errors
    ///
    /// [`LvmError::Damaged`] if something is missing, or the physical volume is not in the group.
    pub(super) fn of(text: &Section, id: &[u8], size: u64) -> Result<Self, LvmError> {
        const DAMAGED: LvmError = LvmError::Damaged("its metadata lack what they have to say");
        let mut groups = text
            .sections()
            .filter(|(_, section)| section.number("extent_size").is_some());
        let (name, group) = groups.next().ok_or(DAMAGED)?;
        let physical = group.section("physical_volumes").ok_or(DAMAGED)?;
        let here = physical.sections().find(|(_, volume)| {
            let found = volume.text("id").unwrap_or_default().bytes();
            found.filter(|byte| *byte != b'-').eq(id.iter().copied())
        });
        let (here, volume) = here.ok_or(LvmError::Damaged("its volume group does not know it"))?;
        let bytes = |sectors: u64| sectors.checked_mul(SECTOR);
        let here = Here {
            name: here,
            start: volume.number("pe_start").and_then(bytes).ok_or(DAMAGED)?,
            extent: group.number("extent_size").and_then(bytes).ok_or(DAMAGED)?,
            size,
        };
        let volumes = group.section("logical_volumes").into_iter().flat_map(Section::sections);
        let volumes = volumes.filter(|(_, volume)| is_for_use(volume)).take(MAX_VOLUMES);
        Ok(Self {
            name: name.to_owned(),
            volumes: volumes
                .map(|(name, volume)| Volume {
                    name: name.to_owned(),
                    runs: runs(volume, &here),
                })
                .collect(),
        })
    }
}

fn is_for_use(volume: &Section) -> bool {
    let status = volume.list("status").unwrap_or_default();
    let is_visible = status.contains(&Value::Text("VISIBLE".to_owned()));
    let kind = volume.section("segment1").and_then(|segment| segment.text("type"));
    // Pools are there for others.
    is_visible && !kind.is_some_and(|kind| kind.ends_with("-pool"))
}

/// Returns where a logical volume is.
///
/// # Errors
///
/// Why that cannot be said.
fn runs(volume: &Section, here: &Here<'_>) -> Result<Vec<Run>, &'static str> {
    const DAMAGED: &str = "its segments are damaged";
    let count = volume
        .number("segment_count")
        .filter(|count| (1..=MAX_SEGMENTS).contains(count));
    let (mut runs, mut length) = (Vec::new(), 0);
    for number in 1..=count.ok_or(DAMAGED)? {
        let segment = volume.section(&format!("segment{number}")).ok_or(DAMAGED)?;
        match segment.text("type").ok_or(DAMAGED)? {
            "striped" if segment.number("stripe_count") == Some(1) => {}
            "striped" => return Err("it is striped"),
            "thin" => return Err("it is in a thin pool"),
            "cache" | "writecache" => return Err("it has a cache"),
            "mirror" | "raid1" => return Err("it is mirrored"),
            "vdo" => return Err("it is in a VDO pool"),
            kind if kind.starts_with("raid") => return Err("it is a RAID"),
            _ => return Err("it has segments of an unknown type"),
        }
        let bytes = |number: u64| number.checked_mul(here.extent);
        let extents = segment.number("extent_count").and_then(bytes);
        let extents = extents.filter(|length| *length > 0).ok_or(DAMAGED)?;
        let begins = segment.number("start_extent").and_then(bytes);
        let (disk, first) = match segment.list("stripes") {
            Some([Value::Text(disk), Value::Number(first)]) => (disk, *first),
            _ => return Err(DAMAGED),
        };
        if disk != here.name {
            return Err("a part of it is on another disk of its volume group");
        }
        let start = bytes(first)
            .and_then(|start| start.checked_add(here.start))
            .ok_or(DAMAGED)?;
        let is_within = start.checked_add(extents).is_some_and(|end| end <= here.size);
        // In the order of their names they follow each other without a gap.
        if begins != Some(length) || !is_within {
            return Err(DAMAGED);
        }
        length = length.checked_add(extents).ok_or(DAMAGED)?;
        runs.push(Run { start, length: extents });
    }
    Ok(runs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guest::lvm::text::parse;

    /// Returns what is said of a group with these logical volumes, by a disk of 64 MiB with extents of 4 MiB.
    fn group(volumes: &str) -> Result<Group, LvmError> {
        let id = "dcbMKP-nvYE-oxSC-2Clt-LejG-fYyG-JgFoEb";
        let text = format!(
            "contents = \"Text Format Volume Group\"\nversion = 1\nvg {{ extent_size = 8192 physical_volumes {{ \
             pv0 {{ id = \"other\" pe_start = 2048 }} pv1 {{ id = \"{id}\" pe_start = 2048 }} }} logical_volumes {{ {volumes} }} }}"
        );
        let id = id.replace('-', "");
        Group::of(&parse(text.as_bytes()).unwrap(), id.as_bytes(), 64 << 20)
    }

    fn volume(status: &str, segments: &[&str]) -> String {
        let count = segments.len();
        let segments = (1..).zip(segments);
        let segments: String = segments
            .map(|(number, text)| format!("segment{number} {{ {text} }} "))
            .collect();
        format!("root {{ status = [\"READ\"{status}] segment_count = {count} {segments} }}")
    }

    fn linear(at: u32, count: u32, disk: &str, first: u32) -> String {
        format!(
            "start_extent = {at} extent_count = {count} type = \"striped\" stripe_count = 1 stripes = [\"{disk}\", {first}]"
        )
    }

    fn runs_of(segments: &[&str]) -> Result<Vec<Run>, &'static str> {
        let mut group = group(&volume(", \"VISIBLE\"", segments)).unwrap();
        assert_eq!((group.name.as_str(), group.volumes.len()), ("vg", 1));
        group.volumes.remove(0).runs
    }

    #[test]
    fn pieces_are_found_in_their_order() {
        const MIB: u64 = 1 << 20;
        let segments = [linear(0, 2, "pv1", 7), linear(2, 1, "pv1", 0)];
        let run = |start, length| Run { start, length };
        let wanted = vec![run(29 * MIB, 8 * MIB), run(MIB, 4 * MIB)];
        assert_eq!(runs_of(&[&segments[0], &segments[1]]), Ok(wanted));
    }

    #[test]
    fn what_is_not_in_one_row_on_this_disk_is_said() {
        let head = "start_extent = 0 extent_count = 1";
        for (segments, said) in [
            (
                vec![linear(0, 1, "pv0", 0)],
                "a part of it is on another disk of its volume group",
            ),
            (
                vec![linear(0, 1, "pv1", 0), linear(1, 1, "pv0", 0)],
                "a part of it is on another disk of its volume group",
            ),
            (
                vec![format!(
                    "{head} type = \"striped\" stripe_count = 2 stripes = [\"pv1\", 0, \"pv0\", 0]"
                )],
                "it is striped",
            ),
            (
                vec![format!("{head} type = \"thin\" thin_pool = \"pool\"")],
                "it is in a thin pool",
            ),
            (vec![format!("{head} type = \"cache\"")], "it has a cache"),
            (vec![format!("{head} type = \"raid1\"")], "it is mirrored"),
            (vec![format!("{head} type = \"raid6\"")], "it is a RAID"),
            (
                vec![format!("{head} type = \"new\"")],
                "it has segments of an unknown type",
            ),
            (Vec::new(), "its segments are damaged"),
            // A gap; no extents; beyond the disk; beyond all numbers.
            (vec![linear(1, 1, "pv1", 0)], "its segments are damaged"),
            (vec![linear(0, 0, "pv1", 0)], "its segments are damaged"),
            (vec![linear(0, 1, "pv1", 15)], "its segments are damaged"),
            (vec![linear(0, u32::MAX, "pv1", u32::MAX)], "its segments are damaged"),
        ] {
            let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
            assert_eq!(runs_of(&segments), Err(said));
        }
    }

    #[test]
    fn what_is_for_others_is_no_volume() {
        let hidden = volume("", &[&linear(0, 1, "pv1", 0)]);
        let pool = volume(
            ", \"VISIBLE\"",
            &["start_extent = 0 extent_count = 1 type = \"thin-pool\""],
        );
        for volumes in [hidden, pool, String::new()] {
            assert_eq!(group(&volumes).unwrap().volumes, []);
        }
    }
}
