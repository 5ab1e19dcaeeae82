//! Plans and their differences as text for a terminal.
//!
//! The order is that of the questions of somebody who is about to say yes: what happens, what is interrupted and for how long, what cannot be taken
//! back, and then the phases. Steps and commands come only when asked for.

mod command;
mod diff;
mod group;
mod page;

use std::collections::BTreeMap;

use reeve_journal::plan::{Action, Interruption, Phase, Plan, PlannedStep, Undo};

pub use command::line as action_line;
pub use diff::render_diff;

use super::summary::duration;
use group::{Group, groups};
use page::{BAD, GOOD, HEADING, PLAIN, Page, QUIET, WARN};

/// Lines of hand-overs of a phase that are shown without `steps`: the first and the last of them.
const FIRST_SHOWN: usize = 40;
const LAST_SHOWN: usize = 3;

/// Returns a plan of any operation as text for a terminal of `width` columns.
///
/// Shape: head and summary; interruptions; points of no return; phases with their hand-overs, and with `steps` every step with
/// place, commands, interruption, deadline and undo. Running text is wrapped to 40 to 110 columns, commands never. Without `colour` there is no
/// terminal sequence in it; control characters from names are escaped in any case.
pub fn render(plan: &Plan, steps: bool, width: usize, colour: bool) -> String {
    let mut page = Page::new(width, colour);
    head(&mut page, plan);
    interruptions(&mut page, plan);
    points(&mut page, plan);
    for (number, phase) in plan.phases.iter().enumerate() {
        self::phase(&mut page, number + 1, phase, steps);
    }
    foot(&mut page, plan, steps);
    page.finish()
}

fn head(page: &mut Page, plan: &Plan) {
    page.paragraph(
        HEADING,
        "",
        &format!(
            "Plan of `{}` for {} {}",
            plan.operation, plan.target.kind, plan.target.name
        ),
    );
    page.paragraph(
        QUIET,
        "",
        &format!(
            "{} · made by {} of the survey of {}",
            plan.target.id, plan.made_by, plan.facts.taken_at
        ),
    );
    page.blank();
    for line in &plan.summary {
        page.paragraph(if shouts(line) { WARN } else { PLAIN }, "  • ", line);
    }
}

/// Tells whether a summary line has a word in capitals for what must not be missed.
fn shouts(line: &str) -> bool {
    line.split(' ')
        .any(|word| matches!(word, "NO" | "CARRY" | "KEEP" | "STOP"))
}

fn interruptions(page: &mut Page, plan: &Plan) {
    // One line for each phase and length: three mons, two thousand OSDs.
    let mut groups: BTreeMap<(usize, u32), (usize, &str)> = BTreeMap::new();
    let (mut seconds, mut overlap) = (0_u64, false);
    for (number, phase) in plan.phases.iter().enumerate() {
        for hand_over in &phase.hand_overs {
            let all = interrupting(&hand_over.steps);
            overlap |= all.clone().count() > 1;
            seconds += u64::from(longest(&hand_over.steps));
            for interruption in all {
                groups
                    .entry((number, interruption.about_seconds))
                    .or_insert((0, &interruption.what))
                    .0 += 1;
            }
        }
    }
    page.blank();
    if groups.is_empty() {
        page.paragraph(GOOD, "", "Nothing is interrupted.");
        return;
    }
    let how = if overlap {
        "those of one hand-over at the same time"
    } else {
        "one after the other"
    };
    page.paragraph(
        HEADING,
        "",
        &format!("Interruptions, {how}, {} in all", duration(seconds)),
    );
    for ((phase, each), (number, what)) in groups {
        let first = format!("  {:<8} {number:>4} × about {each:>2} s  ", plan.phases[phase].name);
        let text = if number == 1 {
            what.to_owned()
        } else {
            format!("such as: {what}")
        };
        page.paragraph(if what.contains("NO QUORUM") { WARN } else { PLAIN }, &first, &text);
    }
}

/// Returns what interrupts for a time that is worth telling.
fn interrupting(steps: &[PlannedStep]) -> impl Iterator<Item = &Interruption> + Clone {
    steps
        .iter()
        .filter_map(|step| step.interrupts.as_ref())
        .filter(|it| it.about_seconds > 0)
}

/// Returns for how long a hand-over interrupts: its interruptions overlap.
fn longest(steps: &[PlannedStep]) -> u32 {
    interrupting(steps).map(|it| it.about_seconds).max().unwrap_or(0)
}

