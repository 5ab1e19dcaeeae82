//! What is on volumes, in backups and in copies of volumes.
//!
//! Source: cinder: `api/contrib/volume_actions.py` – `_volume_upload_image`.

use serde_json::{Value, json};
use sha2::{Digest, Sha512};

use super::http::{Answered, Asked};
use super::state::State;

/// The size of a copy of a volume where copies are not whole, so that its digest is soon worked out; a real one is as large as the volume.
const COPY: usize = 2 << 20;

/// A new volume has what its image has, a new backup what its volume has.
pub(super) fn take(state: &mut State, collection: &str, thing: &Value, id: &str) {
    let from = match collection {
        "volumes" => {
            let Some(image) = thing["imageRef"].as_str() else {
                return;
            };
            let images = state.collections.get("images").into_iter().flatten();
            let format = images.clone().find(|known| known["id"] == image);
            let format = format.and_then(|image| image["disk_format"].as_str()).unwrap_or("raw");
            // A volume is raw, whatever its image is.
            let data = state
                .image_data
                .get(image)
                .map(|data| state.converter.raw(format, data));
            if let Some(data) = data {
                state.disk_data.insert(id.to_owned(), data);
            }
            return;
        }
        "backups" => thing["volume_id"]
            .as_str()
            .and_then(|volume| state.disk_data.get(volume)),
        _ => return,
    };
    if let Some(data) = from.cloned() {
        state.disk_data.insert(id.to_owned(), data);
    }
}

/// A restored volume has what the backup has, if the cloud keeps what it is given.
pub(super) fn restore(state: &mut State, backup: &str, volume: &str) {
    let mut data = state.disk_data.get(backup).cloned().unwrap_or_default();
    if let (true, Some(first)) = (state.loses_data, data.first_mut()) {
        *first = first.wrapping_add(1);
    }
    state.disk_data.insert(volume.to_owned(), data);
}

/// Copies a volume to an image.
pub(super) fn copy(state: &mut State, asked: &Asked, id: &str) -> Answered {
    let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
    let order = &body["os-volume_upload_image"];
    let volumes = state.collections.get("volumes").into_iter().flatten();
    let Some(volume) = volumes.clone().find(|volume| volume["id"] == id) else {
        let message = format!("Volume {id} could not be found.");
        return Answered::json(404, &json!({ "itemNotFound": { "code": 404, "message": message } }));
    };
    if volume["status"] != "available" || !order.is_object() {
        let message = "Invalid volume: status must be available";
        return Answered::json(400, &json!({ "badRequest": { "code": 400, "message": message } }));
    }
    let mut data = state.disk_data.get(id).cloned().unwrap_or_default();
    let gib = usize::try_from(volume["size"].as_u64().unwrap_or(0) << 30).unwrap_or(0);
    let size = if state.copies_whole { gib } else { COPY };
    if let (true, Some(first)) = (state.loses_data, data.first_mut()) {
        *first = first.wrapping_add(1);
    }
    data.resize(size.max(data.len()), state.behind_content);
    if let Some(volumes) = state.collections.get_mut("volumes")
        && let Some(volume) = volumes.iter_mut().find(|volume| volume["id"] == id)
    {
        volume["status"] = "uploading".into();
    }
    let image = format!("image-{}", state.next_number());
    state.add(
        "images",
        json!({ "id": image, "name": order["image_name"], "status": "active", "visibility": "private", "owner": "alpha-id", "size": data.len(),
            "os_hidden": false, "disk_format": order["disk_format"], "os_hash_algo": "sha512", "os_hash_value": hex::encode(Sha512::digest(&data)) }),
    );
    Answered::json(
        202,
        &json!({ "os-volume_upload_image": { "image_id": image, "status": "uploading" } }),
    )
}
