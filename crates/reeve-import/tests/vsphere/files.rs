//! Files of a datastore: what is listed, refused, read and copied of them.

use std::sync::{Arc, Mutex};

use crate::host::Host;
use crate::{reading, sectors, session};
use reeve_import::apply::{CopyWatch, Import, Pace, World};
use reeve_import::plan::{ImportOptions, discover, plan};
use reeve_import::{
    Depth, PowerState, SourceFacts, Sources, Trust, VsphereError, VsphereHost, VsphereLogin, vsphere_error,
};
use reeve_journal::plan::StepId;
use reeve_journal::{Cancellation, Engine, Holder, Outcome, PauseReason, Plan, Runs, Until};
use reeve_openstack::fake::FakeCloud;

#[test]
#[ignore = "needs REEVE_VSPHERE_HOST"]
fn machines_are_listed_with_where_their_files_are() {
    let host = Host::start(&["-esx", "-machines", "3"]);
    let machines = host.machines();
    assert_eq!(machines.len(), 3);
    for machine in &machines {
        assert_eq!(
            (machine.power, machine.obstacle()),
            (PowerState::Off, None),
            "{machine:?}"
        );
        let source = machine.source.as_ref().unwrap().to_string();
        let expected = format!(
            "vsphere://root@{}/folder/{1}/{1}.vmx?dcPath=ha-datacenter&dsName=LocalDS_0",
            host.text("authority"),
            machine.name
        );
        assert_eq!(source, expected);
        assert_eq!((machine.cpus, machine.memory_mib), (Some(1), Some(32)));
    }
    // More than a page, several datacenters' worth of names, and a folder above the datacenter.
    let host = Host::start(&["-machines", "210", "-folder"]);
    let machines = host.machines();
    assert!(machines.len() > 400, "{}", machines.len());
    let names: std::collections::BTreeSet<&str> = machines.iter().map(|machine| machine.name.as_str()).collect();
    assert_eq!(names.len(), machines.len(), "each once");
    let source = machines[0].source.as_ref().unwrap().to_string();
    assert!(source.contains("?dcPath=F0%2FDC0&dsName="), "{source}");
    let address = source.try_into().unwrap();
    assert!(
        matches!(host.sources().inspect(&address, Depth::Tables), Err(error) if error.to_string().contains("not a .vmx file"))
    );
}

#[test]
#[ignore = "needs REEVE_VSPHERE_HOST"]
fn a_machine_that_runs_is_refused_with_what_to_do() {
    let host = Host::start(&["-esx", "-machines", "1", "-running"]);
    let machine = host.machines().remove(0);
    assert_eq!(machine.power, PowerState::On);
    let address = host.furnish(&machine, &sectors(64), &sectors(1));
    let error = host.sources().survey(&address, Depth::Tables).unwrap_err();
    assert!(
        error.to_string().contains("it runs; shut it down") && error.to_string().contains("--snapshot"),
        "{error}"
    );
}

#[test]
#[ignore = "needs REEVE_VSPHERE_HOST"]
fn logins_and_certificates_are_not_taken_on_trust() {
    let host = Host::start(&["-esx", "-machines", "1"]);
    let connect = |login: VsphereLogin| {
        Sources::with_login(login)
            .host(&host.address())
            .map(|_| ())
            .unwrap_err()
    };
    let error = connect(VsphereLogin {
        password: Some("wrong".into()),
        ..host.login()
    });
    assert!(
        matches!(&error, VsphereError::LoginRefused { user, .. } if user == "root"),
        "{error}"
    );
    let error = connect(VsphereLogin {
        password: None,
        ..host.login()
    });
    assert!(matches!(error, VsphereError::NoPassword(_)), "{error}");
    let error = connect(VsphereLogin {
        trust: Trust::System,
        ..host.login()
    });
    let shown = match &error {
        VsphereError::Certificate { shown, .. } => shown.unwrap(),
        other => panic!("{other:?}"),
    };
    assert_eq!(shown, host.text("fingerprint").parse().unwrap());
    assert!(
        error.hint().contains(&format!("--vsphere-fingerprint {shown}")),
        "{}",
        error.hint()
    );
    let error = connect(VsphereLogin {
        trust: Trust::Certificate("00".repeat(32).parse().unwrap()),
        ..host.login()
    });
    assert!(matches!(error, VsphereError::Certificate { .. }), "{error}");
    let by_authority = Sources::with_login(VsphereLogin {
        trust: Trust::Authorities(host.folder().join("ca.pem")),
        ..host.login()
    });
    assert!(by_authority.host(&host.address()).unwrap().name().contains("ESX"));
    by_authority.log_out();
    // Nobody is there, and nobody is asked for ever.
    let nobody = VsphereHost {
        user: "root".into(),
        authority: "127.0.0.1:1".into(),
    };
    let error = host.sources().host(&nobody).unwrap_err();
    assert!(matches!(error, VsphereError::Unreachable { .. }), "{error}");
}

