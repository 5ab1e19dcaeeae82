//! The reference page of the rules, made from the rules themselves.

use std::fmt::Write;

use reeve_report::Severity;

use super::rule::Rule;
use super::rules::SUBJECTS;

/// Returns the page `docs/src/reference/rook-checks.md`: every rule with what it makes sure of, why, what to do and where it is known from.
pub fn reference() -> String {
    let mut page = String::from(INTRO);
    for (subject, rules) in SUBJECTS {
        // Writing to a String cannot fail.
        let _ = write!(page, "\n## {subject}\n");
        for rule in *rules {
            let severity = match rule.severity {
                Severity::Refusal => "Refusal",
                Severity::Warning => "Warning",
                Severity::Note => "Note",
            };
            let _ = write!(page, "\n### {}\n\n**{}.** {severity}.", rule.id, rule.title);
            if !rule.needs.is_empty() {
                let needs: Vec<String> = rule.needs.iter().map(ToString::to_string).collect();
                let _ = write!(page, " Needs: {}.", needs.join(", "));
            }
            let _ = write!(page, "\n\n{}\n\n* What to do: {}\n", rule.reason, remedy(rule));
            if let Some(waiver) = rule.waiver {
                let _ = writeln!(
                    page,
                    "* May be waived (`--waive {}`): you accept that {waiver}.",
                    rule.id
                );
            }
            let _ = writeln!(page, "* Source: {}", rule.source);
        }
    }
    page
}

/// Returns the remedy for the page: one that is a command as a whole is set as code.
fn remedy(rule: &Rule) -> String {
    if rule.remedy_is_command() {
        format!("`{}`", rule.remedy)
    } else {
        rule.remedy.into()
    }
}

const INTRO: &str = "\
# What `reeve rook check` looks at

<!-- Made from the rules in crates/reeve-rook/src/check; a test keeps it equal. -->

`reeve rook check` judges the facts of a survey by the rules below. A *refusal* means that the take-over must not begin; a *warning* is to be read
first; a *note* is worth knowing. A rule whose facts could not be read is *not judged*, which is never the same as passed: what a
rule needs beyond the facts that every survey has is named. Some refusals can be accepted with `--waive ID`; the page says what one accepts then.

Words in braces, such as `{mon}`, stand for names that each finding fills in.
";

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::reference;

    #[test]
    fn the_page_is_the_rules() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/src/reference/rook-checks.md");
        let page = std::fs::read_to_string(&path).unwrap_or_default();
        if page != reference() {
            let fresh = std::env::temp_dir().join("rook-checks.md");
            std::fs::write(&fresh, reference()).unwrap();
            panic!(
                "{} differs from the rules; the right one is {}",
                path.display(),
                fresh.display()
            );
        }
    }
}
