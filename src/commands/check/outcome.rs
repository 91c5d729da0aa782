//! How a check of both sides ended.

use std::fmt;

use crate::commands::common::failure::Failure;
use crate::preflight::{PreflightReport, SamePlace, StoreProbe};
use crate::report::Outcome;
use crate::store::ErrorKind;

/// How a check of both sides ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckOutcome {
    /// Every store answers and can be listed, the source can be read and the destination be written.
    Ready,
    /// Some stores are not ready.
    NotReady(Unready),
    /// Both sides have one and the same store.
    OneStore(Vec<SamePlace>),
    /// Some stores hold objects in the layout of another backend: a sentence for each.
    OtherLayout(Vec<String>),
    /// It ended before all stores had answered.
    Stopped(Failure),
}

/// The stores that are not ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unready {
    /// Side, kind and place of each, and in words what is wrong.
    pub stores: Vec<String>,
    /// All that the first of them said.
    pub first: String,
    /// How many stores were asked.
    pub asked: usize,
    /// Whether nothing is wrong with them but that they are full.
    pub only_full: bool,
}

impl Unready {
    /// The stores that are not ready; `None` when all are.
    pub fn of(report: &PreflightReport) -> Option<Self> {
        let is_bad = |row: &&StoreProbe| row.problems().next().is_some();
        let name = |row: &StoreProbe| {
            let wrong = row.problems().next().map_or("", |error| error.kind().as_str());
            format!("{} {} in {}: {wrong}", row.side.as_str(), row.kind, row.location)
        };
        let stores: Vec<String> = report.rows.iter().filter(is_bad).map(name).collect();
        let first = report.problems().next().map(|error| error.cause().to_owned()).unwrap_or_default();
        let only_full = report.problems().all(|error| error.kind() == ErrorKind::NoSpace);
        (!stores.is_empty()).then_some(Self { stores, first, asked: report.rows.len(), only_full })
    }
}

impl fmt::Display for Unready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = if self.stores.len() == 1 { "is" } else { "are" };
        let which = if self.stores.len() == 1 { "it" } else { "the first" };
        let (count, stores) = (self.stores.len(), self.stores.join("; "));
        write!(f, "{count} of {} stores {verb} not ready ({stores}); {which} said: {}", self.asked, self.first)
    }
}

impl Outcome for CheckOutcome {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Ready => 0,
            Self::NotReady(Unready { only_full: true, .. }) => 1,
            Self::NotReady(_) => 3,
            Self::OneStore(_) | Self::OtherLayout(_) => 2,
            Self::Stopped(failure) => failure.exit_code(),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::NotReady(_) => "not ready",
            Self::OneStore(_) => "one store",
            Self::OtherLayout(_) => "other layout",
            Self::Stopped(failure) => failure.name(),
        }
    }
}

impl fmt::Display for CheckOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready => f.write_str("both sides are ready"),
            Self::NotReady(unready) => write!(f, "not ready: {unready}"),
            Self::OneStore(same) => f.write_str(&super::one_store(same)),
            Self::OtherLayout(layouts) => f.write_str(&layouts.join("; ")),
            Self::Stopped(Failure::Interrupted { .. }) => f.write_str("interrupted before all stores had answered"),
            Self::Stopped(failure) => write!(f, "not checked: {failure}"),
        }
    }
}
