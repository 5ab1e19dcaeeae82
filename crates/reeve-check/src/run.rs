//! One run: asking, judging, making and cleaning up.

use std::future::Future;
use std::sync::Arc;

use camino::Utf8PathBuf;
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use jiff::Timestamp;
use reeve_openstack::Session;

use crate::catalogue::{Aggregate, Catalogue};
use crate::check::{Way, judge, reading_requirement, way};
use crate::create::{self, GROUPS, Made, Managers};
use crate::extra::{HANDSHAKES, Wider, extra_check, gather_wider, judge_extra};
use crate::facts::{Facts, gather, missing};
use crate::outcome::{CaseOutcome, CatalogueSeen, CheckRun, CloudSeen, RUN_FORMAT, VersionOutcome};
use crate::probe;
use crate::resource::{Ledger, LedgerError, LedgerHead, Owner, Patience, RunId, Workshop};
use crate::selection::Selected;
use crate::verdict::{CaseResult, Verdict};

/// What a run says while it is at work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// What is being done now, for a person. Holds names that come from the cloud.
    Doing(String),
    /// A check was judged.
    Judged {
        /// Its id.
        id: String,
        /// Its verdict.
        verdict: Verdict,
        /// How many were judged so far.
        done: usize,
        /// How many were asked for.
        of: usize,
    },
}

/// Who listens to what a run says.
pub type Telling = Arc<dyn Fn(Event) + Send + Sync>;

/// Whether a run may make something in the cloud.
#[derive(Clone, Debug)]
pub enum Creates {
    /// It may; what it makes is written down in a ledger in this folder first.
    Yes {
        /// The folder.
        ledgers: Utf8PathBuf,
    },
    /// It may not, for this reason.
    No {
        /// The reason, as the result says it.
        because: String,
    },
    /// It cannot, because this is a recording; checks come out as they did then.
    AsRecorded(Box<CheckRun>),
}

/// How a run works.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// The program and its version.
    pub tool: String,
    /// The run's id.
    pub run: RunId,
    /// Whether it may make something in the cloud.
    pub creates: Creates,
    /// How long is waited for what.
    pub patience: Patience,
    /// The logins of domain managers, at most two, of different domains; without any, what is judged with one cannot be judged.
    pub managers: Vec<Session>,
}

/// A run could not begin to make things.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The ledger cannot be written, so nothing may be made.
    #[error("what the run is about to make cannot be written down, so it makes nothing")]
    Ledger(#[from] LedgerError),
}

