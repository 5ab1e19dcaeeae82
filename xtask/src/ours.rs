//! What `reeve check` says: its result, and the verdicts in it.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::observe::{Observed, observe};
use crate::part::PartError;
use crate::suite::Verdicts;

/// Runs a `reeve check run` with `--format json` to its end and returns its result, whatever its exit code.
///
/// # Errors
///
/// [`PartError::Seen`] if it gives no result or does not end in time.
pub(crate) fn result(name: &str, command: &mut Command, deadline: Duration) -> Result<(Value, Observed), PartError> {
    let observed = observe(name, command, deadline)?;
    let run: Value = serde_json::from_str(&observed.said).map_err(|error| {
        PartError::Seen(format!(
            "{name}: ended with {} and without a result ({error}); see {}",
            observed.status, observed.complaints
        ))
    })?;
    Ok((run, observed))
}

/// Returns the verdicts of a result; a check that was not judged has none.
pub(crate) fn verdicts(run: &Value) -> Verdicts {
    let cases = run["cases"].as_array().into_iter().flatten();
    cases
        .filter_map(|case| Some((case["id"].as_str()?.to_owned(), case["verdict"].as_str()?.to_owned())))
        .collect()
}
