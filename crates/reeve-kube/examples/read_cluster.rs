//! Reads a real cluster and, if asked to, takes a gate through its life in a namespace of its own.
//!
//! `read_cluster KUBECONFIG [CONTEXT] [--gate-cycle]`

#![allow(clippy::print_stdout, reason = "an example is there to print")]

use std::error::Error;

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, DeleteParams, PostParams};
use reeve_kube::{Access, Cluster, KubeconfigSource, fake, gate};
use serde_json::json;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    let cycle = words.iter().any(|word| word == "--gate-cycle");
    words.retain(|word| !word.starts_with("--"));
    let path = words
        .first()
        .ok_or("usage: read_cluster KUBECONFIG [CONTEXT] [--gate-cycle]")?
        .into();
    let source = KubeconfigSource {
        path,
        context: words.get(1).cloned(),
    };
    let cluster = match Cluster::connect(&source).await {
        Ok(cluster) => cluster,
        Err(error) => {
            println!("hint: {}", error.hint());
            return Err(error.into());
        }
    };
    let begun = std::time::Instant::now();
    match cluster.version().await {
        Ok(version) => println!("{version} at {}", cluster.origin()),
        Err(error) => {
            println!("error: {error}\nbecause: {}\nhint: {}", error.problem, error.hint());
            return Err(error.into());
        }
    }
    for node in cluster.nodes().await? {
        println!("{node:?}");
    }
    println!("{:#?}", cluster.namespace("rook-ceph").await?);
    println!("{:#?}", cluster.operator("rook-ceph").await?);
    println!("{:?}", cluster.crds(&["ceph.rook.io", "csi.ceph.io"]).await?);
    println!("{:?}", cluster.ceph_clusters().await?);
    println!("{:?}", gate::read_state(&cluster, "rook-ceph").await?);
    for access in [
        Access::new("create", "ceph.rook.io", "cephclusters", Some("rook-ceph")),
        Access::new("delete", "", "nodes", None),
    ] {
        println!("{access}: {}", cluster.may(&access).await?);
    }
    println!("read in {:?}", begun.elapsed());
    if cycle {
        in_own_namespace(&cluster).await?;
    }
    Ok(())
}

/// Makes a namespace under the strictest Pod Security, runs the cycle in it and deletes it.
async fn in_own_namespace(cluster: &Cluster) -> Result<(), Box<dyn Error>> {
    let api: Api<Namespace> = Api::all(cluster.client().clone());
    let namespace: Namespace = serde_json::from_value(json!({
        "metadata": { "generateName": "reeve-gate-cycle-", "labels": { "pod-security.kubernetes.io/enforce": "restricted" } },
    }))?;
    let name = api
        .create(&PostParams::default(), &namespace)
        .await?
        .metadata
        .name
        .ok_or("the namespace has no name")?;
    let begun = std::time::Instant::now();
    let in_task = cluster.clone();
    let of_task = name.clone();
    let cycle = tokio::spawn(async move { fake::behaviour::gate_cycle(&in_task, &of_task).await }).await;
    println!("gate cycle in {name}: {:?} in {:?}", cycle.is_ok(), begun.elapsed());
    let left = gate::remove(cluster, &name, None).await?;
    api.delete(&name, &DeleteParams::default()).await?;
    println!("left over: {left:?}");
    cycle.map_err(Into::into)
}
