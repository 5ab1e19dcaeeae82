//! scs-0117: backing a volume up and restoring it.
//!
//! As in the official test, whatever goes wrong is a `FAIL`; see there for the quirks: SovereignCloudStack/standards at 077174d9: `Tests/iaas/scs_0117_volume_backup/volume_backup.py`.
//!
//! A cloud without a backup service makes a backup that no user can delete. So a backup that an earlier run could not delete is tried first: if that says that there is no service, the verdict is known and nothing is made.

use reeve_openstack::{Method, Request, RequestError, Service};
use serde_json::{Value, json};

use super::{Made, aborted, judged};
use crate::facts::{Missing, missing};
use crate::resource::{Kind, MakeError, ResourceName, WaitError, Workshop, is_no_service};
use crate::verdict::Findings;

const ID: &str = "scs-0117-test-backup";

pub(super) async fn judge(workshop: &Workshop) -> Vec<Made> {
    let outcome = match backup(workshop).await {
        Ok(()) => Ok(Findings::default()),
        Err(Wrong::Broken {
            subject,
            detail,
            remedy,
        }) => {
            let mut findings = Findings::default();
            findings.violation(subject, detail, remedy);
            Ok(findings)
        }
        Err(Wrong::Aborted(missing)) => Err(missing),
    };
    vec![judged(ID, outcome)]
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

async fn backup(workshop: &Workshop) -> Result<(), Wrong> {
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
    let volume = workshop
        .make(Kind::Volume, "volume", json!({ "size": 1 }))
        .await
        .map_err(unmade("volume"))?;
    workshop
        .wait(&volume, "available", within)
        .await
        .map_err(unready("volume"))?;
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
    // Deleting is no part of the verdict; what does not go here is tried again at the end and told there.
    workshop.remove(&backup).await;
    futures::future::join(workshop.remove(&volume), workshop.remove(&restored)).await;
    Ok(())
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
