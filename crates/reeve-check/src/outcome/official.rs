//! The report that the monitor of the Sovereign Cloud Stack takes.
//!
//! Shape: SovereignCloudStack/standards at 077174d9: `Tests/scs-compliance-check.py` – `create_report`; what the monitor needs of it: `compliance-monitor/monitor.py`. YAML is a superset of
//! JSON, so scalars are written as JSON texts and only the outer shape is YAML of its own.

use std::fmt::Write as _;

use jiff::tz::TimeZone;
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::Value;

use super::{CaseOutcome, CheckRun};
use crate::catalogue::Target;
use crate::verdict::{Verdict, Weight};

/// What an official report has beside the run itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfficialReport {
    /// The name under which the monitor knows the cloud.
    pub subject: String,
    /// A number for this report, which the monitor takes once: a UUID.
    pub report_uuid: String,
    /// A number for the one invocation in it: a UUID.
    pub invocation_uuid: String,
}

impl OfficialReport {
    /// Returns what a report about `subject` has, with new numbers.
    ///
    /// # Panics
    ///
    /// If the system has no random numbers, as no TLS connection could be made either.
    pub fn generate(subject: impl Into<String>) -> OfficialReport {
        OfficialReport {
            subject: subject.into(),
            report_uuid: uuid(),
            invocation_uuid: uuid(),
        }
    }
}

/// Returns a random UUID (RFC 9562, version 4).
fn uuid() -> String {
    let mut bytes = [0; 16];
    SystemRandom::new()
        .fill(&mut bytes)
        .expect("the system has random numbers, or nothing could be encrypted");
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = hex::encode(bytes);
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}

/// Returns the run as one YAML document in the form of the official command.
///
/// Only testcases of the official catalogue that were judged are in it: our own checks are nobody else's business, and a testcase that is not there counts as missing with the monitor.
pub fn official_yaml(run: &CheckRun, report: &OfficialReport) -> String {
    let judged: Vec<(&CaseOutcome, Verdict)> = run
        .cases
        .iter()
        .filter(|case| case.target != Target::Extra)
        .filter_map(|case| Some((case, case.verdict?)))
        .collect();
    let mut text = String::from("---\n");
    let mut line = |indent: usize, key: &str, value: &str| {
        let space = if value.is_empty() { "" } else { " " };
        // Writing into a `String` cannot fail.
        let _ = writeln!(text, "{:indent$}{key}:{space}{value}", "");
    };
    line(0, "spec", "");
    line(2, "uuid", &scalar(&run.catalogue.uuid));
    line(2, "name", &scalar(&run.catalogue.name));
    line(2, "url", &scalar(&run.catalogue.url));
    // A time without a zone, as the official command writes it; ours is that of UTC.
    let checked_at = run
        .finished_at
        .to_zoned(TimeZone::UTC)
        .strftime("%Y-%m-%d %H:%M:%S.%6f")
        .to_string();
    line(0, "checked_at", &checked_at);
    line(
        0,
        "reference_date",
        &run.judged_at.to_zoned(TimeZone::UTC).date().to_string(),
    );
    line(0, "subject", &scalar(&report.subject));
    line(0, "run", "");
    line(2, "uuid", &scalar(&report.report_uuid));
    let tool: Vec<&str> = run.tool.split(' ').chain(["check", "run"]).collect();
    line(2, "argv", &list(tool.iter().map(ToString::to_string)));
    line(
        2,
        "assignment",
        &format!("{{\"os_cloud\": {}}}", scalar(&run.cloud.name)),
    );
    line(2, "sections", "null");
    let forced = match run.versions.as_slice() {
        [version] if version.state.is_none() => scalar(&version.version),
        _ => "null".to_owned(),
    };
    line(2, "forced_version", &forced);
    line(2, "forced_tests", "null");
    line(2, "invocations", "");
    line(4, &scalar(&report.invocation_uuid), "");
    line(6, "id", &scalar(&report.invocation_uuid));
    line(6, "cmd", &scalar(&format!("{} check run", run.tool)));
    line(6, "results", if judged.is_empty() { "{}" } else { "" });
    for (case, verdict) in &judged {
        line(8, &scalar(&case.id), &number(*verdict).to_string());
    }
    line(6, "rc", "0");
    line(
        6,
        "stdout",
        &list(judged.iter().map(|(case, verdict)| format!("{}: {verdict}", case.id))),
    );
    let said: Vec<String> = judged.iter().flat_map(|(case, _)| said(case)).collect();
    let errors = said.iter().filter(|line| line.starts_with("ERROR")).count();
    let warnings = said.len() - errors;
    line(6, "stderr", &list(said.into_iter()));
    line(6, "info", "0");
    line(6, "warning", &warnings.to_string());
    line(6, "error", &errors.to_string());
    line(6, "critical", "0");
    text
}

impl CheckRun {
    /// Returns the exit code of the official command: how many mandatory testcases failed and how many errors it would have written down, at most 127.
    ///
    /// It is 0 if none failed; what could not be judged does not raise it, unless it is everything, for want of a login that will do. The number itself may differ from the official one, which counts lines
    /// that the tests log. Source: SovereignCloudStack/standards at 077174d9: `Tests/scs-compliance-check.py` – `CheckRunner.run`, `main`.
    pub fn official_exit(&self) -> u8 {
        if self.common_cause().is_some() {
            return 1;
        }
        let failed = self
            .of_target(Target::Main)
            .filter(|case| case.verdict == Some(Verdict::Fail));
        let lines = failed.map(|case| {
            let errors = case.findings.iter().filter(|finding| finding.weight != Weight::Note);
            1 + errors.count()
        });
        u8::try_from(lines.sum::<usize>().min(127)).unwrap_or(127)
    }
}

const fn number(verdict: Verdict) -> i8 {
    match verdict {
        Verdict::Pass => 1,
        Verdict::Fail => -1,
        Verdict::Abort => 0,
    }
}

/// Returns what the official tests would say on standard error.
fn said(case: &CaseOutcome) -> Vec<String> {
    let cause = case.cause.iter().map(|cause| format!("ERROR: {}: {cause}", case.id));
    let findings = case.findings.iter().map(|finding| {
        let level = if finding.weight == Weight::Note {
            "WARNING"
        } else {
            "ERROR"
        };
        format!("{level}: {}: {}: {}", case.id, finding.subject, finding.detail)
    });
    cause.chain(findings).collect()
}

/// Returns a text as a quoted scalar. JSON leaves some characters as they are that steer terminals or that YAML refuses; those become escapes, which both know.
fn scalar(text: &str) -> String {
    let mut quoted = String::new();
    for c in Value::from(text).to_string().chars() {
        if matches!(c, '\u{7f}'..='\u{9f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
        {
            quoted.push_str(&format!("\\u{:04x}", c as u32));
        } else {
            quoted.push(c);
        }
    }
    quoted
}

fn list(items: impl Iterator<Item = String>) -> String {
    let items: Vec<String> = items.map(|item| scalar(&item)).collect();
    format!("[{}]", items.join(", "))
}
