//! One service of a cloud: its address, requests to it, listings of it.

use std::collections::HashSet;
use std::fmt;

use http::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::body::Bytes;
use serde_json::Value;

use crate::access::Method;
use crate::discovery;
use crate::error::{Problem, RequestError};
use crate::page;
use crate::reply::request_id;
use crate::request::{Answer, Microversion, Request};
use crate::service_type::ServiceType;
use crate::session::{Purpose, Session};
use crate::upload::{Upload, UploadPatience};
use crate::wire::{Incoming, Outgoing};

/// One service of a cloud.
#[derive(Clone)]
pub struct Service {
    session: Session,
    service_type: ServiceType,
    endpoint: String,
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service")
            .field("type", &self.service_type)
            .field("endpoint", &self.endpoint)
            .finish()
    }
}

impl Service {
    /// Finds the address of a service: what is set for it, else the catalogue's, with a version if it needs one.
    pub(crate) async fn find(session: &Session, service_type: ServiceType) -> Result<Service, RequestError> {
        let config = session.config();
        let options = config.services.get(&service_type.key()).cloned().unwrap_or_default();
        if let Some(endpoint) = options.endpoint_override {
            return Ok(Service {
                session: session.clone(),
                service_type,
                endpoint,
            });
        }
        let token = session.catalogue().await?;
        let interface = options.interface.unwrap_or(config.interface);
        let region = options.region.as_deref().or(config.region.as_deref());
        let names = match &options.service_type {
            Some(name) => vec![name.as_str()],
            None => service_type.names(),
        };
        let found = token
            .info
            .endpoint(&names, options.service_name.as_deref(), interface, region);
        let Some(url) = found.filter(|url| crate::url::check(url).is_ok()) else {
            let problem = if token.info.catalog.is_none() {
                Problem::NoCatalogue
            } else {
                let mut service = format!("{service_type} ({interface}");
                if let Some(region) = region {
                    service.push_str(&format!(", region {region}"));
                }
                service.push(')');
                Problem::NoEndpoint {
                    service,
                    known: token.info.known_types(),
                }
            };
            return Err(session.error(service_type.as_str(), "look for the service", None, None, problem));
        };
        let url = url.trim_end_matches('/').to_owned();
        let mut service = Service {
            session: session.clone(),
            service_type,
            endpoint: url.clone(),
        };
        let wanted: Vec<String> = match &options.api_version {
            Some(version) => vec![format!("v{}", version.trim_start_matches('v'))],
            None => service
                .service_type
                .versions()
                .iter()
                .map(ToString::to_string)
                .collect(),
        };
        let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
        if !discovery::has_version(&url) && !service.service_type.versions().is_empty() {
            let offers = service
                .version_document(&format!("{url}/"), false)
                .await?
                .unwrap_or_default();
            service.endpoint = discovery::choose(&url, &offers, &wanted);
        }
        Ok(service)
    }

    /// Returns its type.
    pub fn service_type(&self) -> &ServiceType {
        &self.service_type
    }

    /// Returns the address that requests go to, with a version and without a `/` at its end.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Returns lowest and highest microversion that the service speaks; `None` if it has none.
    ///
    /// # Errors
    ///
    /// [`RequestError`] if the service cannot be asked.
    pub async fn microversions(&self) -> Result<Option<(Microversion, Microversion)>, RequestError> {
        let url = format!("{}/", discovery::up_to_version(&self.endpoint));
        let offers = self.version_document(&url, true).await?.unwrap_or_default();
        let version = crate::url::path(&self.endpoint)
            .split('/')
            .find(|part| part.starts_with('v'))
            .map(str::to_owned);
        let major = |offer: &discovery::Offered| version.as_deref().is_none_or(|version| offer.is(version));
        Ok(offers
            .iter()
            .find(|offer| major(offer) && offer.range.is_some())
            .and_then(|offer| offer.range))
    }

    /// Returns the highest microversion that both the service and the caller speak.
    ///
    /// # Errors
    ///
    /// [`Problem::Microversion`] if there is none.
    pub async fn negotiate(&self, lowest: Microversion, highest: Microversion) -> Result<Microversion, RequestError> {
        let range = self.microversions().await?;
        match range {
            Some((low, high)) if low <= highest && high >= lowest => Ok(high.min(highest)),
            other => {
                let speaks = other.map_or_else(|| "none".to_owned(), |(low, high)| format!("{low} to {high}"));
                let problem = Problem::Microversion {
                    wanted: format!("{lowest} to {highest}"),
                    speaks,
                };
                Err(self.session.error(
                    self.service_type.as_str(),
                    "negotiate a microversion",
                    None,
                    None,
                    problem,
                ))
            }
        }
    }

