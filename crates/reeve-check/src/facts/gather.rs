//! Asking the cloud: everything at once, each listing once, and nothing but reading.
//!
//! What is asked follows openstacksdk 4.10, because verdicts depend on it: `compute/v2/_proxy.py` – `flavors`; `image/v2/_proxy.py`, `cloud/_image.py` – `list_images(show_all=True)`.

use std::error::Error as StdError;

use jiff::Timestamp;
use reeve_openstack::{Microversion, Problem, Request, RequestError, Session};
use serde_json::Value;

use super::kinds::specs;
use super::{DefaultRule, Fact, Facts, Flavor, Image, Missing, VolumeType};

/// From here on Nova's listing has the extra specs of each flavor.
const WITH_SPECS: Microversion = Microversion { major: 2, minor: 61 };

/// The newest microversion of Nova that this crate knows the answers of.
const KNOWN: Microversion = Microversion { major: 2, minor: 96 };

/// The key of flavors in their listing.
const FLAVORS: &str = "flavors";

/// Most entries of a page that Glance gives.
const PAGE: &str = "1000";

/// Returns what is known of a cloud; what cannot be had is in its place with its cause, so this does not fail.
///
/// Reads only: one login, the catalogue, and one listing (of as many pages as it has) for flavors, images, volume types and default rules, all at once.
pub async fn gather(session: &Session) -> Facts {
    let now = session.recorded_at().unwrap_or_else(Timestamp::now);
    let token = match session.token().await {
        Ok(token) => token,
        // Without a login nothing else can be had; asking again for each service would only take as much longer.
        Err(error) => return Facts::without(now, &missing(&error)),
    };
    let (flavors, images, volume_types, default_rules) = tokio::join!(
        flavors(session),
        images(session),
        volume_types(session),
        default_rules(session)
    );
    Facts {
        now,
        roles: Ok(token.role_names().map(str::to_owned).collect()),
        services: Ok(token
            .services()
            .iter()
            .map(|service| service.service_type.clone())
            .collect()),
        flavors,
        images,
        volume_types,
        default_rules,
    }
}

async fn flavors(session: &Session) -> Fact<Vec<Flavor>> {
    let compute = session.service("compute").await.map_err(|error| missing(&error))?;
    let request = Request::get("/flavors/detail");
    // Nearly every Nova speaks this one; to ask first which it speaks would cost each of them a round trip.
    let at_once = compute.list(&request.clone().at(WITH_SPECS), FLAVORS).await;
    if !at_once.as_ref().is_err_and(RequestError::is_about_microversion) {
        return entries(at_once, FLAVORS, Flavor::from_json);
    }
    let microversion = match compute.negotiate(WITH_SPECS, KNOWN).await {
        Ok(microversion) => Some(microversion),
        // An older Nova gives extra specs one flavor at a time.
        Err(error) if matches!(error.problem, Problem::Microversion { .. }) => None,
        Err(error) => return Err(missing(&error)),
    };
    let request = match microversion {
        Some(microversion) => request.at(microversion),
        None => request,
    };
    let mut flavors = entries(compute.list(&request, FLAVORS).await, FLAVORS, Flavor::from_json)?;
    if microversion.is_none() {
        for flavor in &mut flavors {
            let request = Request::get(format!("/flavors/{}/os-extra_specs", flavor.id));
            let answer = compute.json(&request).await.map_err(|error| missing(&error))?;
            flavor.extra_specs = specs(&answer["extra_specs"]);
        }
    }
    Ok(flavors)
}

/// Neither hidden images nor community images of others come in this listing, although the checks would look at them; that is how the official tests ask.
async fn images(session: &Session) -> Fact<Vec<Image>> {
    list_images(session, &[("member_status", "all")]).await
}

/// Returns the public and community images that a listing with this query has.
pub(crate) async fn list_images(session: &Session, query: &[(&str, &str)]) -> Fact<Vec<Image>> {
    let request = query
        .iter()
        .fold(Request::get("/images"), |request, (name, value)| {
            request.with(*name, *value)
        })
        .with("limit", PAGE);
    let mut images = listed(session, "image", request, "images", Image::from_json).await?;
    images.retain(|image| matches!(image.visibility.as_str(), "public" | "community"));
    Ok(images)
}

async fn volume_types(session: &Session) -> Fact<Vec<VolumeType>> {
    listed(
        session,
        "block-storage",
        Request::get("/types"),
        "volume_types",
        VolumeType::from_json,
    )
    .await
}

async fn default_rules(session: &Session) -> Fact<Vec<DefaultRule>> {
    let request = Request::get("/default-security-group-rules");
    let collection = "default_security_group_rules";
    listed(session, "network", request, collection, DefaultRule::from_json).await
}

/// Asks a service for a listing and reads its entries.
pub(crate) async fn listed<T>(
    session: &Session,
    service: &str,
    request: Request,
    collection: &'static str,
    one: impl Fn(&Value) -> Result<T, String>,
) -> Fact<Vec<T>> {
    let service = session.service(service).await.map_err(|error| missing(&error))?;
    entries(service.list(&request, collection).await, collection, one)
}

/// Reads the entries of a listing.
fn entries<T>(
    listing: Result<Vec<Value>, RequestError>,
    collection: &'static str,
    one: impl Fn(&Value) -> Result<T, String>,
) -> Fact<Vec<T>> {
    listing
        .map_err(|error| missing(&error))?
        .iter()
        .map(one)
        .collect::<Result<_, _>>()
        .map_err(|error| Missing {
            cause: format!(
                "the listing of {} cannot be read: {error}",
                collection.replace('_', " ")
            ),
            hint: "check that the endpoint is the service and not something in front of it".to_owned(),
            not_found: false,
        })
}

/// Returns an error with all its causes in one line.
pub(crate) fn missing(error: &RequestError) -> Missing {
    let mut cause = error.to_string();
    let mut below = StdError::source(error);
    while let Some(source) = below {
        cause.push_str(": ");
        cause.push_str(&source.to_string());
        below = source.source();
    }
    Missing {
        cause,
        hint: error.hint(),
        not_found: error.is_not_found(),
    }
}
