//! The old daemons' units.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use camino::Utf8Path;
use reeve_ceph::{DaemonName, DaemonType, OsdId, query};
use reeve_journal::{Recorded, Refusal, Step, StepError};

use super::cluster_state::{is_in_a_pod, osd, unclean};
use crate::apply::World;
use crate::apply::failure;
use crate::apply::looking::{Look, Looking};
use crate::plan::steps::{AwaitProcessGone, MaskUnit, StopUnit, holders};

/// What systemd says of a unit.
struct UnitState {
    active: String,
    main_pid: String,
}

impl UnitState {
    fn is_stopped(&self) -> bool {
        matches!(self.active.as_str(), "inactive" | "failed") && self.main_pid == "0"
    }
}

async fn state(world: &World, host: &str, unit: &str) -> Result<UnitState, StepError> {
    let argv = ["systemctl", "show", "--property=ActiveState,MainPID", "--", unit];
    let output = world.run_on(host, argv, Duration::from_secs(60)).await?.stdout_text();
    let value = |key: &str| {
        let line = output
            .lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        line.unwrap_or_default().trim().to_owned()
    };
    Ok(UnitState {
        active: value("ActiveState"),
        main_pid: value("MainPID"),
    })
}

/// Tells whether a unit neither runs nor starts.
pub(super) async fn is_stopped(world: &World, host: &str, unit: &str) -> Result<bool, StepError> {
    Ok(state(world, host, unit).await?.is_stopped())
}

/// Tells whether a unit is masked. `is-enabled` ends with status 1 for most answers, so only the word counts.
pub(super) async fn is_masked(world: &World, host: &str, unit: &str) -> Result<bool, StepError> {
    let output = world.try_on(host, ["systemctl", "is-enabled", "--", unit]).await?;
    Ok(output.stdout_text().trim() == "masked")
}

#[async_trait]
impl Step<World> for StopUnit {
    async fn ready(&self, _: &World) -> Result<(), Refusal> {
        Ok(())
    }

    async fn done(&self, world: &World) -> Result<bool, StepError> {
        is_stopped(world, &self.host, &self.unit).await
    }

    async fn act(&self, world: &World) -> Result<Recorded, StepError> {
        let argv = ["systemctl", "stop", "--", &self.unit];
        world.run_on(&self.host, argv, Duration::from_secs(290)).await?;
        Ok(Recorded::default())
    }

    async fn undo(&self, world: &World, _: &Recorded) -> Result<(), StepError> {
        if is_stopped(world, &self.host, &self.unit).await? {
            // Whatever went before: two processes with one identity must never be.
            if let Some(process) = world.processes(&self.host, &self.daemon).await?.first() {
                let (daemon, pid) = (&self.daemon, process.pid);
                return Err(failure::because(format!(
                    "{daemon} still runs on {} as process {pid}",
                    self.host
                )));
            }
            self.activate(world).await?;
            // A unit that failed may not start again at once otherwise; for one that did not fail this says no, which is fine.
            world
                .try_on(&self.host, ["systemctl", "reset-failed", "--", &self.unit])
                .await?;
            let argv = ["systemctl", "start", "--", &self.unit];
            world.run_on(&self.host, argv, Duration::from_secs(120)).await?;
        }
        let what = format!("{} serves again in its old unit", self.daemon);
        world
            .until(&what, Duration::from_secs(290), || async {
                // systemd has given up, so waiting is of no use; the time is better spent by a person.
                if state(world, &self.host, &self.unit).await?.active == "failed" {
                    let (unit, host) = (&self.unit, &self.host);
                    return Err(failure::because(format!(
                        "{unit} on {host} does not start; `journalctl --unit {unit}` there says why"
                    )));
                }
                serves(world, &self.daemon).await
            })
            .await
    }
}

impl StopUnit {
    /// Makes an OSD startable by its old unit, unless it is.
    async fn activate(&self, world: &World) -> Result<(), StepError> {
        let Some(mut argv) = self.activation.as_ref().and_then(|it| it.argv(&self.daemon.id)) else {
            return Ok(());
        };
        // Where the directory is no tmpfs, it is as the unit left it.
        let block = format!("/var/lib/ceph/osd/ceph-{}/block", self.daemon.id);
        if world.try_on(&self.host, ["test", "-b", &block]).await?.success() {
            return Ok(());
        }
        // ceph-volume looks at loop devices only where it is told to; they occur in laboratories.
        if argv.iter().any(|word| word.starts_with("/dev/loop")) {
            argv.splice(0..0, ["env", "CEPH_VOLUME_ALLOW_LOOP_DEVICES=1"]);
        }
        world.run_on(&self.host, argv, Duration::from_secs(120)).await.map(drop)
    }
}

