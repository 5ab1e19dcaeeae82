//! What is known of a cloud: one listing per service, and the catalogue.

mod gather;
mod image;
mod kinds;

use jiff::Timestamp;

pub use gather::gather;
pub(crate) use gather::{list_images, listed, missing};
pub use image::Image;
pub use kinds::{DefaultRule, Flavor, VolumeType};

/// A part of the facts, or why there is none. As in the official tests, one failed listing aborts every check that needs it.
pub type Fact<T> = Result<T, Missing>;

/// Why a part of the facts is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// What happened, with its causes. Untrusted words of the cloud are made safe to print.
    pub cause: String,
    /// What a person can do about it.
    pub hint: String,
    /// Whether the cloud said that there is no such thing (404).
    pub not_found: bool,
}

/// What is known of a cloud.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The time at which dates are judged: the start of the run, or of the recording.
    pub now: Timestamp,
    /// The names of the roles that the token has.
    pub roles: Fact<Vec<String>>,
    /// The types of the services in the catalogue, word for word.
    pub services: Fact<Vec<String>>,
    /// The flavors that the project sees.
    pub flavors: Fact<Vec<Flavor>>,
    /// The public and community images that the project sees, in the order of the listing.
    pub images: Fact<Vec<Image>>,
    /// The volume types that the project sees.
    pub volume_types: Fact<Vec<VolumeType>>,
    /// The rules that new security groups begin with.
    pub default_rules: Fact<Vec<DefaultRule>>,
}

impl Facts {
    /// Returns facts of which each is missing for the same reason.
    pub(crate) fn without(now: Timestamp, missing: &Missing) -> Facts {
        Facts {
            now,
            roles: Err(missing.clone()),
            services: Err(missing.clone()),
            flavors: Err(missing.clone()),
            images: Err(missing.clone()),
            volume_types: Err(missing.clone()),
            default_rules: Err(missing.clone()),
        }
    }

    /// Returns why the official tests would judge nothing at all with this login, if so.
    ///
    /// Source: SovereignCloudStack/standards at 077174d9: `Tests/iaas/openstack_test.py` – `run_preflight_checks`.
    pub fn preflight(&self) -> Option<Missing> {
        let wrong = |cause: String, hint: &str| {
            Some(Missing {
                cause,
                hint: hint.to_owned(),
                not_found: false,
            })
        };
        match &self.roles {
            Err(missing) => Some(missing.clone()),
            Ok(roles) => {
                let privileged = roles.iter().find(|role| matches!(role.as_str(), "admin" | "manager"));
                if let Some(role) = privileged {
                    return wrong(
                        format!("the login has the role `{role}`; the standards are about what ordinary users get"),
                        "use a user or an application credential with the role `member` and neither `admin` nor `manager`",
                    );
                }
                if !roles.iter().any(|role| role == "member") {
                    return wrong(
                        format!(
                            "the login does not have the role `member` (it has: {})",
                            roles.join(", ")
                        ),
                        "give the user the role `member` on the project",
                    );
                }
                None
            }
        }
    }
}
