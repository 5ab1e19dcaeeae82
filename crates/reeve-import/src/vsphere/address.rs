//! Addresses of hosts and of files in their datastores, as a person types them and a plan keeps them.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::{Serialize, Serializer};

/// What is escaped in a user's name.
const USER: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'@');

/// What is escaped in a path.
const PATH: &AsciiSet = &USER.remove(b'/');

/// What addresses begin with.
pub(crate) const SCHEME: &str = "vsphere://";

/// The longest address that is read, in bytes.
const MAX_BYTES: usize = 8192;

/// An ESXi host or a vCenter, and who logs in: `vsphere://USER@HOST[:PORT]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VsphereHost {
    /// Who logs in.
    pub user: String,
    /// Name or address, with the port if it is not 443; an IPv6 address in brackets.
    pub authority: String,
}

impl fmt::Display for VsphereHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{SCHEME}{}@{}",
            utf8_percent_encode(&self.user, USER),
            self.authority
        )
    }
}

/// A file of a datastore: `vsphere://USER@HOST/folder/PATH?dcPath=DATACENTER&dsName=DATASTORE`.
///
/// Path and parameters are those of the host's own address for the file.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DatastoreFile {
    /// The host.
    pub host: VsphereHost,
    /// The datacenter, with the folders above it: `ha-datacenter` on ESXi.
    pub datacenter: String,
    /// The datastore's name.
    pub datastore: String,
    /// The file's path in the datastore: `web/web.vmx`.
    pub path: String,
}

impl DatastoreFile {
    /// Returns the address below the host's: `/folder/web/web.vmx?dcPath=…&dsName=…`.
    pub(crate) fn request_path(&self) -> String {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("dcPath", &self.datacenter)
            .append_pair("dsName", &self.datastore)
            .finish();
        // ESXi takes `+` in a query as it stands.
        format!(
            "/folder/{}?{}",
            utf8_percent_encode(&self.path, PATH),
            query.replace('+', "%20")
        )
    }

    /// Returns the file's name as the inventory writes it: `[datastore1] web/web.vmx`.
    pub(crate) fn datastore_path(&self) -> String {
        format!("[{}] {}", self.datastore, self.path)
    }

    /// Returns the file's own name.
    pub(crate) fn file_name(&self) -> &str {
        self.path.rsplit_once('/').map_or(&self.path, |(_, name)| name)
    }
}

impl Serialize for DatastoreFile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for DatastoreFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.host, self.request_path())
    }
}

/// What stands in an address: a host, or a file of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    Host(VsphereHost),
    File(DatastoreFile),
}

/// Reads an address that begins with [`SCHEME`]; the error says what is wrong with it.
pub(crate) fn parse(text: &str) -> Result<Address, String> {
    const FORM: &str = "`vsphere://USER@HOST` for all machines, or an address of `reeve import list` for one";
    let wrong = |what: &str| Err(format!("{what}; give {FORM}"));
    let Some(rest) = text.strip_prefix(SCHEME) else {
        return wrong("it does not begin with vsphere://");
    };
    if text.len() > MAX_BYTES || text.chars().any(char::is_control) {
        return wrong("it is too long, or has control characters");
    }
    let (server, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let Some((user, authority)) = server.rsplit_once('@') else {
        return wrong("it does not say who logs in");
    };
    if user.contains(':') {
        return wrong("a password does not belong into an address, where others can read it");
    }
    let is_host = |char: char| char.is_ascii_alphanumeric() || "-._:[]".contains(char);
    if authority.is_empty() || !authority.chars().all(is_host) {
        return wrong("it has no name of a host");
    }
    let user = decoded(user)?;
    if user.is_empty() {
        return wrong("it does not say who logs in");
    }
    let host = VsphereHost {
        user,
        authority: authority.to_owned(),
    };
    if path.trim_matches('/').is_empty() {
        return Ok(Address::Host(host));
    }
    let Some((path, query)) = path.strip_prefix("/folder/").and_then(|path| path.split_once('?')) else {
        return wrong("it is neither a host nor a file");
    };
    let (mut datacenter, mut datastore) = (None, None);
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        match key.as_ref() {
            "dcPath" => datacenter = Some(value.into_owned()),
            "dsName" => datastore = Some(value.into_owned()),
            _ => return wrong("it has a parameter that is neither dcPath nor dsName"),
        }
    }
    let (Some(datacenter), Some(datastore)) = (datacenter, datastore) else {
        return wrong("it needs both dcPath and dsName");
    };
    let path = decoded(path)?;
    if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return wrong("its path leads elsewhere");
    }
    Ok(Address::File(DatastoreFile {
        host,
        datacenter,
        datastore,
        path,
    }))
}

fn decoded(text: &str) -> Result<String, String> {
    let text = percent_decode_str(text).decode_utf8();
    match text {
        Ok(text) if !text.chars().any(char::is_control) => Ok(text.into_owned()),
        _ => Err("its escapes are no text".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hosts_and_files_are_told_apart() {
        let host = VsphereHost {
            user: "administrator@vsphere.local".to_owned(),
            authority: "vc.example:8443".to_owned(),
        };
        let text = "vsphere://administrator@vsphere.local@vc.example:8443";
        assert_eq!(host.to_string(), text);
        for text in [text.to_owned(), format!("{text}/")] {
            assert_eq!(parse(&text), Ok(Address::Host(host.clone())));
        }
        let file = DatastoreFile {
            host: VsphereHost {
                user: "root".to_owned(),
                authority: "esxi.example".to_owned(),
            },
            datacenter: "ha-datacenter".to_owned(),
            datastore: "slow disks".to_owned(),
            path: "web 1/web#1.vmx".to_owned(),
        };
        let text = "vsphere://root@esxi.example/folder/web%201/web%231.vmx?dcPath=ha-datacenter&dsName=slow%20disks";
        assert_eq!(file.to_string(), text);
        assert_eq!(parse(text), Ok(Address::File(file)));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, what) in [
            ("vsphere://esxi.example", "who logs in"),
            ("vsphere://@esxi.example", "who logs in"),
            ("vsphere://root:secret@esxi.example", "password"),
            ("vsphere://root@", "no name of a host"),
            ("vsphere://root@a b", "no name of a host"),
            ("vsphere://root@esxi/web", "neither a host nor a file"),
            ("vsphere://root@esxi/folder/web.vmx?dcPath=a", "both"),
            (
                "vsphere://root@esxi/folder/../web.vmx?dcPath=a&dsName=b",
                "leads elsewhere",
            ),
            ("vsphere://root@esxi/folder/web.vmx?dcPath=a&dsName=b&x=y", "parameter"),
            ("vsphere://root@esxi/folder/a%00.vmx?dcPath=a&dsName=b", "no text"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(what), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn every_file_is_read_back(
            user in "[^\\p{C}:]{1,20}",
            datacenter in "[^\\p{C}]{1,20}",
            datastore in "[^\\p{C}]{1,20}",
            path in "[^\\p{C}/]{3,20}(/[^\\p{C}/]{3,20}){0,3}",
        ) {
            prop_assume!(path.split('/').all(|part| part != "." && part != ".."));
            let host = VsphereHost { user, authority: "[::1]:443".to_owned() };
            let file = DatastoreFile { host, datacenter, datastore, path };
            prop_assert_eq!(parse(&file.to_string()), Ok(Address::File(file)));
        }
    }
}
