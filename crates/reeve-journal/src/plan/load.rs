//! Reading a plan from a file: strict, because what it says will be done.

use std::collections::HashSet;
use std::fs::File;
use std::io::Read;

use camino::{Utf8Path, Utf8PathBuf};
use reeve_keys::UnknownKey;
use serde::Deserialize;

use super::{PLAN_FORMAT, Plan, StepId};

/// The largest plan file that is read; about ten times the plan of a cluster with 2,000 OSDs.
pub const MAX_PLAN_BYTES: u64 = 256 * 1024 * 1024;

/// Why a plan cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The file cannot be opened or read.
    #[error("cannot read the plan {path}")]
    Read {
        /// The file.
        path: Utf8PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The file is larger than any plan.
    #[error("{path} is larger than {MAX_PLAN_BYTES} bytes and so is not a plan; give the file that `plan` wrote")]
    TooLarge {
        /// The file.
        path: Utf8PathBuf,
    },
    /// The text is not JSON, or a value has the wrong type.
    #[error("{origin} is not a plan that can be read; make it again with `plan`")]
    Syntax {
        /// File name, or a word for where the text came from.
        origin: String,
        /// What is wrong, with line and column.
        #[source]
        source: serde_json::Error,
    },
    /// The plan is of a layout that this version does not know.
    #[error(
        "{origin} is of plan format {found}, and this version reads format {PLAN_FORMAT}; \
         make the plan again with this version, or apply it with the version that wrote it ({made_by})"
    )]
    Format {
        /// File name, or a word for where the text came from.
        origin: String,
        /// The format that the file names.
        found: u64,
        /// The program that the file names as its maker.
        made_by: String,
    },
    /// A key that a plan does not have.
    #[error("{origin}, line {line}: {unknown}")]
    UnknownKey {
        /// File name, or a word for where the text came from.
        origin: String,
        /// Line of the file, counted from 1.
        line: usize,
        /// The key, and the known key most like it.
        unknown: UnknownKey,
    },
    /// The digest does not fit the rest of the file.
    #[error(
        "{origin} was changed after it was made: it says {stated} and is {computed}; \
         a plan is not edited by hand, change the options and make it again with `plan`"
    )]
    Edited {
        /// File name, or a word for where the text came from.
        origin: String,
        /// The digest in the file.
        stated: String,
        /// The digest of what the file holds.
        computed: String,
    },
    /// Two steps have one id.
    #[error("the plan has two steps `{step}`; this is a fault of the program that made it, please report it")]
    DuplicateStep {
        /// The id.
        step: StepId,
    },
    /// Two phases have one name, or two hand-overs of a phase one subject.
    #[error("the plan has {what} twice; this is a fault of the program that made it, please report it")]
    DuplicateName {
        /// What is there twice.
        what: String,
    },
    /// A point of no return names a step that is not in the plan.
    #[error("the plan names `{step}` as a point of no return and has no such step; please report it")]
    UnknownStep {
        /// The id.
        step: StepId,
    },
    /// A step without time to do anything.
    #[error("step `{step}` has a deadline of 0 seconds; please report it")]
    NoTime {
        /// The id.
        step: StepId,
    },
}

