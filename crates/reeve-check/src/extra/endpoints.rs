//! Endpoints in the catalogue.

use super::Wider;
use super::wider::Endpoint;
use crate::facts::{Facts, Missing};
use crate::verdict::Findings;

pub(super) fn alive(_: &Facts, wider: &Wider) -> Result<Findings, Missing> {
    let mut findings = Findings::default();
    for endpoint in wider.endpoints.as_ref().map_err(Clone::clone)? {
        let wrong = match &endpoint.answer {
            None => continue,
            // A stranger is sent away or shown versions; both mean that the service is there.
            Some(Ok(status)) if *status < 500 => continue,
            Some(Ok(status)) => format!("it answers with status {status}"),
            Some(Err(cause)) => format!("it does not answer: {cause}"),
        };
        findings.violation(
            subject(&endpoint.service, &endpoint.interface, &endpoint.url),
            wrong,
            "start the service, or take the endpoint out of the catalogue: `openstack endpoint delete ID`",
        );
    }
    Ok(findings)
}

pub(super) fn encrypted(_: &Facts, wider: &Wider) -> Result<Findings, Missing> {
    let mut findings = Findings::default();
    let open: Vec<&Endpoint> = wider
        .endpoints
        .as_ref()
        .map_err(Clone::clone)?
        .iter()
        .filter(|endpoint| !endpoint.url.starts_with("https://"))
        .collect();
    // One finding for all of them: the cause is one, and so is what to do about it.
    let (public, inside): (Vec<&Endpoint>, Vec<&Endpoint>) =
        open.into_iter().partition(|endpoint| endpoint.interface == "public");
    let detail = |endpoints: &[&Endpoint]| {
        let list: Vec<String> = endpoints
            .iter()
            .map(|endpoint| format!("{} at {}", endpoint.service, endpoint.url))
            .collect();
        format!(
            "requests to them, tokens included, are not encrypted: {}",
            list.join(", ")
        )
    };
    let remedy = "put TLS in front of the services and set the addresses: `openstack endpoint set --url https://… ID`";
    let subject =
        |count: usize, what: &str| format!("{count} {what} {}", if count == 1 { "endpoint" } else { "endpoints" });
    if !public.is_empty() {
        findings.violation(subject(public.len(), "public"), detail(&public), remedy);
    }
    if !inside.is_empty() {
        findings.note(
            subject(inside.len(), "internal and administrative"),
            detail(&inside),
            remedy,
        );
    }
    Ok(findings)
}

fn subject(service: &str, interface: &str, url: &str) -> String {
    format!("{interface} endpoint of {service} at {url}")
}
