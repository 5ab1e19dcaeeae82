//! The planner: facts and options become steps, or a list of what stands in the way. Pure.

mod steps;

use reeve_journal::Plan;
use reeve_journal::plan::{FactsReference, PLAN_FORMAT, Target, digest_of};
use serde::Serialize;
use serde_json::Value;

use super::blocker::{Blocker, Refused};
use super::cloud::{CloudFacts, FlavorFact, NetworkFact};
use super::flavor::smallest;
use super::hardware::{Hardware, hardware};
use super::input::HashAlgorithm;
use super::options::{ImageFormat, ImageMethod, ImportOptions, MacPolicy, Makes, PlanOptions};
use crate::disk::DiskKind;
use crate::machine::{Firmware, Nic};
use crate::source::{Quiesce, SourceDisk, SourceFacts};

/// The operation's name in plans and journals.
pub const OPERATION: &str = "import";

/// What plans of this operation change.
pub const TARGET_KIND: &str = "openstack-project";

/// The most characters of a name in the cloud; Nova takes 255, and disks get something behind it.
const MAX_NAME: usize = 200;

/// Makes the plan for a machine; `made_by` is program and version.
///
/// Pure: the same facts and options give the same plan, to the byte.
///
/// # Errors
///
/// [`Refused`] with everything that stands in the way.
pub fn plan(source: &SourceFacts, cloud: &CloudFacts, options: &ImportOptions, made_by: &str) -> Result<Plan, Refused> {
    let mut builder = Builder::new(source, cloud, options);
    builder.check_source();
    builder.check_export();
    let disks = builder.disks();
    let flavor = builder.flavor();
    let nics = builder.nics();
    builder.check_quotas(&disks, flavor, nics.len());
    let summary = builder.summary(&disks, flavor, &nics);
    if !builder.blockers.is_empty() {
        return Err(Refused {
            machine: builder.name,
            blockers: builder.blockers,
        });
    }
    let phases = builder.phases(&disks, flavor, &nics);
    Ok(Plan {
        format: PLAN_FORMAT,
        operation: OPERATION.to_owned(),
        made_by: made_by.to_owned(),
        target: Target {
            kind: TARGET_KIND.to_owned(),
            id: cloud.project_id.clone(),
            name: format!("{} of {}", cloud.project_name, cloud.cloud),
        },
        options: value(&PlanOptions {
            cloud: cloud.cloud.clone(),
            region: cloud.region.clone(),
            import: options.clone(),
        }),
        facts: FactsReference {
            digest: builder.facts_digest,
            taken_at: cloud.taken_at,
        },
        summary,
        phases,
        points_of_no_return: Vec::new(),
        digest: String::new(),
    }
    .seal())
}

fn value(value: &impl Serialize) -> Value {
    serde_json::to_value(value).expect("inputs and options have only text keys")
}

/// A disk as it is planned: its number from 1, and what becomes of it.
struct PlannedDisk<'a> {
    number: usize,
    disk: &'a SourceDisk,
    size_gib: u64,
}

/// A network card as it is planned.
struct PlannedNic<'a> {
    number: usize,
    network: &'a NetworkFact,
    mac: Option<String>,
}

struct Builder<'a> {
    source: &'a SourceFacts,
    cloud: &'a CloudFacts,
    options: &'a ImportOptions,
    hardware: Hardware,
    name: String,
    /// What all marks of this plan begin with.
    mark: String,
    facts_digest: String,
    hash: HashAlgorithm,
    blockers: Vec<Blocker>,
    notes: Vec<String>,
}

impl<'a> Builder<'a> {
    fn new(source: &'a SourceFacts, cloud: &'a CloudFacts, options: &'a ImportOptions) -> Self {
        let hardware = hardware(source, options);
        let wanted = options.name.as_deref().unwrap_or(&source.machine.name);
        let name: String = wanted
            .chars()
            .filter(|char| !char.is_control())
            .take(MAX_NAME)
            .collect();
        let name = name.trim().to_owned();
        let facts_digest = digest_of(&(source, cloud));
        // Two plans of one machine differ at least in the time of their facts.
        let of_all = digest_of(&(&facts_digest, options, OPERATION));
        let hexadecimal = of_all.split(':').nth(1).unwrap_or_default();
        let notes = hardware.remarks.clone();
        Self {
            source,
            cloud,
            options,
            hardware,
            name,
            mark: format!("reeve-import-{}", &hexadecimal[..hexadecimal.len().min(16)]),
            facts_digest,
            hash: HashAlgorithm::default(),
            blockers: Vec::new(),
            notes,
        }
    }

