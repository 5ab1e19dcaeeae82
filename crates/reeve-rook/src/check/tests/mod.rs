//! Every rule, shown to see what it is for: one fact of a healthy cluster is broken, and exactly the expected findings appear.

mod breaks;
mod daemon_cases;
mod data_cases;
mod host_cases;
mod kubernetes_cases;
mod missing_facts;
mod settings_cases;
mod speed;

use std::collections::BTreeSet;

use reeve_report::{Outcome, Severity};

use super::{Waivers, check, check_by, rules};
use crate::facts::*;
use crate::sample::Cluster;

const R: Severity = Severity::Refusal;
const W: Severity = Severity::Warning;
const N: Severity = Severity::Note;

/// One broken fact and what must be found because of it, and nothing else.
pub(super) struct Case {
    name: &'static str,
    breaks: fn(&mut Facts),
    finds: &'static [(&'static str, Severity, &'static str)],
}

impl Case {
    /// Returns the rule that alone finds what this case breaks.
    fn only_rule(&self) -> Option<&'static str> {
        let (first, ..) = self.finds.first()?;
        self.finds.iter().all(|(id, ..)| id == first).then_some(*first)
    }
}

type Found = (String, Severity, String);

fn found(facts: &Facts) -> BTreeSet<Found> {
    let results = check(facts, &Waivers::default());
    let findings = results.iter().flat_map(|result| result.outcome.findings());
    findings
        .map(|finding| (finding.check.to_string(), finding.severity, finding.subject.clone()))
        .collect()
}

fn cases() -> Vec<&'static Case> {
    [
        daemon_cases::HEALTH,
        daemon_cases::DAEMONS,
        data_cases::DATA,
        settings_cases::SETTINGS,
        host_cases::CASES,
        kubernetes_cases::CASES,
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Returns a host of a sample, which answers.
fn host<'a>(facts: &'a mut Facts, name: &str) -> &'a mut HostFacts {
    match facts.hosts.get_mut(name) {
        Some(HostReading::Reached(host)) => host,
        _ => panic!("{name} is no host of the sample that answers"),
    }
}

fn known<T>(reading: &mut Reading<T>) -> &mut T {
    match reading {
        Reading::Known(value) => value,
        Reading::Unknown { because } => panic!("the sample does not know: {because}"),
    }
}

#[test]
fn a_healthy_cluster_is_fine() {
    for cluster in [
        Cluster::default(),
        Cluster {
            hosts: 12,
            mons: 5,
            mgrs: 3,
            racks: 3,
            failure_domain: "rack".into(),
            ..Cluster::default()
        },
        Cluster {
            device_classes: vec!["hdd".into(), "ssd".into()],
            ..Cluster::default()
        },
    ] {
        let facts = cluster.facts();
        for result in check(&facts, &Waivers::default()) {
            let nothing = match &result.outcome {
                Outcome::Passed => true,
                Outcome::Found(findings) => findings.iter().all(|finding| finding.severity == N),
                Outcome::NotJudged { .. } | Outcome::Waived { .. } => false,
            };
            assert!(nothing, "{}: {:?}", result.check, result.outcome);
        }
    }
}

#[test]
fn every_case_finds_what_it_says_and_nothing_else() {
    let baseline = found(&Cluster::default().facts());
    for case in cases() {
        let mut facts = Cluster::default().facts();
        (case.breaks)(&mut facts);
        let new: BTreeSet<Found> = found(&facts).difference(&baseline).cloned().collect();
        let expected: BTreeSet<Found> = case
            .finds
            .iter()
            .map(|(id, severity, subject)| ((*id).into(), *severity, (*subject).into()))
            .collect();
        assert_eq!(new, expected, "{}", case.name);
    }
}

#[test]
fn every_rule_has_a_case_that_only_it_catches() {
    let all = rules();
    let alone: BTreeSet<&str> = cases().into_iter().filter_map(Case::only_rule).collect();
    for rule in &all {
        assert!(alone.contains(rule.id), "no case is caught by {} alone", rule.id);
    }
    // Without the rule, the case goes by unseen.
    for case in cases() {
        let Some(id) = case.only_rule() else { continue };
        let without: Vec<_> = all.iter().copied().filter(|rule| rule.id != id).collect();
        let count = |facts: &Facts| {
            check_by(&without, facts, &Waivers::default())
                .iter()
                .map(|result| result.outcome.findings().len())
                .sum::<usize>()
        };
        let mut facts = Cluster::default().facts();
        let before = count(&facts);
        (case.breaks)(&mut facts);
        assert!(count(&facts) <= before, "{}: something else saw it too", case.name);
    }
}

#[test]
fn case_names_are_unique() {
    let mut seen = BTreeSet::new();
    assert!(cases().into_iter().all(|case| seen.insert(case.name)));
}

