//! Verdicts of the official tests beside ours: what differs, and what of that is documented.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8PathBuf;
use serde_json::{Value, json};

use crate::part::PartError;
use crate::suite::{COMMIT, Verdicts};
use crate::tool::root;

/// What a check without a verdict has in its place.
pub(crate) const NONE: &str = "none";

/// A difference that is known, with the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Documented {
    /// The profile that the cloud is broken by, `good` for none.
    pub(crate) profile: String,
    pub(crate) id: String,
    pub(crate) official: String,
    pub(crate) ours: String,
    pub(crate) reason: String,
}

/// One id whose two verdicts are not the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) id: String,
    pub(crate) official: String,
    pub(crate) ours: String,
    /// Why, if it is known.
    pub(crate) reason: Option<String>,
}

/// What came of comparing the verdicts of one profile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Comparison {
    pub(crate) differences: Vec<Difference>,
    /// What is documented and was not seen.
    pub(crate) absent: Vec<Documented>,
}

impl Comparison {
    /// Compares the verdicts of `ids` on one profile.
    pub(crate) fn of(
        profile: &str,
        ids: &[String],
        official: &Verdicts,
        ours: &Verdicts,
        documented: &[Documented],
    ) -> Self {
        let mut known: Vec<&Documented> = documented
            .iter()
            .filter(|known| known.profile == profile && ids.contains(&known.id))
            .collect();
        let mut differences = Vec::new();
        for id in ids {
            let of = |verdicts: &Verdicts| verdicts.get(id).map_or(NONE, String::as_str).to_owned();
            let (official, ours) = (of(official), of(ours));
            // Two suites that both say nothing do not agree on anything.
            if official == ours && official != NONE {
                continue;
            }
            let fits = |known: &&Documented| known.id == *id && known.official == official && known.ours == ours;
            let at = known.iter().position(fits);
            let reason = at.map(|at| known.remove(at).reason.clone());
            differences.push(Difference {
                id: id.clone(),
                official,
                ours,
                reason,
            });
        }
        Self {
            differences,
            absent: known.into_iter().cloned().collect(),
        }
    }

    /// Tells whether everything is as documented.
    pub(crate) fn is_as_documented(&self) -> bool {
        self.absent.is_empty() && self.differences.iter().all(|difference| difference.reason.is_some())
    }

    /// Returns a word for a table.
    pub(crate) fn word(&self) -> String {
        let known = self
            .differences
            .iter()
            .filter(|difference| difference.reason.is_some())
            .count();
        let unknown = self.differences.len() - known;
        let mut words = Vec::new();
        for (number, word) in [
            (unknown, "NOT DOCUMENTED"),
            (known, "documented"),
            (self.absent.len(), "documented but ABSENT"),
        ] {
            if number > 0 {
                words.push(format!("{number} {word}"));
            }
        }
        if words.is_empty() {
            "none".to_owned()
        } else {
            words.join(", ")
        }
    }
}

/// Returns how many passed, failed and could not be judged, for a table.
pub(crate) fn tally(verdicts: &Verdicts) -> String {
    let of = |word: &str| verdicts.values().filter(|verdict| *verdict == word).count();
    format!("{:>3} {:>4} {:>5}", of("PASS"), of("FAIL"), of("ABORT"))
}

fn file(name: &str) -> Utf8PathBuf {
    root().join("xtask").join("parity").join(name)
}

fn read(name: &str) -> Result<Value, PartError> {
    let path = file(name);
    let text = std::fs::read_to_string(&path).map_err(|source| PartError::File {
        path: path.clone(),
        source,
    })?;
    serde_json::from_str(&text).map_err(|error| PartError::Seen(format!("{path} is no JSON: {error}")))
}

/// Reads the documented differences.
///
/// # Errors
///
/// [`PartError::Seen`] for an entry without a reason, or one in which nothing differs.
pub(crate) fn documented() -> Result<Vec<Documented>, PartError> {
    documented_in(&read("differences.json")?)
}

