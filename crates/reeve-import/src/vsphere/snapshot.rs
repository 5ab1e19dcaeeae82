//! Snapshots that an import makes and removes, found again by their name, which is a mark that nobody else has.

use std::time::{Duration, Instant};

use super::Stop;
use super::error::VsphereError;
use super::session::Vsphere;
use super::soap::{Reference, text};
use crate::error::escaped;
use crate::xml::Element;

/// The longest that a task is waited for; a consolidation of a large delta takes hours.
const TASK: Duration = Duration::from_hours(6);

/// The pause between two looks at what is becoming: at first, and at most.
pub(super) const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// The most snapshots that are looked through; vSphere has at most 32 in a row.
const MAX_SNAPSHOTS: usize = 4096;

/// The most tasks of a machine that are looked at.
const MAX_TASKS: usize = 50;

/// Waits between two looks, a little longer each time.
pub(super) struct Looks {
    pause: Duration,
    until: Instant,
}

impl Looks {
    pub(super) fn within(time: Duration) -> Self {
        Self {
            pause: PAUSES.0,
            until: Instant::now() + time,
        }
    }

    /// Waits; tells whether there is time for another look.
    ///
    /// # Errors
    ///
    /// [`VsphereError::Stopped`].
    pub(super) async fn next(&mut self, stop: &Stop) -> Result<bool, VsphereError> {
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(PAUSES.1);
        if stop() {
            return Err(VsphereError::Stopped);
        }
        Ok(Instant::now() < self.until)
    }
}

impl Vsphere {
    /// Returns the snapshots of a machine whose name is this mark.
    pub(super) async fn marked(&self, machine: &Reference, mark: &str) -> Result<Vec<Reference>, VsphereError> {
        let properties = self.properties_of(machine, &["snapshot"]).await?;
        let mut found = Vec::new();
        let mut open: Vec<&Element> = Vec::new();
        if let Some(snapshot) = properties.get("snapshot") {
            open.extend(snapshot.all("rootSnapshotList"));
        }
        for _ in 0..MAX_SNAPSHOTS {
            let Some(tree) = open.pop() else {
                return Ok(found);
            };
            if tree.value("name") == Some(mark) {
                found.extend(tree.first("snapshot").and_then(Reference::of));
            }
            open.extend(tree.all("childSnapshotList"));
        }
        Err(self.answer("RetrievePropertiesEx", "the machine's snapshots do not end"))
    }

    /// Tells whether a machine has the snapshot with this mark. Blocks.
    ///
    /// # Errors
    ///
    /// [`VsphereError`].
    pub(crate) fn has_snapshot(&self, instance_uuid: &str, mark: &str) -> Result<bool, VsphereError> {
        self.block_on(async {
            match self.machine_with(instance_uuid).await? {
                Some(machine) => Ok(!self.marked(&machine, mark).await?.is_empty()),
                None => Ok(false),
            }
        })
    }

    /// Makes a snapshot without memory, unless it is there. Blocks until it is made.
    ///
    /// # Errors
    ///
    /// [`VsphereError`]; [`VsphereError::Gone`] if there is no such machine.
    pub(crate) fn make_snapshot(
        &self,
        instance_uuid: &str,
        mark: &str,
        quiesce: bool,
        stop: &Stop,
    ) -> Result<(), VsphereError> {
        self.block_on(async {
            let machine = self.machine_with(instance_uuid).await?;
            let machine = machine.ok_or_else(|| self.gone("the machine"))?;
            let description = "made by `reeve import` for a copy, and removed by it";
            let arguments = text("name", mark)
                + &text("description", description)
                + &format!("<memory>false</memory><quiesce>{quiesce}</quiesce>");
            let mut looks = Looks::within(TASK);
            loop {
                // One that a dead process asked for may come into being just now.
                self.settled(&machine, stop).await?;
                if !self.marked(&machine, mark).await?.is_empty() {
                    return Ok(());
                }
                match self.call("CreateSnapshot_Task", &machine, &arguments).await {
                    Ok(task) => return self.finished("CreateSnapshot_Task", &task, stop).await,
                    Err(error) if error.is_busy() && looks.next(stop).await? => {}
                    Err(error) => return Err(error),
                }
            }
        })
    }

