//! Endpoints in the catalogue.

use std::collections::BTreeMap;

use super::Wider;
use super::wider::Endpoint;
use crate::facts::{Facts, Missing};
use crate::handshake::Weakness;
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

pub(super) fn handshakes(_: &Facts, wider: &Wider) -> Result<Findings, Missing> {
    // Without a catalogue nothing is known of endpoints.
    wider.endpoints.as_ref().map_err(Clone::clone)?;
    if wider.handshakes.is_empty() {
        return Err(Missing {
            cause: "no public endpoint is encrypted".to_owned(),
            hint: "see `scsx-0125-https`".to_owned(),
            not_found: false,
        });
    }
    let mut findings = Findings::default();
    // Often one program stands in front of all services, so one fault is one finding, whoever has it.
    let mut faults: BTreeMap<(String, &str), Vec<String>> = BTreeMap::new();
    for handshake in &wider.handshakes {
        let server = format!("{} ({})", handshake.server, handshake.services.join(", "));
        let weakness = match &handshake.weakness {
            Ok(weakness) => weakness,
            Err(cause) => {
                findings.obstacle(
                    format!("server {server}"),
                    cause.as_str(),
                    "see that it can be reached from here without a proxy; this program uses none",
                );
                continue;
            }
        };
        for (detail, remedy) in details(weakness) {
            faults.entry((detail, remedy)).or_default().push(server.clone());
        }
    }
    for ((detail, remedy), servers) in faults {
        let what = if servers.len() == 1 { "server" } else { "servers" };
        findings.violation(format!("{what} {}", servers.join(", ")), detail, remedy);
    }
    Ok(findings)
}

const REMEDY: &str = "configure what stands in front of the services as Mozilla's \"intermediate\" has it: TLS 1.2 and 1.3 only, and of the suites of TLS 1.2 only those with ECDHE or DHE and GCM or ChaCha20";

const CERTIFICATE_REMEDY: &str = "have a certificate made with an RSA key of 2048 bits or more or an ECDSA key on P-256 or P-384, signed with SHA-256, for 90 days or a year";

/// Returns what a server does that it must not, each with its remedy.
fn details(weakness: &Weakness) -> Vec<(String, &'static str)> {
    let mut details = Vec::new();
    if !weakness.versions.is_empty() {
        details.push((format!("it speaks {}", weakness.versions.join(", ")), REMEDY));
    }
    if !weakness.suites.is_empty() {
        let more = if weakness.more { " and more" } else { "" };
        let suites = weakness.suites.join(", ");
        details.push((format!("with TLS 1.2 it takes {suites}{more}"), REMEDY));
    }
    let certificate = weakness.certificate.iter();
    details.extend(certificate.map(|fault| (format!("of its certificate: {fault}"), CERTIFICATE_REMEDY)));
    details
}

fn subject(service: &str, interface: &str, url: &str) -> String {
    format!("{interface} endpoint of {service} at {url}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extra::wider::Handshake;
    use crate::verdict::Verdict;

    #[test]
    fn a_fault_of_several_servers_is_one_finding_and_an_unknown_one_ends_in_abort() {
        let missing = Missing {
            cause: "no".to_owned(),
            hint: "no".to_owned(),
            not_found: false,
        };
        let facts = Facts::without(jiff::Timestamp::UNIX_EPOCH, &missing);
        let mut wider = Wider::without(&missing);
        wider.endpoints = Ok(Vec::new());
        assert_eq!(
            handshakes(&facts, &wider).unwrap_err().cause,
            "no public endpoint is encrypted"
        );
        let old = Weakness {
            versions: vec!["TLS 1.1", "TLS 1.0"],
            ..Weakness::default()
        };
        wider.handshakes = ["a", "b", "c"]
            .into_iter()
            .map(|name| Handshake {
                server: format!("{name}:443"),
                services: vec![name.to_owned()],
                weakness: Ok(if name == "c" { Weakness::default() } else { old.clone() }),
            })
            .collect();
        let found = handshakes(&facts, &wider).unwrap();
        assert_eq!(found.verdict(), Verdict::Fail);
        let [finding] = &found.into_vec()[..] else { panic!() };
        assert_eq!(finding.subject, "servers a:443 (a), b:443 (b)");
        assert_eq!(finding.detail, "it speaks TLS 1.1, TLS 1.0");
        wider.handshakes[2].weakness = Err("no answer within 10 s".to_owned());
        assert_eq!(handshakes(&facts, &wider).unwrap().verdict(), Verdict::Abort);
        wider.handshakes.truncate(0);
        wider.endpoints = Err(missing);
        assert_eq!(handshakes(&facts, &wider).unwrap_err().cause, "no");
    }
}