fn documented_in(value: &Value) -> Result<Vec<Documented>, PartError> {
    let wrong = |entry: &Value| {
        PartError::Seen(format!(
            "differences.json: every entry has profile, id, official, ours and reason, and two verdicts that differ: {entry}"
        ))
    };
    let entries = value.as_array().ok_or_else(|| wrong(value))?;
    let read = |entry: &Value| {
        let text = |key: &str| entry[key].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        Some(Documented {
            profile: text("profile")?,
            id: text("id")?,
            official: text("official")?,
            ours: text("ours")?,
            reason: text("reason")?,
        })
        .filter(|known| known.official != known.ours)
    };
    entries
        .iter()
        .map(|entry| read(entry).ok_or_else(|| wrong(entry)))
        .collect()
}

/// Verdicts of the official tests as they were once, for where they are not to be had.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Recorded {
    profiles: BTreeMap<String, OnProfile>,
}

/// The verdicts on one profile, and the day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OnProfile {
    pub(crate) day: String,
    pub(crate) verdicts: Verdicts,
}

impl Recorded {
    /// Reads the record.
    ///
    /// # Errors
    ///
    /// [`PartError::Seen`] if it is of another commit or cannot be understood.
    pub(crate) fn load() -> Result<Self, PartError> {
        Self::of(&read("recorded.json")?).ok_or_else(|| {
            PartError::Seen(format!(
                "{} is no record of verdicts at {COMMIT}; remove it and make it anew with `cargo xtask parity --record`",
                file("recorded.json")
            ))
        })
    }

    /// Returns the verdicts on a profile.
    pub(crate) fn of_profile(&self, profile: &str) -> Option<&OnProfile> {
        self.profiles.get(profile)
    }

    /// Returns the first and the last day on which something was recorded, as words.
    pub(crate) fn days(&self) -> String {
        let days: BTreeSet<&str> = self.profiles.values().map(|seen| seen.day.as_str()).collect();
        match (days.first(), days.last()) {
            (Some(first), Some(last)) if first != last => format!("{first} to {last}"),
            (Some(day), _) => (*day).to_owned(),
            _ => "no day".to_owned(),
        }
    }

    /// Writes the verdicts on one profile down, in place of earlier ones of the same checks. Each at once: a run takes long, and what was seen is seen.
    pub(crate) fn note(profile: &str, seen: OnProfile) -> Result<(), PartError> {
        let path = file("recorded.json");
        let mut recorded = if path.exists() { Self::load()? } else { Self::default() };
        match recorded.profiles.get_mut(profile) {
            // A run of some checks only does not undo what is known of the others.
            Some(known) => {
                known.day = seen.day;
                known.verdicts.extend(seen.verdicts);
            }
            None => drop(recorded.profiles.insert(profile.to_owned(), seen)),
        }
        let text = serde_json::to_string_pretty(&recorded.to_value()).expect("a record has text keys only");
        std::fs::write(&path, format!("{text}\n")).map_err(|source| PartError::File { path, source })
    }

    /// A profile's ids that passed are those that it does not name: a person who reads it looks for the others.
    fn to_value(&self) -> Value {
        let ids: BTreeSet<&String> = self.profiles.values().flat_map(|seen| seen.verdicts.keys()).collect();
        let not_passed = |verdicts: &Verdicts| -> Value {
            let pairs = ids.iter().filter_map(|id| {
                let verdict = verdicts.get(*id).map_or(NONE, String::as_str);
                (verdict != "PASS").then(|| ((*id).clone(), Value::from(verdict)))
            });
            Value::Object(pairs.collect())
        };
        let profiles = self.profiles.iter().map(|(profile, seen)| {
            let value = json!({ "day": seen.day, "not_passed": not_passed(&seen.verdicts) });
            (profile.clone(), value)
        });
        let profiles: serde_json::Map<String, Value> = profiles.collect();
        json!({ "commit": COMMIT, "ids": ids, "profiles": profiles })
    }

