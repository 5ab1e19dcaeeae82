//! Judges a recorded cloud: `check_replay FOLDER [VERSION]`.
//!
//! Everything that can be judged from listings is; testcases that make something in the cloud, or that a person judges, are counted as missing.

use std::process::ExitCode;

use reeve_check::{Aggregate, Catalogue, ScopeChoice, Target, Verdict, gather, judge};
use reeve_openstack::Session;

#[allow(clippy::print_stdout, clippy::print_stderr, reason = "an example speaks for itself")]
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(folder) = arguments.next() else {
        eprintln!("usage: check_replay FOLDER [VERSION]");
        return ExitCode::from(2);
    };
    let session = match Session::replay(folder.as_str().into()) {
        Ok(session) => session,
        Err(error) => {
            eprintln!(
                "{error}: {:?}",
                std::error::Error::source(&error).map(ToString::to_string)
            );
            return ExitCode::from(2);
        }
    };
    let facts = gather(&session).await;
    let catalogue = Catalogue::embedded();
    let choice = match arguments.next() {
        Some(version) => ScopeChoice::Version(version),
        None => ScopeChoice::At(facts.now.to_zoned(jiff::tz::TimeZone::UTC).date()),
    };
    let scope = match catalogue.scope(&choice) {
        Ok(scope) => scope,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    let mut main = Vec::new();
    for case in &scope.cases {
        let result = judge(&case.id, &facts);
        if case.target == Target::Main {
            main.push(result.as_ref().map(|result| result.verdict));
        }
        let Some(result) = result else {
            println!("{:32} -", case.id);
            continue;
        };
        println!("{:32} {}", case.id, result.verdict);
        if let Some(cause) = &result.cause {
            println!("    {}", shown(cause));
        }
        for finding in result.findings {
            println!(
                "    {}: {}; {}",
                shown(&finding.subject),
                shown(&finding.detail),
                shown(&finding.remedy)
            );
        }
    }
    let together = Aggregate::of(main.iter().copied());
    println!(
        "{}: {together:?}",
        scope
            .versions
            .iter()
            .map(|(name, _)| name.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    );
    if main.contains(&Some(Verdict::Fail)) {
        ExitCode::from(1)
    } else {
        ExitCode::SUCCESS
    }
}

/// Returns a text of a cloud as a terminal may show it.
fn shown(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
