//! The server: requests in, answers out.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard};

use camino::Utf8PathBuf;
use http::{Method, Request, Response};
use http_body_util::BodyExt;
use kube::client::Body;
use serde_json::{Value, json};

use super::admission;
use super::attendant::{Attendant, Attended};
use super::object_path::{ObjectPath, query};
use super::store::{Store, merge};
use crate::cluster::{Cluster, Origin};
use crate::name_table::TABLE_MIME;

/// A request that the server was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// `GET`, `POST` …
    pub method: String,
    /// Path and query.
    pub uri: String,
    /// The media type that was wanted.
    pub accept: String,
}

impl Asked {
    /// Tells whether it could have changed something; access reviews and dry runs cannot.
    pub fn changes(&self) -> bool {
        self.method != "GET" && !self.uri.contains("dryRun=All") && !self.uri.contains("/selfsubjectaccessreviews")
    }
}

#[derive(Debug)]
struct State {
    store: Store,
    /// What admission knows while it is behind the store.
    admitted: Store,
    lag: u32,
    behind: u32,
    version: String,
    serves_policies: bool,
    forbidden: BTreeSet<(String, String)>,
    failures: VecDeque<(u16, String)>,
    other_refusal: Option<String>,
    asked: Vec<Asked>,
    /// Logs of pods by namespace and name.
    logs: BTreeMap<(String, String), String>,
    attended: Attended,
}

/// An API server in this process; clones are the same server.
#[derive(Clone, Debug)]
pub struct ApiServer {
    state: Arc<Mutex<State>>,
}

impl Default for ApiServer {
    /// Kubernetes 1.34 with namespace `default` and nothing else.
    fn default() -> Self {
        let state = State {
            store: Store::default(),
            admitted: Store::default(),
            lag: 0,
            behind: 0,
            version: "v1.34.4".into(),
            serves_policies: true,
            forbidden: BTreeSet::new(),
            failures: VecDeque::new(),
            other_refusal: None,
            asked: Vec::new(),
            logs: BTreeMap::new(),
            attended: Attended::default(),
        };
        let server = Self {
            state: Arc::new(Mutex::new(state)),
        };
        server.put(
            "/api/v1/namespaces/default",
            json!({ "apiVersion": "v1", "kind": "Namespace" }),
        );
        server
    }
}

