//! What `find` and `df` tell of directories.

use std::collections::{BTreeMap, BTreeSet};

use reeve_ceph::{DaemonName, DaemonType, Fsid};

use crate::facts::{DataDir, MonStore, UserIds};
use crate::survey::host::parse::FoundFiles;

/// One line of `find -printf '%y %D %U %G %s %F %p\n'`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) kind: char,
    pub(crate) device: u64,
    pub(crate) owner: UserIds,
    pub(crate) bytes: u64,
    pub(crate) filesystem: String,
    pub(crate) path: String,
}

/// Reads the listing that `find` printed; lines that are none are skipped.
pub(crate) fn parse_find(text: &str) -> Vec<Entry> {
    let line = |line: &str| {
        let mut words = line.splitn(7, ' ');
        let kind = words.next()?.chars().next()?;
        let device = words.next()?.parse().ok()?;
        let uid = words.next()?.parse().ok()?;
        let gid = words.next()?.parse().ok()?;
        let bytes = words.next()?.parse().ok()?;
        let filesystem = words.next()?.to_owned();
        let path = words.next().filter(|path| path.starts_with('/'))?.to_owned();
        Some(Entry {
            kind,
            device,
            owner: UserIds { uid, gid },
            bytes,
            filesystem,
            path,
        })
    };
    text.lines().filter_map(line).collect()
}

/// The directory below `/var/lib/ceph` that holds each kind's data in packages and ceph-ansible.
const KIND_DIRS: [(&str, DaemonType); 6] = [
    ("mon", DaemonType::Mon),
    ("mgr", DaemonType::Mgr),
    ("osd", DaemonType::Osd),
    ("mds", DaemonType::Mds),
    ("radosgw", DaemonType::Rgw),
    ("rbd-mirror", DaemonType::RbdMirror),
];

/// Returns the data directory of each daemon that has one: `/var/lib/ceph/mon/CLUSTER-ID`, or cephadm's `/var/lib/ceph/FSID/mon.ID`.
pub(crate) fn data_dirs(entries: &[Entry]) -> BTreeMap<DaemonName, &Entry> {
    let daemon = |entry: &Entry| {
        let (parent, name) = entry.path.strip_prefix("/var/lib/ceph/")?.split_once('/')?;
        if parent.parse::<Fsid>().is_ok() {
            return name.parse().ok();
        }
        let (_, kind) = KIND_DIRS.into_iter().find(|(word, _)| *word == parent)?;
        let (_cluster, id) = name.split_once('-')?;
        let id = if kind == DaemonType::Rgw {
            id.strip_prefix("rgw.").unwrap_or(id)
        } else {
            id
        };
        // Through the parser, so that a name with odd characters is none.
        format!("{kind}.{id}").parse().ok()
    };
    let directories = entries
        .iter()
        .filter(|entry| entry.kind == 'd' && !entry.path.ends_with('/'));
    directories
        .filter_map(|entry| daemon(entry).map(|name: DaemonName| (name, entry)))
        .filter(|(name, _)| !name.id.contains('/'))
        .collect()
}

/// Returns the mon stores: data directories of mons that hold a `store.db`.
pub(crate) fn mon_stores(entries: &[Entry], files: &FoundFiles) -> Vec<MonStore> {
    let mut stores = Vec::new();
    for (daemon, dir) in data_dirs(entries) {
        let below = format!("{}/", dir.path);
        let inside = || entries.iter().filter(|entry| entry.path.starts_with(&below));
        if daemon.kind != DaemonType::Mon || !inside().any(|entry| entry.path == format!("{below}store.db")) {
            continue;
        }
        stores.push(MonStore {
            mon: daemon.id,
            path: dir.path.clone(),
            bytes: inside()
                .filter(|entry| entry.kind == 'f')
                .map(|entry| entry.bytes)
                .fold(0, u64::saturating_add),
            device: dir.device,
            owner: dir.owner,
            kv_backend: files
                .get(&format!("{below}kv_backend"))
                .map(|text| text.trim().to_owned()),
        });
    }
    stores
}

/// Reads `df --block-size=1 --output=avail,file`: free bytes by path.
pub(crate) fn parse_df(text: &str) -> BTreeMap<String, u64> {
    let line = |line: &str| {
        let (free, path) = line.trim_start().split_once(' ')?;
        Some((path.trim().to_owned(), free.parse().ok()?))
    };
    text.lines().filter_map(line).collect()
}

