//! Names of objects whose contents must not travel.
//!
//! A list of metadata alone would still carry annotations, and `kubectl apply` keeps a copy of the whole Secret in one. A table
//! without objects holds what `kubectl get` prints: name, type, number of keys, age.
//!
//! Source: Kubernetes API reference: Receiving resources as Tables; `includeObject=None`.

use std::collections::BTreeSet;

use http::Request;
use serde::Deserialize;
use serde_json::Value;

use crate::cluster::Cluster;
use crate::error::{Problem, RequestError};
use crate::page::{MAX_PAGES, PAGE_SIZE};

pub(crate) const TABLE_MIME: &str = "application/json;as=Table;v=v1;g=meta.k8s.io";

#[derive(Deserialize)]
struct Table {
    kind: String,
    #[serde(default)]
    metadata: ListMetadata,
    #[serde(rename = "columnDefinitions", default)]
    columns: Vec<Column>,
    #[serde(default)]
    rows: Option<Vec<Row>>,
}

#[derive(Default, Deserialize)]
struct ListMetadata {
    #[serde(rename = "continue", default)]
    next: Option<String>,
}

#[derive(Deserialize)]
struct Column {
    name: String,
}

#[derive(Deserialize)]
struct Row {
    cells: Vec<Value>,
}

impl Cluster {
    /// Returns the names of all objects of a core resource in a namespace, `secrets` or `configmaps`, and nothing else of them.
    pub(crate) async fn names(
        &self,
        resource: &'static str,
        namespace: &str,
    ) -> Result<BTreeSet<String>, RequestError> {
        let action = format!("list the names of {resource} in namespace {namespace}");
        let mut names = BTreeSet::new();
        let mut next = String::new();
        for _ in 0..MAX_PAGES {
            let mut uri = format!("/api/v1/namespaces/{namespace}/{resource}?includeObject=None&limit={PAGE_SIZE}");
            if !next.is_empty() {
                // Tokens are unpadded URL-safe base64; anything else would not be one of ours to send back.
                if !next.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_=.".contains(&b)) {
                    return Err(self.failed(
                        &action,
                        Problem::Garbage("the continue token has characters of no token".into()),
                    ));
                }
                uri.push_str("&continue=");
                uri.push_str(&next);
            }
            let request = Request::get(uri)
                .header(http::header::ACCEPT, TABLE_MIME)
                .body(Vec::new());
            let request = request.map_err(|error| self.failed(&action, Problem::Garbage(error.to_string())))?;
            let table: Table = self.ask(&action, self.client().request(request)).await?;
            let column = table.columns.iter().position(|column| column.name == "Name");
            let (Some(column), "Table") = (column, table.kind.as_str()) else {
                return Err(self.failed(&action, Problem::Garbage("it is no table with names".into())));
            };
            let cells = table
                .rows
                .into_iter()
                .flatten()
                .filter_map(|row| row.cells.into_iter().nth(column));
            names.extend(cells.filter_map(|cell| cell.as_str().map(str::to_owned)));
            match table.metadata.next.filter(|token| !token.is_empty()) {
                Some(token) => next = token,
                None => return Ok(names),
            }
        }
        Err(self.failed(
            &action,
            Problem::TooMany {
                limit: PAGE_SIZE as usize * MAX_PAGES,
            },
        ))
    }
}