#[test]
fn rules_are_complete() {
    let mut ids = BTreeSet::new();
    for rule in rules() {
        assert!(ids.insert(rule.id), "{} twice", rule.id);
        assert_eq!(rule.check_id().as_str(), rule.id);
        assert!(rule.id.starts_with("rook."), "{}", rule.id);
        for text in [rule.reason, rule.remedy, rule.source, rule.title] {
            assert!(text.len() > 8 && text.trim() == text, "{}: {text:?}", rule.id);
        }
        // Values are quoted when they are filled in, which quotes around them would undo.
        let inside: Vec<&str> = rule.remedy.split('`').skip(1).step_by(2).collect();
        let commands = if rule.remedy_is_command() {
            vec![rule.remedy]
        } else {
            inside
        };
        for command in commands {
            for quoted in command
                .split('\'')
                .skip(1)
                .step_by(2)
                .chain(command.split('"').skip(1).step_by(2))
            {
                assert!(
                    !quoted.contains('{'),
                    "{}: a name stands in quotes in {command}",
                    rule.id
                );
            }
        }
        assert!(rule.reason.ends_with('.') && !rule.title.ends_with('.'), "{}", rule.id);
        assert!(
            rule.waiver.is_none() || rule.severity == R,
            "{}: only refusals need waivers",
            rule.id
        );
    }
}

#[test]
fn findings_are_complete() {
    for case in cases() {
        let mut facts = Cluster::default().facts();
        (case.breaks)(&mut facts);
        for result in check(&facts, &Waivers::default()) {
            let rule = rules()
                .into_iter()
                .find(|rule| rule.id == result.check.as_str())
                .unwrap();
            for finding in result.outcome.findings() {
                assert_eq!(
                    (finding.severity, finding.source.as_str()),
                    (rule.severity, rule.source)
                );
                assert!(
                    !finding.remedy.contains(['{', '}']),
                    "{}: a name is missing in {:?}",
                    case.name,
                    finding.remedy
                );
                assert!(
                    finding.detail.ends_with(rule.reason),
                    "{}: {:?}",
                    case.name,
                    finding.detail
                );
                assert!(
                    !finding.detail.contains(".. ") && !finding.subject.is_empty(),
                    "{}: {:?}",
                    case.name,
                    finding.detail
                );
            }
        }
    }
}

#[test]
fn a_waived_rule_is_waived_and_nothing_else_is() {
    let mut facts = Cluster::default().facts();
    facts.ceph.pools[1].size = 1;
    facts.ceph.pools[1].min_size = 1;
    facts.ceph.quorum.names.remove("n3");
    let waivers = Waivers::new(["rook.pool-size-one"]).unwrap();
    let results = check(&facts, &waivers);
    let outcome = |id: &str| {
        &results
            .iter()
            .find(|result| result.check.as_str() == id)
            .unwrap()
            .outcome
    };
    let Outcome::Waived { by, findings } = outcome("rook.pool-size-one") else {
        panic!("it was not waived")
    };
    assert_eq!((by.as_str(), findings.len()), ("--waive rook.pool-size-one", 1));
    assert_eq!(outcome("rook.mon-down").findings().len(), 1);
}

#[test]
fn names_from_outside_cannot_leave_their_word() {
    let mut facts = Cluster::default().facts();
    facts.ceph.pools[1].name = "a'; reboot #".into();
    facts.ceph.pools[1].min_size = 3;
    facts.ceph.monmap.mons[1].v2 = Some("$(reboot):1".into());
    let results = check(&facts, &Waivers::default());
    let remedies: Vec<&str> = results
        .iter()
        .flat_map(|result| result.outcome.findings())
        .map(|finding| finding.remedy.as_str())
        .collect();
    assert!(
        remedies.contains(&r"ceph osd pool set 'a'\''; reboot #' min_size 2"),
        "{remedies:#?}"
    );
    assert!(
        remedies
            .iter()
            .any(|remedy| remedy.contains("'[v2:$(reboot):3300,v1:$(reboot):6789]'")),
        "{remedies:#?}"
    );
}

#[test]
fn a_finding_reads_well() {
    let mut facts = Cluster::default().facts();
    facts.ceph.quorum.names.remove("n3");
    let results = check(&facts, &Waivers::default());
    let finding = results
        .iter()
        .flat_map(|result| result.outcome.findings())
        .find(|f| f.severity == R)
        .unwrap();
    insta::assert_json_snapshot!(finding, @r#"
    {
      "check": "rook.mon-down",
      "severity": "refusal",
      "subject": "mon.n3 on n3",
      "detail": "mon.n3 is not in quorum. Handing over another mon would take the quorum below what survives one more failure, or end it; Rook replaces a mon that stays out by one with another address.",
      "evidence": [
        {
          "from": "ceph quorum_status",
          "text": "in quorum: n1, n2"
        }
      ],
      "remedy": "On n3: `systemctl status ceph-mon@n3.service`; start it, wait until `ceph quorum_status` lists it, and survey again.",
      "source": "rook/rook: pkg/operator/ceph/cluster/mon/health.go – checkHealth"
    }
    "#);
}
