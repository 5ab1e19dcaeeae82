//! scs-0104: the standard images and where they come from.

use std::collections::BTreeMap;

use super::Check;
use crate::facts::{Facts, Image, Missing};
use crate::verdict::Findings;

/// How an image is recognised, and where it may come from.
struct Standard {
    slug: &'static str,
    name: Name,
    sources: &'static [&'static str],
}

/// How an image is recognised.
#[derive(Clone, Copy)]
enum Name {
    /// By its whole name.
    Exactly(&'static str),
    /// By the beginning of its name, with a version `N.N` behind it; whatever follows does not count.
    WithVersion(&'static str),
}

const CAPI_SOURCES: &[&str] = &[
    "https://nbg1.your-objectstorage.com/osism/openstack-k8s-capi-images/",
    "https://swift.services.a.regiocloud.tech/swift/v1/AUTH_b182637428444b9aa302bb8d5a5a418c/openstack-k8s-capi-images/ubuntu-2404-kube",
    "https://swift.services.a.regiocloud.tech/swift/v1/AUTH_b182637428444b9aa302bb8d5a5a418c/openstack-k8s-capi-images/ubuntu-2204-kube",
];

/// Source: SovereignCloudStack/standards at 077174d9: `Tests/iaas/scs-0104-v1-images-v5.yaml` and the table in `standard_images.py`, which is the one that counts.
const STANDARD: [Standard; 9] = [
    Standard {
        slug: "capi-1",
        name: Name::WithVersion("ubuntu-capi-image v"),
        sources: CAPI_SOURCES,
    },
    Standard {
        slug: "capi-2",
        name: Name::WithVersion("ubuntu-capi-image-v"),
        sources: CAPI_SOURCES,
    },
    Standard {
        slug: "ubuntu-2404",
        name: Name::Exactly("Ubuntu 24.04"),
        sources: &[
            "https://cloud-images.ubuntu.com/releases/noble/",
            "https://cloud-images.ubuntu.com/noble/",
        ],
    },
    Standard {
        slug: "ubuntu-2204",
        name: Name::Exactly("Ubuntu 22.04"),
        sources: &[
            "https://cloud-images.ubuntu.com/releases/jammy/",
            "https://cloud-images.ubuntu.com/jammy/",
        ],
    },
    Standard {
        slug: "ubuntu-2004",
        name: Name::Exactly("Ubuntu 20.04"),
        sources: &[
            "https://cloud-images.ubuntu.com/releases/focal/",
            "https://cloud-images.ubuntu.com/focal/",
        ],
    },
    Standard {
        slug: "debian-13",
        name: Name::Exactly("Debian 13"),
        sources: &[
            "https://cloud.debian.org/images/cloud/trixie/",
            "https://cdimage.debian.org/cdimage/cloud/trixie/",
        ],
    },
    Standard {
        slug: "debian-12",
        name: Name::Exactly("Debian 12"),
        sources: &[
            "https://cloud.debian.org/images/cloud/bookworm/",
            "https://cdimage.debian.org/cdimage/cloud/bookworm/",
        ],
    },
    Standard {
        slug: "debian-11",
        name: Name::Exactly("Debian 11"),
        sources: &[
            "https://cloud.debian.org/images/cloud/bullseye/",
            "https://cdimage.debian.org/cdimage/cloud/bullseye/",
        ],
    },
    Standard {
        slug: "debian-10",
        name: Name::Exactly("Debian 10"),
        sources: &[
            "https://cloud.debian.org/images/cloud/buster/",
            "https://cdimage.debian.org/cdimage/cloud/buster/",
        ],
    },
];

pub(super) fn find(slug: &str) -> Option<Check> {
    let standard = |slug: &str| STANDARD.iter().find(|standard| standard.slug == slug);
    if let Some(standard) = slug.strip_prefix("image-").and_then(standard) {
        return Some(Check::new(
            format!("There is an image called {}.", standard.name.shown()),
            "scs-0104-v1, sections \"Image specification, single image\" and \"Image specification, class of images\"",
            |facts| presence(facts, standard),
        ));
    }
    let standard = slug.strip_prefix("source-").and_then(standard)?;
    Some(Check::new(
        format!(
            "Images called {} come from one of the places that the standard names.",
            standard.name.shown()
        ),
        "scs-0104-v1, sections \"Image specification, single image\" and \"Image specification, class of images\"",
        |facts| sources(facts, standard),
    ))
}

impl Name {
    fn shown(self) -> String {
        match self {
            Name::Exactly(name) => format!("\"{name}\""),
            Name::WithVersion(start) => format!("\"{start}N.N\""),
        }
    }

    fn matches(self, name: &str) -> bool {
        match self {
            Name::Exactly(wanted) => name == wanted,
            Name::WithVersion(start) => name.strip_prefix(start).is_some_and(|version| {
                matches!(version.as_bytes(), [first, b'.', second, ..] if first.is_ascii_digit() && second.is_ascii_digit())
            }),
        }
    }
}

/// Returns the images that match; of several with one name the last listed counts. Images without a name make the official test fail where it matches by pattern.
fn matching<'a>(facts: &'a Facts, standard: &Standard, findings: &mut Findings) -> Result<Vec<&'a Image>, Missing> {
    let images = facts.images.as_ref().map_err(Clone::clone)?;
    let mut by_name: BTreeMap<&str, &Image> = BTreeMap::new();
    for image in images {
        match (&image.name, standard.name) {
            (Some(name), _) => {
                by_name.insert(name, image);
            }
            (None, Name::WithVersion(_)) => findings.obstacle(
                image.subject(),
                "the official test looks for a pattern in the name of every image and cannot judge one without a name",
                "give the image a name",
            ),
            (None, Name::Exactly(_)) => {}
        }
    }
    Ok(by_name
        .into_iter()
        .filter(|(name, _)| standard.name.matches(name))
        .map(|(_, image)| image)
        .collect())
}

fn presence(facts: &Facts, standard: &Standard) -> Result<Findings, Missing> {
    let mut findings = Findings::default();
    if matching(facts, standard, &mut findings)?.is_empty() {
        findings.violation(
            format!("image {}", standard.name.shown()),
            "there is no such image among those that everybody may use",
            format!("register it as a public image from {}", standard.sources[0]),
        );
    }
    Ok(findings)
}

fn sources(facts: &Facts, standard: &Standard) -> Result<Findings, Missing> {
    let mut findings = Findings::default();
    for image in matching(facts, standard, &mut findings)? {
        let source = image.property("image_source").unwrap_or_default();
        if !standard.sources.iter().any(|known| source.starts_with(known)) {
            findings.violation(
                image.subject(),
                format!(
                    "`image_source` is `{source}` and must begin with one of: {}",
                    standard.sources.join(", ")
                ),
                "register the image from one of these places and set `image_source` to its address",
            );
        }
    }
    Ok(findings)
}
