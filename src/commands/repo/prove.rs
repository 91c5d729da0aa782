//! Sees that the new class holds everything of some libraries as the old one does: every object of the old one is looked for in a new listing of
//! the new one, and those that were not read back before are read.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::commands::common::failure::Failure;
use crate::compare::{Comparison, Examiner, Object};
use crate::flow::Budget;
use crate::flow::pool::{self, Queue};
use crate::index::from_listing::Listing;
use crate::index::{Index, ListLock, ListPaths};
use crate::listing::{Stream, WalkError, walk};
use crate::metrics::Counter;
use crate::object::{KeyRange, LibraryId, ObjectKind};
use crate::store::{Listed, ReadStore, SizeForms, SizeMatch};
use crate::sys::shutdown::Shutdown;

/// How many objects with something wrong are named.
const NAMED: usize = 3;

/// One kind of some libraries in both classes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Proof<'a> {
    pub(super) kind: ObjectKind,
    /// The class that they leave.
    pub(super) from: &'a dyn ReadStore,
    /// The class that they go to.
    pub(super) to: &'a dyn ReadStore,
    /// The libraries, ascending.
    pub(super) libraries: &'a [LibraryId],
    /// What was read back before.
    pub(super) read_back: &'a Index,
    pub(super) budget: &'a Budget,
    pub(super) workers: usize,
    pub(super) shutdown: &'a Shutdown,
}

/// What a proof came to.
#[derive(Clone, Debug, Default)]
pub(super) struct Proven {
    /// How many objects there are.
    pub(super) objects: u64,
    /// How many of them were read.
    pub(super) read: u64,
    /// How many are not there as in the old class.
    pub(super) wrong: u64,
    /// The first of them, and what is wrong.
    pub(super) named: Vec<String>,
}

/// Lists the libraries' objects of one kind into a set in `folder`.
pub(super) fn list(
    folder: &std::path::Path,
    name: &str,
    kind: ObjectKind,
    store: &dyn ReadStore,
    libraries: &[LibraryId],
    listers: usize,
    shutdown: &Shutdown,
) -> Result<Index, Failure> {
    let lock = ListLock::acquire(&ListPaths::new(&folder.join(name), kind, None))?;
    let counted = Counter::default();
    let listing = Listing { lock: &lock, store, listers, only: libraries, counted: &counted, shutdown };
    Ok(listing.into_set()?.0)
}

impl Proof<'_> {
    /// Looks at every object.
    ///
    /// # Errors
    /// When a store does not answer, or a signal came; nothing is proved then.
    pub(super) fn prove(&self, held: &Index) -> Result<Proven, Failure> {
        let (wrong, read, objects) = (Mutex::new((0, Vec::new())), AtomicU64::new(0), AtomicU64::new(0));
        let unanswered = Mutex::new(None);
        let examiner = Examiner { kind: self.kind, from: self.from, to: Some(self.to), budget: self.budget };
        let note = |what: String| {
            let mut wrong = wrong.lock().unwrap_or_else(PoisonError::into_inner);
            wrong.0 += 1;
            if wrong.1.len() < NAMED {
                wrong.1.push(what);
            }
        };
        let examine = |object: Object| {
            let examined = examiner.examine(&object);
            read.fetch_add(u64::from(examined.read.is_some()), Ordering::Relaxed);
            match examined.outcome {
                Comparison::Good | Comparison::Vanished | Comparison::SourceDamage(_) => {}
                Comparison::Archived { .. } => note(format!("{} object {} is in an archive", self.kind, object.key)),
                Comparison::Finding(fault, cause) => {
                    note(format!("{} object {} is {}: {cause}", self.kind, object.key, fault.as_str()));
                }
                Comparison::Unchecked(error) => {
                    unanswered.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                }
            }
        };
        let ranges: Vec<KeyRange> = self.libraries.iter().copied().map(KeyRange::library).collect();
        let fill = |queue: Queue<Object>| {
            let open = || Settle { proof: self, held, queue: &queue, objects: &objects };
            walk(self.from, &ranges, 2, self.shutdown, open)
        };
        let walked = pool::run(self.workers, self.workers * 4, fill, examine);
        let walked = walked.map_err(|error| Failure::local("start a worker thread", &error))?;
        if let Some(failure) = Failure::interruption(self.shutdown) {
            return Err(failure);
        }
        match walked {
            Ok(_) => {}
            Err(WalkError::Store(error)) => return Err(error.into()),
            Err(WalkError::Interrupted) => return Err(Failure::cut_short("reading back")),
            Err(WalkError::Stream(never)) => match never {},
        }
        if let Some(error) = unanswered.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(error.into());
        }
        let (wrong, named) = wrong.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(Proven { objects: objects.into_inner(), read: read.into_inner(), wrong, named })
    }

    /// The object as it is to be looked at; `None` when the listings settle it, and it was read back before.
    fn unsettled(&self, listed: &Listed, held: &Index) -> Option<Object> {
        let to = held.find(&listed.key);
        let content = self.read_back.find(&listed.key).is_none();
        let sizes = SizeForms { held: self.to.size_form(), expected: self.from.size_form() };
        let is_same = to.is_some_and(|held| sizes.compare(held.size, listed.size) == SizeMatch::Same);
        (content || !is_same).then_some(Object { key: listed.key, from: listed.size, to, content })
    }
}

/// Puts what the listings do not settle into the queue.
struct Settle<'a, 'q> {
    proof: &'a Proof<'a>,
    held: &'a Index,
    queue: &'q Queue<Object>,
    objects: &'a AtomicU64,
}

impl Stream for Settle<'_, '_> {
    type Error = std::convert::Infallible;

    fn page(&mut self, _covered: KeyRange, objects: Vec<Listed>) -> Result<(), Self::Error> {
        self.objects.fetch_add(objects.len() as u64, Ordering::Relaxed);
        for object in objects.iter().filter_map(|listed| self.proof.unsettled(listed, self.held)) {
            self.queue.put(object);
        }
        Ok(())
    }

    fn end(self) -> Result<(), Self::Error> {
        Ok(())
    }
}

/// What is wrong, in a sentence about a library.
pub(super) fn in_words(library: LibraryId, kinds: &[Proven]) -> Option<String> {
    let wrong: u64 = kinds.iter().map(|kind| kind.wrong).sum();
    let named: Vec<&str> = kinds.iter().flat_map(|kind| &kind.named).map(String::as_str).take(NAMED).collect();
    (wrong > 0).then(|| {
        format!("{wrong} objects of library {library} are not in the new class as in the old one: {}", named.join("; "))
    })
}
