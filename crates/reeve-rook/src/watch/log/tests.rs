//! The samples file: round trip, torn ends, damage, size.

use std::os::unix::fs::MetadataExt;

use proptest::prelude::*;

use super::*;
use crate::watch::{Answer, ClientIo, ClusterView};

struct Desk {
    _dir: tempfile::TempDir,
    journal: Utf8PathBuf,
}

fn desk() -> Desk {
    let dir = tempfile::tempdir().unwrap();
    let journal = Utf8PathBuf::from_path_buf(dir.path().join("20261121T091500Z-rook-4f2a.journal")).unwrap();
    Desk { _dir: dir, journal }
}

fn begin() -> SessionBegin {
    SessionBegin {
        format: SAMPLES_FORMAT,
        run: "20261121T091500Z-rook-4f2a".into(),
        at: Timestamp::UNIX_EPOCH,
        interval_ms: 1000,
        client: None,
        rehearsal: false,
    }
}

fn sample(second: i64) -> Sample {
    Sample {
        at: Timestamp::from_second(second).unwrap(),
        took_ms: 300,
        answer: Answer::Cluster(ClusterView {
            health: "HEALTH_OK".into(),
            ..ClusterView::default()
        }),
        client: (second % 2 == 0).then(ClientIo::default),
    }
}

#[test]
fn samples_come_back_and_each_process_has_its_own() {
    let desk = desk();
    assert_eq!(Samples::read(&desk.journal).unwrap(), None);
    for first in [0, 10] {
        let mut log = SampleLog::begin(&desk.journal, begin()).unwrap();
        for second in first..first + 3 {
            log.write(&SampleLine::Sample(sample(second))).unwrap();
        }
        if first == 0 {
            let at = Timestamp::from_second(3).unwrap();
            let because = "slow".to_owned();
            log.write(&SampleLine::Stopped(StopAsked { at, because })).unwrap();
            log.write(&SampleLine::End { at }).unwrap();
        }
    }
    let samples = Samples::read(&desk.journal).unwrap().unwrap();
    assert_eq!(
        (samples.sessions.len(), samples.iter().count(), samples.unreadable_lines),
        (2, 6, 0)
    );
    assert_eq!(samples.last(), Some(&sample(12)));
    assert_eq!(samples.sessions[0].stopped.as_ref().unwrap().because, "slow");
    assert_eq!(
        (samples.sessions[0].ended_at.is_some(), samples.sessions[1].ended_at),
        (true, None)
    );
    let mode = std::fs::metadata(samples_path(&desk.journal)).unwrap().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_line_that_a_crash_has_cut_is_dropped() {
    let desk = desk();
    let path = samples_path(&desk.journal);
    let mut log = SampleLog::begin(&desk.journal, begin()).unwrap();
    log.write(&SampleLine::Sample(sample(1))).unwrap();
    log.write(&SampleLine::Sample(sample(2))).unwrap();
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() - 30]).unwrap();
    let samples = Samples::read(&desk.journal).unwrap().unwrap();
    assert_eq!((samples.iter().count(), samples.unreadable_lines), (1, 0));
    let mut log = SampleLog::begin(&desk.journal, begin()).unwrap();
    log.write(&SampleLine::Sample(sample(3))).unwrap();
    let samples = Samples::read(&desk.journal).unwrap().unwrap();
    let seconds: Vec<i64> = samples.iter().map(|sample| sample.at.as_second()).collect();
    assert_eq!((seconds, samples.unreadable_lines), (vec![1, 3], 0));
}

#[test]
fn a_newer_format_is_named_and_damage_is_counted() {
    let desk = desk();
    let path = samples_path(&desk.journal);
    let mut log = SampleLog::begin(&desk.journal, begin()).unwrap();
    log.write(&SampleLine::Sample(sample(1))).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(
        &path,
        format!("{text}noise\n{{\"unknown\":1}}\n{}\n", "x".repeat(100_000)),
    )
    .unwrap();
    let samples = Samples::read(&desk.journal).unwrap().unwrap();
    assert_eq!(samples.iter().count(), 1);
    assert!(samples.unreadable_lines >= 3, "{}", samples.unreadable_lines);
    std::fs::write(&path, text.replacen("\"format\":1", "\"format\":2", 1)).unwrap();
    let error = Samples::read(&desk.journal).unwrap_err().to_string();
    assert!(
        error.contains("of format 2, and this version reads format 1"),
        "{error}"
    );
}

#[test]
fn a_file_that_is_full_takes_only_what_is_not_a_sample() {
    let desk = desk();
    let mut log = SampleLog::begin_within(&desk.journal, begin(), 2_000).unwrap();
    for second in 0..1000 {
        log.write(&SampleLine::Sample(sample(second))).unwrap();
    }
    let at = Timestamp::UNIX_EPOCH;
    log.write(&SampleLine::End { at }).unwrap();
    assert!(std::fs::metadata(log.path()).unwrap().len() < 4_000);
    assert_eq!(
        Samples::read(&desk.journal).unwrap().unwrap().sessions[0].ended_at,
        Some(at)
    );
}

proptest! {
    /// Whatever bytes are in the file: no panic, and a process that begins in it is read.
    #[test]
    fn any_file_can_be_read_and_begun_in(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        let desk = desk();
        std::fs::write(samples_path(&desk.journal), &bytes).unwrap();
        let _ = Samples::read(&desk.journal).unwrap();
        let mut log = SampleLog::begin(&desk.journal, begin()).unwrap();
        log.write(&SampleLine::Sample(sample(1))).unwrap();
        let samples = Samples::read(&desk.journal).unwrap().unwrap();
        prop_assert_eq!(samples.last(), Some(&sample(1)));
    }
}
