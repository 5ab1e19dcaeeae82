//! A process that writes events as fast as it can and is killed with -9 loses none that it had acknowledged.
//!
//! Without a test harness, because the program starts itself again as that process.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use camino::Utf8PathBuf;
use reeve_journal::{Event, Holder, RecordedError, Runs};

#[path = "model/mod.rs"]
mod model;

const ROUNDS: u64 = 12;

fn main() {
    let mut arguments = std::env::args().skip(1);
    match (arguments.next().as_deref(), arguments.next()) {
        (Some("--write-events-to"), Some(directory)) => write_events(directory.into()),
        _ => a_killed_writer_loses_nothing_that_it_acknowledged(),
    }
}

/// Begins and fails the first step over and over, and says after each event that it is written.
fn write_events(directory: Utf8PathBuf) {
    let runs = Runs::in_dir(directory).expect("the directory is there");
    let run = runs.find("latest").expect("the run is there");
    let holder = Holder::this_process("testhost", "reeve 0.1.0");
    let mut journal = runs.open(&run, &holder).expect("the lock of the killed one is gone");
    let step = journal.plan().phases[0].hand_overs[0].steps[0].id.clone();
    let mut out = std::io::stdout();
    loop {
        let attempt = journal.state().progress()[0].attempts + 1;
        for event in [
            Event::StepStarted {
                step: step.clone(),
                attempt,
            },
            Event::StepFailed {
                step: step.clone(),
                error: RecordedError::message("again"),
            },
        ] {
            let record = journal.append(event).expect("it is in order");
            writeln!(out, "{}", record.seq)
                .and_then(|()| out.flush())
                .expect("the test listens");
        }
    }
}

fn a_killed_writer_loses_nothing_that_it_acknowledged() {
    let place = model::Workplace::new();
    let mut journal = place.create(model::plan());
    let run = journal.run().clone();
    let phase = journal.plan().phases[0].name.clone();
    journal
        .append(Event::PhaseApproved {
            phase,
            by: "test".to_owned(),
        })
        .expect("it is in order");
    drop(journal);

    let mut total = 0;
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().expect("this program has a path"))
            .args(["--write-events-to", place.runs.directory().as_str()])
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts again");
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let mut acknowledged = 0;
        // Different moments within a write, by time and not by count.
        let mut until = None;
        for line in &mut lines {
            acknowledged = line.expect("it is text").parse().expect("it is a number");
            let until = *until.get_or_insert_with(|| Instant::now() + Duration::from_micros(20_000 + round * 7_321));
            if Instant::now() >= until {
                break;
            }
        }
        child.kill().expect("it can be killed");
        child.wait().expect("it ends");
        for line in lines {
            // The last line may be cut by the kill; every whole one is a promise.
            if let Some(seq) = line.ok().and_then(|line| line.parse().ok()) {
                acknowledged = acknowledged.max(seq);
            }
        }
        let records = place.runs.show(&run).expect("the journal can be read").records;
        let written = records.last().map_or(0, |record| record.seq);
        assert!(
            acknowledged > 0 && written >= acknowledged,
            "round {round}: {written} of {acknowledged}"
        );
        assert!(
            written <= acknowledged + 1,
            "one event at most is written and not acknowledged"
        );
        assert!(written > total, "round {round} wrote something");
        total = written;
    }
    let mut out = std::io::stdout();
    writeln!(
        out,
        "test a_killed_writer_loses_nothing_that_it_acknowledged ... ok ({ROUNDS} kills, {total} events)"
    )
    .expect("somebody listens");
}
