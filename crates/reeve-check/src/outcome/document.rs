//! A run as a page for people and as a report for programs.

use jiff::tz::TimeZone;
use reeve_report::{
    Block, CheckId, CheckResult, Document, DocumentOutcome, Outcome, Part, Property, Report, Severity, Task, Tone,
};

use super::summary::Tally;
use super::{CaseOutcome, CheckRun};
use crate::catalogue::{Aggregate, Target};
use crate::verdict::{Verdict, Weight};

impl CheckRun {
    /// Returns the run as a page: what failed and what to do about it first, the tables behind it.
    pub fn document(&self) -> Document {
        let mut blocks = Vec::new();
        for (target, title, intro) in [
            (Target::Main, "What keeps the cloud from being certified", ""),
            (
                Target::Recommended,
                "Recommended, and not kept",
                "Certification does not depend on these.",
            ),
            (
                Target::Extra,
                "Beyond the official tests",
                "Requirements that no official test looks at, and good sense. They count for no certification.",
            ),
        ] {
            let results: Vec<CheckResult> = self
                .of_target(target)
                .filter(|case| case.verdict.is_some())
                .filter_map(check_result)
                .filter(|result| !result.outcome.passed())
                .collect();
            if !results.is_empty() {
                blocks.push(Block {
                    title: title.to_owned(),
                    intro: intro.to_owned(),
                    parts: vec![Part::Results(results)],
                });
            }
        }
        blocks.extend(self.left_block());
        blocks.push(self.standards_block());
        blocks.extend(self.missing_block());
        // At the end, where the eye is after the text has scrolled by.
        blocks.push(self.versions_block());
        Document {
            title: self.title(),
            tool: self.tool.clone(),
            made_at: self.finished_at,
            banner: self.cloud.recording.then(|| {
                format!(
                    "Judged from a recording, as the cloud was at {}.",
                    self.judged_at.strftime("%Y-%m-%d %H:%M:%S UTC")
                )
            }),
            outcome: self.document_outcome(),
            subject: self.subject(),
            blocks,
        }
    }

    /// Returns the run as a report, for JUnit: a result for each check that was asked for; one that was not judged is never one that passed.
    pub fn report(&self) -> Report {
        let mut report = Report::new(self.title(), self.tool.clone(), self.finished_at);
        report.subject = self.subject();
        report.results = self.cases.iter().filter_map(check_result).collect();
        report
    }

    fn title(&self) -> String {
        format!("Does cloud {} keep the SCS IaaS standards?", self.cloud.name)
    }

    fn subject(&self) -> Vec<Property> {
        let mut subject = vec![Property::new(
            "Cloud",
            format!("{} at {}", self.cloud.name, self.cloud.auth_url),
        )];
        subject.extend(self.cloud.region.as_ref().map(|region| Property::new("Region", region)));
        if let (Some(user), Some(project)) = (&self.cloud.user, &self.cloud.project) {
            subject.push(Property::new("Login", format!("{user} in project {project}")));
        }
        subject.push(Property::new(
            "Judged on",
            self.judged_at.to_zoned(TimeZone::UTC).date().to_string(),
        ));
        let seconds = self.finished_at.duration_since(self.started_at).as_secs_f64();
        let made = match self.made {
            0 => "nothing was made in the cloud".to_owned(),
            1 => "1 thing was made in the cloud".to_owned(),
            made => format!("{made} things were made in the cloud"),
        };
        let left = match (self.made, self.left_behind.len()) {
            (0, 0) => String::new(),
            (_, 0) => ", and all of it was deleted again".to_owned(),
            (_, left) => format!(", and {left} of it is STILL THERE"),
        };
        subject.push(Property::new(
            "Run",
            format!(
                "{}: {} requests in {seconds:.1} s; {made}{left}",
                self.run, self.requests
            ),
        ));
        subject
    }

    fn document_outcome(&self) -> DocumentOutcome {
        let main = Tally::of(self.of_target(Target::Main));
        let names: Vec<&str> = self.versions.iter().map(|version| version.version.as_str()).collect();
        let names = names.join(" and ");
        let complete = self.versions.iter().all(|version| version.complete);
        let of = if complete {
            names
        } else {
            format!("{names}, of which only a part was asked for")
        };
        let (tone, word, advice) = if let Some(cause) = self.common_cause() {
            (Tone::Bad, "Not judged", format!("Nothing could be judged: {cause}"))
        } else if main.failed > 0 {
            (
                Tone::Bad,
                "Not kept",
                format!("{} of {} mandatory testcases failed ({of}).", main.failed, main.all()),
            )
        } else if main.aborted + main.missing > 0 {
            let open = main.aborted + main.missing;
            (
                Tone::Caution,
                "Not judged",
                format!(
                    "None failed, but {open} of {} mandatory testcases could not be judged ({of}).",
                    main.all()
                ),
            )
        } else if main.all() == 0 {
            (
                Tone::Neutral,
                "Nothing mandatory",
                format!("No mandatory testcase was asked for ({of})."),
            )
        } else {
            (
                Tone::Good,
                "Kept",
                format!("All {} mandatory testcases passed ({of}).", main.all()),
            )
        };
        let interrupted = if self.interrupted {
            " The run was stopped before its end."
        } else {
            ""
        };
        DocumentOutcome {
            tone,
            word: word.to_owned(),
            advice: format!("{advice}{interrupted}"),
        }
    }

