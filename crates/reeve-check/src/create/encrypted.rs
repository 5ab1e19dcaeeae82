//! Volumes of types that are said to be encrypted.

use futures::future::join_all;
use serde_json::json;

use super::{Made, aborted, judged};
use crate::check::aspects;
use crate::facts::{Facts, Missing, VolumeType};
use crate::resource::{Kind, MakeError, WaitError, Workshop};
use crate::verdict::Findings;

const ID: &str = "scsx-0114-encrypted";

/// Most types that are tried.
const MAX_TYPES: usize = 4;

pub(super) async fn judge(facts: &Facts, workshop: &Workshop) -> Vec<Made> {
    let types = match &facts.volume_types {
        Err(missing) => return vec![judged(ID, Err(missing.clone()))],
        Ok(types) => types,
    };
    let said: Vec<&VolumeType> = types
        .iter()
        .filter(|volume_type| aspects(volume_type).contains(&"encrypted"))
        .take(MAX_TYPES)
        .collect();
    if said.is_empty() {
        return vec![Made::Skipped {
            id: ID.to_owned(),
            because: "no volume type is said to be encrypted".to_owned(),
        }];
    }
    let tried = join_all(said.iter().map(|volume_type| one(volume_type, workshop))).await;
    let outcome = tried.into_iter().try_fold(Findings::default(), |mut all, one| {
        all.extend(one?);
        Ok(all)
    });
    vec![judged(ID, outcome)]
}

async fn one(volume_type: &VolumeType, workshop: &Workshop) -> Result<Findings, Missing> {
    let mut findings = Findings::default();
    let members = json!({ "size": 1, "volume_type": volume_type.name });
    let volume = match workshop.make(Kind::Volume, "encrypted", members).await {
        Ok(volume) => volume,
        Err(error @ MakeError::Ledger(_)) => {
            return Err(aborted(&error, "see that the folder of the ledgers can be written"));
        }
        Err(error) => return Err(aborted(&error, "see that a quota for volumes of this type is left")),
    };
    let ready = workshop.wait(&volume, "available", workshop.patience().volume).await;
    workshop.remove(&volume).await;
    match ready {
        Ok(value) if value["encrypted"] == true => {}
        Ok(_) => findings.violation(
            volume_type.subject(),
            "its description lists `encrypted`, but a new volume of it is not encrypted",
            format!(
                "`openstack volume type set --encryption-provider luks {}`, or take the aspect out of the description",
                volume_type.id
            ),
        ),
        Err(error @ WaitError::Status { .. }) => findings.violation(
            volume_type.subject(),
            format!("its description lists `encrypted`, but no volume of it can be made: {error}"),
            "see that the key manager works and that the log of cinder-volume says why",
        ),
        // A volume that takes long says nothing about what it will be.
        Err(error) => {
            return Err(aborted(
                &error,
                "see what the log of cinder-volume says, and run the check again",
            ));
        }
    }
    Ok(findings)
}