    /// Sends a request.
    ///
    /// # Errors
    ///
    /// [`RequestError`] if there is no answer or one with a status outside 200 to 299.
    pub async fn send(&self, request: &Request) -> Result<Answer, RequestError> {
        let (_, incoming) = self.exchange(request, &request.query).await?;
        Ok(Answer {
            status: incoming.status,
            request_id: request_id(&incoming.headers),
            body: incoming.body,
        })
    }

    /// Puts a body to a path while it is being made, as `application/octet-stream`, with further headers. Sent once: a body cannot be had a second time.
    ///
    /// # Errors
    ///
    /// As [`Service::send`]; [`Problem::Deadline`] if the upload stands still for longer than `patience` allows.
    pub async fn put(
        &self,
        path: &str,
        headers: &[(HeaderName, HeaderValue)],
        body: Upload,
        patience: UploadPatience,
    ) -> Result<Answer, RequestError> {
        let octets = HeaderValue::from_static("application/octet-stream");
        let outgoing = Outgoing {
            method: Method::Put,
            url: crate::url::join(&self.endpoint, path, &[]),
            headers: [&[(CONTENT_TYPE, octets)], headers].concat(),
            body: None,
            anonymous: false,
        };
        let purpose = self.purpose(true);
        let incoming = self.session.call_upload(&purpose, &outgoing, body, patience).await?;
        Ok(Answer {
            status: incoming.status,
            request_id: request_id(&incoming.headers),
            body: incoming.body,
        })
    }

    /// Sends a request and reads the answer as JSON.
    ///
    /// # Errors
    ///
    /// As [`Service::send`], and [`Problem::Garbage`] if the answer is no JSON.
    pub async fn json(&self, request: &Request) -> Result<Value, RequestError> {
        self.page(request, &request.query).await
    }

    /// Reads a listing to its end by following its links, and returns all entries of `collection`.
    ///
    /// # Errors
    ///
    /// As [`Service::json`], and [`Problem::Endless`] if a link leads back to a page that was read or there are more pages or entries than the bounds allow.
    pub async fn list(&self, request: &Request, collection: &str) -> Result<Vec<Value>, RequestError> {
        let limits = self.session.limits();
        let mut all = Vec::new();
        let mut query = request.query.clone();
        let mut seen = HashSet::new();
        for _ in 0..limits.pages {
            if !seen.insert(query.clone()) {
                return Err(self.endless(request, "a page refers to one that was read already"));
            }
            let body = self.page(request, &query).await?;
            let following = page::next_query(&body);
            let mut entries = page::entries(body, collection).map_err(|what| self.garbage(request, what))?;
            // A page without entries ends the listing, even if it has a link, as some services' last page does.
            let ended = entries.is_empty();
            all.append(&mut entries);
            if all.len() > limits.entries {
                return Err(self.endless(request, &format!("more than {} entries", limits.entries)));
            }
            match following {
                Some(following) if !ended => query = following,
                _ => return Ok(all),
            }
        }
        Err(self.endless(request, &format!("more than {} pages", limits.pages)))
    }

    /// Reads a listing to its end by naming the last entry that was read, for services that give no links.
    ///
    /// `collection` is the key of the list, or empty if the answer is the list; `key` is the member of an entry that makes a marker.
    ///
    /// # Errors
    ///
    /// As [`Service::list`].
    pub async fn list_by_marker(
        &self,
        request: &Request,
        collection: &str,
        key: &str,
        page_size: usize,
    ) -> Result<Vec<Value>, RequestError> {
        let limits = self.session.limits();
        let mut all: Vec<Value> = Vec::new();
        let mut marker: Option<String> = None;
        for _ in 0..limits.pages {
            let query = page::marker_query(&request.query, page_size, marker.as_deref());
            let body = self.page(request, &query).await?;
            let mut entries = match body {
                Value::Array(list) if collection.is_empty() => list,
                body => page::entries(body, collection).map_err(|what| self.garbage(request, what))?,
            };
            let ended = entries.len() < page_size;
            let last = entries.last().and_then(|entry| entry[key].as_str()).map(str::to_owned);
            all.append(&mut entries);
            if all.len() > limits.entries {
                return Err(self.endless(request, &format!("more than {} entries", limits.entries)));
            }
            match last {
                _ if ended => return Ok(all),
                None => return Err(self.garbage(request, format!("an entry has no `{key}`"))),
                Some(last) if marker.as_ref() == Some(&last) => {
                    return Err(self.endless(request, "the page behind an entry ends with that entry"));
                }
                Some(last) => marker = Some(last),
            }
        }
        Err(self.endless(request, &format!("more than {} pages", limits.pages)))
    }

