//! Networks that the provider offers.

use super::Wider;
use super::wider::{Network, Pool};
use crate::facts::{Facts, Missing};
use crate::verdict::Findings;

pub(super) fn default_network(_: &Facts, wider: &Wider) -> Result<Findings, Missing> {
    let networks = wider.networks.as_ref().map_err(Clone::clone)?;
    let mut findings = Findings::default();
    let defaults: Vec<&Network> = networks.iter().filter(|network| network.is_default).collect();
    if defaults.is_empty() {
        let external: Vec<&str> = networks
            .iter()
            .filter(|network| network.external)
            .map(|network| network.name.as_str())
            .collect();
        let there = if external.is_empty() {
            "and no network leads outside".to_owned()
        } else {
            format!("although {} lead outside", external.join(", "))
        };
        findings.violation(
            "networks",
            format!("none of {} is the default one, {there}", networks.len()),
            "`openstack network set --external --default NETWORK`",
        );
    }
    for network in &defaults {
        if !network.external {
            findings.violation(
                network.subject(),
                "it is the default network and does not lead outside",
                format!("`openstack network set --external {}`", network.id),
            );
        }
    }
    if defaults.len() > 1 {
        for network in &defaults {
            findings.violation(
                network.subject(),
                format!(
                    "it is one of {} default networks, and only one can be meant",
                    defaults.len()
                ),
                format!("`openstack network set --no-default {}` for all but one", network.id),
            );
        }
    }
    Ok(findings)
}

pub(super) fn provider_networks(_: &Facts, wider: &Wider) -> Result<Findings, Missing> {
    let networks = wider.networks.as_ref().map_err(Clone::clone)?;
    let mut findings = Findings::default();
    let of_others = |network: &&Network| network.project.as_deref() != wider.project.as_deref();
    for network in networks.iter().filter(of_others).filter(|network| !network.is_default) {
        let what = match (network.external, network.shared) {
            (true, true) => "it leads outside, is shared",
            (true, false) => "it leads outside",
            (false, true) => "it is shared",
            (false, false) => "it belongs to another project",
        };
        findings.violation(
            network.subject(),
            format!("{what} and is not the default network: users do not know which one is meant for them"),
            format!("share it with those projects only that need it: `openstack network set --no-share {}` and `openstack network rbac create`", network.id),
        );
    }
    Ok(findings)
}

pub(super) fn ipv6_pool(_: &Facts, wider: &Wider) -> Result<Findings, Missing> {
    let pools = wider.pools.as_ref().map_err(Clone::clone)?;
    let mut findings = Findings::default();
    let shared: Vec<&Pool> = pools
        .iter()
        .filter(|pool| pool.ip_version == 6 && pool.shared && pool.is_default)
        .collect();
    if shared.is_empty() {
        findings.violation(
            "subnet pools",
            "there is no shared default pool for IPv6, so users cannot get public IPv6 addresses by themselves",
            "`openstack subnet pool create --share --default --pool-prefix PREFIX --default-prefix-length 64 NAME`",
        );
    }
    for pool in &shared {
        if shared.len() > 1 {
            findings.violation(
                pool.subject(),
                format!("it is one of {} shared default pools for IPv6", shared.len()),
                format!("`openstack subnet pool set --no-default {}` for all but one", pool.id),
            );
        }
        if !(pool.shortest..=pool.longest).contains(&64) {
            findings.violation(
                pool.subject(),
                format!(
                    "it gives prefixes of {} to {} bits, and none of 64",
                    pool.shortest, pool.longest
                ),
                format!(
                    "`openstack subnet pool set --min-prefix-length 64 --max-prefix-length 64 {}`",
                    pool.id
                ),
            );
        }
    }
    Ok(findings)
}
