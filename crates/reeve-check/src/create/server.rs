//! scs-0101, and all else that can only be seen from inside a server: one boot for all of it.
//!
//! Image and flavor are chosen as the official test chooses them, because the verdict depends on them: SovereignCloudStack/standards at 077174d9: `Tests/iaas/scs_0101_entropy/entropy_check.py`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reeve_openstack::{Method, Request};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::guest::{Said, fips_failures, read_console, user_data};
use super::{Made, aborted, judged};
use crate::facts::{Facts, Flavor, Image, Missing, missing};
use crate::resource::{Kind, RunId, Workshop};
use crate::verdict::Findings;

const METADATA: &str = "scsx-cmp-metadata";
const NAMESPACE: &str = "scsx-cmp-metadata-namespace";

/// Smallest volume that a server boots from, in GiB; the official test takes this too, since `min_disk` is wrong at times.
const MIN_VOLUME_GIB: i64 = 8;

/// The network that the server is alone on.
const CIDR: &str = "10.1.0.0/24";

pub(super) async fn judge(wanted: &[String], facts: &Facts, workshop: &Workshop) -> Vec<Made> {
    let wants_metadata = wanted.iter().any(|id| [METADATA, NAMESPACE].contains(&id.as_str()));
    let said = observe(facts, workshop, wants_metadata).await;
    wanted
        .iter()
        .map(|id| {
            let outcome = match &said {
                Err(missing) => Err(missing.clone()),
                Ok((image, said)) => match id.as_str() {
                    "scs-0101-entropy-avail" => entropy(image, said),
                    "scs-0101-fips-test" => fips(image, said),
                    METADATA => metadata(image, said, workshop.run()),
                    NAMESPACE => namespace(image, said),
                    _ => random(image, said),
                },
            };
            judged(id, outcome)
        })
        .collect()
}

fn subject(image: &Image) -> String {
    format!("server with {}", image.subject())
}

fn section<'a>(said: &'a Said, name: &str) -> Result<&'a str, Missing> {
    said.sections.get(name).map(String::as_str).ok_or_else(|| Missing {
        cause: format!("the server's console does not have the part `{name}`, or only broken copies of it"),
        hint: "run the check again; if it stays so, see what `openstack console log show` shows while it runs"
            .to_owned(),
        not_found: false,
    })
}

fn entropy(image: &Image, said: &Said) -> Result<Findings, Missing> {
    let has = section(said, "entropy")?.lines().next().unwrap_or_default().trim();
    let mut findings = Findings::default();
    if has != "256" {
        findings.violation(
            subject(image),
            format!("its kernel says that it has {has} bits of entropy, and must say 256"),
            "offer an image with a kernel from 5.18 on",
        );
    }
    Ok(findings)
}

fn fips(image: &Image, said: &Said) -> Result<Findings, Missing> {
    let how = section(said, "how")?.trim();
    let text = section(said, "fips")?;
    let Some(failures) = fips_failures(text) else {
        let cause = match how {
            "nothing" => {
                "the image has neither `rngtest` nor `python3`, so its random numbers could not be tested".to_owned()
            }
            how => format!(
                "`{how}` in the server gave no number of failures: {}",
                text.trim().chars().take(200).collect::<String>()
            ),
        };
        return Err(Missing {
            cause,
            hint: "offer a Debian or Ubuntu image with cloud-init".to_owned(),
            not_found: false,
        });
    };
    let mut findings = Findings::default();
    let detail = format!("of 1000 blocks of random numbers {failures} failed the tests of FIPS 140-2");
    let remedy = "let the processor's random numbers through (`cpu_mode`, `cpu_model_extra_flags` of nova), and offer a random number device: `openstack flavor set --property hw_rng:allowed=true`, `openstack image set --property hw_rng_model=virtio`";
    match failures {
        0..=3 => {}
        4..=5 => findings.note(subject(image), format!("{detail}; more than 3 is unusual"), remedy),
        _ => findings.violation(subject(image), format!("{detail}, and at most 5 may"), remedy),
    }
    Ok(findings)
}

