//! The plan of a take-over: every step, in order, before anything is done.
//!
//! [`plan`] is a pure function. It puts the facts in order, looks up where everything is (`site`), and lets the phases write down their steps
//! (`phases`). Each step is a struct in [`steps`] that says what it does; whoever runs the plan gets the struct back with
//! [`steps::StepInput::from_planned`]. Why the order is as it is stands in the documentation, under "The order of a take-over".

mod context;
mod draft;
mod error;
mod legacy_config;
mod measured;
pub(crate) mod objects;
mod options;
pub(crate) mod ordered;
mod phases;
mod show;
mod site;
pub mod steps;
mod stilled;
mod summary;

#[cfg(test)]
pub(crate) mod tests;

use reeve_journal::plan::{FactsReference, PLAN_FORMAT, Plan, Target};

pub use context::StepContext;
pub use error::PlanError;
pub use options::{CrushHostNames, Dashboard, EncryptedOsds, Options, OsdsAtOnce, PlanOptions, Probes};
pub use show::{action_line, render, render_diff};

use crate::facts::Facts;
use draft::Draft;
use site::Site;
use stilled::Stilled;

/// The name of this operation in plans and journals.
pub const OPERATION: &str = "rook";

/// Plans the take-over of the cluster that the facts describe.
///
/// Pure: the same facts and options give the same plan to the byte, in whatever order the facts' lists are. The plan is sealed. It
/// holds no secret: keys are named, never shown.
///
/// # Errors
///
/// [`PlanError`] where the facts allow no plan that ends well. It does not judge what `check` judges better (health, space,
/// clocks): a caller runs `check` first.
pub fn plan(facts: &Facts, options: &Options) -> Result<Plan, PlanError> {
    let facts = ordered::ordered(facts);
    let options = PlanOptions {
        chosen: options.clone(),
        scope: facts.scope.clone(),
    };
    let context = StepContext::from_options(&options);
    let site = Site::new(&facts, &options.chosen)?;
    let stilled = Stilled::new(&site);
    let mut draft = Draft::new(&context);
    phases::write(&mut draft, &site, &options, &stilled)?;
    let (phases, points_of_no_return) = draft.finish();
    let plan = Plan {
        format: PLAN_FORMAT,
        operation: OPERATION.into(),
        made_by: format!("reeve {}", env!("CARGO_PKG_VERSION")),
        target: Target {
            kind: "ceph-cluster".into(),
            id: facts.ceph.fsid.to_string(),
            name: options.cluster_name().to_owned(),
        },
        options: serde_json::to_value(&options).expect("options hold only maps with text keys"),
        facts: FactsReference {
            digest: facts.digest(),
            taken_at: facts.taken_at,
        },
        summary: summary::summary(&site, &options, &stilled),
        phases,
        points_of_no_return,
        digest: String::new(),
    };
    Ok(plan.seal())
}
