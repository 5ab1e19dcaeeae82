//! What a person is told and asked before a phase.

use std::io::{BufRead, IsTerminal, Write};

use reeve_journal::plan::Phase;
use tokio::sync::{oneshot, watch};

use super::view::safe;
use crate::exit::Exit;
use crate::failure::Failure;

/// How often a person is asked before silence, or anything but yes and no, counts as no.
const ASKED_AT_MOST: usize = 3;

/// Says what comes in a phase: its hand-overs, and what is missing meanwhile.
pub(super) fn what_comes(phase: &Phase) -> String {
    let steps: usize = phase.hand_overs.iter().map(|it| it.steps.len()).sum();
    let (name, title, why) = (&phase.name, safe(&phase.title), safe(&phase.why));
    let mut text = format!("\nPhase {name}: {title} ({steps} steps)\n  {why}\n");
    for hand_over in &phase.hand_overs {
        text.push_str(&format!("  - {}\n", safe(&hand_over.title)));
        for interrupted in hand_over.steps.iter().filter_map(|step| step.interrupts.as_ref()) {
            let (what, seconds) = (safe(&interrupted.what), interrupted.about_seconds);
            text.push_str(&format!("      {what} (about {seconds} s)\n"));
        }
    }
    text
}

/// Tells whether there is anybody to ask.
pub(in crate::command) fn somebody_is_there() -> bool {
    std::io::stdin().is_terminal()
}

/// Asks a question on the terminal; no without one, no after a signal.
pub(super) async fn asked(question: &str, signals: &mut watch::Receiver<u32>) -> Result<bool, Failure> {
    if !somebody_is_there() {
        return Ok(false);
    }
    let before = *signals.borrow();
    for _ in 0..ASKED_AT_MOST {
        let mut err = std::io::stderr().lock();
        write!(err, "{question} [yes/no] ")
            .and_then(|()| err.flush())
            .map_err(|error| Failure::new(Exit::Usage, format!("could not ask: {error}")))?;
        drop(err);
        let answer = tokio::select! {
            answer = line() => answer?,
            _ = signals.wait_for(|count| *count > before) => return Ok(false),
        };
        match answer.trim() {
            "yes" | "y" => return Ok(true),
            "no" | "n" | "" => return Ok(false),
            _ => {}
        }
    }
    Ok(false)
}

/// Reads a line from standard input.
///
/// On a thread of its own that nobody waits for: a read of a terminal cannot be taken back, and the process must be able to end meanwhile.
async fn line() -> Result<String, Failure> {
    let (sender, receiver) = oneshot::channel();
    std::thread::spawn(move || {
        let mut answer = String::new();
        let read = std::io::stdin().lock().read_line(&mut answer).map(|_| answer);
        // Whoever asked may be gone.
        let _ = sender.send(read);
    });
    let failed = |error: &dyn std::fmt::Display| Failure::new(Exit::Usage, format!("could not ask: {error}"));
    receiver
        .await
        .map_err(|error| failed(&error))?
        .map_err(|error| failed(&error))
}

/// Asks before there is a run.
pub(in crate::command) fn asked_now(question: &str) -> Result<bool, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .map_err(|error| Failure::new(Exit::Usage, format!("could not ask: {error}")))?;
    // Without a handler Ctrl-C ends the process, and nothing has begun.
    let (_sender, mut signals) = watch::channel(0);
    runtime.block_on(asked(question, &mut signals))
}
