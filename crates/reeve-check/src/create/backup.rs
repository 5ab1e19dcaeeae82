//! scs-0117: backing a volume up and restoring it, and whether what comes back is what went in.
//!
//! As in the official test, whatever goes wrong is a `FAIL`; see there for the quirks: SovereignCloudStack/standards at 077174d9: `Tests/iaas/scs_0117_volume_backup/volume_backup.py`.
//!
//! A cloud without a backup service makes a backup that no user can delete. So a backup that an earlier run could not delete is tried first: if that says that there is no service, the verdict is known and nothing is made.

use reeve_openstack::{Method, Request, RequestError, Service};
use serde_json::{Value, json};

use super::content::{self, Uploaded};
use super::{Made, aborted, judged};
use crate::facts::{Missing, missing};
use crate::resource::{Kind, Made as Thing, MakeError, ResourceName, WaitError, Workshop, is_no_service};
use crate::verdict::Findings;

const ID: &str = "scs-0117-test-backup";

pub(super) async fn judge(wanted: &[String], workshop: &Workshop) -> Vec<Made> {
    let wants = |id: &str| wanted.iter().any(|wanted| wanted == id);
    let mut made = Vec::new();
    let mut is_over = true;
    let uploaded = if wants(content::UPLOAD) || wants(content::DATA) {
        Some(content::upload(workshop).await)
    } else {
        None
    };
    if wants(ID) || wants(content::DATA) {
        let source = uploaded.as_ref().filter(|_| wants(content::DATA));
        let (outcome, data) = with_data(workshop, source).await;
        is_over = data.is_ok();
        if wants(content::DATA) {
            made.push(judged(content::DATA, data));
        }
        if wants(ID) {
            made.push(judged(ID, outcome));
        }
    }
    if let Some(uploaded) = uploaded {
        // A volume that stays may use the image; then both are tried again at the end, in the right order.
        if let (Some(image), true) = (uploaded.image(), is_over) {
            workshop.remove(image).await;
        }
        if wants(content::UPLOAD) {
            made.push(judged(content::UPLOAD, uploaded.outcome()));
        }
    }
    made
}

type Outcome = Result<Findings, Missing>;

/// Backs a volume up and restores it; returns how that came out, and whether the content is the same.
async fn with_data(workshop: &Workshop, source: Option<&Uploaded>) -> (Outcome, Outcome) {
    let trip = match trip(workshop, source).await {
        Ok(trip) => trip,
        Err(Wrong::Aborted(missing)) => return (Err(missing.clone()), Err(missing)),
        Err(Wrong::Broken {
            subject,
            detail,
            remedy,
        }) => {
            let data = Missing {
                cause: format!("there is no restored volume to look at: {subject}: {detail}"),
                hint: format!("see `{ID}`"),
                not_found: false,
            };
            let mut findings = Findings::default();
            findings.violation(subject, detail, remedy);
            return (Ok(findings), Err(data));
        }
    };
    let data = match (source, &trip.with_content) {
        (Some(uploaded), Ok(())) => content::compare(workshop, uploaded, &trip.volume, &trip.restored).await,
        (_, Err(missing)) => Err(missing.clone()),
        (None, Ok(())) => Ok(Findings::default()),
    };
    // Deleting is no part of the verdict; what does not go here is tried again at the end and told there.
    workshop.remove(&trip.backup).await;
    futures::future::join(workshop.remove(&trip.volume), workshop.remove(&trip.restored)).await;
    (Ok(Findings::default()), data)
}

/// A volume, its backup and what was restored of it.
struct Trip {
    volume: Thing,
    backup: Thing,
    restored: Thing,
    /// Whether the volume has the content that was uploaded, or why not.
    with_content: Result<(), Missing>,
}

/// Why there is no `PASS`.
enum Wrong {
    /// The service does not do it.
    Broken {
        subject: String,
        detail: String,
        remedy: String,
    },
    /// The fault is on this side.
    Aborted(Missing),
}

const REMEDY: &str = "see what the log of cinder-backup and cinder-volume says, and that `openstack volume service list` shows both as up";

fn broken(subject: &str, detail: impl Into<String>) -> Wrong {
    Wrong::Broken {
        subject: subject.to_owned(),
        detail: detail.into(),
        remedy: REMEDY.to_owned(),
    }
}

fn refused(subject: &'static str) -> impl Fn(RequestError) -> Wrong {
    move |error| Wrong::Broken {
        subject: subject.to_owned(),
        detail: missing(&error).cause,
        remedy: error.hint(),
    }
}

fn unmade(subject: &'static str) -> impl Fn(MakeError) -> Wrong {
    move |error| match error {
        MakeError::Ledger(_) => Wrong::Aborted(aborted(&error, "see that the folder of the ledgers can be written")),
        MakeError::Request { source, .. } => refused(subject)(*source),
        MakeError::NoId(_) => broken(subject, error.to_string()),
    }
}

