//! `reeve-kube` on a real API server: the gate's whole life, what it does to real Deployments, and what is said when nothing works.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails, and says where")]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use camino::Utf8PathBuf;
use reeve_kube::fake::behaviour;
use reeve_kube::gate::{self, DaemonKey, GateError, NewGate, Probe, Proof};
use reeve_kube::{Cluster, ConnectError, KubeconfigSource, Problem};
use reeve_live_tests::{Fault, Laboratory};
use serde_json::{Value, json};

const RUN: &str = "20260102T030405Z-rook-live";

async fn connect(lab: &Laboratory) -> Cluster {
    let source = KubeconfigSource {
        path: lab.kubeconfig.clone(),
        context: None,
    };
    Cluster::connect(&source).await.unwrap()
}

fn apply(lab: &Laboratory, objects: &[Value]) {
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": objects }).to_string();
    lab.kubectl(&["apply", "--filename=-"], Some(&list)).fine();
}

/// Makes a namespace for one test, with Pod Security at its strictest, and deletes it afterwards with the gate that the test may have left.
fn namespace<'a>(lab: &'a Laboratory, name: &'a str, security: &str) -> Fault<'a> {
    let labels = json!({ "pod-security.kubernetes.io/enforce": security });
    let object = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name, "labels": labels } });
    let make = move || {
        // An earlier run's may still be on its way out.
        let gone = ["delete", "namespace", name, "--ignore-not-found", "--timeout=60s"];
        lab.kubectl(&gone, None).fine();
        apply(lab, &[object]);
        // The controller manager makes it a moment after the namespace; pods need it.
        let account = ["--namespace", name, "get", "serviceaccount", "default"];
        lab.wait("the service account", Duration::from_secs(20), |lab| {
            lab.kubectl(&account, None).code == 0
        });
    };
    Fault::new(make, move || {
        let gate = gate::policy_name(name);
        let kinds = "validatingadmissionpolicybinding,validatingadmissionpolicy";
        let _ = lab.kubectl(&["delete", "--ignore-not-found", kinds, &gate], None);
        let _ = lab.kubectl(&["delete", "namespace", name, "--wait=false"], None);
    })
}

fn mon() -> DaemonKey {
    "mon.live".parse().unwrap()
}