fn random(image: &Image, said: &Said) -> Result<Findings, Missing> {
    let mut findings = Findings::default();
    if section(said, "random")?.trim().is_empty() {
        findings.violation(
            subject(image),
            "its processor has no instruction for random numbers (RDRAND, RDSEED, RNDR)",
            "let nova give servers a processor that has them: `cpu_mode = host-model`, or `cpu_model_extra_flags = rdrand,rdseed`",
        );
    }
    Ok(findings)
}

/// Returns what the metadata service said, or that it said nothing, which is no fault where it is reached through routers only.
fn asked<'a>(said: &'a Said, name: &str) -> Result<&'a str, Missing> {
    if section(said, "meta")?.lines().next() != Some("reached") {
        return Err(Missing {
            cause: "the metadata service did not answer the server".to_owned(),
            hint: "the server is on a network without a router; with Neutron's DHCP agent metadata is there as well if `enable_isolated_metadata` is on".to_owned(),
            not_found: false,
        });
    }
    section(said, name)
}

fn metadata(image: &Image, said: &Said, run: &RunId) -> Result<Findings, Missing> {
    let meta = asked(said, "meta")?;
    let mut findings = Findings::default();
    if !meta.lines().any(|line| line.ends_with(&format!("\"{run}\""))) {
        findings.violation(
            subject(image),
            "the metadata service answered it without the metadata that was set for it",
            "see that the addresses of instances reach Neutron's metadata agent as they are, and that its shared secret is Nova's",
        );
    }
    Ok(findings)
}

fn namespace(image: &Image, said: &Said) -> Result<Findings, Missing> {
    let keys = asked(said, "vendor")?.lines().filter_map(|line| line.split('"').nth(1));
    let mut taken: Vec<&str> = keys.filter(|key| key.starts_with("scs")).collect();
    taken.sort_unstable();
    taken.dedup();
    let mut findings = Findings::default();
    if !taken.is_empty() {
        findings.violation(
            subject(image),
            format!("the provider's metadata has the keys {}", taken.join(", ")),
            "call keys of one's own otherwise, in the files of `vendordata_jsonfile_path` and what `vendordata_dynamic_targets` answers",
        );
    }
    Ok(findings)
}

/// Boots a server and listens to what it says.
async fn observe(facts: &Facts, workshop: &Workshop, with_metadata: bool) -> Result<(Image, Said), Missing> {
    let images = facts.images.as_ref().map_err(Clone::clone)?;
    let flavors = facts.flavors.as_ref().map_err(Clone::clone)?;
    let image = choose_image(images).ok_or_else(|| Missing {
        cause: "there is no public image to boot a server from".to_owned(),
        hint: "offer the images of scs-0104".to_owned(),
        not_found: false,
    })?;
    let flavor = choose_flavor(flavors, image).ok_or_else(|| Missing {
        cause: format!(
            "no flavor has the {} MiB of memory that {} needs",
            image.min_ram_mib,
            image.subject()
        ),
        hint: "offer the flavors of scs-0103".to_owned(),
        not_found: false,
    })?;
    let said = boot(image, flavor, workshop, with_metadata).await?;
    Ok((image.clone(), said))
}

