//! Proving what the gate does, by dry runs.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, PostParams};
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::objects::NOT_RELEASED;
use super::{DAEMON_ID_LABEL, DAEMON_TYPE_LABEL, DaemonKey, FIELD_MANAGER, GateError, policy_name};
use crate::cluster::Cluster;
use crate::error::{Problem, RequestError};

/// The pause after the first answer that is not the wanted one; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// The pause between answers that are as wanted.
const STEADY_PAUSE: Duration = Duration::from_millis(250);

/// The pod that is offered to the API server and never created.
///
/// It passes Pod Security `restricted` and asks for next to nothing, so that only the gate should have a reason to refuse it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Its service account, which has to exist.
    pub service_account: String,
    /// Its image, which is not pulled; a policy of the cluster may ask for certain registries, so name one that Rook will use.
    pub image: String,
}

impl Default for Probe {
    /// Every namespace has a service account `default`; the image's registry cannot exist.
    fn default() -> Self {
        Self {
            service_account: "default".into(),
            image: "reeve.invalid/gate-probe:1".into(),
        }
    }
}

/// How long a proof may take, and what is enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    /// When to give up.
    pub deadline: Duration,
    /// How long the answer must have been the wanted one, without another in between.
    pub steady: Duration,
    /// How many wanted answers in a row are needed; at least one.
    pub answers: u32,
}

impl Proof {
    /// The first wanted answer is enough: for a daemon that was just released, where a wrong proof costs no more than another try of the
    /// controller, and every moment counts; and for a gate that was proved at length before.
    pub const QUICK: Self = Self {
        deadline: Duration::from_secs(10),
        steady: Duration::ZERO,
        answers: 1,
    };
}

impl Default for Proof {
    /// Measured on one API server: policy and binding are in force after 0.2 to 1 s, an annotation of the namespace within milliseconds.
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(30),
            steady: Duration::from_secs(1),
            answers: 3,
        }
    }
}

/// What a dry run says about the gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The pod would be created.
    LetThrough,
    /// The gate refused it because the daemon is not on the list.
    NotReleased(String),
    /// The gate refused it for another reason: somebody changed the policy, or its expression failed.
    Broken(String),
    /// Something else refused it.
    RefusedByAnother(String),
}

/// Proves that no pod of `daemon` can be created because it is not released.
///
/// Changes nothing: the pods are dry runs. Takes at least `proof.steady`.
///
/// # Errors
///
/// [`GateError::StillOpen`] if pods are let through until the deadline; [`GateError::RefusedByAnother`] if something else refuses them, which proves
/// nothing; [`GateError::StillClosed`] if the gate refuses for another reason than the list, which releasing would not mend; [`GateError::Request`].
pub async fn prove_closed(
    cluster: &Cluster,
    namespace: &str,
    daemon: &DaemonKey,
    probe: &Probe,
    proof: Proof,
) -> Result<(), GateError> {
    prove(cluster, namespace, daemon, probe, proof, |verdict| {
        matches!(verdict, Verdict::NotReleased(_))
    })
    .await
}

/// Proves that a pod of `daemon` would be created: it is released, or the gate is gone.
///
/// Changes nothing: the pods are dry runs. Takes at least `proof.steady`.
///
/// # Errors
///
/// [`GateError::StillClosed`] if the gate refuses until the deadline; [`GateError::RefusedByAnother`] if something else does;
/// [`GateError::Request`].
pub async fn prove_open(
    cluster: &Cluster,
    namespace: &str,
    daemon: &DaemonKey,
    probe: &Probe,
    proof: Proof,
) -> Result<(), GateError> {
    prove(cluster, namespace, daemon, probe, proof, |verdict| {
        *verdict == Verdict::LetThrough
    })
    .await
}

