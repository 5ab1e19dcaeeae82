//! The envelope: files, disks, networks, and the machines that use them.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::bytes::{ByteSource, read_whole};
use crate::disk::MAX_DISK_BYTES;
use crate::error::{ReadError, SourceName, escaped, quoted};
use crate::machine::Machine;
use crate::member_name::MemberName;
use crate::ovf::{hardware, units};
use crate::xml::Element;

/// The largest descriptor, in bytes.
const MAX_DESCRIPTOR_BYTES: u64 = 16 << 20;

/// The most virtual machines of one package; a vApp of vSphere has at most 128.
const MAX_MACHINES: usize = 1024;

/// The deepest collection of machines within collections.
const MAX_COLLECTION_DEPTH: usize = 16;

/// The most files, and the most disks.
const MAX_FILES: usize = 4096;

/// The longest text that is kept of a name or a label, in characters.
const MAX_TEXT: usize = 1024;

/// The version of a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum OvfVersion {
    /// What VMware wrote before the standard.
    #[serde(rename = "0.9")]
    Draft,
    /// 1.0 and 1.1.
    #[serde(rename = "1")]
    One,
    /// 2.0 and 2.1.
    #[serde(rename = "2")]
    Two,
}

/// A file of the package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OvfFile {
    /// What disks refer to it by.
    pub id: String,
    /// Its name as the descriptor writes it.
    pub href: String,
    /// Its name beside the descriptor; `None` if it leads elsewhere.
    pub name: Option<MemberName>,
    /// Why the name is refused, if it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// Its size in bytes, if the descriptor says it.
    pub size: Option<u64>,
    /// Whether it is compressed with gzip as a whole.
    pub gzip: bool,
    /// The size of the pieces that it is cut into, if it is.
    pub chunk: Option<u64>,
}

/// A disk of the package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OvfDisk {
    /// What machines refer to it by.
    pub id: String,
    /// Its size in bytes; `None` if it is not a number even with the default configuration.
    pub capacity: Option<u64>,
    /// The file that holds it; `None` for an empty disk.
    pub file: Option<OvfFile>,
    /// The URI of its format.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// The disk of which it is a delta.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
}

/// A descriptor, read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Envelope {
    /// Its version.
    pub version: OvfVersion,
    /// The files in its order.
    pub files: Vec<OvfFile>,
    /// The disks in its order.
    pub disks: Vec<OvfDisk>,
    /// The names of the networks in its order.
    pub networks: Vec<String>,
    /// The configurations that a user may choose from; the first is the default.
    pub configurations: Vec<String>,
    /// The machines in its order.
    pub machines: Vec<Machine>,
}

/// What the sections of machines need of the whole envelope.
pub(super) struct Names<'a> {
    pub(super) file: &'a SourceName,
    pub(super) disks: &'a BTreeMap<&'a str, &'a OvfDisk>,
    pub(super) files: &'a BTreeMap<&'a str, &'a OvfFile>,
    pub(super) messages: &'a BTreeMap<String, String>,
    /// The configuration that is taken where the user chooses none.
    pub(super) configuration: Option<&'a str>,
}

impl Envelope {
    /// Reads a descriptor.
    ///
    /// # Errors
    ///
    /// [`ReadError`] at the byte of the element that cannot be read: XML that is broken, no envelope, a file name that leads away, an
    /// id that refers to nothing.
    pub fn read(source: &dyn ByteSource) -> Result<Self, ReadError> {
        let bytes = read_whole(source, "the size of the OVF descriptor", MAX_DESCRIPTOR_BYTES)?;
        let root = Element::parse(&bytes, source.name())?;
        Self::from_xml(&root, source.name())
    }

    fn from_xml(root: &Element, file: &SourceName) -> Result<Self, ReadError> {
        if root.name != "Envelope" {
            return Err(file.refused(
                root.offset,
                format!(
                    "the root element is {}, and that of an OVF descriptor is Envelope",
                    quoted(&root.name)
                ),
            ));
        }
        let version = version(root, file)?;
        let messages = messages(root);
        let configurations = configurations(root);
        let configuration = configurations.first().map(String::as_str);
        let files = files(root, file)?;
        let defaults = property_defaults(root, configuration);
        let disks = disks(root, file, &files, &defaults)?;
        let networks = sections(root, "NetworkSection")
            .flat_map(|section| section.all("Network"))
            .filter_map(|network| network.attribute("name"))
            .map(|name| escaped(name, MAX_TEXT))
            .collect();
        let mut machines = Vec::new();
        let disks_by_id = disks.iter().map(|disk| (disk.id.as_str(), disk)).collect();
        let files_by_id = files.iter().map(|file| (file.id.as_str(), file)).collect();
        let names = Names {
            file,
            disks: &disks_by_id,
            files: &files_by_id,
            messages: &messages,
            configuration,
        };
        collect(root, &names, 0, &mut machines)?;
        if machines.is_empty() {
            return Err(file.damaged(root.offset, "no virtual machine is described"));
        }
        Ok(Self {
            version,
            files,
            disks,
            networks,
            configurations,
            machines,
        })
    }
}

