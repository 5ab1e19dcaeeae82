//! Several files in one answer of `grep -H`.

use std::collections::BTreeMap;

/// Files by path; lines end with a newline.
pub(crate) type FoundFiles = BTreeMap<String, String>;

/// Reads the answer to `grep -aH '' FILE…`: each line stands behind its file's path and a colon.
///
/// No file that the survey reads has a colon in its path, so the first colon ends the path; a line that begins otherwise is skipped.
pub(crate) fn parse_grep(text: &str) -> FoundFiles {
    let mut files = FoundFiles::new();
    for (path, line) in text.lines().filter_map(|line| line.split_once(':')) {
        if path.starts_with('/') {
            let file = files.entry(path.to_owned()).or_default();
            file.push_str(line);
            file.push('\n');
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_back_to_their_files() {
        let files = parse_grep("/a:one: two\n/a:\n/b/c.d:x\nnoise\nmore: noise\n");
        assert_eq!(
            files,
            FoundFiles::from([("/a".into(), "one: two\n\n".into()), ("/b/c.d".into(), "x\n".into())])
        );
    }
}
