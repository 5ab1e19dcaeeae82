//! The login: what is sent to Keystone, and the address it goes to.
//!
//! Source: Keystone's API reference v3, "Authentication and token management"; keystoneauth1 5.18: `identity/v3/base.py` – `get_auth_ref`.

use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::config::{Auth, CredentialName, DomainName, ProjectName, Scope, UserName};

/// Returns Keystone's address with its version: `https://cloud.example/identity/v3`.
///
/// Version 2 is gone from every Keystone since 2018; an address that still ends in it means the server and not the version.
pub(crate) fn versioned(auth_url: &str) -> String {
    let base = auth_url.trim_end_matches('/');
    if base.ends_with("/v3") {
        return base.to_owned();
    }
    let root = base.strip_suffix("/v2.0").unwrap_or(base);
    format!("{root}/v3")
}

/// Returns the body of the login; it holds the secret.
pub(crate) fn login_body(auth: &Auth, scope: &Scope) -> Value {
    let (method, details) = match auth {
        Auth::Password { user: name, password } => {
            let mut user = user(name);
            user["password"] = password.expose_secret().into();
            ("password", json!({ "user": user }))
        }
        Auth::Totp { user: name, passcode } => {
            let mut user = user(name);
            user["passcode"] = passcode.expose_secret().into();
            ("totp", json!({ "user": user }))
        }
        Auth::Token(token) => ("token", json!({ "id": token.expose_secret() })),
        Auth::ApplicationCredential { credential, secret } => {
            let mut details = match credential {
                CredentialName::Id(id) => json!({ "id": id }),
                CredentialName::Name(name, owner) => json!({ "name": name, "user": user(owner) }),
            };
            details["secret"] = secret.expose_secret().into();
            ("application_credential", details)
        }
    };
    let mut identity = json!({ "methods": [method] });
    identity[method] = details;
    let mut body = json!({ "auth": { "identity": identity } });
    if let Some(scope) = scope_value(scope) {
        body["auth"]["scope"] = scope;
    }
    body
}

fn scope_value(scope: &Scope) -> Option<Value> {
    match scope {
        Scope::Unscoped => None,
        Scope::Project(ProjectName::Id(id)) => Some(json!({ "project": { "id": id } })),
        Scope::Project(ProjectName::Name(name, of)) => {
            Some(json!({ "project": { "name": name, "domain": domain(of) } }))
        }
        Scope::Domain(of) => Some(json!({ "domain": domain(of) })),
        Scope::System => Some(json!({ "system": { "all": true } })),
    }
}

fn user(name: &UserName) -> Value {
    match name {
        UserName::Id(id) => json!({ "id": id }),
        UserName::Name(name, of) => json!({ "name": name, "domain": domain(of) }),
    }
}

fn domain(name: &DomainName) -> Value {
    match name {
        DomainName::Id(id) => json!({ "id": id }),
        DomainName::Name(name) => json!({ "name": name }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_get_their_version() {
        for given in [
            "https://c/identity",
            "https://c/identity/",
            "https://c/identity/v3",
            "https://c/identity/v2.0",
        ] {
            assert_eq!(versioned(given), "https://c/identity/v3", "{given}");
        }
    }

    #[test]
    fn bodies_are_what_keystone_wants() {
        let domain = || DomainName::Name("one".to_owned());
        let user = || UserName::Name("joe".to_owned(), domain());
        let password = Auth::Password {
            user: user(),
            password: "pw".into(),
        };
        let project = Scope::Project(ProjectName::Name("alpha".to_owned(), domain()));
        assert_eq!(
            login_body(&password, &project),
            json!({ "auth": {
                "identity": { "methods": ["password"], "password": {
                    "user": { "name": "joe", "domain": { "name": "one" }, "password": "pw" } } },
                "scope": { "project": { "name": "alpha", "domain": { "name": "one" } } } } })
        );
        let credential = Auth::ApplicationCredential {
            credential: CredentialName::Id("ac".to_owned()),
            secret: "s".into(),
        };
        assert_eq!(
            login_body(&credential, &Scope::Unscoped),
            json!({ "auth": { "identity": { "methods": ["application_credential"],
                "application_credential": { "id": "ac", "secret": "s" } } } })
        );
        assert_eq!(
            login_body(&Auth::Token("t".into()), &Scope::System)["auth"],
            json!({ "identity": { "methods": ["token"], "token": { "id": "t" } }, "scope": { "system": { "all": true } } })
        );
    }
}