/// Returns what an element is: its name, or in version 0.9 its type without `_Type`.
pub(super) fn kind(element: &Element) -> &str {
    if matches!(element.name.as_str(), "Section" | "Content")
        && let Some(kind) = element.attribute("type")
    {
        let kind = kind.rsplit_once(':').map_or(kind, |(_, kind)| kind);
        return kind.strip_suffix("_Type").unwrap_or(kind);
    }
    &element.name
}

/// Returns the children that are of this kind.
pub(super) fn sections<'a>(element: &'a Element, wanted: &'a str) -> impl Iterator<Item = &'a Element> {
    element.children.iter().filter(move |child| kind(child) == wanted)
}

fn version(root: &Element, file: &SourceName) -> Result<OvfVersion, ReadError> {
    for namespace in root.namespaces() {
        match namespace.trim_end_matches('/') {
            "http://schemas.dmtf.org/ovf/envelope/2" => return Ok(OvfVersion::Two),
            "http://schemas.dmtf.org/ovf/envelope/1" => return Ok(OvfVersion::One),
            "http://www.vmware.com/schema/ovf/1/envelope" => return Ok(OvfVersion::Draft),
            _ => {}
        }
    }
    Err(file.refused(
        root.offset,
        "an envelope of no known version of OVF (0.9, 1 and 2 are read)",
    ))
}

/// Returns the texts of the first bundle of strings, by their ids.
fn messages(root: &Element) -> BTreeMap<String, String> {
    root.first("Strings")
        .into_iter()
        .flat_map(|strings| strings.all("Msg"))
        .filter_map(|message| {
            let id = message.attribute("msgid")?;
            Some((id.to_owned(), message.text.trim().to_owned()))
        })
        .collect()
}

/// Returns the ids of the configurations, the default one first.
fn configurations(root: &Element) -> Vec<String> {
    let mut found: Vec<(bool, String)> = sections(root, "DeploymentOptionSection")
        .flat_map(|section| section.all("Configuration"))
        .filter_map(|configuration| {
            let default = configuration.attribute("default") == Some("true");
            Some((default, configuration.attribute("id")?.to_owned()))
        })
        .collect();
    // A stable sort: among equals the first one written is the default.
    found.sort_by_key(|(default, _)| !default);
    found.into_iter().map(|(_, id)| id).collect()
}

fn files(root: &Element, file: &SourceName) -> Result<Vec<OvfFile>, ReadError> {
    let mut files: Vec<OvfFile> = Vec::new();
    for element in root.all("References").flat_map(|references| references.all("File")) {
        let href = element
            .attribute("href")
            .ok_or_else(|| file.damaged(element.offset, "a File without href"))?;
        let id = element.attribute("id").unwrap_or(href).to_owned();
        bounded(files.len(), "the number of files", file, element)?;
        if files.iter().any(|other| other.id == id) {
            return Err(file.damaged(element.offset, format!("a second File of the id {}", quoted(&id))));
        }
        let number = |name: &str| -> Result<Option<u64>, ReadError> {
            let Some(text) = element.attribute(name) else {
                return Ok(None);
            };
            let value = text.trim().parse().map_err(|_| {
                file.damaged(
                    element.offset,
                    format!("the {name} of a File is {}: not a number", quoted(text)),
                )
            })?;
            Ok(Some(value))
        };
        let gzip = match element.attribute("compression") {
            None | Some("" | "identity") => false,
            Some("gzip") => true,
            Some(other) => {
                return Err(file.refused(
                    element.offset,
                    format!("a File compressed with {}; gzip is what OVF has", quoted(other)),
                ));
            }
        };
        let chunk = number("chunkSize")?;
        if chunk == Some(0) {
            return Err(file.damaged(element.offset, "a File in pieces of 0 bytes"));
        }
        // A name that leads elsewhere does not keep the rest of the descriptor from being read; the file is never opened.
        let checked = MemberName::new(&unescaped(href), file, element.offset);
        files.push(OvfFile {
            id,
            href: escaped(href, MAX_TEXT),
            refusal: checked.as_ref().err().map(ToString::to_string),
            name: checked.ok(),
            size: number("size")?,
            gzip,
            chunk,
        });
    }
    Ok(files)
}

fn bounded(count: usize, what: &'static str, file: &SourceName, element: &Element) -> Result<(), ReadError> {
    let limit = MAX_FILES as u64;
    if count >= MAX_FILES {
        return Err(file.too_large(element.offset, what, limit + 1, limit));
    }
    Ok(())
}

