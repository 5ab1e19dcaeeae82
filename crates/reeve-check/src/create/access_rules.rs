//! Whether services keep to the access rules of an application credential.
//!
//! For each service a credential is made that may read one address and nothing else. A service that does not know access rules either lets everything through, which is dangerous, or refuses everything,
//! because Keystone does not confirm such a token to whoever does not ask for the rules. Source: keystone: `token/provider.py`; keystonemiddleware: `auth_token/__init__.py`.

use futures::future::join_all;
use reeve_openstack::{Auth, CredentialName, Request, RequestError, Scope, Session, SessionOptions};
use serde_json::{Value, json};

use super::{Made, aborted, judged};
use crate::facts::{Missing, missing};
use crate::resource::{Kind, MakeError, Workshop, rule_path};
use crate::verdict::Findings;

/// A service and how it is asked.
struct Asked {
    id: &'static str,
    service: &'static str,
    /// What rules may call the service.
    names: &'static [&'static str],
    /// What the rule allows: one part below the service's address.
    allowed: &'static str,
    /// What it does not allow.
    forbidden: &'static str,
}

const ASKED: [Asked; 5] = [
    Asked {
        id: "scsx-iam-access-rules-block-storage",
        service: "block-storage",
        names: &["block-storage", "volumev3"],
        allowed: "/types",
        forbidden: "/volumes/detail",
    },
    Asked {
        id: "scsx-iam-access-rules-compute",
        service: "compute",
        names: &["compute"],
        allowed: "/flavors",
        forbidden: "/servers/detail",
    },
    Asked {
        id: "scsx-iam-access-rules-image",
        service: "image",
        names: &["image"],
        allowed: "/images",
        forbidden: "/schemas/images",
    },
    Asked {
        id: "scsx-iam-access-rules-network",
        service: "network",
        names: &["network"],
        allowed: "/networks",
        forbidden: "/networks/00000000-0000-0000-0000-000000000000",
    },
    Asked {
        id: "scsx-iam-access-rules-object-store",
        service: "object-store",
        names: &["object-store"],
        allowed: "",
        forbidden: "/scsx-no-such-container",
    },
];

pub(super) async fn judge(wanted: &[String], workshop: &Workshop) -> Vec<Made> {
    let asked = ASKED.iter().filter(|asked| wanted.iter().any(|id| id == asked.id));
    join_all(asked.map(|asked| one(asked, workshop))).await
}

async fn one(asked: &Asked, workshop: &Workshop) -> Made {
    let skipped = |because: String| Made::Skipped {
        id: asked.id.to_owned(),
        because,
    };
    let own = match workshop.session().service(asked.service).await {
        Ok(service) => service,
        Err(error) => return skipped(missing(&error).cause),
    };
    if let Err(error) = own.send(&Request::get(asked.allowed)).await {
        return skipped(format!(
            "even the login of this run may not read `{}`: {}",
            asked.allowed,
            missing(&error).cause
        ));
    }
    match credential(asked, own.endpoint(), workshop).await {
        Err(MakeError::Request { source, .. }) if source.is_forbidden() => skipped(
            "this login may not make application credentials; log in with a password, or with an unrestricted one"
                .to_owned(),
        ),
        Err(error) => judged(asked.id, Err(aborted(&error, ""))),
        Ok((credential, rules)) => {
            let outcome = try_out(asked, &credential.answer, workshop).await;
            workshop.remove(&credential).await;
            for rule in &rules {
                workshop.remove(rule).await;
            }
            judged(asked.id, outcome)
        }
    }
}