/// Returns what lies at `path`, from a listing of it and the folders above it; nothing if not even `/` was listed.
pub(crate) fn data_dir(path: &str, entries: &[Entry], free: &BTreeMap<String, u64>) -> Option<DataDir> {
    let nearest = entries
        .iter()
        .filter(|entry| entry.path == "/" || path == entry.path || path.starts_with(&format!("{}/", entry.path)))
        .max_by_key(|entry| entry.path.len())?;
    let below = format!("{}/", path.trim_end_matches('/'));
    let names = entries
        .iter()
        .filter_map(|entry| entry.path.strip_prefix(&below))
        .filter(|name| !name.is_empty());
    Some(DataDir {
        exists: nearest.path == path,
        entries: names.take(100).map(String::from).collect::<BTreeSet<_>>(),
        device: nearest.device,
        filesystem: nearest.filesystem.clone(),
        free_bytes: *free.get(&nearest.path)?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FSID: &str = "11111111-2222-3333-4444-555555555555";

    #[test]
    fn data_directories_name_their_daemons() {
        let listing = format!(
            "d 65024 167 167 4096 ext4 /var/lib/ceph/mon/ceph-n1\n\
             d 65024 167 167 4096 ext4 /var/lib/ceph/mon/ceph-n1/store.db\n\
             f 65024 167 167 100 ext4 /var/lib/ceph/mon/ceph-n1/store.db/000001.sst\n\
             f 65024 167 167 8 ext4 /var/lib/ceph/mon/ceph-n1/kv_backend\n\
             d 65024 167 167 4096 ext4 /var/lib/ceph/osd/ceph-12\n\
             d 65024 167 167 4096 ext4 /var/lib/ceph/radosgw/ceph-rgw.n1.rgw0\n\
             d 65024 167 167 4096 ext4 /var/lib/ceph/{FSID}/mgr.n1.abcdef\n\
             d 65024 167 167 4096 ext4 /var/lib/ceph/{FSID}/mon.n2\n\
             d 65024 167 167 4096 ext4 /var/lib/ceph/bootstrap-osd\nnoise"
        );
        let entries = parse_find(&listing);
        assert_eq!(entries.len(), 9);
        let names: Vec<String> = data_dirs(&entries).keys().map(ToString::to_string).collect();
        assert_eq!(names, ["mon.n1", "mon.n2", "mgr.n1.abcdef", "osd.12", "rgw.n1.rgw0"]);
        let files = FoundFiles::from([("/var/lib/ceph/mon/ceph-n1/kv_backend".into(), "rocksdb\n".into())]);
        let stores = mon_stores(&entries, &files);
        assert_eq!(stores.len(), 1, "a mon's directory without a store is none");
        assert_eq!(
            (stores[0].bytes, stores[0].kv_backend.as_deref()),
            (108, Some("rocksdb"))
        );
    }

    #[test]
    fn the_data_directory_is_measured_where_it_will_be() {
        let listing = "d 1 0 0 4096 ext4 /\nd 1 0 0 4096 ext4 /var\nd 2 0 0 4096 xfs /var/lib\n";
        let free = parse_df("       Avail File\n         100 /\n         200 /var/lib\n");
        let absent = data_dir("/var/lib/rook", &parse_find(listing), &free).unwrap();
        assert_eq!(
            (
                absent.exists,
                absent.device,
                absent.filesystem.as_str(),
                absent.free_bytes
            ),
            (false, 2, "xfs", 200)
        );
        let listing = format!("{listing}d 3 0 0 4096 xfs /var/lib/rook\nd 3 0 0 4096 xfs /var/lib/rook/mon-a\n");
        let free = parse_df("300 /var/lib/rook\n");
        let there = data_dir("/var/lib/rook", &parse_find(&listing), &free).unwrap();
        assert_eq!(
            (there.exists, there.free_bytes, there.entries),
            (true, 300, BTreeSet::from(["mon-a".into()]))
        );
        assert_eq!(data_dir("/var/lib/rook", &[], &free), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "[df0-9 /a.\n-]{0,200}") {
            let entries = parse_find(&text);
            mon_stores(&entries, &FoundFiles::new());
            data_dir("/var/lib/rook", &entries, &parse_df(&text));
        }
    }
}