    /// Removes the snapshots with this mark, and no others: those that were made on top of them stay. Blocks until they are gone.
    ///
    /// # Errors
    ///
    /// [`VsphereError`]; none if there is no such machine any more.
    pub(crate) fn remove_snapshots(&self, instance_uuid: &str, mark: &str, stop: &Stop) -> Result<(), VsphereError> {
        self.block_on(async {
            let Some(machine) = self.machine_with(instance_uuid).await? else {
                return Ok(());
            };
            let mut looks = Looks::within(TASK);
            loop {
                self.settled(&machine, stop).await?;
                let Some(snapshot) = self.marked(&machine, mark).await?.pop() else {
                    return Ok(());
                };
                let arguments = "<removeChildren>false</removeChildren><consolidate>true</consolidate>";
                match self.call("RemoveSnapshot_Task", &snapshot, arguments).await {
                    Ok(task) => self.finished("RemoveSnapshot_Task", &task, stop).await?,
                    // The lease of a dead process holds the machine until it ends by itself.
                    Err(error) if error.is_busy() => {}
                    // Somebody was faster.
                    Err(VsphereError::Fault { kind, .. }) if kind == "ManagedObjectNotFound" => {}
                    Err(error) => return Err(error),
                }
                if !looks.next(stop).await? {
                    return Err(self.answer("RemoveSnapshot_Task", "the snapshot does not go away"));
                }
            }
        })
    }

    /// Waits until no task that makes or removes a snapshot is at work on a machine.
    async fn settled(&self, machine: &Reference, stop: &Stop) -> Result<(), VsphereError> {
        let mut looks = Looks::within(TASK);
        loop {
            let properties = self.properties_of(machine, &["recentTask"]).await?;
            let tasks = properties.get("recentTask").map_or(&[][..], |list| &list.children);
            let mut is_at_work = false;
            for task in tasks.iter().filter_map(Reference::of).take(MAX_TASKS) {
                let info = match self.properties_of(&task, &["info.state", "info.descriptionId"]).await {
                    Ok(info) => info,
                    // Tasks are forgotten after a while.
                    Err(VsphereError::Fault { kind, .. }) if kind == "ManagedObjectNotFound" => continue,
                    Err(error) => return Err(error),
                };
                let value = |path| info.get(path).map_or("", |value: &Element| value.text.trim());
                is_at_work |= matches!(value("info.state"), "queued" | "running")
                    && value("info.descriptionId").contains("Snapshot");
            }
            if !is_at_work {
                return Ok(());
            }
            if !looks.next(stop).await? {
                return Err(self.answer("RetrievePropertiesEx", "a task of the machine does not end"));
            }
        }
    }

    /// Waits for a task's end.
    async fn finished(&self, call: &'static str, task: &Element, stop: &Stop) -> Result<(), VsphereError> {
        let task = Reference::of(task).ok_or_else(|| self.answer(call, "it does not name the task"))?;
        let mut looks = Looks::within(TASK);
        loop {
            let info = self.properties_of(&task, &["info.state", "info.error"]).await?;
            match info.get("info.state").map_or("", |state| state.text.trim()) {
                "success" => return Ok(()),
                "error" => return Err(self.task_failed(call, info.get("info.error"))),
                _ => {}
            }
            if !looks.next(stop).await? {
                return Err(self.answer(call, "its task does not end"));
            }
        }
    }

    /// Returns the error of a task.
    fn task_failed(&self, call: &'static str, error: Option<&Element>) -> VsphereError {
        let (kind, what) = fault(error);
        VsphereError::Fault {
            host: self.host().authority.clone(),
            call,
            kind,
            what,
        }
    }

    pub(super) fn gone(&self, what: &str) -> VsphereError {
        VsphereError::Gone {
            host: self.host().authority.clone(),
            what: what.to_owned(),
        }
    }
}

/// Returns class and words of the fault with which a task or a lease ended.
pub(super) fn fault(error: Option<&Element>) -> (String, String) {
    let fault = error.and_then(|error| error.first("fault"));
    let kind = fault.and_then(|fault| fault.attribute("type")).unwrap_or("fault");
    let words = error.and_then(|error| error.value("localizedMessage"));
    (
        escaped(kind.rsplit(':').next().unwrap_or(kind), 100),
        escaped(words.unwrap_or("without a word"), 400),
    )
}
