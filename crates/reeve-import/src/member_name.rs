//! Names of files that other files name: they stay below the folder or archive they stand in.

use crate::error::{ReadError, SourceName, quoted};

/// The longest name, in bytes: Linux's own limit for a path.
const MAX_NAME_BYTES: usize = 4096;

/// The name of a file relative to the folder or archive of the file that names it, checked.
///
/// Never empty, never absolute, without `.` and `..`, without NUL, backslash or a drive letter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct MemberName(String);

impl MemberName {
    /// Checks a name that stands at `offset` in `file`. A leading `./` is dropped.
    ///
    /// # Errors
    ///
    /// [`ReadError::Refused`] for a name that leads out of the folder, or could.
    pub(crate) fn new(text: &str, file: &SourceName, offset: u64) -> Result<Self, ReadError> {
        let refuse = |why: &str| Err(file.refused(offset, format!("the file name {} {why}", quoted(text))));
        let mut relative = text;
        while let Some(rest) = relative.strip_prefix("./") {
            relative = rest;
        }
        if relative.is_empty() {
            return refuse("is empty");
        }
        if relative.len() > MAX_NAME_BYTES {
            return refuse("is longer than a path can be");
        }
        if relative.contains('\0') {
            return refuse("holds a NUL");
        }
        if relative.contains('\\') {
            return refuse("has a backslash, as in a Windows path; put the files into one folder and name them alone");
        }
        if relative.starts_with('/') {
            return refuse("is absolute; put the files into one folder and name them alone");
        }
        if relative.contains("://") || relative.as_bytes().get(1) == Some(&b':') {
            return refuse("leads to another place; put the files into one folder and name them alone");
        }
        if relative.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return refuse("leads out of its folder; put the files into one folder and name them alone");
        }
        Ok(Self(relative.to_owned()))
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the parts of the path; at least one.
    pub(crate) fn parts(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/')
    }

    /// Tells whether the name ends with `.` and this, whatever the case.
    #[must_use]
    pub fn has_extension(&self, extension: &str) -> bool {
        self.0
            .rsplit_once('.')
            .is_some_and(|(_, end)| end.eq_ignore_ascii_case(extension))
    }

    /// Returns the name with another extension.
    #[must_use]
    pub fn with_extension(&self, extension: &str) -> Self {
        let stem = self.0.rsplit_once('.').map_or(self.0.as_str(), |(stem, _)| stem);
        Self(format!("{stem}.{extension}"))
    }
}

impl std::fmt::Display for MemberName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&crate::error::escaped(&self.0, 1024))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> Result<MemberName, ReadError> {
        MemberName::new(text, &SourceName::new("test.ovf"), 7)
    }

    #[test]
    fn names_that_climb_out_are_refused() {
        for text in [
            "",
            ".",
            "..",
            "./",
            "../a",
            "a/../b",
            "a/..",
            "/etc/shadow",
            "//host/x",
            "a//b",
            "a\\b",
            "C:\\x",
            "c:x",
            "a\0b",
            "https://host/x",
            "file:///etc/passwd",
            "a/./b",
        ] {
            let error = name(text).unwrap_err();
            assert!(
                matches!(error, ReadError::Refused { offset: 7, .. }),
                "{text:?}: {error}"
            );
        }
        for text in ["a", "./a", "a b (1).vmdk", "disks/a.vmdk", "..a", "a..", "ä.vmdk"] {
            name(text).unwrap();
        }
        assert!(name(&"x".repeat(5000)).is_err());
        assert_eq!(name("disks/A.OVF").unwrap().with_extension("mf").as_str(), "disks/A.mf");
        assert!(name("A.OVF").unwrap().has_extension("ovf"));
    }

    proptest! {
        /// Whatever is accepted stays below its folder.
        #[test]
        fn accepted_names_stay_below(text in "[a./\\\\:]{0,12}") {
            if let Ok(name) = name(&text) {
                let path = camino::Utf8Path::new(name.as_str());
                prop_assert!(path.components().all(|part| matches!(part, camino::Utf8Component::Normal(_))));
                prop_assert!(path.components().count() >= 1);
            }
        }
    }
}
