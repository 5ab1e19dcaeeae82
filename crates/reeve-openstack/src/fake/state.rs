//! What the cloud holds.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use tokio::sync::Notify;

use super::fault::{Behaviour, Fault};
use super::http::Asked;
use super::rules::RuleKeeping;

/// What the cloud holds; tests change it as an operator would.
#[derive(Debug)]
pub struct State {
    /// The cloud's address.
    pub url: String,
    /// The password of [`super::USER`].
    pub password: String,
    /// The names of that user's roles.
    pub roles: Vec<String>,
    /// Service type and address of each entry of the catalogue; `None` gives tokens without a catalogue.
    pub catalogue: Option<Vec<(String, String)>>,
    /// How long a token is good for.
    pub token_life: SignedDuration,
    /// What there is, by collection: `flavors`, `images`, `volume_types`, `default_security_group_rules`, `networks`.
    pub collections: BTreeMap<String, Vec<Value>>,
    /// Entries of one page, if the client asks for more or for nothing.
    pub page_size: usize,
    /// The highest microversion that Nova speaks.
    pub nova_microversion: String,
    /// Whether links in version documents and listings name a host that cannot be reached and lack a part of the path, as behind many proxies.
    pub behind_proxy: bool,
    /// Whether the link of a page leads to the same page.
    pub circular: bool,
    /// What goes wrong.
    pub faults: Vec<Fault>,
    /// What was asked: `GET /compute/v2.1/flavors/detail`.
    pub requests: Vec<String>,
    /// Tokens that are good, and until when.
    pub tokens: BTreeMap<String, Timestamp>,
    /// Whether there is a backup service.
    pub has_backup_service: bool,
    /// The names of the volume types that encrypt.
    pub encrypts: Vec<String>,
    /// What servers say on their console.
    pub guest: Guest,
    /// Status and body with which the object store answers to strangers.
    pub s3_answer: (u16, String),
    /// What services make of access rules, by the first part of their path; the others keep to them.
    pub rule_keeping: BTreeMap<String, RuleKeeping>,
    /// Whole answers to GET, by path: `/compute/v2.1/limits`.
    pub documents: BTreeMap<String, Value>,
    /// The bytes of images that were uploaded, by the image's id.
    pub image_data: BTreeMap<String, Vec<u8>>,
    /// How many bytes of the next upload are taken before the connection ends.
    pub break_upload_at: Option<usize>,
    /// The status of an image whose upload broke off: `queued` if the service noticed, `saving` if it died as well.
    pub broken_upload_status: String,
    /// A pause before each read of an upload.
    pub upload_pause: Option<Duration>,
    /// When the cloud breaks connections off.
    pub cut: Option<Cut>,
    /// Told when it has done so.
    pub was_cut: Arc<Notify>,
    /// What is on volumes and in backups, by their ids; nothing but zeros where nothing is.
    pub disk_data: BTreeMap<String, Vec<u8>>,
    /// Whether a restored volume has another first byte than the volume that was backed up, and a copy of a volume another than the volume.
    pub loses_data: bool,
    /// Whether copies of volumes are as large as the volumes; otherwise they are 2 MiB, whose digest is soon worked out.
    pub copies_whole: bool,
    /// Whether an image that is imported, not uploaded, is made raw.
    pub converts_imports: bool,
    /// What makes raw bytes of an image in another format; without one, data stays as it is.
    pub converter: Converter,
    /// What is on a volume behind the content of its image.
    pub behind_content: u8,
    /// Whether members may share networks.
    pub lets_share: bool,
    /// The names of the roles of domain managers.
    pub manager_roles: Vec<String>,
    /// What Keystone lets domain managers do, where it is not what its policy has: `create_user`, `create_user:foreign`, `create_grant:admin`.
    pub manager_policy: BTreeMap<String, bool>,
    /// Tokens of domain managers, and the ids of their domains.
    pub(super) managers: BTreeMap<String, String>,
    /// Roles that are given and users that are in groups, by path.
    pub held: BTreeSet<String>,
    /// Data of images that is staged and not imported.
    pub(super) staged: BTreeMap<String, Vec<u8>>,
    pub(super) token_rules: BTreeMap<String, Vec<Value>>,
    pub(super) tokens_given: u64,
    pub(super) things_made: u64,
}

