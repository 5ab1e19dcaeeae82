//! The report of a run: what was made, and the digests that prove that the data is the same.

use jiff::Timestamp;
use reeve_journal::{Condition, RunDetail, StepDetail, StepStatus};
use reeve_report::{Block, Document, DocumentOutcome, Part, Property, Tone};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::apply::{ImageMade, PortMade, ProofMade, ServerMade, VolumeMade};
use crate::plan::{ImageInput, PlanOptions};

/// The layout of the report's JSON; fields may be added within one, never removed or changed.
pub const REPORT_FORMAT: u32 = 1;

/// What a run did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ImportReport {
    /// Layout of this report.
    pub format: u32,
    /// Program and version that made it.
    pub tool: String,
    /// When it was made.
    pub made_at: Timestamp,
    /// The run.
    pub run: String,
    /// What the run is doing, or why it is not.
    pub condition: Condition,
    /// When the run was made.
    pub began_at: Timestamp,
    /// When it last wrote an event.
    pub updated_at: Timestamp,
    /// The cloud, as the plan calls it.
    pub cloud: String,
    /// The project's id.
    pub project_id: String,
    /// What the plan says it does.
    pub summary: Vec<String>,
    /// The digest of the plan.
    pub plan_digest: String,
    /// The disks that are copied.
    pub disks: Vec<DiskReport>,
    /// The volumes that are there.
    pub volumes: Vec<VolumeMade>,
    /// The volumes whose data was compared with the disks.
    #[serde(default)]
    pub proofs: Vec<ProofMade>,
    /// The ports that are there.
    pub ports: Vec<PortMade>,
    /// The server, if it is there.
    pub server: Option<ServerMade>,
}

/// A disk and its image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DiskReport {
    /// The image's name.
    pub name: String,
    /// The source's path.
    pub source: String,
    /// The disk's file in the source.
    pub file: String,
    /// What the disk was known again by before it was copied.
    pub fingerprint: String,
    /// The disk's size in bytes.
    pub size: u64,
    /// The image, with the digest of its data; none while it is not there.
    pub image: Option<ImageMade>,
}

impl ImportReport {
    /// Puts the report of a run together; pure.
    ///
    /// # Errors
    ///
    /// What serde says, for a run of another operation or of another version.
    pub fn of(run: &RunDetail, tool: &str, made_at: Timestamp) -> Result<Self, serde_json::Error> {
        let options = PlanOptions::of(&run.plan)?;
        let mut report = Self {
            format: REPORT_FORMAT,
            tool: tool.to_owned(),
            made_at,
            run: run.summary.run.to_string(),
            condition: run.summary.condition.clone(),
            began_at: run.summary.created_at,
            updated_at: run.summary.updated_at,
            cloud: options.cloud,
            project_id: run.plan.target.id.clone(),
            summary: run.plan.summary.clone(),
            plan_digest: run.plan.digest.clone(),
            disks: Vec::new(),
            volumes: Vec::new(),
            proofs: Vec::new(),
            ports: Vec::new(),
            server: None,
        };
        for ((_, _, planned), detail) in run.plan.steps().zip(&run.steps) {
            match planned.kind.as_str() {
                "make_image" => {
                    let input = ImageInput::deserialize(&planned.input)?;
                    report.disks.push(DiskReport {
                        name: input.name,
                        source: input.source.to_string(),
                        file: input.file,
                        fingerprint: input.fingerprint,
                        size: input.size,
                        image: made(detail)?,
                    });
                }
                "make_volume" => report.volumes.extend(made::<VolumeMade>(detail)?),
                "prove_volume" => report.proofs.extend(made::<ProofMade>(detail)?),
                "make_port" => report.ports.extend(made::<PortMade>(detail)?),
                "make_server" => report.server = made(detail)?,
                _ => {}
            }
        }
        Ok(report)
    }

    /// Returns the report as a page.
    #[must_use]
    pub fn document(&self) -> Document {
        let copied = self.disks.iter().filter(|disk| disk.image.is_some()).count();
        let all = self.disks.len();
        let outcome = match &self.condition {
            Condition::Finished => DocumentOutcome {
                tone: Tone::Good,
                word: "Finished".to_owned(),
                advice: format!("{copied} of {all} disks are in the cloud, each with the digest of what was sent."),
            },
            Condition::Stuck { .. } => DocumentOutcome {
                tone: Tone::Bad,
                word: "Stuck".to_owned(),
                advice: format!("A person must act; {copied} of {all} disks are in the cloud."),
            },
            _ => DocumentOutcome {
                tone: Tone::Caution,
                word: "Not finished".to_owned(),
                advice: format!(
                    "{copied} of {all} disks are in the cloud. `reeve import resume {0}` goes on, `reeve import undo {0}` takes everything back.",
                    self.run
                ),
            },
        };
        let subject = vec![
            Property::new("Run", self.run.as_str()),
            Property::new("Cloud", self.cloud.as_str()),
            Property::new("Project", self.project_id.as_str()),
            Property::new("Plan", self.plan_digest.as_str()),
            Property::new("Begun", self.began_at.to_string()),
            Property::new("Last event", self.updated_at.to_string()),
        ];
        let mut blocks = vec![Block {
            title: "What was planned".to_owned(),
            intro: String::new(),
            parts: self.summary.iter().cloned().map(Part::Prose).collect(),
        }];
        blocks.push(self.disks_block());
        if self.disks.iter().any(|disk| disk.image.is_some()) {
            blocks.push(self.proof_block());
        }
        blocks.extend(self.volumes_block());
        blocks.extend(self.things_block());
        Document {
            title: format!("Import {}", self.run),
            tool: self.tool.clone(),
            made_at: self.made_at,
            banner: None,
            outcome,
            subject,
            blocks,
        }
    }

