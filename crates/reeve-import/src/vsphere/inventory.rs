//! The machines of a host, and where their files stand.

use std::collections::BTreeMap;

use serde::Serialize;

use super::address::DatastoreFile;
use super::error::VsphereError;
use super::session::Vsphere;
use super::soap::{Reference, text};
use super::way::TransferChoice;
use crate::error::escaped;
use crate::xml::Element;

/// Objects of one page.
const PAGE: usize = 200;

/// The most pages of one listing.
const MAX_PAGES: usize = 500;

/// The deepest folder.
const MAX_DEPTH: usize = 32;

/// Whether a machine runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PowerState {
    /// It runs.
    On,
    /// It does not.
    Off,
    /// It is suspended: its memory is in a file.
    Suspended,
    /// The host does not say.
    Unknown,
}

impl PowerState {
    fn of(text: &str) -> Self {
        match text {
            "poweredOn" => Self::On,
            "poweredOff" => Self::Off,
            "suspended" => Self::Suspended,
            _ => Self::Unknown,
        }
    }

    /// Returns the state as a word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Off => "off",
            Self::Suspended => "suspended",
            Self::Unknown => "unknown",
        }
    }
}

/// A machine of a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VsphereMachine {
    /// Its name in the inventory.
    pub name: String,
    /// The address of its `.vmx`, as `import plan` takes it; none if its files cannot be named, as for one that is not connected.
    pub source: Option<DatastoreFile>,
    /// Whether it runs.
    pub power: PowerState,
    /// Whether it has snapshots.
    pub has_snapshots: bool,
    /// Whether it is a template.
    pub is_template: bool,
    /// Its processors.
    pub cpus: Option<u32>,
    /// Its memory in MiB.
    pub memory_mib: Option<u64>,
    /// What it takes in datastores, in bytes.
    pub stored: Option<u64>,
    /// Its id in the inventory.
    #[serde(skip)]
    pub(super) reference: Reference,
}

impl VsphereMachine {
    /// Returns why it cannot be imported as it is, with what to do; nothing if it can.
    #[must_use]
    pub fn obstacle(&self) -> Option<&'static str> {
        self.obstacle_to(TransferChoice::default())
    }

    /// Returns why it cannot be imported as it is chosen, with what to do; nothing if it can.
    #[must_use]
    pub fn obstacle_to(&self, choice: TransferChoice) -> Option<&'static str> {
        self.way(choice).err()
    }
}

/// A property's value, as far as it is looked at.
struct Value {
    text: String,
    has_children: bool,
}

/// The properties of an object that were asked for, by their path.
type Properties = BTreeMap<String, Value>;

impl Vsphere {
    /// Returns all machines of all datacenters, by name.
    ///
    /// # Errors
    ///
    /// [`VsphereError`].
    pub fn machines(&self) -> Result<Vec<VsphereMachine>, VsphereError> {
        self.block_on(async {
            let root = self.content().root.clone();
            let tree = self
                .listed(&root, &["Folder", "Datacenter"], &["name", "parent"])
                .await?;
            let mut machines = Vec::new();
            for datacenter in tree.keys().filter(|reference| reference.kind == "Datacenter") {
                let path = path(&tree, datacenter);
                let found = self.listed(datacenter, &["VirtualMachine"], &MACHINE).await?;
                machines.extend(
                    found
                        .into_iter()
                        .map(|(reference, properties)| self.machine(&path, reference, &properties)),
                );
            }
            machines.sort_by(|a, b| (&a.name, &a.source).cmp(&(&b.name, &b.source)));
            Ok(machines)
        })
    }

    fn machine(&self, datacenter: &str, reference: Reference, properties: &Properties) -> VsphereMachine {
        let value = |path: &str| properties.get(path).map(|value| value.text.trim());
        let number = |path: &str| value(path).and_then(|text| text.parse::<u64>().ok());
        let source = value("config.files.vmPathName").and_then(datastore_path);
        let source = source.map(|(datastore, path)| DatastoreFile {
            host: self.host().clone(),
            datacenter: datacenter.to_owned(),
            datastore: datastore.to_owned(),
            path: path.to_owned(),
        });
        VsphereMachine {
            name: escaped(&unescaped(value("name").unwrap_or("unnamed")), 256),
            source,
            power: PowerState::of(value("runtime.powerState").unwrap_or_default()),
            has_snapshots: properties.get("snapshot").is_some_and(|snapshot| snapshot.has_children),
            is_template: value("config.template") == Some("true"),
            cpus: number("summary.config.numCpu").and_then(|count| u32::try_from(count).ok()),
            memory_mib: number("summary.config.memorySizeMB"),
            stored: number("summary.storage.committed"),
            reference,
        }
    }

    /// Returns properties of one object, those that it has.
    pub(super) async fn properties_of(
        &self,
        object: &Reference,
        paths: &[&str],
    ) -> Result<BTreeMap<String, Element>, VsphereError> {
        let arguments = format!(
            "<specSet>{}<objectSet>{}<skip>false</skip></objectSet></specSet><options/>",
            asked(&object.kind, paths),
            object.as_element("obj")
        );
        let page = self
            .call("RetrievePropertiesEx", &self.content().properties, &arguments)
            .await?;
        let values = page.all("objects").flat_map(values);
        Ok(values.map(|(name, value)| (name.to_owned(), value.clone())).collect())
    }