impl ApiServer {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no answer panics while it holds the lock")
    }

    /// Returns a cluster that asks this server.
    pub fn cluster(&self) -> Cluster {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let server = server.clone();
            async move { Ok::<_, Infallible>(server.answer(request).await) }
        });
        let origin = Origin {
            kubeconfig: Utf8PathBuf::from("fake.kubeconfig"),
            context: "fake".into(),
            server: "https://fake:6443".into(),
        };
        Cluster::with_client(kube::Client::new(service, "default"), origin)
    }

    /// Stores an object at a path such as `/api/v1/namespaces/a/configmaps/b`, past all checks.
    ///
    /// # Panics
    ///
    /// If the path is none of an object.
    pub fn put(&self, path: &str, object: Value) {
        let path = ObjectPath::parse(path)
            .filter(|path| path.name.is_some())
            .expect("the path names an object");
        let mut state = self.state();
        let dressed = state.store.dressed(&path, object);
        state.store.put(&path, dressed);
        state.changed();
    }

    /// Returns the object at a path, if there is one.
    pub fn get(&self, path: &str) -> Option<Value> {
        self.state().store.get(&ObjectPath::parse(path)?).cloned()
    }

    /// Creates an object below a path such as `/api/v1/namespaces/a/pods`, with all checks and admission, as a controller would.
    ///
    /// # Errors
    ///
    /// What the server says.
    pub fn create(&self, path: &str, object: Value) -> Result<Value, String> {
        let path = ObjectPath::parse(path).ok_or("the path names no kind of object")?;
        let answer = self.state().create(path, object, false);
        answer.map(|(_, created)| created).map_err(|(_, _, message)| message)
    }

    /// Applies a merge patch to the object at a path, past all checks; tells whether there is one.
    pub fn patch(&self, path: &str, patch: &Value) -> bool {
        let Some(path) = ObjectPath::parse(path) else {
            return false;
        };
        self.state().patch(&path, patch, false).is_ok()
    }

    /// Removes the object at a path for good, past finalizers and grace; tells whether there was one.
    pub fn remove(&self, path: &str) -> bool {
        let Some(path) = ObjectPath::parse(path) else {
            return false;
        };
        let mut state = self.state();
        let removed = state.store.remove(&path).is_some();
        state.changed();
        removed
    }

    /// Returns the objects below a path such as `/api/v1/namespaces/a/pods` that a label selector selects.
    pub fn list(&self, path: &str, selector: &str) -> Vec<Value> {
        let Some(path) = ObjectPath::parse(path) else {
            return Vec::new();
        };
        self.state().store.list(&path, selector).into_iter().cloned().collect()
    }

    /// Sets what the log of a pod says.
    pub fn set_log(&self, namespace: &str, pod: &str, text: &str) {
        let key = (namespace.to_owned(), pod.to_owned());
        self.state().logs.insert(key, text.to_owned());
    }

    /// Lets somebody attend to every request from now on.
    pub fn attend(&self, attendant: Arc<dyn Attendant>) {
        self.state().attended = Attended(Some(attendant));
    }

    /// Returns all objects, for comparing before and after.
    pub fn everything(&self) -> Vec<Value> {
        self.state().store.everything()
    }

    /// Makes the server Kubernetes 1.`minor`; before 1.30 it has no admission policies.
    pub fn set_minor(&self, minor: u64) {
        let mut state = self.state();
        state.version = format!("v1.{minor}.0");
        state.serves_policies = minor >= crate::gate::OLDEST_KUBERNETES_MINOR;
    }

    /// Takes a right away from the user: `forbid("list", "secrets")`.
    pub fn forbid(&self, verb: &str, resource: &str) {
        self.state().forbidden.insert((verb.into(), resource.into()));
    }

    /// Lets the next request fail with an HTTP status.
    pub fn fail_next(&self, code: u16, message: &str) {
        self.state().failures.push_back((code, message.into()));
    }

    /// Lets another admission refuse all pods, or none again.
    pub fn refuse_pods(&self, message: Option<&str>) {
        self.state().other_refusal = message.map(str::to_owned);
    }

    /// Lets admission learn of a change only after `pods` more pods were judged.
    pub fn set_admission_lag(&self, pods: u32) {
        let mut state = self.state();
        state.lag = pods;
        state.admitted = state.store.clone();
    }

    /// Returns every request since the last call.
    pub fn take_asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.state().asked)
    }

    async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let header = |name| {
            parts
                .headers
                .get(name)
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default()
                .to_owned()
        };
        let accept = header(http::header::ACCEPT);
        let sent = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        let sent: Value = serde_json::from_slice(&sent).unwrap_or_default();
        let asked = Asked {
            method: parts.method.to_string(),
            uri: parts.uri.to_string(),
            accept: accept.clone(),
        };
        let attendant = self.state().attended.0.clone();
        let trouble = match &attendant {
            Some(attendant) => attendant.before().await.err(),
            None => None,
        };
        let mut state = self.state();
        // Whoever attends reads what it needs; a rehearsal asks too much for keeping it all.
        if attendant.is_none() {
            state.asked.push(asked.clone());
        }
        let problem = trouble.or_else(|| state.failures.pop_front());
        if let (None, Some(log)) = (&problem, state.log(parts.uri.path())) {
            let plain = Body::from(log.into_bytes());
            return Response::new(plain);
        }
        let answer = match problem {
            Some((code, message)) => Err((code, "Failure", message)),
            None => state.handle(
                &parts.method,
                parts.uri.path(),
                parts.uri.query().unwrap_or_default(),
                &accept,
                sent,
            ),
        };
        drop(state);
        if let (Ok(_), Some(attendant)) = (&answer, attendant) {
            attendant.after(&asked);
        }
        let (code, value) = match answer {
            Ok((code, value)) => (code, value),
            Err((code, reason, message)) => (code, failure(code, reason, &message)),
        };
        Response::builder()
            .status(code)
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(Body::from(value.to_string().into_bytes()))
            .expect("status and header are legal")
    }
}

