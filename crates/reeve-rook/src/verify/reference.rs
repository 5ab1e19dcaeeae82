//! The reference page of the rules, made from the rules themselves.

use std::fmt::Write;

use reeve_report::Severity;

use super::rules::SUBJECTS;

/// Returns the page `docs/src/reference/rook-verify.md`: every rule with what it makes sure of, why, what to do and where it is known from.
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
            let _ = write!(page, "\n\n{}\n", rule.reason);
            if !rule.remedy.is_empty() {
                let _ = write!(page, "\n* What to do: {}", rule.remedy);
            }
            let _ = write!(page, "\n* Source: {}\n", rule.source);
        }
    }
    page
}

const INTRO: &str = "\
# What `reeve rook verify` looks at

<!-- Made from the rules in crates/reeve-rook/src/verify; a test keeps it equal. -->

`reeve rook verify` reads the world again and judges it by the rules below: with a run, as far as the run went; with `--plan`, as if all of
the plan were done. A *refusal* means that something must be mended before anything else is done to the cluster; a *warning* is to be read; a *note* is
worth knowing. A rule whose facts could not be read is *not judged*, which is never the same as passed.

Words in braces, such as `{host}`, stand for names that each finding fills in.
";

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::reference;

    #[test]
    fn the_page_is_the_rules() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/src/reference/rook-verify.md");
        let page = std::fs::read_to_string(&path).unwrap_or_default();
        if page != reference() {
            let fresh = std::env::temp_dir().join("rook-verify.md");
            std::fs::write(&fresh, reference()).unwrap();
            panic!(
                "{} differs from the rules; the right one is {}",
                path.display(),
                fresh.display()
            );
        }
    }
}
