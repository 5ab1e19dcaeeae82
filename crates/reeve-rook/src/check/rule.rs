//! What a rule is, and the place where it writes down what it sees.

use std::collections::BTreeSet;

use reeve_report::{CheckId, Evidence, Finding, Outcome, Severity};

use super::context::Context;
use super::need::Need;

/// One thing that must hold, or be known, before a cluster can be taken over.
///
/// A rule is data with one function: it has no state, so tests, the reference page and the judge read the same value. All findings of a
/// rule have its severity; what deserves another severity is another rule.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Its stable id: `rook.mon-down`. Waivers and reports refer to it.
    pub id: &'static str,
    /// What it makes sure of, as a statement: "All mons are in quorum".
    pub title: &'static str,
    /// What a finding of it weighs.
    pub severity: Severity,
    /// What a person accepts by waiving it; none where it cannot be waived.
    pub waiver: Option<&'static str>,
    /// The facts it needs beyond those that every survey has.
    pub needs: &'static [Need],
    /// Why Rook or Ceph would do harm, or why one should know.
    pub reason: &'static str,
    /// What to do, with the next command; `{words}` in braces stand for names that each finding fills in.
    pub remedy: &'static str,
    /// Where this is known from.
    pub source: &'static str,
    /// Looks at the facts and writes findings.
    pub(crate) judge: fn(&Context<'_>, &mut Judgement<'_>),
}

impl Rule {
    /// Returns the id in the form that reports carry.
    pub fn check_id(&self) -> CheckId {
        CheckId::fixed(self.id)
    }

    /// Returns whether the remedy is one command as a whole, not a sentence with commands in it.
    pub(crate) fn remedy_is_command(&self) -> bool {
        let starts = ["ceph ", "kubectl "]
            .iter()
            .any(|program| self.remedy.starts_with(program));
        starts && !self.remedy.contains('`')
    }

    /// Judges the facts of `context`: findings win over facts that were missing, and missing facts win over "passed".
    pub(crate) fn outcome(&self, context: &Context<'_>) -> Judged {
        let mut judgement = Judgement {
            rule: self,
            context,
            findings: Vec::new(),
            unseen: BTreeSet::new(),
        };
        for need in self.needs {
            judgement.unseen.extend(context.missing(*need).iter().cloned());
        }
        (self.judge)(context, &mut judgement);
        Judged {
            findings: judgement.findings,
            unseen: judgement.unseen.into_iter().collect(),
        }
    }
}

/// What a rule saw and what it could not see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Judged {
    /// What it found.
    pub(crate) findings: Vec<Finding>,
    /// What could not be read, in words, sorted.
    pub(crate) unseen: Vec<String>,
}

impl Judged {
    /// Returns the outcome: where something was found although a part was not seen, the first finding says so in its evidence.
    pub(crate) fn outcome(mut self) -> Outcome {
        let because = (!self.unseen.is_empty()).then(|| list(&self.unseen, 5));
        match (self.findings.first_mut(), because) {
            (None, None) => Outcome::Passed,
            (None, Some(because)) => Outcome::NotJudged { because },
            (Some(_), None) => Outcome::Found(self.findings),
            (Some(first), Some(because)) => {
                first.evidence.push(Evidence {
                    from: "not seen, so there may be more".into(),
                    text: because,
                });
                Outcome::Found(self.findings)
            }
        }
    }

    /// Returns the outcome for a person who accepts what this rule finds. What could not be seen cannot be accepted.
    pub(crate) fn waived(self, by: &str) -> Outcome {
        if self.findings.is_empty() {
            return self.outcome();
        }
        if self.unseen.is_empty() {
            return Outcome::Waived {
                by: by.into(),
                findings: self.findings,
            };
        }
        let subjects: Vec<String> = self.findings.into_iter().map(|finding| finding.subject).collect();
        Outcome::NotJudged {
            because: format!("{} (waived: {})", list(&self.unseen, 5), list(&subjects, 5)),
        }
    }
}

/// What a rule writes while it looks.
pub(crate) struct Judgement<'a> {
    rule: &'a Rule,
    context: &'a Context<'a>,
    findings: Vec<Finding>,
    unseen: BTreeSet<String>,
}

