//! Writes the facts of a made-up, healthy cluster of any size, for benchmarks and for trying things out.

use std::process::ExitCode;

use camino::Utf8PathBuf;
use reeve_rook::sample::Cluster;

/// Reads `--name value` pairs; this program is for developers, so what is wrong is simply named.
fn main() -> ExitCode {
    let mut cluster = Cluster::default();
    let mut output = Utf8PathBuf::from("facts.json");
    let words: Vec<String> = std::env::args().skip(1).collect();
    for pair in words.chunks(2) {
        let [name, value] = pair else {
            return wrong("each option takes a value");
        };
        let number = value.parse::<usize>();
        match (name.as_str(), number) {
            ("--hosts", Ok(n)) => cluster.hosts = n,
            ("--mons", Ok(n)) => cluster.mons = n,
            ("--mgrs", Ok(n)) => cluster.mgrs = n,
            ("--osds-per-host", Ok(n)) => cluster.osds_per_host = n,
            ("--racks", Ok(n)) => cluster.racks = n,
            ("--output", _) => output = value.into(),
            _ => return wrong(&format!("what is `{name} {value}`?")),
        }
    }
    match cluster.facts().save(&output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => wrong(&error.to_string()),
    }
}

#[expect(clippy::print_stderr, reason = "an example is a small command line")]
fn wrong(message: &str) -> ExitCode {
    eprintln!("sample_facts: {message}");
    ExitCode::from(2)
}
