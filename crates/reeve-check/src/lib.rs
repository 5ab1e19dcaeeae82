//! Operation: does a cloud keep the SCS IaaS standards, and where not, why and what to change.
//!
//! [`Catalogue`] says which testcases there are and which version of the standards asks for which; [`gather`] asks a cloud, or a recording of one, and returns [`Facts`]; [`judge`] is a
//! function of an id and the facts and returns a [`CaseResult`]. Verdicts are those of the official tests, to the letter and with their quirks; what the text of a
//! standard asks for beyond them stands in notes.
//!
//! [`parse`] reads names of flavors as the official parser does. Left to others: which cloud (`reeve-openstack`), showing results, checks that make something in the cloud.

mod catalogue;
mod check;
mod date;
mod digit;
mod facts;
mod flavor_name;
#[cfg(test)]
mod parity;
mod verdict;

pub use catalogue::{
    Aggregate, Catalogue, CatalogueError, Include, Module, Scope, ScopeChoice, ScopeError, ScopedCase, Target,
    Testcase, TimelineEntry, Version,
};
pub use check::{Way, judge, way};
pub use facts::{DefaultRule, Fact, Facts, Flavor, Image, Missing, VolumeType, gather};
pub use flavor_name::{CpuBrand, CpuRam, Disk, FlavorName, FlavorNameError, Gpu, Syntax, parse};
pub use verdict::{CaseResult, Finding, Verdict, Weight};
