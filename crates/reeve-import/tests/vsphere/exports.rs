//! Machines that a host exports by a lease, at rest or by a snapshot.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::host::Host;
use crate::{engine, made, reading, sectors, session};
use reeve_import::apply::{NobodyWatches, Pace, World};
use reeve_import::plan::{ImageFormat, ImportOptions, discover, plan};
use reeve_import::{Depth, Quiesce, SnapshotKind, SourceAddress, SourceFacts, Sources, Transfer, TransferChoice};
use reeve_journal::fault::{CrashAfter, until_crash};
use reeve_journal::{Cancellation, Holder, Journal, Outcome, PauseReason, Plan, RunId, Runs, UndoTo, Until};
use reeve_openstack::fake::FakeCloud;

/// What exports are chosen by a test.
const LEASE: TransferChoice = TransferChoice {
    transfer: Some(Transfer::Lease),
    snapshot: None,
};

const SNAPSHOT: TransferChoice = TransferChoice {
    transfer: None,
    snapshot: Some(SnapshotKind::Quiesced),
};

/// A machine with two disks that its host exports and a snapshot of somebody else, a cloud, and a plan.
struct Export {
    host: Arc<Host>,
    cloud: FakeCloud,
    disks: [Vec<u8>; 2],
    /// As the host sends them.
    streams: [Vec<u8>; 2],
    source: SourceFacts,
    plan: Plan,
    runs: Runs,
    current: Mutex<Option<RunId>>,
    /// Snapshots of others.
    others: usize,
}

impl Export {
    async fn new(arguments: &[&str], orders: &[&str], choice: TransferChoice) -> Self {
        Self::with_format(arguments, orders, choice, ImageFormat::Raw).await
    }

    async fn with_format(arguments: &[&str], orders: &[&str], choice: TransferChoice, format: ImageFormat) -> Self {
        let host = Arc::new(Host::start(arguments));
        let disks = [sectors(24 * 2048), sectors(777)];
        let streams = disks.clone().map(|disk| made::stream(&disk));
        let furnished = streams.clone();
        orders.iter().for_each(|order| host.obey(order));
        host.obey("snapshot others");
        let there = Arc::clone(&host);
        let sizes = [disks[0].len(), disks[1].len()];
        let source = reading(move || {
            let machine = there.machines().remove(0);
            let [first, second] = &furnished;
            let address = there.furnish_exports(
                &machine,
                &[("web.vmdk", first, sizes[0]), ("data.vmdk", second, sizes[1])],
            );
            let sources = there.sources();
            let source = sources.survey_by(&address, Depth::Tables, choice).unwrap().remove(0);
            sources.log_out();
            source
        })
        .await;
        let cloud = FakeCloud::start().await;
        let options = ImportOptions {
            format,
            ..ImportOptions::default()
        };
        let facts = discover(&session(&cloud), options.makes).await.unwrap();
        let plan = plan(&source, &facts, &options, "reeve 0.1.0").unwrap();
        let plan = Plan::from_json(plan.to_json().as_bytes(), "plan.json").unwrap();
        let runs = Runs::in_dir(host.folder().join("runs")).unwrap();
        Self {
            others: host.snapshots().len(),
            host,
            cloud,
            disks,
            streams,
            source,
            plan,
            runs,
            current: Mutex::new(None),
        }
    }

    fn create(&self) -> Journal {
        let journal = self
            .runs
            .create(self.plan.clone(), &Holder::this_process("test", "reeve 0.1.0"))
            .unwrap();
        *self.current.lock().unwrap() = Some(journal.run().clone());
        journal
    }

    fn reopen(&self) -> Journal {
        let run = self.current.lock().unwrap().clone().unwrap();
        self.runs
            .open(&run, &Holder::this_process("test", "reeve 0.1.0"))
            .unwrap()
    }

    async fn world(&self) -> (World, Arc<Sources>) {
        let sources = Arc::new(self.host.sources());
        let pace = Pace {
            poll: Duration::from_millis(5),
            threads: 2,
            ..Pace::default()
        };
        let watch = Arc::new(NobodyWatches);
        let world = World::connect(
            session(&self.cloud),
            &self.plan.target,
            pace,
            Cancellation::default(),
            watch,
        );
        (world.await.unwrap().reading(Arc::clone(&sources)), sources)
    }

