//! What a person has accepted beforehand.

use std::collections::BTreeSet;

use super::rules;

/// The rules whose findings a person accepts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waivers(BTreeSet<&'static str>);

/// A waiver that cannot be granted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WaiverError {
    /// There is no such rule.
    #[error("there is no check `{id}` to waive; did you mean `{nearest}`?")]
    Unknown {
        /// The id as given.
        id: String,
        /// The nearest id that exists.
        nearest: &'static str,
    },
    /// The rule guards against something that nobody can accept.
    #[error("`{id}` cannot be waived: {reason}")]
    NotWaivable {
        /// The rule.
        id: &'static str,
        /// Why the rule exists.
        reason: &'static str,
    },
}

impl Waivers {
    /// Returns the waivers for the rules named; a name twice counts once.
    ///
    /// # Errors
    ///
    /// [`WaiverError::Unknown`] for an id that no rule has, [`WaiverError::NotWaivable`] for a rule that says so.
    pub fn new<S: AsRef<str>>(ids: impl IntoIterator<Item = S>) -> Result<Self, WaiverError> {
        let mut waived = BTreeSet::new();
        for id in ids {
            let id = id.as_ref().trim();
            let Some(rule) = rules().into_iter().find(|rule| rule.id == id) else {
                return Err(WaiverError::Unknown {
                    id: id.chars().take(80).collect(),
                    nearest: nearest(id),
                });
            };
            if rule.waiver.is_none() {
                return Err(WaiverError::NotWaivable {
                    id: rule.id,
                    reason: rule.reason,
                });
            }
            waived.insert(rule.id);
        }
        Ok(Self(waived))
    }

    /// Returns whether the rule `id` is waived.
    pub fn has(&self, id: &str) -> bool {
        self.0.contains(id)
    }

    /// Returns the waived ids, sorted.
    pub fn ids(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().copied()
    }
}

fn nearest(id: &str) -> &'static str {
    let with_area = if id.starts_with("rook.") {
        id.to_owned()
    } else {
        format!("rook.{id}")
    };
    let closest = rules()
        .into_iter()
        .max_by(|a, b| strsim::jaro_winkler(a.id, &with_area).total_cmp(&strsim::jaro_winkler(b.id, &with_area)));
    closest.expect("there are rules").id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waiver_names_a_rule_that_may_be_waived() {
        let waivers = Waivers::new(["rook.pool-size-one", " rook.pool-size-one"]).unwrap();
        assert!(waivers.has("rook.pool-size-one"));
        assert_eq!(waivers.ids().collect::<Vec<_>>(), ["rook.pool-size-one"]);
        assert!(!Waivers::default().has("rook.pool-size-one"));
    }

    #[test]
    fn an_unknown_id_is_answered_with_the_nearest() {
        for wrong in ["rook.pool-size-on", "pool-size-one", "rook.pools-size-one"] {
            let error = Waivers::new([wrong]).unwrap_err();
            assert_eq!(
                error,
                WaiverError::Unknown {
                    id: wrong.into(),
                    nearest: "rook.pool-size-one"
                }
            );
        }
        let error = Waivers::new(["rook.pool-size-on"]).unwrap_err().to_string();
        assert_eq!(
            error,
            "there is no check `rook.pool-size-on` to waive; did you mean `rook.pool-size-one`?"
        );
    }

    #[test]
    fn catastrophes_cannot_be_waived() {
        let never = [
            "rook.seed-left",
            "rook.osd-stale-volume",
            "rook.data-dir-leftovers",
            "rook.daemon-twice",
            "rook.mon-down",
            "rook.stretch-mode",
            "rook.cluster-elsewhere",
            "rook.health-err",
            "rook.stray-process",
            "rook.gate-stale",
        ];
        for id in never {
            assert!(
                matches!(Waivers::new([id]), Err(WaiverError::NotWaivable { .. })),
                "{id}"
            );
        }
    }
}
