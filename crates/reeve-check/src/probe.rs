//! scs-0123-swift-s3: whether an object store speaks S3, asked as a stranger with an unknown key.
//!
//! Source of the verdict: SovereignCloudStack/standards at 077174d9: `Tests/iaas/scs_0123_mandatory_services/mandatory_services.py` – `compute_scs_0123_swift_s3`; of the request: AWS, "Signature
//! Version 4 signing process". The key and its empty secret are the official test's and open nothing.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use reeve_openstack::Session;
use ring::digest::{SHA256, digest};
use ring::hmac;

use crate::create::{Made, judged};
use crate::facts::{Facts, Missing, missing};
use crate::verdict::Findings;

pub(crate) const ID: &str = "scs-0123-swift-s3";

/// The key that nobody has.
const KEY: &str = "doesnotexist";

/// The region that is signed for where none is configured.
const REGION: &str = "us-east-1";

/// Judges what [`ask`] returned.
pub(crate) fn swift_s3(asked: Result<Findings, Missing>, facts: &Facts) -> Made {
    let outcome = match facts.preflight() {
        Some(missing) => Err(missing),
        None => asked,
    };
    judged(ID, outcome)
}

/// Asks the object store of the catalogue, if there is one. Reads only, and as a stranger.
pub(crate) async fn ask(session: &Session) -> Result<Findings, Missing> {
    let token = session.token().await.map_err(|error| missing(&error))?;
    let mut findings = Findings::default();
    let is_there = token
        .services()
        .iter()
        .any(|service| service.service_type == "object-store");
    if !is_there {
        return Ok(findings);
    }
    let service = session.service("object-store").await.map_err(|error| missing(&error))?;
    let endpoint = service.endpoint();
    let Some(root) = root(endpoint) else {
        findings.note(
            format!("object store at {endpoint}"),
            "its address has no path, so the official test asks Amazon's servers in its place, and passes",
            "register the object store with its whole address",
        );
        return Ok(findings);
    };
    let authority = root.split_once("://").map_or(root, |(_, authority)| authority);
    let headers = signed(authority, Timestamp::now());
    let answer = session
        .probe(
            "object-store",
            &format!("{root}/"),
            &headers.each_ref().map(|(name, value)| (*name, value.clone())),
        )
        .await;
    let subject = format!("object store at {root}");
    let remedy = "offer S3 at the address of the object store; of native Swift's S3 (`s3api`) the official test does not take the answer, only of Ceph's RADOS gateway and the like";
    match answer {
        Err(error) => findings.violation(subject, missing(&error).cause, remedy),
        Ok(answer) => {
            let text = String::from_utf8_lossy(&answer.body[..answer.body.len().min(64 << 10)]).into_owned();
            if (200..300).contains(&answer.status) {
                return Err(Missing {
                    cause: format!(
                        "the object store at {root} lists buckets for a key that nobody has (status {})",
                        answer.status
                    ),
                    hint: "check that the address is the object store".to_owned(),
                    not_found: false,
                });
            }
            if !["InvalidAccessKeyId", "NoSuchKey"]
                .iter()
                .any(|code| text.contains(code))
            {
                let code = element(&text, "Code").unwrap_or_else(|| "no code of S3".to_owned());
                findings.violation(
                    subject,
                    format!(
                        "to an unknown key it answers with status {} and {code}, where S3 says InvalidAccessKeyId",
                        answer.status
                    ),
                    remedy,
                );
            }
        }
    }
    Ok(findings)
}

/// Returns scheme and authority of an address that has a path.
fn root(endpoint: &str) -> Option<&str> {
    let after = endpoint.find("://")? + 3;
    let slash = endpoint[after..].find('/')?;
    Some(&endpoint[..after + slash])
}

fn element(text: &str, name: &str) -> Option<String> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    let (inside, _) = rest.split_once('<')?;
    Some(inside.chars().filter(|c| c.is_ascii_graphic()).take(60).collect())
}

/// Returns the headers of a request for the list of buckets.
fn signed(authority: &str, now: Timestamp) -> [(&'static str, String); 3] {
    let at = now.to_zoned(TimeZone::UTC).strftime("%Y%m%dT%H%M%SZ").to_string();
    let day = &at[..8];
    let empty = hex::encode(digest(&SHA256, b""));
    let names = "host;x-amz-content-sha256;x-amz-date";
    let canonical =
        format!("GET\n/\n\nhost:{authority}\nx-amz-content-sha256:{empty}\nx-amz-date:{at}\n\n{names}\n{empty}");
    let scope = format!("{day}/{REGION}/s3/aws4_request");
    let to_sign = format!(
        "AWS4-HMAC-SHA256\n{at}\n{scope}\n{}",
        hex::encode(digest(&SHA256, canonical.as_bytes()))
    );
    let mac = |key: &[u8], text: &str| {
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes())
            .as_ref()
            .to_vec()
    };
    // The secret is empty.
    let key = [day, REGION, "s3", "aws4_request"]
        .iter()
        .fold(b"AWS4".to_vec(), |key, part| mac(&key, part));
    let signature = hex::encode(mac(&key, &to_sign));
    [
        ("x-amz-date", at.clone()),
        ("x-amz-content-sha256", empty),
        (
            "authorization",
            format!("AWS4-HMAC-SHA256 Credential={KEY}/{scope}, SignedHeaders={names}, Signature={signature}"),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_of_an_address_is_found_only_below_a_path() {
        assert_eq!(root("http://c:7480/swift/v1/AUTH_x"), Some("http://c:7480"));
        assert_eq!(root("https://c/"), Some("https://c"));
        assert_eq!(root("https://c"), None);
    }

    /// The signature was computed with Python's `hmac` from the description of the process.
    #[test]
    fn a_request_is_signed_as_others_sign_it() {
        let now: Timestamp = "2026-11-21T16:12:59Z".parse().unwrap();
        let [date, sum, authorization] = signed("s3.example:7480", now);
        assert_eq!(date.1, "20261121T161259Z");
        assert_eq!(
            sum.1,
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        assert_eq!(
            authorization.1,
            "AWS4-HMAC-SHA256 Credential=doesnotexist/20261121/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=0024445536e07ece84b83f1321ad5e881de365a124b0fe6b4bc685c4f058d77f"
        );
    }
}
