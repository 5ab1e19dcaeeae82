use camino::Utf8PathBuf;

use super::*;
use crate::plan::sample;

fn made() -> (tempfile::TempDir, Utf8PathBuf, Holder) {
    let directory = tempfile::tempdir().unwrap();
    let run = RunId::new("20261121T091500Z-model-4f2a").unwrap();
    let path = Utf8PathBuf::from_path_buf(directory.path().join(format!("{run}.journal"))).unwrap();
    let holder = Holder::this_process("n1", "reeve 0.1.0");
    drop(Journal::create(&path, run, sample::plan(1).seal(), &holder, Clock::default()).unwrap());
    (directory, path, holder)
}

#[test]
fn an_order_that_cannot_be_is_refused_on_load_though_every_checksum_fits() {
    let (_directory, path, holder) = made();
    let (file, records) = JournalFile::read(&path, Access::Write).unwrap();
    let record = Record {
        seq: records.len() as u64 + 1,
        at: jiff::Timestamp::now(),
        event: Event::Finished,
    };
    insert(&file.connection, &file.chain, &record).unwrap();
    drop(file);
    let error = Journal::open(&path, &holder, Clock::default()).unwrap_err();
    let JournalError::Order { source, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!(
        source.to_string(),
        "record 3 is the end of the run, where an event of the steps that are left was due"
    );
}

#[test]
fn an_event_out_of_order_is_not_written() {
    let (_directory, path, holder) = made();
    let mut journal = Journal::open(&path, &holder, Clock::default()).unwrap();
    let seq = journal.state().seq();
    assert!(matches!(journal.append(Event::Finished), Err(JournalError::Refused(_))));
    drop(journal);
    assert_eq!(JournalFile::read(&path, Access::Read).unwrap().1.len() as u64, seq);
}

#[test]
fn a_full_disk_is_called_by_its_name() {
    let (_directory, path, holder) = made();
    let mut journal = Journal::open(&path, &holder, Clock::default()).unwrap();
    let connection = &journal.file.connection;
    let pages: u32 = connection
        .pragma_query_value(None, "page_count", |row| row.get(0))
        .unwrap();
    // SQLite's own limit says what a full disk does, without filling one.
    connection
        .pragma_update_and_check(None, "max_page_count", pages, |row| row.get::<_, u32>(0))
        .unwrap();
    let reason = crate::PauseReason::Refused {
        step: journal.plan().steps().next().unwrap().2.id.clone(),
        because: "long ".repeat(4000),
    };
    let error = journal.append(Event::Paused { reason }).unwrap_err();
    assert!(matches!(error, JournalError::Full { .. }), "{error:?}");
    assert!(error.to_string().contains("the disk is full"), "{error}");
}

#[test]
fn after_a_write_that_failed_nothing_more_is_written() {
    let (_directory, path, holder) = made();
    let mut journal = Journal::open(&path, &holder, Clock::default()).unwrap();
    journal.file.connection.pragma_update(None, "query_only", true).unwrap();
    let paused = || Event::Paused {
        reason: crate::PauseReason::Asked,
    };
    assert!(matches!(journal.append(paused()), Err(JournalError::Database { .. })));
    journal
        .file
        .connection
        .pragma_update(None, "query_only", false)
        .unwrap();
    assert!(matches!(journal.append(paused()), Err(JournalError::Broken { .. })));
    assert_eq!(
        *journal.state().condition(),
        crate::Condition::Taken,
        "the state does not run ahead of the file"
    );
}

#[test]
fn a_journal_exists_whole_or_not_at_all() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| Utf8PathBuf::from_path_buf(directory.path().join(name)).unwrap();
    let run = RunId::new("20261121T091500Z-model-4f2a").unwrap();
    let holder = Holder::this_process("n1", "reeve 0.1.0");
    let mut twice = sample::plan(1);
    let again = twice.phases[0].clone();
    twice.phases.push(again);
    let journal = path("20261121T091500Z-model-4f2a.journal");
    let error = Journal::create(&journal, run.clone(), twice.seal(), &holder, Clock::default()).unwrap_err();
    assert!(matches!(error, JournalError::Plan { .. }), "{error}");
    assert!(!journal.exists());
    drop(Journal::create(&journal, run.clone(), sample::plan(1).seal(), &holder, Clock::default()).unwrap());
    let again = Journal::create(&journal, run, sample::plan(1).seal(), &holder, Clock::default()).unwrap_err();
    assert!(
        matches!(again, JournalError::Io { .. }),
        "a run is never written over: {again}"
    );
    let names: Vec<String> = directory
        .path()
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with('.'))
        .collect();
    assert_eq!(names, Vec::<String>::new(), "nothing temporary is left");
}
