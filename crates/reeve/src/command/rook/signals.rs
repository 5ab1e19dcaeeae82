//! Ctrl-C and SIGTERM while a run is at work: the first stops it in good order, the next ones say what it still does.

use std::sync::Arc;

use reeve_journal::Cancellation;
use tokio::sync::watch;

use super::display::Display;
use crate::command::signals::Signals;

/// Counts the signals that have come.
pub(super) fn listen(run: &str, display: Arc<Display>, cancellation: Cancellation) -> watch::Receiver<u32> {
    let (count, counted) = watch::channel(0);
    let run = run.to_owned();
    tokio::spawn(async move {
        // Without handlers a signal ends the process, which a run survives as well.
        let Ok(mut signals) = Signals::listen() else { return };
        loop {
            signals.next().await;
            let mut is_first = false;
            count.send_modify(|count| {
                *count += 1;
                is_first = *count == 1;
            });
            display.note(&said(&run, is_first, &display));
            cancellation.cancel();
        }
    });
    counted
}

fn said(run: &str, is_first: bool, display: &Display) -> String {
    let Some(step) = display.in_hand() else {
        return "stopping before the next step".into();
    };
    let left = step.at_most.saturating_sub(step.since).as_secs();
    if step.only_waits {
        return format!("stopping: \"{}\" only waits and is left at once", step.what);
    }
    if is_first {
        return format!(
            "stopping: \"{}\" is brought to its end first, which takes {left} s at most (again to hear how far it is)",
            step.what
        );
    }
    format!(
        "\"{}\" still runs, since {} s, and ends within {left} s. A run survives `kill -9 {}` at any moment: `reeve rook resume {run}` then finds out how far it got.",
        step.what,
        step.since.as_secs(),
        std::process::id()
    )
}

#[cfg(test)]
mod tests {
    use reeve_journal::{Event, Record};
    use reeve_rook::plan::{Options, plan};
    use reeve_rook::sample::Cluster;

    use super::*;
    use crate::command::rook::display::Manner;
    use crate::command::rook::progress::RecordLines;
    use crate::command::rook::view::View;
    use crate::printer::{Colour, Printer};

    #[test]
    fn what_is_said_fits_the_step_in_hand() {
        let plan = plan(&Cluster::default().facts(), &Options::default()).unwrap();
        let printer = Printer::new(true, Colour::Never, true, None);
        let display = Display::new(&printer, Manner::Plain, View::new(&plan), RecordLines::new(&plan));
        assert_eq!(said("RUN", true, &display), "stopping before the next step");
        let in_hand = |kind: &str| {
            let step = plan
                .steps()
                .map(|(_, _, step)| step)
                .find(|step| step.kind.as_str() == kind)
                .unwrap();
            let record = Record {
                seq: 1,
                at: jiff::Timestamp::now(),
                event: Event::StepStarted {
                    step: step.id.clone(),
                    attempt: 1,
                },
            };
            display.replay(&[record], &[]);
        };
        in_hand("await_osd_up");
        assert!(said("RUN", true, &display).ends_with("only waits and is left at once"));
        in_hand("stop_unit");
        let (first, second) = (said("RUN", true, &display), said("RUN", false, &display));
        assert!(
            first.contains("is brought to its end first, which takes 300 s at most") || first.contains("299 s"),
            "{first}"
        );
        assert!(
            second.contains("still runs, since 0 s") && second.contains("`reeve rook resume RUN`"),
            "{second}"
        );
    }
}
