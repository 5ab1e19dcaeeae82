//! Writing a file that a person asked for: as a whole, or not at all.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;

use camino::{Utf8Path, Utf8PathBuf};

use crate::exit::Exit;
use crate::failure::Failure;

/// Writes `bytes` to `path` with permission bits `mode`; a file that is there is replaced as a whole.
///
/// # Errors
///
/// A [`Failure`] with code 2 that names the file; what was there before is there still.
pub(crate) fn write(path: &Utf8Path, bytes: &[u8], mode: u32) -> Result<(), Failure> {
    let partial = Utf8PathBuf::from(format!("{path}.{}.partial", std::process::id()));
    let written = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&partial)
        .and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        })
        .and_then(|()| std::fs::rename(&partial, path));
    written.map_err(|error| {
        // The partial file is ours; if it cannot be removed either, the first error is the one to tell.
        let _ = std::fs::remove_file(&partial);
        Failure::new(Exit::Usage, format!("could not write {path}: {error}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_names_the_file_and_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let place = Utf8Path::from_path(dir.path())
            .unwrap()
            .join("missing")
            .join("plan.json");
        let failure = write(&place, b"{}", 0o600).unwrap_err();
        assert!(failure.message.contains(place.as_str()), "{}", failure.message);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
