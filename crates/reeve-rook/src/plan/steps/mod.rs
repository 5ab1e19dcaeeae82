//! The steps of a take-over: each a struct with its input and, made from it, all that a plan says of it.
//!
//! [`StepInput`] is any of them. A plan keeps kind and input; [`StepInput::from_planned`] gives the struct back to whoever
//! runs the plan, and [`StepInput::describe`] gives the same text again. Kinds are stable: journals keep them.

mod backup;
mod ceph_settings;
mod gate;
mod handover;
mod health;
mod kubernetes_settings;
mod letting_go;
mod mgr;
mod mon_store;
mod osd;
mod proofs;
mod release;
mod seed;
mod units;

use reeve_journal::plan::{Action, Interruption, Place, PlannedStep, Undo};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use backup::{ExportHost, ExportState};
pub(crate) use ceph_settings::BALANCER_SWITCH;
pub use ceph_settings::{
    ClearOsdFlag, DisableOrchestrator, EnableMsgr2, RenameBucket, RestoreConfig, SetConfig, SetOsdFlag,
    StartAutoscaler, StartBalancer, StopAutoscaler, StopBalancer,
};
pub use gate::{CreateGateBinding, CreateGatePolicy, CreateReleasedList, ProveGateClosed};
pub use handover::{ConfirmOkToStop, ConfirmQuorum};
pub use health::{AwaitActiveClean, PauseRun, WatchHealth};
pub use kubernetes_settings::{AnnotateNode, ProveImage, SetOperatorSettings, SettingChange};
pub use letting_go::{
    DeleteGateBinding, DeleteGatePolicy, DeleteReleasedList, EnableHealthChecks, ProveNoRestart, RecordPodStarts,
    VerifyTakeover,
};
pub use mgr::{AwaitStandbyMgrs, FailMgr};
pub use mon_store::{AwaitQuorum, ChownMonStore, MoveMonStore};
pub use osd::{Activation, AwaitOsdDown, AwaitOsdUp, ChownDevices, ProveCrushPosition};
pub use proofs::{ProveDeploymentsSettled, ProveMapsUnchanged};
pub(crate) use release::selector;
pub use release::{NudgeReplicaSet, ReleaseDaemon};
pub use seed::{
    AwaitDeployments, ConfigBefore, CreateCephCluster, CreateConfigOverride, CreateEndpoints, CreateSecret,
    GuardCephSettings, LabelOsdDeployments, TriggerReconcile,
};
pub(crate) use units::holders;
pub use units::{AwaitProcessGone, MaskUnit, StopUnit};

use super::StepContext;

/// What a plan says of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// What it does, in one sentence.
    pub what: String,
    /// Where.
    pub place: Place,
    /// The exact commands and objects.
    pub actions: Vec<Action>,
    /// What is missing meanwhile.
    pub interrupts: Option<Interruption>,
    /// After how many seconds an attempt has failed.
    pub deadline_seconds: u32,
    /// The way back.
    pub undo: Undo,
}

impl Description {
    /// Returns a step that only reads or waits.
    fn looking(what: impl Into<String>, place: Place, actions: Vec<Action>, deadline_seconds: u32) -> Self {
        Self {
            what: what.into(),
            place,
            actions,
            interrupts: None,
            deadline_seconds,
            undo: Undo::Nothing,
        }
    }

    /// Returns a step that changes something and can be taken back.
    fn changing(
        what: impl Into<String>,
        place: Place,
        actions: Vec<Action>,
        deadline_seconds: u32,
        undo: Vec<Action>,
    ) -> Self {
        Self {
            what: what.into(),
            place,
            actions,
            interrupts: None,
            deadline_seconds,
            undo: Undo::Actions(undo),
        }
    }

    /// Says what is missing while the step is at work.
    fn interrupting(mut self, what: impl Into<String>, about_seconds: u32) -> Self {
        self.interrupts = Some(Interruption {
            what: what.into(),
            about_seconds,
        });
        self
    }
}

/// A kind of step.
pub trait StepDefinition: Serialize + DeserializeOwned {
    /// Its name, a verb and a noun.
    const KIND: &'static str;
    /// What such a step does, for the reference.
    const ABOUT: &'static str;

