//! The numbers of a pass, added to by many threads and read by whoever tells them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use super::series::Series;
use super::slowest::Slowest;
use crate::object::{LibraryId, ObjectKind, PerKind};
use crate::store::Listed;

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `n`.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// The number now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The numbers of one kind.
#[derive(Debug, Default)]
pub struct KindCounters {
    /// Objects that the destination held, as far as it has been listed or its list file says.
    pub held: Counter,
    /// Objects listed in the source.
    pub listed: Counter,
    /// Their bytes, where the source's listing gives sizes.
    pub listed_bytes: Counter,
    /// Objects of the source that were not at the destination.
    pub to_copy: Counter,
    /// Their bytes, where the source's listing gives sizes.
    pub to_copy_bytes: Counter,
    /// Objects copied, and durable at the destination.
    pub copied: Counter,
    /// Their bytes.
    pub copied_bytes: Counter,
    /// Objects that were gone when they were to be read.
    pub vanished: Counter,
    /// Objects copied although they are damaged in the source.
    pub damaged: Counter,
    /// Objects that are not at the destination although the source has them.
    pub failed: Counter,
    /// Names in the source that are not objects.
    pub ignored: Counter,
    /// Whether the source has been listed to its end; in a retry, whether every failure has been looked up.
    pub source_listed: AtomicBool,
}

/// What of one library and kind is where; also a row of the report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LibraryCounts {
    /// Objects listed in the source.
    pub listed: u64,
    /// Their bytes, where the listing gives sizes.
    pub listed_bytes: u64,
    /// Those that were not at the destination.
    pub to_copy: u64,
    /// Their bytes, where the listing gives sizes.
    pub to_copy_bytes: u64,
    /// Those copied, and durable there.
    pub copied: u64,
    /// Their bytes.
    pub copied_bytes: u64,
    /// Those that failed.
    pub failed: u64,
}

/// Every number of a pass.
#[derive(Debug, Default)]
pub struct Counters {
    kinds: PerKind<KindCounters>,
    libraries: Mutex<BTreeMap<LibraryId, PerKind<LibraryCounts>>>,
    /// How far the pass was when.
    pub series: Series,
    /// The objects that took longest.
    pub slowest: Slowest,
}

impl Counters {
    /// The numbers of one kind.
    pub const fn kind(&self, kind: ObjectKind) -> &KindCounters {
        self.kinds.get(kind)
    }

    /// Counts a page of the source, of which `missing` is to be copied.
    pub fn count_listed(&self, kind: ObjectKind, objects: &[Listed], missing: &[Listed]) {
        let bytes = |objects: &[Listed]| objects.iter().filter_map(|object| object.size).sum();
        let numbers = self.kind(kind);
        numbers.listed.add(objects.len() as u64);
        numbers.listed_bytes.add(bytes(objects));
        numbers.to_copy.add(missing.len() as u64);
        numbers.to_copy_bytes.add(bytes(missing));
        let library = |object: &Listed| object.key.library;
        self.libraries(kind, objects, library, |object, row| {
            row.listed += 1;
            row.listed_bytes += object.size.unwrap_or(0);
        });
        self.libraries(kind, missing, library, |object, row| {
            row.to_copy += 1;
            row.to_copy_bytes += object.size.unwrap_or(0);
        });
    }

    /// Counts objects that are durable at the destination.
    pub fn count_copied(&self, kind: ObjectKind, objects: &[Listed]) {
        let numbers = self.kind(kind);
        numbers.copied.add(objects.len() as u64);
        numbers.copied_bytes.add(objects.iter().filter_map(|object| object.size).sum());
        self.libraries(
            kind,
            objects,
            |object| object.key.library,
            |object, row| {
                row.copied += 1;
                row.copied_bytes += object.size.unwrap_or(0);
            },
        );
    }

    /// Adds to libraries' rows: `change` is called once for each item with the row of its library.
    /// Callers bring whole pages or batches, because the rows are behind one lock.
    pub fn libraries<T>(
        &self,
        kind: ObjectKind,
        items: &[T],
        library: impl Fn(&T) -> LibraryId,
        change: impl Fn(&T, &mut LibraryCounts),
    ) {
        let mut rows = self.libraries.lock().unwrap_or_else(PoisonError::into_inner);
        for run in items.chunk_by(|a, b| library(a) == library(b)) {
            let row = &mut rows.entry(library(&run[0])).or_default()[kind];
            run.iter().for_each(|item| change(item, row));
        }
    }

    /// A copy of the rows of all libraries.
    pub fn library_rows(&self) -> BTreeMap<LibraryId, PerKind<LibraryCounts>> {
        self.libraries.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes in the series how much has been copied by now.
    pub fn sample(&self) {
        self.series.sample(self.total(|kind| &kind.copied), self.total(|kind| &kind.copied_bytes));
    }

    /// The sum over the kinds of what `number` picks.
    pub fn total(&self, number: impl Fn(&KindCounters) -> &Counter) -> u64 {
        self.kinds.values().map(|kind| number(kind).get()).sum()
    }
}
