//! `reeve import plan`: what would be made in a cloud for a machine.

use std::collections::BTreeSet;
use std::fmt::Write;

use camino::{Utf8Path, Utf8PathBuf};
use reeve_import::plan::{Blocker, ImportOptions, Makes, discover, plan};
use reeve_import::{Depth, SourceAddress, SourceFacts, SourceWord, TransferChoice};
use reeve_journal::Plan;
use reeve_openstack::{Access, RequestError};
use serde::Serialize;

use super::hosts::{self, read_failure};
use super::{runtime, safe};
use crate::cli::{ImportPlanArgs, ImportShapeArgs, TextOrJson};
use crate::command::check::cloud;
use crate::command::{Context, TOOL};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::file_output;

/// What came of planning one machine, as JSON.
#[derive(Serialize)]
struct Planned {
    source: String,
    machine: String,
    /// The plan; none if something stands in the way.
    plan: Option<Plan>,
    /// The file that it was written to.
    file: Option<String>,
    blockers: Vec<Blocker>,
}

pub(super) fn run(args: &ImportPlanArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let options = options(&args.shape, args.accept_licences);
    let machines = machines(args, context)?;
    if options.name.is_some() && machines.len() > 1 {
        return Err(Failure::new(
            Exit::Usage,
            "`--name` is for one machine, and there are several",
        ));
    }
    let config = cloud::config(&args.cloud, context)?;
    let runtime = runtime()?;
    let _inside = runtime.enter();
    let session = cloud::connect(config, Access::ReadOnly, None)?;
    let mut facts = runtime
        .block_on(discover(&session, options.makes))
        .map_err(|error| request_failure(&error))?;
    let mut output = Output::new(args.output.as_deref(), machines.len())?;
    let mut all = Vec::new();
    for source in &machines {
        let mut planned = Planned {
            source: source.address.to_string(),
            machine: source.machine.name.clone(),
            plan: None,
            file: None,
            blockers: Vec::new(),
        };
        match plan(source, &facts, &options, TOOL) {
            Ok(plan) => {
                facts.reserve(&plan);
                planned.file = output.write(&source.machine.name, &plan)?;
                planned.plan = Some(plan);
            }
            Err(refused) => planned.blockers = refused.blockers,
        }
        all.push(planned);
    }
    match args.format {
        TextOrJson::Text => context.answer(&text(&all, args.output.is_some()))?,
        TextOrJson::Json => context.answer_json(&all)?,
    }
    for file in all.iter().filter_map(|planned| planned.file.as_deref()) {
        context.printer.note(&format!("wrote {file}"));
    }
    Ok(if all.iter().any(|planned| planned.plan.is_none()) {
        Exit::Findings
    } else {
        Exit::Done
    })
}

/// Looks at all sources, and returns the machines that are wanted.
fn machines(args: &ImportPlanArgs, context: &Context<'_>) -> Result<Vec<SourceFacts>, Failure> {
    let depth = if args.verify { Depth::Digests } else { Depth::Tables };
    let sources = hosts::sources(&args.vsphere, context)?;
    let choice = args.transfer.choice();
    let wanted = args.machine.as_deref();
    let (mut machines, mut of_hosts) = (Vec::new(), Vec::new());
    let looked = args.sources.iter().try_for_each(|source| {
        match source {
            // The inventory's names count there, which a machine's own description may not know.
            SourceWord::Host(host) => {
                of_hosts.extend(hosts::survey(&sources, host, wanted, (depth, choice), context)?);
            }
            SourceWord::One(SourceAddress::Local(path)) if choice != TransferChoice::default() => {
                return Err(Failure::new(
                    Exit::Usage,
                    format!("`--transfer` and `--snapshot` are for machines of ESXi and vCenter, and {path} is a file"),
                ));
            }
            SourceWord::One(address) => {
                let found = sources.survey_by(address, depth, choice);
                machines.extend(found.map_err(|error| read_failure(&error))?);
            }
        }
        Ok(())
    });
    sources.log_out();
    looked?;
    if let Some(wanted) = wanted {
        let names: Vec<String> = machines.iter().map(|found| safe(&found.machine.name)).collect();
        machines.retain(|found| found.machine.name == wanted);
        if machines.is_empty() && of_hosts.is_empty() {
            return Err(
                Failure::new(Exit::Usage, format!("there is no machine `{}`", safe(wanted)))
                    .hint(format!("there are: {}", names.join(", "))),
            );
        }
    }
    machines.extend(of_hosts);
    if machines.is_empty() {
        return Err(Failure::new(
            Exit::Findings,
            "the source has no machine that can be read",
        ));
    }
    Ok(machines)
}

