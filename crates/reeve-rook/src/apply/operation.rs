//! Builds the steps of a plan.

use std::sync::Arc;

use reeve_journal::plan::PlannedStep;
use reeve_journal::{BuildError, Operation, Outputs, Step};

use super::World;
use super::earlier::Earlier;
use super::guard::Guarded;
use super::looking::{Awaited, Looking};
use super::once::{Deed, Once};
use super::outline::Outline;
use super::steps::With;
use crate::plan::OPERATION;
use crate::plan::steps::StepInput;

/// The operation: takes over a Ceph cluster into Rook.
#[derive(Clone, Debug)]
pub struct Rook {
    outline: Arc<Outline>,
}

impl Rook {
    /// Makes the operation for the plan that the outline was read from.
    #[must_use]
    pub const fn new(outline: Arc<Outline>) -> Self {
        Self { outline }
    }
}

impl Operation<World> for Rook {
    fn name(&self) -> &str {
        OPERATION
    }

    fn step(&self, planned: &PlannedStep, outputs: &Outputs<'_>) -> Result<Box<dyn Step<World>>, BuildError> {
        let input = StepInput::from_planned(planned).map_err(|error| BuildError::new(planned, &error.to_string()))?;
        let earlier = Earlier::than(&planned.id, &self.outline, outputs);
        let step = build(input, &earlier);
        if self.outline.changes(&planned.id) {
            return Ok(Box::new(Guarded { step, earlier }));
        }
        Ok(step)
    }
}

fn awaited(question: impl Looking + 'static) -> Box<dyn Step<World>> {
    Box::new(Awaited::new(question))
}

fn once(deed: impl Deed + 'static) -> Box<dyn Step<World>> {
    Box::new(Once::new(deed))
}

fn build(input: StepInput, earlier: &Earlier) -> Box<dyn Step<World>> {
    use StepInput as I;
    let earlier = || earlier.clone();
    match input {
        I::ExportState(step) => once(step),
        I::ExportHost(step) => once(step),
        I::SetConfig(step) => Box::new(step),
        I::StopBalancer(step) => Box::new(step),
        I::StopAutoscaler(step) => Box::new(step),
        I::EnableMsgr2(step) => Box::new(step),
        I::RenameBucket(step) => Box::new(step),
        I::DisableOrchestrator(step) => Box::new(step),
        I::SetOperatorSettings(step) => Box::new(step),
        I::AnnotateNode(step) => Box::new(step),
        I::ProveImage(step) => once(step),
        I::CreateReleasedList(step) => Box::new(step),
        I::CreateGatePolicy(step) => Box::new(step),
        I::CreateGateBinding(step) => Box::new(step),
        I::ProveGateClosed(step) => awaited(step),
        I::GuardCephSettings(step) => once(With(step, earlier())),
        I::CreateSecret(step) => Box::new(step),
        I::CreateEndpoints(step) => Box::new(step),
        I::CreateConfigOverride(step) => Box::new(step),
        I::CreateCephCluster(step) => Box::new(With(step, earlier())),
        I::AwaitDeployments(step) => awaited(step),
        I::AwaitStandbyMgrs(step) => awaited(step),
        I::LabelOsdDeployments(step) => Box::new(step),
        I::TriggerReconcile(step) => Box::new(step),
        I::ProveDeploymentsSettled(step) => awaited(With(step, earlier())),
        I::ProveMapsUnchanged(step) => awaited(With(step, earlier())),
        I::ConfirmQuorum(step) => awaited(step),
        I::ConfirmOkToStop(step) => awaited(step),
        I::StopUnit(step) => Box::new(step),
        I::MaskUnit(step) => Box::new(step),
        I::AwaitProcessGone(step) => awaited(step),
        I::MoveMonStore(step) => Box::new(step),
        I::ChownMonStore(step) => Box::new(step),
        I::ReleaseDaemon(step) => Box::new(step),
        I::NudgeReplicaSet(step) => Box::new(step),
        I::AwaitQuorum(step) => awaited(With(step, earlier())),
        I::WatchHealth(step) => once(With(step, earlier())),
        I::FailMgr(step) => Box::new(step),
        I::SetOsdFlag(step) => Box::new(step),
        I::AwaitOsdDown(step) => awaited(step),
        I::ChownDevices(step) => Box::new(step),
        I::AwaitOsdUp(step) => awaited(step),
        I::ProveCrushPosition(step) => awaited(step),
        I::AwaitActiveClean(step) => awaited(step),
        I::PauseRun(step) => once(step),
        I::RecordPodStarts(step) => once(step),
        I::DeleteGateBinding(step) => Box::new(step),
        I::DeleteGatePolicy(step) => Box::new(step),
        I::DeleteReleasedList(step) => Box::new(step),
        I::EnableHealthChecks(step) => Box::new(step),
        I::ClearOsdFlag(step) => Box::new(step),
        I::StartAutoscaler(step) => Box::new(step),
        I::StartBalancer(step) => Box::new(step),
        I::RestoreConfig(step) => Box::new(step),
        I::ProveNoRestart(step) => awaited(With(step, earlier())),
        I::VerifyTakeover(step) => awaited(With(step, earlier())),
    }
}
