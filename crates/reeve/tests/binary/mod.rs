//! The binary in a folder of its own; the environment of the machine does not reach it.

use std::process::Command;

use camino::Utf8Path;

/// Returns the binary with these words, in `folder`, which is also its home.
pub(crate) fn binary(folder: &Utf8Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reeve"));
    command
        .args(words)
        .current_dir(folder)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", folder);
    command
}

/// Returns what the binary wrote.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("the binary writes UTF-8")
}
