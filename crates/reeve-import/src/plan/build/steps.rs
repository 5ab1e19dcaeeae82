//! The steps of a plan, each with what it does as the commands that a person would type.

use reeve_journal::plan::{
    Action, HandOver, Interruption, Phase, PhaseName, Place, PlannedStep, StepId, StepKind, Undo,
};
use serde_json::Value;

use super::{Builder, PlannedDisk, PlannedNic, value};
use crate::plan::cloud::FlavorFact;
use crate::plan::input::{ExportInput, ImageInput, PortInput, ProofInput, ServerInput, SnapshotInput, VolumeInput};
use crate::plan::options::ImageFormat;
use crate::source::Quiesce;

/// The slowest copy that is waited for, in bytes a second; a copy that stands still is given up much sooner.
const SLOWEST_COPY: u64 = 512 << 10;

/// How long the making of a snapshot is waited for, in seconds: quiescing alone may take a quarter of an hour.
const SNAPSHOT: u64 = 3600;

/// How long the removing of a snapshot is waited for, in seconds: what was written meanwhile is merged into the disks.
const CONSOLIDATION: u64 = 6 * 3600;

/// The slowest making of a volume that is waited for, in bytes a second.
const SLOWEST_VOLUME: u64 = 5 << 20;

impl Builder<'_> {
    /// Returns the phases of the plan.
    pub(super) fn phases(
        &self,
        disks: &[PlannedDisk<'_>],
        flavor: Option<&FlavorFact>,
        nics: &[PlannedNic<'_>],
    ) -> Vec<Phase> {
        let mut phases = vec![Phase {
            name: name("images"),
            title: "Copy the disks into images".to_owned(),
            why: "The data travels once, and is proved to have arrived before anything is built on it.".to_owned(),
            hand_overs: disks.iter().filter_map(|disk| self.image(disk)).collect(),
        }];
        if let Some(snapshot) = self.snapshot() {
            let [made, removed] = self.snapshot_phases(&snapshot);
            phases.insert(0, made);
            phases.push(removed);
        }
        phases.retain(|phase| !phase.hand_overs.is_empty());
        if self.cloud.volumes.is_some() {
            phases.push(Phase {
                name: name("volumes"),
                title: "Make volumes of the images".to_owned(),
                why: "A server starts from volumes, which stay when it is deleted.".to_owned(),
                hand_overs: disks.iter().map(|disk| self.volume(disk)).collect(),
            });
        }
        if let Some(flavor) = flavor {
            if !nics.is_empty() {
                phases.push(Phase {
                    name: name("ports"),
                    title: "Make the ports".to_owned(),
                    why: "They have the addresses by which the network knows the machine.".to_owned(),
                    hand_overs: nics.iter().map(|nic| self.port(nic)).collect(),
                });
            }
            phases.push(Phase {
                name: name("server"),
                title: "Start the server".to_owned(),
                why: "Everything that it needs is there.".to_owned(),
                hand_overs: vec![self.server(flavor, disks, nics)],
            });
        }
        phases
    }

    /// Returns the snapshot that is made for the copies, if one is.
    fn snapshot(&self) -> Option<SnapshotInput> {
        let export = self.source.export.as_ref()?;
        Some(SnapshotInput {
            mark: format!("{}-snapshot", self.mark),
            source: self.source.address.clone(),
            instance_uuid: export.instance_uuid.clone(),
            quiesce: export.snapshot? == Quiesce::Yes,
        })
    }

    /// Returns the phase that makes the snapshot, and the one that removes it.
    fn snapshot_phases(&self, snapshot: &SnapshotInput) -> [Phase; 2] {
        let quiesce = format!("-q={}", snapshot.quiesce);
        let create = ["snapshot.create", "-m=false", &quiesce, &snapshot.mark];
        let remove = ["snapshot.remove", &snapshot.mark];
        let mut made = self.step(
            ("snapshot", 0, "source", "make_snapshot"),
            value(snapshot),
            format!("Makes snapshot {} of the machine, without its memory", snapshot.mark),
            vec![self.govc(&create)],
            self.govc(&remove),
            SNAPSHOT,
        );
        made.interrupts = snapshot.quiesce.then(|| Interruption {
            what: "writes of the machine's guest, while its file systems are at rest".to_owned(),
            about_seconds: 10,
        });
        let mut removed = self.step(
            ("removal", 0, "source", "remove_snapshot"),
            value(snapshot),
            format!("Removes snapshot {}; snapshots of others stay", snapshot.mark),
            vec![self.govc(&remove)],
            self.govc(&remove),
            CONSOLIDATION,
        );
        // What is there after it is what was there before the import.
        removed.undo = Undo::Nothing;
        let phase = |of: &str, title: &str, why: &str, step: PlannedStep| Phase {
            name: name(of),
            title: title.to_owned(),
            why: why.to_owned(),
            hand_overs: vec![HandOver {
                subject: "source".to_owned(),
                title: self.source.machine.name.clone(),
                steps: vec![step],
            }],
        };
        [
            phase(
                "snapshot",
                "Make a snapshot of the machine, which runs",
                "Below it, the disks stand still: all of them are copied as they were at one moment.",
                made,
            ),
            phase(
                "removal",
                "Remove the snapshot",
                "It grows with everything that the machine writes, and nothing needs it any more.",
                removed,
            ),
        ]
    }

    /// Returns a command of govc on the machine, which says what the API is asked for.
    fn govc(&self, words: &[&str]) -> Action {
        let mut argv = vec!["govc".to_owned()];
        argv.push(words[0].to_owned());
        argv.extend(["-vm".to_owned(), self.source.machine.name.clone()]);
        argv.extend(words[1..].iter().map(|word| (*word).to_owned()));
        Action::Command {
            host: "here".to_owned(),
            argv,
        }
    }

    fn disk_mark(&self, number: usize) -> String {
        format!("{}-disk{number}", self.mark)
    }

    fn image(&self, planned: &PlannedDisk<'_>) -> Option<HandOver> {
        let (disk, number) = (planned.disk, planned.number);
        let (file, fingerprint) = (disk.file.as_ref()?, disk.fingerprint.as_ref()?);
        let input = ImageInput {
            mark: self.disk_mark(number),
            name: format!("{}-disk{number}", self.name),
            source: self.source.address.clone(),
            file: file.as_str().to_owned(),
            fingerprint: fingerprint.clone(),
            size: disk.size,
            format: self.options.format,
            store: self.options.store.clone(),
            method: self.options.method,
            hash: self.hash,
            for_proof: self.proves_volumes(),
            min_disk_gib: planned.size_gib,
            properties: self.hardware.properties.clone(),
            export: match (&self.source.export, disk.key) {
                (Some(export), Some(key)) => Some(ExportInput {
                    instance_uuid: export.instance_uuid.clone(),
                    key,
                    snapshot: self.snapshot().map(|snapshot| snapshot.mark),
                }),
                _ => None,
            },
        };
        let mut create = vec![
            "image",
            "create",
            "--disk-format",
            self.options.format.as_str(),
            "--container-format",
            "bare",
        ];
        let (min_disk, tag) = (input.min_disk_gib.to_string(), input.mark.clone());
        create.extend(["--min-disk", &min_disk, "--tag", &tag]);
        let properties: Vec<String> = input
            .properties
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        for property in &properties {
            create.extend(["--property", property]);
        }
        let staged = self.options.method.import_method();
        if staged.is_none() {
            create.extend(["--file", "/dev/stdin"]);
        }
        create.push(&input.name);
        let mut actions = vec![self.openstack(&create)];
        if let Some(method) = staged {
            let image = format!("IMAGE WITH TAG {tag}");
            actions.push(self.openstack(&["image", "stage", "--file", "/dev/stdin", &image]));
            let mut import = vec!["image", "import", "--method", method];
            import.extend(input.store.iter().flat_map(|store| ["--store", store.as_str()]));
            import.push(&image);
            actions.push(self.openstack(&import));
        }
        actions.push(Action::Read {
            what: format!(
                "{} of the image as Glance computed it, to be that of the bytes that were sent{}",
                self.hash.as_str(),
                match staged {
                    Some(_) if self.options.format != ImageFormat::Raw => ", or of the disk's if the cloud made it raw",
                    _ => "",
                }
            ),
            argv: Vec::new(),
        });
        let undo = self.openstack(&["image", "delete", &format!("IMAGE WITH TAG {tag}")]);
        let step = self.step(
            ("images", number, "disk", "make_image"),
            value(&input),
            format!(
                "Copies {} of {} MiB into image {}{}",
                file.as_str(),
                disk.size.div_ceil(1 << 20),
                input.name,
                input
                    .store
                    .as_ref()
                    .map(|store| format!(" in store {store}"))
                    .unwrap_or_default()
            ),
            actions,
            undo,
            1800 + disk.size / SLOWEST_COPY,
        );
        Some(HandOver {
            subject: format!("disk{number}"),
            title: match input.export {
                Some(_) => format!("{} ({}, by an export lease)", input.name, disk.label),
                None => format!(
                    "{} ({}, {} MiB stored)",
                    input.name,
                    disk.label,
                    disk.stored.div_ceil(1 << 20)
                ),
            },
            steps: vec![step],
        })
    }

    fn volume(&self, planned: &PlannedDisk<'_>) -> HandOver {
        let number = planned.number;
        let has_image = planned.disk.file.is_some();
        let input = VolumeInput {
            mark: self.disk_mark(number),
            name: format!("{}-disk{number}", self.name),
            size_gib: planned.size_gib,
            image_step: has_image.then(|| step_id("images", &format!("disk{number}"), "make_image")),
            volume_type: self.options.volume_type.clone(),
        };
        let (size, mark) = (input.size_gib.to_string(), format!("reeve_import={}", input.mark));
        let mut create = vec!["volume", "create", "--size", &size, "--property", &mark];
        if has_image {
            create.extend(["--image", "THE IMAGE OF THIS DISK"]);
        }
        if let Some(kind) = &input.volume_type {
            create.extend(["--type", kind]);
        }
        create.push(&input.name);
        let step = self.step(
            ("volumes", number, "disk", "make_volume"),
            value(&input),
            format!("Makes volume {} of {} GiB", input.name, input.size_gib),
            vec![self.openstack(&create)],
            self.openstack(&["volume", "delete", &format!("VOLUME WITH {mark}")]),
            1800 + (planned.size_gib << 30) / SLOWEST_VOLUME,
        );
        let mut steps = vec![step];
        if let Some(image_step) = input.image_step.clone().filter(|_| self.proves_volumes()) {
            steps.extend(self.proof(planned, image_step));
        }
        HandOver {
            subject: format!("disk{number}"),
            title: format!(
                "{} ({} GiB{})",
                input.name,
                input.size_gib,
                if has_image { "" } else { ", empty" }
            ),
            steps,
        }
    }

    /// Tells whether the data of volumes is compared with that of the disks.
    fn proves_volumes(&self) -> bool {
        self.options.verify_volumes && self.cloud.volumes.is_some()
    }

    /// Returns the steps that compare a volume with its disk, and take away what that needed.
    fn proof(&self, planned: &PlannedDisk<'_>, image_step: StepId) -> [PlannedStep; 2] {
        let number = planned.number;
        let input = ProofInput {
            mark: format!("{}-proof", self.disk_mark(number)),
            size_gib: planned.size_gib,
            hash: self.hash,
            image_step,
            volume_step: step_id("volumes", &format!("disk{number}"), "make_volume"),
        };
        let make = [
            "image",
            "create",
            "--disk-format",
            "raw",
            "--volume",
            "THE VOLUME OF THIS DISK",
            &input.mark,
        ];
        let remove = ["image", "delete", &input.mark];
        let proved = self.step(
            ("volumes", number, "disk", "prove_volume"),
            value(&input),
            format!("Compares the data of the volume of {} GiB with the disk", input.size_gib),
            vec![
                self.openstack(&make),
                Action::Read {
                    what: format!(
                        "{} of that image as Glance computed it, to be that of the disk with zeros up to the volume's size",
                        self.hash.as_str()
                    ),
                    argv: Vec::new(),
                },
            ],
            self.openstack(&remove),
            1800 + (planned.size_gib << 30) / SLOWEST_VOLUME,
        );
        let mut removed = self.step(
            ("volumes", number, "disk", "remove_proof"),
            value(&input),
            format!("Removes the image {}, by which the volume was compared", input.mark),
            vec![self.openstack(&remove)],
            self.openstack(&remove),
            300,
        );
        // What is there after it is what was there before the proof.
        removed.undo = Undo::Nothing;
        [proved, removed]
    }

    fn port(&self, planned: &PlannedNic<'_>) -> HandOver {
        let input = PortInput {
            mark: format!("{}-nic{}", self.mark, planned.number),
            name: format!("{}-nic{}", self.name, planned.number),
            network_id: planned.network.id.clone(),
            mac: planned.mac.clone(),
        };
        let mut create = vec![
            "port",
            "create",
            "--network",
            &input.network_id,
            "--description",
            &input.mark,
        ];
        if let Some(mac) = &input.mac {
            create.extend(["--mac-address", mac]);
        }
        create.push(&input.name);
        let address = input.mac.as_deref().unwrap_or("a new address");
        let step = self.step(
            ("ports", planned.number, "nic", "make_port"),
            value(&input),
            format!("Makes port {} with {address} on {}", input.name, planned.network.name),
            vec![self.openstack(&create)],
            self.openstack(&["port", "delete", &format!("PORT WITH DESCRIPTION {}", input.mark)]),
            300,
        );
        HandOver {
            subject: format!("nic{}", planned.number),
            title: format!("{} on {}, {address}", input.name, planned.network.name),
            steps: vec![step],
        }
    }

    fn server(&self, flavor: &FlavorFact, disks: &[PlannedDisk<'_>], nics: &[PlannedNic<'_>]) -> HandOver {
        let input = ServerInput {
            mark: format!("{}-server", self.mark),
            name: self.name.clone(),
            flavor_id: flavor.id.clone(),
            volume_steps: disks
                .iter()
                .map(|disk| step_id("volumes", &format!("disk{}", disk.number), "make_volume"))
                .collect(),
            port_steps: nics
                .iter()
                .map(|nic| step_id("ports", &format!("nic{}", nic.number), "make_port"))
                .collect(),
        };
        let mark = format!("reeve_import={}", input.mark);
        let mut create = vec!["server", "create", "--flavor", &input.flavor_id, "--property", &mark];
        create.extend(["--volume", "THE VOLUME OF DISK 1"]);
        let more: Vec<String> = disks
            .iter()
            .skip(1)
            .enumerate()
            .map(|(at, disk)| {
                format!(
                    "uuid=VOLUME OF DISK {},source_type=volume,boot_index={}",
                    disk.number,
                    at + 1
                )
            })
            .collect();
        for device in &more {
            create.extend(["--block-device", device]);
        }
        let ports: Vec<String> = nics.iter().map(|nic| format!("PORT {}", nic.number)).collect();
        for port in &ports {
            create.extend(["--port", port]);
        }
        create.extend(["--wait", &input.name]);
        let step = self.step(
            ("server", 0, "server", "make_server"),
            value(&input),
            format!("Starts server {} with flavor {}", input.name, flavor.name),
            vec![self.openstack(&create)],
            self.openstack(&["server", "delete", "--wait", &format!("SERVER WITH {mark}")]),
            1800,
        );
        HandOver {
            subject: "server".to_owned(),
            title: format!("{} with flavor {}", input.name, flavor.name),
            steps: vec![step],
        }
    }

    fn openstack(&self, words: &[&str]) -> Action {
        let mut argv = vec![
            "openstack".to_owned(),
            "--os-cloud".to_owned(),
            self.cloud.cloud.clone(),
        ];
        argv.extend(words.iter().map(|word| (*word).to_owned()));
        Action::Command {
            host: "here".to_owned(),
            argv,
        }
    }

    fn step(
        &self,
        (phase, number, subject, kind): (&str, usize, &str, &str),
        input: Value,
        what: String,
        actions: Vec<Action>,
        undo: Action,
        deadline_seconds: u64,
    ) -> PlannedStep {
        let subject = if number == 0 {
            subject.to_owned()
        } else {
            format!("{subject}{number}")
        };
        PlannedStep {
            id: step_id(phase, &subject, kind),
            kind: StepKind::new(kind).expect("kinds are verbs and nouns"),
            input,
            what,
            place: Place::Here,
            actions,
            interrupts: None,
            deadline_seconds: u32::try_from(deadline_seconds).unwrap_or(u32::MAX),
            undo: Undo::Actions(vec![undo]),
        }
    }
}

fn name(name: &str) -> PhaseName {
    PhaseName::new(name).expect("names of phases are words")
}

fn step_id(phase: &str, subject: &str, kind: &str) -> StepId {
    StepId::new(format!("{phase}/{subject}/{kind}")).expect("made of words and numbers")
}
