//! The catalogue of standards: testcases, modules, versions, and when which version counts.

mod model;
mod scope;

pub use model::{Catalogue, CatalogueError, Include, Module, Testcase, TimelineEntry, Version};
pub use scope::{Aggregate, Scope, ScopeChoice, ScopeError, ScopedCase, Target};
