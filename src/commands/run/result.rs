//! A run that is over: what its report, its page and its summary are made of.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use jiff::Zoned;

use crate::commands::run::heads::result::Heads;
use crate::commands::run::outcome::RunOutcome;
use crate::commands::run::settings::RunSettings;
use crate::commands::run::verdict::Verdict;
use crate::metrics::{Counters, ObjectFindings};
use crate::object::LibraryId;
use crate::object::selection::Selection;
use crate::preflight::owner::ForeignOwner;

/// What a pass came to.
#[derive(Debug)]
pub struct PassResult {
    /// How it ended.
    pub outcome: RunOutcome,
    /// What it counted.
    pub counters: Counters,
    /// The objects that failed or are damaged.
    pub findings: ObjectFindings,
    /// What is known of the heads.
    pub heads: Heads,
    /// What the libraries of the database are called; empty when it was not asked.
    pub names: BTreeMap<LibraryId, String>,
    /// The libraries that it was about.
    pub selection: Selection,
}

/// A pass that is over, and what surrounds it.
#[derive(Debug)]
pub(super) struct RunResult<'a> {
    pub(super) settings: &'a RunSettings,
    pub(super) pass: PassResult,
    /// Whether the server may be switched now.
    pub(super) verdict: Verdict,
    /// When the command began.
    pub(super) started: Zoned,
    pub(super) took: Duration,
    /// How many calls to a store had to be repeated.
    pub(super) retries: u64,
    /// The report whose failures alone were retried.
    pub(super) retried: Option<&'a Path>,
    /// What at the destination belongs to somebody else than the server.
    pub(super) owners: Vec<ForeignOwner>,
}