fn points(page: &mut Page, plan: &Plan) {
    page.blank();
    if plan.points_of_no_return.is_empty() {
        page.paragraph(GOOD, "", "No point of no return: every step can be taken back.");
        return;
    }
    page.paragraph(HEADING, "", "Points of no return");
    for point in &plan.points_of_no_return {
        page.paragraph(WARN, "  ! ", point.step.as_str());
        page.paragraph(
            PLAIN,
            "    ",
            &format!("{}. Instead: {}.", point.because, point.instead),
        );
    }
}

fn phase(page: &mut Page, number: usize, phase: &Phase, steps: bool) {
    let count: usize = phase.hand_overs.iter().map(|it| it.steps.len()).sum();
    page.blank();
    page.paragraph(
        HEADING,
        "",
        &format!("{number}. {} ({}, {count} steps)", phase.title, phase.name),
    );
    page.paragraph(QUIET, "   ", &phase.why);
    if steps {
        for hand_over in &phase.hand_overs {
            page.blank();
            page.paragraph(HEADING, "   ", &format!("{}: {}", hand_over.subject, hand_over.title));
            hand_over.steps.iter().for_each(|step| self::step(page, step));
        }
        return;
    }
    let all = groups(&phase.hand_overs);
    let width = all
        .iter()
        .map(|it| textwrap::core::display_width(&subject(it)))
        .max()
        .unwrap_or(0)
        .min(24);
    let cut = all.len() > FIRST_SHOWN + LAST_SHOWN + 1;
    for (at, group) in all.iter().enumerate() {
        if cut && at == FIRST_SHOWN {
            let hidden: usize = all[FIRST_SHOWN..all.len() - LAST_SHOWN].iter().map(|it| it.count).sum();
            page.paragraph(
                QUIET,
                "   ",
                &format!("… {hidden} more hand-overs (`--steps` shows them) …"),
            );
        }
        if !cut || at < FIRST_SHOWN || at >= all.len() - LAST_SHOWN {
            hand_overs(page, group, width);
        }
    }
}

fn subject(group: &Group<'_>) -> String {
    let first = page::printable(&group.first.subject);
    if group.count == 1 {
        first.into_owned()
    } else {
        format!("{first} … {}", page::printable(&group.last.subject))
    }
}

fn hand_overs(page: &mut Page, group: &Group<'_>, width: usize) {
    let steps = &group.first.steps;
    let away = longest(steps);
    let plural = if steps.len() == 1 { "" } else { "s" };
    let each = if group.count == 1 { "" } else { " each" };
    let away = if away == 0 {
        String::new()
    } else {
        format!(", interrupts for about {}{each}", duration(u64::from(away)))
    };
    let many = if group.count == 1 {
        String::new()
    } else {
        format!("{} times, first: ", group.count)
    };
    let text = format!("{many}{} ({} step{plural}{each}{away})", group.first.title, steps.len());
    page.paragraph(PLAIN, &format!("   {:<width$}  ", subject(group)), &text);
}

fn step(page: &mut Page, step: &PlannedStep) {
    page.paragraph(PLAIN, "     ◦ ", &step.what);
    let meta = format!(
        "{} · {} · at most {}",
        step.id,
        command::place(&step.place),
        duration(u64::from(step.deadline_seconds))
    );
    page.paragraph(QUIET, "       ", &meta);
    if let Some(interruption) = step.interrupts.as_ref().filter(|it| it.about_seconds > 0) {
        let first = format!("       interrupts for about {} s: ", interruption.about_seconds);
        page.paragraph(WARN, &first, &interruption.what);
    }
    actions(page, "         ", &step.actions);
    match &step.undo {
        Undo::Nothing => {}
        Undo::None { because } => page.paragraph(BAD, "       no undo: ", because),
        Undo::Actions(undo) => {
            page.paragraph(QUIET, "       ", "undo:");
            actions(page, "         ", undo);
        }
    }
}

fn actions(page: &mut Page, indent: &str, actions: &[Action]) {
    for action in actions {
        page.verbatim(PLAIN, indent, &command::line(action));
        let inner = format!("{indent}  ");
        command::object(action)
            .iter()
            .for_each(|line| page.verbatim(QUIET, &inner, line));
    }
}

fn foot(page: &mut Page, plan: &Plan, steps: bool) {
    let hand_overs: usize = plan.phases.iter().map(|phase| phase.hand_overs.len()).sum();
    let all = plan.steps().count();
    page.blank();
    let more = if steps {
        ""
    } else {
        " `--steps` shows each with its commands and its undo."
    };
    page.paragraph(
        PLAIN,
        "",
        &format!(
            "{} phases, {hand_overs} hand-overs, {all} steps.{more}",
            plan.phases.len()
        ),
    );
    page.paragraph(QUIET, "", &plan.digest);
}
