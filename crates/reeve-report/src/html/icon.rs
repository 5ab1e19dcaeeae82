//! Small shapes that tell severities apart without colour. The word stands beside each, so they are hidden from screen readers.

use maud::{Markup, html};

use crate::{Severity, Tone, Verdict};

/// An octagon with a bar, as on a stop sign.
const STOP: (&str, &str) = ("M5.2 1.5h5.6l3.7 3.7v5.6l-3.7 3.7H5.2L1.5 10.8V5.2z", "M4.8 8h6.4");
/// A triangle with an exclamation mark.
const CAUTION: (&str, &str) = ("M8 1.8 15 14H1z", "M8 6.2v3.6M8 11.6v.4");
/// A circle with an `i`.
const INFORMATION: (&str, &str) = ("M8 1.5a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13z", "M8 7.2v4M8 4.6v.4");
/// A square on its tip with a question mark.
const UNKNOWN: (&str, &str) = (
    "M8 1 15 8 8 15 1 8z",
    "M6.4 6.6c0-2.1 3.2-2.1 3.2 0 0 1.2-1.6 1.3-1.6 2.6M8 11.1v.4",
);
/// A circle with a tick.
const TICK: (&str, &str) = ("M8 1.5a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13z", "M5 8.3l2.1 2.1L11.2 6");
/// A circle with a bar across.
const SET_ASIDE: (&str, &str) = ("M8 1.5a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13z", "M3.6 12.4l8.8-8.8");

pub(super) fn severity(severity: Severity) -> Markup {
    draw(match severity {
        Severity::Refusal => STOP,
        Severity::Warning => CAUTION,
        Severity::Note => INFORMATION,
    })
}

pub(super) fn verdict(verdict: Verdict) -> Markup {
    draw(match verdict {
        Verdict::Fine => TICK,
        Verdict::Warnings => CAUTION,
        Verdict::Refused => STOP,
        Verdict::NotJudged => UNKNOWN,
    })
}

pub(super) fn tone(tone: Tone) -> Markup {
    draw(match tone {
        Tone::Good => TICK,
        Tone::Caution => CAUTION,
        Tone::Bad => STOP,
        Tone::Neutral => INFORMATION,
    })
}

pub(super) fn waived() -> Markup {
    draw(SET_ASIDE)
}

fn draw((outline, sign): (&str, &str)) -> Markup {
    html! {
        svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false" {
            path d=(outline) {}
            path d=(sign) {}
        }
    }
}
