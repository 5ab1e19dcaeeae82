//! Hand-overs that are alike, so that two thousand OSDs are a hundred lines.

use reeve_journal::plan::{HandOver, Place};

/// Hand-overs in a row that do the same kinds of step at the same hosts.
pub(super) struct Group<'a> {
    pub(super) first: &'a HandOver,
    pub(super) last: &'a HandOver,
    pub(super) count: usize,
}

/// Rows shorter than this are not worth hiding anything.
const WORTH_IT: usize = 3;

pub(super) fn groups(all: &[HandOver]) -> Vec<Group<'_>> {
    let mut groups = Vec::new();
    let mut rest = all;
    while let Some(first) = rest.first() {
        let alike = rest.iter().take_while(|other| same_work(first, other)).count();
        let count = if alike >= WORTH_IT { alike } else { 1 };
        groups.push(Group {
            first,
            last: &rest[count - 1],
            count,
        });
        rest = &rest[count..];
    }
    groups
}

fn same_work(one: &HandOver, other: &HandOver) -> bool {
    fn host(place: &Place) -> Option<&str> {
        if let Place::Host(host) = place {
            Some(host)
        } else {
            None
        }
    }
    one.steps.len() == other.steps.len()
        && one
            .steps
            .iter()
            .zip(&other.steps)
            .all(|(a, b)| a.kind == b.kind && host(&a.place) == host(&b.place))
}
