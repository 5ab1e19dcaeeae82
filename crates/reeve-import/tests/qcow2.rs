//! Images in qcow2, read back cluster by cluster as the format's own description says, and by qemu-img.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails, and says where")]

mod made;

use std::sync::Arc;

use camino::Utf8Path;
use reeve_import::apply::{Import, NobodyWatches, Pace, World};
use reeve_import::plan::{ImageFormat, ImportOptions, discover, plan};
use reeve_import::{Depth, survey_source};
use reeve_journal::{Cancellation, Engine, Holder, Outcome, Runs, Until};
use reeve_openstack::fake::FakeCloud;
use reeve_openstack::{Access, Session, SessionOptions};

const CLUSTER: usize = 65536;

/// Imports a disk as qcow2 into a cloud in this process, and returns what the cloud got.
async fn imported(file: &str, bytes: &[u8]) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let path = Utf8Path::from_path(dir.path()).unwrap();
    std::fs::write(path.join(file), bytes).unwrap();
    let cloud = FakeCloud::start().await;
    let options = SessionOptions {
        access: Access::ReadWrite,
        ..SessionOptions::default()
    };
    let session = Session::connect(cloud.config(), &options).unwrap();
    let options = ImportOptions {
        format: ImageFormat::Qcow2,
        accept_licences: true,
        ..ImportOptions::default()
    };
    let source = survey_source(&path.join(file), Depth::Tables).unwrap().remove(0);
    let facts = discover(&session, options.makes).await.unwrap();
    let plan = plan(&source, &facts, &options, "reeve 0.1.0").unwrap();
    let runs = Runs::in_dir(path.join("runs")).unwrap();
    let journal = runs
        .create(plan.clone(), &Holder::this_process("test", "reeve 0.1.0"))
        .unwrap();
    let world = World::connect(
        session,
        &plan.target,
        Pace::default(),
        Cancellation::default(),
        Arc::new(NobodyWatches),
    );
    let world = world.await.unwrap();
    let mut engine = Engine::new(journal, &Import, &world).unwrap();
    engine.approve_all("test").unwrap();
    assert_eq!(engine.run(&Until::End).await.unwrap(), Outcome::Finished);
    let state = cloud.state();
    state.image_data.values().next().unwrap().clone()
}

fn large(image: &[u8], at: usize) -> usize {
    usize::try_from(u64::from_be_bytes(image[at..at + 8].try_into().unwrap()) & !(1 << 63)).unwrap()
}

fn small(image: &[u8], at: usize) -> usize {
    u32::from_be_bytes(image[at..at + 4].try_into().unwrap()) as usize
}

/// Reads an image back, and checks that every cluster is counted once and used once.
fn read_back(image: &[u8]) -> Vec<u8> {
    assert_eq!(&image[..4], b"QFI\xfb");
    assert_eq!(
        (small(image, 4), 1 << small(image, 20), small(image, 96)),
        (3, CLUSTER, 4)
    );
    assert!(image.len().is_multiple_of(CLUSTER));
    let (size, entries, table) = (large(image, 24), small(image, 36), large(image, 40));
    let mut used = vec![0_u32; image.len() / CLUSTER];
    let mut use_once = |at: usize| {
        assert!(at.is_multiple_of(CLUSTER) && at > 0);
        used[at / CLUSTER] += 1;
    };
    for cluster in 0..(entries * 8).div_ceil(CLUSTER) {
        use_once(table + cluster * CLUSTER);
    }
    let (counts, count_clusters) = (large(image, 48), small(image, 56));
    for cluster in 0..count_clusters {
        use_once(counts + cluster * CLUSTER);
    }
    let mut disk = vec![0; size];
    for entry in 0..entries {
        let below = large(image, table + entry * 8);
        if below == 0 {
            continue;
        }
        use_once(below);
        for slot in 0..CLUSTER / 8 {
            let at = large(image, below + slot * 8);
            if at == 0 {
                continue;
            }
            use_once(at);
            let start = (entry * (CLUSTER / 8) + slot) * CLUSTER;
            let end = (start + CLUSTER).min(size);
            disk[start..end].copy_from_slice(&image[at..at + end - start]);
        }
    }
    for block in 0..count_clusters * CLUSTER / 8 {
        let at = large(image, counts + block * 8);
        if at == 0 {
            continue;
        }
        use_once(at);
        for slot in 0..CLUSTER / 2 {
            let count = u16::from_be_bytes(image[at + slot * 2..][..2].try_into().unwrap());
            let cluster = block * CLUSTER / 2 + slot;
            assert_eq!(count, u16::from(cluster < image.len() / CLUSTER), "cluster {cluster}");
        }
    }
    used[0] += 1;
    assert!(used.iter().all(|count| *count == 1), "every cluster is used once");
    disk
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sent_is_the_disk_with_holes() {
    for disk in [made::content(20 * made::GRAIN), made::content(512)] {
        let image = imported("disk.vmdk", &made::stream(&disk)).await;
        assert!(read_back(&image) == disk, "{} bytes", disk.len());
    }
    // Over two tables of the second level.
    let mut disk = made::content(12 * made::GRAIN);
    disk.resize(520 << 20, 0);
    disk.extend(made::content(3 * made::GRAIN + 512));
    let image = imported("disk.vmdk", &made::sparse(&disk, true)).await;
    assert!(read_back(&image) == disk);
    assert!(image.len() < 30 * CLUSTER, "holes are not sent: {}", image.len());
    let image = imported("web.ova", &made::ova(&made::content(made::GRAIN))).await;
    assert!(read_back(&image) == made::content(made::GRAIN));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs qemu-img (Debian package qemu-utils)"]
async fn qemu_img_reads_it_and_finds_nothing_wrong() {
    // Over three tables of the second level, of which the middle one has nothing.
    let mut disk = made::content(40 * made::GRAIN + 512);
    disk.resize(1100 << 20, 0);
    disk.extend(made::content(made::GRAIN));
    let image = imported("disk.vmdk", &made::sparse(&disk, true)).await;
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("disk.qcow2"), image).unwrap();
    std::fs::write(dir.path().join("disk.raw"), disk).unwrap();
    for words in [
        &["check", "disk.qcow2"][..],
        &["compare", "-f", "qcow2", "-F", "raw", "disk.qcow2", "disk.raw"],
    ] {
        let status = std::process::Command::new("qemu-img")
            .args(words)
            .current_dir(dir.path())
            .status()
            .unwrap();
        assert!(status.success(), "qemu-img {words:?}");
    }
}