type Answer = Result<(u16, Value), (u16, &'static str, String)>;

impl State {
    /// Returns the log that is asked for by `/api/v1/namespaces/NS/pods/NAME/log`, if it is there.
    fn log(&self, path: &str) -> Option<String> {
        match path.trim_matches('/').split('/').collect::<Vec<_>>().as_slice() {
            ["api", "v1", "namespaces", namespace, "pods", pod, "log"] => {
                self.logs.get(&((*namespace).to_owned(), (*pod).to_owned())).cloned()
            }
            _ => None,
        }
    }

    /// Notes that something changed, which admission learns of later.
    fn changed(&mut self) {
        self.behind = self.lag;
    }

    fn handle(&mut self, method: &Method, path: &str, query_text: &str, accept: &str, sent: Value) -> Answer {
        if path == "/version" {
            let info = [
                "major",
                "minor",
                "gitVersion",
                "gitCommit",
                "gitTreeState",
                "buildDate",
                "goVersion",
                "compiler",
                "platform",
            ];
            let mut version: Value = info.iter().map(|key| ((*key).to_owned(), json!(""))).collect();
            version["gitVersion"] = json!(self.version);
            return Ok((200, version));
        }
        if path == "/apis/admissionregistration.k8s.io/v1" {
            let one =
                |name: &str| json!({ "name": name, "singularName": "", "namespaced": false, "kind": "", "verbs": [] });
            let mut resources = vec![one("validatingwebhookconfigurations")];
            if self.serves_policies {
                resources.push(one("validatingadmissionpolicies"));
            }
            return Ok((
                200,
                json!({ "kind": "APIResourceList", "groupVersion": "admissionregistration.k8s.io/v1", "resources": resources }),
            ));
        }
        let missing = || {
            (
                404,
                "NotFound",
                "the server could not find the requested resource".to_owned(),
            )
        };
        let object = ObjectPath::parse(path).ok_or_else(missing)?;
        let query = query(query_text);
        let verb = match (method.as_str(), &object.name) {
            ("GET", None) => "list",
            ("GET", Some(_)) => "get",
            ("POST", _) => "create",
            ("PATCH", _) => "patch",
            ("PUT", Some(_)) => "update",
            ("DELETE", _) => "delete",
            _ => return Err((405, "MethodNotAllowed", "method not allowed".into())),
        };
        if object.resource == "selfsubjectaccessreviews" {
            return Ok((201, self.review(sent)));
        }
        if self.forbidden.contains(&(verb.to_owned(), object.resource.clone())) {
            let (resource, group) = (&object.resource, object.group());
            return Err((
                403,
                "Forbidden",
                format!(
                    "{resource} is forbidden: User \"u\" cannot {verb} resource \"{resource}\" in API group \"{group}\""
                ),
            ));
        }
        let policies = object.resource.starts_with("validatingadmissionpolic");
        if policies && !self.serves_policies {
            return Err(missing());
        }
        match verb {
            "list" => self.list(&object, &query, accept),
            "get" => self
                .store
                .get(&object)
                .map(|found| (200, found.clone()))
                .ok_or_else(|| not_found(&object)),
            "create" => self.create(object, sent, query.get("dryRun").is_some_and(|value| value == "All")),
            "patch" => self.patch(&object, &sent, query.contains_key("force")),
            "update" => self.replace(&object, sent),
            _ => self.delete(&object),
        }
    }

    fn replace(&mut self, path: &ObjectPath, sent: Value) -> Answer {
        let found = self.store.get(path).ok_or_else(|| not_found(path))?;
        let of = |object: &Value| object["metadata"]["resourceVersion"].clone();
        if of(&sent) != of(found) {
            let name = path.name.as_deref().unwrap_or_default();
            return Err((409, "Conflict", format!("the object \"{name}\" has been modified")));
        }
        let object = self.store.dressed(path, sent);
        self.store.put(path, object.clone());
        self.changed();
        Ok((200, object))
    }

    /// Deletes an object, or marks it as on its way out where a finalizer or a kubelet has to agree.
    fn delete(&mut self, path: &ObjectPath) -> Answer {
        let mut found = self.store.get(path).cloned().ok_or_else(|| not_found(path))?;
        let finalizers = found["metadata"]["finalizers"].as_array();
        let held = finalizers.is_some_and(|list| !list.is_empty());
        let on_a_node = path.resource == "pods" && found["spec"]["nodeName"].is_string();
        if held || on_a_node {
            found["metadata"]["deletionTimestamp"] = json!("2026-01-02T03:04:05Z");
            self.store.put(path, found.clone());
        } else {
            self.store.remove(path);
        }
        self.changed();
        Ok((200, found))
    }

    fn review(&self, mut sent: Value) -> Value {
        let attributes = &sent["spec"]["resourceAttributes"];
        let text = |key: &str| attributes[key].as_str().unwrap_or_default().to_owned();
        let allowed = !self.forbidden.contains(&(text("verb"), text("resource")));
        sent["status"] = json!({ "allowed": allowed });
        sent
    }

    fn list(&self, path: &ObjectPath, query: &std::collections::BTreeMap<String, String>, accept: &str) -> Answer {
        let custom = path.group().ends_with("ceph.rook.io");
        let crd = format!("{}.{}", path.resource, path.group());
        let definition = ObjectPath {
            group_version: "apiextensions.k8s.io/v1".into(),
            namespace: None,
            resource: "customresourcedefinitions".into(),
            name: Some(crd),
        };
        if custom && self.store.get(&definition).is_none() {
            return Err((
                404,
                "NotFound",
                "the server could not find the requested resource".into(),
            ));
        }
        let number = |key: &str| query.get(key).and_then(|value| value.parse::<usize>().ok());
        let from = number("continue").unwrap_or(0);
        let limit = number("limit").filter(|limit| *limit > 0).unwrap_or(usize::MAX);
        let all = self
            .store
            .list(path, query.get("labelSelector").map_or("", String::as_str));
        let page: Vec<&Value> = all.iter().skip(from).take(limit).copied().collect();
        let next = from + page.len();
        let mut metadata = json!({ "resourceVersion": "1" });
        if next < all.len() {
            metadata["continue"] = json!(next.to_string());
        }
        if accept == TABLE_MIME {
            let rows: Vec<Value> = page
                .iter()
                .map(|one| json!({ "cells": [one["metadata"]["name"], "Opaque", 1, "1d"] }))
                .collect();
            let columns = ["Name", "Type", "Data", "Age"].map(|name| json!({ "name": name, "type": "string" }));
            return Ok((
                200,
                json!({ "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata, "columnDefinitions": columns, "rows": rows }),
            ));
        }
        let metadata_only = accept.contains("as=PartialObjectMetadataList");
        let items: Vec<Value> = page
            .into_iter()
            .map(|one| {
                if metadata_only {
                    json!({ "metadata": one["metadata"] })
                } else {
                    one.clone()
                }
            })
            .collect();
        Ok((
            200,
            json!({ "kind": "List", "apiVersion": path.group_version, "metadata": metadata, "items": items }),
        ))
    }

    fn create(&mut self, mut path: ObjectPath, sent: Value, dry_run: bool) -> Answer {
        self.need_namespace(&path)?;
        let name = match (
            sent["metadata"]["name"].as_str(),
            sent["metadata"]["generateName"].as_str(),
        ) {
            (Some(name), _) => name.to_owned(),
            (None, Some(prefix)) => format!("{prefix}x7k2p"),
            (None, None) => return Err((422, "Invalid", "name or generateName is required".into())),
        };
        if path.resource == "pods" {
            self.admit(&path, &name, &sent)?;
        }
        path.name = Some(name);
        if self.store.get(&path).is_some() {
            let name = path.name.unwrap_or_default();
            return Err((
                409,
                "AlreadyExists",
                format!("{} \"{name}\" already exists", path.resource),
            ));
        }
        let object = self.store.dressed(&path, sent);
        if !dry_run {
            self.store.put(&path, object.clone());
            self.changed();
        }
        Ok((201, object))
    }

    fn admit(&mut self, path: &ObjectPath, name: &str, pod: &Value) -> Result<(), (u16, &'static str, String)> {
        if self.behind > 0 {
            self.behind -= 1;
        } else if self.lag > 0 {
            self.admitted = self.store.clone();
        }
        let known = if self.lag == 0 { &self.store } else { &self.admitted };
        let namespace = path.namespace.as_deref().unwrap_or_default();
        let refusal = self
            .other_refusal
            .clone()
            .or_else(|| admission::refusal(known, namespace, pod));
        refusal.map_or(Ok(()), |why| {
            Err((403, "Forbidden", format!("pods \"{name}\" is forbidden: {why}")))
        })
    }

    fn patch(&mut self, path: &ObjectPath, patch: &Value, apply: bool) -> Answer {
        let found = self.store.get(path).cloned();
        // Only server-side apply creates what is not there.
        let mut object = match (found, apply) {
            (Some(found), _) => found,
            (None, true) => {
                self.need_namespace(path)?;
                Value::Null
            }
            (None, false) => return Err(not_found(path)),
        };
        merge(&mut object, patch);
        let object = self.store.dressed(path, object);
        let finalizers = object["metadata"]["finalizers"].as_array();
        let is_held = finalizers.is_some_and(|list| !list.is_empty()) || path.resource == "pods";
        if object["metadata"]["deletionTimestamp"].is_string() && !is_held {
            self.store.remove(path);
        } else {
            self.store.put(path, object.clone());
        }
        self.changed();
        Ok((200, object))
    }

    fn need_namespace(&self, path: &ObjectPath) -> Result<(), (u16, &'static str, String)> {
        let Some(namespace) = &path.namespace else {
            return Ok(());
        };
        let wanted = ObjectPath {
            group_version: "v1".into(),
            namespace: None,
            resource: "namespaces".into(),
            name: Some(namespace.clone()),
        };
        match self.store.get(&wanted) {
            Some(_) => Ok(()),
            None => Err(not_found(&wanted)),
        }
    }
}

fn not_found(path: &ObjectPath) -> (u16, &'static str, String) {
    (
        404,
        "NotFound",
        format!(
            "{} \"{}\" not found",
            path.resource,
            path.name.as_deref().unwrap_or_default()
        ),
    )
}

fn failure(code: u16, reason: &str, message: &str) -> Value {
    json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message, "reason": reason, "code": code })
}
