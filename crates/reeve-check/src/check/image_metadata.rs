//! scs-0102: properties of images, one by one.

use std::collections::BTreeMap;

use super::Check;
use crate::date;
use crate::digit::all_decimal;
use crate::facts::{Facts, Image, Missing};
use crate::verdict::Findings;

const TECHNICAL: &str = "scs-0102-v1 and v2, section \"Technical requirements and features\"";
const UPDATING: &str = "scs-0102-v1 and v2, section \"Image updating\"";
const ORIGIN: &str = "scs-0102-v1 and v2, section \"Image Origin\"";
const BUILD: &str = "scs-0102-v1 and v2, section \"Image build info\"";

/// Values of `os_purpose`; `oldgeneric` came with version 2.
const PURPOSES: &[&str] = &[
    "generic",
    "oldgeneric",
    "minimal",
    "k8snode",
    "gpu",
    "network",
    "custom",
];

/// Values of `replace_frequency`.
pub(super) const FREQUENCIES: &[&str] = &[
    "never",
    "critical_bug",
    "yearly",
    "quarterly",
    "monthly",
    "weekly",
    "daily",
];

/// Bytes of a GiB.
const GIB: i128 = 1 << 30;

/// What is wrong with an image, and what to set.
type Wrong = Option<(String, String)>;

pub(super) fn find(slug: &str) -> Option<Check> {
    if slug == "os_purpose-uniqueness" {
        return Some(Check::new(
            "Of the public images that listings show, at most one is generic for each architecture, distribution and version.",
            TECHNICAL,
            uniqueness,
        ));
    }
    let check = match slug.strip_prefix("prop-")? {
        "architecture" => one_of("architecture", &["x86_64", "aarch64", "risc-v"], false, TECHNICAL),
        "hash_algo" => one_of("os_hash_algo", &["sha256", "sha512"], false, BUILD),
        "os_purpose" => one_of("os_purpose", PURPOSES, false, TECHNICAL),
        "hw_disk_bus" => one_of("hw_disk_bus", &["virtio", "scsi"], true, TECHNICAL),
        "hypervisor_type" => one_of(
            "hypervisor_type",
            &["qemu", "kvm", "xen", "hyper-v", "esxi"],
            true,
            TECHNICAL,
        ),
        "hw_rng_model" => one_of("hw_rng_model", &["virtio"], true, TECHNICAL),
        "replace_frequency" => one_of("replace_frequency", FREQUENCIES, false, UPDATING),
        "os_version" => filled("os_version", TECHNICAL),
        "os_distro" => filled("os_distro", TECHNICAL),
        "image_original_user" => filled("image_original_user", BUILD),
        "image_description" => filled("image_description", ORIGIN),
        "provided_until" => filled("provided_until", UPDATING),
        "min_disk" => Check::new(
            "Every image says how large a disk it needs, and its data fits on it.",
            TECHNICAL,
            min_disk,
        ),
        "min_ram" => Check::new("Every image says how much memory it needs.", TECHNICAL, min_ram),
        "image_build_date" => Check::new(
            "Every image says when it was built, which is not after it was registered.",
            BUILD,
            build_date,
        ),
        "image_source" => Check::new(
            "Every image says where it comes from: an address of http, https, ftp or ftps, or `private`.",
            ORIGIN,
            |facts| each(facts, Names::NeedsAll, source),
        ),
        "uuid_validity" => Check::new(
            "Every image says how long it can be found by its UUID: none, notice, forever, last-N or a date.",
            UPDATING,
            |facts| each(facts, Names::NotNeeded, uuid_validity),
        ),
        "hotfix_hours" => Check::new(
            "`hotfix_hours`, where it is set, is a number of hours.",
            UPDATING,
            |facts| each(facts, Names::NotNeeded, hotfix_hours),
        ),
        _ => return None,
    };
    Some(check)
}

/// Whether the official test stumbles over an image without a name when it says what is wrong with it.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Names {
    /// It joins the names of all that are wrong.
    NeedsAll,
    /// It does not.
    NotNeeded,
}