    fn block(&mut self, what: impl Into<String>, remedy: impl Into<String>) {
        self.blockers.push(Blocker::new(what, remedy));
    }

    /// Checks the source as a whole, and that the cloud takes what would be sent.
    fn check_source(&mut self) {
        if self.name.is_empty() {
            self.block("the machine has no name", "give it one with `--name`");
        }
        for problem in &self.source.problems {
            self.blockers.push(Blocker::new(
                problem.clone(),
                "have the package made again, or take out of it what is wrong",
            ));
        }
        self.notes.extend(self.source.remarks.iter().cloned());
        self.notes.extend(self.source.machine.problems.iter().cloned());
        if !self.source.machine.eulas.is_empty() && !self.options.accept_licences {
            let count = self.source.machine.eulas.len();
            self.block(
                format!("the package has {count} licence text(s) to be accepted"),
                "read them (`reeve import inspect SOURCE --format json`) and pass `--accept-licences`",
            );
        }
        if self.source.machine.tpm {
            self.notes
                .push("the machine has a TPM, whose content does not travel: have the recovery key of its disk encryption at hand".to_owned());
        }
        let images = &self.cloud.images;
        let format = self.options.format.as_str();
        if !images.disk_formats.is_empty() && !images.disk_formats.iter().any(|known| known == format) {
            self.block(
                format!("this cloud takes no {format} images, only {}", images.disk_formats.join(", ")),
                "choose another format with `--image-format`, or ask the provider to allow this one (`disk_formats` of Glance)",
            );
        }
        self.check_method();
        let images = &self.cloud.images;
        if let Some(wanted) = self
            .options
            .store
            .as_deref()
            .filter(|wanted| !images.stores.iter().any(|known| known == wanted))
        {
            let (what, remedy) = if images.stores.is_empty() {
                (
                    "this cloud does not let anybody choose a store".to_owned(),
                    "leave out `--store`".to_owned(),
                )
            } else {
                let known: Vec<String> = images.stores.iter().map(|store| printable(store)).collect();
                (
                    format!("this cloud has no store {}", printable(wanted)),
                    format!("choose one of {}", known.join(", ")),
                )
            };
            self.block(what, remedy);
        }
        if let Some(name) = &images.hash_algorithm {
            match HashAlgorithm::by_name(name) {
                Some(hash) => self.hash = hash,
                None => self.block(
                    format!(
                        "this cloud digests images with {}, which cannot be compared",
                        printable(name)
                    ),
                    "ask the provider for sha512 (`hashing_algorithm` of Glance)",
                ),
            }
        }
        if self.cloud.project_id.is_empty() {
            self.block(
                "the login is not for a project",
                "name a cloud of clouds.yaml with `project_name`, so that there is a place to import to",
            );
        }
    }

    /// Checks how images get their data, and whether disks can be sent as they are.
    fn check_method(&mut self) {
        let methods = &self.cloud.images.import_methods;
        if let Some(method) = self.options.method.import_method()
            && !methods.iter().any(|known| known == method)
        {
            let offers = match methods.as_slice() {
                [] => "it has no import method".to_owned(),
                some => {
                    let some: Vec<String> = some.iter().map(|method| printable(method)).collect();
                    format!("only {}", some.join(", "))
                }
            };
            self.block(
                format!("this cloud does not offer the import method {method}, {offers}"),
                "leave out `--import-method`",
            );
        }
        if self.options.format != ImageFormat::Vmdk {
            return;
        }
        for (at, disk) in self.source.disks.iter().enumerate() {
            if let Some(kind) = disk.kind.filter(|kind| *kind != DiskKind::StreamOptimized) {
                self.block(
                    format!(
                        "disk {} ({}) is {}, and only streamOptimized disks are sent as they are",
                        at + 1,
                        disk.label,
                        kind.as_str()
                    ),
                    "choose `--image-format raw` or `qcow2`",
                );
            }
        }
        if self.options.makes != Makes::Images && self.options.method == ImageMethod::Upload {
            self.notes.push(
                "the cloud unpacks the disks when it makes volumes of them, if it allows that (`vmdk_allowed_types` of Cinder)".to_owned(),
            );
        }
    }