impl Plan {
    /// Reads a plan from a file and checks it as [`Plan::from_json`] does.
    ///
    /// # Errors
    ///
    /// Any [`PlanError`]; each names the file.
    pub fn load(path: &Utf8Path) -> Result<Self, PlanError> {
        let read = |source| PlanError::Read {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(read)?;
        let too_large = || PlanError::TooLarge { path: path.to_owned() };
        if file.metadata().map_err(read)?.len() > MAX_PLAN_BYTES {
            return Err(too_large());
        }
        let mut text = Vec::new();
        // The file can be a pipe, or grow.
        file.take(MAX_PLAN_BYTES + 1).read_to_end(&mut text).map_err(read)?;
        if text.len() as u64 > MAX_PLAN_BYTES {
            return Err(too_large());
        }
        Self::from_json(&text, path.as_str())
    }

    /// Reads a plan from JSON: the format is known, no key is unknown, the digest fits, and [`Plan::check`] holds.
    ///
    /// `origin` is what errors call the text, usually a file name.
    ///
    /// # Errors
    ///
    /// Any [`PlanError`] but those about files.
    pub fn from_json(text: &[u8], origin: &str) -> Result<Self, PlanError> {
        let plan: Result<Self, _> = serde_json::from_slice(text);
        if !plan.as_ref().is_ok_and(|plan| plan.format == PLAN_FORMAT) {
            // The format comes before any other complaint, which would mislead if the format is another one.
            let header: Header = serde_json::from_slice(text).map_err(|source| syntax(source, origin))?;
            if header.format != u64::from(PLAN_FORMAT) {
                let made_by: String = header.made_by.chars().take(80).flat_map(char::escape_debug).collect();
                return Err(PlanError::Format {
                    origin: origin.to_owned(),
                    found: header.format,
                    made_by,
                });
            }
        }
        let plan = plan.map_err(|source| syntax(source, origin))?;
        plan.check_seal(origin)?;
        plan.check()?;
        Ok(plan)
    }

    /// Checks that the digest fits the rest of the plan.
    pub(crate) fn check_seal(&self, origin: &str) -> Result<(), PlanError> {
        let computed = super::canonical::plan_digest(self);
        if self.digest == computed {
            return Ok(());
        }
        let stated = self.digest.chars().take(80).flat_map(char::escape_debug).collect();
        Err(PlanError::Edited {
            origin: origin.to_owned(),
            stated,
            computed,
        })
    }

    /// Writes the plan as indented JSON with a final line break, the form in which it is saved.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("a plan is JSON all through");
        text.push('\n');
        text
    }

    /// Checks what types cannot: ids and names are unique, references lead somewhere, every step has time.
    ///
    /// # Errors
    ///
    /// [`PlanError::DuplicateStep`], [`PlanError::DuplicateName`], [`PlanError::UnknownStep`], [`PlanError::NoTime`].
    pub fn check(&self) -> Result<(), PlanError> {
        let mut phases = HashSet::new();
        for phase in &self.phases {
            if !phases.insert(&phase.name) {
                return Err(PlanError::DuplicateName {
                    what: format!("phase `{}`", phase.name),
                });
            }
            let mut subjects = HashSet::new();
            for hand_over in &phase.hand_overs {
                if !subjects.insert(&hand_over.subject) {
                    let what = format!("`{}` in phase `{}`", hand_over.subject.escape_debug(), phase.name);
                    return Err(PlanError::DuplicateName { what });
                }
            }
        }
        let mut steps = HashSet::new();
        for (_, _, step) in self.steps() {
            if !steps.insert(&step.id) {
                return Err(PlanError::DuplicateStep { step: step.id.clone() });
            }
            if step.deadline_seconds == 0 {
                return Err(PlanError::NoTime { step: step.id.clone() });
            }
        }
        match self
            .points_of_no_return
            .iter()
            .find(|point| !steps.contains(&point.step))
        {
            Some(point) => Err(PlanError::UnknownStep {
                step: point.step.clone(),
            }),
            None => Ok(()),
        }
    }
}

#[derive(Deserialize)]
struct Header {
    format: u64,
    #[serde(default)]
    made_by: String,
}

