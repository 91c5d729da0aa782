//! The counters of a transfer, by kind and by library: added to by many threads and read by whoever shows them.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use super::series::Series;
use super::slowest::Slowest;
use super::snapshot::{Gauge, Metrics, Snapshot, counters};
use super::throughput::Amount;
use crate::object::{LibraryId, ObjectKind, PerKind};
use crate::store::{Ignored, Listed};

pub use super::snapshot::Counter;

counters! { "transfer":
    /// The numbers of one kind. Written by a transfer; a removal and a dry run write what they list.
    pub struct KindCounters {
        /// Objects that the destination held before, as far as it has been listed or its list file says.
        pub held: Counter,
        /// Objects listed in the source.
        pub listed: Counter,
        /// Bytes of the objects listed in the source, where its listing gives sizes.
        pub listed_bytes: Counter,
        /// Objects of the source that were not at the destination.
        pub to_copy: Counter,
        /// Bytes of the objects that were not at the destination, where the source's listing gives sizes.
        pub to_copy_bytes: Counter,
        /// Objects copied, and durable at the destination.
        pub copied: Counter,
        /// Bytes of the objects copied.
        pub copied_bytes: Counter,
        /// Objects that were gone from the source when they were to be read.
        pub vanished: Counter,
        /// Objects that are damaged in the source, whether they were copied as they are or not.
        pub damaged: Counter,
        /// Those of the damaged ones that the destination holds with the right id, so that they were not copied.
        pub kept: Counter,
        /// Objects of which one answer of the source was wrong and another one good.
        pub wrong_once: Counter,
        /// Objects that are not at the destination although the source has them.
        pub failed: Counter,
        /// Names in the source that are not objects.
        pub ignored: Counter,
        /// Worker threads that were asked for and that the system could not start.
        pub workers_missing: Gauge,
        /// Whether the source has been listed to its end; in a retry, whether every failure has been looked up.
        pub source_listed: AtomicBool,
    }
}

impl KindCounters {
    /// Objects that need no further work: copied, kept as the destination has them, vanished or failed.
    pub fn settled(&self) -> u64 {
        self.copied.get() + self.kept.get() + self.vanished.get() + self.failed.get()
    }
}

/// The numbers of one library and kind. Written by a transfer and a removal; also a row of the report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LibraryCounts {
    /// Objects listed in the source.
    pub listed: u64,
    /// Bytes of the objects listed, where the listing gives sizes.
    pub listed_bytes: u64,
    /// Objects that were not at the destination.
    pub to_copy: u64,
    /// Bytes of the objects that were not at the destination, where the listing gives sizes.
    pub to_copy_bytes: u64,
    /// Objects copied, and durable at the destination.
    pub copied: u64,
    /// Bytes of the objects copied.
    pub copied_bytes: u64,
    /// Objects that are not at the destination although the source has them.
    pub failed: u64,
}

/// Every number of a transfer of all kinds.
#[derive(Debug, Default)]
pub struct Counters {
    kinds: PerKind<KindCounters>,
    libraries: Mutex<BTreeMap<LibraryId, PerKind<LibraryCounts>>>,
    /// How much was copied by when. Written by whoever shows the progress.
    pub series: Series,
    /// The names in the source that are not objects.
    ignored: Mutex<PerKind<Ignored>>,
    /// The objects that took longest. Written by the transfer.
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

    /// Counts names in the source that are not objects.
    pub fn count_ignored(&self, kind: ObjectKind, ignored: Ignored) {
        self.kind(kind).ignored.add(ignored.total());
        self.ignored.lock().unwrap_or_else(PoisonError::into_inner)[kind].merge(ignored);
    }

    /// The names in the source that are not objects, as far as it has been listed to its end.
    pub fn ignored(&self) -> PerKind<Ignored> {
        self.ignored.lock().unwrap_or_else(PoisonError::into_inner).clone()
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

    /// Notes in the series how much has been copied by now, of all kinds.
    pub fn sample(&self) {
        let copied = Amount { items: self.total(|kind| &kind.copied), bytes: self.total(|kind| &kind.copied_bytes) };
        self.series.sample(copied);
    }

    /// The sum over the kinds of what `number` picks.
    pub fn total(&self, number: impl Fn(&KindCounters) -> &Counter) -> u64 {
        self.kinds.values().map(|kind| number(kind).get()).sum()
    }
}

impl Metrics for Counters {
    fn read_into(&self, snapshot: &mut Snapshot) {
        for (kind, numbers) in self.kinds.iter() {
            numbers.read_with(&[kind.into()], snapshot);
        }
    }
}