/// Returns a relative URI with its percent signs resolved; text that is none stays as it is.
fn unescaped(href: &str) -> String {
    let bytes = href.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%')
            .then(|| bytes.get(at + 1..at + 3))
            .flatten()
            .and_then(|digits| hex::decode(digits).ok());
        match escaped {
            Some(byte) => {
                out.extend(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| href.to_owned())
}

/// Returns what properties are preset to, by key: a disk's capacity may be one.
fn property_defaults(root: &Element, configuration: Option<&str>) -> BTreeMap<String, String> {
    let mut defaults = BTreeMap::new();
    let systems = root
        .children
        .iter()
        .filter(|child| matches!(kind(child), "VirtualSystem" | "VirtualSystemCollection"));
    for holder in std::iter::once(root).chain(systems) {
        for property in sections(holder, "ProductSection").flat_map(|section| section.all("Property")) {
            let chosen = property
                .all("Value")
                .find(|value| configuration.is_some() && value.attribute("configuration") == configuration)
                .and_then(|value| value.attribute("value"));
            if let (Some(key), Some(value)) = (
                property.attribute("key"),
                chosen.or_else(|| property.attribute("value")),
            ) {
                defaults.insert(key.to_owned(), value.to_owned());
            }
        }
    }
    defaults
}

fn disks(
    root: &Element,
    file: &SourceName,
    files: &[OvfFile],
    defaults: &BTreeMap<String, String>,
) -> Result<Vec<OvfDisk>, ReadError> {
    let mut disks: Vec<OvfDisk> = Vec::new();
    for element in sections(root, "DiskSection").flat_map(|section| section.all("Disk")) {
        let id = element
            .attribute("diskId")
            .ok_or_else(|| file.damaged(element.offset, "a Disk without diskId"))?
            .to_owned();
        bounded(disks.len(), "the number of disks", file, element)?;
        if disks.iter().any(|disk| disk.id == id) {
            return Err(file.damaged(element.offset, format!("a second Disk of the id {}", quoted(&id))));
        }
        let held = match element.attribute("fileRef").filter(|reference| !reference.is_empty()) {
            None => None,
            Some(reference) => Some(files.iter().find(|file| file.id == reference).cloned().ok_or_else(|| {
                file.damaged(
                    element.offset,
                    format!(
                        "the Disk {} refers to the File {}, which there is not",
                        quoted(&id),
                        quoted(reference)
                    ),
                )
            })?),
        };
        disks.push(OvfDisk {
            capacity: capacity(element, file, defaults)?,
            id,
            file: held,
            format: element.attribute("format").map(|format| escaped(format, MAX_TEXT)),
            parent: element
                .attribute("parentRef")
                .filter(|parent| !parent.is_empty())
                .map(str::to_owned),
        });
    }
    Ok(disks)
}

fn capacity(
    element: &Element,
    file: &SourceName,
    defaults: &BTreeMap<String, String>,
) -> Result<Option<u64>, ReadError> {
    let Some(mut text) = element.attribute("capacity").map(str::trim) else {
        return Ok(None);
    };
    if let Some(key) = text.strip_prefix("${").and_then(|text| text.strip_suffix('}')) {
        match defaults.get(key) {
            Some(value) => text = value.trim(),
            None => return Ok(None),
        }
    }
    let number: u64 = text.parse().map_err(|_| {
        file.damaged(
            element.offset,
            format!("the capacity of a Disk is {}: not a number", quoted(text)),
        )
    })?;
    let unit = element
        .attribute("capacityAllocationUnits")
        .filter(|unit| !unit.trim().is_empty())
        .unwrap_or("byte");
    let factor = units::bytes(unit).ok_or_else(|| {
        file.damaged(
            element.offset,
            format!("the capacity of a Disk is in {}: not a unit of bytes", quoted(unit)),
        )
    })?;
    let bytes = number.saturating_mul(factor);
    if bytes > MAX_DISK_BYTES {
        return Err(file.too_large(element.offset, "the capacity of a Disk in bytes", bytes, MAX_DISK_BYTES));
    }
    Ok(Some(bytes))
}

/// Reads the machines below an element, those in collections too.
fn collect(element: &Element, names: &Names<'_>, depth: usize, machines: &mut Vec<Machine>) -> Result<(), ReadError> {
    if depth > MAX_COLLECTION_DEPTH {
        let limit = MAX_COLLECTION_DEPTH as u64;
        return Err(names
            .file
            .too_large(element.offset, "the nesting of machine collections", limit + 1, limit));
    }
    for child in &element.children {
        match kind(child) {
            "VirtualSystem" => {
                if machines.len() == MAX_MACHINES {
                    let limit = MAX_MACHINES as u64;
                    return Err(names
                        .file
                        .too_large(child.offset, "the number of machines", limit + 1, limit));
                }
                machines.push(hardware::machine(child, names)?);
            }
            "VirtualSystemCollection" => collect(child, names, depth + 1, machines)?,
            _ => {}
        }
    }
    Ok(())
}

impl Names<'_> {
    /// Returns an element's text, or that of the message it refers to.
    pub(super) fn text(&self, element: &Element) -> Option<String> {
        let own = element.text.trim();
        let text = if own.is_empty() {
            self.messages.get(element.attribute("msgid")?)?.as_str()
        } else {
            own
        };
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// Returns the text of the first child of this name, short enough for a line.
    pub(super) fn line(&self, element: &Element, child: &str) -> Option<String> {
        self.text(element.first(child)?).map(|text| escaped(&text, MAX_TEXT))
    }
}
