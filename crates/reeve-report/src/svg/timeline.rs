//! Spans of time in lanes.

use maud::{Markup, html};

use super::scale::{TimeScale, WIDTH, number};
use super::{Bar, Lane, Look, Timeline};

/// Height of a lane in its own units.
const HEIGHT: f64 = 20.0;

/// Narrowest span that is seen, in the picture's units: about two pixels on a narrow screen.
const NARROWEST: f64 = 5.0;

/// Most lanes that are not folded.
const OPEN_LANES: usize = 60;

/// Returns the timeline; `id` is unique on the page.
pub(crate) fn timeline(id: &str, timeline: &Timeline) -> Markup {
    let scale = TimeScale::new(timeline.from, timeline.to);
    let (open, folded) = timeline.lanes.split_at(timeline.lanes.len().min(OPEN_LANES));
    html! {
        figure.timeline aria-labelledby={ (id) "-caption" } {
            figcaption id={ (id) "-caption" } { (reeve_untrusted::line(&timeline.title)) }
            p.description { (reeve_untrusted::line(&timeline.description)) }
            (legend(&timeline.legend))
            div.lanes { @for (index, it) in open.iter().enumerate() { (lane(&format!("{id}-{index}"), it, scale)) } }
            @if !folded.is_empty() {
                details {
                    summary { (folded.len()) " more" }
                    div.lanes {
                        @for (index, it) in folded.iter().enumerate() { (lane(&format!("{id}-{}", index + OPEN_LANES), it, scale)) }
                    }
                }
            }
            (scale.axis())
        }
    }
}

fn legend(entries: &[(Look, String)]) -> Markup {
    html! {
        @if !entries.is_empty() {
            ul.legend {
                @for (look, meaning) in entries {
                    li {
                        svg.key viewBox="0 0 30 20" preserveAspectRatio="none" aria-hidden="true" focusable="false" {
                            (shape(*look, 1.0, 28.0))
                        }
                        (reeve_untrusted::line(meaning))
                    }
                }
            }
        }
    }
}

fn lane(id: &str, lane: &Lane, scale: TimeScale) -> Markup {
    let notes: Vec<&str> = lane
        .bars
        .iter()
        .map(|bar| bar.note.as_str())
        .filter(|note| !note.is_empty())
        .collect();
    let notes = if notes.is_empty() {
        "nothing".to_owned()
    } else {
        notes.join("; ")
    };
    html! {
        div.lane {
            span.name { (reeve_untrusted::line(&lane.name)) }
            svg.track viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none" role="img" focusable="false"
                aria-labelledby={ (id) "-t " (id) "-d" } {
                title id={ (id) "-t" } { (reeve_untrusted::line(&lane.name)) }
                desc id={ (id) "-d" } { (reeve_untrusted::line(&notes)) }
                line.base x1="0" x2=(WIDTH) y1=(HEIGHT - 0.5) y2=(HEIGHT - 0.5) {}
                @for it in &lane.bars { (bar(it, scale)) }
            }
            span.value { (reeve_untrusted::line(&lane.value)) }
        }
    }
}

fn bar(bar: &Bar, scale: TimeScale) -> Markup {
    let width = (scale.x(bar.to) - scale.x(bar.from)).max(NARROWEST);
    let x = scale.x(bar.from).min(WIDTH - width);
    html! {
        g { title { (reeve_untrusted::line(&bar.note)) } (shape(bar.look, x, width)) }
    }
}

fn shape(look: Look, x: f64, width: f64) -> Markup {
    let (class, top) = match look {
        Look::Strong => ("strong", 0.0),
        Look::Light => ("light", 12.0),
        Look::Broken => ("broken", 1.0),
        Look::Good => ("good", 14.0),
        Look::Caution => ("caution", 8.0),
        Look::Bad => ("bad", 0.0),
        Look::Unknown => ("unknown", 1.0),
    };
    html! {
        rect class={ "bar " (class) } x=(number(x)) y=(number(top)) width=(number(width)) height=(number(HEIGHT - top - 1.0)) {}
    }
}
