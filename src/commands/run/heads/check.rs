//! The walk from the heads at the destination, and what of its findings is the source's own damage.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;

use crate::commands::common::heads_cache::WholeHeads;
use crate::commands::run::heads::found::{HeadsFound, Wrong};
use crate::content::{self, Commit, FsKind, FsView, IdCheck};
use crate::database::heads::{LibraryRoots, Roots};
use crate::flow::Budget;
use crate::flow::budget::{Halted, Room};
use crate::flow::tasks::{self, Seats};
use crate::metrics::WalkCounters;
use crate::object::{LibraryId, ObjectId, ObjectKey, ObjectKind};
use crate::reach::{Defect, DefectKind, LibraryResult, Stores, WalkOptions, fsck};
use crate::store::{ErrorKind, ReadStore, StoreError, first_room, read_again_in_room, read_in_room};
use crate::sys::shutdown::Shutdown;

/// How many libraries are walked before their findings are judged and let go.
const AT_ONCE: usize = 64;
/// How many findings of a library are judged; one with more counts as not whole.
const FINDINGS_MAX: usize = 1000;
/// The same for a library whose damage is accepted, so that it can be however large it is.
const ACCEPTED_FINDINGS_MAX: usize = 1_000_000;
/// How many findings of a library are judged before it is asked whether one is bad enough.
const JUDGED_AT_ONCE: usize = 256;

/// Both sides, and how to look at them.
#[derive(Clone, Copy, Debug)]
pub struct HeadsCheck<'a> {
    /// The destination, as the pass knows it.
    pub destination: &'a Stores,
    /// The source, asked only about what is wrong at the destination.
    pub source: &'a Stores,
    /// The libraries whose damage in the source the user accepts.
    pub accepted: &'a BTreeSet<LibraryId>,
    /// How many calls to the stores are in flight.
    pub threads: NonZeroUsize,
    /// How many bytes objects may take in memory.
    pub memory: u64,
    /// Cancellation: a signal or a failure asks everybody to end.
    pub shutdown: &'a Shutdown,
    /// What is counted while it runs.
    pub counters: &'a WalkCounters,
}

/// The head of a library that is remembered as whole; `None` when another one is, or none, or the library has several.
pub(super) fn remembered_head(library: &LibraryRoots, whole: &WholeHeads) -> Option<ObjectId> {
    match library.heads[..] {
        [head] if whole.get(&library.id) == Some(&head) => Some(head),
        _ => None,
    }
}

impl HeadsCheck<'_> {
    /// Looks for everything that the heads in `roots` need. What `whole` remembers is not looked at again, and `whole`
    /// is brought up to date. `None` when it was interrupted.
    ///
    /// # Errors
    /// When a store fails with anything but "not found", or one object that cannot be read.
    pub fn run(&self, roots: &Roots, whole: &mut WholeHeads) -> Result<Option<HeadsFound>, StoreError> {
        let is_whole = |library: &&LibraryRoots| remembered_head(library, whole).is_some();
        let (unchanged, changed): (Vec<&LibraryRoots>, Vec<_>) = roots.libraries.iter().partition(is_whole);
        let mut found = HeadsFound::new(roots.libraries.len() as u64, unchanged.len() as u64);
        let mut remembered: WholeHeads =
            unchanged.iter().filter_map(|library| whole.get_key_value(&library.id)).map(|(a, b)| (*a, *b)).collect();
        let (accepted, others): (Vec<_>, Vec<_>) =
            changed.into_iter().partition(|library| self.accepted.contains(&library.id));
        let chunks = others.chunks(AT_ONCE).map(|some| (some, FINDINGS_MAX));
        // One by one, because each may have very many findings.
        let chunks = chunks.chain(accepted.chunks(1).map(|one| (one, ACCEPTED_FINDINGS_MAX)));
        for (some, findings_max) in chunks {
            let Some(walked) = self.walk(some, whole, findings_max)? else { return Ok(None) };
            let by_id: BTreeMap<_, _> = some.iter().map(|library| (library.id, *library)).collect();
            for library in walked {
                let roots = by_id[&library.id];
                if library.findings.is_empty() && library.more_findings == 0 {
                    found.whole += 1;
                    remembered.extend(roots.heads.first().map(|head| (roots.id, *head)));
                } else {
                    let wrong = self.judge(roots, &library)?;
                    found.add(wrong, roots, library);
                }
            }
        }
        *whole = remembered;
        Ok(Some(found))
    }

    fn walk(
        &self,
        libraries: &[&LibraryRoots],
        whole: &WholeHeads,
        findings_max: usize,
    ) -> Result<Option<Vec<LibraryResult>>, StoreError> {
        // Without the base commits of virtual libraries, because they are history.
        let heads = |library: &&LibraryRoots| LibraryRoots { base_commits: Vec::new(), ..(*library).clone() };
        let roots = Roots { libraries: libraries.iter().map(heads).collect(), ..Roots::default() };
        let known = |library: &&LibraryRoots| Some((library.id, *whole.get(&library.id)?));
        let options = WalkOptions {
            full_history: false,
            threads: self.threads,
            memory: self.memory,
            paths_max: 5,
            findings_max,
            whole: libraries.iter().filter_map(known).collect(),
            ..WalkOptions::default()
        };
        let walked = fsck(self.destination, &roots, &options, self.shutdown, self.counters)?;
        Ok((walked.unfinished == 0).then_some(walked.libraries))
    }

    /// The worst of what is wrong with a library.
    fn judge(&self, roots: &LibraryRoots, library: &LibraryResult) -> Result<Wrong, StoreError> {
        if library.more_findings > 0 {
            return Ok(Wrong::AtDestination);
        }
        let seats = Seats::new(self.threads.get() - 1);
        let judge = Judge { check: self, budget: Budget::new(self.memory) };
        let mut worst = Wrong::DamagedInSource;
        for some in library.findings.chunks(JUDGED_AT_ONCE) {
            let judged = tasks::try_map(&seats, some, |finding| judge.finding(roots, finding))?;
            worst = judged.into_iter().chain([worst]).min().unwrap_or(worst);
            if worst == Wrong::AtDestination {
                break;
            }
        }
        Ok(worst)
    }
}

