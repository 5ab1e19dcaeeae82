//! `reeve rook check`: judge whether the cluster can be taken over.

use reeve_report::{Property, Report, Severity, Verdict};
use reeve_rook::check::{self, Waivers};
use reeve_rook::facts::{Facts, Reading};

use super::survey;
use crate::cli::{CheckArgs, ReportFormat};
use crate::command::Context;
use crate::exit::Exit;
use crate::failure::Failure;

pub(super) fn run(args: &CheckArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    if args.list {
        context.answer(&check::reference())?;
        return Ok(Exit::Done);
    }
    let waivers = waivers(&args.waive)?;
    let facts = survey::load_or_take(args.facts.as_deref(), &args.target, context)?;
    let report = report(&facts, &waivers);
    let text = match args.format {
        ReportFormat::Text => reeve_report::terminal(&report, context.terminal_options(args.output.is_none())),
        ReportFormat::Json => reeve_report::json(&report),
        ReportFormat::Junit => {
            reeve_report::junit(&report).map_err(|error| Failure::from_error(Exit::Usage, &error))?
        }
        ReportFormat::Html => reeve_report::html(&report),
    };
    context.hand_on(&text, args.output.as_deref())?;
    Ok(match report.verdict() {
        Verdict::Fine => Exit::Done,
        Verdict::Warnings | Verdict::Refused | Verdict::NotJudged => Exit::Findings,
    })
}

/// Returns the waivers that were named on the command line.
pub(super) fn waivers(named: &[String]) -> Result<Waivers, Failure> {
    Waivers::new(named).map_err(|error| {
        Failure::from_error(Exit::Usage, &error).hint("`reeve rook check --list` says which rules can be waived")
    })
}

/// Judges the facts.
pub(super) fn report(facts: &Facts, waivers: &Waivers) -> Report {
    // The facts' own time: the same facts give the same report.
    let mut report = Report::new(
        "Can this Ceph cluster be taken over into Rook?",
        concat!("reeve ", env!("CARGO_PKG_VERSION")),
        facts.taken_at,
    );
    report.subject = subject(facts);
    report.results = check::check(facts, waivers);
    report
}

fn subject(facts: &Facts) -> Vec<Property> {
    let version = facts.ceph.single_version().map_or_else(
        || "more than one".to_owned(),
        |(_, version)| format!("{version} ({})", version.release_name()),
    );
    let rook = match &facts.kubernetes.operator {
        Reading::Known(operator) => operator
            .version
            .clone()
            .unwrap_or_else(|| "no operator of known version".into()),
        Reading::Unknown { because } => format!("not known: {because}"),
    };
    vec![
        Property::new("Cluster", facts.ceph.fsid.to_string()),
        Property::new("Ceph", version),
        Property::new(
            "Daemons",
            format!("{} mons, {} OSDs", facts.ceph.monmap.mons.len(), facts.ceph.osds.len()),
        ),
        Property::new("Hosts", facts.hosts.len().to_string()),
        Property::new(
            "Kubernetes",
            format!("{} at {}", facts.kubernetes.version, facts.kubernetes.server),
        ),
        Property::new("Rook", rook),
        Property::new(
            "Ceph image",
            facts.scope.ceph_image.clone().unwrap_or_else(|| "not said".into()),
        ),
        Property::new("Surveyed", format!("{:.0}", facts.taken_at)),
    ]
}

/// Returns the ids of the rules that refuse, once each, in the report's order.
pub(super) fn refusing(report: &Report) -> Vec<String> {
    let mut ids: Vec<String> = report
        .results
        .iter()
        .filter(|result| {
            let refuses = |finding: &reeve_report::Finding| finding.severity == Severity::Refusal;
            matches!(&result.outcome, reeve_report::Outcome::Found(findings) if findings.iter().any(refuses))
        })
        .map(|result| result.check.to_string())
        .collect();
    ids.dedup();
    ids
}