async fn boot(image: &Image, flavor: &Flavor, workshop: &Workshop, with_metadata: bool) -> Result<Said, Missing> {
    let made = |error: crate::resource::MakeError| {
        aborted(
            &error,
            "see that a quota is left for it: `openstack quota show --usage`",
        )
    };
    let network = workshop.make(Kind::Network, "net", json!({})).await.map_err(made)?;
    let members = json!({ "network_id": network.id, "cidr": CIDR, "ip_version": 4, "enable_dhcp": true });
    let subnet = workshop.make(Kind::Subnet, "subnet", members).await.map_err(made)?;
    let mut members = json!({
        "flavorRef": flavor.id,
        "networks": [{ "uuid": network.id }],
        "user_data": STANDARD.encode(user_data(workshop.run(), with_metadata)),
        "config_drive": true,
    });
    let size = image.size_bytes.unwrap_or(0).max(0) / (1 << 30) + 1;
    let mut volume = None;
    if flavor.disk_gb >= image.min_disk_gib.max(1).max(size) {
        members["imageRef"] = image.id.as_str().into();
    } else {
        // A flavor without a disk of its own, as most standard ones are.
        let wanted = json!({ "size": image.min_disk_gib.max(size).max(MIN_VOLUME_GIB), "imageRef": image.id });
        let made_volume = workshop.make(Kind::Volume, "boot", wanted).await.map_err(made)?;
        workshop
            .wait(&made_volume, "available", workshop.patience().server)
            .await
            .map_err(|error| aborted(&error, "see why no volume can be made of the image"))?;
        members["block_device_mapping_v2"] = json!([{ "uuid": made_volume.id, "source_type": "volume", "destination_type": "volume",
            "boot_index": 0, "delete_on_termination": false }]);
        volume = Some(made_volume);
    }
    let server = workshop.make(Kind::Server, "server", members).await.map_err(made)?;
    let running = workshop.wait(&server, "ACTIVE", workshop.patience().server).await;
    let said = match running {
        Err(error) => Err(aborted(
            &error,
            "see why servers do not start: `openstack server show` while it is there, the log of nova-compute later",
        )),
        Ok(_) => listen(&server.id, workshop, with_metadata).await,
    };
    // What does not go here is tried again at the end and told there.
    workshop.remove(&server).await;
    if let Some(volume) = &volume {
        workshop.remove(volume).await;
    }
    workshop.remove(&subnet).await;
    workshop.remove(&network).await;
    said
}

/// Reads the console until the server has said everything.
async fn listen(id: &str, workshop: &Workshop, with_metadata: bool) -> Result<Said, Missing> {
    let compute = workshop
        .session()
        .service("compute")
        .await
        .map_err(|error| missing(&error))?;
    // Nova gives the last 100 KiB if no number of lines is asked for.
    let request =
        Request::new(Method::Post, format!("/servers/{id}/action")).with_body(json!({ "os-getConsoleOutput": {} }));
    let began = Instant::now();
    let within = workshop.patience().console;
    let mut whole = Said::default();
    loop {
        let answer = match compute.json(&request).await {
            Ok(answer) => answer,
            // A console that is not there yet.
            Err(error)
                if (error.is_transient() || error.is_not_found() || error.status == Some(409))
                    && began.elapsed() < within =>
            {
                Value::Null
            }
            Err(error) => return Err(missing(&error)),
        };
        let said = read_console(answer["output"].as_str().unwrap_or_default(), workshop.run());
        // What came whole once stays, although the console may have moved on.
        whole.sections.extend(said.sections);
        whole.ended |= said.ended;
        if whole.is_whole(with_metadata) {
            return Ok(whole);
        }
        if said.failed || began.elapsed() >= within {
            let what = if said.failed {
                "cloud-init in the server says that it could not carry out its orders".to_owned()
            } else if whole.ended {
                "the server said everything, but parts of it are broken on the console".to_owned()
            } else {
                format!(
                    "after {} s the server had not said anything on its console",
                    within.as_secs()
                )
            };
            if whole.sections.is_empty() {
                return Err(Missing {
                    cause: what,
                    hint: "see that the image runs cloud-init with user data and writes to the serial console: `openstack console log show`".to_owned(),
                    not_found: false,
                });
            }
            return Ok(whole);
        }
        workshop.tell(format!("the server boots, for {} s now", began.elapsed().as_secs()));
        tokio::time::sleep(workshop.patience().poll).await;
    }
}

/// Returns the newest Debian, else the newest Ubuntu, else any image; of equals the first one.
fn choose_image(images: &[Image]) -> Option<&Image> {
    let mut best: Option<(&Image, (u8, u64))> = None;
    for image in images {
        let rank = rank(image);
        if best.is_none_or(|(_, known)| rank > known) {
            best = Some((image, rank));
        }
    }
    best.map(|(image, _)| image)
}