/// Asks the source about findings.
struct Judge<'a> {
    check: &'a HeadsCheck<'a>,
    budget: Budget,
}

impl Judge<'_> {
    fn finding(&self, roots: &LibraryRoots, finding: &Defect) -> Result<Wrong, StoreError> {
        // A head that the database does not name is missing whatever the stores hold, and what is not named of the paths
        // says nothing of the objects.
        let Some(id) = finding.id else {
            let says_nothing = matches!(finding.what, DefectKind::NoHead | DefectKind::MorePaths);
            return Ok(if says_nothing { Wrong::DamagedInSource } else { Wrong::AtDestination });
        };
        let library = if finding.kind == ObjectKind::Commits { roots.id } else { roots.store_id() };
        let key = ObjectKey::new(library, id);
        let (here, there) = (&*self.check.source[finding.kind], &*self.check.destination[finding.kind]);
        let is_the_source_so = match &finding.what {
            DefectKind::NoHead | DefectKind::MorePaths => true,
            DefectKind::Missing
            | DefectKind::HeadMissing
            | DefectKind::ParentMissing { .. }
            | DefectKind::BaseMissing { .. } => {
                let is_missing = is_missing_for_sure(here, &key)?;
                return Ok(if is_missing { Wrong::MissingInSource } else { Wrong::AtDestination });
            }
            DefectKind::Unreadable(_) => {
                let is_unreadable = |which| {
                    let read = self.in_room(here, finding.kind, &key, which, |_, _| Ok(()));
                    Ok::<_, StoreError>(answered(read)?.is_err_and(|kind| kind != ErrorKind::NotFound))
                };
                is_unreadable(Reading::First)? && is_unreadable(Reading::Second)?
            }
            DefectKind::WrongSize { found, .. } => {
                self.blocks_in_source(&key)?.is_some_and(|(total, count)| {
                    let forms =
                        [&self.check.source, &self.check.destination].map(|side| side[ObjectKind::Blocks].size_form());
                    let [here, there] =
                        [(forms[0], total), (forms[1], *found)].map(|(form, total)| form.bytes_of(total, count));
                    // Where both tell sizes of one form, they are compared as they are.
                    if forms[0] == forms[1] {
                        total == *found
                    } else {
                        here.start() <= there.end() && there.start() <= here.end()
                    }
                })
            }
            DefectKind::Damaged(_) => match self.read_twice(here, finding.kind, &key)? {
                // Good bytes on both sides mean that the walk was given others, which is no damage of the source.
                Some(theirs) if theirs.is_damaged => Some(theirs) == self.read_twice(there, finding.kind, &key)?,
                _ => false,
            },
            DefectKind::WrongKind { .. }
            | DefectKind::WrongLibrary { .. }
            | DefectKind::Loops
            | DefectKind::TooDeep { .. } => {
                let theirs = self.read_twice(here, finding.kind, &key)?;
                theirs.is_some() && theirs == self.read_twice(there, finding.kind, &key)?
            }
        };
        Ok(if is_the_source_so { Wrong::DamagedInSource } else { Wrong::AtDestination })
    }

    /// Reads an object within the budget, and calls `see` with its bytes.
    fn in_room<T>(
        &self,
        store: &dyn ReadStore,
        kind: ObjectKind,
        key: &ObjectKey,
        which: Reading,
        mut see: impl FnMut(&[u8], &mut Room<'_>) -> Result<T, Halted<StoreError>>,
    ) -> Result<T, StoreError> {
        self.budget.in_room(first_room(kind), |room| {
            let data = match which {
                Reading::First => read_in_room(store, kind, key, room)?,
                Reading::Second => read_again_in_room(store, kind, key, room)?,
            };
            see(&data, room)
        })
    }

    /// The sizes of a file's blocks in the source, added up, and their number; `None` when some are not there.
    fn blocks_in_source(&self, file: &ObjectKey) -> Result<Option<(u64, u64)>, StoreError> {
        let (fs, blocks) = (&*self.check.source[ObjectKind::Fs], &self.check.source[ObjectKind::Blocks]);
        let read = self.in_room(fs, ObjectKind::Fs, file, Reading::First, |data, room| {
            let Ok(view) = FsView::open(&file.id, data) else { return Ok(None) };
            if view.kind == FsKind::Dir {
                return Ok(None);
            }
            room.take(view.count.saturating_mul(size_of::<ObjectId>() as u64))?;
            let mut ids = Vec::with_capacity(usize::try_from(view.count).unwrap_or_default());
            view.blocks(|id| ids.push(id));
            let mut sum = 0u64;
            for id in ids {
                let Ok(size) = answered(blocks.size(&ObjectKey::new(file.library, id)))? else { return Ok(None) };
                sum = sum.saturating_add(size);
            }
            Ok(Some((sum, view.count)))
        });
        Ok(answered(read)?.ok().flatten())
    }

    /// What two readings of an object agree on.
    fn read_twice(
        &self,
        store: &dyn ReadStore,
        kind: ObjectKind,
        key: &ObjectKey,
    ) -> Result<Option<Bytes>, StoreError> {
        let read = |which| answered(self.in_room(store, kind, key, which, |data, _| Ok(Bytes::of(kind, key, data))));
        let Ok(first) = read(Reading::First)? else { return Ok(None) };
        Ok(read(Reading::Second)?.ok().filter(|second| *second == first))
    }
}