/// Judges a cloud, or a recording of one.
///
/// `stop` ends the run early: checks that are at work are dropped, everything that was made is deleted, and the result says that it was stopped. Whatever happens, what was made is deleted before this
/// returns; what could not be deleted stands in the result. If the process dies, [`crate::cleanup`] does it from the ledger.
///
/// # Errors
///
/// [`RunError`] if the ledger cannot be written; nothing was made then. Trouble with the cloud is no error but stands in the result.
pub async fn run(
    session: &Session,
    catalogue: &Catalogue,
    selected: &Selected,
    options: &RunOptions,
    telling: &Telling,
    stop: impl Future<Output = ()>,
) -> Result<CheckRun, RunError> {
    let started_at = Timestamp::now();
    let mut cases = Cases::new(selected, telling);
    tokio::pin!(stop);
    let mut interrupted = false;
    let read = read(session, &cases, &options.run, telling);
    let facts = tokio::select! {
        facts = read => Some(facts),
        () = &mut stop => {
            interrupted = true;
            None
        }
    };
    let mut made = 0;
    let mut left_behind = Vec::new();
    if let Some((facts, wider, probed)) = &facts {
        for at in 0..cases.list.len() {
            if session.is_replay() && cases.list[at].id == HANDSHAKES {
                continue;
            }
            if let Some(result) = read_result(&cases.list[at].id, facts, wider) {
                cases.judged(result);
            }
        }
        if let Some(probed) = probed {
            cases.take(probed.clone());
        }
        cases.without_judgement(facts);
        let wanted = cases.to_make(facts);
        match &options.creates {
            _ if wanted.is_empty() => {}
            Creates::No { because } => cases.not_made(&wanted, because),
            Creates::AsRecorded(recorded) => cases.as_recorded(&wanted, recorded),
            Creates::Yes { ledgers } => {
                let begin = |session: &Session, owner: &Owner| {
                    let (run, tool) = (options.run.clone(), options.tool.clone());
                    let head = LedgerHead::new(run, tool, session.config(), owner, started_at);
                    Ledger::begin(ledgers, head)
                };
                let owner = session.token().await.map(|token| Owner::of(&token)).unwrap_or_default();
                let ledger = begin(session, &owner)?;
                let patience = options.patience.clone();
                let workshop = Workshop::new(session.clone(), ledger, owner, patience, Arc::clone(telling));
                let wants_managers = wanted.iter().any(|id| create::is_managers(id));
                let sessions = if wants_managers {
                    options.managers.as_slice()
                } else {
                    &[]
                };
                let managers = Managers::open(sessions, begin, &options.patience, telling).await?;
                interrupted = make(&workshop, &managers, &wanted, facts, &mut cases, stop).await;
                left_behind = workshop.remove_all().await;
                left_behind.extend(managers.remove_all().await);
                made = workshop.made() + managers.made();
                workshop.end();
                managers.end();
            }
        }
    }
    let now = session.recorded_at().unwrap_or(started_at);
    // A login that failed is not tried once more.
    let has_login = facts.as_ref().is_some_and(|(facts, ..)| facts.roles.is_ok());
    let cloud = seen(session, has_login).await;
    if interrupted {
        cases.stopped();
    }
    Ok(CheckRun {
        format: RUN_FORMAT,
        tool: options.tool.clone(),
        run: options.run.to_string(),
        cloud,
        started_at,
        finished_at: Timestamp::now(),
        judged_at: facts.map_or(now, |(facts, ..)| facts.now),
        catalogue: CatalogueSeen {
            uuid: catalogue.uuid.clone(),
            name: catalogue.name.clone(),
            url: catalogue.url.clone(),
        },
        versions: versions(selected, &cases.list),
        cases: cases.list,
        made,
        left_behind,
        requests: std::iter::once(session)
            .chain(&options.managers)
            .map(|session| session.exchanges().len())
            .sum(),
        interrupted,
    })
}

/// Asks for everything that is read, at once.
async fn read(session: &Session, cases: &Cases<'_>, own: &RunId, telling: &Telling) -> (Facts, Wider, Option<Made>) {
    telling(Event::Doing(
        "asking for flavors, images, volume types, default rules and what else is listed".to_owned(),
    ));
    let now = session.recorded_at().unwrap_or_else(Timestamp::now);
    let wants_wider = cases
        .list
        .iter()
        .any(|case| extra_check(&case.id).is_some_and(|check| !check.creates));
    let wants_handshakes = cases.list.iter().any(|case| case.id == HANDSHAKES);
    let wider = async {
        if wants_wider {
            Box::pin(gather_wider(session, own.as_str(), now, wants_handshakes)).await
        } else {
            Wider::without(&crate::facts::Missing {
                cause: "nobody asked for it".to_owned(),
                hint: String::new(),
                not_found: false,
            })
        }
    };
    let wants_probe = cases.list.iter().any(|case| case.id == probe::ID);
    // The first to log in; without a login nobody else tries.
    if let Err(error) = session.token().await {
        let missing = missing(&error);
        let facts = Facts::without(now, &missing);
        let probed = wants_probe.then(|| probe::swift_s3(Err(missing.clone()), &facts));
        return (facts, Wider::without(&missing), probed);
    }
    let probe = async {
        if wants_probe {
            Some(Box::pin(probe::ask(session)).await)
        } else {
            None
        }
    };
    let (facts, wider, asked) = tokio::join!(Box::pin(gather(session)), wider, probe);
    let probed = asked.map(|asked| probe::swift_s3(asked, &facts));
    (facts, wider, probed)
}

