//! The rules, a file for each subject.

mod cluster;
mod daemons;
mod rook;
mod settings;

use super::rule::Rule;

/// All rules, by subject, in the order in which a person would look.
pub(super) const SUBJECTS: &[(&str, &[Rule])] = &[
    ("The cluster", cluster::RULES),
    ("Daemons and old units", daemons::RULES),
    ("Rook", rook::RULES),
    ("Settings", settings::RULES),
];
