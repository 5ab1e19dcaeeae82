//! Checks that the official tests do not have: requirements of the texts that nobody looks at, and good sense.
//!
//! Their ids begin with `scsx-`, so that none can be mistaken for an official one; they count for no certification and are never sent anywhere.

mod endpoints;
mod flavors;
mod images;
mod leftovers;
mod networks;
mod volume_types;
mod wider;
mod zones;

use crate::facts::{Facts, Missing};
use crate::verdict::{CaseResult, Findings};

pub(crate) use wider::Wider;
pub(crate) use wider::gather_wider;

/// A check of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtraCheck {
    /// Its id.
    pub id: &'static str,
    /// What it makes sure of.
    pub requirement: &'static str,
    /// Where that comes from.
    pub source: &'static str,
    /// Whether something has to be made in the cloud for it.
    pub creates: bool,
}

const fn reads(id: &'static str, requirement: &'static str, source: &'static str) -> ExtraCheck {
    ExtraCheck {
        id,
        requirement,
        source,
        creates: false,
    }
}

const fn creates(id: &'static str, requirement: &'static str, source: &'static str) -> ExtraCheck {
    ExtraCheck {
        id,
        requirement,
        source,
        creates: true,
    }
}

/// Where the rule about access rules comes from.
const ACCESS_RULES: &str = "Keystone's API reference v3, \"Application credentials: access rules\"; keystonemiddleware: `auth_token/__init__.py` – `_validate_access_rules`";

/// Is judged from connections of its own, which no recording has.
pub(crate) const HANDSHAKES: &str = "scsx-0125-tls";

/// Where the rules about domain managers come from.
const DOMAIN_MANAGER: &str = "scs-0302-v1, section \"Design Considerations\"";

/// All of them, by id.
pub const EXTRA_CHECKS: [ExtraCheck; 31] = [
    creates(
        "scsx-0101-cpu-random",
        "The processor of a server gives random numbers (RDRAND, RDSEED or RNDR); the hypervisor does not filter that out.",
        "scs-0101-v1, section \"Entropy in VMs\"",
    ),
    reads(
        "scsx-0102-community-images",
        "Community images keep the mandatory rules for the properties of images, also those of other projects, which the official tests do not see.",
        "scs-0102-v1, which speaks of all images that users can use",
    ),
    reads(
        "scsx-0102-dates",
        "`provided_until` is a date, `none` or `notice`, and `uuid_validity` is there; the official tests take any text for the one and let the other be missing.",
        "scs-0102-v1, section \"Image updating\"",
    ),
    reads(
        "scsx-0102-hidden-images",
        "Hidden public images keep the mandatory rules for the properties of images; the official tests do not see them.",
        "scs-0102-v1, which speaks of all images that users can use",
    ),
    reads(
        "scsx-0103-extra-specs",
        "Whatever a flavor says in extra specs `scs:…` is true, also where the flavor is no standard one.",
        "scs-0103-v1, section \"Guarantees and properties\"",
    ),
    creates(
        "scsx-0104-upload",
        "Users can upload images, and an image is what was uploaded.",
        "scs-0104-v1, section \"Uploading custom images\"",
    ),
    creates(
        "scsx-0114-encrypted",
        "A volume of a type that lists `encrypted` is encrypted.",
        "scs-0114-v1, section \"Systematic Description of Volume Types\"",
    ),
    reads(
        "scsx-0114-volume-types",
        "A list of aspects stands at the very beginning of a description, where programs look for it, and a type that is called encrypted or replicated says so there.",
        "scs-0114-v1, section \"Systematic Description of Volume Types\"",
    ),
    creates(
        "scsx-0116-payload",
        "A secret that was put into the key manager is given back as it was.",
        "scs-0116-v1, section \"Key Manager Standard\"",
    ),
    creates(
        "scsx-0117-data",
        "A volume that is restored from a backup has the content that was backed up.",
        "scs-0117-v1, section \"Standard\": the backup functionality is \"configured properly\"",
    ),
    reads(
        "scsx-0121-zones",
        "Every availability zone of servers is available, and zones of volumes and networks are called like those of servers.",
        "scs-0121-v1, section \"Availability Zones\"",
    ),
    reads(
        "scsx-0123-endpoints",
        "Every public endpoint of the catalogue answers.",
        "scs-0123-v1, section \"Mandatory IaaS APIs\"",
    ),
    reads(
        "scsx-0125-https",
        "Every public endpoint of the catalogue is encrypted.",
        "scs-0125-v1 (draft), section \"API Interfaces\"",
    ),
    reads(
        HANDSHAKES,
        "The servers behind encrypted public endpoints speak TLS 1.2 and 1.3 only, take no cipher suite outside Mozilla's profile \"intermediate\", and have certificates as it has them.",
        "scs-0125-v1 (draft), section \"Transport Layer Security (TLS)\"",
    ),
    reads(
        "scsx-0126-default-network",
        "Exactly one network is the default one, and it leads outside.",
        "scs-0126-v1, section \"Standard Provider Network\"",
    ),
    reads(
        "scsx-0126-ipv6-pool",
        "There is exactly one shared default subnet pool for IPv6, and it gives networks of 64 bits.",
        "scs-0126-v1, section \"IPv6 Allocation\"",
    ),
    reads(
        "scsx-0126-provider-networks",
        "Users see no networks of the provider but the default one.",
        "scs-0126-v1, section \"Standard Provider Network\"",
    ),
    creates(
        "scsx-0126-rbac",
        "Users cannot share networks of their own with other projects, by which they would look like the provider's (recommended).",
        "scs-0126-v1, section \"RBAC Restrictions\"",
    ),
    creates(
        "scsx-0302-domain-scope",
        "A domain manager sees its own domain and no other, and no users, groups and projects of others.",
        DOMAIN_MANAGER,
    ),
    creates(
        "scsx-0302-escalation",
        "A domain manager cannot give anybody the role `admin`, cannot make or change roles, and cannot give roles across domains.",
        DOMAIN_MANAGER,
    ),
    creates(
        "scsx-0302-groups",
        "A domain manager can make, find, change and delete groups in its domain, put users into them and take them out, give them roles and take the roles back; in no other domain.",
        DOMAIN_MANAGER,
    ),
    creates(
        "scsx-0302-projects",
        "A domain manager can make, find, change and delete projects in its domain, give users roles on them and take the roles back; in no other domain.",
        DOMAIN_MANAGER,
    ),
    creates(
        "scsx-0302-users",
        "A domain manager can make, find, change and delete users in its domain, give them roles and take the roles back; in no other domain.",
        DOMAIN_MANAGER,
    ),
    creates(
        "scsx-cmp-metadata",
        "A server gets its own metadata from the metadata service.",
        "Nova's manual, \"Metadata service\": `meta_data.json` has the metadata that users set",
    ),
    creates(
        "scsx-cmp-metadata-namespace",
        "The provider's metadata has no key that begins with `scs`, which are kept for the standards.",
        "SovereignCloudStack/standards, issue 580 (not decided yet)",
    ),
    reads(
        "scsx-hyg-leftovers",
        "Nothing is left in the project of earlier runs of this program or of the official tests.",
        "this project: how checks clean up after themselves",
    ),
    creates(
        "scsx-iam-access-rules-block-storage",
        "The volume service keeps to the access rules of an application credential.",
        ACCESS_RULES,
    ),
    creates(
        "scsx-iam-access-rules-compute",
        "The compute service keeps to the access rules of an application credential.",
        ACCESS_RULES,
    ),
    creates(
        "scsx-iam-access-rules-image",
        "The image service keeps to the access rules of an application credential.",
        ACCESS_RULES,
    ),
    creates(
        "scsx-iam-access-rules-network",
        "The network service keeps to the access rules of an application credential.",
        ACCESS_RULES,
    ),
    creates(
        "scsx-iam-access-rules-object-store",
        "The object store keeps to the access rules of an application credential.",
        ACCESS_RULES,
    ),
];

