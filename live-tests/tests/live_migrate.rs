//! The main job on a real cluster, with a client that writes and verifies all the time. Leaves the laboratory under Rook.

use std::time::Duration;

use reeve_live_tests::{
    ClientIo, Laboratory, Migration, Picture, Sampler, ShortClients, assert_one_failure_domain_at_a_time,
    assert_taken_over, figure, now, seconds_without_quorum, stretches_without_mgr,
};

/// Longest time without an active mgr that the plan's one fail-over may take.
const MGR_AWAY: f64 = 45.0;

#[test]
#[ignore = "needs a running laboratory whose cluster is still a legacy one"]
fn a_cluster_is_taken_over_while_a_client_writes() {
    let lab = Laboratory::open();
    lab.wait("the cluster to be well", Duration::from_secs(120), Laboratory::is_well);
    let digest = an_image_with_known_contents(&lab);
    let before = Picture::take(&lab);
    let epoch = lab.ceph_json(&["mon", "dump"])["epoch"].clone();
    let began = now();
    let sampler = Sampler::start(&lab);
    let client = ClientIo::start(&lab);
    let short_clients = ShortClients::start(&lab);

    let migration = Migration::plan(&lab);
    let said = migration.migrate(&[]);
    assert_eq!(said.code, 0, "{said:?}");

    let outcome = client.stop();
    let (clients, failed) = short_clients.stop();
    let samples = sampler.stop();
    outcome.assert_fine();
    assert!(
        clients > 30 && failed.is_empty(),
        "{clients} clients opened the image anew; these failed: {failed:#?}"
    );
    figure(&format!(
        "take-over of {} s; client: {} MiB written, {} MiB verified, worst write {:.2} s, 99.9 % below {:.3} s",
        now() - began,
        outcome.written >> 20,
        outcome.verified >> 20,
        outcome.worst_write,
        outcome.p999_write
    ));
    for away in migration.away() {
        let clean = away
            .until_clean
            .map(|clean| format!(", clean after {clean:.1}"))
            .unwrap_or_default();
        figure(&format!(
            "{} away {:.1} s, of these {:.1} until released{clean}",
            away.subject, away.until_back, away.until_released
        ));
    }
    let without_mgr = stretches_without_mgr(&samples);
    figure(&format!(
        "{:.1} s without quorum, without an active mgr: {without_mgr:.1?} s, {} samples",
        seconds_without_quorum(&samples),
        samples.len()
    ));

    assert_eq!(
        lab.ceph_json(&["mon", "dump"])["epoch"],
        epoch,
        "the mon map is the same"
    );
    assert_taken_over(&lab, &before, began);
    assert_one_failure_domain_at_a_time(&lab, &samples);
    let fail_overs = migration.steps().iter().filter(|step| step.kind == "fail_mgr").count();
    assert!(
        without_mgr.len() <= fail_overs,
        "{without_mgr:?} with {fail_overs} fail-over planned"
    );
    assert!(without_mgr.iter().all(|seconds| *seconds < MGR_AWAY), "{without_mgr:?}");
    let out: Vec<_> = samples
        .iter()
        .filter_map(|sample| sample.seen.as_ref())
        .filter(|seen| !seen.out.is_empty())
        .collect();
    assert!(out.is_empty(), "OSDs were marked out: {out:?}");
    assert_eq!(
        digest_of_image(&lab),
        digest,
        "what was written before the take-over can be read after it"
    );
}

const IMAGE: &str = "volumes/written-before";

/// Writes an image as the old client and returns a digest of it.
fn an_image_with_known_contents(lab: &Laboratory) -> String {
    let script = format!(
        "rbd --id volumes rm --no-progress {IMAGE} 2>/dev/null; \
         head -c 33554432 /dev/urandom > /root/written-before && \
         rbd --id volumes import --no-progress /root/written-before {IMAGE} && sha256sum < /root/written-before"
    );
    lab.on("client", &["sh", "-c", &script]).fine()
}

fn digest_of_image(lab: &Laboratory) -> String {
    let script = format!("rbd --id volumes export --no-progress {IMAGE} - | sha256sum");
    lab.on("client", &["sh", "-c", &script]).fine()
}
