//! clouds.yaml, secure.yaml, clouds-public.yaml and variables, as a user has them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails, and says where")]

use std::collections::BTreeMap;
use std::time::Duration;

use camino::Utf8PathBuf;
use proptest::prelude::*;
use reeve_openstack::{
    Auth, CloudChoice, CloudConfig, Clouds, ConfigError, CredentialName, DomainName, Interface, ProjectName, Scope,
    Surroundings, UserName, Warning,
};

/// A home with files in it, and variables.
struct Home {
    holder: tempfile::TempDir,
    variables: BTreeMap<String, String>,
}

impl Home {
    fn new() -> Home {
        // Without this the files of the machine that runs the tests would be read.
        let variables = BTreeMap::from([("XDG_CONFIG_DIRS".to_owned(), "/nonexistent".to_owned())]);
        Home {
            holder: tempfile::tempdir().unwrap(),
            variables,
        }
    }

    fn path(&self) -> Utf8PathBuf {
        Utf8PathBuf::from_path_buf(self.holder.path().to_owned()).unwrap()
    }

    fn file(self, name: &str, text: &str) -> Home {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }

    fn clouds(self, text: &str) -> Home {
        self.file(".config/openstack/clouds.yaml", text)
    }

    fn set(mut self, name: &str, value: &str) -> Home {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    fn surroundings(&self) -> Surroundings {
        let work = self.path().join("work");
        std::fs::create_dir_all(&work).unwrap();
        Surroundings {
            working_directory: work,
            home: Some(self.path()),
            environment: self.variables.clone(),
        }
    }

    fn choose(&self, cloud: Option<&str>) -> Result<CloudConfig, ConfigError> {
        self.region(cloud, None)
    }

    fn region(&self, cloud: Option<&str>, region: Option<&str>) -> Result<CloudConfig, ConfigError> {
        Clouds::load(&self.surroundings())?.choose(&CloudChoice {
            cloud: cloud.map(str::to_owned),
            region: region.map(str::to_owned),
        })
    }
}

const PLAIN: &str = "
clouds:
  alpha:
    auth:
      auth_url: https://c.example:5000/v3/
      username: joe
      password: 0123456789
      project_name: p
      domain_name: one
    region_name: r1
  beta:
    auth_type: v3applicationcredential
    auth:
      auth_url: https://c.example:5000
      application_credential_id: 12345678901234567890e2345678901234
      application_credential_secret: s
";

fn exposed(auth: &Auth) -> String {
    use secrecy::ExposeSecret;
    match auth {
        Auth::Password { password: secret, .. }
        | Auth::ApplicationCredential { secret, .. }
        | Auth::Token(secret)
        | Auth::Totp { passcode: secret, .. } => secret.expose_secret().to_owned(),
    }
}

#[test]
fn a_plain_file_is_read_as_it_is_written() {
    let home = Home::new().clouds(PLAIN);
    let alpha = home.choose(Some("alpha")).unwrap();
    let one = || DomainName::Name("one".to_owned());
    assert_eq!(alpha.auth_url, "https://c.example:5000/v3");
    assert_eq!(exposed(&alpha.auth), "0123456789", "a leading zero stays");
    let Auth::Password { user, .. } = &alpha.auth else {
        panic!("{alpha:?}")
    };
    assert_eq!(*user, UserName::Name("joe".to_owned(), one()));
    assert_eq!(alpha.scope, Scope::Project(ProjectName::Name("p".to_owned(), one())));
    assert_eq!(
        (alpha.region.as_deref(), alpha.interface),
        (Some("r1"), Interface::Public)
    );
    assert!(alpha.warnings.is_empty() && alpha.tls.verify, "{:?}", alpha.warnings);
    assert_eq!(alpha.files, [home.path().join(".config/openstack/clouds.yaml")]);

    let beta = home.choose(Some("beta")).unwrap();
    let Auth::ApplicationCredential { credential, .. } = &beta.auth else {
        panic!("{beta:?}")
    };
    assert_eq!(
        *credential,
        CredentialName::Id("12345678901234567890e2345678901234".to_owned()),
        "it is no number"
    );
    assert_eq!((beta.scope, beta.region), (Scope::Unscoped, None));
}

#[test]
fn nothing_shows_a_secret() {
    let home = Home::new().clouds(PLAIN).set("OS_PASSWORD", "sesame-open");
    let surroundings = home.surroundings();
    let clouds = Clouds::load(&surroundings).unwrap();
    let alpha = home.choose(Some("alpha")).unwrap();
    let shown = format!("{surroundings:?} {clouds:?} {alpha:?}");
    assert!(
        !shown.contains("0123456789") && !shown.contains("sesame-open"),
        "{shown}"
    );
    // Broken files tell where, not what.
    let broken = Home::new().clouds("clouds:\n  a:\n    auth: {password: hidden-value\n   x: [");
    let error = broken.choose(None).unwrap_err();
    assert!(matches!(error, ConfigError::Syntax { .. }), "{error:?}");
    assert!(!format!("{error:?} {error} {}", error.hint()).contains("hidden-value"));
}

#[test]
fn the_first_file_in_the_search_order_counts() {
    let file = |n: u32| {
        format!("clouds: {{c: {{auth: {{auth_url: 'https://h{n}', username: u, password: p, user_domain_id: d}}}}}}")
    };
    let mut home = Home::new().clouds(&file(3));
    assert_eq!(home.choose(None).unwrap().auth_url, "https://h3");
    home = home.file("xdg/openstack/clouds.yml", &file(2));
    let xdg = home.path().join("xdg");
    home = home.set("XDG_CONFIG_HOME", xdg.as_str());
    assert_eq!(home.choose(None).unwrap().auth_url, "https://h2");
    home = home.file(
        "work/clouds.json",
        &file(1).replace('\'', "\"").replace("clouds:", "\"clouds\":"),
    );
    // That was no JSON, and a file that is there and broken is not passed over.
    assert!(matches!(home.choose(None), Err(ConfigError::Syntax { .. })));
    let json = r#"{"clouds": {"c": {"auth": {"auth_url": "https://h1", "username": "u", "password": 5, "user_domain_id": "d"}}}}"#;
    home = home.file("work/clouds.json", json);
    assert_eq!(home.choose(None).unwrap().auth_url, "https://h1");
    home = home
        .file("elsewhere.yaml", &file(0))
        .set("OS_CLIENT_CONFIG_FILE", "~/elsewhere.yaml");
    assert_eq!(home.choose(None).unwrap().auth_url, "https://h0");
}

#[test]
fn secrets_of_their_own_file_are_laid_over() {
    let home = Home::new().clouds(PLAIN).file(
        ".config/openstack/secure.yaml",
        "clouds:\n  alpha:\n    auth:\n      password: from-secure\n    verify: false\n",
    );
    let alpha = home.choose(Some("alpha")).unwrap();
    assert_eq!(exposed(&alpha.auth), "from-secure");
    assert!(!alpha.tls.verify);
    assert_eq!(
        alpha.warnings,
        [Warning::NotVerified {
            because: "verify: false"
        }]
    );
    assert_eq!(exposed(&home.choose(Some("beta")).unwrap().auth), "s");
}

#[test]
fn the_cloud_is_chosen_as_other_tools_do() {
    let home = Home::new().clouds(PLAIN);
    assert!(matches!(home.choose(None), Err(ConfigError::NoChoice { known, .. }) if known == "alpha, beta"));
    assert!(matches!(home.choose(Some("gamma")), Err(ConfigError::Unknown { .. })));
    let home = home.set("OS_CLOUD", "beta");
    assert_eq!(home.choose(None).unwrap().name, "beta");
    assert_eq!(home.choose(Some("alpha")).unwrap().name, "alpha");
    assert!(matches!(Home::new().choose(None), Err(ConfigError::Nothing { .. })));
    assert!(matches!(
        Home::new().set("OS_CLOUD", "x").choose(None),
        Err(ConfigError::Nothing { .. })
    ));
    let only = Home::new().clouds("clouds: {c: {auth: {auth_url: 'https://h', token: t}, auth_type: token}}");
    assert_eq!(only.choose(None).unwrap().name, "c");
    assert!(matches!(only.choose(None).unwrap().auth, Auth::Token(_)));
}

#[test]
fn variables_make_a_cloud() {
    let home = Home::new()
        .clouds(PLAIN)
        .set("OS_AUTH_URL", "http://10.0.0.1:5000")
        .set("OS_USERNAME", "joe")
        .set("OS_PASSWORD", "pw")
        .set("OS_TENANT_NAME", "old")
        .set("OS_PROJECT_NAME", "p")
        .set("OS_PROJECT_ID", "")
        .set("OS_USER_DOMAIN_NAME", "Default")
        .set("OS_PROJECT_DOMAIN_ID", "default")
        .set("OS_REGION_NAME", "r9")
        .set("OS_ENDPOINT_TYPE", "internalURL")
        .set("OS_INSECURE", "true")
        .set("OS_CACERT", "~/ca.pem")
        .set("OS_VOLUME_API_VERSION", "3")
        .set("OS_TEST_PATH", "x");
    let cloud = home.choose(None).unwrap();
    assert_eq!(
        (cloud.name.as_str(), cloud.region.as_deref(), cloud.interface),
        ("envvars", Some("r9"), Interface::Internal)
    );
    assert_eq!(
        cloud.scope,
        Scope::Project(ProjectName::Name("p".to_owned(), DomainName::Id("default".to_owned())))
    );
    assert_eq!(cloud.services["block_storage"].api_version.as_deref(), Some("3"));
    assert_eq!(
        cloud.warnings,
        [
            Warning::NotVerified {
                because: "insecure: true"
            },
            Warning::AuthorityUnused {
                path: home.path().join("ca.pem")
            },
            Warning::Unencrypted {
                auth_url: "http://10.0.0.1:5000".to_owned()
            },
        ]
    );
    // A cloud in the file does not take anything from the variables but its region.
    let alpha = home.region(Some("alpha"), Some("r1")).unwrap();
    assert_eq!(
        (alpha.auth_url.as_str(), alpha.tls.verify),
        ("https://c.example:5000/v3", true)
    );

    let clash = Home::new().clouds(&PLAIN.replace("alpha", "envvars"));
    assert!(matches!(clash.choose(Some("beta")), Err(ConfigError::NameTaken { .. })));
    assert_eq!(
        clash.set("OS_CLOUD_NAME", "mine").choose(Some("envvars")).unwrap().name,
        "envvars"
    );
}

#[test]
fn regions_bring_their_values() {
    let home = Home::new().clouds(
        "
clouds:
  c:
    auth: {auth_url: 'https://{region_name}.example', username: u, password: p, user_domain_id: d}
    regions:
    - name: east
      values: {interface: internal, image_endpoint_override: 'https://img.east/v2/', auth: {project_id: pe}}
    - west
",
    );
    let east = home.choose(None).unwrap();
    assert_eq!(
        (east.region.as_deref(), east.auth_url.as_str()),
        (Some("east"), "https://east.example")
    );
    assert_eq!(east.interface, Interface::Internal);
    assert_eq!(
        east.services["image"].endpoint_override.as_deref(),
        Some("https://img.east/v2")
    );
    assert_eq!(east.scope, Scope::Project(ProjectName::Id("pe".to_owned())));
    let west = home.region(None, Some("west")).unwrap();
    assert_eq!(
        (west.auth_url.as_str(), west.interface, west.scope),
        ("https://west.example", Interface::Public, Scope::Unscoped)
    );
    let Err(ConfigError::UnknownRegion { known, .. }) = home.region(None, Some("East")) else {
        panic!()
    };
    assert_eq!(known, "east, west");
    let list = Home::new()
        .clouds("clouds: {c: {auth_type: token, auth: {auth_url: 'https://h', token: t}, region_name: 'a,b'}}");
    assert_eq!(list.choose(None).unwrap().region.as_deref(), Some("a"));
    assert_eq!(list.region(None, Some("b")).unwrap().region.as_deref(), Some("b"));
}

#[test]
fn profiles_come_first_and_are_overlaid() {
    let home = Home::new()
        .clouds("clouds: {c: {profile: acme, auth: {username: u, password: p, user_domain_id: d}}}")
        .file(
            ".config/openstack/clouds-public.yaml",
            "public-clouds: {acme: {auth: {auth_url: 'https://acme', username: nobody}, region_name: eu, api-timeout: 7}}",
        );
    let cloud = home.choose(None).unwrap();
    assert_eq!(
        (cloud.auth_url.as_str(), cloud.region.as_deref()),
        ("https://acme", Some("eu"))
    );
    assert_eq!(cloud.api_timeout, Some(Duration::from_secs(7)));
    let Auth::Password {
        user: UserName::Name(name, _),
        ..
    } = &cloud.auth
    else {
        panic!()
    };
    assert_eq!(name, "u");
    let unknown = Home::new().clouds(&PLAIN.replace("    region_name: r1", "    profile: nowhere"));
    let cloud = unknown.choose(Some("alpha")).unwrap();
    assert_eq!(
        cloud.warnings,
        [Warning::ProfileUnknown {
            profile: "nowhere".to_owned()
        }]
    );
}

#[test]
fn what_is_missing_or_wrong_is_named() {
    let cloud = |text: &str| Home::new().clouds(&format!("clouds: {{c: {text}}}")).choose(None);
    let missing = |text: &str| match cloud(text) {
        Err(ConfigError::Missing { field, hint, .. }) => (field, hint),
        other => panic!("{text}: {other:?}"),
    };
    assert_eq!(missing("{auth: {username: u}}").0, "auth_url");
    assert_eq!(
        missing("{auth: {auth_url: 'https://h', username: u, user_domain_id: d}}").0,
        "password"
    );
    let (field, hint) =
        missing("{auth: {auth_url: 'https://h', application_credential_id: i, application_credential_secret: s}}");
    assert_eq!(
        (field.as_str(), hint.as_str()),
        ("username", "; `auth_type: v3applicationcredential` is missing")
    );
    assert_eq!(
        missing("{auth: {auth_url: 'https://h', username: u, password: p}}").0,
        "user_domain_name"
    );
    let no_domain = "{auth: {auth_url: 'https://h', username: u, password: p, user_domain_id: d, project_name: p}}";
    assert_eq!(missing(no_domain).0, "project_domain_name");
    assert!(matches!(
        cloud("{auth_type: v3oidcpassword, auth: {auth_url: 'https://h'}}"),
        Err(ConfigError::AuthType { .. })
    ));
    assert!(matches!(cloud("{auth: {auth_url: 'h'}}"), Err(ConfigError::Value { field, .. }) if field == "auth_url"));
    assert!(matches!(
        cloud("{auth: {auth_url: 'https://u:p@h'}}"),
        Err(ConfigError::Value { .. })
    ));
    let bad = "{interface: secret, auth_type: token, auth: {auth_url: 'https://h', token: t}}";
    assert!(matches!(cloud(bad), Err(ConfigError::Value { field, .. }) if field == "interface"));
    let both =
        "{system_scope: all, auth: {auth_url: 'https://h', username: u, password: p, user_id: i, project_id: x}}";
    assert!(matches!(cloud(both), Err(ConfigError::Scopes { .. })));
    assert!(matches!(cloud("[]"), Err(ConfigError::Shape { .. })));
    assert!(matches!(
        Home::new().clouds("- a").choose(None),
        Err(ConfigError::Shape { .. })
    ));
    assert!(matches!(
        Home::new().clouds("").choose(None),
        Err(ConfigError::Nothing { .. })
    ));
}

#[test]
fn the_older_name_of_the_interface_wins() {
    let text =
        "{auth_type: token, auth: {auth_url: 'https://h', token: t}, interface: public, endpoint-type: internalURL}";
    let cloud = Home::new()
        .clouds(&format!("clouds: {{c: {text}}}"))
        .choose(None)
        .unwrap();
    assert_eq!(cloud.interface, Interface::Internal);
}

#[test]
fn official_names_of_services_win_over_older_ones() {
    let text = "{auth_type: token, auth: {auth_url: 'https://h', token: t}, volume_api_version: '2', block_storage_api_version: 3,
        volumev3_interface: admin, compute_default_microversion: 2.10, dns_endpoint: 'https://dns/'}";
    let cloud = Home::new()
        .clouds(&format!("clouds: {{c: {text}}}"))
        .choose(None)
        .unwrap();
    let volume = &cloud.services["block_storage"];
    assert_eq!(
        (volume.api_version.as_deref(), volume.interface),
        (Some("3"), Some(Interface::Admin))
    );
    assert_eq!(cloud.services["compute"].default_microversion.as_deref(), Some("2.10"));
    assert_eq!(cloud.services["dns"].endpoint_override.as_deref(), Some("https://dns"));
}