    /// Checks what an export cannot do, and says what it changes.
    fn check_export(&mut self) {
        let Some(export) = &self.source.export else {
            return;
        };
        if self.options.format == ImageFormat::Qcow2 {
            self.block(
                "a qcow2 begins with tables of what has data, which a disk that comes by an export lease says only at its end",
                "choose `--image-format vmdk`, which sends it as it comes, or `raw`",
            );
        }
        let Some(quiesce) = export.snapshot else {
            return;
        };
        self.notes.push(
            match quiesce {
                Quiesce::Yes => "the machine runs: a snapshot is made of it, for which VMware Tools bring its file systems to rest",
                Quiesce::NotWanted => "the machine runs: a snapshot is made of it as it is, as after a power failure",
                Quiesce::NoTools => {
                    "the machine runs, and VMware Tools do not: a snapshot is made of it as it is, as after a power failure"
                }
            }
            .to_owned(),
        );
        self.notes.push(
            "what the machine writes after the snapshot is not in the copy; the snapshot grows with it until the images are made, and is removed then".to_owned(),
        );
        if self.options.makes == Makes::Server {
            self.notes.push(
                "the machine goes on running where it is: shut it down before the server is started, or give the server other addresses (`--mac new`) on another network".to_owned(),
            );
        }
    }

