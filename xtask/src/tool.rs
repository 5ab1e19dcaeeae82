//! The tools that jobs call: cargo itself, Debian packages, and tools from the crate registry.

use std::process::Command;

use camino::Utf8PathBuf;

use crate::part::{self, PartError, Parts};

/// A tool that is installed from the crate registry into the cache, at the version that was tried.
pub(crate) struct CrateTool {
    /// The crate, which is also the program's name.
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    /// More words for `cargo install`.
    pub(crate) flags: &'static [&'static str],
}

/// Builds the book.
pub(crate) const MDBOOK: CrateTool = CrateTool {
    name: "mdbook",
    version: "0.5.4",
    flags: &["--no-default-features", "--features", "search"],
};

/// Judges licences, sources and advisories.
pub(crate) const CARGO_DENY: CrateTool = CrateTool {
    name: "cargo-deny",
    version: "0.20.2",
    flags: &[],
};

impl CrateTool {
    /// Returns the tool's path, after installing it where the cache does not have this version.
    ///
    /// It is built without optimisation: it runs for seconds, and a fresh machine pays for the build.
    pub(crate) fn ensure(&self, parts: &mut Parts) -> Result<Utf8PathBuf, PartError> {
        let root = cache_dir()
            .join("tools")
            .join(format!("{}-{}", self.name, self.version));
        let program = root.join("bin").join(self.name);
        if program.exists() {
            return Ok(program);
        }
        let mut install = cargo();
        install
            .args([
                "install",
                "--quiet",
                "--debug",
                "--locked",
                "--version",
                self.version,
                "--root",
                root.as_str(),
            ])
            .arg("--target-dir")
            .arg(target_dir().join("tools"))
            .args(self.flags)
            .arg(self.name);
        parts.quiet(
            &format!("install {} {} from the crate registry", self.name, self.version),
            &mut install,
        )?;
        Ok(program)
    }
}

/// Returns a command that runs the cargo that runs this.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(option_env!("CARGO").unwrap_or("cargo"));
    command.current_dir(root());
    command
}

/// Returns the folder of the checkout.
pub(crate) fn root() -> Utf8PathBuf {
    let manifest = Utf8PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().map_or_else(|| manifest.clone(), Into::into)
}

/// Returns cargo's target folder.
pub(crate) fn target_dir() -> Utf8PathBuf {
    environment("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), Utf8PathBuf::from)
}

/// Returns the folder for what outlives a checkout: `$XDG_CACHE_HOME/reeve`, or `~/.cache/reeve`.
pub(crate) fn cache_dir() -> Utf8PathBuf {
    let base = environment("XDG_CACHE_HOME")
        .map(Utf8PathBuf::from)
        .filter(|path| path.is_absolute());
    let home = || {
        environment("HOME")
            .map_or_else(|| Utf8PathBuf::from("/root"), Utf8PathBuf::from)
            .join(".cache")
    };
    base.unwrap_or_else(home).join("reeve")
}

#[expect(
    clippy::disallowed_methods,
    reason = "xtask is a command line and may read the environment; it does so here only"
)]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Installs the Debian packages of `wanted` whose program is not on the machine; `wanted` holds pairs of program and package.
pub(crate) fn ensure_packages(parts: &mut Parts, wanted: &[(&str, &str)]) -> Result<(), PartError> {
    let missing: Vec<&str> = wanted
        .iter()
        .filter(|(program, _)| Command::new(program).arg("--version").output().is_err())
        .map(|(_, package)| *package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    parts.run(&format!("install Debian packages: {}", missing.join(" ")), || {
        let mut update = Command::new("apt-get");
        update.args(["update", "-qq"]);
        part::quiet("apt-get update", &mut update)?;
        let mut install = Command::new("apt-get");
        install
            .env("DEBIAN_FRONTEND", "noninteractive")
            .args(["install", "-y", "-qq", "--no-install-recommends"])
            .args(&missing);
        part::quiet("apt-get install", &mut install)
    })
}
