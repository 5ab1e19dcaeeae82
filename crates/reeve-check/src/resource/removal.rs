//! Deleting, and making sure that it is gone.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use reeve_openstack::{Method, Problem, Request, RequestError, Service, Session};
use tokio::time::Instant;

use super::kind::{Kind, find_kind};
use super::ledger::{Ledger, LedgerEntry, LedgerStatus, Line};
use super::owner::Owner;
use super::patience::Patience;
use crate::facts::missing;
use crate::outcome::LeftBehind;

/// The words of Cinder when nothing can delete a backup because the backup service is not there.
///
/// Source: cinder: `exception.py` – `ServiceNotFound`; Launchpad bug 2086683.
const NO_BACKUP_SERVICE: &str = "cinder-backup";

/// Longest time that is waited for something to be gone if something that may use it stays.
const AFTER_OTHERS: Duration = Duration::from_secs(20);

/// Deletes what a ledger names.
pub(crate) struct Remover<'a> {
    pub(crate) session: &'a Session,
    pub(crate) ledger: &'a Mutex<Ledger>,
    pub(crate) owner: &'a Owner,
    pub(crate) patience: &'a Patience,
}

/// Why something is still there.
struct Stuck {
    cause: String,
    remedy: Option<String>,
}

impl From<RequestError> for Stuck {
    fn from(error: RequestError) -> Stuck {
        Stuck {
            cause: missing(&error).cause,
            remedy: None,
        }
    }
}

