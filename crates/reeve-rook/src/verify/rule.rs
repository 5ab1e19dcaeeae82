//! What a rule of `verify` is, and the place where it writes down what it sees.

use std::collections::{BTreeMap, BTreeSet};

use reeve_ceph::DaemonName;
use reeve_report::{CheckId, Evidence, Finding, Outcome, Severity};

use super::expectation::Expectation;
use super::observation::{DaemonPod, Observation};
use crate::check::{fill, list};
use crate::facts::{DaemonUnit, Reading};

/// One thing that must hold after a take-over, or as far as it went.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Its stable id: `rook-verify.quorum`.
    pub id: &'static str,
    /// What it makes sure of, as a statement.
    pub title: &'static str,
    /// What a finding of it weighs.
    pub severity: Severity,
    /// Why it matters.
    pub reason: &'static str,
    /// What to do, with the next command; `{words}` in braces stand for names that each finding fills in.
    pub remedy: &'static str,
    /// Where this is known from.
    pub source: &'static str,
    /// Looks and writes findings.
    pub(super) judge: fn(&Situation<'_>, &mut Judgement<'_>),
}

impl Rule {
    /// Returns the id in the form that reports carry.
    pub fn check_id(&self) -> CheckId {
        CheckId::fixed(self.id)
    }

    /// Judges; findings win over what was not seen, and what was not seen wins over "passed".
    pub(super) fn outcome(&self, situation: &Situation<'_>) -> Outcome {
        let mut judgement = Judgement {
            rule: self,
            situation,
            findings: Vec::new(),
            unseen: BTreeSet::new(),
        };
        (self.judge)(situation, &mut judgement);
        let Judgement {
            mut findings, unseen, ..
        } = judgement;
        let unseen: Vec<String> = unseen.into_iter().collect();
        let because = (!unseen.is_empty()).then(|| list(&unseen, 5));
        match (findings.first_mut(), because) {
            (None, Some(because)) => Outcome::NotJudged { because },
            (Some(first), Some(because)) => {
                first.evidence.push(Evidence {
                    from: "not seen, so there may be more".into(),
                    text: because,
                });
                Outcome::Found(findings)
            }
            (_, None) => Outcome::of(findings),
        }
    }
}

/// Expectation and observation, with what rules look up in them.
pub(super) struct Situation<'a> {
    pub(super) expected: &'a Expectation,
    pub(super) seen: &'a Observation,
    /// Old units of daemons on the hosts that answered.
    pub(super) units: BTreeMap<(&'a str, &'a str), &'a DaemonUnit>,
    /// Pods by daemon.
    pub(super) pods: BTreeMap<&'a str, Vec<&'a DaemonPod>>,
    /// Daemons that run in a pod, as their hosts say it.
    pub(super) in_pods: BTreeSet<&'a DaemonName>,
}

impl<'a> Situation<'a> {
    pub(super) fn new(expected: &'a Expectation, seen: &'a Observation) -> Self {
        let mut units = BTreeMap::new();
        let mut in_pods = BTreeSet::new();
        for (host, facts) in seen.facts.reached_hosts() {
            for unit in &facts.daemons {
                if unit.deployment == crate::facts::Deployment::Rook {
                    in_pods.insert(&unit.daemon);
                } else {
                    units.insert((host.as_str(), unit.unit.as_str()), unit);
                }
            }
        }
        let mut pods: BTreeMap<&str, Vec<&DaemonPod>> = BTreeMap::new();
        for pod in seen.pods.known().into_iter().flatten() {
            pods.entry(&pod.daemon).or_default().push(pod);
        }
        Self {
            expected,
            seen,
            units,
            pods,
            in_pods,
        }
    }

    /// Returns why a host was not seen, if it was not.
    pub(super) fn host_unseen(&self, host: &str) -> Option<String> {
        let name = reeve_host::HostName::new(host).ok()?;
        match self.seen.facts.hosts.get(&name) {
            Some(crate::facts::HostReading::Reached(_)) => None,
            Some(crate::facts::HostReading::Unreachable { because }) => {
                Some(format!("{host} was not reached: {because}"))
            }
            None => Some(format!("{host} is not among the hosts that the survey visits")),
        }
    }
}

/// What a rule writes while it looks.
pub(super) struct Judgement<'a> {
    rule: &'a Rule,
    situation: &'a Situation<'a>,
    findings: Vec<Finding>,
    unseen: BTreeSet<String>,
}

impl Judgement<'_> {
    /// Writes down a finding; `names` fill the remedy, to which `{namespace}`, `{cluster}` and `{run}` are known already.
    pub(super) fn found(
        &mut self,
        subject: impl Into<String>,
        fact: impl AsRef<str>,
        names: &[(&str, &str)],
    ) -> Seen<'_> {
        let context = &self.situation.expected.outline.context;
        let run = self.situation.expected.run.as_deref().unwrap_or("RUN");
        let always = [
            ("namespace", context.namespace.as_str()),
            ("cluster", context.cluster_name.as_str()),
            ("run", run),
        ];
        let remedy = fill(self.rule.remedy, names.iter().chain(&always));
        self.found_with(subject, fact, &remedy)
    }

    /// Writes down a finding with a remedy of its own, whose words are quoted already.
    pub(super) fn found_with(&mut self, subject: impl Into<String>, fact: impl AsRef<str>, remedy: &str) -> Seen<'_> {
        self.findings.push(Finding {
            check: self.rule.check_id(),
            severity: self.rule.severity,
            subject: subject.into(),
            detail: format!("{} {}", fact.as_ref(), self.rule.reason),
            evidence: Vec::new(),
            remedy: remedy.into(),
            source: self.rule.source.into(),
        });
        Seen(self.findings.last_mut().expect("a finding was just added"))
    }

    /// Writes down that something this rule needs could not be seen.
    pub(super) fn unseen(&mut self, what: impl Into<String>) {
        self.unseen.insert(what.into());
    }

    /// Returns a reading's value, or writes down that it could not be seen.
    pub(super) fn need<'r, T>(&mut self, what: &str, reading: &'r Reading<T>) -> Option<&'r T> {
        match reading.require() {
            Ok(value) => Some(value),
            Err(because) => {
                self.unseen(format!("{what}: {because}"));
                None
            }
        }
    }
}

/// A finding that can still be given evidence.
pub(super) struct Seen<'a>(&'a mut Finding);

impl Seen<'_> {
    /// Adds what was seen, word for word, and where.
    pub(super) fn by(self, from: impl Into<String>, text: impl Into<String>) -> Self {
        self.0.evidence.push(Evidence {
            from: from.into(),
            text: text.into(),
        });
        self
    }
}
