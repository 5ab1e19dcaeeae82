//! Which Rook release accepts which Ceph, and on which Kubernetes it is tested.
//!
//! Rook judges Ceph in two steps: a version below the release's minimum is always refused; one whose major is not on the list of
//! supported releases is refused unless the CephCluster says `cephVersion.allowUnsupported: true`. [`acceptance`] keeps the two apart.
//!
//! Source: rook/rook: `pkg/operator/ceph/version/version.go` – `Minimum`, `supportedVersions`, and
//! `pkg/operator/ceph/cluster/version.go` – `validateCephVersion`, at the tag of each release; the Kubernetes versions from
//! `Documentation/Getting-Started/Prerequisites/prerequisites.md` of the same tags.

use std::fmt;

use reeve_ceph::CephVersion;

/// What a Rook release makes of a Ceph version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acceptance {
    /// It is accepted as it is.
    Accepted,
    /// Rook knows the release and refuses it unless `cephVersion.allowUnsupported` is set, which is not for production.
    OnlyUnsupported,
    /// It is older than anything this Rook runs, whatever the settings.
    TooOld {
        /// The oldest Ceph version that this Rook runs.
        minimum: CephVersion,
    },
    /// This table does not know the Rook release, so nothing can be said.
    UnknownRook,
}

/// A Rook release series, named by its newest known member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RookRelease {
    /// The minor version: 18 for 1.18.
    pub minor: u64,
    /// The newest patch release known here; none where only the series is known.
    pub newest_patch: Option<u64>,
}

impl fmt::Display for RookRelease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.newest_patch {
            Some(patch) => write!(f, "1.{}.{patch}", self.minor),
            None => write!(f, "1.{}", self.minor),
        }
    }
}

/// The Kubernetes minor versions that a Rook release is tested with, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KubernetesRange {
    /// The oldest: 29 for 1.29.
    pub oldest_minor: u64,
    /// The newest: 33 for 1.33.
    pub newest_minor: u64,
}

impl KubernetesRange {
    /// Tells whether Kubernetes 1.`minor` is in the range.
    pub const fn contains(self, minor: u64) -> bool {
        self.oldest_minor <= minor && minor <= self.newest_minor
    }
}

impl fmt::Display for KubernetesRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1.{} to 1.{}", self.oldest_minor, self.newest_minor)
    }
}

/// One line of the table.
struct Row {
    minor: u64,
    newest_patch: Option<u64>,
    /// The constant `Minimum`.
    minimum: CephVersion,
    /// The majors in `supportedVersions`, each with the first Rook patch release that lists it.
    supported: &'static [(u16, u64)],
    kubernetes: Option<(u64, u64)>,
}

const fn row(
    minor: u64,
    newest_patch: Option<u64>,
    minimum_major: u16,
    supported: &'static [(u16, u64)],
    kubernetes: Option<(u64, u64)>,
) -> Row {
    Row {
        minor,
        newest_patch,
        minimum: CephVersion::new(minimum_major, 2, 0),
        supported,
        kubernetes,
    }
}

/// Sorted by release. The newest patch stands only where that very tag was looked at.
const TABLE: &[Row] = &[
    row(9, None, 15, &[(15, 0), (16, 0), (17, 0)], None),
    row(10, None, 16, &[(16, 0), (17, 0)], None),
    row(11, None, 16, &[(16, 0), (17, 0)], None),
    row(12, None, 16, &[(16, 0), (17, 0), (18, 0)], None),
    row(13, None, 17, &[(17, 0), (18, 0)], None),
    row(14, None, 17, &[(17, 0), (18, 0)], Some((25, 29))),
    row(15, None, 17, &[(17, 0), (18, 0), (19, 0)], Some((26, 31))),
    row(16, None, 18, &[(18, 0), (19, 0)], Some((27, 32))),
    row(17, None, 18, &[(18, 0), (19, 0)], Some((28, 32))),
    // Tentacle came with the last patch release of the series.
    row(18, Some(11), 18, &[(18, 0), (19, 0), (20, 11)], Some((29, 33))),
    row(19, Some(10), 19, &[(19, 0), (20, 0)], Some((30, 35))),
    row(20, Some(6), 19, &[(19, 0), (20, 0)], Some((31, 36))),
];