impl Judgement<'_> {
    /// Writes down a finding on `subject`; `fact` is the sentence that says what is the case, `names` fill the remedy.
    ///
    /// `{namespace}`, `{operator_namespace}`, `{data_dir}`, `{admin_host}` and `{image}` need not be given.
    pub(crate) fn found(
        &mut self,
        subject: impl Into<String>,
        fact: impl AsRef<str>,
        names: &[(&str, &str)],
    ) -> Seen<'_> {
        let scope = &self.context.facts.scope;
        let image = scope.ceph_image.as_deref().unwrap_or("IMAGE");
        let always = [
            ("namespace", scope.namespace.as_str()),
            ("operator_namespace", &scope.operator_namespace),
            ("data_dir", &scope.data_dir_host_path),
            ("admin_host", scope.admin_host.as_str()),
            ("image", image),
        ];
        let remedy = fill(self.rule.remedy, names.iter().chain(&always));
        self.findings.push(Finding {
            check: self.rule.check_id(),
            severity: self.rule.severity,
            subject: subject.into(),
            detail: format!("{} {}", fact.as_ref(), self.rule.reason),
            evidence: Vec::new(),
            remedy,
            source: self.rule.source.into(),
        });
        Seen(self.findings.last_mut().expect("a finding was just added"))
    }

    /// Writes down that something this rule needs could not be seen.
    pub(crate) fn unseen(&mut self, what: impl Into<String>) {
        self.unseen.insert(what.into());
    }
}

/// A finding that can still be given evidence.
pub(crate) struct Seen<'a>(&'a mut Finding);

impl Seen<'_> {
    /// Adds what was seen, word for word, and where.
    pub(crate) fn by(self, from: impl Into<String>, text: impl Into<String>) -> Self {
        self.0.evidence.push(Evidence {
            from: from.into(),
            text: text.into(),
        });
        self
    }
}

/// Fills the `{words}` of a remedy; a value that a shell would not take as one plain word is quoted.
pub(crate) fn fill<'a>(template: &str, names: impl Iterator<Item = &'a (&'a str, &'a str)>) -> String {
    let names: Vec<_> = names.collect();
    let mut filled = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let Some((word, tail)) = after.split_once('}') else {
            filled.push('{');
            rest = after;
            continue;
        };
        match names.iter().find(|(name, _)| *name == word) {
            Some((_, value)) => filled.push_str(&shell_word(value)),
            None => filled.extend(["{", word, "}"]),
        }
        rest = tail;
    }
    filled.push_str(rest);
    filled
}

/// Returns `value` so that a POSIX shell takes it as one word: names come from outside, and remedies are pasted.
pub(crate) fn shell_word(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-:/=@%+,".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        return value.into();
    }
    format!("'{}'", value.replace('\'', r"'\''"))
}

/// Returns the first `most` of `items`, joined by commas, and how many there are besides.
pub(crate) fn list<T: std::fmt::Display>(items: &[T], most: usize) -> String {
    let mut text = items
        .iter()
        .take(most)
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ");
    if items.len() > most {
        text.push_str(&format!(" and {} more", items.len() - most));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remedies_are_filled_and_quoted() {
        let names = [("pool", "a; rm -rf /"), ("n", "3"), ("who", "it's"), ("none", "")];
        assert_eq!(
            fill("ceph osd pool set {pool} size {n}", names.iter()),
            "ceph osd pool set 'a; rm -rf /' size 3"
        );
        assert_eq!(
            fill("{who} {none} {other} {open", names.iter()),
            r"'it'\''s' '' {other} {open"
        );
    }

    #[test]
    fn a_filled_value_is_not_filled_again() {
        let names = [("a", "{b}"), ("b", "x")];
        assert_eq!(fill("{a}", names.iter()), "'{b}'");
    }

    #[test]
    fn long_lists_are_cut() {
        assert_eq!(list(&[1, 2, 3], 3), "1, 2, 3");
        assert_eq!(list(&[1, 2, 3], 1), "1 and 2 more");
        assert_eq!(list::<u8>(&[], 1), "");
    }

    #[test]
    fn what_was_not_seen_cannot_be_waived() {
        let finding = Finding {
            check: CheckId::fixed("rook.x"),
            severity: Severity::Refusal,
            subject: "pool a".into(),
            detail: String::new(),
            evidence: vec![],
            remedy: String::new(),
            source: String::new(),
        };
        let partial = Judged {
            findings: vec![finding.clone()],
            unseen: vec!["n3 was not reached".into()],
        };
        let Outcome::NotJudged { because } = partial.clone().waived("me") else {
            panic!("waived what was not seen")
        };
        assert_eq!(because, "n3 was not reached (waived: pool a)");
        let Outcome::Found(findings) = partial.outcome() else {
            panic!("the finding is gone")
        };
        assert_eq!(findings[0].evidence[0].text, "n3 was not reached");
        let whole = Judged {
            findings: vec![finding.clone()],
            unseen: vec![],
        };
        assert_eq!(
            whole.waived("me"),
            Outcome::Waived {
                by: "me".into(),
                findings: vec![finding]
            }
        );
        assert_eq!(
            Judged {
                findings: vec![],
                unseen: vec![]
            }
            .waived("me"),
            Outcome::Passed
        );
    }
}