    /// Returns all objects of some kinds below another, with the properties of them that are asked for and that they have.
    async fn listed(
        &self,
        below: &Reference,
        kinds: &[&str],
        paths: &[&str],
    ) -> Result<BTreeMap<Reference, Properties>, VsphereError> {
        let types: String = kinds.iter().map(|kind| text("type", kind)).collect();
        let arguments = format!("{}{types}<recursive>true</recursive>", below.as_element("container"));
        let views = &self.content().views;
        let view = self.call("CreateContainerView", views, &arguments).await?;
        let view =
            Reference::of(&view).ok_or_else(|| self.answer("CreateContainerView", "it does not name the view"))?;
        let listed = self.pages(&view, kinds, paths).await;
        // The host forgets it with the session anyway.
        let _ = self.call("DestroyView", &view, "").await;
        listed
    }

    async fn pages(
        &self,
        view: &Reference,
        kinds: &[&str],
        paths: &[&str],
    ) -> Result<BTreeMap<Reference, Properties>, VsphereError> {
        const CALL: &str = "RetrievePropertiesEx";
        let sets: String = kinds.iter().map(|kind| asked(kind, paths)).collect();
        let arguments = format!(
            "<specSet>{sets}<objectSet>{}<skip>true</skip><selectSet xsi:type=\"TraversalSpec\"><name>view</name>\
             <type>ContainerView</type><path>view</path><skip>false</skip></selectSet></objectSet></specSet>\
             <options><maxObjects>{PAGE}</maxObjects></options>",
            view.as_element("obj")
        );
        let collector = &self.content().properties;
        let mut found = BTreeMap::new();
        let mut page = self.call(CALL, collector, &arguments).await?;
        for _ in 0..MAX_PAGES {
            for object in page.all("objects") {
                let reference = object.first("obj").and_then(Reference::of);
                let reference = reference.ok_or_else(|| self.answer(CALL, "an object has no name"))?;
                found.insert(reference, properties(object));
            }
            let Some(token) = page.value("token") else {
                return Ok(found);
            };
            let token = text("token", token);
            page = self.call("ContinueRetrievePropertiesEx", collector, &token).await?;
        }
        Err(self.answer(CALL, "it does not end"))
    }
}

/// What is asked of a machine.
const MACHINE: [&str; 8] = [
    "name",
    "config.files.vmPathName",
    "config.template",
    "runtime.powerState",
    "snapshot",
    "summary.config.numCpu",
    "summary.config.memorySizeMB",
    "summary.storage.committed",
];

fn properties(object: &Element) -> Properties {
    let values = values(object).map(|(name, value)| {
        let value = Value {
            text: value.text.clone(),
            has_children: !value.children.is_empty(),
        };
        (name.to_owned(), value)
    });
    values.collect()
}

/// Returns names and values of the properties that an object of an answer has.
fn values(object: &Element) -> impl Iterator<Item = (&str, &Element)> {
    let sets = object.all("propSet");
    sets.filter_map(|set| Some((set.value("name")?, set.first("val")?)))
}

/// Returns what asks for these properties of all objects of a kind.
fn asked(kind: &str, paths: &[&str]) -> String {
    let paths: String = paths.iter().map(|path| text("pathSet", path)).collect();
    format!("<propSet>{}{paths}</propSet>", text("type", kind))
}

/// Returns the names of the folders above a datacenter and its own, without the root's: `de/berlin`.
fn path(tree: &BTreeMap<Reference, Properties>, datacenter: &Reference) -> String {
    let mut names = Vec::new();
    let mut at = datacenter.clone();
    for _ in 0..MAX_DEPTH {
        // The root itself is not in its own view.
        let Some(properties) = tree.get(&at) else { break };
        if let Some(name) = properties.get("name") {
            names.push(unescaped(name.text.trim()));
        }
        let Some(parent) = properties.get("parent") else { break };
        let id = parent.text.trim();
        let Some(above) = tree.keys().find(|reference| reference.id == id) else {
            break;
        };
        at = above.clone();
    }
    names.reverse();
    names.join("/")
}

/// Returns datastore and path of `[datastore1] web/web.vmx`.
pub(super) fn datastore_path(text: &str) -> Option<(&str, &str)> {
    let (datastore, path) = text.strip_prefix('[')?.split_once(']')?;
    let path = path.trim();
    (!datastore.is_empty() && !path.is_empty()).then_some((datastore, path))
}

/// Returns a name without the escapes that the inventory has for `/`, `\` and `%`.
///
/// Source: vSphere API reference, `ManagedEntity.name`.
pub(super) fn unescaped(name: &str) -> String {
    let name = name.replace("%2f", "/").replace("%2F", "/");
    let name = name.replace("%5c", "\\").replace("%5C", "\\");
    name.replace("%25", "%")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datastore_paths_are_divided() {
        assert_eq!(
            datastore_path("[slow disks] web/web.vmx"),
            Some(("slow disks", "web/web.vmx"))
        );
        assert_eq!(datastore_path("[a][b] c"), Some(("a", "[b] c")));
        for none in ["", "web.vmx", "[]", "[a]", "[a] "] {
            assert_eq!(datastore_path(none), None, "{none}");
        }
    }
}