async fn prove(
    cluster: &Cluster,
    namespace: &str,
    daemon: &DaemonKey,
    probe: &Probe,
    proof: Proof,
    wanted: impl Fn(&Verdict) -> bool,
) -> Result<(), GateError> {
    let begun = Instant::now();
    let mut steady_since = None;
    let mut in_a_row = 0;
    let mut pause = FIRST_PAUSE;
    loop {
        let answer = dry_run(cluster, namespace, daemon, probe).await;
        let now = Instant::now();
        match &answer {
            Ok(verdict) if wanted(verdict) => {
                in_a_row += 1;
                let since = *steady_since.get_or_insert(now);
                if in_a_row >= proof.answers && now - since >= proof.steady {
                    return Ok(());
                }
                pause = STEADY_PAUSE;
            }
            _ => {
                (steady_since, in_a_row) = (None, 0);
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
        let last = match answer {
            Err(error) if !error.is_transient() => return Err(error.into()),
            other => other,
        };
        if begun.elapsed() + pause > proof.deadline {
            return Err(unproved(namespace, daemon, begun.elapsed(), last));
        }
        sleep(pause).await;
    }
}

/// Returns why nothing was proved, by the last answer.
fn unproved(namespace: &str, daemon: &DaemonKey, after: Duration, last: Result<Verdict, RequestError>) -> GateError {
    let (namespace, daemon) = (namespace.to_owned(), daemon.clone());
    match last {
        Err(error) => GateError::Request(error),
        Ok(Verdict::LetThrough) => GateError::StillOpen {
            namespace,
            daemon,
            after,
        },
        Ok(Verdict::NotReleased(message) | Verdict::Broken(message)) => GateError::StillClosed {
            namespace,
            daemon,
            after,
            message,
        },
        Ok(Verdict::RefusedByAnother(message)) => GateError::RefusedByAnother {
            namespace,
            daemon,
            message,
        },
    }
}

/// Offers the probe once.
async fn dry_run(
    cluster: &Cluster,
    namespace: &str,
    daemon: &DaemonKey,
    probe: &Probe,
) -> Result<Verdict, RequestError> {
    let action = format!("try a pod of {daemon} in namespace {namespace} by a dry run");
    let pod = pod(daemon, probe).map_err(|error| cluster.failed(&action, Problem::Garbage(error.to_string())))?;
    let api: Api<Pod> = Api::namespaced(cluster.client().clone(), namespace);
    let params = PostParams {
        dry_run: true,
        field_manager: Some(FIELD_MANAGER.into()),
    };
    verdict(
        cluster.ask(&action, api.create(&params, &pod)).await,
        &policy_name(namespace),
    )
}

/// Returns what the answer says.
///
/// The policy is known by its name in the message. Source: kubernetes: `staging/src/k8s.io/apiserver/pkg/admission/plugin/policy/validating/dispatcher.go`.
fn verdict<T>(answer: Result<T, RequestError>, policy: &str) -> Result<Verdict, RequestError> {
    let error = match answer {
        Ok(_) => return Ok(Verdict::LetThrough),
        Err(error) => error,
    };
    let (Problem::Forbidden(message) | Problem::Rejected { message, .. }) = &error.problem else {
        return Err(error);
    };
    let message = message.clone();
    let ours = message.contains(&format!("ValidatingAdmissionPolicy '{policy}'"));
    match (ours, message.contains(NOT_RELEASED)) {
        (true, true) => Ok(Verdict::NotReleased(message)),
        (true, false) => Ok(Verdict::Broken(message)),
        // The user may not create pods at all; that is no admission's verdict.
        (false, _) if message.contains("cannot create resource") => Err(error),
        (false, _) => Ok(Verdict::RefusedByAnother(message)),
    }
}

/// Source: Kubernetes documentation: Pod Security Standards – Restricted.
fn pod(daemon: &DaemonKey, probe: &Probe) -> serde_json::Result<Pod> {
    let little = json!({ "cpu": "1m", "memory": "1Mi" });
    serde_json::from_value(json!({
        "metadata": {
            // A name of its own for every try: an existing pod of that name would only confuse.
            "generateName": "reeve-gate-probe-",
            "labels": {
                DAEMON_TYPE_LABEL: daemon.kind(),
                DAEMON_ID_LABEL: daemon.id(),
                "app.kubernetes.io/managed-by": "reeve",
            },
        },
        "spec": {
            "serviceAccountName": probe.service_account,
            "automountServiceAccountToken": false,
            "enableServiceLinks": false,
            "restartPolicy": "Never",
            "securityContext": { "runAsNonRoot": true, "runAsUser": 65534, "runAsGroup": 65534, "seccompProfile": { "type": "RuntimeDefault" } },
            "containers": [{
                "name": "probe",
                "image": probe.image,
                "resources": { "requests": little, "limits": little },
                "securityContext": { "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": { "drop": ["ALL"] } },
            }],
        },
    }))
}

#[cfg(test)]
mod tests {
    use camino::Utf8PathBuf;

    use super::*;
    use crate::cluster::Origin;

    fn said(problem: Problem) -> Result<Verdict, RequestError> {
        let origin = Origin {
            kubeconfig: Utf8PathBuf::from("k"),
            context: "c".into(),
            server: "s".into(),
        };
        verdict::<()>(
            Err(RequestError {
                action: "a".into(),
                origin,
                problem,
            }),
            "reeve-daemon-gate.rook-ceph",
        )
    }

    #[test]
    fn only_our_own_refusal_counts() {
        let ours = "pods \"p\" is forbidden: ValidatingAdmissionPolicy 'reeve-daemon-gate.rook-ceph' with binding 'reeve-daemon-gate.rook-ceph' denied request: ";
        let closed = said(Problem::Forbidden(format!(
            "{ours}daemon mon.n1 has not been handed over yet"
        )));
        assert!(matches!(closed, Ok(Verdict::NotReleased(_))));
        let broken = said(Problem::Forbidden(format!(
            "{ours}expression 'x' resulted in error: no such key"
        )));
        assert!(matches!(broken, Ok(Verdict::Broken(_))));
        // Another namespace's gate, whose name begins with ours.
        let other = said(Problem::Forbidden(
            "ValidatingAdmissionPolicy 'reeve-daemon-gate.rook-ceph-2' denied".into(),
        ));
        assert!(matches!(other, Ok(Verdict::RefusedByAnother(_))));
        let security = said(Problem::Forbidden("violates PodSecurity \"restricted:latest\"".into()));
        assert!(matches!(security, Ok(Verdict::RefusedByAnother(_))));
    }

    #[test]
    fn what_is_no_verdict_stays_an_error() {
        assert!(said(Problem::ConnectionRefused).is_err());
        assert!(said(Problem::NotFound("namespaces \"x\" not found".into())).is_err());
        assert!(said(Problem::Forbidden("User \"u\" cannot create resource \"pods\"".into())).is_err());
        assert!(matches!(verdict(Ok(()), "x"), Ok(Verdict::LetThrough)));
    }
}