/// Returns what Rook `rook` makes of Ceph `ceph`.
///
/// ```
/// use reeve_ceph::CephVersion;
/// use reeve_rook::rook_release::{Acceptance, acceptance};
///
/// let rook = semver::Version::new(1, 20, 6);
/// let minimum = CephVersion::new(19, 2, 0);
/// assert_eq!(acceptance(&rook, CephVersion::new(18, 2, 7)), Acceptance::TooOld { minimum });
/// ```
pub fn acceptance(rook: &semver::Version, ceph: CephVersion) -> Acceptance {
    let Some(row) = find(rook) else {
        return Acceptance::UnknownRook;
    };
    if ceph < row.minimum {
        Acceptance::TooOld { minimum: row.minimum }
    } else if row
        .supported
        .iter()
        .any(|(major, since)| *major == ceph.major && *since <= rook.patch)
    {
        Acceptance::Accepted
    } else {
        Acceptance::OnlyUnsupported
    }
}

/// Tells whether Rook `rook` accepts Ceph `ceph` without `allowUnsupported`; false for a Rook that this table does not know.
pub fn accepts(rook: &semver::Version, ceph: CephVersion) -> bool {
    acceptance(rook, ceph) == Acceptance::Accepted
}

/// Tells whether this table knows the release series of `rook`.
pub fn is_known(rook: &semver::Version) -> bool {
    find(rook).is_some()
}

/// Returns the Kubernetes versions that Rook `rook` is tested with; none where this table does not say.
pub fn kubernetes_range(rook: &semver::Version) -> Option<KubernetesRange> {
    let (oldest_minor, newest_minor) = find(rook)?.kubernetes?;
    Some(KubernetesRange {
        oldest_minor,
        newest_minor,
    })
}

/// Returns the newest Rook release that accepts Ceph `ceph`; none where no release in this table does.
pub fn newest_rook_for(ceph: CephVersion) -> Option<RookRelease> {
    newest(|row| accepted_by(row, ceph))
}

/// Returns the newest Rook release that accepts Ceph `ceph` and is tested with Kubernetes 1.`kubernetes_minor`.
pub fn newest_rook_for_both(ceph: CephVersion, kubernetes_minor: u64) -> Option<RookRelease> {
    newest(|row| {
        let range = row.kubernetes.map(|(oldest_minor, newest_minor)| KubernetesRange {
            oldest_minor,
            newest_minor,
        });
        accepted_by(row, ceph) && range.is_some_and(|range| range.contains(kubernetes_minor))
    })
}

/// Returns the minor of a Kubernetes version as the API server writes it: 34 for `v1.34.4` or `v1.34.4+k3s1`.
pub fn kubernetes_minor(version: &str) -> Option<u64> {
    let (_, after_major) = version
        .strip_prefix('v')
        .unwrap_or(version)
        .split_once("1.")
        .filter(|(major, _)| major.is_empty())?;
    let digits = after_major.len() - after_major.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    after_major[..digits].parse().ok()
}

fn accepted_by(row: &Row, ceph: CephVersion) -> bool {
    let patch = row.newest_patch.unwrap_or(0);
    ceph >= row.minimum
        && row
            .supported
            .iter()
            .any(|(major, since)| *major == ceph.major && *since <= patch)
}

fn newest(fits: impl Fn(&Row) -> bool) -> Option<RookRelease> {
    let row = TABLE.iter().rev().find(|row| fits(row))?;
    Some(RookRelease {
        minor: row.minor,
        newest_patch: row.newest_patch,
    })
}

