//! Operation: does a cloud keep the SCS IaaS standards, and where not, why and what to change.
//!
//! [`Catalogue`] says which testcases there are and which version of the standards asks for which; [`Catalogue::select`] chooses some. [`run`] asks a cloud, or a recording of one, judges, makes what has to be made
//! and deletes it again, and returns a [`CheckRun`]: to be kept as JSON, shown ([`CheckRun::document`], [`CheckRun::report`]) or handed to the official monitor ([`official_yaml`]). [`cleanup`] deletes what runs left
//! that did not get to it.
//!
//! Below that, [`gather`] returns [`Facts`] and [`judge`] is a function of an id and the facts. Verdicts are those of the official tests, to the letter and with their quirks; what the text of a
//! standard asks for beyond them stands in notes and in checks of our own ([`EXTRA_CHECKS`]). [`parse`] reads names of flavors as the official parser does.
//!
//! Left to others: which cloud and how to log in (`reeve-openstack`), layout (`reeve-report`), files, signals and the terminal (the command line).

mod catalogue;
mod check;
mod create;
mod date;
mod digit;
mod explain;
mod extra;
mod facts;
mod flavor_name;
mod handshake;
mod outcome;
#[cfg(test)]
mod parity;
mod probe;
mod resource;
mod run;
mod selection;
mod verdict;

pub use catalogue::{
    Aggregate, Catalogue, CatalogueError, Include, Module, Scope, ScopeChoice, ScopeError, ScopedCase, Target,
    Testcase, TimelineEntry, Version,
};
pub use check::{Way, judge, way};
pub use create::{Budget, BudgetGroup, GROUPS, Group, Quota, budget};
pub use explain::Explanation;
pub use extra::{EXTRA_CHECKS, ExtraCheck, extra_check};
pub use facts::{DefaultRule, Fact, Facts, Flavor, Image, Missing, VolumeType, gather};
pub use flavor_name::{CpuBrand, CpuRam, Disk, FlavorName, FlavorNameError, Gpu, Syntax, parse};
pub use outcome::{
    CaseOutcome, CatalogueSeen, CheckRun, CloudSeen, LeftBehind, LoadRunError, OfficialReport, RUN_FORMAT, Tally,
    VersionOutcome, load_run, official_yaml,
};
pub use resource::{
    CleanupError, CleanupOptions, CleanupOutcome, Kind, Ledger, LedgerEntry, LedgerError, LedgerHead, LedgerState,
    LedgerStatus, Patience, ResourceName, RunId, cleanup, peek_ledger, read_ledgers,
};
pub use run::{Creates, Event, RunError, RunOptions, Telling, run};
pub use selection::{Selected, SelectedCase, Selection, SelectionError};
pub use verdict::{CaseResult, Finding, Verdict, Weight};
