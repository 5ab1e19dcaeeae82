//! JUnit XML, for CI systems.
//!
//! Shape: one test suite per report, one test case per check, in the report's order; the name of a case is the check id and its class name the id's
//! area. A case fails for a refusal or a warning, is an error if the check could not be judged, is skipped if it was waived, and passes otherwise; notes
//! stand in its output.

use std::fmt::Write as _;

use quick_junit::{NonSuccessKind, Property, Report as Document, TestCase, TestCaseStatus, TestSuite};

use crate::{CheckResult, Finding, Outcome, Report, Severity, wording};

/// Writing JUnit XML failed.
#[derive(Debug, thiserror::Error)]
#[error("could not write the report as JUnit XML")]
pub struct JunitError(#[source] quick_junit::SerializeError);

/// Returns the report as JUnit XML.
///
/// # Errors
///
/// [`JunitError`] if the XML writer refuses a value.
pub fn junit(report: &Report) -> Result<String, JunitError> {
    let title = reeve_untrusted::line(&report.title);
    let mut suite = TestSuite::new(title.as_ref());
    suite.add_property(property("tool", &report.tool));
    suite.add_property(property("made_at", &report.made_at.to_string()));
    for subject in &report.subject {
        suite.add_property(property(&subject.name, &subject.value));
    }
    for result in &report.results {
        suite.add_test_case(test_case(result));
    }
    let mut document = Document::new(title.as_ref());
    document.add_test_suite(suite);
    document.to_string().map_err(JunitError)
}

fn property(name: &str, value: &str) -> Property {
    Property::new(
        reeve_untrusted::line(name).as_ref(),
        reeve_untrusted::line(value).as_ref(),
    )
}

fn test_case(result: &CheckResult) -> TestCase {
    let mut output = String::new();
    let status = match &result.outcome {
        Outcome::Passed => TestCaseStatus::success(),
        Outcome::Found(findings) => match findings.iter().map(|finding| finding.severity).min() {
            None => TestCaseStatus::success(),
            Some(Severity::Note) => {
                output = describe(findings);
                TestCaseStatus::success()
            }
            Some(worst @ (Severity::Refusal | Severity::Warning)) => {
                let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                status.set_message(message(findings));
                status.set_type(wording::severity(worst).to_lowercase());
                status.set_description(describe(findings));
                status
            }
        },
        Outcome::NotJudged { because } => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_message(reeve_untrusted::line(because).as_ref());
            status.set_type("not judged");
            status
        }
        Outcome::Waived { by, findings } => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(format!("waived by {}", reeve_untrusted::line(by)));
            status.set_description(describe(findings));
            status
        }
    };
    let id = result.check.as_str();
    let mut case = TestCase::new(id, status);
    case.set_classname(id.split_once('.').map_or("reeve", |(area, _)| area));
    case.add_property(property("title", &result.title));
    case.add_property(property("source", &result.source));
    if !output.is_empty() {
        case.set_system_out(output);
    }
    case
}

/// Returns the gravest finding in one line, and how many others there are.
fn message(findings: &[Finding]) -> String {
    let Some(first) = findings.iter().min_by_key(|finding| finding.severity) else {
        return String::new();
    };
    let more = match findings.len() - 1 {
        0 => String::new(),
        others => format!(" (and {others} more)"),
    };
    format!(
        "{}: {}{more}",
        reeve_untrusted::line(&first.subject),
        reeve_untrusted::line(&first.detail)
    )
}

/// Returns all findings in full, gravest first.
fn describe(findings: &[Finding]) -> String {
    let mut sorted: Vec<&Finding> = findings.iter().collect();
    sorted.sort_by_key(|finding| finding.severity);
    let mut text = String::new();
    for finding in sorted {
        let subject = reeve_untrusted::line(&finding.subject);
        // Writing into a `String` cannot fail.
        let _ = writeln!(
            text,
            "{}: {subject}\n{}",
            wording::severity(finding.severity),
            reeve_untrusted::block(&finding.detail)
        );
        for evidence in &finding.evidence {
            let _ = writeln!(
                text,
                "evidence ({}):\n{}",
                reeve_untrusted::line(&evidence.from),
                reeve_untrusted::block(&evidence.text)
            );
        }
        if !finding.remedy.is_empty() {
            let _ = writeln!(text, "remedy: {}", reeve_untrusted::block(&finding.remedy));
        }
        let _ = writeln!(text, "source: {}\n", reeve_untrusted::line(&finding.source));
    }
    text
}
