//! Cleaning up after runs that did not get to it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use camino::Utf8PathBuf;
use jiff::{SignedDuration, Timestamp};
use reeve_openstack::{RequestError, Session};

use super::kind::{Found, find_ours};
use super::ledger::{Ledger, LedgerError, LedgerHead, Line, read_ledgers, run_of};
use super::name::{ResourceName, RunId};
use super::owner::Owner;
use super::patience::Patience;
use super::removal::Remover;
use crate::outcome::LeftBehind;
use crate::run::{Event, Telling};

/// What to clean up.
#[derive(Clone, Debug)]
pub struct CleanupOptions {
    /// The folder with the ledgers.
    pub ledgers: Utf8PathBuf,
    /// Only this run.
    pub run: Option<RunId>,
    /// Runs without a ledger here, made on another machine perhaps, are cleaned up if they began longer ago than this: they might be at work.
    pub older_than: SignedDuration,
    /// Only say what would be deleted.
    pub only_show: bool,
    /// How long is waited for what.
    pub patience: Patience,
    /// The program and its version.
    pub tool: String,
}

/// What cleaning up came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CleanupOutcome {
    /// What was deleted, or would be: `volume scsx-… (id)`.
    pub deleted: Vec<String>,
    /// What is still there, and why.
    pub left: Vec<LeftBehind>,
    /// Runs that were let alone, and why.
    pub skipped: Vec<(RunId, String)>,
    /// Ledgers that cannot be read, and why.
    pub unreadable: Vec<String>,
}

