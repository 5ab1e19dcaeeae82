//! Images in the container runtime's store.

use std::collections::BTreeSet;

/// Reads `crictl images --output json`: tags, without images that have none.
pub(crate) fn parse_crictl_images(text: &str) -> Option<BTreeSet<String>> {
    #[derive(serde::Deserialize)]
    struct Images {
        images: Vec<Image>,
    }
    #[derive(serde::Deserialize)]
    struct Image {
        #[serde(default, rename = "repoTags")]
        tags: Option<Vec<String>>,
    }
    let images: Images = serde_json::from_str(text).ok()?;
    Some(
        images
            .images
            .into_iter()
            .flat_map(|image| image.tags.unwrap_or_default())
            .filter(|tag| tag != "<none>:<none>")
            .collect(),
    )
}

/// Reads `ctr --namespace k8s.io images ls --quiet`: names with a tag; digests are left out.
pub(crate) fn parse_ctr_images(text: &str) -> BTreeSet<String> {
    let tagged = |name: &&str| !name.is_empty() && !name.starts_with("sha256:") && !name.contains('@');
    text.lines().map(str::trim).filter(tagged).map(String::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_runtimes_tell_tags() {
        let json =
            r#"{"images":[{"id":"x","repoTags":["quay.io/ceph/ceph:v18.2.7"]},{"id":"y","repoTags":[]},{"id":"z"}]}"#;
        assert_eq!(
            parse_crictl_images(json),
            Some(BTreeSet::from(["quay.io/ceph/ceph:v18.2.7".into()]))
        );
        assert_eq!(parse_crictl_images("no"), None);
        let lines = "quay.io/ceph/ceph:v18.2.7\nquay.io/ceph/ceph@sha256:00\nsha256:11\n\n";
        assert_eq!(
            parse_ctr_images(lines),
            BTreeSet::from(["quay.io/ceph/ceph:v18.2.7".into()])
        );
    }
}