    fn disks(&mut self) -> Vec<PlannedDisk<'a>> {
        let mut planned = Vec::new();
        for (at, disk) in self.source.disks.iter().enumerate() {
            let number = at + 1;
            if let Some(why) = &disk.refused {
                self.block(
                    format!("disk {number} ({}) cannot be read: {why}", disk.label),
                    "mend or complete the source",
                );
                continue;
            }
            if disk.file.is_none() && self.options.makes == Makes::Images {
                self.notes.push(format!(
                    "disk {number} ({}) is empty in the source: no image is made of it",
                    disk.label
                ));
                continue;
            }
            if disk.size == 0 {
                self.block(
                    format!("disk {number} ({}) has no size", disk.label),
                    "mend the description of the source",
                );
                continue;
            }
            planned.push(PlannedDisk {
                number,
                disk,
                size_gib: disk.size.div_ceil(1 << 30),
            });
        }
        if planned.is_empty() && self.blockers.is_empty() {
            self.block("the source has no disk", "name a source with at least one disk");
        }
        if self.options.makes == Makes::Server && planned.first().is_some_and(|first| first.disk.file.is_none()) {
            self.block(
                "the first disk is empty, so a server would have nothing to start from",
                "leave `--boot` away",
            );
        }
        planned
    }

    fn flavor(&mut self) -> Option<&'a FlavorFact> {
        let compute = self.cloud.compute.as_ref()?;
        let machine = &self.source.machine;
        if let Some(wanted) = &self.options.flavor {
            let found = compute
                .flavors
                .iter()
                .find(|flavor| flavor.id == *wanted || flavor.name == *wanted);
            if found.is_none() {
                self.block(
                    format!("the cloud has no flavor {}", printable(wanted)),
                    "`openstack flavor list` says which there are",
                );
            }
            if let Some(flavor) = found
                && (flavor.vcpus < machine.cpus.into() || flavor.memory_mib < machine.memory >> 20)
            {
                self.notes.push(format!(
                    "the flavor {} is smaller than the machine is now ({} CPUs, {} MiB)",
                    printable(&flavor.name),
                    machine.cpus,
                    machine.memory >> 20
                ));
            }
            return found;
        }
        if !self.source.is_described {
            self.block(
                "a disk alone says nothing of processors and memory",
                "choose a flavor with `--flavor`",
            );
            return None;
        }
        let (cpus, memory) = (u64::from(machine.cpus.max(1)), machine.memory.div_ceil(1 << 20));
        let found = smallest(&compute.flavors, cpus, memory);
        if found.is_none() {
            self.block(
                format!("no flavor has {cpus} CPUs and {memory} MiB of memory"),
                "choose a smaller one with `--flavor`, or ask the provider for a larger one",
            );
        }
        found
    }

    fn nics(&mut self) -> Vec<PlannedNic<'a>> {
        let Some(facts) = &self.cloud.network else {
            return Vec::new();
        };
        let mut cards: Vec<Nic> = self.source.machine.nics.clone();
        if !self.source.is_described && !self.options.networks.is_empty() {
            // Whoever names a network for a disk alone wants the server to be on it.
            cards.push(Nic {
                label: "nic".to_owned(),
                model: None,
                mac: None,
                network: None,
            });
        }
        let mut planned: Vec<PlannedNic<'a>> = Vec::new();
        for (at, card) in cards.iter().enumerate() {
            let number = at + 1;
            let Some(network) = self.network_for(card, number, &facts.networks) else {
                continue;
            };
            let mac = self.mac_for(card, number, network);
            if let Some(mac) = &mac
                && planned
                    .iter()
                    .any(|other| other.mac.as_ref() == Some(mac) && other.network.id == network.id)
            {
                self.block(
                    format!("two network cards with the address {mac} would be on one network"),
                    "pass `--mac new`",
                );
            }
            planned.push(PlannedNic { number, network, mac });
        }
        planned
    }

    fn network_for(&mut self, card: &Nic, number: usize, networks: &'a [NetworkFact]) -> Option<&'a NetworkFact> {
        let choices = &self.options.networks;
        let choice = choices
            .iter()
            .find(|choice| choice.source.is_some() && choice.source == card.network)
            .or_else(|| choices.iter().find(|choice| choice.source.is_none()));
        let shown = card
            .network
            .as_deref()
            .unwrap_or("a network that is not named")
            .to_owned();
        let Some(choice) = choice else {
            let mut inner = networks
                .iter()
                .filter(|network| !network.is_external && network.subnets > 0);
            return match (inner.next(), inner.next()) {
                (Some(only), None) => Some(only),
                (None, _) => {
                    self.block(
                        format!("network card {number} ({shown}): the project sees no network with a subnet"),
                        "make one, or name one with `--network`",
                    );
                    None
                }
                (Some(_), Some(_)) => {
                    self.block(
                        format!("network card {number} ({shown}): there is more than one network to choose from"),
                        "choose with `--network NAME`, or `--network 'SOURCE NETWORK=NAME'` for each",
                    );
                    None
                }
            };
        };
        let wanted = &choice.network;
        let mut found = networks
            .iter()
            .filter(|network| network.id == *wanted || network.name == *wanted);
        match (found.next(), found.next()) {
            (Some(only), None) => Some(only),
            (None, _) => {
                self.block(
                    format!("the cloud has no network {}", printable(wanted)),
                    "`openstack network list` says which there are",
                );
                None
            }
            (Some(_), Some(_)) => {
                self.block(
                    format!("there is more than one network {}", printable(wanted)),
                    "name it by its id",
                );
                None
            }
        }
    }

    fn mac_for(&mut self, card: &Nic, number: usize, network: &NetworkFact) -> Option<String> {
        let mac = card.mac.clone()?;
        match self.options.mac {
            MacPolicy::Keep => Some(mac),
            MacPolicy::New => None,
            MacPolicy::Auto if network.is_own => Some(mac),
            MacPolicy::Auto => {
                self.notes.push(format!(
                    "network card {number} gets a new MAC address instead of {mac}: {} is another project's network, where clouds usually do not let one choose (`--mac keep` tries)",
                    printable(&network.name)
                ));
                None
            }
        }
    }

    fn check_quotas(&mut self, disks: &[PlannedDisk<'_>], flavor: Option<&FlavorFact>, nics: usize) {
        let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        let large = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let mut needs = Vec::new();
        if let Some(volumes) = &self.cloud.volumes {
            let gibs = disks.iter().map(|disk| disk.size_gib).sum();
            needs.push(("volumes", count(disks.len()), volumes.volumes_left));
            needs.push(("GiB of volumes", large(gibs), volumes.gigabytes_left));
            if let Some(largest) = volumes.largest_gib {
                for disk in disks.iter().filter(|disk| large(disk.size_gib) > largest) {
                    self.blockers.push(Blocker::new(
                        format!(
                            "disk {} needs a volume of {} GiB, and the largest allowed has {largest}",
                            disk.number, disk.size_gib
                        ),
                        "ask the provider for a larger quota (per_volume_gigabytes)",
                    ));
                }
            }
            if let Some(wanted) = &self.options.volume_type
                && !volumes.types.contains(wanted)
            {
                self.block(
                    format!("the cloud has no volume type {}", printable(wanted)),
                    "`openstack volume type list` says which there are",
                );
            }
        }
        if let (Some(compute), Some(flavor)) = (&self.cloud.compute, flavor) {
            needs.push(("servers", 1, compute.servers_left));
            needs.push(("processors", large(flavor.vcpus), compute.cores_left));
            needs.push(("MiB of memory", large(flavor.memory_mib), compute.memory_mib_left));
        }
        if let Some(network) = &self.cloud.network {
            needs.push(("ports", count(nics), network.ports_left));
        }
        let beside = match self.cloud.reserved_for {
            0 => String::new(),
            1 => " beside the machine planned before it".to_owned(),
            more => format!(" beside the {more} machines planned before it"),
        };
        for (what, needed, left) in needs {
            if let Some(left) = left.filter(|left| *left < needed) {
                let left = left.max(0);
                self.block(
                    format!("the quota has room for {left} more {what}{beside}, and {needed} are needed"),
                    "ask the provider for a larger quota, or delete what is not needed any more",
                );
            }
        }
    }

    fn summary(&self, disks: &[PlannedDisk<'_>], flavor: Option<&FlavorFact>, nics: &[PlannedNic<'_>]) -> Vec<String> {
        let images = disks.iter().filter(|disk| disk.disk.file.is_some());
        let (count, bytes): (usize, u64) =
            images.fold((0, 0), |(count, bytes), disk| (count + 1, bytes + disk.disk.size));
        let firmware = match self.hardware.firmware {
            Firmware::Bios => "BIOS",
            Firmware::Efi => "UEFI",
        };
        let mut lines = vec![format!(
            "Imports {} from {} into project {} of cloud {}: {count} image(s) with {} MiB in all, {firmware}.",
            self.name,
            crate::error::escaped(&self.source.address.to_string(), 400),
            self.cloud.project_name,
            self.cloud.cloud,
            bytes.div_ceil(1 << 20)
        )];
        if self.cloud.volumes.is_some() {
            let gibs: u64 = disks.iter().map(|disk| disk.size_gib).sum();
            lines.push(format!("Makes {} volume(s) with {gibs} GiB in all.", disks.len()));
            if self.options.verify_volumes {
                lines.push(
                    "Has the cloud make an image of each volume, as large as the volume, compares its digest with that of the disk, and removes it."
                        .to_owned(),
                );
            }
        }
        if let Some(export) = &self.source.export {
            lines.push(match export.snapshot {
                Some(_) => {
                    "The disks come by an export lease, of a snapshot that is made for it and removed afterwards."
                        .to_owned()
                }
                None => "The disks come by an export lease of the machine, which has to stay off meanwhile.".to_owned(),
            });
        }
        if let Some(flavor) = flavor {
            lines.push(format!(
                "Starts a server with flavor {} ({} CPUs, {} MiB) and {} network card(s); the machine must not run anywhere else then.",
                flavor.name,
                flavor.vcpus,
                flavor.memory_mib,
                nics.len()
            ));
        }
        lines.extend(self.notes.iter().map(|note| format!("Note: {note}.")));
        lines
    }
}

/// Returns a name from a cloud or a command line for use in a sentence.
fn printable(text: &str) -> String {
    crate::error::escaped(text, 120)
}

#[cfg(test)]
pub(crate) mod tests;