fn rank(image: &Image) -> (u8, u64) {
    let property = |name: &str| image.property(name).unwrap_or_default().trim().to_lowercase();
    let (distro, version) = (property("os_distro"), property("os_version"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match distro.as_str() {
        _ if version.is_empty() => (0, 0),
        "debian" if digits(&version) => (2, version.parse().unwrap_or(u64::MAX)),
        "debian" => {
            let names = [("buster", 10), ("bullseye", 11), ("bookworm", 12), ("trixie", 13)];
            (
                2,
                names
                    .iter()
                    .find(|(name, _)| *name == version)
                    .map_or(0, |(_, number)| *number),
            )
        }
        "ubuntu" => match version.split_once('.') {
            Some((year, month)) if year.len() == 2 && month.len() == 2 && digits(year) && digits(month) => {
                (1, format!("{year}{month}").parse().unwrap_or(0))
            }
            _ => (1, 0),
        },
        _ => (0, 0),
    }
}

/// Returns the most frugal flavor with enough memory, of those that allow the random number device if there are any; of equals the first one.
fn choose_flavor<'a>(flavors: &'a [Flavor], image: &Image) -> Option<&'a Flavor> {
    let enough: Vec<&Flavor> = flavors
        .iter()
        .filter(|flavor| flavor.ram_mib >= image.min_ram_mib)
        .collect();
    let allows = |flavor: &&Flavor| {
        let allowed = flavor.extra_specs.get("hw_rng:allowed");
        allowed.is_some_and(|value| value.eq_ignore_ascii_case("true"))
    };
    let allowing: Vec<&Flavor> = enough.iter().copied().filter(allows).collect();
    let cost = |flavor: &Flavor| flavor.vcpus as f64 + flavor.ram_mib as f64 / 3.0 + flavor.disk_gb as f64 / 10.0;
    let of = if allowing.is_empty() { enough } else { allowing };
    of.into_iter().min_by(|one, other| cost(one).total_cmp(&cost(other)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn image(id: &str, distro: &str, version: &str) -> Image {
        Image {
            id: id.to_owned(),
            name: None,
            visibility: "public".to_owned(),
            hidden: false,
            created_at: None,
            size_bytes: None,
            min_disk_gib: 1,
            min_ram_mib: 128,
            properties: [("os_distro", distro), ("os_version", version)]
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
        }
    }

    #[test]
    fn the_newest_debian_goes_before_every_ubuntu() {
        let images = [
            image("a", "arch", "1"),
            image("b", "Ubuntu", "24.04"),
            image("c", "debian", "12"),
            image("d", " Debian ", "trixie"),
            image("e", "debian", "13"),
            image("f", "ubuntu", "26.4"),
        ];
        assert_eq!(choose_image(&images).unwrap().id, "d");
        assert_eq!(choose_image(&images[..3]).unwrap().id, "c");
        assert_eq!(choose_image(&images[..2]).unwrap().id, "b");
        assert_eq!(choose_image(&images[5..]).unwrap().id, "f");
        assert!(choose_image(&[]).is_none());
    }

    #[test]
    fn a_flavor_with_the_random_number_device_goes_before_a_smaller_one() {
        let flavor = |id: &str, ram_mib, rng: bool| Flavor {
            id: id.to_owned(),
            name: id.to_owned(),
            vcpus: 1,
            ram_mib,
            disk_gb: 0,
            extra_specs: if rng {
                [("hw_rng:allowed".to_owned(), "True".to_owned())].into()
            } else {
                BTreeMap::new()
            },
        };
        let flavors = [
            flavor("small", 64, true),
            flavor("plain", 128, false),
            flavor("big", 4096, true),
            flavor("rng", 512, true),
        ];
        let image = image("i", "debian", "13");
        assert_eq!(choose_flavor(&flavors, &image).unwrap().id, "rng");
        assert_eq!(choose_flavor(&flavors[..2], &image).unwrap().id, "plain");
        assert!(choose_flavor(&flavors[..1], &image).is_none());
    }
}
