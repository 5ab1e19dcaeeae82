//! Making things for one run: the ledger first, then the cloud.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reeve_openstack::{Method, Microversion, Request, RequestError, Session};
use serde_json::Value;
use tokio::time::Instant;

use super::kind::Kind;
use super::ledger::{Ledger, LedgerEntry, LedgerError, LedgerStatus, Line};
use super::name::{ResourceName, RunId};
use super::owner::Owner;
use super::patience::Patience;
use super::removal::Remover;
use crate::facts::missing;
use crate::outcome::LeftBehind;
use crate::run::{Event, Telling};

/// Makes things for one run.
pub(crate) struct Workshop {
    session: Session,
    ledger: Arc<Mutex<Ledger>>,
    run: RunId,
    owner: Owner,
    patience: Patience,
    telling: Telling,
}

/// Something that was made.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    number: u32,
    kind: Kind,
    pub(crate) name: String,
    pub(crate) id: String,
    /// What the service said about it.
    pub(crate) answer: Value,
}

/// Something could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MakeError {
    #[error("{} could not be made: {}", .kind.word(), missing(.source).cause)]
    Request { kind: Kind, source: Box<RequestError> },
    #[error("nothing was made, because it could not be written down first")]
    Ledger(#[from] LedgerError),
    #[error("the answer to making a {} has no id", .0.word())]
    NoId(Kind),
}

/// Something did not become what was waited for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WaitError {
    #[error("{}", missing(.0).cause)]
    Request(Box<RequestError>),
    #[error("it has the status `{status}`{}", because(.fault))]
    Status { status: String, fault: String },
    #[error("after {after} s it has the status `{status}` and not `{wanted}`")]
    Deadline { after: u64, status: String, wanted: String },
}

fn because(fault: &str) -> String {
    if fault.is_empty() {
        String::new()
    } else {
        format!(": {fault}")
    }
}

impl Workshop {
    pub(crate) fn new(
        session: Session,
        ledger: Ledger,
        owner: Owner,
        patience: Patience,
        telling: Telling,
    ) -> Workshop {
        Workshop {
            session,
            run: ledger.state().head.run.clone(),
            ledger: Arc::new(Mutex::new(ledger)),
            owner,
            patience,
            telling,
        }
    }

    pub(crate) const fn session(&self) -> &Session {
        &self.session
    }

    pub(crate) const fn owner(&self) -> &Owner {
        &self.owner
    }

    pub(crate) const fn run(&self) -> &RunId {
        &self.run
    }

    pub(crate) const fn patience(&self) -> &Patience {
        &self.patience
    }

    /// Says what is being done.
    pub(crate) fn tell(&self, what: impl Into<String>) {
        (self.telling)(Event::Doing(what.into()));
    }

    /// Makes one of a kind; `word` says in its name what it is for, `members` are all members but name and mark.
    pub(crate) async fn make(&self, kind: Kind, word: &str, members: Value) -> Result<Made, MakeError> {
        self.make_at(kind, word, &kind.path(&self.owner.user), None, |name| {
            kind.body(name, &self.run, members)
        })
        .await
    }

    /// Makes one of a kind by a request of its own form to `path`.
    pub(crate) async fn make_at(
        &self,
        kind: Kind,
        word: &str,
        path: &str,
        microversion: Option<Microversion>,
        body: impl FnOnce(&str) -> Value,
    ) -> Result<Made, MakeError> {
        let failed = |source: RequestError| MakeError::Request {
            kind,
            source: Box::new(source),
        };
        // Whatever may fail without anything being made comes before the line about it.
        let service = self.session.service(kind.service()).await.map_err(failed)?;
        let (number, name) = self.intend(kind, word)?;
        self.tell(format!("making {} {name}", kind.word()));
        let mut request = Request::new(Method::Post, path).with_body(body(&name));
        if let Some(microversion) = microversion {
            request = request.at(microversion);
        }
        let answer = match service.json(&request).await {
            Ok(answer) => answer,
            Err(error) => {
                self.refused(number, &error)?;
                return Err(failed(error));
            }
        };
        let inner = match &answer[kind.member()] {
            Value::Null => &answer,
            inner => inner,
        };
        // A restoration answers with the volume that it makes.
        let id = kind
            .id_of(inner)
            .or_else(|| answer["restore"]["volume_id"].as_str().map(str::to_owned))
            .ok_or(MakeError::NoId(kind))?;
        let made = self.found(number, kind, name, id)?;
        Ok(Made { answer, ..made })
    }

    /// Writes down that something is about to come into being that no request of its own makes, and returns its number and name.
    pub(crate) fn intend(&self, kind: Kind, word: &str) -> Result<(u32, String), LedgerError> {
        let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        let number = ledger.state().entries.keys().next_back().map_or(1, |last| last + 1);
        let name = ResourceName {
            run: self.run.clone(),
            number,
            word: word.to_owned(),
        }
        .to_string();
        ledger.write(Line::Intent {
            number,
            kind,
            name: name.clone(),
        })?;
        Ok((number, name))
    }