/// When the cloud breaks connections off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// At this request, counted from the first one of all.
    pub at: usize,
    /// Whether the request still has its effect.
    pub with_effect: bool,
    /// Whether all later ones are broken off too, without effect, as if whoever asks were dead.
    pub forever: bool,
}

/// What makes raw bytes of an image: a function of its format and its data.
#[derive(Clone, Default)]
pub struct Converter(Option<Arc<Convert>>);

type Convert = dyn Fn(&str, &[u8]) -> Vec<u8> + Send + Sync;

impl Converter {
    /// Returns one that converts so; it is never asked about raw bytes.
    pub fn new(converts: impl Fn(&str, &[u8]) -> Vec<u8> + Send + Sync + 'static) -> Converter {
        Converter(Some(Arc::new(converts)))
    }

    pub(super) fn raw(&self, format: &str, data: &[u8]) -> Vec<u8> {
        match &self.0 {
            Some(convert) if format != "raw" => convert(format, data),
            _ => data.to_vec(),
        }
    }
}

impl fmt::Debug for Converter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Converter")
    }
}

/// What servers say on their console: a function of the user data that they got.
#[derive(Clone)]
pub struct Guest(Arc<dyn Fn(&str) -> String + Send + Sync>);

impl Guest {
    /// Returns servers that speak so.
    pub fn new(says: impl Fn(&str) -> String + Send + Sync + 'static) -> Guest {
        Guest(Arc::new(says))
    }

    pub(super) fn say(&self, user_data: &str) -> String {
        (self.0)(user_data)
    }
}

impl fmt::Debug for Guest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guest")
    }
}

impl State {
    /// Lets whoever asks die at this request, counted from now, before or after it has its effect; returns who is told when that has happened. The cloud answers
    /// again when `cut` is none.
    pub fn die_at(&mut self, at: usize, with_effect: bool) -> Arc<Notify> {
        self.requests.clear();
        self.cut = Some(Cut {
            at,
            with_effect,
            forever: true,
        });
        Arc::clone(&self.was_cut)
    }

    pub(super) fn new(url: String) -> State {
        let at = |path: &str| format!("{url}{path}");
        let catalogue = [
            ("identity", at("/identity")),
            ("compute", at("/compute/v2.1")),
            // Without a version, as Glance and Neutron usually are.
            ("image", at("/image")),
            ("network", at("/network")),
            ("volumev3", at("/volume/v3/alpha-id")),
            ("placement", at("/placement")),
            ("key-manager", at("/key-manager")),
            ("load-balancer", at("/load-balancer")),
            ("object-store-s3", at("/s3")),
        ];
        let mut state = State {
            password: super::PASSWORD.to_owned(),
            roles: vec!["member".to_owned(), "reader".to_owned()],
            catalogue: Some(
                catalogue
                    .map(|(service_type, url)| (service_type.to_owned(), url))
                    .to_vec(),
            ),
            token_life: SignedDuration::from_hours(1),
            collections: BTreeMap::new(),
            page_size: 25,
            nova_microversion: "2.100".to_owned(),
            behind_proxy: true,
            circular: false,
            faults: Vec::new(),
            requests: Vec::new(),
            tokens: BTreeMap::new(),
            has_backup_service: true,
            encrypts: Vec::new(),
            guest: Guest::new(|_| String::new()),
            s3_answer: (403, "<Error><Code>InvalidAccessKeyId</Code></Error>".to_owned()),
            rule_keeping: BTreeMap::new(),
            documents: BTreeMap::new(),
            image_data: BTreeMap::new(),
            break_upload_at: None,
            broken_upload_status: "queued".to_owned(),
            upload_pause: None,
            cut: None,
            was_cut: Arc::default(),
            token_rules: BTreeMap::new(),
            tokens_given: 0,
            things_made: 0,
            disk_data: BTreeMap::new(),
            loses_data: false,
            copies_whole: false,
            staged: BTreeMap::new(),
            converts_imports: false,
            converter: Converter::default(),
            behind_content: 0,
            lets_share: false,
            manager_roles: ["manager", "member", "reader"].map(str::to_owned).to_vec(),
            manager_policy: BTreeMap::new(),
            managers: BTreeMap::new(),
            held: BTreeSet::new(),
            url,
        };
        super::identity::begin(&mut state);
        state
    }