/// Turns serde's complaint about an unknown key into one that helps; leaves the others as they are.
fn syntax(source: serde_json::Error, origin: &str) -> PlanError {
    let origin = origin.to_owned();
    match UnknownKey::of(&source.to_string()) {
        Some(unknown) => PlanError::UnknownKey {
            origin,
            line: source.line(),
            unknown,
        },
        None => PlanError::Syntax { origin, source },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::plan::sample;

    fn load_changed(change: impl FnOnce(&mut Value)) -> PlanError {
        let mut tree = serde_json::to_value(sample::plan(2).seal()).unwrap();
        change(&mut tree);
        Plan::from_json(serde_json::to_string_pretty(&tree).unwrap().as_bytes(), "plan.json").unwrap_err()
    }

    fn reseal(change: impl FnOnce(&mut Plan)) -> PlanError {
        let mut plan = sample::plan(2);
        change(&mut plan);
        Plan::from_json(plan.seal().to_json().as_bytes(), "plan.json").unwrap_err()
    }

    #[test]
    fn a_sealed_plan_comes_back_the_same() {
        let plan = sample::plan(3).seal();
        assert_eq!(Plan::from_json(plan.to_json().as_bytes(), "plan.json").unwrap(), plan);
    }

    #[test]
    fn another_format_is_named_with_the_way_out() {
        let error = load_changed(|tree| {
            tree["format"] = json!(7);
            tree["made_by"] = json!("reeve 9.0.0");
            tree["new_in_9"] = json!(true);
        });
        insta::assert_snapshot!(error, @"plan.json is of plan format 7, and this version reads format 1; make the plan again with this version, or apply it with the version that wrote it (reeve 9.0.0)");
    }

    #[test]
    fn an_unknown_key_is_named_with_line_and_nearest() {
        let error = load_changed(|tree| {
            tree["phases"][0]["hand_overs"][0]["steps"][0]["dedline_seconds"] = json!(5);
        });
        insta::assert_snapshot!(error, @"plan.json, line 33: unknown key `dedline_seconds`; the nearest known key is `deadline_seconds`");
    }

    #[test]
    fn a_changed_value_is_an_edited_plan() {
        let error = load_changed(|tree| tree["options"]["soak_seconds"] = json!(1));
        assert!(matches!(&error, PlanError::Edited { .. }), "{error}");
        assert!(error.to_string().contains("make it again with `plan`"));
    }

    #[test]
    fn faults_of_the_planner_are_refused() {
        let error = reseal(|plan| {
            let again = plan.phases[0].hand_overs[0].steps[0].clone();
            plan.phases[0].hand_overs[0].steps.push(again);
        });
        assert!(matches!(error, PlanError::DuplicateStep { .. }), "{error}");
        let error = reseal(|plan| plan.phases[0].hand_overs[0].steps[0].deadline_seconds = 0);
        assert!(matches!(error, PlanError::NoTime { .. }), "{error}");
        let error = reseal(|plan| plan.points_of_no_return[0].step = StepId::new("no/such/step").unwrap());
        assert!(matches!(error, PlanError::UnknownStep { .. }), "{error}");
        let error = reseal(|plan| {
            let again = plan.phases[0].clone();
            plan.phases.push(again);
        });
        assert!(matches!(error, PlanError::DuplicateName { .. }), "{error}");
    }

    #[test]
    fn rubbish_is_an_error_and_a_missing_file_is_named() {
        for rubbish in [
            &b""[..],
            b"{",
            b"\xff\xfe",
            b"[]",
            b"{\"format\":1}",
            b"{\"format\":-1}",
        ] {
            assert!(Plan::from_json(rubbish, "plan.json").is_err());
        }
        let error = Plan::load(Utf8Path::new("/nonexistent/plan.json")).unwrap_err();
        assert_eq!(error.to_string(), "cannot read the plan /nonexistent/plan.json");
        let huge = tempfile::NamedTempFile::new().unwrap();
        huge.as_file().set_len(MAX_PLAN_BYTES + 1).unwrap();
        let error = Plan::load(Utf8Path::from_path(huge.path()).unwrap()).unwrap_err();
        assert!(matches!(error, PlanError::TooLarge { .. }), "{error}");
    }

    #[test]
    fn twenty_thousand_steps_are_sealed_and_loaded_in_good_time() {
        let plan = sample::plan(2_000).seal();
        assert_eq!(plan.steps().count(), 20_000);
        let text = plan.to_json();
        let start = std::time::Instant::now();
        assert_eq!(
            Plan::from_json(text.as_bytes(), "plan.json").unwrap().digest,
            plan.digest
        );
        // Generous, because this runs unoptimised and beside others; the benchmark has the real figure.
        assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
    }
}