    fn disks_block(&self) -> Block {
        let columns = ["Disk", "File", "Size", "With data", "Image", "Copied in", "MiB/s"];
        let rows = self.disks.iter().map(|disk| {
            let image = disk.image.as_ref();
            let took = image.and_then(|image| image.took_ms);
            let rate = took.filter(|took| *took > 0).map(|took| {
                let tenths = u128::from(disk.size) * 10_000 / u128::from(took) / (1 << 20);
                format!("{}.{}", tenths / 10, tenths % 10)
            });
            vec![
                disk.name.clone(),
                disk.file.clone(),
                mib(disk.size),
                image.and_then(|image| image.data).map_or_else(String::new, mib),
                image.map_or_else(|| "not there".to_owned(), |image| image.image_id.clone()),
                took.map_or_else(String::new, seconds),
                rate.unwrap_or_default(),
            ]
        });
        Block {
            title: "Disks".to_owned(),
            intro: String::new(),
            parts: vec![Part::Table {
                columns: columns.map(str::to_owned).to_vec(),
                rows: rows.collect(),
            }],
        }
    }

    fn proof_block(&self) -> Block {
        let images = self.disks.iter().filter_map(|disk| Some((disk, disk.image.as_ref()?)));
        let parts = images.map(|(disk, image)| {
            Part::Properties(vec![
                Property::new("Disk", disk.name.as_str()),
                Property::new(
                    "Computed here, and Glance's own",
                    format!("{}:{}", image.algorithm, image.digest),
                ),
                Property::new(
                    "Bytes",
                    match &image.sent_as {
                        Some(sent_as) => {
                            format!("{} as {}, which the cloud made of {sent_as}", image.size, image.format)
                        }
                        None => format!("{} as {}", image.size, image.format),
                    },
                ),
                Property::new(
                    "Content of the disk",
                    image
                        .content
                        .as_deref()
                        .unwrap_or("not computed when the image was found"),
                ),
                Property::new("Known again by", disk.fingerprint.as_str()),
            ])
        });
        Block {
            title: "Digests".to_owned(),
            intro: "Of all bytes of the image, computed here while the disk was sent, and by Glance over what it keeps: the two were compared before anything was built on the image. \
                    `openstack image show -c os_hash_algo -c os_hash_value IMAGE` shows Glance's own, and `openstack image save IMAGE | sha512sum` computes it once more."
                .to_owned(),
            parts: parts.collect(),
        }
    }

    fn volumes_block(&self) -> Option<Block> {
        let rows: Vec<Vec<String>> = self
            .proofs
            .iter()
            .map(|proof| {
                let took = proof.took_ms.map_or_else(String::new, seconds);
                vec![
                    proof.volume_id.clone(),
                    format!("{}:{}", proof.algorithm, proof.digest),
                    took,
                ]
            })
            .collect();
        (!rows.is_empty()).then(|| Block {
            title: "Data of the volumes".to_owned(),
            intro: "Of all bytes of each volume, as Glance computed it over an image that the cloud made of the volume; that image is removed. It is the digest of the disk with zeros behind it up to the \
                    volume's size, which was computed while the disk was copied."
                .to_owned(),
            parts: vec![Part::Table {
                columns: ["Volume", "Digest", "Took"].map(str::to_owned).to_vec(),
                rows,
            }],
        })
    }

    fn things_block(&self) -> Option<Block> {
        let volumes = self.volumes.iter().map(|volume| {
            let kind = volume.volume_type.as_deref().unwrap_or("the cloud's own type");
            vec![
                "volume".to_owned(),
                volume.volume_id.clone(),
                format!("{} GiB, {kind}", volume.size_gib),
            ]
        });
        let ports = self.ports.iter().map(|port| {
            let addresses = port.addresses.join(", ");
            vec![
                "port".to_owned(),
                port.port_id.clone(),
                format!("{} {addresses}", port.mac_address),
            ]
        });
        let server = self
            .server
            .iter()
            .map(|server| vec!["server".to_owned(), server.server_id.clone(), String::new()]);
        let rows: Vec<Vec<String>> = volumes.chain(ports).chain(server).collect();
        (!rows.is_empty()).then(|| Block {
            title: "What else was made".to_owned(),
            intro: String::new(),
            parts: vec![Part::Table {
                columns: ["What", "Id", "Details"].map(str::to_owned).to_vec(),
                rows,
            }],
        })
    }
}

/// Returns what a step recorded, if its effect is there.
fn made<T: DeserializeOwned>(detail: &StepDetail) -> Result<Option<T>, serde_json::Error> {
    match detail.status {
        StepStatus::Done { .. } => T::deserialize(&detail.output).map(Some),
        _ => Ok(None),
    }
}

fn seconds(milliseconds: u64) -> String {
    format!("{}.{} s", milliseconds / 1000, milliseconds % 1000 / 100)
}

fn mib(bytes: u64) -> String {
    format!("{} MiB", bytes.div_ceil(1 << 20))
}
