//! The commands for laboratories of the kind `openstack`.

use std::os::unix::process::CommandExt;
use std::process::ExitCode;

use clap::Args;
use reeve_lab::{LabError, LabName, OpenStackLab, OpenStackSpec, OpenStackStatus, Places, Profile, State};

use super::output::{Terminal, answer, show_times, state};
use super::{Format, Name};

#[derive(Args)]
pub(super) struct Up {
    #[command(flatten)]
    name: Name,
    /// Break the cloud in this way; can be given several times. `lab fault --help` says what each does.
    #[arg(long = "break", value_name = "PROFILE")]
    profiles: Vec<Profile>,
    /// The Debian mirror; without it, the machine's own.
    #[arg(long, env = "REEVE_LAB_MIRROR", value_name = "URL")]
    mirror: Option<String>,
}

/// Makes a cloud.
pub(super) fn up(places: &Places, up: Up, terminal: &Terminal) -> Result<(), LabError> {
    let spec = OpenStackSpec {
        name: up.name.name,
        profiles: up.profiles.into_iter().collect(),
    };
    let made = OpenStackLab::up(places, &spec, up.mirror.as_deref(), terminal);
    if made.is_err() && places.folder(&spec.name).exists() {
        let name = &spec.name;
        terminal.hint(&format!(
            "what was made stays for a look around (`lab status --name {name}`, `lab logs nova-api --name {name}`); \
             `lab up` tries again from the start, `lab down --name {name}` removes it"
        ));
    }
    let (lab, times) = made?;
    show_times(&times, terminal.elapsed());
    show(&lab.status()?);
    Ok(())
}

/// Shows a cloud; the exit code says whether it is up.
pub(super) fn status(places: &Places, name: &LabName, format: Format) -> Result<ExitCode, LabError> {
    let status = OpenStackLab::open(places, name)?.status()?;
    match format {
        Format::Text => show(&status),
        Format::Json => answer(&serde_json::to_string_pretty(&status).expect("a status is plain data")),
    }
    Ok(if status.state == State::Up {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}

fn show(status: &OpenStackStatus) {
    answer(&format!("laboratory  {}: {}", status.name, state(status.state)));
    answer("kind        openstack");
    let broken: Vec<&str> = status.profiles.iter().map(|profile| profile.name()).collect();
    let broken = if broken.is_empty() {
        "nothing".to_owned()
    } else {
        broken.join(", ")
    };
    answer(&format!("broken      {broken}"));
    answer(&format!("endpoints   {} in its own network", status.public));
    for service in status.services.iter().filter(|service| !service.running) {
        answer(&format!("{:<25} STOPPED process {}", service.name, service.pid));
    }
    let running = status.services.iter().filter(|service| service.running);
    let running: Vec<&str> = running.map(|service| service.name.as_str()).collect();
    answer(&format!("runs        {}", running.join(" ")));
    answer(&format!("logins      {}", status.clouds));
    if let Some(authority) = &status.authority {
        answer(&format!("authority   {authority}"));
    }
    if status.pid.is_some() {
        let name = &status.name;
        answer(&format!(
            "inside      lab shell --name {name} -- openstack --os-cloud admin service list"
        ));
        answer(&format!(
            "from here   lab exec --name {name} -- PROGRAM, or: eval \"$(lab env --name {name})\""
        ));
    }
}

/// Prints one line about a cloud.
pub(super) fn list(places: &Places, name: &LabName) {
    match OpenStackLab::open(places, name).and_then(|lab| lab.status()) {
        Ok(status) => {
            let running = status.services.iter().filter(|service| service.running).count();
            let all = status.services.len();
            answer(&format!(
                "{:<20} {}  openstack, {running} of {all} programs run, {} faults",
                status.name,
                state(status.state),
                status.profiles.len()
            ));
        }
        Err(error) => answer(&format!("{name}  {error}")),
    }
}

/// Becomes a command in a cloud's root.
pub(super) fn shell(
    places: &Places,
    name: &LabName,
    node: Option<&str>,
    words: &[String],
) -> Result<ExitCode, LabError> {
    if let Some(node) = node {
        return Err(LabError::Request(format!(
            "the laboratory `{name}` is of the kind openstack, which has no node `{node}`; a command follows `--`"
        )));
    }
    let command = OpenStackLab::open(places, name)?.command(words)?;
    Err(failed(command, words))
}

/// Becomes a command of this machine in a cloud's network.
pub(super) fn exec(places: &Places, name: &LabName, words: &[String]) -> Result<ExitCode, LabError> {
    let command = OpenStackLab::open(places, name)?.network_command(words)?;
    Err(failed(command, words))
}

fn failed(mut command: std::process::Command, words: &[String]) -> LabError {
    LabError::Start {
        part: "in the laboratory".into(),
        command: words.join(" "),
        source: command.exec(),
    }
}

/// Prints shell commands that let programs of this machine reach a cloud.
pub(super) fn environment(places: &Places, name: &LabName) -> Result<(), LabError> {
    let status = OpenStackLab::open(places, name)?.status()?;
    let pid = status.pid.ok_or_else(|| {
        LabError::Request(format!(
            "the laboratory `{name}` does not run; `lab up openstack --name {name}` makes it again"
        ))
    })?;
    answer(&format!("export OS_CLIENT_CONFIG_FILE='{}'", status.clouds));
    answer("export OS_CLOUD=alpha-member");
    answer(&format!("export REEVE_LAB_PID={pid}"));
    answer("# The cloud listens in a network of its own. Into it:");
    answer("#   nsenter --target \"$REEVE_LAB_PID\" --net -- PROGRAM");
    Ok(())
}
