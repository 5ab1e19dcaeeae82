//! `reeve check run --plan`: what would be made.

use std::fmt::Write;

use reeve_check::{Budget, Selected, budget};
use reeve_openstack::Session;

use crate::cli::{CheckFormat, CheckRunArgs};
use crate::command::Context;
use crate::exit::Exit;
use crate::failure::Failure;

/// Shows what a run would make; code 1 if a quota has no room for it.
pub(super) async fn show(
    session: &Session,
    selected: &Selected,
    args: &CheckRunArgs,
    context: &Context<'_>,
) -> Result<Exit, Failure> {
    session
        .token()
        .await
        .map_err(|error| Failure::from_error(Exit::Unreachable, &error).hint(error.hint()))?;
    let budget = budget(session, selected).await;
    let text = match args.rendering.format {
        CheckFormat::Text => text(&budget, selected),
        CheckFormat::Json => {
            serde_json::to_string_pretty(&budget).expect("a budget has only text keys and whole numbers") + "\n"
        }
        CheckFormat::Junit | CheckFormat::Html | CheckFormat::Yaml | CheckFormat::Signed => {
            return Err(Failure::new(Exit::Usage, "a plan is shown as text or as JSON only"));
        }
    };
    context.hand_on(&text, args.rendering.output.as_deref())?;
    let short = budget.quotas.iter().any(reeve_check::Quota::is_short);
    Ok(if short { Exit::Findings } else { Exit::Done })
}

fn text(budget: &Budget, selected: &Selected) -> String {
    let mut text = String::new();
    let making: usize = budget.groups.iter().map(|group| group.checks.len()).sum();
    // Writing into a String cannot fail.
    let _ = writeln!(
        text,
        "{} checks: {} only read, {making} make something in the project and delete it again",
        selected.cases.len(),
        selected.cases.len() - making
    );
    for group in &budget.groups {
        let _ = writeln!(text, "\n{}: {}", group.name, group.makes);
        let _ = writeln!(text, "  takes {}", group.takes);
        let _ = writeln!(text, "  for {}", group.checks.join(", "));
    }
    if !budget.quotas.is_empty() {
        let _ = writeln!(text, "\nquota                 needed   left");
        for quota in &budget.quotas {
            let left = quota
                .left
                .map_or_else(|| "no limit known".to_owned(), |left| left.to_string());
            let short = if quota.is_short() { "  TOO LITTLE" } else { "" };
            let _ = writeln!(text, "  {:<18} {:>7}   {left}{short}", quota.what, quota.needed);
        }
    }
    text
}