    /// Says what this step does; pure.
    fn describe(&self, context: &StepContext) -> Description;
}

/// A step in a plan that this version cannot run.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// No such kind.
    #[error(
        "step `{id}` is of kind `{kind}`, which this version does not know; run the plan with the version that made it"
    )]
    UnknownKind {
        /// The step.
        id: String,
        /// Its kind.
        kind: String,
    },
    /// The input is not that of the kind.
    #[error("the input of step `{id}` is not that of a `{kind}`; make the plan again")]
    Input {
        /// The step.
        id: String,
        /// Its kind.
        kind: String,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
}

macro_rules! steps {
    ($($name:ident),+ $(,)?) => {
        /// Any step of a take-over.
        #[derive(Clone, Debug, PartialEq)]
        #[allow(missing_docs, reason = "each variant carries the documented struct of its name")]
        pub enum StepInput { $($name($name)),+ }

        impl StepInput {
            /// Returns every kind with what it does, in the order in which they come up in a take-over.
            pub fn kinds() -> Vec<(&'static str, &'static str)> {
                vec![$(($name::KIND, $name::ABOUT)),+]
            }

            /// Returns the step's kind.
            pub const fn kind(&self) -> &'static str {
                match self { $(Self::$name(_) => $name::KIND),+ }
            }

            /// Says what the step does; pure.
            pub fn describe(&self, context: &StepContext) -> Description {
                match self { $(Self::$name(step) => step.describe(context)),+ }
            }

            /// Returns the input as a plan keeps it.
            pub(crate) fn to_value(&self) -> Value {
                match self { $(Self::$name(step) => serde_json::to_value(step)),+ }
                    .expect("inputs hold only maps with text keys and finite numbers")
            }

            fn parse(kind: &str, input: &Value) -> Option<Result<Self, serde_json::Error>> {
                $(if kind == $name::KIND { return Some($name::deserialize(input).map(Self::$name)); })+
                None
            }
        }

        $(impl From<$name> for StepInput {
            fn from(step: $name) -> Self { Self::$name(step) }
        })+
    };
}

steps!(
    ExportState,
    ExportHost,
    SetConfig,
    StopBalancer,
    StopAutoscaler,
    EnableMsgr2,
    RenameBucket,
    DisableOrchestrator,
    SetOperatorSettings,
    AnnotateNode,
    ProveImage,
    CreateReleasedList,
    CreateGatePolicy,
    CreateGateBinding,
    ProveGateClosed,
    GuardCephSettings,
    CreateSecret,
    CreateEndpoints,
    CreateConfigOverride,
    CreateCephCluster,
    AwaitDeployments,
    AwaitStandbyMgrs,
    LabelOsdDeployments,
    TriggerReconcile,
    ProveDeploymentsSettled,
    ProveMapsUnchanged,
    ConfirmQuorum,
    ConfirmOkToStop,
    StopUnit,
    MaskUnit,
    AwaitProcessGone,
    MoveMonStore,
    ChownMonStore,
    ReleaseDaemon,
    NudgeReplicaSet,
    AwaitQuorum,
    WatchHealth,
    FailMgr,
    SetOsdFlag,
    AwaitOsdDown,
    ChownDevices,
    AwaitOsdUp,
    ProveCrushPosition,
    AwaitActiveClean,
    PauseRun,
    RecordPodStarts,
    DeleteGateBinding,
    DeleteGatePolicy,
    DeleteReleasedList,
    EnableHealthChecks,
    ClearOsdFlag,
    StartAutoscaler,
    StartBalancer,
    RestoreConfig,
    ProveNoRestart,
    VerifyTakeover,
);

impl StepInput {
    /// Gives a planned step's struct back.
    ///
    /// # Errors
    ///
    /// [`StepError`] if the kind is not known or the input is not that of the kind; extra keys in it are refused.
    pub fn from_planned(step: &PlannedStep) -> Result<Self, StepError> {
        let (id, kind) = (step.id.to_string(), step.kind.to_string());
        match Self::parse(&kind, &step.input) {
            Some(Ok(input)) => Ok(input),
            Some(Err(source)) => Err(StepError::Input { id, kind, source }),
            None => Err(StepError::UnknownKind { id, kind }),
        }
    }
}