fn new_gate(namespace: &str) -> NewGate {
    NewGate {
        namespace: namespace.into(),
        run: RUN.into(),
        made_at: "2026-01-02T03:04:05Z".parse().unwrap(),
        released: BTreeSet::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a running laboratory"]
async fn the_gate_lives_as_on_the_fake_beside_pod_security_and_another_policy() {
    let lab = Laboratory::open();
    let name = "reeve-live-gate-cycle";
    let _namespace = namespace(&lab, name, "restricted");
    let _policy = another_policy(
        &lab,
        name,
        "object.spec.containers.all(c, has(c.resources) && has(c.resources.limits)) || !('ceph_daemon_type' in object.metadata.labels)",
    );
    behaviour::gate_cycle(&connect(&lab).await, name).await;
}

/// Puts another policy on the pods of a namespace, as clusters have them.
fn another_policy<'a>(lab: &'a Laboratory, namespace: &'a str, expression: &str) -> Fault<'a> {
    let name = format!("{namespace}-other");
    let only = json!({ "matchLabels": { "kubernetes.io/metadata.name": namespace } });
    let api = "admissionregistration.k8s.io/v1";
    let rules = json!([{ "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"] }]);
    let objects = [
        json!({
            "apiVersion": api, "kind": "ValidatingAdmissionPolicy", "metadata": { "name": name },
            "spec": {
                "matchConstraints": { "resourceRules": rules },
                "validations": [{ "expression": expression, "message": "not by the rules of this house" }],
            },
        }),
        json!({
            "apiVersion": api, "kind": "ValidatingAdmissionPolicyBinding", "metadata": { "name": name },
            "spec": { "policyName": name, "validationActions": ["Deny"], "matchResources": { "namespaceSelector": only } },
        }),
    ];
    Fault::new(
        || apply(lab, &objects),
        move || {
            let kinds = "validatingadmissionpolicybinding,validatingadmissionpolicy";
            let _ = lab.kubectl(&["delete", "--ignore-not-found", kinds, &name], None);
        },
    )
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a running laboratory"]
async fn a_policy_that_refuses_every_pod_is_not_taken_for_the_gate() {
    let lab = Laboratory::open();
    let name = "reeve-live-gate-other";
    let _namespace = namespace(&lab, name, "restricted");
    let _policy = another_policy(&lab, name, "false");
    let cluster = connect(&lab).await;
    // The policy takes a moment to be in force; a proof that is steady for long enough cannot succeed before.
    let proof = Proof {
        deadline: Duration::from_secs(8),
        steady: Duration::from_secs(5),
        answers: 3,
    };
    let proved = gate::prove_open(&cluster, name, &mon(), &Probe::default(), proof).await;
    let Err(GateError::RefusedByAnother { message, .. }) = &proved else {
        panic!("{proved:?}")
    };
    assert!(message.contains("not by the rules of this house"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a running laboratory"]
async fn a_deployment_gets_its_pod_when_its_daemon_is_released_and_not_before() {
    let lab = Laboratory::open();
    let name = "reeve-live-gate-pods";
    let _namespace = namespace(&lab, name, "privileged");
    let cluster = connect(&lab).await;
    gate::close(&cluster, &new_gate(name)).await.unwrap();
    gate::prove_closed(&cluster, name, &mon(), &Probe::default(), Proof::default())
        .await
        .unwrap();

    let labels = json!({ "app": "rook-ceph-mon", "ceph_daemon_type": "mon", "ceph_daemon_id": "live" });
    apply(
        &lab,
        &[json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "rook-ceph-mon-live", "namespace": name, "labels": labels },
            "spec": {
                "selector": { "matchLabels": labels },
                "template": {
                    "metadata": { "labels": labels },
                    // No node fits: the pod is to be created, not to run.
                    "spec": { "nodeSelector": { "reeve": "nowhere" }, "containers": [{ "name": "mon", "image": lab.ceph_image }] },
                },
            },
        })],
    );
    let pods = || {
        lab.kubectl(&["--namespace", name, "get", "pods", "--output=name"], None)
            .fine()
            .lines()
            .count()
    };
    let refused = "jsonpath={.status.conditions[?(@.type=='ReplicaFailure')].message}";
    let refused = [
        "--namespace",
        name,
        "get",
        "deployment",
        "rook-ceph-mon-live",
        "--output",
        refused,
    ];
    lab.wait("the controller to be refused", Duration::from_secs(30), |lab| {
        lab.kubectl(&refused, None)
            .out
            .contains("daemon mon.live has not been handed over yet")
    });
    // Long enough for the controller's back-off to have grown well past the time that a nudge takes.
    tokio::time::sleep(Duration::from_secs(12)).await;
    assert_eq!(pods(), 0);

    gate::release(&cluster, name, RUN, &mon()).await.unwrap();
    gate::prove_open(&cluster, name, &mon(), &Probe::default(), Proof::default())
        .await
        .unwrap();
    let began = Instant::now();
    assert_eq!(gate::nudge(&cluster, name, &mon(), "1").await.unwrap(), 1);
    lab.wait("the pod", Duration::from_secs(10), |_| pods() == 1);
    println!("the pod was there {:?} after the nudge", began.elapsed());

    // A pod that is deleted comes back while the daemon is released, and does not once it is withheld.
    gate::withhold(&cluster, name, RUN, &mon()).await.unwrap();
    gate::prove_closed(&cluster, name, &mon(), &Probe::default(), Proof::default())
        .await
        .unwrap();
    assert_eq!(pods(), 1, "withholding leaves what runs");
    lab.kubectl(&["--namespace", name, "delete", "pods", "--all"], None)
        .fine();
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(pods(), 0);
    assert!(gate::remove(&cluster, name, Some(RUN)).await.unwrap().policy);
}

/// Returns the laboratory's kubeconfig with `change` made to it, in a folder that goes with the first value.
fn changed(lab: &Laboratory, change: impl FnOnce(&mut Value)) -> (tempfile::TempDir, KubeconfigSource) {
    let text = lab
        .kubectl(
            &["config", "view", "--raw", "--minify", "--flatten", "--output=json"],
            None,
        )
        .fine();
    let mut kubeconfig: Value = serde_json::from_str(&text).unwrap();
    change(&mut kubeconfig);
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(folder.path().join("kubeconfig")).unwrap();
    std::fs::write(&path, kubeconfig.to_string()).unwrap();
    (folder, KubeconfigSource { path, context: None })
}

async fn problem(lab: &Laboratory, change: impl FnOnce(&mut Value)) -> Problem {
    let (_folder, source) = changed(lab, change);
    Cluster::connect(&source)
        .await
        .unwrap()
        .version()
        .await
        .unwrap_err()
        .problem
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a running laboratory"]
async fn what_is_wrong_with_a_connection_is_told_apart() {
    let lab = Laboratory::open();
    let said = problem(&lab, |config| config["users"][0]["user"] = json!({ "token": "nobody" })).await;
    assert!(matches!(said, Problem::Unauthorized(_)), "{said:?}");
    let said = problem(&lab, |config| {
        config["clusters"][0]["cluster"]["tls-server-name"] = json!("other.example.org")
    })
    .await;
    assert!(matches!(said, Problem::CertificateName(_)), "{said:?}");
    let other = rcgen::generate_simple_self_signed(vec!["another-authority".into()])
        .unwrap()
        .cert
        .pem();
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("authority.pem");
    std::fs::write(&authority, other).unwrap();
    let said = problem(&lab, |config| {
        let cluster = config["clusters"][0]["cluster"].as_object_mut().unwrap();
        cluster.remove("certificate-authority-data");
        cluster.insert("certificate-authority".into(), json!(authority));
    })
    .await;
    assert!(matches!(said, Problem::CertificateUnknown(_)), "{said:?}");

    let (_folder, source) = changed(&lab, |config| {
        config["clusters"][0]["cluster"]["insecure-skip-tls-verify"] = json!(true)
    });
    let refused = Cluster::connect(&source).await;
    assert!(
        matches!(refused, Err(ConnectError::VerificationOff { .. })),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a running laboratory"]
async fn a_user_without_rights_learns_which_is_missing() {
    let lab = Laboratory::open();
    let name = "reeve-live-nobody";
    let _namespace = namespace(&lab, name, "restricted");
    let token = lab
        .kubectl(&["--namespace", name, "create", "token", "default"], None)
        .fine();
    let (_folder, source) = changed(&lab, |config| {
        config["users"][0]["user"] = json!({ "token": token.trim() })
    });
    let cluster = Cluster::connect(&source).await.unwrap();
    cluster.version().await.unwrap();
    let error = cluster.nodes().await.unwrap_err();
    assert!(
        error.is_forbidden() && error.to_string().starts_with("could not list nodes at https://"),
        "{error}"
    );
    let error = gate::read_state(&cluster, name).await.unwrap_err();
    assert!(error.is_forbidden(), "{error:?}");
    let may = reeve_kube::Access::new("create", "", "pods", Some(name));
    assert!(!cluster.may(&may).await.unwrap());
    let proved = gate::prove_open(&cluster, name, &mon(), &Probe::default(), Proof::default()).await;
    assert!(
        matches!(&proved, Err(GateError::Request(error)) if error.is_forbidden()),
        "a missing right is no verdict: {proved:?}"
    );
}