    /// Adds something to a collection.
    pub fn add(&mut self, collection: &str, entry: Value) {
        self.collections.entry(collection.to_owned()).or_default().push(entry);
    }

    /// Lets everything become what it is becoming, as time does.
    pub fn settle(&mut self) {
        super::things::settle(self);
    }

    /// Returns the ids of everything that users can make, by collection.
    pub fn things(&mut self) -> BTreeMap<String, Vec<String>> {
        self.settle();
        let made = [
            "servers",
            "volumes",
            "backups",
            "secrets",
            "networks",
            "subnets",
            "routers",
            "ports",
            "security_groups",
            "security_group_rules",
            "application_credentials",
            "access_rules",
            "images",
            "rbac_policies",
            "users",
            "groups",
            "projects",
            "roles",
        ];
        let ids = |collection: &str| {
            let things = self.collections.get(collection).into_iter().flatten();
            things
                .map(|thing| thing["id"].as_str().unwrap_or_default().to_owned())
                .collect()
        };
        made.into_iter()
            .map(|collection| (collection.to_owned(), ids(collection)))
            .collect()
    }

    pub(super) fn next_number(&mut self) -> u64 {
        self.things_made += 1;
        self.things_made
    }

    /// Takes all tokens back.
    pub fn revoke_tokens(&mut self) {
        self.tokens.clear();
    }

    /// Returns how many requests have `part` in `METHOD /path`.
    pub fn asked(&self, part: &str) -> usize {
        self.requests.iter().filter(|request| request.contains(part)).count()
    }

    /// Writes a request down and returns what goes wrong with it.
    pub(super) fn note(&mut self, asked: &Asked) -> Option<Behaviour> {
        let request = format!("{} {}", asked.method, asked.path);
        let fault = self
            .faults
            .iter_mut()
            .find(|fault| fault.times > 0 && request.contains(&fault.on));
        self.requests.push(request);
        fault.map(|fault| {
            fault.times -= 1;
            fault.behaviour.clone()
        })
    }

    /// Gives a token out, and what it says.
    pub(super) fn give_token(&mut self) -> (String, Value) {
        self.tokens_given += 1;
        let token = format!("gAAAA-fake-token-{}", self.tokens_given);
        let expires_at = Timestamp::now() + self.token_life;
        self.tokens.insert(token.clone(), expires_at);
        let named = |name: &str| json!({ "id": format!("{name}-id"), "name": name, "domain": { "id": "one-id", "name": "one" } });
        let mut says = json!({
            "methods": ["password"],
            "expires_at": expires_at.to_string(),
            "audit_ids": ["aud1t-1d"],
            "user": named(super::USER),
            "project": named("alpha"),
            "roles": self.roles.iter().map(|role| json!({ "id": format!("{role}-id"), "name": role })).collect::<Vec<_>>(),
        });
        if let Some(catalogue) = &self.catalogue {
            let services = catalogue.iter().map(|(service_type, url)| {
                let endpoint = |interface: &str, region: &str, url: &str| {
                    json!({ "interface": interface, "region": region, "region_id": region, "url": url, "id": "e" })
                };
                json!({ "type": service_type, "name": service_type, "id": "s", "endpoints": [
                    endpoint("internal", "r1", "http://10.255.255.1/internal"),
                    endpoint("public", "r2", "http://10.255.255.1/other-region"),
                    endpoint("public", "r1", url),
                ] })
            });
            says["catalog"] = services.collect();
        }
        (token, json!({ "token": says }))
    }

    /// Tells whether a token is good.
    pub(super) fn accepts(&self, token: Option<&str>) -> bool {
        token
            .and_then(|token| self.tokens.get(token))
            .is_some_and(|end| *end > Timestamp::now())
    }
}