#[test]
#[ignore = "needs REEVE_VSPHERE_HOST"]
fn a_file_that_is_not_what_it_says_is_an_error() {
    let host = Host::start(&["-esx", "-machines", "1"]);
    let machine = host.machines().remove(0);
    let address = host.furnish(&machine, &sectors(4096), &sectors(1));
    let sources = host.sources();
    assert_eq!(sources.survey(&address, Depth::Tables).unwrap()[0].disks.len(), 2);
    // Where no head is to be had, the first byte tells the length.
    host.obey("nohead 100");
    let disks = sources.survey(&address, Depth::Tables).unwrap().remove(0).disks;
    assert!(disks.iter().all(|disk| disk.refused.is_none()), "{disks:#?}");
    host.obey("nohead 0");
    host.obey("whole 1");
    let error = sources.survey(&address, Depth::Tables).unwrap_err();
    assert!(
        vsphere_error(&error).is_some_and(|cause| cause.to_string().contains("the whole file and not the range")),
        "{error:?}"
    );
    // A host that is busy for good is given up.
    host.obey("busy 1000");
    let error = sources.survey(&address, Depth::Tables).unwrap_err();
    assert!(
        vsphere_error(&error).is_some_and(|cause| cause.to_string().contains("503")),
        "{error:?}"
    );
    // A disk whose flat file is shorter than it says: as the simulator's own 10 GiB disks, whose files are empty.
    host.obey("busy 0");
    std::fs::write(host.path(&address).with_file_name("data-flat.vmdk"), "").unwrap();
    let disks = sources.survey(&address, Depth::Tables).unwrap().remove(0).disks;
    assert!(disks[0].refused.is_none() && disks[1].refused.is_some(), "{disks:#?}");
}

/// Gives the host an order each time a part of a disk has arrived.
struct Trouble<'a> {
    host: &'a Host,
    /// Of how many parts of a disk the first ones have to be there, and the order then.
    due: &'static [(u64, u64, &'static str)],
    met: Mutex<usize>,
}

/// Connections break, sessions end and the host is busy.
const EVERY_TROUBLE: [(u64, u64, &str); 4] = [(1, 8, "cut 2"), (1, 4, "expire"), (1, 2, "busy 2"), (3, 4, "expire")];

impl CopyWatch for Trouble<'static> {
    fn copied(&self, _: &StepId, bytes: u64, of: u64) {
        let mut met = self.met.lock().unwrap();
        let due = self
            .due
            .get(*met)
            .filter(|(first, of_parts, _)| bytes >= of / of_parts * first);
        if let Some((_, _, order)) = due {
            self.host.obey(order);
            *met += 1;
        }
    }

    fn read_again(&self, _: &StepId, _: u64, _: u64) {}
}

/// An import of a machine with two disks while the host has some trouble.
struct Imported {
    outcome: Outcome,
    cloud: FakeCloud,
    expected: [Vec<u8>; 2],
    met: usize,
}

async fn imported_through(due: &'static [(u64, u64, &'static str)]) -> Imported {
    // The watch of a copy lives as long as the copy, so the host does too.
    let host: &'static Host = Box::leak(Box::new(Host::start(&["-esx", "-machines", "1"])));
    let expected = [sectors(60 * 2048), sectors(777)];
    let [first, second] = expected.clone();
    let sources = Arc::new(host.sources());
    let surveying = Arc::clone(&sources);
    let source: SourceFacts = reading(move || {
        let machine = host.machines().remove(0);
        let address = host.furnish(&machine, &first, &second);
        surveying.survey(&address, Depth::Tables).unwrap().remove(0)
    })
    .await;
    assert_eq!(source.machine.name, "web");
    let cloud = FakeCloud::start().await;
    let session = session(&cloud);
    let options = ImportOptions::default();
    let facts = discover(&session, options.makes).await.unwrap();
    let plan = plan(&source, &facts, &options, "reeve 0.1.0").unwrap();
    // A plan that was written and read names the machine still, and no password.
    let text = plan.to_json();
    assert!(
        text.contains(source.address.to_string().as_str()) && !text.contains("s<e>c"),
        "{text}"
    );
    let plan = Plan::from_json(text.as_bytes(), "plan.json").unwrap();
    let runs = Runs::in_dir(host.folder().join("runs")).unwrap();
    let journal = runs
        .create(plan.clone(), &Holder::this_process("test", "reeve 0.1.0"))
        .unwrap();
    let trouble = Arc::new(Trouble {
        host,
        due,
        met: Mutex::default(),
    });
    let watch = Arc::clone(&trouble);
    let world = World::connect(session, &plan.target, Pace::default(), Cancellation::default(), watch)
        .await
        .unwrap()
        .reading(Arc::clone(&sources));
    let mut engine = Engine::new(journal, &Import, &world).unwrap();
    engine.approve_all("test").unwrap();
    let outcome = engine.run(&Until::End).await.unwrap();
    reading(move || sources.log_out()).await;
    let met = *trouble.met.lock().unwrap();
    Imported {
        outcome,
        cloud,
        expected,
        met,
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs REEVE_VSPHERE_HOST"]
async fn a_machine_is_imported_through_every_trouble() {
    let imported = imported_through(&EVERY_TROUBLE).await;
    assert_eq!(imported.outcome, Outcome::Finished);
    assert_eq!(imported.met, EVERY_TROUBLE.len(), "every trouble was met");
    let data: Vec<Vec<u8>> = imported.cloud.state().image_data.values().cloned().collect();
    assert_eq!(data.len(), 2);
    assert!(imported.expected.iter().all(|disk| data.contains(disk)), "byte by byte");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs REEVE_VSPHERE_HOST"]
async fn a_machine_that_is_started_while_it_is_copied_leaves_no_image() {
    let imported = imported_through(&[(1, 2, "start")]).await;
    assert_eq!(imported.met, 1);
    let Outcome::Paused(PauseReason::Failed { error, .. }) = &imported.outcome else {
        panic!("{:?}", imported.outcome)
    };
    let said = error.message.as_str();
    assert!(
        said.contains("was changed while it was copied") && said.contains("it runs"),
        "{said}"
    );
    assert!(
        imported.cloud.state().image_data.is_empty(),
        "half of one state and half of another is no image"
    );
}