impl Remover<'_> {
    /// Deletes everything that may still be there, what uses others first, and returns what stays.
    pub(crate) async fn remove_all(&self, telling: &(dyn Fn(String) + Sync)) -> Vec<LeftBehind> {
        let mut turns: BTreeMap<u8, Vec<LedgerEntry>> = BTreeMap::new();
        for entry in self.open() {
            turns.entry(entry.kind.turn()).or_default().push(entry);
        }
        let mut left: Vec<LeftBehind> = Vec::new();
        for entries in turns.into_values() {
            // What is used by something that stays will most likely stay as well; it is not waited for as long.
            let within = if left.is_empty() {
                self.patience.removal
            } else {
                self.patience.removal.min(AFTER_OTHERS)
            };
            let removals = entries.into_iter().map(|entry| async move {
                telling(format!("deleting {} {}", entry.kind.word(), entry.name));
                self.remove_within(&entry, within).await
            });
            left.extend(join_all(removals).await.into_iter().flatten());
        }
        left.sort();
        left
    }

    fn open(&self) -> Vec<LedgerEntry> {
        let ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        ledger.state().open().cloned().collect()
    }

    /// Deletes one thing, and returns it if it stays.
    pub(crate) async fn remove(&self, entry: &LedgerEntry) -> Option<LeftBehind> {
        self.remove_within(entry, self.patience.removal).await
    }

    async fn remove_within(&self, entry: &LedgerEntry, within: Duration) -> Option<LeftBehind> {
        let result = match &entry.id {
            Some(id) => self.remove_id(entry.kind, id, within).await,
            None => self.remove_named(entry, within).await,
        };
        let number = entry.number;
        let (line, left) = match result {
            Ok(()) => (Line::Gone { number }, None),
            Err(stuck) => {
                let id = entry.id.clone().or_else(|| self.known_id(number));
                let remedy = stuck.remedy.unwrap_or_else(|| match &id {
                    Some(id) => format!(
                        "`reeve check cleanup{}` tries again; by hand: {}",
                        self.login(),
                        entry.kind.delete_command(id)
                    ),
                    None => format!("`reeve check cleanup{}` looks for it again", self.login()),
                });
                let left = LeftBehind {
                    kind: entry.kind.word().to_owned(),
                    name: entry.name.clone(),
                    id,
                    cause: stuck.cause.clone(),
                    remedy,
                };
                (
                    Line::Stays {
                        number,
                        because: stuck.cause,
                    },
                    Some(left),
                )
            }
        };
        self.write(line);
        left
    }

    /// Returns what names the login, where it is not that of the run itself.
    fn login(&self) -> String {
        match self.owner.domain {
            Some(_) => format!(" --cloud {}", self.session.config().name),
            None => String::new(),
        }
    }

    fn known_id(&self, number: u32) -> Option<String> {
        let ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        ledger.state().entries.get(&number)?.id.clone()
    }

    /// A line that cannot be written makes the next cleanup look again for what is gone, and that is all.
    fn write(&self, line: Line) {
        let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = ledger.write(line) {
            tracing::warn!(%error, "the ledger could not be written");
        }
    }

    /// Looks for something by its name and deletes it. If it is not there, it is looked for once more a little later: the request that makes it may still be at work.
    async fn remove_named(&self, entry: &LedgerEntry, within: Duration) -> Result<(), Stuck> {
        for look in 0..2 {
            if look > 0 {
                tokio::time::sleep(self.patience.settle).await;
            }
            let wanted = |name: &str| name == entry.name;
            let found = find_kind(self.session, entry.kind, self.owner, &wanted).await?;
            for found in &found {
                self.write(Line::Made {
                    number: entry.number,
                    id: found.id.clone(),
                });
                self.remove_id(entry.kind, &found.id, within).await?;
            }
            if !found.is_empty() || entry.status == LedgerStatus::Gone {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Deletes something by its id and waits until it is gone. That it was not there is as good.
    async fn remove_id(&self, kind: Kind, id: &str, within: Duration) -> Result<(), Stuck> {
        let service = self.session.service(kind.service()).await?;
        let path = format!("{}/{id}", kind.path(&self.owner.user));
        let end = Instant::now() + within;
        let mut look = 0;
        loop {
            match service.send(&Request::new(Method::Delete, path.clone())).await {
                Ok(_) => break,
                Err(error) if error.is_not_found() && kind == Kind::Backup && is_no_service(&error) => {
                    return Err(no_backup_service(&error, id));
                }
                Err(error) if error.is_not_found() || self.is_hidden(&error, kind, id).await => return Ok(()),
                Err(error) if Instant::now() < end && may_pass(&error) => {}
                Err(error) => return Err(error.into()),
            }
            tokio::time::sleep(self.patience.pause(look)).await;
            look += 1;
        }
        // Keystone has deleted what it says that it has deleted, and "forbids" to look at it from then on.
        if Kind::OF_DOMAINS.contains(&kind) {
            return Ok(());
        }
        self.gone(&service, kind, &path, within, end).await
    }

    /// Tells whether a refusal means that the thing is not there: Keystone says "forbidden" and not "not found" of what it cannot look up in the domain of the login.
    async fn is_hidden(&self, error: &RequestError, kind: Kind, id: &str) -> bool {
        if !error.is_forbidden() || !Kind::OF_DOMAINS.contains(&kind) {
            return false;
        }
        let found = find_kind(self.session, kind, self.owner, &|_| true).await;
        found.is_ok_and(|found| found.iter().all(|found| found.id != id))
    }

    async fn gone(
        &self,
        service: &Service,
        kind: Kind,
        path: &str,
        within: Duration,
        end: Instant,
    ) -> Result<(), Stuck> {
        let mut look = 0;
        loop {
            let status = match service.json(&Request::get(path)).await {
                Err(error) if error.is_not_found() => return Ok(()),
                Err(error) if Instant::now() < end && error.is_transient() => String::new(),
                Err(error) => return Err(error.into()),
                Ok(value) => plain(value[kind.member()]["status"].as_str().unwrap_or_default()),
            };
            // Whoever may see deleted servers is shown them for a while.
            if status == "deleted" || status == "soft_deleted" {
                return Ok(());
            }
            if status == "error_deleting" {
                return Err(Stuck {
                    cause: "the service tried to delete it and failed (status `error_deleting`)".to_owned(),
                    remedy: None,
                });
            }
            if Instant::now() >= end {
                let after = within.as_secs();
                let cause = match status.as_str() {
                    "" => format!("{after} s after it was deleted it is still there"),
                    status => format!("{after} s after it was deleted it is still there (status `{status}`)"),
                };
                return Err(Stuck { cause, remedy: None });
            }
            tokio::time::sleep(self.patience.pause(look)).await;
            look += 1;
        }
    }
}

/// Returns a status of a cloud as it can be shown: small letters, digits and `_`.
fn plain(status: &str) -> String {
    let plain = |c: &char| c.is_ascii_alphanumeric() || *c == '_' || *c == '-';
    status.chars().filter(plain).take(40).collect::<String>().to_lowercase()
}

/// Tells whether a refusal to delete passes by itself: something is still at work, or still in use by what is being deleted.
fn may_pass(error: &RequestError) -> bool {
    matches!(
        error.problem,
        Problem::Conflict(_) | Problem::Rejected { code: 400, .. }
    ) || error.is_transient()
}

/// Tells whether a 404 is about the backup service and not about the backup.
pub(crate) fn is_no_service(error: &RequestError) -> bool {
    matches!(&error.problem, Problem::NotFound(said) if said.contains(NO_BACKUP_SERVICE))
}

fn no_backup_service(error: &RequestError, id: &str) -> Stuck {
    Stuck {
        cause: format!(
            "users of this cloud cannot delete it, because the cloud has no backup service that could (Launchpad bug 2086683): {}",
            missing(error).cause
        ),
        remedy: Some(format!(
            "start cinder-backup and run `reeve check cleanup`; or let an administrator set it free: `openstack volume backup set --state error {id}` and `openstack volume backup delete --force {id}`"
        )),
    }
}
