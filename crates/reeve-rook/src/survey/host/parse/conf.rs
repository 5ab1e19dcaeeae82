//! ceph.conf and the other small files of a Ceph host.

use std::collections::BTreeMap;

use crate::facts::CephConf;
use crate::survey::host::parse::FoundFiles;
use crate::survey::secrets;

/// Reads a ceph.conf: options by section, names with underscores, secrets hidden.
///
/// Lines before the first section belong to `global`; `#` and `;` begin a comment; a backslash at a line's end joins the next.
///
/// Source: ceph/ceph: `src/common/ConfUtils.cc`.
pub(crate) fn parse_ceph_conf(path: &str, text: &str) -> CephConf {
    let mut sections: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    let mut section = "global".to_owned();
    let joined = text.replace("\\\n", "");
    for line in joined.lines() {
        let line = without_comment(line).trim();
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name.trim().to_owned();
            sections.entry(section.clone()).or_default();
        } else if let Some((name, value)) = line.split_once('=') {
            let name = name.split_whitespace().collect::<Vec<_>>().join("_").replace('-', "_");
            let value = secrets::shown(&name, value.trim().trim_matches('"'));
            if !name.is_empty() {
                sections.entry(section.clone()).or_default().insert(name, value);
            }
        }
    }
    CephConf {
        path: path.to_owned(),
        sections,
    }
}

/// Cuts a line at the first comment sign that is not escaped or quoted.
fn without_comment(line: &str) -> &str {
    let (mut quoted, mut escaped) = (false, false);
    for (at, char) in line.char_indices() {
        match char {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            '#' | ';' if !quoted => return &line[..at],
            _ => {}
        }
    }
    line
}

/// Returns the files whose path begins and ends so.
pub(crate) fn parse_files_of<'a>(
    files: &'a FoundFiles,
    begin: &'a str,
    end: &'a str,
) -> impl Iterator<Item = (&'a str, &'a str)> {
    let fits =
        move |path: &str| path.len() >= begin.len() + end.len() && path.starts_with(begin) && path.ends_with(end);
    files
        .iter()
        .filter(move |(path, _)| fits(path))
        .map(|(path, text)| (path.as_str(), text.as_str()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_conf_is_read_with_its_oddities_and_without_its_secrets() {
        let text = "fsid = 11111111-2222-3333-4444-555555555555\n[global]\nmon host = 10.0.0.1, \\\n10.0.0.2 # two\n; no\n\
                    [client.rgw.a]\nrgw_keystone_admin_password = x;y\nkeyring = /k\nkey = \"AQ\"\nname = \"a # b\"\n[osd]\n";
        insta::assert_json_snapshot!(parse_ceph_conf("/etc/ceph/ceph.conf", text), @r#"
{
  "path": "/etc/ceph/ceph.conf",
  "sections": {
    "client.rgw.a": {
      "key": "(hidden)",
      "keyring": "/k",
      "name": "a # b",
      "rgw_keystone_admin_password": "(hidden)"
    },
    "global": {
      "fsid": "11111111-2222-3333-4444-555555555555",
      "mon_host": "10.0.0.1, 10.0.0.2"
    },
    "osd": {}
  }
}
"#);
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "[ -~\n]{0,200}") {
            parse_ceph_conf("/x", &text);
        }
    }
}
