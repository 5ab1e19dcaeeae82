//! Journals that were cut, truncated or changed: what loads is a true prefix of what was written, or there is a clear error.

mod model;

use camino::Utf8PathBuf;
use model::{Model, Workplace, World, engine, plan};
use proptest::prelude::*;
use reeve_journal::{Event, Journal, JournalError, Record, RunId, Runs, Until};

/// The two files of a journal as they were at one moment, as a crash of the machine would leave them.
#[derive(Clone)]
struct Image {
    run: RunId,
    main: Vec<u8>,
    log: Vec<u8>,
}

impl Image {
    fn of(journal: &Journal) -> Self {
        let path = journal.path();
        let read = |path: &str| std::fs::read(path).unwrap_or_default();
        Self {
            run: journal.run().clone(),
            main: read(path.as_str()),
            log: read(&format!("{path}-wal")),
        }
    }

    /// Reads the files' records, in a directory of their own.
    fn load(&self) -> Result<Vec<Record>, JournalError> {
        let directory = tempfile::tempdir().expect("a directory can be made");
        let path = Utf8PathBuf::from_path_buf(directory.path().join("runs")).expect("its name is UTF-8");
        let runs = Runs::in_dir(path).expect("it can be made");
        let journal = runs.path(&self.run);
        std::fs::write(&journal, &self.main).expect("it can be written");
        if !self.log.is_empty() {
            std::fs::write(format!("{journal}-wal"), &self.log).expect("it can be written");
        }
        let shown = runs.show(&self.run).map(|detail| detail.records);
        // The list must cope with whatever `show` copes with or not.
        let (listed, unreadable) = runs.list().expect("the directory can be read");
        assert_eq!(
            (listed.len(), unreadable.len()),
            if shown.is_ok() { (1, 0) } else { (0, 1) }
        );
        shown
    }
}

/// Appends the same as the engine would, with an image after each record.
fn history() -> (Vec<Image>, Vec<Record>) {
    let place = Workplace::new();
    let mut journal = place.create(plan());
    let mut images = vec![Image::of(&journal)];
    let mut events: Vec<Event> = Vec::new();
    for phase in &plan().phases {
        events.push(Event::PhaseApproved {
            phase: phase.name.clone(),
            by: "test".to_owned(),
        });
    }
    for (_, _, step) in plan().steps().take(4) {
        let (step, output) = (step.id.clone(), serde_json::json!({ "token": 7 }));
        events.push(Event::StepStarted {
            step: step.clone(),
            attempt: 1,
        });
        events.push(Event::StepDone {
            step,
            changed: true,
            output,
        });
    }
    for event in events {
        journal.append(event).expect("it is in order");
        images.push(Image::of(&journal));
    }
    let run = journal.run().clone();
    (images, place.runs.show(&run).expect("it can be read").records)
}

#[test]
fn a_cut_after_any_record_loads_exactly_the_records_so_far() {
    let (images, records) = history();
    for (at, image) in images.iter().enumerate() {
        // The first image already has the making and the taking of the run.
        assert_eq!(image.load().unwrap(), records[..at + 2], "after record {}", at + 2);
    }
}

#[test]
fn a_log_truncated_anywhere_loads_a_prefix() {
    let (images, records) = history();
    let whole = images.last().unwrap();
    let (mut lengths, mut last) = (std::collections::BTreeSet::new(), 0);
    // Every boundary of a frame (24 bytes of head, 4096 of page; 32 bytes of file head), its neighbours, and a comb between.
    for frame in 0..=(whole.log.len() / 4120) {
        let boundary = 32 + frame * 4120;
        lengths.extend([boundary - 1, boundary, boundary + 1, boundary + 24, boundary + 2000]);
    }
    for length in lengths.into_iter().filter(|length| *length <= whole.log.len()) {
        let cut = Image {
            log: whole.log[..length].to_vec(),
            ..whole.clone()
        };
        let loaded = cut
            .load()
            .unwrap_or_else(|error| panic!("a cut at {length} is an error: {error}"));
        assert!(records.starts_with(&loaded), "a cut at {length} loads something else");
        assert!(loaded.len() >= last, "a longer log never has fewer records");
        last = loaded.len();
    }
    assert_eq!(last, records.len());
}

#[test]
fn a_main_file_truncated_anywhere_is_a_prefix_or_an_error() {
    let (images, records) = history();
    let whole = images.last().unwrap();
    let mut errors = 0;
    for log in [whole.log.clone(), Vec::new()] {
        for length in (0..whole.main.len())
            .step_by(509)
            .chain([1, 16, 100, 4096, 8192, whole.main.len() - 1])
        {
            let cut = Image {
                main: whole.main[..length].to_vec(),
                log: log.clone(),
                ..whole.clone()
            };
            match cut.load() {
                Ok(loaded) => assert!(records.starts_with(&loaded), "a cut at {length} loads something else"),
                Err(error) => {
                    errors += 1;
                    assert!(
                        error.to_string().contains(".journal"),
                        "the error names the file: {error}"
                    );
                }
            }
        }
    }
    assert!(errors > 10, "most cuts of the main file cannot be read: {errors}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever byte of either file is changed, nothing is ever loaded that was not written.
    #[test]
    fn a_changed_byte_is_never_believed(at in any::<prop::sample::Index>(), change in 1_u8.., in_log: bool) {
        use std::sync::LazyLock;
        static HISTORY: LazyLock<(Vec<Image>, Vec<Record>)> = LazyLock::new(history);
        let (images, records) = &*HISTORY;
        let mut image = images.last().unwrap().clone();
        let bytes = if in_log { &mut image.log } else { &mut image.main };
        let index = at.index(bytes.len());
        bytes[index] ^= change;
        if let Ok(loaded) = image.load() {
            prop_assert!(records.starts_with(&loaded));
        }
    }
}

#[tokio::test]
async fn an_edited_record_is_found_whatever_sqlite_thinks_of_it() {
    let (place, world) = (Workplace::new(), World::default());
    engine(place.create(plan()), &Model, &world)
        .run(&Until::End)
        .await
        .unwrap();
    let run = place.runs.find("latest").unwrap();
    let path = place.runs.path(&run);
    let edit = |sql: &str| {
        let image = std::fs::read(&path).unwrap();
        rusqlite::Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        let error = place.runs.show(&run).unwrap_err().to_string();
        std::fs::write(&path, image).unwrap();
        error
    };
    for (sql, expected) in [
        (
            "UPDATE events SET json = replace(json, 'true', 'false') WHERE seq = 6",
            "record 6 is not the one",
        ),
        (
            "UPDATE events SET at = '2020-01-01T00:00:00Z' WHERE seq = 4",
            "record 4 is not the one",
        ),
        ("DELETE FROM events WHERE seq = 5", "record 5 is not the one"),
        ("DELETE FROM events", "it has no records"),
        (
            "UPDATE head SET run = '20200101T000000Z-rook-0000'",
            "record 1 is not the one",
        ),
        (
            "UPDATE head SET plan = CAST(replace(CAST(plan AS TEXT), 'mons.a.first', 'mons.a.other') AS BLOB)",
            "the plan in the journal",
        ),
        (
            "PRAGMA user_version = 2",
            "is of journal format 2, and this version uses format 1",
        ),
        ("PRAGMA application_id = 7", "is not a journal of reeve"),
        ("DROP TABLE events", "cannot read or write the journal"),
    ] {
        let error = edit(sql);
        assert!(error.contains(expected), "{sql}: {error}");
    }
    place.runs.show(&run).unwrap();
}
