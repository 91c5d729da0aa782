//! The walk from the heads at the destination, and what of its findings is the source's own damage.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;

use bytes::Bytes;
use rayon::ThreadPoolBuilder;
use rayon::prelude::*;

use crate::commands::common::heads_cache::WholeHeads;
use crate::commands::run::heads::found::{HeadsFound, Wrong};
use crate::content::{self, Commit, FsObject, IdCheck};
use crate::database::heads::{LibraryRoots, Roots};
use crate::metrics::WalkCounters;
use crate::object::{LibraryId, ObjectId, ObjectKey, ObjectKind};
use crate::reach::{Defect, DefectKind, LibraryResult, Stores, WalkOptions, fsck};
use crate::store::{ErrorKind, ReadStore, SizeMatch, StoreError};
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
        let pool = ThreadPoolBuilder::new()
            .num_threads(self.threads.get().min(library.findings.len()))
            .build()
            .map_err(|error| StoreError::new(ErrorKind::Setup, "read", "the source", error))?;
        let mut worst = Wrong::DamagedInSource;
        for some in library.findings.chunks(JUDGED_AT_ONCE) {
            let judged =
                pool.install(|| some.par_iter().map(|one| self.judge_one(roots, one)).collect::<Result<Vec<_>, _>>());
            worst = judged?.into_iter().chain([worst]).min().unwrap_or(worst);
            if worst == Wrong::AtDestination {
                break;
            }
        }
        Ok(worst)
    }

    fn judge_one(&self, roots: &LibraryRoots, finding: &Defect) -> Result<Wrong, StoreError> {
        // A head that the database does not name is missing whatever the stores hold.
        let Some(id) = finding.id else {
            let is_no_head = finding.what == DefectKind::NoHead;
            return Ok(if is_no_head { Wrong::DamagedInSource } else { Wrong::AtDestination });
        };
        let library = if finding.kind == ObjectKind::Commits { roots.id } else { roots.store_id() };
        let key = ObjectKey::new(library, id);
        let (here, there) = (&*self.source[finding.kind], &*self.destination[finding.kind]);
        let is_the_source_so = match &finding.what {
            DefectKind::NoHead => true,
            DefectKind::Missing
            | DefectKind::HeadMissing
            | DefectKind::ParentMissing { .. }
            | DefectKind::BaseMissing { .. } => {
                let is_missing = is_missing_for_sure(here, &key)?;
                return Ok(if is_missing { Wrong::MissingInSource } else { Wrong::AtDestination });
            }
            DefectKind::Unreadable(_) => {
                let is_unreadable = |read| Ok::<_, StoreError>(answered(read)? == Err(ErrorKind::Unreadable));
                is_unreadable(here.read(&key))? && is_unreadable(here.read_again(&key))?
            }
            DefectKind::WrongSize { found, .. } => {
                SizeMatch::of(Some(*found), self.size_in_source(&key)?) == SizeMatch::Same
            }
            DefectKind::Damaged(_) => match read_twice(here, &key)? {
                // Good bytes on both sides mean that the walk was given others, which is no damage of the source.
                Some(theirs) if is_damaged(finding.kind, &key, &theirs) => Some(theirs) == read_twice(there, &key)?,
                _ => false,
            },
            DefectKind::WrongKind { .. } | DefectKind::WrongLibrary { .. } => {
                let theirs = read_twice(here, &key)?;
                theirs.is_some() && theirs == read_twice(there, &key)?
            }
        };
        Ok(if is_the_source_so { Wrong::DamagedInSource } else { Wrong::AtDestination })
    }

    /// What the blocks of a file hold in the source, in bytes; `None` when some are not there.
    fn size_in_source(&self, file: &ObjectKey) -> Result<Option<u64>, StoreError> {
        let (fs, blocks) = (&self.source[ObjectKind::Fs], &self.source[ObjectKind::Blocks]);
        let Ok(data) = answered(fs.read(file))? else { return Ok(None) };
        let Ok(parsed) = FsObject::parse(&file.id, &data) else { return Ok(None) };
        let FsObject::File { block_ids, .. } = parsed.object else { return Ok(None) };
        let mut sum = 0u64;
        for id in block_ids {
            let Ok(size) = answered(blocks.size(&ObjectKey::new(file.library, id)))? else { return Ok(None) };
            sum = sum.saturating_add(size);
        }
        Ok(Some(sum))
    }
}

/// What a store says about one object; that it is not there, or cannot be read, is an answer, too.
fn answered<T>(answer: Result<T, StoreError>) -> Result<Result<T, ErrorKind>, StoreError> {
    match answer {
        Ok(value) => Ok(Ok(value)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Unreadable | ErrorKind::ObjectDenied) => {
            Ok(Err(error.kind()))
        }
        Err(error) => Err(error),
    }
}

/// Whether two witnesses say that an object is not there: the object's own answer, and a listing of its name. A store
/// that lists an object and denies having it does not know what it holds.
fn is_missing_for_sure(store: &dyn ReadStore, key: &ObjectKey) -> Result<bool, StoreError> {
    Ok(answered(store.size(key))? == Err(ErrorKind::NotFound) && store.list_one(key)?.is_none())
}

/// The bytes of an object that two readings agree on.
fn read_twice(store: &dyn ReadStore, key: &ObjectKey) -> Result<Option<Bytes>, StoreError> {
    let Ok(first) = answered(store.read(key))? else { return Ok(None) };
    Ok(answered(store.read_again(key))?.ok().filter(|second| *second == first))
}

/// Whether the bytes of an object do not have its id, or are none of its kind.
fn is_damaged(kind: ObjectKind, key: &ObjectKey, data: &[u8]) -> bool {
    match kind {
        ObjectKind::Commits => Commit::parse(&key.id, data).map_or(true, |parsed| parsed.wrong_id.is_some()),
        ObjectKind::Fs => FsObject::parse(&key.id, data).map_or(true, |parsed| parsed.wrong_id.is_some()),
        ObjectKind::Blocks => content::check(kind, &key.id, data) != IdCheck::Good,
    }
}
