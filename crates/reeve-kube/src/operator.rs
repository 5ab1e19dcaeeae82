//! The Rook operator.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::Api;

use crate::cluster::Cluster;
use crate::error::RequestError;
use reeve_untrusted::printable;

/// Name of the operator's Deployment, in Rook's manifests and in its Helm chart.
pub const OPERATOR_DEPLOYMENT: &str = "rook-ceph-operator";
/// Name of the ConfigMap with the operator's settings.
pub const OPERATOR_CONFIG: &str = "rook-ceph-operator-config";
/// What stands in place of a setting's value that may be a secret.
pub const HIDDEN: &str = "(hidden)";

/// The Rook operator.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Operator {
    /// Its Deployment exists.
    pub exists: bool,
    /// The image of its container.
    pub image: Option<String>,
    /// The version in the image's tag: `1.18.11`; see [`tag_version`].
    pub version: Option<String>,
    /// Ready replicas.
    pub ready_replicas: i32,
    /// Wanted replicas.
    pub replicas: i32,
    /// Data of ConfigMap [`OPERATOR_CONFIG`]; values under keys that smell of secrets are [`HIDDEN`].
    pub settings: BTreeMap<String, String>,
}

impl Cluster {
    /// Returns what there is of a Rook operator in `namespace`.
    ///
    /// # Errors
    ///
    /// [`RequestError`] if the server does not answer or the user may not see Deployment or ConfigMap.
    pub async fn operator(&self, namespace: &str) -> Result<Operator, RequestError> {
        let deployments: Api<Deployment> = Api::namespaced(self.client().clone(), namespace);
        let config_maps: Api<ConfigMap> = Api::namespaced(self.client().clone(), namespace);
        let read_deployment = format!("read deployment {OPERATOR_DEPLOYMENT} in namespace {namespace}");
        let read_config = format!("read configmap {OPERATOR_CONFIG} in namespace {namespace}");
        let (deployment, config) = futures::try_join!(
            self.ask(&read_deployment, deployments.get_opt(OPERATOR_DEPLOYMENT)),
            self.ask(&read_config, config_maps.get_opt(OPERATOR_CONFIG)),
        )?;
        let settings = config.and_then(|config| config.data).unwrap_or_default();
        let settings = settings
            .into_iter()
            .map(|(key, value)| {
                let value = if smells_of_secret(&key) {
                    HIDDEN.to_owned()
                } else {
                    value
                };
                (key, value)
            })
            .collect();
        let Some(deployment) = deployment else {
            return Ok(Operator {
                settings,
                ..Operator::default()
            });
        };
        let spec = deployment.spec.unwrap_or_default();
        let containers = spec.template.spec.map(|pod| pod.containers).unwrap_or_default();
        // The chart may add side-cars; the operator's own container bears this name in both.
        let own = containers
            .iter()
            .find(|one| one.name == OPERATOR_DEPLOYMENT)
            .or_else(|| containers.first());
        let image = own.and_then(|one| one.image.as_deref()).map(printable);
        Ok(Operator {
            exists: true,
            version: image.as_deref().and_then(tag_version),
            image,
            ready_replicas: deployment
                .status
                .and_then(|status| status.ready_replicas)
                .unwrap_or_default(),
            replicas: spec.replicas.unwrap_or(1),
            settings,
        })
    }
}

/// Returns the version in an image's tag: `1.18.11` for `docker.io/rook/ceph:v1.18.11@sha256:…`.
///
/// Shape: three numbers, and what a pre-release or a distribution put after a `-`, as in `1.19.0-beta.0`. None for no tag, for one
/// that is a name (`master`, `local`), and for one with fewer numbers.
pub fn tag_version(image: &str) -> Option<String> {
    let name = image.split_once('@').map_or(image, |(name, _)| name);
    let tag = name.rsplit('/').next()?.split_once(':')?.1;
    let version = tag.strip_prefix('v').unwrap_or(tag);
    let (core, rest) = version
        .split_once('-')
        .map_or((version, None), |(core, rest)| (core, Some(rest)));
    let mut numbers = 0;
    for part in core.split('.') {
        part.parse::<u32>()
            .ok()
            .filter(|_| part.bytes().all(|b| b.is_ascii_digit()))?;
        numbers += 1;
    }
    let plain = rest
        .is_none_or(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b".-".contains(&b)));
    (numbers == 3 && plain).then(|| version.to_owned())
}

/// Tells whether a setting's key says that its value is secret.
fn smells_of_secret(key: &str) -> bool {
    const WORDS: [&str; 12] = [
        "SECRET",
        "SECRETS",
        "TOKEN",
        "TOKENS",
        "PASSWORD",
        "PASSWD",
        "PASSPHRASE",
        "KEY",
        "KEYS",
        "KEYRING",
        "CREDENTIAL",
        "CREDENTIALS",
    ];
    key.split(|c: char| !c.is_ascii_alphanumeric())
        .any(|word| WORDS.contains(&word.to_ascii_uppercase().as_str()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn versions_are_read_from_tags() {
        let cases = [
            ("docker.io/rook/ceph:v1.18.11", Some("1.18.11")),
            ("localhost:5000/rook:v1.20.6@sha256:00ff", Some("1.20.6")),
            ("rook/ceph:1.19.0-beta.0", Some("1.19.0-beta.0")),
            ("rook/ceph:master", None),
            ("rook/ceph:v1.18", None),
            ("rook/ceph:v1.18.x", None),
            ("rook/ceph:v1.18.+1", None),
            ("localhost:5000/rook", None),
            ("rook/ceph@sha256:00ff", None),
            ("", None),
        ];
        for (image, wanted) in cases {
            assert_eq!(tag_version(image).as_deref(), wanted, "{image}");
        }
    }

    #[test]
    fn secrets_in_settings_are_smelled() {
        for key in ["ROOK_TOKEN", "vault.token", "CSI_KEY", "my-password", "S3_SECRET"] {
            assert!(smells_of_secret(key), "{key}");
        }
        for key in ["ROOK_LOG_LEVEL", "CSI_ENABLE_KEYROTATION", "ROOK_CEPH_MONKEY"] {
            assert!(!smells_of_secret(key), "{key}");
        }
    }

    proptest! {
        #[test]
        fn any_image_can_be_asked(image in "\\PC{0,40}", a in 0u32..99, b in 0u32..99, c in 0u32..99) {
            let _ = tag_version(&image);
            let tagged = format!("registry.example:443/a/b:v{a}.{b}.{c}");
            prop_assert_eq!(tag_version(&tagged), Some(format!("{a}.{b}.{c}")));
        }
    }
}