    fn of(value: &Value) -> Option<Self> {
        if value["commit"] != COMMIT {
            return None;
        }
        let ids: Option<Vec<&str>> = value["ids"].as_array()?.iter().map(Value::as_str).collect();
        let ids = ids?;
        let mut profiles = BTreeMap::new();
        for (profile, seen) in value["profiles"].as_object()? {
            let not_passed = seen["not_passed"].as_object()?;
            let mut verdicts = Verdicts::new();
            for id in &ids {
                let verdict = not_passed.get(*id).map_or(Some("PASS"), Value::as_str)?;
                if verdict != NONE {
                    verdicts.insert((*id).to_owned(), verdict.to_owned());
                }
            }
            let day = seen["day"].as_str()?.to_owned();
            profiles.insert(profile.clone(), OnProfile { day, verdicts });
        }
        Some(Self { profiles })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdicts(pairs: &[(&str, &str)]) -> Verdicts {
        pairs
            .iter()
            .map(|(id, verdict)| ((*id).to_owned(), (*verdict).to_owned()))
            .collect()
    }

    fn known(profile: &str, id: &str, official: &str, ours: &str) -> Documented {
        let [profile, id, official, ours] = [profile, id, official, ours].map(str::to_owned);
        Documented {
            profile,
            id,
            official,
            ours,
            reason: "because".to_owned(),
        }
    }

    #[test]
    fn only_what_is_documented_may_differ() {
        let ids = ["a", "b", "c", "d"].map(str::to_owned);
        let official = verdicts(&[("a", "PASS"), ("b", "FAIL"), ("c", "ABORT")]);
        let ours = verdicts(&[("a", "PASS"), ("b", "PASS"), ("c", "FAIL"), ("d", "PASS")]);
        let list = [
            known("good", "b", "FAIL", "PASS"),
            // Another verdict than the one that was seen, another profile, an id that was not asked for.
            known("good", "c", "ABORT", "PASS"),
            known("swift", "d", NONE, "PASS"),
            known("good", "z", "FAIL", "PASS"),
        ];
        let found = Comparison::of("good", &ids, &official, &ours, &list);
        let seen: Vec<(&str, bool)> = found
            .differences
            .iter()
            .map(|difference| (difference.id.as_str(), difference.reason.is_some()))
            .collect();
        assert_eq!(seen, [("b", true), ("c", false), ("d", false)]);
        assert_eq!(found.absent, [list[1].clone()]);
        assert!(!found.is_as_documented());
        assert_eq!(found.word(), "2 NOT DOCUMENTED, 1 documented, 1 documented but ABSENT");

        let alone = Comparison::of("good", &ids[..2], &official, &ours, &list);
        assert!(alone.is_as_documented());
        assert_eq!(alone.word(), "1 documented");
        // What is documented must be seen.
        let absent = Comparison::of("good", &ids[..2], &official, &official, &list);
        assert!(!absent.is_as_documented());
        // Silence on both sides is no agreement.
        let silent = Comparison::of("good", &ids, &Verdicts::new(), &Verdicts::new(), &[]);
        assert_eq!(silent.differences.len(), 4);
    }

    #[test]
    fn a_record_comes_back_as_it_was() {
        let seen = |day: &str, pairs| OnProfile {
            day: day.to_owned(),
            verdicts: verdicts(pairs),
        };
        let good = seen("2026-11-21", &[("a", "PASS"), ("b", "FAIL")]);
        let swift = seen("2026-11-22", &[("a", "ABORT")]);
        let profiles = [("good", good), ("swift", swift)].map(|(name, seen)| (name.to_owned(), seen));
        let recorded = Recorded {
            profiles: profiles.into(),
        };
        assert_eq!(recorded.days(), "2026-11-21 to 2026-11-22");
        let value = recorded.to_value();
        assert_eq!(
            value["profiles"]["swift"],
            json!({ "day": "2026-11-22", "not_passed": { "a": "ABORT", "b": "none" } })
        );
        assert_eq!(Recorded::of(&value), Some(recorded));
        let mut other = value;
        other["commit"] = "0".into();
        assert_eq!(Recorded::of(&other), None);
    }

    #[test]
    fn a_difference_without_a_reason_is_refused() {
        let good = json!([{ "profile": "good", "id": "a", "official": "FAIL", "ours": "PASS", "reason": "because" }]);
        assert_eq!(documented_in(&good).unwrap(), [known("good", "a", "FAIL", "PASS")]);
        for (key, wrong) in [("reason", ""), ("ours", "FAIL"), ("profile", "")] {
            let mut value = good.clone();
            value[0][key] = wrong.into();
            assert!(documented_in(&value).is_err(), "{key}");
        }
    }

    /// The book has a table of them.
    #[test]
    fn every_documented_difference_is_in_the_book() {
        let page = std::fs::read_to_string(root().join("docs/src/reference/parity.md")).unwrap();
        for known in documented().unwrap() {
            let row = format!(
                "| `{}` | `{}` | `{}` | `{}` |",
                known.profile, known.id, known.official, known.ours
            );
            assert!(page.contains(&row), "no row {row}");
        }
    }
}