    /// Writes down that something was not made, if an error says so for certain; otherwise it may be there.
    pub(crate) fn refused(&self, number: u32, error: &RequestError) -> Result<(), LedgerError> {
        if !is_refusal(error) {
            return Ok(());
        }
        let because = missing(error).cause;
        self.write(Line::Refused { number, because })
    }

    /// Writes down that something that was intended came into being, and what its id is.
    pub(crate) fn found(&self, number: u32, kind: Kind, name: String, id: String) -> Result<Made, LedgerError> {
        self.write(Line::Made { number, id: id.clone() })?;
        Ok(Made {
            number,
            kind,
            name,
            id,
            answer: Value::Null,
        })
    }

    fn write(&self, line: Line) -> Result<(), LedgerError> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner).write(line)
    }

    /// Looks at something until it has the status `wanted`, and returns it.
    pub(crate) async fn wait(&self, made: &Made, wanted: &str, within: Duration) -> Result<Value, WaitError> {
        let failed = |error: RequestError| WaitError::Request(Box::new(error));
        let service = self.session.service(made.kind.service()).await.map_err(failed)?;
        let path = format!("{}/{}", made.kind.path(&self.owner.user), made.id);
        let began = Instant::now();
        let mut look = 0;
        loop {
            let status = match service.json(&Request::get(path.as_str())).await {
                Err(error) if error.is_transient() && began.elapsed() < within => "not known".to_owned(),
                Err(error) => return Err(failed(error)),
                Ok(mut answer) => {
                    let value = match answer[made.kind.member()].take() {
                        Value::Null => answer,
                        value => value,
                    };
                    let status = value["status"].as_str().unwrap_or_default().to_owned();
                    if status.eq_ignore_ascii_case(wanted) {
                        return Ok(value);
                    }
                    if status.to_lowercase().starts_with("error") {
                        let fault = value["fault"]["message"]
                            .as_str()
                            .or_else(|| value["fail_reason"].as_str());
                        return Err(WaitError::Status {
                            status,
                            fault: fault.unwrap_or_default().chars().take(300).collect(),
                        });
                    }
                    status
                }
            };
            if began.elapsed() >= within {
                return Err(WaitError::Deadline {
                    after: within.as_secs(),
                    status,
                    wanted: wanted.to_owned(),
                });
            }
            self.tell(format!(
                "{} {} is {}, for {} s now",
                made.kind.word(),
                made.name,
                status.to_lowercase(),
                began.elapsed().as_secs()
            ));
            tokio::time::sleep(self.patience.pause(look)).await;
            look += 1;
        }
    }

    /// Writes down that something is gone, which whoever deleted it knows for certain.
    pub(crate) fn gone(&self, made: &Made) {
        // A line that cannot be written makes the end of the run look again for what is gone, and that is all.
        if let Err(error) = self.write(Line::Gone { number: made.number }) {
            tracing::warn!(%error, "the ledger could not be written");
        }
    }

    /// Deletes something before the end of the run. What stays is tried again at the end.
    pub(crate) async fn remove(&self, made: &Made) -> Option<LeftBehind> {
        self.tell(format!("deleting {} {}", made.kind.word(), made.name));
        let entry = LedgerEntry {
            number: made.number,
            kind: made.kind,
            name: made.name.clone(),
            id: Some(made.id.clone()),
            status: LedgerStatus::Made,
        };
        self.remover().remove(&entry).await
    }

    /// Deletes everything that may be there and returns what stays.
    pub(crate) async fn remove_all(&self) -> Vec<LeftBehind> {
        self.remover().remove_all(&|what| self.tell(what)).await
    }

    /// Returns how many things were made, or may have been.
    pub(crate) fn made(&self) -> usize {
        self.ledger
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .state()
            .entries
            .values()
            .filter(|entry| entry.id.is_some())
            .count()
    }

    /// Ends the work: the ledger of a run that left nothing is taken away.
    pub(crate) fn end(self) {
        if let Ok(ledger) = Arc::try_unwrap(self.ledger) {
            ledger.into_inner().unwrap_or_else(PoisonError::into_inner).end();
        }
    }

    fn remover(&self) -> Remover<'_> {
        Remover {
            session: &self.session,
            ledger: &self.ledger,
            owner: &self.owner,
            patience: &self.patience,
        }
    }
}

/// Tells whether an error says for certain that nothing was made.
fn is_refusal(error: &RequestError) -> bool {
    error
        .status
        .is_some_and(|status| (400..500).contains(&status) && status != 408)
}
