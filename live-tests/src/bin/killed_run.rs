//! Takes up a run of a take-over, and kills itself with SIGKILL at one moment of one step.
//!
//! For `live_kills` only: what a `kill -9` from outside hits is chance, and here it is each step, right before and right after its effect. Everything else is
//! as `reeve rook resume --yes` does it, through the same library.
//!
//! Arguments: folder of runs, run, ssh configuration, kubeconfig, folder for ssh's sockets, step, `before` or `after`.

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use reeve_host::{SshHosts, SshOptions};
use reeve_journal::plan::PlannedStep;
use reeve_journal::{
    BuildError, Cancellation, Engine, Holder, Operation, Outputs, Recorded, Refusal, Runs, Step, StepError, Until,
};
use reeve_kube::{Cluster, KubeconfigSource};
use reeve_rook::apply::{Lease, Outline, Pace, Rook, World, WorldParts};

/// Ends this process at once, as a loss of power would.
fn die() -> ! {
    // Nothing of this process runs any more after a SIGKILL to itself.
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    loop {
        std::thread::park();
    }
}

/// The operation, with one step that is fatal.
struct Fatal {
    inner: Rook,
    step: String,
    before: bool,
}

struct FatalStep {
    inner: Box<dyn Step<World>>,
    before: bool,
    has_acted: AtomicBool,
}

impl Operation<World> for Fatal {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn step(&self, planned: &PlannedStep, outputs: &Outputs<'_>) -> Result<Box<dyn Step<World>>, BuildError> {
        let inner = self.inner.step(planned, outputs)?;
        if planned.id.to_string() != self.step {
            return Ok(inner);
        }
        Ok(Box::new(FatalStep {
            inner,
            before: self.before,
            has_acted: AtomicBool::new(false),
        }))
    }
}

#[async_trait]
impl Step<World> for FatalStep {
    async fn ready(&self, world: &World) -> Result<(), Refusal> {
        self.inner.ready(world).await
    }

    async fn done(&self, world: &World) -> Result<bool, StepError> {
        let done = self.inner.done(world).await?;
        if done && !self.has_acted.load(Ordering::SeqCst) {
            // Nothing is left to do, so this is the only moment before the record.
            die();
        }
        Ok(done)
    }

    async fn act(&self, world: &World) -> Result<Recorded, StepError> {
        if self.before {
            die();
        }
        self.has_acted.store(true, Ordering::SeqCst);
        let acted = self.inner.act(world).await;
        if acted.is_ok() {
            die();
        }
        acted
    }

    async fn undo(&self, world: &World, was: &Recorded) -> Result<(), StepError> {
        self.inner.undo(world, was).await
    }

    async fn recall(&self, world: &World) -> Result<Recorded, StepError> {
        self.inner.recall(world).await
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(ended) => {
            say(&format!("not killed: {ended}"));
            ExitCode::from(1)
        }
        Err(error) => {
            say(&format!("{error}"));
            ExitCode::from(2)
        }
    }
}

#[expect(clippy::print_stderr, reason = "a program has to say why it failed")]
fn say(text: &str) {
    eprintln!("{text}");
}

async fn run() -> Result<String, Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [runs, run, ssh_config, kubeconfig, sockets, step, when] = arguments.as_slice() else {
        return Err("seven arguments are needed; see the source".into());
    };
    let runs = Runs::in_dir(runs)?;
    let journal = runs.open(&runs.find(run)?, &Holder::this_process("", "killed_run"))?;
    let outline = Arc::new(Outline::of(journal.plan())?);
    let source = KubeconfigSource {
        path: kubeconfig.into(),
        context: None,
    };
    let cluster = Cluster::connect(&source).await?;
    let options = SshOptions {
        config_file: Some(ssh_config.into()),
        ..SshOptions::new(sockets)
    };
    let cancellation = Cancellation::default();
    let parts = WorldParts {
        hosts: Arc::new(SshHosts::new(options)?),
        cluster: cluster.clone(),
        cancellation: cancellation.clone(),
        pace: Pace::default(),
    };
    let world = World::connect(parts, Arc::clone(&outline), &journal).await?;
    let options = reeve_rook::plan::PlanOptions::of(journal.plan())?;
    let namespace = &options.scope.namespace;
    let lease = Lease::take(&cluster, namespace, journal.run().as_str(), cancellation.clone()).await?;
    let fatal = Fatal {
        inner: Rook::new(outline),
        step: step.clone(),
        before: when == "before",
    };
    let mut engine = Engine::new(journal, &fatal, &world)?.cancelled_by(cancellation);
    engine.approve_all("live_kills")?;
    let outcome = engine.run(&Until::End).await?;
    drop(lease);
    Ok(format!("{outcome:?}"))
}