fn find(rook: &semver::Version) -> Option<&'static Row> {
    TABLE.iter().find(|row| rook.major == 1 && row.minor == rook.minor)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rook(minor: u64, patch: u64) -> semver::Version {
        semver::Version::new(1, minor, patch)
    }

    #[test]
    fn each_release_accepts_what_its_tag_says() {
        let quincy = CephVersion::new(17, 2, 8);
        let reef = CephVersion::new(18, 2, 7);
        let squid = CephVersion::new(19, 2, 3);
        let tentacle = CephVersion::new(20, 2, 4);
        let table = [
            (rook(15, 0), [true, true, true, false]),
            (rook(16, 5), [false, true, true, false]),
            (rook(18, 10), [false, true, true, false]),
            (rook(18, 11), [false, true, true, true]),
            (rook(19, 0), [false, false, true, true]),
            (rook(20, 6), [false, false, true, true]),
        ];
        for (rook, wanted) in table {
            let got = [quincy, reef, squid, tentacle].map(|ceph| accepts(&rook, ceph));
            assert_eq!(got, wanted, "Rook {rook}");
        }
    }

    #[test]
    fn too_old_and_too_new_are_told_apart() {
        let minimum = CephVersion::new(19, 2, 0);
        assert_eq!(
            acceptance(&rook(20, 6), CephVersion::new(19, 1, 1)),
            Acceptance::TooOld { minimum }
        );
        assert_eq!(
            acceptance(&rook(20, 6), CephVersion::new(21, 2, 0)),
            Acceptance::OnlyUnsupported
        );
        assert_eq!(
            acceptance(&rook(18, 3), CephVersion::new(20, 2, 4)),
            Acceptance::OnlyUnsupported
        );
    }

    #[test]
    fn an_unknown_rook_is_not_judged() {
        for unknown in [rook(99, 0), rook(3, 0), semver::Version::new(2, 18, 0)] {
            assert_eq!(
                acceptance(&unknown, CephVersion::new(18, 2, 7)),
                Acceptance::UnknownRook
            );
            assert!(!is_known(&unknown) && kubernetes_range(&unknown).is_none());
        }
    }

    #[test]
    fn the_newest_rook_is_named_for_every_ceph() {
        let newest = |major| newest_rook_for(CephVersion::new(major, 2, 1)).map(|release| release.to_string());
        assert_eq!(newest(15).as_deref(), Some("1.9"));
        assert_eq!(newest(16).as_deref(), Some("1.12"));
        assert_eq!(newest(17).as_deref(), Some("1.15"));
        assert_eq!(newest(18).as_deref(), Some("1.18.11"));
        assert_eq!(newest(20).as_deref(), Some("1.20.6"));
        assert_eq!(newest(14), None);
        assert_eq!(newest(21), None);
        assert_eq!(
            newest_rook_for_both(CephVersion::new(19, 2, 3), 30).map(|r| r.minor),
            Some(19)
        );
        assert_eq!(newest_rook_for_both(CephVersion::new(18, 2, 7), 34), None);
    }

    #[test]
    fn kubernetes_ranges_and_minors() {
        let range = kubernetes_range(&rook(18, 11)).unwrap();
        assert_eq!(range.to_string(), "1.29 to 1.33");
        assert!(range.contains(29) && range.contains(33) && !range.contains(34) && !range.contains(28));
        assert_eq!(kubernetes_minor("v1.34.4"), Some(34));
        assert_eq!(kubernetes_minor("1.30.1+k3s1"), Some(30));
        assert_eq!(kubernetes_minor("v1.31-gke"), Some(31));
        assert_eq!(kubernetes_minor("v2.1.0"), None);
        assert_eq!(kubernetes_minor("v11.31.0"), None);
        assert_eq!(kubernetes_minor("one"), None);
    }

    proptest! {
        #[test]
        fn a_remedy_is_always_accepted(major in 14u16..23, minor in 0u16..4, patch in 0u16..20) {
            let ceph = CephVersion::new(major, minor, patch);
            if let Some(release) = newest_rook_for(ceph) {
                prop_assert!(accepts(&rook(release.minor, release.newest_patch.unwrap_or(0)), ceph));
            }
        }

        #[test]
        fn accepting_never_contradicts_the_minimum(index in 0usize..12, patch in 0u64..20, major in 14u16..23) {
            let version = rook(TABLE[index].minor, patch);
            let ceph = CephVersion::new(major, 2, 0);
            if accepts(&version, ceph) {
                prop_assert!(ceph >= TABLE[index].minimum);
            }
        }
    }
}
