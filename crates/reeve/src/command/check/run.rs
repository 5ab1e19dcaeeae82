//! `reeve check run`: judge a cloud, or a recording of one.

use camino::Utf8Path;
use reeve_check::{CheckRun, Creates, RunId, RunOptions, load_run};
use reeve_openstack::{Access, Session};

use super::watched::watched;
use super::{TOOL, catalogue, cloud, ledgers, patience, plan, rendering, runtime, selected, today};
use crate::cli::{CheckRunArgs, CloudArgs};
use crate::command::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::file_output;

/// The file of a recording that has the result of the run that made it.
const RESULT: &str = "result.json";

/// Largest result in a recording that is read.
const MAX_RESULT_BYTES: u64 = 64 << 20;

pub(super) fn run(args: &CheckRunArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let catalogue = catalogue(&args.selection)?;
    let runtime = runtime()?;
    // A session with connections belongs to a runtime from the beginning.
    let _inside = runtime.enter();
    let (session, creates) = match &args.replay {
        Some(folder) => {
            let session = Session::replay(folder).map_err(|error| Failure::from_error(Exit::Usage, &error))?;
            (session, recorded(folder)?)
        }
        None => {
            let config = cloud::config(&args.cloud, context)?;
            let reads = args.read_only || args.plan;
            let access = if reads { Access::ReadOnly } else { Access::ReadWrite };
            let session = cloud::connect(config, access, args.record.as_deref())?;
            let creates = if reads {
                Creates::No {
                    because: "something has to be made in the cloud for it, and this run only reads".to_owned(),
                }
            } else {
                Creates::Yes {
                    ledgers: ledgers(&args.ledger, context),
                }
            };
            (session, creates)
        }
    };
    let day = session
        .recorded_at()
        .map_or_else(today, |at| at.to_zoned(jiff::tz::TimeZone::UTC).date());
    let selected = selected(&args.selection, &catalogue, day)?;
    if args.plan {
        return runtime.block_on(plan::show(&session, &selected, args, context));
    }
    let managers = match creates {
        Creates::Yes { .. } => managers(args, context)?,
        _ => Vec::new(),
    };
    let options = RunOptions {
        tool: TOOL.to_owned(),
        run: RunId::generate(jiff::Timestamp::now()),
        creates,
        patience: patience(context),
        managers,
    };
    let run = runtime.block_on(watched(&session, context, options.run.as_str(), |telling, stop| {
        let (session, catalogue, selected, options) = (&session, &catalogue, &selected, &options);
        async move { reeve_check::run(session, catalogue, selected, options, &telling, stop).await }
    }))?;
    let run = run.map_err(|error| {
        Failure::from_error(Exit::Usage, &error)
            .hint("name a folder that can be written with `--ledger-dir`, or pass `--read-only`")
    })?;
    if let Some(folder) = &args.record {
        file_output::write(&folder.join(RESULT), rendering::json(&run).as_bytes(), 0o600)?;
        context.printer.note(&format!("recorded in {folder}"));
    }
    rendering::show(&run, &args.rendering, context)?;
    if args.upstream_exit {
        return Ok(Exit::Imitated(run.official_exit()));
    }
    Ok(exit(&run, !args.selection.only.is_empty()))
}

/// Most domain managers that a run uses.
const MAX_MANAGERS: usize = 2;

/// Prepares the logins of domain managers; nothing is sent yet.
fn managers(args: &CheckRunArgs, context: &Context<'_>) -> Result<Vec<Session>, Failure> {
    if args.manager_cloud.len() > MAX_MANAGERS {
        return Err(Failure::new(
            Exit::Usage,
            "`--manager-cloud` can be given twice at most: for a domain manager, and for one of another domain",
        ));
    }
    let connect = |name: &String| {
        let cloud = CloudArgs {
            cloud: Some(name.clone()),
            region: args.cloud.region.clone(),
        };
        cloud::connect(cloud::config(&cloud, context)?, Access::ReadWrite, None)
    };
    args.manager_cloud.iter().map(connect).collect()
}

/// Returns how checks that make something came out when a cloud was recorded.
fn recorded(folder: &Utf8Path) -> Result<Creates, Failure> {
    let path = folder.join(RESULT);
    let failed = |because: String| Failure::new(Exit::Usage, format!("could not read {path}: {because}"));
    match std::fs::metadata(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(Creates::No {
                because:
                    "something has to be made in the cloud for it, and the recording has no result of a run that did"
                        .to_owned(),
            });
        }
        Err(error) => return Err(failed(error.to_string())),
        Ok(metadata) if metadata.len() > MAX_RESULT_BYTES => {
            return Err(failed("it is larger than a result can be".to_owned()));
        }
        Ok(_) => {}
    }
    let text = std::fs::read_to_string(&path).map_err(|error| failed(error.to_string()))?;
    let run = load_run(&text).map_err(|error| {
        let mut failure = Failure::from_error(Exit::Usage, &error);
        failure.message = format!("{path}: {}", failure.message);
        failure
    })?;
    Ok(Creates::AsRecorded(Box::new(run)))
}

/// Returns the exit code of a result; where checks were named one by one, each of them counts.
fn exit(run: &CheckRun, every_check_counts: bool) -> Exit {
    let fine = if every_check_counts {
        run.is_spotless()
    } else {
        run.is_clean()
    };
    if !run.left_behind.is_empty() {
        Exit::Stuck
    } else if run.cloud.user.is_none() && run.common_cause().is_some() {
        Exit::Unreachable
    } else if fine {
        Exit::Done
    } else {
        Exit::Findings
    }
}
