//! A mon's store, and its way back into quorum.

use camino::Utf8PathBuf;
use reeve_journal::plan::{Action, Place};
use serde::{Deserialize, Serialize};

use super::{Description, StepDefinition};
use crate::facts::UserIds;
use crate::plan::StepContext;
use crate::plan::context::{command, read, wait};
use crate::plan::measured::{COMMAND_DEADLINE, QUORUM_DEADLINE};

/// Moves a mon's store to where Rook's pod will look for it, by rename, on one file system.
///
/// Undo: rename back, with the store as it is then (never an older copy). A repeat finds the target and changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MoveMonStore {
    /// The mon's id.
    pub mon: String,
    /// Its host.
    pub host: String,
    /// Where it lies.
    pub from: Utf8PathBuf,
    /// Where it will lie.
    pub to: Utf8PathBuf,
}

impl StepDefinition for MoveMonStore {
    const KIND: &'static str = "move_mon_store";
    const ABOUT: &'static str = "Renames a mon's store to where Rook's pod looks for it; never a copy.";

    fn describe(&self, _: &StepContext) -> Description {
        let Self { mon, host, from, to } = self;
        let rename = |from: &Utf8PathBuf, to: &Utf8PathBuf| {
            command(
                host,
                [
                    "mv",
                    "--no-clobber",
                    "--no-target-directory",
                    "--",
                    from.as_str(),
                    to.as_str(),
                ],
            )
        };
        let mut act: Vec<Action> = vec![read(
            "the store is whole: store.db, keyring",
            ["ls", "--", from.as_str()],
        )];
        let mut undo = vec![rename(to, from)];
        if let Some(parent) = to.parent() {
            act.push(command(host, ["mkdir", "--parents", "--", parent.as_str()]));
            undo.push(command(
                host,
                ["rmdir", "--ignore-fail-on-non-empty", "--", parent.as_str()],
            ));
        }
        act.push(rename(from, to));
        act.push(read(
            "the store is there and nowhere else",
            ["stat", "--format=%n %d %U", "--", to.as_str()],
        ));
        let what = format!("Renames the store of mon.{mon} to {to} on {host}.");
        Description::changing(what, Place::Host(host.clone()), act, COMMAND_DEADLINE, undo)
    }
}

/// Gives a mon's store to the user that Ceph has in Rook's image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChownMonStore {
    /// The mon's id.
    pub mon: String,
    /// Its host.
    pub host: String,
    /// The store.
    pub path: Utf8PathBuf,
    /// Its owner now.
    pub before: UserIds,
    /// Its owner to be.
    pub after: UserIds,
}

impl StepDefinition for ChownMonStore {
    const KIND: &'static str = "chown_mon_store";
    const ABOUT: &'static str = "Gives a mon's store to the user that Ceph has in Rook's image, where that is another.";

    fn describe(&self, _: &StepContext) -> Description {
        let chown = |owner: UserIds| {
            let owner = format!("{}:{}", owner.uid, owner.gid);
            vec![command(
                &self.host,
                ["chown", "--recursive", &owner, "--", self.path.as_str()],
            )]
        };
        let what = format!(
            "Gives the store of mon.{} to {}:{}.",
            self.mon, self.after.uid, self.after.gid
        );
        Description::changing(
            what,
            Place::Host(self.host.clone()),
            chown(self.after),
            COMMAND_DEADLINE,
            chown(self.before),
        )
    }
}

/// Waits until a mon is back in quorum, the same mon as before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AwaitQuorum {
    /// The mon's id.
    pub mon: String,
    /// All mons, which have to be in quorum then.
    pub mons: Vec<String>,
    /// Its address, unchanged.
    pub ip: String,
}

impl StepDefinition for AwaitQuorum {
    const KIND: &'static str = "await_quorum";
    const ABOUT: &'static str = "Waits until a mon is back in quorum under Rook, with its old rank and address.";

    fn describe(&self, context: &StepContext) -> Description {
        let Self { mon, ip, .. } = self;
        let act = vec![
            wait(format!("mon.{mon} is in quorum, and with it all mons")),
            context.ceph_read(
                format!("the mon map: same epoch, mon.{mon} at {ip}"),
                ["mon", "dump", "--format", "json"],
            ),
            context.ceph_read(
                "it runs in Rook's pod, the same version",
                ["mon", "metadata", mon, "--format", "json"],
            ),
        ];
        let what = format!("Waits until mon.{mon} is back in quorum.");
        Description::looking(what, Place::Ceph, act, QUORUM_DEADLINE)
    }
}