/// Says what is wrong with an image; one without a name is an obstacle where the official test needs names.
pub(super) fn blame(findings: &mut Findings, image: &Image, names: Names, detail: String, remedy: String) {
    if image.name.is_none() && names == Names::NeedsAll {
        findings.obstacle(
            image.subject(),
            format!("{detail}; the official test cannot name an image without a name and ends there"),
            format!("give the image a name; {remedy}"),
        );
    } else {
        findings.violation(image.subject(), detail, remedy);
    }
}

fn images(facts: &Facts) -> Result<&[Image], Missing> {
    facts.images.as_deref().map_err(Clone::clone)
}

fn set(image: &Image, property: &str, value: &str) -> String {
    format!("`openstack image set --property {property}={value} {}`", image.id)
}

fn each(facts: &Facts, names: Names, wrong: impl Fn(&Image) -> Wrong) -> Result<Findings, Missing> {
    let mut findings = Findings::default();
    for image in images(facts)? {
        if let Some((detail, remedy)) = wrong(image) {
            blame(&mut findings, image, names, detail, remedy);
        }
    }
    Ok(findings)
}

fn one_of(property: &'static str, values: &'static [&'static str], optional: bool, source: &'static str) -> Check {
    let all = values.join(", ");
    let text = if optional {
        format!("`{property}`, where it is set, is one of: {all}.")
    } else {
        format!("Every image has `{property}`, and it is one of: {all}.")
    };
    Check::new(text, source, move |facts| {
        each(facts, Names::NeedsAll, |image| {
            let is = match image.property(property) {
                None if optional => return None,
                None => "is not set".to_owned(),
                Some(value) if values.contains(&value) => return None,
                Some(value) => format!("is `{value}`"),
            };
            let remedy = if property == "os_hash_algo" {
                "register the image again with a Glance whose `hashing_algorithm` is one of these".to_owned()
            } else {
                set(image, property, values[0])
            };
            Some((
                format!("`{property}` {is} and must be one of: {}", values.join(", ")),
                remedy,
            ))
        })
    })
}

fn filled(property: &'static str, source: &'static str) -> Check {
    Check::new(format!("Every image has `{property}`."), source, move |facts| {
        each(facts, Names::NeedsAll, |image| {
            let missing = image.property(property).unwrap_or_default().is_empty();
            missing.then(|| (format!("`{property}` is not set"), set(image, property, "VALUE")))
        })
    })
}

fn min_disk(facts: &Facts) -> Result<Findings, Missing> {
    let mut findings = Findings::default();
    for image in images(facts)? {
        let remedy = |gib: i128| format!("`openstack image set --min-disk {gib} {}`", image.id);
        let needed = image
            .size_bytes
            .map_or(1, |size| (i128::from(size) + GIB - 1) / GIB)
            .max(1);
        match (image.min_disk_gib, image.size_bytes) {
            (0, _) => blame(
                &mut findings,
                image,
                Names::NeedsAll,
                "`min_disk` is not set".to_owned(),
                remedy(needed),
            ),
            (_, None) => findings.obstacle(
                image.subject(),
                "the image has no size, because it has no data; the official test ends there",
                "upload data to the image or delete it",
            ),
            (gib, Some(size)) if i128::from(gib) * GIB < i128::from(size) => {
                let detail = format!("`min_disk` is {gib} GiB and the data of the image has {size} bytes");
                blame(&mut findings, image, Names::NeedsAll, detail, remedy(needed));
            }
            _ => {}
        }
    }
    Ok(findings)
}

fn min_ram(facts: &Facts) -> Result<Findings, Missing> {
    let mut findings = Findings::default();
    for image in images(facts)? {
        let remedy = format!("`openstack image set --min-ram MIB {}`", image.id);
        match image.min_ram_mib {
            0 => blame(
                &mut findings,
                image,
                Names::NeedsAll,
                "`min_ram` is not set".to_owned(),
                remedy,
            ),
            // Only a warning, but one that names the images.
            mib @ ..64 if image.name.is_none() => {
                blame(
                    &mut findings,
                    image,
                    Names::NeedsAll,
                    format!("`min_ram` is {mib} MiB"),
                    remedy,
                );
            }
            mib @ ..64 => findings.note(
                image.subject(),
                format!("`min_ram` is {mib} MiB, which is hardly enough to boot"),
                remedy,
            ),
            _ => {}
        }
    }
    Ok(findings)
}

fn build_date(facts: &Facts) -> Result<Findings, Missing> {
    let mut findings = Findings::default();
    let now = facts.now.as_second();
    for image in images(facts)? {
        let Some(created_at) = &image.created_at else {
            findings.obstacle(
                image.subject(),
                "the image has no `created_at`; the official test ends there",
                "ask the provider why",
            );
            continue;
        };
        let text = image.property("image_build_date").unwrap_or_default();
        let (built, registered) = (date::seconds(text), date::strict_seconds(created_at));
        let remedy = || set(image, "image_build_date", "YYYY-MM-DD");
        if built == 0 {
            findings.violation(
                image.subject(),
                format!("`image_build_date` is `{text}`, which is no date"),
                remedy(),
            );
        } else if built > registered {
            let detail = format!("`image_build_date` is {text}, after the image was registered ({created_at})");
            findings.violation(image.subject(), detail, remedy());
        }
        if (if built == 0 { registered } else { built }) > now {
            findings.violation(
                image.subject(),
                format!("the image was built in the future ({text})"),
                remedy(),
            );
        }
    }
    Ok(findings)
}

fn source(image: &Image) -> Wrong {
    let value = image.property("image_source").unwrap_or_default();
    let scheme = value.split_once("://").map(|(scheme, _)| scheme);
    let good = value == "private" || matches!(scheme, Some("http" | "https" | "ftp" | "ftps"));
    (!good).then(|| {
        let detail = format!(
            "`image_source` is `{value}`, which is neither an address of http, https, ftp or ftps nor `private`"
        );
        (detail, set(image, "image_source", "https://…"))
    })
}

fn uuid_validity(image: &Image) -> Wrong {
    let value = image.property("uuid_validity")?;
    let good = matches!(value, "none" | "notice" | "forever")
        || value.strip_prefix("last-").is_some_and(all_decimal)
        || date::seconds(value) != 0;
    (!good).then(|| {
        let detail = format!("`uuid_validity` is `{value}` and must be none, notice, forever, last-N or a date");
        (detail, set(image, "uuid_validity", "notice"))
    })
}

fn hotfix_hours(image: &Image) -> Wrong {
    let value = image.property("hotfix_hours").filter(|value| !value.is_empty())?;
    (!all_decimal(value)).then(|| {
        (
            format!("`hotfix_hours` is `{value}`, which is no number"),
            set(image, "hotfix_hours", "HOURS"),
        )
    })
}

fn uniqueness(facts: &Facts) -> Result<Findings, Missing> {
    let mut findings = Findings::default();
    let mut groups: BTreeMap<[&str; 3], Vec<&Image>> = BTreeMap::new();
    for image in images(facts)? {
        let value = |name| image.property(name).unwrap_or_default();
        let key = [value("architecture"), value("os_distro"), value("os_version")];
        let counts = image.visibility == "public" && !image.hidden && !key[1].is_empty() && !key[2].is_empty();
        if counts && value("os_purpose") == "generic" {
            groups.entry(key).or_default().push(image);
        }
    }
    for ([architecture, distro, version], group) in groups.into_iter().filter(|(_, group)| group.len() > 1) {
        let ids: Vec<&str> = group.iter().map(|image| image.id.as_str()).collect();
        for image in group {
            let others: Vec<&str> = ids.iter().copied().filter(|id| *id != image.id).collect();
            blame(
                &mut findings,
                image,
                Names::NeedsAll,
                format!("it is generic for {distro} {version} on `{architecture}`, and so is {}", others.join(", ")),
                "hide all but the newest (`openstack image set --hidden ID`), or set `os_purpose` of the others to `custom`".to_owned(),
            );
        }
    }
    Ok(findings)
}
