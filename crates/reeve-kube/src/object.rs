//! Any object as JSON: what an operation creates, patches and deletes, and reads back whole.
//!
//! The typed readers of this crate serve surveys; a run writes objects that a plan shows whole, so it wants them as they are.

use k8s_openapi::api::core::v1::Pod;
use kube::api::{
    Api, ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, LogParams, Patch, PatchParams,
    PostParams,
};
use serde_json::Value;

use crate::cluster::Cluster;
use crate::error::{Problem, RequestError};

/// The field manager of what this module writes.
const FIELD_MANAGER: &str = "reeve";

/// A kind of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resource {
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    plural: &'static str,
    namespaced: bool,
}

macro_rules! resources {
    ($($(#[$doc:meta])* $name:ident = $group:literal $version:literal $kind:literal $plural:literal $namespaced:literal;)+) => {
        impl Resource {
            $($(#[$doc])* pub const $name: Self = Self { group: $group, version: $version, kind: $kind, plural: $plural, namespaced: $namespaced };)+
        }
    };
}

resources! {
    /// ConfigMaps.
    CONFIG_MAP = "" "v1" "ConfigMap" "configmaps" true;
    /// Secrets; only what a run itself wrote is read back.
    SECRET = "" "v1" "Secret" "secrets" true;
    /// Services.
    SERVICE = "" "v1" "Service" "services" true;
    /// Pods.
    POD = "" "v1" "Pod" "pods" true;
    /// Namespaces.
    NAMESPACE = "" "v1" "Namespace" "namespaces" false;
    /// Nodes.
    NODE = "" "v1" "Node" "nodes" false;
    /// Deployments.
    DEPLOYMENT = "apps" "v1" "Deployment" "deployments" true;
    /// ReplicaSets.
    REPLICA_SET = "apps" "v1" "ReplicaSet" "replicasets" true;
    /// Jobs.
    JOB = "batch" "v1" "Job" "jobs" true;
    /// Leases.
    LEASE = "coordination.k8s.io" "v1" "Lease" "leases" true;
    /// PodDisruptionBudgets.
    POD_DISRUPTION_BUDGET = "policy" "v1" "PodDisruptionBudget" "poddisruptionbudgets" true;
    /// CephClusters.
    CEPH_CLUSTER = "ceph.rook.io" "v1" "CephCluster" "cephclusters" true;
    /// Admission policies.
    POLICY = "admissionregistration.k8s.io" "v1" "ValidatingAdmissionPolicy" "validatingadmissionpolicies" false;
    /// Bindings of admission policies.
    POLICY_BINDING = "admissionregistration.k8s.io" "v1" "ValidatingAdmissionPolicyBinding" "validatingadmissionpolicybindings" false;
}

impl Resource {
    /// Returns the kind's name: `ConfigMap`.
    pub const fn kind(self) -> &'static str {
        self.kind
    }
}

impl Cluster {
    fn objects(&self, resource: Resource, namespace: &str) -> Api<DynamicObject> {
        let kind = GroupVersionKind::gvk(resource.group, resource.version, resource.kind);
        let api_resource = ApiResource::from_gvk_with_plural(&kind, resource.plural);
        if resource.namespaced {
            Api::namespaced_with(self.client().clone(), namespace, &api_resource)
        } else {
            Api::all_with(self.client().clone(), &api_resource)
        }
    }

    fn whole(&self, action: &str, resource: Resource, object: DynamicObject) -> Result<Value, RequestError> {
        let mut value =
            serde_json::to_value(object).map_err(|error| self.failed(action, Problem::Garbage(error.to_string())))?;
        // Entries of lists come without their kind.
        value["kind"] = resource.kind.into();
        Ok(value)
    }

    /// Returns an object whole, or none if there is none of this name. `namespace` is ignored for kinds that have none.
    ///
    /// # Errors
    ///
    /// [`RequestError`] if the server does not answer or the user may not read it.
    pub async fn get(&self, resource: Resource, namespace: &str, name: &str) -> Result<Option<Value>, RequestError> {
        let action = format!("read {} {name}", resource.kind);
        let found = self
            .ask(&action, self.objects(resource, namespace).get_opt(name))
            .await?;
        found.map(|object| self.whole(&action, resource, object)).transpose()
    }

    /// Returns the objects that a label selector selects, whole.
    ///
    /// # Errors
    ///
    /// [`RequestError`] if the server does not answer or the user may not list them.
    pub async fn select(
        &self,
        resource: Resource,
        namespace: &str,
        selector: &str,
    ) -> Result<Vec<Value>, RequestError> {
        let action = format!("list {}", resource.plural);
        let params = ListParams::default().labels(selector);
        let list = self
            .list_all(&action, &self.objects(resource, namespace), params)
            .await?;
        list.into_iter()
            .map(|object| self.whole(&action, resource, object))
            .collect()
    }

    /// Creates an object; it must not be there.
    ///
    /// # Errors
    ///
    /// [`Problem::AlreadyExists`] if it is; any other [`RequestError`].
    pub async fn create(&self, resource: Resource, namespace: &str, object: &Value) -> Result<(), RequestError> {
        let action = format!("create {} {}", resource.kind, name_of(object));
        let object: DynamicObject = serde_json::from_value(object.clone())
            .map_err(|error| self.failed(&action, Problem::Garbage(error.to_string())))?;
        let params = PostParams {
            field_manager: Some(FIELD_MANAGER.into()),
            ..PostParams::default()
        };
        self.ask(&action, self.objects(resource, namespace).create(&params, &object))
            .await
            .map(drop)
    }

    /// Creates an object or brings it to this shape (server-side apply, taking fields over). A repeat changes nothing.
    ///
    /// # Errors
    ///
    /// [`RequestError`].
    pub async fn apply(&self, resource: Resource, namespace: &str, object: &Value) -> Result<(), RequestError> {
        let name = name_of(object);
        let action = format!("apply {} {name}", resource.kind);
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let api = self.objects(resource, namespace);
        self.ask(&action, api.patch(name, &params, &Patch::Apply(object)))
            .await
            .map(drop)
    }

    /// Changes fields of an object by a JSON merge patch; null removes a field.
    ///
    /// # Errors
    ///
    /// [`RequestError`], `NotFound` if there is no such object.
    pub async fn patch(
        &self,
        resource: Resource,
        namespace: &str,
        name: &str,
        patch: &Value,
    ) -> Result<(), RequestError> {
        let action = format!("patch {} {name}", resource.kind);
        let params = PatchParams {
            field_manager: Some(FIELD_MANAGER.into()),
            ..PatchParams::default()
        };
        let api = self.objects(resource, namespace);
        self.ask(&action, api.patch(name, &params, &Patch::Merge(patch)))
            .await
            .map(drop)
    }

    /// Replaces an object that nobody has changed since it was read: its `resourceVersion` has to be in `object`.
    ///
    /// # Errors
    ///
    /// [`Problem::Conflict`] if somebody has; any other [`RequestError`].
    pub async fn replace(&self, resource: Resource, namespace: &str, object: &Value) -> Result<(), RequestError> {
        let name = name_of(object);
        let action = format!("replace {} {name}", resource.kind);
        let typed: DynamicObject = serde_json::from_value(object.clone())
            .map_err(|error| self.failed(&action, Problem::Garbage(error.to_string())))?;
        let api = self.objects(resource, namespace);
        self.ask(&action, api.replace(name, &PostParams::default(), &typed))
            .await
            .map(drop)
    }

    /// Deletes an object; tells whether there was one. Its deletion may still be under way when this returns.
    ///
    /// # Errors
    ///
    /// [`RequestError`].
    pub async fn delete(&self, resource: Resource, namespace: &str, name: &str) -> Result<bool, RequestError> {
        let action = format!("delete {} {name}", resource.kind);
        let params = DeleteParams::background();
        match self
            .ask(&action, self.objects(resource, namespace).delete(name, &params))
            .await
        {
            Ok(_) => Ok(true),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Returns the first bytes of the log of a pod's only container.
    ///
    /// # Errors
    ///
    /// [`RequestError`].
    pub async fn pod_log(&self, namespace: &str, name: &str, limit_bytes: u32) -> Result<String, RequestError> {
        let api: Api<Pod> = Api::namespaced(self.client().clone(), namespace);
        let params = LogParams {
            limit_bytes: Some(limit_bytes.into()),
            ..LogParams::default()
        };
        self.ask(&format!("read the log of pod {name}"), api.logs(name, &params))
            .await
    }
}

fn name_of(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}
