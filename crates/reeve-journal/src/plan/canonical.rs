//! Canonical JSON, and the digests over it.
//!
//! Canonical means: keys sorted by their bytes, no white space, text escaped as serde_json does. For ordinary text that is what
//! `jq -S -c -j 'del(.digest)' plan.json | sha256sum` hashes, so that a digest can be checked without this program.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::Plan;

/// Returns `sha256:` and the SHA-256 in hexadecimal of the value's canonical JSON.
///
/// # Panics
///
/// If the value cannot be JSON at all, such as a map whose keys are not text; that is a mistake in the program, not in data.
#[must_use]
pub fn digest_of(value: &impl Serialize) -> String {
    let mut hash = HashWriter::default();
    hash.value(value);
    hash.finish()
}

/// Returns the digest of a plan without its `digest` field.
///
/// Hand-overs are turned to JSON one at a time, because a plan of a large cluster as one JSON tree needs more memory than the plan.
pub(super) fn plan_digest(plan: &Plan) -> String {
    let Plan {
        format,
        operation,
        made_by,
        target,
        options,
        facts,
        summary,
        phases,
        points_of_no_return,
        digest: _,
    } = plan;
    let mut hash = HashWriter::default();
    hash.raw("{");
    hash.key("facts").value(facts);
    hash.raw(",").key("format").value(format);
    hash.raw(",").key("made_by").value(made_by);
    hash.raw(",").key("operation").value(operation);
    hash.raw(",").key("options").value(options);
    hash.raw(",").key("phases").raw("[");
    for (at, phase) in phases.iter().enumerate() {
        hash.raw(if at == 0 { "{" } else { ",{" }).key("hand_overs").raw("[");
        for (at, hand_over) in phase.hand_overs.iter().enumerate() {
            hash.raw(if at == 0 { "" } else { "," }).value(hand_over);
        }
        hash.raw("]");
        hash.raw(",").key("name").value(&phase.name);
        hash.raw(",").key("title").value(&phase.title);
        hash.raw(",").key("why").value(&phase.why);
        hash.raw("}");
    }
    hash.raw("]");
    hash.raw(",").key("points_of_no_return").value(points_of_no_return);
    hash.raw(",").key("summary").value(summary);
    hash.raw(",").key("target").value(target);
    hash.raw("}");
    hash.finish()
}

#[derive(Default)]
struct HashWriter(Sha256);

impl HashWriter {
    fn raw(&mut self, text: &str) -> &mut Self {
        self.0.update(text);
        self
    }

    fn key(&mut self, key: &str) -> &mut Self {
        self.raw("\"").raw(key).raw("\":")
    }

    fn value(&mut self, value: &impl Serialize) -> &mut Self {
        let tree = serde_json::to_value(value).expect("plan and facts types serialise to JSON");
        let mut text = Vec::new();
        write_sorted(&tree, &mut text).expect("writing to memory does not fail");
        self.0.update(&text);
        self
    }

    fn finish(self) -> String {
        format!("sha256:{}", hex::encode(self.0.finalize()))
    }
}

/// Writes a value with the keys of every object sorted, whatever order serde_json's map keeps in this build.
fn write_sorted(value: &Value, out: &mut Vec<u8>) -> io::Result<()> {
    match value {
        Value::Array(items) => {
            out.write_all(b"[")?;
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.write_all(b",")?;
                }
                write_sorted(item, out)?;
            }
            out.write_all(b"]")
        }
        Value::Object(fields) => {
            let mut keys: Vec<&String> = fields.keys().collect();
            keys.sort_unstable();
            out.write_all(b"{")?;
            for (at, key) in keys.into_iter().enumerate() {
                if at > 0 {
                    out.write_all(b",")?;
                }
                serde_json::to_writer(&mut *out, key)?;
                out.write_all(b":")?;
                write_sorted(&fields[key], out)?;
            }
            out.write_all(b"}")
        }
        plain => Ok(serde_json::to_writer(out, plain)?),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plan::sample;

    #[test]
    fn keys_are_sorted_and_digests_do_not_depend_on_their_order() {
        let mut text = Vec::new();
        write_sorted(&json!({"b": [1, {"d": null, "c": "ä\n"}], "a": 0.85}), &mut text).unwrap();
        assert_eq!(
            String::from_utf8(text).unwrap(),
            r#"{"a":0.85,"b":[1,{"c":"ä\n","d":null}]}"#
        );
    }

    #[test]
    fn an_empty_object_has_the_digest_that_sha256sum_prints() {
        assert_eq!(
            digest_of(&json!({})),
            "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
        );
    }

    #[test]
    fn the_plan_digest_is_that_of_the_whole_tree_without_the_digest() {
        let plan = sample::plan(3).seal();
        let mut tree = serde_json::to_value(&plan).unwrap();
        tree.as_object_mut().unwrap().remove("digest");
        assert_eq!(plan.digest, digest_of(&tree));
    }
}
