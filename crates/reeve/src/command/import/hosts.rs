//! Sources that are machines of ESXi or vCenter: how to log in, which machines there are.

use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

use camino::Utf8Path;
use reeve_import::{
    Depth, ReadError, SourceFacts, Sources, TransferChoice, Trust, VsphereError, VsphereHost, VsphereLogin,
    VsphereMachine, vsphere_error,
};
use secrecy::SecretString;

use super::safe;
use crate::cli::{ImportListArgs, TextOrJson, VsphereArgs};
use crate::command::Context;
use crate::exit::Exit;
use crate::failure::Failure;

/// The longest password, in bytes.
const MAX_PASSWORD: u64 = 4096;

/// Returns what opens sources; nothing is asked yet.
pub(super) fn sources(args: &VsphereArgs, context: &Context<'_>) -> Result<Arc<Sources>, Failure> {
    let password = match &args.vsphere_password_file {
        Some(file) => Some(password(file)?),
        None => context.environment.vsphere_password.clone(),
    };
    let trust = match (&args.vsphere_fingerprint, &args.vsphere_ca) {
        (Some(fingerprint), _) => Trust::Certificate(*fingerprint),
        (None, Some(authorities)) => Trust::Authorities(authorities.clone()),
        (None, None) => Trust::System,
    };
    Ok(Arc::new(Sources::with_login(VsphereLogin { password, trust })))
}

/// Reads a password that nobody else can read.
fn password(path: &Utf8Path) -> Result<SecretString, Failure> {
    let failed = |error: std::io::Error| Failure::new(Exit::Usage, format!("could not read {path}: {error}"));
    let file = std::fs::File::open(path).map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.mode() & 0o777;
    if mode & 0o077 != 0 {
        let failure = Failure::new(
            Exit::Usage,
            format!("{path} has mode {mode:04o}: others can read the password in it"),
        );
        return Err(failure.hint(format!("chmod 600 {path}")));
    }
    let mut text = String::new();
    file.take(MAX_PASSWORD).read_to_string(&mut text).map_err(failed)?;
    let line = text.trim_end_matches(['\r', '\n']);
    if line.is_empty() || line.contains('\n') {
        return Err(Failure::new(
            Exit::Usage,
            format!("{path} is to hold one line with the password"),
        ));
    }
    Ok(line.into())
}

/// Says why a host could not be asked.
fn host_failure(error: &VsphereError) -> Failure {
    let exit = match error {
        VsphereError::NoPassword(_) | VsphereError::Trust(_) | VsphereError::Runtime(_) => Exit::Usage,
        _ => Exit::Unreachable,
    };
    Failure::from_error(exit, error).hint(error.hint())
}

/// Says why a source could not be read.
pub(super) fn read_failure(error: &ReadError) -> Failure {
    if let Some(cause) = vsphere_error(error) {
        let mut failure = host_failure(cause);
        failure.message = format!("{}: {}", error.file(), failure.message);
        return failure;
    }
    let exit = match error {
        // Named wrongly, or not ours to read; all else is a source that was looked at and refused.
        ReadError::Io { .. } => Exit::Usage,
        _ => Exit::Findings,
    };
    Failure::from_error(exit, error)
}

fn machines(sources: &Sources, host: &VsphereHost) -> Result<(String, Vec<VsphereMachine>), Failure> {
    let session = sources.host(host).map_err(|error| host_failure(&error))?;
    let machines = session.machines().map_err(|error| host_failure(&error))?;
    Ok((session.name().to_owned(), machines))
}

/// Looks at the machines of a host that can be read, or at the one that is wanted.
pub(super) fn survey(
    sources: &Sources,
    host: &VsphereHost,
    wanted: Option<&str>,
    (depth, choice): (Depth, TransferChoice),
    context: &Context<'_>,
) -> Result<Vec<SourceFacts>, Failure> {
    let (_, mut machines) = machines(sources, host)?;
    if let Some(wanted) = wanted {
        machines.retain(|machine| machine.name == wanted);
        if machines.is_empty() {
            return Err(
                Failure::new(Exit::Usage, format!("{host} has no machine `{}`", safe(wanted)))
                    .hint(format!("`reeve import list {host}` shows them")),
            );
        }
    }
    let mut found = Vec::new();
    for machine in machines {
        if let Some(obstacle) = machine.obstacle_to(choice) {
            if wanted.is_some() {
                return Err(Failure::new(
                    Exit::Findings,
                    format!("{} cannot be read: {obstacle}", safe(&machine.name)),
                ));
            }
            let line = format!("warning: {} is left out: {obstacle}", safe(&machine.name));
            context.printer.note(&line);
            continue;
        }
        match sources.survey_listed(&machine, depth, choice) {
            Ok(facts) => found.extend(facts),
            // One machine that cannot be read is no reason to leave out the others, unless the host is.
            Err(error) if wanted.is_none() && vsphere_error(&error).is_none() => {
                let line = format!("warning: {} is left out: {error}", safe(&machine.name));
                context.printer.note(&line);
            }
            Err(error) => return Err(read_failure(&error)),
        }
    }
    Ok(found)
}

/// `reeve import list`.
pub(super) fn list(args: &ImportListArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let sources = sources(&args.vsphere, context)?;
    let listed = machines(&sources, &args.host);
    sources.log_out();
    let (name, machines) = listed?;
    match args.format {
        TextOrJson::Json => context.answer_json(&machines)?,
        TextOrJson::Text => context.answer(text(&name, &args.host, &machines).trim_end())?,
    }
    Ok(Exit::Done)
}

fn text(name: &str, host: &VsphereHost, machines: &[VsphereMachine]) -> String {
    let count = machines.len();
    let mut text = format!(
        "{} at {}: {count} machine{}\n",
        safe(name),
        host.authority,
        if count == 1 { "" } else { "s" }
    );
    for machine in machines {
        let mut facts = vec![machine.power.as_str().to_owned()];
        if machine.is_template {
            facts.push("a template".to_owned());
        }
        facts.extend(
            machine
                .cpus
                .map(|cpus| format!("{cpus} CPU{}", if cpus == 1 { "" } else { "s" })),
        );
        facts.extend(machine.memory_mib.map(|memory| format!("{memory} MiB")));
        let gib = |bytes: u64| format!("{}.{} GiB stored", bytes >> 30, ((bytes % (1 << 30)) * 10) >> 30);
        facts.extend(machine.stored.map(gib));
        text.push_str(&format!("\n{}\n  {}\n", safe(&machine.name), facts.join(", ")));
        if let Some(source) = &machine.source {
            text.push_str(&format!("  {}\n", safe(&source.to_string())));
        }
        if let Some(obstacle) = machine.obstacle() {
            text.push_str(&format!("  in the way: {obstacle}\n"));
        }
    }
    text
}