/// Which of two readings of an object.
#[derive(Clone, Copy)]
enum Reading {
    First,
    Second,
}

/// The bytes of an object, of which only what they are is kept.
#[derive(PartialEq, Eq)]
struct Bytes {
    length: usize,
    digest: ObjectId,
    /// Whether they do not have its id, or are none of its kind.
    is_damaged: bool,
}

impl Bytes {
    fn of(kind: ObjectKind, key: &ObjectKey, data: &[u8]) -> Self {
        let is_damaged = match kind {
            ObjectKind::Commits => Commit::parse(&key.id, data).map_or(true, |parsed| parsed.wrong_id.is_some()),
            ObjectKind::Fs => FsView::open(&key.id, data).map_or(true, |view| view.wrong_id.is_some()),
            ObjectKind::Blocks => content::check(kind, &key.id, data) != IdCheck::Good,
        };
        Self { length: data.len(), digest: content::sha1_of(data), is_damaged }
    }
}

/// What a store says about one object; that it is not there, or cannot be read, is an answer, too.
fn answered<T>(answer: Result<T, StoreError>) -> Result<Result<T, ErrorKind>, StoreError> {
    match answer {
        Ok(value) => Ok(Ok(value)),
        Err(error) if error.kind().is_of_one_object() => Ok(Err(error.kind())),
        Err(error) => Err(error),
    }
}

/// Whether two witnesses say that an object is not there: the object's own answer, and a listing of its name. A store
/// that lists an object and denies having it does not know what it holds.
fn is_missing_for_sure(store: &dyn ReadStore, key: &ObjectKey) -> Result<bool, StoreError> {
    Ok(answered(store.size(key))? == Err(ErrorKind::NotFound) && store.list_one(key)?.is_none())
}
