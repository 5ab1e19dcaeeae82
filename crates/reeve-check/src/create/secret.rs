//! scs-0116: users can work with secrets.
//!
//! Source of the verdicts: SovereignCloudStack/standards at 077174d9: `Tests/iaas/scs_0116_key_manager/key_manager.py` – `compute_scs_0116_permissions`.

use reeve_openstack::{Method, Request, RequestError};
use serde_json::json;

use super::{Made, aborted, judged};
use crate::facts::{Facts, Missing, missing};
use crate::resource::{Kind, MakeError, Workshop};
use crate::verdict::Findings;

const PERMISSIONS: &str = "scs-0116-permissions";
const PAYLOAD: &str = "scsx-0116-payload";

/// What is put into the key manager; nothing secret.
const TEXT: &str = "scsx: this is no secret";

const REMEDY: &str = "let the role `member` work with secrets: since release 2023.1 Barbican's defaults do, unless `enforce_new_defaults` is off or a policy file says otherwise";

pub(super) async fn judge(wanted: &[String], facts: &Facts, workshop: &Workshop) -> Vec<Made> {
    let wants = |id: &str| wanted.iter().any(|wanted| wanted == id);
    let has = |services: &Vec<String>| services.iter().any(|service| service == "key-manager");
    let mut made = Vec::new();
    let (permissions, payload) = match &facts.services {
        Err(missing) => (Err(missing.clone()), None),
        // Without a key manager there is nothing to test.
        Ok(services) if !has(services) => (Ok(Findings::default()), None),
        Ok(_) => match secret(workshop).await {
            Ok((findings, payload)) => (Ok(findings), payload),
            Err(missing) => (Err(missing), None),
        },
    };
    if wants(PERMISSIONS) {
        made.push(judged(PERMISSIONS, permissions));
    }
    if wants(PAYLOAD) {
        made.push(match payload {
            Some(outcome) => judged(PAYLOAD, outcome),
            None => Made::Skipped {
                id: PAYLOAD.to_owned(),
                because: "there is no key manager, or it could not be used".to_owned(),
            },
        });
    }
    made
}

fn forbidden(what: &str, error: &RequestError) -> Findings {
    let mut findings = Findings::default();
    findings.violation(format!("{what} a secret"), missing(error).cause, REMEDY);
    findings
}

/// Returns what was found about permissions, and about the payload if it came to that.
async fn secret(workshop: &Workshop) -> Result<(Findings, Option<Result<Findings, Missing>>), Missing> {
    let service = workshop
        .session()
        .service("key-manager")
        .await
        .map_err(|error| missing(&error))?;
    let listing = Request::get("/secrets").with("limit", "100");
    match service.list(&listing, "secrets").await {
        Err(error) if error.is_forbidden() => return Ok((forbidden("listing", &error), None)),
        Err(error) => return Err(missing(&error)),
        Ok(_) => {}
    }
    let members = json!({ "payload": TEXT, "payload_content_type": "text/plain", "secret_type": "opaque" });
    let secret = match workshop.make(Kind::Secret, "secret", members).await {
        Err(MakeError::Request { source, .. }) if source.is_forbidden() => {
            return Ok((forbidden("making", &source), None));
        }
        Err(error) => return Err(aborted(&error, "")),
        Ok(secret) => secret,
    };
    // From here on a refusal to list is an `ABORT` in the official test, and so is a listing without the secret.
    let all = service
        .list(&listing, "secrets")
        .await
        .map_err(|error| missing(&error))?;
    if !all.iter().any(|value| value["name"] == secret.name.as_str()) {
        return Err(Missing {
            cause: format!("the secret {} was made and is not in the listing", secret.name),
            hint: "see what the log of the key manager says".to_owned(),
            not_found: false,
        });
    }
    let payload = payload(workshop, &secret.id).await;
    let deleted = service
        .send(&Request::new(Method::Delete, format!("/secrets/{}", secret.id)))
        .await;
    // Also makes sure that it is gone, and says so in the ledger.
    workshop.remove(&secret).await;
    match deleted {
        Ok(_) => Ok((Findings::default(), Some(payload))),
        Err(error) if error.is_forbidden() => Ok((forbidden("deleting", &error), Some(payload))),
        Err(error) => Err(missing(&error)),
    }
}

async fn payload(workshop: &Workshop, id: &str) -> Result<Findings, Missing> {
    let service = workshop
        .session()
        .service("key-manager")
        .await
        .map_err(|error| missing(&error))?;
    let request = Request::get(format!("/secrets/{id}/payload")).accepting("text/plain");
    let answer = service.send(&request).await.map_err(|error| missing(&error))?;
    let mut findings = Findings::default();
    if answer.body != TEXT.as_bytes() {
        findings.violation(
            "secret",
            format!(
                "{} bytes were put in, and other {} bytes came back",
                TEXT.len(),
                answer.body.len()
            ),
            "see which back end the key manager stores secrets in, and its log",
        );
    }
    Ok(findings)
}