fn options(args: &ImportShapeArgs, accept_licences: bool) -> ImportOptions {
    ImportOptions {
        makes: match (args.boot, args.volumes) {
            (true, _) => Makes::Server,
            (false, true) => Makes::Volumes,
            (false, false) => Makes::Images,
        },
        format: args.image_format.into(),
        name: args.name.clone(),
        flavor: args.flavor.clone(),
        networks: args.network.clone(),
        mac: args.mac.into(),
        store: args.store.clone(),
        method: args.import_method.into(),
        verify_volumes: args.verify_volumes,
        volume_type: args.volume_type.clone(),
        disk_bus: args.disk_bus.map(Into::into),
        nic_model: args.nic_model.map(Into::into),
        properties: args.property.iter().cloned().collect(),
        accept_licences,
    }
}

/// Says what a cloud answered, and which code that is.
pub(super) fn request_failure(error: &RequestError) -> Failure {
    Failure::from_error(Exit::Unreachable, error).hint(error.hint())
}

/// Where plans are written.
struct Output {
    place: Option<Utf8PathBuf>,
    is_folder: bool,
    names: BTreeSet<String>,
}

impl Output {
    fn new(place: Option<&Utf8Path>, machines: usize) -> Result<Self, Failure> {
        let is_folder = place.is_some_and(|place| machines > 1 || place.as_str().ends_with('/') || place.is_dir());
        if let Some(folder) = place.filter(|_| is_folder) {
            std::fs::create_dir_all(folder)
                .map_err(|error| Failure::new(Exit::Usage, format!("could not make {folder}: {error}")))?;
        }
        Ok(Self {
            place: place.map(Utf8Path::to_owned),
            is_folder,
            names: BTreeSet::new(),
        })
    }

    /// Writes a plan and returns its file; none if nothing is to be written.
    fn write(&mut self, machine: &str, plan: &Plan) -> Result<Option<String>, Failure> {
        let Some(place) = &self.place else {
            return Ok(None);
        };
        let path = if self.is_folder {
            let plain = |char: char| {
                if char.is_ascii_alphanumeric() || "-_.".contains(char) {
                    char
                } else {
                    '-'
                }
            };
            let word: String = machine.chars().map(plain).take(100).collect();
            let word = word.trim_matches(['-', '.']);
            let word = if word.is_empty() { "machine" } else { word };
            let name = (1..)
                .map(|number| {
                    if number == 1 {
                        word.to_owned()
                    } else {
                        format!("{word}-{number}")
                    }
                })
                .find(|name| !self.names.contains(name))
                .expect("there are more numbers than machines");
            self.names.insert(name.clone());
            place.join(format!("{name}.json"))
        } else {
            place.clone()
        };
        file_output::write(&path, plan.to_json().as_bytes(), 0o600)?;
        Ok(Some(path.into_string()))
    }
}

fn text(all: &[Planned], is_written: bool) -> String {
    let mut text = String::new();
    // Writing into a String cannot fail.
    for planned in all {
        if !text.is_empty() {
            text.push('\n');
        }
        match &planned.plan {
            Some(plan) => plan_text(&mut text, plan),
            None => {
                let _ = writeln!(
                    text,
                    "{}: {} cannot be imported so",
                    safe(&planned.source),
                    safe(&planned.machine)
                );
                for blocker in &planned.blockers {
                    let _ = writeln!(
                        text,
                        "  in the way: {}\n    {}",
                        safe(&blocker.what),
                        safe(&blocker.remedy)
                    );
                }
            }
        }
    }
    if !is_written && all.iter().any(|planned| planned.plan.is_some()) {
        text.push_str("\nNothing was written; `--output FILE` writes the plan for `reeve import run`.\n");
    }
    text
}

/// Shows what a plan makes, a line for each thing.
pub(super) fn plan_text(text: &mut String, plan: &Plan) {
    for line in &plan.summary {
        let _ = writeln!(text, "{}", safe(line));
    }
    for phase in &plan.phases {
        let _ = writeln!(text, "  {}", safe(&phase.title));
        for hand_over in &phase.hand_overs {
            let _ = writeln!(text, "    - {}", safe(&hand_over.title));
        }
    }
    let first = plan.steps().find(|(_, _, step)| step.kind.as_str() == "make_image");
    if let Some(properties) = first.and_then(|(_, _, step)| step.input["properties"].as_object()) {
        let list: Vec<String> = properties
            .iter()
            .map(|(key, value)| format!("{}={}", safe(key), safe(value.as_str().unwrap_or_default())))
            .collect();
        let _ = writeln!(text, "  Properties of the images: {}", list.join(", "));
    }
}