/// Says why a daemon does not serve, if it does not.
async fn serves(world: &World, daemon: &DaemonName) -> Result<Result<(), String>, StepError> {
    match daemon.kind {
        DaemonType::Mon => {
            // The others count a mon that has just gone as in quorum until its lease ends, so the mon itself is asked too.
            let names = world.ask(&query::QUORUM_STATUS).await?.quorum_names;
            if !names.contains(&daemon.id) {
                return Ok(Err(format!("in quorum: {}", names.join(", "))));
            }
            let own = world.ask_json(["tell", &daemon.to_string(), "mon_status"]).await;
            Ok(match own {
                Ok(own) if own["state"] == "leader" || own["state"] == "peon" => Ok(()),
                Ok(own) => Err(format!("it says that it is {}", own["state"])),
                Err(error) => Err(error.to_string()),
            })
        }
        DaemonType::Osd => {
            let id: OsdId = daemon.id.parse().map_err(StepError::permanent)?;
            if !osd(world, id).await?.is_some_and(|osd| osd.up) {
                return Ok(Err("it is down".into()));
            }
            let metadata = world.ask_json(["osd", "metadata", &daemon.id]).await?;
            if is_in_a_pod(&metadata) {
                return Ok(Err("it has not started in its old unit yet".into()));
            }
            Ok(unclean(world).await?.map_or(Ok(()), Err))
        }
        DaemonType::Mgr => {
            let map = world.ask(&query::MGR_DUMP).await?;
            let known = map.active_name == daemon.id || map.standbys.iter().any(|it| it.name == daemon.id);
            Ok(if known {
                Ok(())
            } else {
                Err("the mgr map does not have it".into())
            })
        }
        _ => Ok(Ok(())),
    }
}

#[async_trait]
impl Step<World> for MaskUnit {
    async fn ready(&self, _: &World) -> Result<(), Refusal> {
        Ok(())
    }

    async fn done(&self, world: &World) -> Result<bool, StepError> {
        is_masked(world, &self.host, &self.unit).await
    }

    async fn act(&self, world: &World) -> Result<Recorded, StepError> {
        if let Some(path) = &self.own_file {
            // A link at that place is a mask of an attempt before.
            let is_file = world
                .try_on(&self.host, ["test", "-f", path, "-a", "!", "-L", path])
                .await?
                .success();
            if is_file {
                let host = world.host(&self.host).await?;
                let aside = format!("{path}.before-rook");
                host.rename(Utf8Path::new(path), Utf8Path::new(&aside))
                    .await
                    .map_err(failure::host)?;
            }
        }
        let argv = ["systemctl", "mask", "--", &self.unit];
        world.run_on(&self.host, argv, Duration::from_secs(60)).await?;
        Ok(Recorded::default())
    }

    async fn undo(&self, world: &World, _: &Recorded) -> Result<(), StepError> {
        if is_masked(world, &self.host, &self.unit).await? {
            let argv = ["systemctl", "unmask", "--", &self.unit];
            world.run_on(&self.host, argv, Duration::from_secs(60)).await?;
        }
        let Some(path) = &self.own_file else { return Ok(()) };
        let aside = format!("{path}.before-rook");
        if world.try_on(&self.host, ["test", "-f", &aside]).await?.success() {
            let host = world.host(&self.host).await?;
            host.rename(Utf8Path::new(&aside), Utf8Path::new(path))
                .await
                .map_err(failure::host)?;
        }
        world
            .run_on(&self.host, ["systemctl", "daemon-reload"], Duration::from_secs(60))
            .await
            .map(drop)
    }
}

#[async_trait]
impl Looking for AwaitProcessGone {
    async fn look(&self, world: &World) -> Result<Look, StepError> {
        // The daemon is away already, so everything is asked at once.
        let (state, processes, taken) = futures::try_join!(
            state(world, &self.host, &self.unit),
            world.processes(&self.host, &self.daemon),
            self.taken_ports(world),
        )?;
        if !state.is_stopped() {
            return Ok(Look::NotYet(format!(
                "{} is {}, process {}",
                self.unit, state.active, state.main_pid
            )));
        }
        if let Some(process) = processes.first() {
            return Ok(Look::NotYet(format!("process {} is left", process.pid)));
        }
        if !taken.is_empty() {
            return Ok(Look::NotYet(format!("somebody listens on {taken:?}")));
        }
        if self.devices.is_empty() {
            return Ok(Look::Met);
        }
        let argv = ["readlink", "--canonicalize-existing", "--"];
        let argv = argv.into_iter().chain(self.devices.iter().map(String::as_str));
        let names = world
            .run_on(&self.host, argv, Duration::from_secs(30))
            .await?
            .stdout_text();
        let names: Vec<String> = names.lines().map(str::to_owned).collect();
        // Processes end while find looks at them, so its status says nothing.
        let found = world.try_on(&self.host, holders(&names)).await?.stdout_text();
        let holder = found.lines().next().map(|line| reeve_untrusted::short(line, 80));
        Ok(holder.map_or(Look::Met, |holder| Look::NotYet(format!("{holder} is open"))))
    }

    fn awaited(&self, _: &World) -> (Duration, String) {
        (
            Duration::from_secs(120),
            format!("{} is gone from {}", self.daemon, self.host),
        )
    }
}

impl AwaitProcessGone {
    /// Returns those of the daemon's ports on which somebody listens, at whatever address of the host.
    async fn taken_ports(&self, world: &World) -> Result<Vec<u16>, StepError> {
        if self.ports.is_empty() {
            return Ok(Vec::new());
        }
        let argv = ["ss", "--listening", "--tcp", "--numeric", "--no-header"];
        let output = world.run_on(&self.host, argv, Duration::from_secs(60)).await?;
        let taken = listening(&output.stdout_text());
        Ok(self.ports.iter().copied().filter(|port| taken.contains(port)).collect())
    }
}

/// Reads the ports of `ss --listening --tcp --numeric --no-header`.
fn listening(text: &str) -> BTreeSet<u16> {
    let port = |line: &str| line.split_whitespace().nth(3)?.rsplit_once(':')?.1.parse().ok();
    text.lines().filter_map(port).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_read() {
        let text = "LISTEN 0 512 10.0.0.1:3300 0.0.0.0:*\nLISTEN 0 128 [::]:22 [::]:*\nnoise";
        assert_eq!(listening(text), BTreeSet::from([22, 3300]));
    }
}