fn read_result(id: &str, facts: &Facts, wider: &Wider) -> Option<CaseResult> {
    judge(id, facts).or_else(|| judge_extra(id, facts, wider))
}

/// Lets all groups work at the same time; returns whether they were stopped.
async fn make(
    workshop: &Workshop,
    managers: &Managers,
    wanted: &[String],
    facts: &Facts,
    cases: &mut Cases<'_>,
    mut stop: std::pin::Pin<&mut impl Future<Output = ()>>,
) -> bool {
    let of_groups: Vec<Vec<String>> = GROUPS
        .iter()
        .map(|group| {
            wanted
                .iter()
                .filter(|id| group.ids.contains(&id.as_str()))
                .cloned()
                .collect()
        })
        .collect();
    let mut working: FuturesUnordered<BoxFuture<'_, Vec<Made>>> = GROUPS
        .iter()
        .zip(&of_groups)
        .filter(|(_, ids)| !ids.is_empty())
        .map(|(group, ids)| create::work(group, ids, facts, workshop, managers))
        .collect();
    if wanted.iter().any(|id| id == DEFAULT_RULES) {
        working.push(create::default_rules(facts, workshop));
    }
    loop {
        tokio::select! {
            made = working.next() => match made {
                None => return false,
                Some(made) => made.into_iter().for_each(|made| cases.take(made)),
            },
            () = &mut stop => return true,
        }
    }
}

/// Is judged from a listing, and by making something where there is no such listing.
const DEFAULT_RULES: &str = "scs-0115-default-rules";

/// Returns which cloud and login this is; nothing is asked that was not asked before.
async fn seen(session: &Session, has_login: bool) -> CloudSeen {
    let config = session.config();
    let token = if has_login { session.token().await.ok() } else { None };
    let name = |named: Option<reeve_openstack::Named>| {
        named.map(|named| if named.name.is_empty() { named.id } else { named.name })
    };
    CloudSeen {
        name: config.name.clone(),
        region: config.region.clone(),
        auth_url: config.auth_url.clone(),
        project: token.as_ref().and_then(|token| name(token.project.clone())),
        user: token.as_ref().and_then(|token| name(token.user.clone())),
        recording: session.is_replay(),
    }
}

fn versions(selected: &Selected, cases: &[CaseOutcome]) -> Vec<VersionOutcome> {
    selected
        .versions
        .iter()
        .map(|(version, state, all)| {
            let of: Vec<&CaseOutcome> = cases.iter().filter(|case| case.versions.contains(version)).collect();
            VersionOutcome {
                version: version.clone(),
                state: state.clone(),
                verdict: Aggregate::of(of.iter().map(|case| case.verdict)),
                complete: of.len() == *all,
            }
        })
        .collect()
}

/// The checks of a run as they come in.
struct Cases<'a> {
    list: Vec<CaseOutcome>,
    telling: &'a Telling,
}

