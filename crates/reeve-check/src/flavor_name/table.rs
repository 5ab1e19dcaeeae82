//! The values that parts of a name may have.

/// Hypervisors; the last one came with the second version of the syntax.
pub(super) const HYPERVISORS: [&str; 6] = ["kvm", "xen", "vmw", "hyv", "bms", "chy"];

/// Vendors of processors with their highest generation.
pub(super) const CPU_GENERATIONS: [(char, u128); 4] = [('i', 6), ('z', 6), ('a', 5), ('r', 0)];

/// Brands of graphics processors with their generations; each may also be left out.
pub(super) const GPU_GENERATIONS: [(char, &[&str]); 3] = [
    ('N', &["f", "k", "m", "p", "v", "t", "a", "l", "g", "b", "u"]),
    (
        'A',
        &[
            "0.4", "0.5", "1", "1.1", "2", "2.1", "3", "3.1", "3.5", "4", "4.1", "5.1",
        ],
    ),
    ('I', &["0.9", "0.95", "1", "2", "3", "4"]),
];