/// Cleaning up failed before it could begin or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CleanupError {
    /// The cloud could not be asked.
    #[error("what is in the project could not be listed")]
    Cloud(#[from] RequestError),
    /// The ledgers cannot be used.
    #[error("the ledgers cannot be used")]
    Ledger(#[from] LedgerError),
}

/// Deletes what earlier runs made in the project, or the domain, of the login and did not delete: everything that ledgers here name, and everything with name and mark of a run that is over.
///
/// A repeat deletes nothing more. A run that is at work, here or possibly elsewhere, is let alone.
///
/// # Errors
///
/// [`CleanupError`] if the project cannot be listed or the folder of ledgers not be read; what could not be deleted is no error but stands in the outcome.
pub async fn cleanup(
    session: &Session,
    options: &CleanupOptions,
    now: Timestamp,
    telling: &Telling,
) -> Result<CleanupOutcome, CleanupError> {
    let owner = Owner::of(&session.token().await?);
    let mut outcome = CleanupOutcome::default();
    let mut ledgers = Vec::new();
    for path in read_ledgers(&options.ledgers)? {
        let Some(run) = run_of(&path) else {
            continue;
        };
        if options.run.as_ref().is_some_and(|wanted| *wanted != run) {
            continue;
        }
        match Ledger::take_up(&path) {
            Ok(ledger) => match of_other_cloud(&ledger.state().head, session, &owner) {
                None => ledgers.push(ledger),
                Some(why) => outcome.skipped.push((run, why)),
            },
            Err(LedgerError::Held { .. }) => outcome.skipped.push((run, "it is at work".to_owned())),
            Err(error) => outcome.unreadable.push(with_cause(&error)),
        }
    }
    telling(Event::Doing("looking for what runs left".to_owned()));
    let found = find_ours(session, &|name| ResourceName::parse(name).is_some()).await?;
    adopt(&found, &mut ledgers, options, now, &mut outcome, |run| {
        let head = LedgerHead::new(run, options.tool.clone(), session.config(), &owner, now);
        Ledger::begin(&options.ledgers, head)
    })?;
    for ledger in ledgers {
        let open: Vec<String> = ledger
            .state()
            .open()
            .map(|entry| match &entry.id {
                Some(id) => format!("{} {} ({id})", entry.kind.word(), entry.name),
                None => format!("{} {}, if it is there", entry.kind.word(), entry.name),
            })
            .collect();
        if options.only_show {
            outcome.deleted.extend(open);
            // A ledger that was only begun to show something is not kept.
            continue;
        }
        let ledger = Mutex::new(ledger);
        let remover = Remover {
            session,
            ledger: &ledger,
            owner: &owner,
            patience: &options.patience,
        };
        let left = remover.remove_all(&|what| telling(Event::Doing(what))).await;
        let stays = |text: &String| left.iter().any(|left| text.contains(&left.name));
        outcome.deleted.extend(open.into_iter().filter(|text| !stays(text)));
        outcome.left.extend(left);
        ledger.into_inner().unwrap_or_else(PoisonError::into_inner).end();
    }
    outcome.deleted.sort();
    outcome.left.sort();
    Ok(outcome)
}

/// Puts what was found and no ledger names into ledgers: into that of its run if it is here, else into a new one.
fn adopt(
    found: &[Found],
    ledgers: &mut Vec<Ledger>,
    options: &CleanupOptions,
    now: Timestamp,
    outcome: &mut CleanupOutcome,
    begin: impl Fn(RunId) -> Result<Ledger, LedgerError>,
) -> Result<(), LedgerError> {
    let mut of_runs: BTreeMap<RunId, Vec<&Found>> = BTreeMap::new();
    for found in found {
        let named = |ledger: &Ledger| ledger.state().open().any(|entry| entry.name == found.name);
        if let Some(parsed) = found.parsed.as_ref().filter(|_| !ledgers.iter().any(named)) {
            of_runs.entry(parsed.run.clone()).or_default().push(found);
        }
    }
    for (run, things) in of_runs {
        let is_wanted = options.run.as_ref().is_none_or(|wanted| *wanted == run);
        if !is_wanted || outcome.skipped.iter().any(|(skipped, _)| *skipped == run) {
            continue;
        }
        let known = ledgers.iter().position(|ledger| ledger.state().head.run == run);
        let age = now.duration_since(run.began_at());
        if options.run.is_none() && known.is_none() && age <= options.older_than {
            let minutes = age.as_mins().max(0);
            let why = format!(
                "it began {minutes} minutes ago and may be at work on another machine; `--run {run}` cleans it up all the same"
            );
            outcome.skipped.push((run, why));
            continue;
        }
        let (marked, unmarked): (Vec<&Found>, Vec<&Found>) = things.into_iter().partition(|found| found.marked);
        outcome.left.extend(unmarked.into_iter().map(|found| LeftBehind {
            kind: found.kind.word().to_owned(),
            name: found.name.clone(),
            id: Some(found.id.clone()),
            cause:
                "its name is one of ours, but it does not have the mark, so somebody else may have made it".to_owned(),
            remedy: format!("if nobody needs it: {}", found.kind.delete_command(&found.id)),
        }));
        if options.only_show {
            let shown = marked
                .iter()
                .map(|found| format!("{} {} ({})", found.kind.word(), found.name, found.id));
            outcome.deleted.extend(shown);
        } else if !marked.is_empty() {
            let at = match known {
                Some(at) => at,
                None => {
                    ledgers.push(begin(run)?);
                    ledgers.len() - 1
                }
            };
            write_down(&mut ledgers[at], &marked)?;
        }
    }
    Ok(())
}

fn write_down(ledger: &mut Ledger, things: &[&Found]) -> Result<(), LedgerError> {
    for found in things {
        let number = ledger.state().entries.keys().next_back().map_or(1, |last| last + 1);
        ledger.write(Line::Intent {
            number,
            kind: found.kind,
            name: found.name.clone(),
        })?;
        ledger.write(Line::Made {
            number,
            id: found.id.clone(),
        })?;
    }
    Ok(())
}

/// Returns why a ledger is not for this cloud and project, if so.
fn of_other_cloud(head: &LedgerHead, session: &Session, owner: &Owner) -> Option<String> {
    let config = session.config();
    if head.auth_url != config.auth_url {
        return Some(format!("it was on cloud {} at {}", head.cloud, head.auth_url));
    }
    if head.region != config.region {
        let region = head.region.as_deref().unwrap_or("no region");
        return Some(format!("it was in {region} of cloud {}", head.cloud));
    }
    if head.domain != owner.domain {
        return Some(match head.domain {
            Some(_) => format!(
                "it made something as a domain manager; `--cloud {}` cleans that up",
                head.cloud
            ),
            None => format!(
                "it was in a project, and this login is for a domain; `--cloud {}`",
                head.cloud
            ),
        });
    }
    (head.project != owner.project).then(|| "it was in another project".to_owned())
}

fn with_cause(error: &LedgerError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
