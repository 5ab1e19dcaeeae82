//! The difference of two plans as text for a terminal.

use reeve_journal::plan::{FieldChange, PlanDiff, StepPlace};

use super::page::{BAD, GOOD, HEADING, PLAIN, Page, QUIET, WARN};

/// Longest value that is shown of each side, in characters.
const VALUE: usize = 160;
/// Lines of one kind that are shown; JSON has them all.
const SHOWN: usize = 200;

/// Returns what differs between two plans as text for a terminal of `width` columns; one line if nothing does.
pub fn render_diff(diff: &PlanDiff, width: usize, colour: bool) -> String {
    let mut page = Page::new(width, colour);
    if diff.is_empty() {
        page.paragraph(GOOD, "", "The plans say the same.");
        return page.finish();
    }
    fields(&mut page, "Facts", &diff.facts);
    fields(&mut page, "Options", &diff.options);
    fields(&mut page, "Wording", &diff.wording);
    steps(&mut page, "Only in the first plan", '-', &diff.removed);
    steps(&mut page, "Only in the second plan", '+', &diff.added);
    list(&mut page, "Changed steps", &diff.changed, |page, change| {
        page.paragraph(WARN, "  ~ ", change.step.as_str());
        change
            .fields
            .iter()
            .for_each(|field| self::field(page, "      ", field));
    });
    list(&mut page, "Moved steps", &diff.moved, |page, step| {
        let text = format!(
            "{}: from {} ({}) to {} ({})",
            step.after.step, step.before.number, step.before.phase, step.after.number, step.after.phase
        );
        page.paragraph(PLAIN, "  > ", &text);
    });
    page.blank();
    let total = format!(
        "{} removed, {} added, {} changed, {} moved.",
        diff.removed.len(),
        diff.added.len(),
        diff.changed.len(),
        diff.moved.len()
    );
    page.paragraph(PLAIN, "", &total);
    page.finish()
}

fn list<T>(page: &mut Page, title: &str, items: &[T], mut show: impl FnMut(&mut Page, &T)) {
    if items.is_empty() {
        return;
    }
    page.paragraph(HEADING, "", &format!("{title} ({})", items.len()));
    items.iter().take(SHOWN).for_each(|item| show(page, item));
    if let Some(hidden) = items.len().checked_sub(SHOWN).filter(|it| *it > 0) {
        page.paragraph(QUIET, "  ", &format!("… {hidden} more (`--format json` has them all)"));
    }
}

fn fields(page: &mut Page, title: &str, changes: &[FieldChange]) {
    list(page, title, changes, |page, change| field(page, "  ", change));
}

fn field(page: &mut Page, indent: &str, change: &FieldChange) {
    let value = |value: &serde_json::Value| {
        let text = value.to_string();
        let mut shown: String = text.chars().take(VALUE).collect();
        if shown.len() < text.len() {
            shown.push('…');
        }
        shown
    };
    page.paragraph(PLAIN, indent, &change.path);
    page.paragraph(BAD, &format!("{indent}  - "), &value(&change.before));
    page.paragraph(GOOD, &format!("{indent}  + "), &value(&change.after));
}

fn steps(page: &mut Page, title: &str, sign: char, steps: &[StepPlace]) {
    let style = if sign == '-' { BAD } else { GOOD };
    list(page, title, steps, |page, step| {
        page.paragraph(
            style,
            &format!("  {sign} "),
            &format!("{:>5} {}", step.number, step.step),
        );
    });
}