    fn versions_block(&self) -> Block {
        let rows = self
            .versions
            .iter()
            .map(|version| {
                let of = |case: &&CaseOutcome| case.versions.contains(&version.version);
                let tally = Tally::of(self.of_target(Target::Main).filter(of));
                let name = match &version.state {
                    Some(state) => format!("{} ({state})", version.version),
                    None => version.version.clone(),
                };
                let part = if version.complete { "" } else { " (a part of it)" };
                vec![name, format!("{}{part}", aggregate(version.verdict)), tally.phrase()]
            })
            .chain(
                [
                    (Target::Recommended, "recommended"),
                    (Target::Extra, "beyond the official tests"),
                ]
                .into_iter()
                .map(|(target, name)| (name, Tally::of(self.of_target(target))))
                .filter(|(_, tally)| tally.all() > 0)
                .map(|(name, tally)| vec![name.to_owned(), String::new(), tally.phrase()]),
            )
            .collect();
        Block {
            title: "How it came out".to_owned(),
            intro: String::new(),
            parts: vec![Part::Table {
                columns: vec!["Version".to_owned(), "Verdict".to_owned(), "Testcases".to_owned()],
                rows,
            }],
        }
    }

    fn standards_block(&self) -> Block {
        let count = |count: usize| if count == 0 { "·".to_owned() } else { count.to_string() };
        let rows = self
            .by_standard()
            .into_iter()
            .map(|((standard, target), tally)| {
                vec![
                    standard.to_owned(),
                    target_word(target).to_owned(),
                    count(tally.passed),
                    count(tally.failed),
                    count(tally.aborted),
                    count(tally.missing),
                ]
            })
            .collect();
        Block {
            title: "By standard".to_owned(),
            intro: String::new(),
            parts: vec![Part::Table {
                columns: ["Standard", "Weight", "Pass", "Fail", "Abort", "Not judged"]
                    .map(ToOwned::to_owned)
                    .to_vec(),
                rows,
            }],
        }
    }

    fn left_block(&self) -> Option<Block> {
        let tasks: Vec<Task> = self
            .left_behind
            .iter()
            .map(|left| Task {
                title: match &left.id {
                    Some(id) => format!("{} {} ({id})", left.kind, left.name),
                    None => format!("{} {}", left.kind, left.name),
                },
                detail: format!("{}. {}", left.cause, left.remedy),
                commands: Vec::new(),
            })
            .collect();
        (!tasks.is_empty()).then(|| Block {
            title: "Still in the cloud".to_owned(),
            intro: "The run made these and could not delete them; `reeve check cleanup` tries again.".to_owned(),
            parts: vec![Part::Tasks(tasks)],
        })
    }

    fn missing_block(&self) -> Option<Block> {
        let rows: Vec<Vec<String>> = self
            .cases
            .iter()
            .filter(|case| case.verdict.is_none())
            .map(|case| {
                vec![
                    case.id.clone(),
                    target_word(case.target).to_owned(),
                    case.missing.clone().unwrap_or_default(),
                ]
            })
            .collect();
        (!rows.is_empty()).then(|| Block {
            title: "Not judged".to_owned(),
            intro: String::new(),
            parts: vec![Part::Table {
                columns: ["Check", "Weight", "Why"].map(ToOwned::to_owned).to_vec(),
                rows,
            }],
        })
    }
}

/// Returns the word for how much a check weighs.
pub(crate) const fn target_word(target: Target) -> &'static str {
    match target {
        Target::Main => "mandatory",
        Target::Recommended => "recommended",
        Target::Preview => "by a person",
        Target::Extra => "extra",
    }
}

const fn aggregate(aggregate: Aggregate) -> &'static str {
    match aggregate {
        Aggregate::Pass => "PASS",
        Aggregate::Fail => "FAIL",
        Aggregate::Missing => "MISSING",
        Aggregate::Abort => "ABORT",
    }
}

/// Returns a check for the renderers; none for an id that they cannot take, of which a test shows that there is none.
fn check_result(case: &CaseOutcome) -> Option<CheckResult> {
    let check = CheckId::new(&case.id).ok()?;
    let grave = if case.target == Target::Main {
        Severity::Refusal
    } else {
        Severity::Warning
    };
    let findings = case.findings.iter().map(|finding| reeve_report::Finding {
        check: check.clone(),
        severity: if finding.weight == Weight::Note {
            Severity::Note
        } else {
            grave
        },
        subject: finding.subject.clone(),
        detail: format!("{}.", finding.detail.trim_end_matches('.')),
        evidence: Vec::new(),
        remedy: finding.remedy.clone(),
        source: match finding.weight {
            Weight::Note => case.source.clone(),
            _ => format!("{}: {}", case.source, case.requirement),
        },
    });
    let findings: Vec<reeve_report::Finding> = findings.collect();
    let outcome = match (case.verdict, &case.cause, &case.missing) {
        (Some(Verdict::Pass | Verdict::Fail), _, _) => Outcome::of(findings),
        (Some(Verdict::Abort), cause, _) => Outcome::NotJudged {
            because: cause.clone().unwrap_or_default(),
        },
        (None, _, missing) => Outcome::NotJudged {
            because: missing.clone().unwrap_or_default(),
        },
    };
    let title = if case.requirement.is_empty() {
        &case.description
    } else {
        &case.requirement
    };
    Some(CheckResult {
        check,
        title: title.clone(),
        source: if case.source.is_empty() {
            case.standard().to_owned()
        } else {
            case.source.clone()
        },
        outcome,
    })
}
