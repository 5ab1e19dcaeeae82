//! The other ways of a disk into the cloud: as it is, staged and converted there; and the comparison of a volume with its disk.

use std::sync::atomic::{AtomicUsize, Ordering};

use reeve_import::apply::Import;
use reeve_import::plan::{ImageFormat, ImageMethod, ImportOptions, Makes};
use reeve_import::{Piece, StreamDisk, decode_stream_in_order};
use reeve_journal::fault::{CrashAfter, crash, until_crash};
use reeve_journal::{Observer, Outcome, PauseReason, Record, Until};
use reeve_openstack::fake::{Behaviour, Converter, Fault};
use sha2::{Digest, Sha512};

use crate::desk::{BOUND, Desk, engine};
use crate::made;

/// Unpacks a disk as the cloud would.
fn raw(format: &str, data: &[u8]) -> Vec<u8> {
    assert_eq!(format, "vmdk");
    let mut disk = Vec::new();
    let mut take = |piece: Piece| {
        match piece {
            Piece::Zeros(length) => disk.resize(disk.len() + length, 0),
            Piece::Data(bytes) => disk.extend(bytes),
        }
        true
    };
    decode_stream_in_order(StreamDisk::open(data, "image").unwrap(), 1, &mut take).unwrap();
    disk
}

