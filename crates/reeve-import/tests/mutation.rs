//! A short run of the mutation that `cargo xtask fuzz` does for longer; always the same inputs.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails, and says where")]

mod guests;
mod made;
#[path = "mutation/mod.rs"]
mod mutations;

use mutations::{Numbers, targets};

/// Inputs of each target.
const INPUTS: u64 = 400;

/// Bytes of a seed from which on a target gets a quarter of them.
const LARGE: usize = 1 << 20;

/// Returns the files of the corpus for a target.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/corpus")
        .join(target);
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

#[test]
fn mutated_inputs_are_borne() {
    for target in targets(&corpus) {
        for seed in &target.seeds {
            target.check(seed).unwrap();
        }
        let is_large = target.seeds.iter().any(|seed| seed.len() >= LARGE);
        for number in 0..if is_large { INPUTS / 4 } else { INPUTS } {
            let input = target.input(&mut Numbers::new(number));
            if let Err(what) = target.check(&input) {
                panic!("{}: input {number}: {what}", target.name);
            }
        }
    }
}
