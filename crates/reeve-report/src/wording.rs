//! The words that all renderers share.

use crate::{Counts, Report, Severity, Verdict};

/// Returns the one word (or two) for a severity.
pub(crate) fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Refusal => "Refusal",
        Severity::Warning => "Warning",
        Severity::Note => "Note",
    }
}

/// Returns the verdict as a heading.
pub(crate) fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Fine => "Fine",
        Verdict::Warnings => "Warnings",
        Verdict::Refused => "Refused",
        Verdict::NotJudged => "Not judged",
    }
}

/// Returns what the verdict asks of the reader, as one sentence.
pub(crate) fn advice(report: &Report) -> &'static str {
    match report.verdict() {
        Verdict::Fine => "Every check was judged and nothing stands in the way.",
        Verdict::Warnings => "Nothing refuses; read the warnings before going on.",
        Verdict::Refused => "Do not go on before the refusals are resolved.",
        Verdict::NotJudged if report.results.is_empty() => "Nothing was checked, so nothing is known to be fine.",
        Verdict::NotJudged => "Nothing refuses, but not every check could be decided; find out before going on.",
    }
}

/// Returns the counts as a phrase, gravest first, without the zeros: `2 refusals, 1 check not judged, 24 checks passed`.
pub(crate) fn counts(counts: &Counts) -> String {
    let parts = [
        (counts.refusals, "refusal", "refusals"),
        (counts.not_judged, "check not judged", "checks not judged"),
        (counts.warnings, "warning", "warnings"),
        (counts.notes, "note", "notes"),
        (counts.waived, "check waived", "checks waived"),
        (counts.passed, "check passed", "checks passed"),
    ];
    let phrases: Vec<String> = parts
        .iter()
        .filter(|(n, ..)| *n > 0)
        .map(|(n, one, many)| count(*n, one, many))
        .collect();
    if phrases.is_empty() {
        "no checks".to_owned()
    } else {
        phrases.join(", ")
    }
}

/// Returns a number with the noun that fits it.
pub(crate) fn count(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

/// Returns when the report was made, to the second, in UTC, as people read it.
pub(crate) fn made_at(report: &Report) -> String {
    report.made_at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}
