//! Lists, page by page.

use std::fmt::Debug;
use std::future::Future;

use kube::api::{Api, ListParams, ObjectList};
use serde::de::DeserializeOwned;

use crate::cluster::Cluster;
use crate::error::{Problem, RequestError};

/// Entries asked for at once.
pub const PAGE_SIZE: u32 = 500;
/// Most pages of one list; 50,000 entries.
pub const MAX_PAGES: usize = 100;

impl Cluster {
    /// Lists everything that `params` selects.
    pub(crate) async fn list_all<K>(
        &self,
        action: &str,
        api: &Api<K>,
        params: ListParams,
    ) -> Result<Vec<K>, RequestError>
    where
        K: Clone + DeserializeOwned + Debug,
    {
        self.pages(action, params, |params| async move { api.list(&params).await })
            .await
    }

    /// Asks for page after page until the list ends.
    pub(crate) async fn pages<T, F>(
        &self,
        action: &str,
        params: ListParams,
        page: impl Fn(ListParams) -> F,
    ) -> Result<Vec<T>, RequestError>
    where
        T: Clone,
        F: Future<Output = kube::Result<ObjectList<T>>>,
    {
        let mut all = Vec::new();
        let mut params = params.limit(PAGE_SIZE);
        for _ in 0..MAX_PAGES {
            let list = self.ask(action, page(params.clone())).await?;
            all.extend(list.items);
            match list.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params.continue_token = Some(token),
                None => return Ok(all),
            }
        }
        Err(self.failed(
            action,
            Problem::TooMany {
                limit: PAGE_SIZE as usize * MAX_PAGES,
            },
        ))
    }
}