/// Makes a credential whose rules allow one part of an address below that of the service.
///
/// The part is named like the thing that the run makes, so that the rule can be told from others: it has no name of its own and stays when the credential goes.
async fn credential(
    asked: &Asked,
    endpoint: &str,
    workshop: &Workshop,
) -> Result<(crate::resource::Made, Vec<crate::resource::Made>), MakeError> {
    let mut parents = vec![parent(endpoint, asked.allowed)];
    // What stands before services often takes the first part of the path away.
    let behind_proxy = parents[0]
        .get(1..)
        .and_then(|path| path.find('/'))
        .map(|at| parents[0][at + 1..].to_owned());
    parents.extend(behind_proxy);
    let mut rules = Vec::new();
    for service in asked.names {
        for parent in &parents {
            let (number, name) = workshop.intend(Kind::AccessRule, "rule")?;
            let path = rule_path(parent, &name);
            rules.push((
                number,
                name,
                json!({ "service": service, "method": "GET", "path": path }),
            ));
        }
    }
    let list: Vec<Value> = rules.iter().map(|(_, _, rule)| rule.clone()).collect();
    let members = json!({ "unrestricted": false, "access_rules": list });
    let credential = match workshop.make(Kind::ApplicationCredential, "credential", members).await {
        Ok(credential) => credential,
        Err(error) => {
            // The rules come into being with the credential, or not at all.
            if let MakeError::Request { source, .. } = &error {
                for (number, _, _) in &rules {
                    workshop.refused(*number, source)?;
                }
            }
            return Err(error);
        }
    };
    let said = credential.answer["application_credential"]["access_rules"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let mut made = Vec::new();
    for (number, name, rule) in rules {
        let is_it = |value: &&Value| value["path"] == rule["path"] && value["service"] == rule["service"];
        if let Some(id) = said.iter().find(is_it).and_then(|value| Kind::AccessRule.id_of(value)) {
            made.push(workshop.found(number, Kind::AccessRule, name, id)?);
        }
    }
    Ok((credential, made))
}

/// Returns the path above the part that a rule stands for.
fn parent(endpoint: &str, allowed: &str) -> String {
    let after_scheme = endpoint.split_once("://").map_or(endpoint, |(_, rest)| rest);
    let path = after_scheme.find('/').map_or("", |at| &after_scheme[at..]);
    let whole = format!("{}{allowed}", path.trim_end_matches('/'));
    whole
        .rsplit_once('/')
        .map_or(String::new(), |(parent, _)| parent.to_owned())
}

async fn try_out(asked: &Asked, answer: &Value, workshop: &Workshop) -> Result<Findings, Missing> {
    let credential = &answer["application_credential"];
    let (Some(id), Some(secret)) = (credential["id"].as_str(), credential["secret"].as_str()) else {
        return Err(Missing {
            cause: "the answer to making an application credential has no secret".to_owned(),
            hint: "see that the address is Keystone".to_owned(),
            not_found: false,
        });
    };
    let mut config = workshop.session().config().clone();
    config.auth = Auth::ApplicationCredential {
        credential: CredentialName::Id(id.to_owned()),
        secret: secret.into(),
    };
    config.scope = Scope::Unscoped;
    let session = Session::connect(config, &SessionOptions::default()).map_err(|error| aborted(&error, ""))?;
    let service = session.service(asked.service).await.map_err(|error| missing(&error))?;
    let allowed = service.send(&Request::get(asked.allowed)).await;
    let forbidden = service.send(&Request::get(asked.forbidden)).await;
    let refuses = |error: &RequestError| matches!(error.status, Some(401 | 403));
    let mut findings = Findings::default();
    let subject = format!("service {}", asked.service);
    match (&allowed, &forbidden) {
        (Ok(_), Err(error)) if refuses(error) => {}
        (Err(allowed), Err(forbidden)) if refuses(allowed) && refuses(forbidden) => findings.violation(
            subject,
            "it refuses every request with a credential that has access rules, also those that they allow: it does not know access rules",
            unknown_remedy(asked.service),
        ),
        (Ok(_), Ok(_)) => findings.violation(subject, IGNORED, IGNORED_REMEDY),
        // Nothing is there, but it was looked for.
        (Ok(_), Err(error)) if error.is_not_found() => findings.violation(subject, IGNORED, IGNORED_REMEDY),
        (Err(error), _) | (_, Err(error)) => return Err(missing(error)),
    }
    Ok(findings)
}

/// Returns what helps a service that does not know access rules.
fn unknown_remedy(service: &str) -> &'static str {
    match service {
        "object-store" => {
            "Ceph's RADOS gateway does not know access rules, and nothing can be set: tell users so. Swift does, with `service_type = object-store` in `[filter:authtoken]` of its proxy"
        }
        _ => "set `service_type` in `[keystone_authtoken]` of the service",
    }
}

const IGNORED: &str =
    "it lets a credential do what its access rules do not allow: whoever relies on access rules is not protected";
const IGNORED_REMEDY: &str = "use a keystonemiddleware from 7.0 on with `service_type` set in `[keystone_authtoken]`, and nothing older beside it";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_stand_for_one_part_below_the_address() {
        for (endpoint, allowed, expected) in [
            ("https://c.example/compute/v2.1", "/flavors", "/compute/v2.1"),
            ("http://c.example:8774/v2.1", "/flavors", "/v2.1"),
            ("http://c.example/swift/v1/AUTH_1", "", "/swift/v1"),
            ("http://c.example", "/flavors", ""),
        ] {
            assert_eq!(parent(endpoint, allowed), expected);
        }
    }
}