impl<'a> Cases<'a> {
    fn new(selected: &Selected, telling: &'a Telling) -> Cases<'a> {
        let list = selected.cases.iter().map(|case| {
            let (requirement, source) = requirement(&case.id).unwrap_or_default();
            CaseOutcome {
                id: case.id.clone(),
                target: case.target,
                versions: case.versions.clone(),
                description: case.description.clone(),
                url: case.url.clone(),
                verdict: None,
                missing: None,
                requirement,
                source,
                findings: Vec::new(),
                cause: None,
            }
        });
        Cases {
            list: list.collect(),
            telling,
        }
    }

    fn judged(&mut self, result: CaseResult) {
        let (id, verdict) = (result.id.clone(), result.verdict);
        let Some(case) = self.list.iter_mut().find(|case| case.id == id) else {
            return;
        };
        case.judged(result);
        let done = self.list.iter().filter(|case| case.verdict.is_some()).count();
        (self.telling)(Event::Judged {
            id,
            verdict,
            done,
            of: self.list.len(),
        });
    }

    fn take(&mut self, made: Made) {
        match made {
            Made::Judged(result) => self.judged(result),
            Made::Skipped { id, because } => self.missing(&id, &because),
        }
    }

    fn missing(&mut self, id: &str, because: &str) {
        if let Some(case) = self
            .list
            .iter_mut()
            .find(|case| case.id == id && case.verdict.is_none())
        {
            case.missing = Some(because.to_owned());
        }
    }

    /// Settles what nothing needs to be made for: what only people judge, what nobody judges any more, and everything if the login will not do.
    fn without_judgement(&mut self, facts: &Facts) {
        let preflight = facts.preflight();
        for at in 0..self.list.len() {
            let case = &self.list[at];
            if case.verdict.is_some() {
                continue;
            }
            let id = case.id.clone();
            let aborted = match (way(&id), &preflight) {
                (Some(Way::Manual), _) => {
                    self.missing(&id, "judged by a person");
                    continue;
                }
                (Some(Way::Dropped), _) => "the requirement was dropped, and nothing tests it any more".to_owned(),
                (_, Some(missing)) => create::with_hint(missing),
                _ => continue,
            };
            let result = CaseResult {
                id,
                verdict: Verdict::Abort,
                requirement: self.list[at].requirement.clone(),
                source: self.list[at].source.clone(),
                findings: Vec::new(),
                cause: Some(aborted),
            };
            self.judged(result);
        }
    }

    /// Returns the checks for which something has to be made.
    fn to_make(&self, facts: &Facts) -> Vec<String> {
        let has_no_listing =
            matches!(&facts.default_rules, Err(missing) if missing.not_found) && facts.preflight().is_none();
        self.list
            .iter()
            .filter(|case| match case.verdict {
                None => is_made(&case.id) || case.id == HANDSHAKES,
                Some(_) => case.id == DEFAULT_RULES && has_no_listing,
            })
            .map(|case| case.id.clone())
            .collect()
    }

    fn not_made(&mut self, wanted: &[String], because: &str) {
        for id in wanted {
            self.missing(id, because);
        }
    }

    fn as_recorded(&mut self, wanted: &[String], recorded: &CheckRun) {
        for id in wanted {
            match recorded.cases.iter().find(|case| case.id == *id) {
                Some(CaseOutcome {
                    verdict: Some(verdict),
                    requirement,
                    source,
                    findings,
                    cause,
                    ..
                }) => self.judged(CaseResult {
                    id: id.clone(),
                    verdict: *verdict,
                    requirement: requirement.clone(),
                    source: source.clone(),
                    findings: findings.clone(),
                    cause: cause.clone(),
                }),
                Some(case) => self.missing(
                    id,
                    case.missing
                        .as_deref()
                        .unwrap_or("not judged when the cloud was recorded"),
                ),
                None => self.missing(id, "not judged when the cloud was recorded"),
            }
        }
    }

    fn stopped(&mut self) {
        for case in &mut self.list {
            if case.verdict.is_none() && case.missing.is_none() {
                case.missing = Some("the run was stopped before this was judged".to_owned());
            }
        }
    }
}

/// Tells whether something has to be made for a check.
pub(crate) fn is_made(id: &str) -> bool {
    GROUPS.iter().any(|group| group.ids.contains(&id))
}

/// Returns what a check asks for, in our words, and where the standard says so.
pub(crate) fn requirement(id: &str) -> Option<(String, String)> {
    reading_requirement(id)
        .map(|(requirement, source)| (requirement, source.to_owned()))
        .or_else(|| create::requirement(id).map(|(requirement, source)| (requirement.to_owned(), source.to_owned())))
}