    /// Goes forward with a run until it ends for some reason.
    async fn goes(&self, journal: Journal, attempts: u32) -> Outcome {
        let (world, sources) = self.world().await;
        let outcome = engine(journal, &world, attempts).run(&Until::End).await.unwrap();
        reading(move || sources.log_out()).await;
        outcome
    }

    async fn undo(&self) {
        let (world, sources) = self.world().await;
        let mut engine = engine(self.reopen(), &world, 3);
        let outcome = engine.undo(&UndoTo::Beginning).await.unwrap();
        assert_eq!(outcome, Outcome::Paused(PauseReason::Undone));
        drop(engine);
        reading(move || sources.log_out()).await;
    }

    fn images(&self) -> Vec<Vec<u8>> {
        self.cloud.state().image_data.values().cloned().collect()
    }

    fn assert_whole(&self, context: &str) {
        let images = self.images();
        assert_eq!(images.len(), 2, "{context}");
        assert!(
            self.disks.iter().all(|disk| images.contains(disk)),
            "byte by byte: {context}"
        );
    }

    /// Nobody holds anything at the host, and what others made there is left.
    fn assert_left(&self, context: &str) {
        let host = &self.host;
        assert_eq!(host.leases("held"), 0, "{context}");
        let snapshots = host.snapshots();
        assert_eq!(snapshots.len(), self.others, "{context}: {snapshots:?}");
        assert!(
            snapshots.iter().all(|name| name == "others"),
            "{context}: {snapshots:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs REEVE_VSPHERE_HOST"]
async fn a_machine_that_is_off_and_has_snapshots_comes_by_leases() {
    // A vCenter names another host for the streams, by its own certificate.
    for arguments in [&["-esx", "-machines", "1"][..], &["-machines", "1"]] {
        let export = Export::new(arguments, &["stop"], TransferChoice::default()).await;
        let context = format!("{arguments:?}");
        let machine = &export.source.machine;
        assert_eq!((machine.cpus, machine.memory, machine.disks.len()), (1, 32 << 20, 2));
        assert_eq!(machine.controllers[0].model.as_deref(), Some("pvscsi"), "{machine:#?}");
        assert!(machine.nics[0].mac.is_some(), "{machine:#?}");
        assert!(export.plan.summary.iter().any(|line| line.contains("export lease")));
        assert!(
            export
                .plan
                .summary
                .iter()
                .any(|line| line.contains("cannot be looked into"))
        );
        assert_eq!(export.goes(export.create(), 3).await, Outcome::Finished, "{context}");
        export.assert_whole(&context);
        export.assert_left(&context);
        assert_eq!(export.host.leases("completed"), 2);
        export.undo().await;
        assert!(export.images().is_empty());
        export.assert_left(&context);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs REEVE_VSPHERE_HOST"]
async fn a_machine_that_runs_comes_by_a_snapshot_that_is_removed() {
    for arguments in [
        &["-esx", "-machines", "1", "-running"][..],
        &["-machines", "1", "-running"],
    ] {
        let export = Export::new(arguments, &["tools"], SNAPSHOT).await;
        let facts = export.source.export.as_ref().unwrap();
        assert_eq!(facts.snapshot, Some(Quiesce::Yes));
        let kinds: Vec<&str> = export.plan.steps().map(|(_, _, step)| step.kind.as_str()).collect();
        assert_eq!(kinds, ["make_snapshot", "make_image", "make_image", "remove_snapshot"]);
        assert_eq!(export.goes(export.create(), 3).await, Outcome::Finished);
        export.assert_whole("a plain run");
        export.assert_left("a plain run");
        assert_eq!(export.host.leases("completed"), 2);
        export.undo().await;
        assert!(export.images().is_empty());
        export.assert_left("undone");
    }
    // Without tools there is nothing that could bring the guest to rest, and the plan says so.
    let export = Export::new(&["-esx", "-machines", "1", "-running"], &[], SNAPSHOT).await;
    assert!(
        export
            .plan
            .summary
            .iter()
            .any(|line| line.contains("VMware Tools do not"))
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs REEVE_VSPHERE_HOST"]
async fn what_an_export_cannot_do_is_told_when_it_is_planned() {
    let export = Export::new(&["-esx", "-machines", "1"], &["stop"], LEASE).await;
    let options = ImportOptions {
        format: ImageFormat::Qcow2,
        ..ImportOptions::default()
    };
    let facts = discover(&session(&export.cloud), options.makes).await.unwrap();
    let refused = plan(&export.source, &facts, &options, "reeve 0.1.0").unwrap_err();
    assert!(
        refused
            .blockers
            .iter()
            .any(|blocker| blocker.remedy.contains("--image-format vmdk"))
    );
    // Files of a machine with snapshots are not the whole disk.
    let (host, address) = (Arc::clone(&export.host), export.source.address.clone());
    let files = TransferChoice {
        transfer: Some(Transfer::Datastore),
        snapshot: None,
    };
    let error = reading(move || host.sources().survey_by(&address, Depth::Tables, files).unwrap_err()).await;
    assert!(error.to_string().contains("--transfer lease"), "{error}");
}

/// The smallest way: what the host packs is not unpacked here.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs REEVE_VSPHERE_HOST"]
async fn an_export_is_sent_as_it_comes() {
    // Plainly, and where a stream is cut in its middle.
    for (orders, leases) in [(&[][..], 2), (&["nfccut 1"], 3)] {
        let arguments = ["-esx", "-machines", "1"];
        let export = Export::with_format(&arguments, &["stop"], LEASE, ImageFormat::Vmdk).await;
        orders.iter().for_each(|order| export.host.obey(order));
        let context = format!("{orders:?}");
        assert_eq!(export.goes(export.create(), 3).await, Outcome::Finished, "{context}");
        let images = export.images();
        assert_eq!(images.len(), 2, "{context}");
        assert!(
            export.streams.iter().all(|stream| images.contains(stream)),
            "byte by byte: {context}"
        );
        export.assert_left(&context);
        let host = &export.host;
        assert_eq!(
            (host.leases("made"), host.leases("completed")),
            (leases, 2),
            "{context}"
        );
        export.undo().await;
        assert!(export.images().is_empty());
    }
}

/// Each is met in the middle of the first disk, and a new lease helps.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs REEVE_VSPHERE_HOST"]
async fn an_export_that_breaks_begins_anew() {
    for (orders, ending, ended) in [
        (&["nfccut 1"][..], "aborted", 1),
        (&["leaseerror 1"], "error", 1),
        // The host does not hear that the copy goes on, and takes the lease back.
        (&["timeout 2", "deaf 1", "throttle 1000000"], "aborted", 1),
        (&["busytask 2"], "aborted", 0),
    ] {
        let export = Export::new(&["-esx", "-machines", "1", "-running"], &[], SNAPSHOT).await;
        let context = format!("{orders:?}");
        orders.iter().for_each(|order| export.host.obey(order));
        assert_eq!(export.goes(export.create(), 3).await, Outcome::Finished, "{context}");
        export.assert_whole(&context);
        export.assert_left(&context);
        let host = &export.host;
        assert!(host.leases(ending) >= ended, "{context}");
        assert_eq!(host.leases("completed"), 2, "{context}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs REEVE_VSPHERE_HOST"]
async fn a_long_export_keeps_its_lease_and_a_session_that_ends_gets_a_new_one() {
    let export = Export::new(
        &["-esx", "-machines", "1"],
        &["stop", "timeout 2", "throttle 1000000"],
        LEASE,
    )
    .await;
    let began = std::time::Instant::now();
    assert_eq!(export.goes(export.create(), 3).await, Outcome::Finished);
    assert!(
        began.elapsed() > Duration::from_secs(4),
        "longer than the lease's timeout"
    );
    export.assert_whole("a long export");
    assert_eq!((export.host.leases("made"), export.host.leases("completed")), (2, 2));

    let export = Export::new(
        &["-esx", "-machines", "1"],
        &["stop", "timeout 2", "throttle 1000000"],
        LEASE,
    )
    .await;
    let host = Arc::clone(&export.host);
    let expiring = tokio::spawn(async move {
        while host.leases("held") == 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        host.obey("expire");
    });
    assert_eq!(export.goes(export.create(), 3).await, Outcome::Finished);
    expiring.await.unwrap();
    export.assert_whole("a session that ended");
    export.assert_left("a session that ended");
    assert_eq!((export.host.leases("made"), export.host.leases("completed")), (3, 2));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs REEVE_VSPHERE_HOST"]
async fn an_export_that_always_breaks_is_given_up_and_taken_back() {
    let export = Export::new(&["-esx", "-machines", "1", "-running"], &["nfccut 100"], SNAPSHOT).await;
    let outcome = export.goes(export.create(), 3).await;
    let Outcome::Paused(PauseReason::Failed { error, .. }) = &outcome else {
        panic!("{outcome:?}")
    };
    assert!(format!("{error:?}").contains("broke off"), "{error:?}");
    assert!(export.images().is_empty() && export.host.leases("held") == 0);
    assert_eq!((export.host.leases("made"), export.host.leases("aborted")), (3, 3));
    // The snapshot waits for a resume, which takes the same moment, or for an undo.
    assert_eq!(export.host.snapshots().len(), 2);
    export.undo().await;
    export.assert_left("undone");

    // What the stream says of itself counts for nothing beside what the host said.
    let export = Export::new(&["-esx", "-machines", "1"], &["stop"], LEASE).await;
    let SourceAddress::Datastore(_) = &export.source.address else {
        panic!("a machine of a host")
    };
    std::fs::write(
        export.host.path(&export.source.address).with_file_name("web.vmdk"),
        made::stream(&export.disks[1]),
    )
    .unwrap();
    let outcome = export.goes(export.create(), 3).await;
    let Outcome::Paused(PauseReason::Failed { error, .. }) = &outcome else {
        panic!("{outcome:?}")
    };
    let (said, comes) = (export.disks[0].len().to_string(), export.disks[1].len().to_string());
    assert!(
        error.message.contains(&said) && error.message.contains(&comes),
        "{error:?}"
    );
    assert!(export.images().is_empty());
    export.assert_left("another disk");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs REEVE_VSPHERE_HOST"]
async fn a_machine_that_is_started_or_not_as_planned_is_not_exported() {
    let export = Export::new(&["-esx", "-machines", "1"], &["stop"], LEASE).await;
    export.host.obey("start");
    let outcome = export.goes(export.create(), 3).await;
    assert!(format!("{outcome:?}").contains("its machine is not off"), "{outcome:?}");
    assert_eq!(export.host.leases("made"), 0);

    // Started in the middle, on a host that lets it.
    let export = Export::new(&["-esx", "-machines", "1"], &["stop", "throttle 4000000"], LEASE).await;
    let host = Arc::clone(&export.host);
    let starting = tokio::spawn(async move {
        while host.leases("held") == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        host.obey("start");
    });
    let outcome = export.goes(export.create(), 3).await;
    starting.await.unwrap();
    assert!(
        format!("{outcome:?}").contains("was changed while it was copied"),
        "{outcome:?}"
    );
    assert!(export.images().is_empty());
    assert_eq!((export.host.leases("held"), export.host.leases("aborted")), (0, 1));
}

/// A process that dies after any event of its journal, and is gone on from, or taken back.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs REEVE_VSPHERE_HOST"]
async fn a_death_after_any_event_leaves_no_snapshot_behind() {
    let export = Export::new(&["-esx", "-machines", "1", "-running"], &[], SNAPSHOT).await;
    for events in 1..200 {
        let context = format!("dead after {events} events");
        let (world, sources) = export.world().await;
        let crash = CrashAfter::events(events);
        let mut dying = engine(export.create(), &world, 3).observed_by(&crash);
        let outcome = until_crash(dying.run(&Until::End)).await;
        drop(dying);
        reading(move || sources.log_out()).await;
        if outcome.is_none() && events % 2 == 0 {
            assert_eq!(export.goes(export.reopen(), 3).await, Outcome::Finished, "{context}");
            export.assert_whole(&context);
            export.assert_left(&context);
        }
        let journal = export.reopen();
        let has_begun = journal.state().position() > 0 || journal.state().in_hand().is_some();
        drop(journal);
        if has_begun {
            export.undo().await;
        }
        assert!(export.images().is_empty(), "{context}");
        export.assert_left(&context);
        if let Some(outcome) = outcome {
            assert_eq!(outcome.unwrap(), Outcome::Finished);
            assert!(events > 12, "four steps have three events each: {events}");
            return;
        }
    }
    panic!("no run came to its end");
}
