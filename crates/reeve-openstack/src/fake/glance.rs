//! Images that are made, and uploaded to or imported to.
//!
//! An upload whose connection breaks off leaves an image without data, and the image keeps its place until somebody deletes it. Source: glance: `api/v2/image_data.py` –
//! `ImageDataController.upload`, `_restore`; `location.py` – `ImageProxy.set_data` (the digest); `api/v2/images.py` – `import_image`;
//! `async_/flows/plugins/image_conversion.py`.

use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest, Sha512};

use super::http::{Answered, Asked};
use super::state::State;

/// What Glance lets be made, if the documents of the state say nothing else.
const DISK_FORMATS: [&str; 5] = ["ami", "iso", "qcow2", "raw", "vmdk"];

/// Returns the image to which a request uploads, for its store or for the staging area.
pub(super) fn uploads_to<'a>(method: &str, path: &'a str) -> Option<&'a str> {
    let (id, what) = path.strip_prefix("/image/v2/images/")?.split_once('/')?;
    (method == "PUT" && matches!(what, "file" | "stage")).then_some(id)
}

/// An upload's head has come; returns how long to wait before each piece, and after how many bytes the connection ends.
pub(super) fn begin_upload(state: &mut State, id: &str, token: Option<&str>) -> (Option<Duration>, Option<usize>) {
    if state.accepts(token)
        && let Some(image) = image(state, id)
        && image["status"] == "queued"
    {
        image["status"] = "saving".into();
    }
    (state.upload_pause, state.break_upload_at.take())
}

/// The rest of an upload does not come.
pub(super) fn broken_upload(state: &mut State, id: &str) {
    let status = state.broken_upload_status.clone();
    if let Some(image) = image(state, id)
        && image["status"] == "saving"
    {
        image["status"] = status.into();
    }
}

/// Answers a request about an image.
pub(super) fn answer(state: &mut State, asked: &Asked) -> Option<Answered> {
    let path = asked.path.trim_end_matches('/').to_owned();
    let rest: Vec<&str> = path.strip_prefix("/image/v2/")?.split('/').collect();
    Some(match (asked.method.as_str(), rest.as_slice()) {
        ("GET", ["schemas", "image"]) => {
            let formats = json!({ "enum": DISK_FORMATS });
            Answered::json(
                200,
                &json!({ "name": "image", "properties": { "disk_format": formats } }),
            )
        }
        ("GET", ["info", "import"]) => {
            let methods = json!({ "description": "Import methods available.", "type": "array", "value": ["glance-direct", "web-download"] });
            Answered::json(200, &json!({ "import-methods": methods }))
        }
        ("POST", ["images"]) => make(state, asked),
        ("GET", ["images", id]) => match image(state, id) {
            Some(image) => Answered::json(200, image),
            None => absent(id),
        },
        ("DELETE", ["images", id]) => delete(state, id),
        ("PUT", ["images", id, "file"]) => upload(state, asked, id),
        ("PUT", ["images", id, "stage"]) => stage(state, asked, id),
        ("POST", ["images", id, "import"]) => import(state, asked, id),
        _ => return None,
    })
}

fn image<'a>(state: &'a mut State, id: &str) -> Option<&'a mut Value> {
    let images = state.collections.get_mut("images")?;
    images.iter_mut().find(|image| image["id"] == id)
}

fn absent(id: &str) -> Answered {
    said(404, &format!("No image found with ID {id}"))
}

/// Glance answers errors as pages for browsers.
fn said(status: u16, message: &str) -> Answered {
    Answered {
        status,
        headers: vec![("content-type".to_owned(), "text/plain".to_owned())],
        body: message.to_owned(),
    }
}

fn make(state: &mut State, asked: &Asked) -> Answered {
    let mut image: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
    if !image.is_object() {
        return said(400, "the body is no image");
    }
    let allowed = state.documents.get("/image/v2/schemas/image").map_or_else(
        || json!(DISK_FORMATS),
        |schema| schema["properties"]["disk_format"]["enum"].clone(),
    );
    if allowed
        .as_array()
        .is_some_and(|allowed| !allowed.contains(&image["disk_format"]))
    {
        return said(400, "Provided object does not match schema 'image'");
    }
    let number = state.next_number();
    for (key, value) in [
        ("id", json!(format!("image-{number}"))),
        ("status", json!("queued")),
        ("owner", json!("alpha-id")),
        ("size", Value::Null),
        ("os_hash_algo", Value::Null),
        ("os_hash_value", Value::Null),
        ("os_hidden", json!(false)),
    ] {
        image[key] = value;
    }
    if image["visibility"].is_null() {
        image["visibility"] = "shared".into();
    }
    state.add("images", image.clone());
    Answered::json(201, &image)
}