proptest! {
    /// Ids and secrets come back letter by letter, whatever YAML could take them for.
    #[test]
    fn plain_scalars_survive(id in "[0-9]{1,3}[e.x_][0-9]{1,30}|[0-9a-f]{32}|0[0-7]{3}|yes|true|1e999|0x1F|[+-][0-9]{2}") {
        let text = format!("clouds: {{c: {{auth: {{auth_url: 'https://h', user_id: u, password: {id}, project_id: {id}}}}}}}");
        let cloud = Home::new().clouds(&text).choose(None).unwrap();
        prop_assert_eq!(exposed(&cloud.auth), id.clone());
        prop_assert_eq!(cloud.scope, Scope::Project(ProjectName::Id(id)));
    }

    /// It does not matter whether a key has `-` or `_`, stands under `auth` or beside it, or in which of the two files.
    #[test]
    fn the_same_said_differently_is_the_same(dashes in any::<bool>(), beside in any::<bool>(), secure in any::<bool>()) {
        let key = |key: &str| if dashes { key.replace('_', "-") } else { key.to_owned() };
        let fields = format!("{}: joe, {}: one, {}: pid", key("username"), key("user_domain_name"), key("project_id"));
        let (inside, outside) = if beside { (String::new(), format!("{fields}, ")) } else { (format!(", {fields}"), String::new()) };
        let password = "clouds: {c: {auth: {password: pw}}}";
        let (first, second) = if secure { ("", password) } else { (", password: pw", "") };
        let home = Home::new()
            .clouds(&format!("clouds: {{c: {{{outside}auth: {{auth_url: 'https://h'{inside}{first}}}}}}}"))
            .file(".config/openstack/secure.yaml", second);
        let cloud = home.choose(None).unwrap();
        prop_assert_eq!(exposed(&cloud.auth), "pw");
        let Auth::Password { user, .. } = &cloud.auth else { panic!("{cloud:?}") };
        prop_assert_eq!(user, &UserName::Name("joe".to_owned(), DomainName::Name("one".to_owned())));
        prop_assert_eq!(cloud.scope, Scope::Project(ProjectName::Id("pid".to_owned())));
    }

    /// Any text at all is a configuration or an error, never a panic.
    #[test]
    fn any_file_is_read_or_refused(text in "(clouds|[a-z:{} \\n\\[\\]&*!'\"-]|auth|: ){0,60}") {
        let home = Home::new().clouds(&text);
        let _outcome = home.choose(None).is_ok();
    }
}
