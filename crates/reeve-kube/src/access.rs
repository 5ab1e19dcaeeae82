//! What the user may do.

use std::fmt;

use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec};
use kube::api::{Api, PostParams};

use crate::cluster::Cluster;
use crate::error::RequestError;

/// Something that a user may or may not do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Access {
    /// `create`, `patch`, `delete` …
    pub verb: String,
    /// The API group; empty for core.
    pub group: String,
    /// The resource in plural; with a subresource, `pods/log`.
    pub resource: String,
    /// The namespace; none for cluster-wide.
    pub namespace: Option<String>,
}

impl Access {
    /// Returns the access `verb` to `resource` of `group`, in one namespace or cluster-wide.
    pub fn new(verb: &str, group: &str, resource: &str, namespace: Option<&str>) -> Self {
        Self {
            verb: verb.to_owned(),
            group: group.to_owned(),
            resource: resource.to_owned(),
            namespace: namespace.map(str::to_owned),
        }
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.resource)?;
        if !self.group.is_empty() {
            write!(f, ".{}", self.group)?;
        }
        match &self.namespace {
            Some(namespace) => write!(f, " in namespace {namespace}"),
            None => write!(f, " in the whole cluster"),
        }
    }
}

impl Cluster {
    /// Tells whether the user may do `access`.
    ///
    /// The question is sent as the creation of a SelfSubjectAccessReview, which the API server answers and does not store:
    /// nothing is changed by it, and every authenticated user may ask it.
    ///
    /// # Errors
    ///
    /// [`RequestError`] if the server does not answer.
    pub async fn may(&self, access: &Access) -> Result<bool, RequestError> {
        let (resource, subresource) = match access.resource.split_once('/') {
            Some((resource, subresource)) => (resource, Some(subresource.to_owned())),
            None => (access.resource.as_str(), None),
        };
        let review = SelfSubjectAccessReview {
            spec: SelfSubjectAccessReviewSpec {
                resource_attributes: Some(ResourceAttributes {
                    verb: Some(access.verb.clone()),
                    group: Some(access.group.clone()),
                    resource: Some(resource.to_owned()),
                    subresource,
                    namespace: access.namespace.clone(),
                    ..ResourceAttributes::default()
                }),
                ..SelfSubjectAccessReviewSpec::default()
            },
            ..SelfSubjectAccessReview::default()
        };
        let api: Api<SelfSubjectAccessReview> = Api::all(self.client().clone());
        let params = PostParams::default();
        let answer = self
            .ask(
                &format!("ask whether the user may {access}"),
                api.create(&params, &review),
            )
            .await?;
        Ok(answer.status.is_some_and(|status| status.allowed))
    }
}