fn delete(state: &mut State, id: &str) -> Answered {
    match image(state, id) {
        None => return absent(id),
        Some(image) if image["protected"] == true => {
            return said(403, &format!("Image {id} is protected and cannot be deleted."));
        }
        Some(_) => {}
    }
    if let Some(images) = state.collections.get_mut("images") {
        images.retain(|image| image["id"] != id);
    }
    state.image_data.remove(id);
    state.staged.remove(id);
    nothing(204)
}

/// Takes data into the staging area: the image has none yet.
fn stage(state: &mut State, asked: &Asked, id: &str) -> Answered {
    let Some(image) = image(state, id) else {
        return absent(id);
    };
    if image["status"] != "saving" {
        return said(409, "The image is not in a state in which data can be staged.");
    }
    image["status"] = "uploading".into();
    state.staged.insert(id.to_owned(), asked.body.clone());
    nothing(204)
}

/// Makes an image of what was staged.
fn import(state: &mut State, asked: &Asked, id: &str) -> Answered {
    let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
    if body["method"]["name"] != "glance-direct" {
        return said(400, "Unknown import method name");
    }
    let Some(data) = state.staged.remove(id) else {
        return said(409, "Only images with status \"uploading\" can be imported");
    };
    let store = match store(state, body["stores"][0].as_str()) {
        Ok(store) => store,
        Err(refused) => return refused,
    };
    let format = image(state, id).map(|image| image["disk_format"].clone());
    let format = format.as_ref().and_then(Value::as_str).unwrap_or("raw");
    let data = match state.converts_imports {
        true => state.converter.raw(format, &data),
        false => data,
    };
    let is_raw = state.converts_imports;
    let Some(image) = image(state, id) else {
        return absent(id);
    };
    if is_raw {
        image["disk_format"] = "raw".into();
    }
    hold(image, &data, store);
    state.image_data.insert(id.to_owned(), data);
    nothing(202)
}

fn nothing(status: u16) -> Answered {
    Answered {
        status,
        headers: Vec::new(),
        body: String::new(),
    }
}

/// Returns the store that was asked for, or the default one; null where the cloud has only one.
fn store(state: &State, wanted: Option<&str>) -> Result<Value, Answered> {
    let known = state
        .documents
        .get("/image/v2/info/stores")
        .map(|known| known["stores"].clone());
    let known = known.as_ref().and_then(Value::as_array);
    match (known, wanted) {
        (Some(known), Some(wanted)) if known.iter().any(|store| store["id"] == wanted) => Ok(json!(wanted)),
        (_, Some(_)) => Err(said(400, "Invalid backend requested")),
        (Some(known), None) => {
            let first = known.iter().find(|store| store["default"] == true);
            Ok(first.map(|store| store["id"].clone()).unwrap_or_default())
        }
        (None, None) => Ok(Value::Null),
    }
}

/// Lets an image have its data.
fn hold(image: &mut Value, data: &[u8], store: Value) {
    if !store.is_null() {
        image["stores"] = store;
    }
    image["status"] = "active".into();
    image["size"] = data.len().into();
    image["os_hash_algo"] = "sha512".into();
    image["os_hash_value"] = hex::encode(Sha512::digest(data)).into();
}

fn upload(state: &mut State, asked: &Asked, id: &str) -> Answered {
    let store = match store(state, asked.store.as_deref()) {
        Ok(store) => store,
        Err(refused) => return refused,
    };
    let Some(image) = image(state, id) else {
        return absent(id);
    };
    if image["status"] != "saving" {
        return said(409, "The image is not in a state in which data can be uploaded to it.");
    }
    hold(image, &asked.body, store);
    state.image_data.insert(id.to_owned(), asked.body.clone());
    nothing(204)
}