/// Returns one of our checks.
pub fn extra_check(id: &str) -> Option<&'static ExtraCheck> {
    EXTRA_CHECKS.iter().find(|check| check.id == id)
}

/// Judges one of our checks that reads; `None` for any other id.
pub(crate) fn judge_extra(id: &str, facts: &Facts, wider: &Wider) -> Option<CaseResult> {
    let judge: fn(&Facts, &Wider) -> Result<Findings, Missing> = match id {
        "scsx-0102-community-images" => images::community,
        "scsx-0102-dates" => images::dates,
        "scsx-0102-hidden-images" => images::hidden,
        "scsx-0103-extra-specs" => flavors::extra_specs,
        "scsx-0114-volume-types" => volume_types::descriptions,
        "scsx-0121-zones" => zones::zones,
        "scsx-0123-endpoints" => endpoints::alive,
        "scsx-0125-https" => endpoints::encrypted,
        HANDSHAKES => endpoints::handshakes,
        "scsx-0126-default-network" => networks::default_network,
        "scsx-0126-ipv6-pool" => networks::ipv6_pool,
        "scsx-0126-provider-networks" => networks::provider_networks,
        "scsx-hyg-leftovers" => leftovers::leftovers,
        _ => return None,
    };
    let outcome = match facts.preflight() {
        Some(missing) => Err(missing),
        None => judge(facts, wider),
    };
    Some(result(extra_check(id)?, outcome))
}

/// Returns the result of one of our checks.
pub(crate) fn result(check: &ExtraCheck, outcome: Result<Findings, Missing>) -> CaseResult {
    CaseResult::new(check.id, check.requirement.to_owned(), check.source, outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_sorted_and_each_once_and_nobody_elses() {
        let ids: Vec<&str> = EXTRA_CHECKS.iter().map(|check| check.id).collect();
        let mut sorted = ids.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(ids, sorted);
        for check in EXTRA_CHECKS {
            assert!(
                check.id.starts_with("scsx-") && check.requirement.ends_with('.'),
                "{check:?}"
            );
            reeve_report::CheckId::new(check.id).unwrap();
        }
    }

    #[test]
    fn those_that_read_are_judged_and_no_others() {
        let missing = Missing {
            cause: "no".to_owned(),
            hint: "no".to_owned(),
            not_found: false,
        };
        let facts = Facts::without(jiff::Timestamp::UNIX_EPOCH, &missing);
        let wider = Wider::without(&missing);
        for check in EXTRA_CHECKS {
            assert_eq!(
                judge_extra(check.id, &facts, &wider).is_some(),
                !check.creates,
                "{}",
                check.id
            );
        }
    }
}
