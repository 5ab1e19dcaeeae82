//! scs-0126: whether users can share a network with others, by which it looks like one of the provider's.
//!
//! Source: scs-0126-v1, section "RBAC Restrictions"; neutron: `conf/policies/rbac.py`.

use reeve_openstack::{Method, Request};
use serde_json::json;

use super::{Made, aborted, judged};
use crate::facts::{Missing, missing};
use crate::resource::{Kind, Workshop};
use crate::verdict::Findings;

const ID: &str = "scsx-0126-rbac";

/// A project that there is not; Neutron does not look whether there is.
const NOBODY: &str = "00000000000000000000000000005c5a";

const REMEDY: &str =
    "in Neutron's policy, let administrators only do it: `\"create_rbac_policy\": \"rule:admin_only\"`";

pub(super) async fn judge(workshop: &Workshop) -> Vec<Made> {
    vec![judged(ID, share(workshop).await)]
}

async fn share(workshop: &Workshop) -> Result<Findings, Missing> {
    let network = workshop
        .make(Kind::Network, "shared", json!({}))
        .await
        .map_err(|error| aborted(&error, "see that a quota for networks is left"))?;
    let outcome = try_to_share(workshop, &network.id).await;
    // With the network goes every rule about it.
    workshop.remove(&network).await;
    outcome
}

async fn try_to_share(workshop: &Workshop, network: &str) -> Result<Findings, Missing> {
    let session = workshop.session();
    let service = session.service("network").await.map_err(|error| missing(&error))?;
    let mut findings = Findings::default();
    for (action, what) in [
        ("access_as_shared", "to be attached to"),
        ("access_as_external", "as one that leads outside"),
    ] {
        let body = json!({ "rbac_policy": { "object_type": "network", "object_id": network, "action": action, "target_tenant": NOBODY } });
        let request = Request::new(Method::Post, "/rbac-policies").with_body(body);
        match service.json(&request).await {
            Ok(answer) => {
                findings.violation(
                    "users",
                    format!("they can share a network of their own with another project, {what} (`{action}`)"),
                    REMEDY,
                );
                if let Some(id) = Kind::Network.id_of(&answer["rbac_policy"]) {
                    let taken = Request::new(Method::Delete, format!("/rbac-policies/{id}"));
                    service.send(&taken).await.map_err(|error| missing(&error))?;
                }
            }
            // A Neutron without this extension has nothing to share with.
            Err(error) if error.is_forbidden() || error.is_not_found() => {}
            Err(error) => return Err(missing(&error)),
        }
    }
    Ok(findings)
}