fn options(format: ImageFormat, method: ImageMethod) -> ImportOptions {
    ImportOptions {
        format,
        method,
        ..ImportOptions::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_is_sent_as_it_is_arrives_byte_by_byte_and_is_decoded_on_the_way() {
    let desk = Desk::new().await;
    let mut contents = Vec::new();
    for format in [ImageFormat::Raw, ImageFormat::Vmdk] {
        let plan = desk.planned(options(format, ImageMethod::Upload)).await;
        let outcome = desk.goes(&plan).await;
        assert_eq!(outcome, Outcome::Finished);
        contents.push(desk.report().disks[0].image.clone().unwrap().content);
        if format == ImageFormat::Vmdk {
            let state = desk.cloud.state();
            let image = state.collections["images"].last().unwrap();
            assert_eq!(image["disk_format"], "vmdk");
            assert!(state.image_data.values().next() == Some(&made::stream(&desk.disk)));
        }
        desk.undo(&plan).await;
    }
    // Whatever the format of the image, its content is the same.
    assert!(contents[0].is_some() && contents[0] == contents[1], "{contents:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_cannot_be_decoded_does_not_arrive() {
    let desk = Desk::new().await;
    let plan = desk.planned(options(ImageFormat::Vmdk, ImageMethod::Upload)).await;
    // In the middle of the disk's stream, where no fingerprint looks: the archive's head and tail stay as they are.
    let mut archive = std::fs::read(desk.source()).unwrap();
    let stream = made::stream(&desk.disk);
    let at = archive
        .windows(4096)
        .position(|window| window == &stream[..4096])
        .unwrap();
    let inner = at + stream.len() / 2;
    archive[inner..inner + 512].fill(0xa5);
    std::fs::write(desk.source(), archive).unwrap();
    let outcome = desk.goes(&plan).await;
    assert!(matches!(outcome, Outcome::Paused(_)), "{outcome:?}");
    assert_eq!(desk.made()["images"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_staged_and_made_raw_by_the_cloud_survives_a_death_after_any_event() {
    let desk = Desk::new().await;
    {
        let mut state = desk.cloud.state();
        state.converter = Converter::new(raw);
        state.converts_imports = true;
    }
    let plan = desk
        .planned(options(ImageFormat::Vmdk, ImageMethod::GlanceDirect))
        .await;
    for events in 1..BOUND {
        let world = desk.world(&plan).await;
        let crash = CrashAfter::events(events);
        let mut working = engine(desk.create(&plan), &Import, &world).observed_by(&crash);
        let outcome = until_crash(working.run(&Until::End)).await;
        drop(working);
        let context = format!("crash after {events} events");
        if outcome.is_none() {
            desk.finish(&plan).await;
        }
        assert_eq!(desk.made()["images"], 1, "{context}");
        assert_eq!(desk.cloud.state().asked("/stage"), 1, "sent once: {context}");
        let image = desk.report().disks[0].image.clone().unwrap();
        let formats = (image.format.as_str(), image.sent_as.as_deref());
        assert_eq!(formats, ("raw", Some("vmdk")), "{context}");
        assert!(
            desk.cloud.state().image_data.values().next() == Some(&desk.disk),
            "{context}"
        );
        desk.undo(&plan).await;
        desk.assert_empty(&context);
        desk.cloud.state().requests.clear();
        if let Some(outcome) = outcome {
            assert_eq!(outcome.unwrap(), Outcome::Finished);
            return;
        }
    }
    panic!("no run came to its end");
}

/// Each run digests some GiB, so a process dies only after the events of the two steps that this is about.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_volume_is_proved_whenever_a_process_dies() {
    let desk = Desk::new().await;
    desk.cloud.state().copies_whole = true;
    let plan = desk
        .planned(ImportOptions {
            makes: Makes::Volumes,
            verify_volumes: true,
            ..ImportOptions::default()
        })
        .await;
    let mut whole = desk.disk.clone();
    whole.resize(1 << 30, 0);
    let expected = hex::encode(Sha512::digest(&whole));
    for (step, count) in [
        ("volumes/disk1/prove_volume", 1),
        ("volumes/disk1/prove_volume", 2),
        ("volumes/disk1/remove_proof", 1),
    ] {
        let crash = CrashIn(step, AtomicUsize::new(count));
        let world = desk.world(&plan).await;
        let mut working = engine(desk.create(&plan), &Import, &world).observed_by(&crash);
        let outcome = until_crash(working.run(&Until::End)).await;
        drop(working);
        let context = format!("crash after {count} events of {step}");
        assert!(outcome.is_none(), "{context}");
        desk.finish(&plan).await;
        // The image that was made for the proof is gone again.
        let made = desk.made();
        assert_eq!((made["images"], made["volumes"]), (1, 2), "{context}");
        let proofs = desk.report().proofs;
        assert_eq!(proofs.len(), 1, "{context}");
        assert_eq!(proofs[0].digest, expected, "{context}");
        desk.undo(&plan).await;
        desk.assert_empty(&context);
    }
}

/// Crashes after so many events of one step.
struct CrashIn(&'static str, AtomicUsize);

impl Observer for CrashIn {
    fn record(&self, record: &Record) {
        let is_of_step = format!("{record:?}").contains(self.0);
        if is_of_step && self.1.fetch_sub(1, Ordering::SeqCst) == 1 {
            crash();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_volume_that_does_not_hold_the_disk_is_told_and_taken_back() {
    let desk = Desk::new().await;
    {
        let mut state = desk.cloud.state();
        state.copies_whole = true;
        state.loses_data = true;
    }
    let plan = desk
        .planned(ImportOptions {
            makes: Makes::Volumes,
            verify_volumes: true,
            ..ImportOptions::default()
        })
        .await;
    let outcome = desk.goes(&plan).await;
    let Outcome::Paused(PauseReason::Failed { error, step }) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(step.as_str(), "volumes/disk1/prove_volume");
    assert!(error.to_string().contains("DOES NOT HOLD THE DISK"), "{error}");
    // The volume stands or falls with its proof; the image stays, for whoever looks into it.
    let made = desk.made();
    assert_eq!((made["images"], made["volumes"]), (1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_encrypted_volume_is_not_compared() {
    let desk = Desk::new().await;
    {
        let mut state = desk.cloud.state();
        state.encrypts = vec!["luks".to_owned()];
        state.add("volume_types", serde_json::json!({ "id": "luks", "name": "luks" }));
    }
    let plan = desk
        .planned(ImportOptions {
            makes: Makes::Volumes,
            verify_volumes: true,
            volume_type: Some("luks".to_owned()),
            ..ImportOptions::default()
        })
        .await;
    let outcome = desk.goes(&plan).await;
    let Outcome::Paused(PauseReason::Refused { because, .. }) = outcome else {
        panic!("{outcome:?}");
    };
    assert!(because.contains("the volume is encrypted"), "{because}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_that_the_cloud_refuses_leaves_no_image() {
    let desk = Desk::new().await;
    let plan = desk.planned(options(ImageFormat::Raw, ImageMethod::GlanceDirect)).await;
    let reply = Behaviour::Status(403, Vec::new(), "Import is not allowed here".to_owned());
    desk.cloud.fault(Fault::always("POST /image/v2/images/image-", reply));
    let outcome = desk.goes(&plan).await;
    let Outcome::Paused(PauseReason::Failed { error, .. }) = outcome else {
        panic!("{outcome:?}");
    };
    assert!(error.to_string().contains("Import is not allowed here"), "{error}");
    assert_eq!(desk.made()["images"], 0);
    desk.cloud.state().faults.clear();
    desk.finish(&plan).await;
    assert!(desk.cloud.state().image_data.values().next() == Some(&desk.disk));
}
