//! How the disks of a machine come over: as files of its datastore, or by an export lease, of the machine or of a snapshot.

use serde::{Deserialize, Serialize};

use super::inventory::{PowerState, VsphereMachine};

/// By what the disks of a machine come over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transfer {
    /// As files of their datastore, in ranges, on several connections.
    Datastore,
    /// By an export lease: one compressed stream for each disk.
    Lease,
}

/// What snapshot is made of a machine that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SnapshotKind {
    /// The guest's file systems are brought to rest if VMware Tools run in it.
    Quiesced,
    /// As after a power failure, whatever runs in the guest.
    CrashConsistent,
}

/// What a person chooses of the ways; by default, what fits the machine and changes nothing there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TransferChoice {
    /// By what; none for datastore files where they are the whole disk, and a lease otherwise.
    pub transfer: Option<Transfer>,
    /// The snapshot that may be made of a machine that runs; none if none may be made.
    pub snapshot: Option<SnapshotKind>,
}

/// The way of one machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Its files are read.
    Files,
    /// The machine itself is exported: it is off.
    Machine,
    /// A snapshot is made, exported and removed: it runs.
    Snapshot(SnapshotKind),
}

impl VsphereMachine {
    /// Returns the way of this machine, or why there is none, with what to do.
    pub(crate) fn way(&self, choice: TransferChoice) -> Result<Way, &'static str> {
        let way = match (self.power, self.has_snapshots, choice.transfer, choice.snapshot) {
            (PowerState::Suspended, ..) => {
                return Err(
                    "it is suspended, with its memory in a file that no other hypervisor reads; resume it and shut it down",
                );
            }
            (PowerState::Unknown, ..) => {
                return Err("its host does not say whether it runs; see that the host is connected");
            }
            (PowerState::On, _, _, None) => {
                return Err(
                    "it runs; shut it down in the guest, or plan it with `--snapshot`: a snapshot is made, exported and removed",
                );
            }
            (PowerState::On, _, Some(Transfer::Datastore), Some(_)) => {
                return Err(
                    "it runs, and a snapshot comes by a lease only; leave out `--transfer datastore`, or shut it down in the guest",
                );
            }
            (PowerState::On, _, _, Some(kind)) => Way::Snapshot(kind),
            (PowerState::Off, true, Some(Transfer::Datastore), _) => {
                return Err(
                    "it has snapshots, with which its files are not the whole disk; plan it with `--transfer lease`, or delete them (their data is merged into the disks)",
                );
            }
            (PowerState::Off, _, Some(Transfer::Lease), _) | (PowerState::Off, true, None, _) => Way::Machine,
            (PowerState::Off, false, ..) => Way::Files,
        };
        match self.source {
            Some(_) => Ok(way),
            None => Err("its host does not say where its files are; see that the host is connected"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::soap::Reference;
    use super::*;

    #[test]
    fn every_machine_has_a_way_or_a_reason() {
        let file = match super::super::address::parse("vsphere://r@h/folder/a.vmx?dcPath=d&dsName=s") {
            Ok(super::super::address::Address::File(file)) => Some(file),
            other => panic!("{other:?}"),
        };
        let machine = |power, has_snapshots| VsphereMachine {
            name: "web".to_owned(),
            source: file.clone(),
            power,
            has_snapshots,
            is_template: false,
            cpus: None,
            memory_mib: None,
            stored: None,
            reference: Reference::new("VirtualMachine", "1"),
        };
        let choice = |transfer, snapshot| TransferChoice { transfer, snapshot };
        let (files, lease) = (Some(Transfer::Datastore), Some(Transfer::Lease));
        let snapshot = Some(SnapshotKind::Quiesced);
        for (power, has_snapshots, choice, way) in [
            (PowerState::Off, false, choice(None, None), Way::Files),
            (PowerState::Off, false, choice(None, snapshot), Way::Files),
            (PowerState::Off, false, choice(lease, None), Way::Machine),
            (PowerState::Off, true, choice(None, None), Way::Machine),
            (
                PowerState::On,
                false,
                choice(None, snapshot),
                Way::Snapshot(SnapshotKind::Quiesced),
            ),
            (
                PowerState::On,
                true,
                choice(lease, snapshot),
                Way::Snapshot(SnapshotKind::Quiesced),
            ),
        ] {
            assert_eq!(
                machine(power, has_snapshots).way(choice),
                Ok(way),
                "{power:?} {choice:?}"
            );
        }
        for (power, has_snapshots, choice, word) in [
            (PowerState::On, false, choice(None, None), "--snapshot"),
            (PowerState::On, false, choice(lease, None), "--snapshot"),
            (PowerState::On, false, choice(files, snapshot), "by a lease only"),
            (PowerState::Suspended, false, choice(lease, snapshot), "suspended"),
            (PowerState::Unknown, false, choice(None, None), "connected"),
            (PowerState::Off, true, choice(files, None), "--transfer lease"),
        ] {
            let obstacle = machine(power, has_snapshots).way(choice).unwrap_err();
            assert!(obstacle.contains(word), "{obstacle}");
        }
        let nowhere = VsphereMachine {
            source: None,
            ..machine(PowerState::Off, false)
        };
        assert!(
            nowhere
                .obstacle()
                .is_some_and(|obstacle| obstacle.contains("where its files are"))
        );
    }
}
