//! What a verification came to: how it ended, its numbers, and what it found.

use std::collections::BTreeMap;
use std::io;

use serde::{Deserialize, Serialize};

use crate::commands::verify::outcome::VerifyOutcome;
use crate::compare::Tally;
use crate::metrics::Finding;
use crate::object::{LibraryId, ObjectKind, PerKind};
use crate::report::jsonl::JsonLog;
use crate::store::Ignored;

/// The numbers of one library and kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// The kind.
    pub kind: ObjectKind,
    /// The library.
    pub library: LibraryId,
    /// Its numbers.
    pub tally: Tally,
}

/// The numbers of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KindTotals {
    /// Objects that the source's listing has; `None` when it was not listed to its end.
    pub in_source: Option<u64>,
    /// The same for the destination.
    pub at_destination: Option<u64>,
    /// What was compared.
    pub tally: Tally,
}

/// What a verification came to.
#[derive(Debug)]
pub struct Verified<'a> {
    /// How it ended.
    pub outcome: &'a VerifyOutcome,
    /// When the listing began; for one that was resumed, when it was first begun. RFC 3339.
    pub began: String,
    /// Which share of the objects was to be read, in percent.
    pub content_percent: f64,
    /// Only these libraries; all when empty.
    pub only: &'a [String],
    /// The numbers of each kind.
    pub kinds: PerKind<KindTotals>,
    /// The names in the source and at the destination that are no objects; `None` where they were not listed now.
    pub ignored: PerKind<[Option<Ignored>; 2]>,
    /// The numbers by library and kind; a library may come twice, and its numbers add up.
    pub rows: &'a mut JsonLog<Row>,
    /// What the destination lacks or holds wrongly.
    pub findings: &'a mut JsonLog<Finding>,
    /// What was damaged in the source already.
    pub damaged: &'a mut JsonLog<Finding>,
    /// What neither side holds any more.
    pub vanished: &'a mut JsonLog<Finding>,
    /// Of what one answer of a store was wrong and another one good.
    pub wrong_once: &'a mut JsonLog<Finding>,
    /// What could not be checked.
    pub unchecked: &'a [Finding],
}

impl Verified<'_> {
    /// The numbers of every library.
    ///
    /// # Errors
    /// When they cannot be read back.
    pub fn tallies(&mut self) -> io::Result<BTreeMap<LibraryId, PerKind<Tally>>> {
        let mut rows: BTreeMap<LibraryId, PerKind<Tally>> = BTreeMap::new();
        self.rows.each(|row| {
            rows.entry(row.library).or_default()[row.kind].add(&row.tally);
            Ok(())
        })?;
        Ok(rows)
    }

    /// The sum over the kinds.
    pub fn total(&self) -> Tally {
        self.kinds.values().map(|kind| &kind.tally).sum()
    }
}