    async fn page(&self, request: &Request, query: &[(String, String)]) -> Result<Value, RequestError> {
        let (outgoing, incoming) = self.exchange(request, query).await?;
        serde_json::from_slice(&incoming.body).map_err(|error| {
            let what = format!("it is no JSON (line {}, column {})", error.line(), error.column());
            self.session
                .failure(&self.purpose(true), &outgoing, Some(&incoming), Problem::Garbage(what))
        })
    }

    async fn exchange(
        &self,
        request: &Request,
        query: &[(String, String)],
    ) -> Result<(Outgoing, Incoming), RequestError> {
        let mut headers = Vec::new();
        if let Some(microversion) = request.microversion {
            headers.extend(self.microversion_headers(microversion));
        }
        if let Some(media_type) = request.accept {
            headers.push((ACCEPT, HeaderValue::from_static(media_type)));
        }
        if request.body.is_some() {
            headers.push((CONTENT_TYPE, HeaderValue::from_static("application/json")));
        }
        let outgoing = Outgoing {
            method: request.method,
            url: crate::url::join(&self.endpoint, &request.path, query),
            headers,
            body: request.body.as_ref().map(|body| Bytes::from(body.to_string())),
            anonymous: false,
        };
        let purpose = self.purpose(true);
        let incoming = self.session.call(&purpose, outgoing.clone()).await?;
        if incoming.status == 300 {
            let problem = Problem::Rejected {
                code: 300,
                message: "it lists versions instead of answering".to_owned(),
            };
            return Err(self.session.failure(&purpose, &outgoing, Some(&incoming), problem));
        }
        Ok((outgoing, incoming))
    }

    /// Source: API SIG guideline "Microversion Specification"; Cinder calls itself `volume` in it.
    fn microversion_headers(&self, microversion: Microversion) -> Vec<(HeaderName, HeaderValue)> {
        let name = match self.service_type.as_str() {
            "block-storage" => "volume",
            other => other,
        };
        HeaderValue::from_str(&format!("{name} {microversion}"))
            .map(|value| (HeaderName::from_static("openstack-api-version"), value))
            .into_iter()
            .collect()
    }

    /// Reads a version document; `None` if there is an answer that is none.
    async fn version_document(
        &self,
        url: &str,
        with_token: bool,
    ) -> Result<Option<Vec<discovery::Offered>>, RequestError> {
        let outgoing = Outgoing {
            method: Method::Get,
            url: url.to_owned(),
            headers: Vec::new(),
            body: None,
            anonymous: false,
        };
        match self.session.call(&self.purpose(with_token), outgoing).await {
            Ok(incoming) => {
                let document: Result<Value, _> = serde_json::from_slice(&incoming.body);
                Ok(document.ok().map(|document| discovery::offered(&document)))
            }
            // The service is there and keeps its versions to itself; the usual address is tried then.
            Err(error)
                if error
                    .status
                    .is_some_and(|status| (300..500).contains(&status) && status != 429) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn purpose(&self, with_token: bool) -> Purpose<'_> {
        Purpose {
            service: self.service_type.as_str(),
            login: false,
            with_token,
        }
    }

    fn asked(&self, request: &Request) -> String {
        format!(
            "{} {}",
            request.method,
            crate::url::shown(&crate::url::join(&self.endpoint, &request.path, &request.query))
        )
    }

    fn endless(&self, request: &Request, what: &str) -> RequestError {
        let problem = Problem::Endless(what.to_owned());
        self.session
            .error(self.service_type.as_str(), &self.asked(request), None, None, problem)
    }

    fn garbage(&self, request: &Request, what: String) -> RequestError {
        self.session.error(
            self.service_type.as_str(),
            &self.asked(request),
            None,
            None,
            Problem::Garbage(what),
        )
    }
}