fn unready(subject: &'static str) -> impl Fn(WaitError) -> Wrong {
    move |error| broken(subject, error.to_string())
}

async fn trip(workshop: &Workshop, source: Option<&Uploaded>) -> Result<Trip, Wrong> {
    let storage = workshop
        .session()
        .service("block-storage")
        .await
        .map_err(refused("volume service"))?;
    let backups = storage
        .list(&Request::get("/backups/detail"), "backups")
        .await
        .map_err(refused("backups"))?;
    let volumes = storage
        .list(&Request::get("/volumes/detail"), "volumes")
        .await
        .map_err(refused("volumes"))?;
    nameless("backup", &backups)?;
    nameless("volume", &volumes)?;
    if let Some(backup) = backups.iter().find(|backup| is_stuck(backup, workshop)) {
        still_no_service(&storage, backup, workshop).await?;
    }
    let within = workshop.patience().volume;
    let (volume, with_content) = match volume_of(workshop, source).await {
        Ok(volume) => (volume, Ok(())),
        // The official test backs an empty volume up, so nothing about an image may be its fault.
        Err(missing) => {
            let volume = workshop
                .make(Kind::Volume, "volume", json!({ "size": 1 }))
                .await
                .map_err(unmade("volume"))?;
            workshop
                .wait(&volume, "available", within)
                .await
                .map_err(unready("volume"))?;
            (volume, Err(missing))
        }
    };
    let backup = workshop
        .make(Kind::Backup, "backup", json!({ "volume_id": volume.id }))
        .await
        .map_err(unmade("backup"))?;
    workshop
        .wait(&backup, "available", within)
        .await
        .map_err(unready("backup"))?;
    let path = format!("/backups/{}/restore", backup.id);
    let restored = workshop
        .make_at(
            Kind::Volume,
            "restored",
            &path,
            None,
            |name| json!({ "restore": { "name": name } }),
        )
        .await
        .map_err(unmade("restoration"))?;
    workshop
        .wait(&restored, "available", within)
        .await
        .map_err(unready("restored volume"))?;
    Ok(Trip {
        volume,
        backup,
        restored,
        with_content,
    })
}

/// Makes a volume with the content that was uploaded.
async fn volume_of(workshop: &Workshop, source: Option<&Uploaded>) -> Result<Thing, Missing> {
    let image = source.ok_or_else(|| Missing {
        cause: "nobody asked for it".to_owned(),
        hint: String::new(),
        not_found: false,
    })?;
    let image = image.ready()?;
    let hint = "see that volumes can be made of images";
    let members = json!({ "size": 1, "imageRef": image.id });
    let volume = workshop.make(Kind::Volume, "volume", members).await;
    let volume = volume.map_err(|error| aborted(&error, hint))?;
    match workshop.wait(&volume, "available", workshop.patience().volume).await {
        Ok(_) => Ok(volume),
        Err(error) => {
            workshop.remove(&volume).await;
            Err(aborted(&error, hint))
        }
    }
}

/// Tries to delete a backup that an earlier run could not delete; that there is no service for it is the verdict.
async fn still_no_service(storage: &Service, backup: &Value, workshop: &Workshop) -> Result<(), Wrong> {
    let id = Kind::Backup.id_of(backup).unwrap_or_default();
    workshop.tell("trying to delete a backup that an earlier run left");
    let request = Request::new(Method::Delete, format!("/backups/{id}"));
    match storage.send(&request).await {
        Err(error) if is_no_service(&error) => Err(Wrong::Broken {
            subject: "backup service".to_owned(),
            detail: format!(
                "there is none: the backup {id} of an earlier run cannot be deleted ({}). Nothing was made this time, because it could not be deleted either",
                missing(&error).cause
            ),
            remedy: "start cinder-backup, then run `reeve check cleanup`".to_owned(),
        }),
        _ => Ok(()),
    }
}

/// A backup or volume without a name makes the official test stumble, whoever made it.
fn nameless(what: &str, listing: &[Value]) -> Result<(), Wrong> {
    match listing.iter().find(|value| value["name"].is_null()) {
        None => Ok(()),
        Some(value) => Err(Wrong::Broken {
            subject: format!("{what} {}", value["id"].as_str().unwrap_or_default()),
            detail: "it has no name, and the official test gives FAIL in a project that has such a thing, without testing anything".to_owned(),
            remedy: format!("give it a name, or test in a project of its own: `openstack volume {}set --name NAME ID`", if what == "backup" { "backup " } else { "" }),
        }),
    }
}

/// Tells whether a backup is one that an earlier run could not delete.
fn is_stuck(backup: &Value, workshop: &Workshop) -> bool {
    let ours = backup["name"].as_str().and_then(ResourceName::parse);
    ours.is_some_and(|name| name.run != *workshop.run()) && backup["status"].as_str() == Some("error")
}
