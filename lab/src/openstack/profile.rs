//! The ways in which the cloud can be broken on purpose: each is applied and removed as a whole, and a repeat of either changes nothing.

use serde::{Deserialize, Serialize};

/// One way in which the cloud differs from a good one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// Two mandatory flavors and a recommended one are not there.
    MissingFlavors,
    /// Flavors whose names or extra specs promise more than they have.
    OverpromisingFlavors,
    /// Public images with metadata that is missing, malformed, outside of the permitted values, or more than a year old.
    ImageMetadata,
    /// A mandatory image is hidden.
    HiddenImage,
    /// A project offers an image of its own to the community.
    CommunityImage,
    /// The template of default security groups lets SSH in from everywhere.
    IngressDefaultRule,
    /// No network is the default one, and no pool of subnets.
    NoDefaultNetwork,
    /// The managers of both domains have lost their role.
    NoDomainManagers,
    /// Members may share their networks with others through RBAC entries, as Neutron's own rules have it.
    RbacSharing,
    /// cinder-backup does not run. Cinder lists it as down a minute later, and its scheduler goes on choosing it.
    CinderBackupDown,
    /// Barbican keeps its old rules, which ask for the role `creator` that nobody has.
    BarbicanCreator,
    /// The processors of new guests have neither RDRAND nor RDSEED.
    RdrandOff,
    /// An image that is imported is made raw by Glance. Nothing is broken by it: some clouds are so.
    ImageConversion,
    /// Public endpoints are on https, with a certificate of a private authority.
    Https,
    /// As `https`, and the image endpoint still takes TLS 1.0.
    Tls10,
    /// Everything that a public endpoint answers, and every connection to one, takes 40 milliseconds longer.
    Slow,
    /// Objects are kept by Swift, with its S3 interface, instead of the RADOS gateway.
    Swift,
}

/// A line about each, in the order in which help shows them.
const ALL: [(Profile, &str, &str); 17] = [
    (
        Profile::MissingFlavors,
        "missing-flavors",
        "two mandatory flavors and a recommended one are not there",
    ),
    (
        Profile::OverpromisingFlavors,
        "overpromising-flavors",
        "flavors whose names or extra specs promise more than they have",
    ),
    (
        Profile::ImageMetadata,
        "image-metadata",
        "public images with metadata missing, malformed, not permitted or old",
    ),
    (Profile::HiddenImage, "hidden-image", "a mandatory image is hidden"),
    (
        Profile::CommunityImage,
        "community-image",
        "a project offers an image of its own to the community",
    ),
    (
        Profile::IngressDefaultRule,
        "ingress-default-rule",
        "the template of default security groups lets SSH in",
    ),
    (
        Profile::NoDefaultNetwork,
        "no-default-network",
        "no network is the default one, and no pool of subnets",
    ),
    (
        Profile::NoDomainManagers,
        "no-domain-managers",
        "the managers of both domains have lost their role",
    ),
    (
        Profile::RbacSharing,
        "rbac-sharing",
        "members may share their networks through RBAC entries",
    ),
    (
        Profile::CinderBackupDown,
        "cinder-backup-down",
        "cinder-backup does not run",
    ),
    (
        Profile::BarbicanCreator,
        "barbican-creator",
        "Barbican asks for the role `creator`, which nobody has",
    ),
    (
        Profile::RdrandOff,
        "rdrand-off",
        "the processors of new guests have neither RDRAND nor RDSEED",
    ),
    (
        Profile::ImageConversion,
        "image-conversion",
        "Glance makes images raw that are imported by an import method",
    ),
    (
        Profile::Https,
        "https",
        "public endpoints are on https, with a certificate of a private authority",
    ),
    (
        Profile::Tls10,
        "tls10",
        "as https, and the image endpoint still takes TLS 1.0",
    ),
    (Profile::Slow, "slow", "public endpoints answer 40 milliseconds later"),
    (
        Profile::Swift,
        "swift",
        "objects are kept by Swift instead of the RADOS gateway",
    ),
];

impl Profile {
    /// Returns all profiles, in the order in which help shows them.
    pub fn all() -> impl Iterator<Item = Self> {
        ALL.iter().map(|(profile, ..)| *profile)
    }

    fn row(self) -> &'static (Self, &'static str, &'static str) {
        ALL.iter()
            .find(|(profile, ..)| *profile == self)
            .expect("a test finds every profile in the list")
    }

    /// Returns its name on the command line and in the record.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// Returns what it does, in a few words.
    #[must_use]
    pub fn about(self) -> &'static str {
        self.row().2
    }

    /// Tells whether it changes only what the cloud holds, through its API: `profiles.py` knows how.
    pub(super) const fn is_content(self) -> bool {
        matches!(
            self,
            Self::MissingFlavors
                | Self::OverpromisingFlavors
                | Self::ImageMetadata
                | Self::HiddenImage
                | Self::CommunityImage
                | Self::IngressDefaultRule
                | Self::NoDefaultNetwork
                | Self::NoDomainManagers
        )
    }
}

impl std::fmt::Display for Profile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Profile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = || Self::all().map(Self::name).collect::<Vec<_>>().join(", ");
        Self::all()
            .find(|profile| profile.name() == text)
            .ok_or_else(|| format!("there is no profile `{text}`; there are {}", known()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_has_one_name_everywhere() {
        for profile in Profile::all() {
            assert_eq!(profile.name().parse::<Profile>().unwrap(), profile);
            assert_eq!(serde_json::to_value(profile).unwrap(), profile.name());
            assert!(!profile.about().is_empty());
        }
        let error = "flood".parse::<Profile>().unwrap_err();
        assert!(
            error.contains("there is no profile `flood`") && error.contains("cinder-backup-down"),
            "{error}"
        );
    }

    #[test]
    fn what_a_profile_changes_in_the_content_is_written_down() {
        let python = include_str!("../../recipes/openstack/seed/profiles.py");
        for profile in Profile::all() {
            let function = format!("\ndef {}(cloud, broken):", profile.name().replace('-', "_"));
            assert_eq!(python.contains(&function), profile.is_content(), "{profile}");
        }
    }
}
