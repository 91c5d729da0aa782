//! Infers the heads from the commits, without a database.

use std::collections::{BTreeSet, HashSet};
use std::num::NonZeroUsize;

use super::{LibraryRoots, Roots};
use crate::content::Commit;
use crate::flow::Budget;
use crate::flow::tasks::{self, Seats};
use crate::object::{KeyRange, LibraryId, ObjectId, ObjectKey, ObjectKind};
use crate::store::{ErrorKind, Part, ReadStore, StoreError, control, first_room, found, read_in_room};
use crate::sys::shutdown::Shutdown;

/// The bytes that commits may take in memory while they are read.
const MEMORY: u64 = 16 << 20;
/// The most characters of a library's name that are kept; Seafile's names have at most 255 bytes.
const NAME_MAX: usize = 255;

impl Roots {
    /// Infers the heads from the commits, and the origins of virtual libraries from the libraries that hold their
    /// trees.
    ///
    /// `threads` is the number of commits that are read at once.
    ///
    /// # Errors
    /// When a store cannot be listed or read, or the pass was cancelled.
    pub fn from_commits(
        commits: &dyn ReadStore,
        fs: &dyn ReadStore,
        threads: NonZeroUsize,
        stop: &Shutdown,
    ) -> Result<Self, StoreError> {
        let reader = Reader { store: commits, stop, seats: Seats::new(threads.get() - 1), budget: Budget::new(MEMORY) };
        let mut libraries = Vec::new();
        let mut own = Vec::new();
        for_each_library(commits, stop, |library, ids| {
            let (roots, root) = reader.heads_among(library, ids)?;
            libraries.push(roots);
            own.push(root);
            Ok(())
        })?;
        guess_origins(&mut libraries, &own, fs, stop)?;
        libraries.sort_by_key(|library| library.id);
        Ok(Self { libraries, guessed: true, ..Self::default() })
    }
}

/// Lists the store and calls `each` with the ids of one library after the other.
fn for_each_library(
    store: &dyn ReadStore,
    stop: &Shutdown,
    mut each: impl FnMut(LibraryId, &[ObjectId]) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut keys: Vec<ObjectKey> = Vec::new();
    for part in store.parts(&KeyRange::ALL)? {
        let mut rest = Some(part);
        while let Some(part) = rest {
            interrupted(stop)?;
            let page = store.list(&part)?;
            keys.extend(page.objects.iter().map(|listed| listed.key).filter(|key| !control::is_control(key)));
            rest = page.rest;
            if store.is_ordered() {
                flush(&mut keys, true, &mut each)?;
            }
        }
    }
    keys.sort_unstable();
    flush(&mut keys, false, &mut each)
}

/// Calls `each` for the libraries in `keys`, which are sorted, and removes them; the last one is kept when `more` of it
/// may come.
fn flush(
    keys: &mut Vec<ObjectKey>,
    more: bool,
    each: &mut impl FnMut(LibraryId, &[ObjectId]) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let last = keys.last().map(|key| key.library);
    let mut done = 0;
    for group in keys.chunk_by(|a, b| a.library == b.library) {
        if more && Some(group[0].library) == last {
            break;
        }
        let ids: Vec<ObjectId> = group.iter().map(|key| key.id).collect();
        each(group[0].library, &ids)?;
        done += group.len();
    }
    keys.drain(..done);
    Ok(())
}

fn interrupted(stop: &Shutdown) -> Result<(), StoreError> {
    if stop.requested() {
        return Err(StoreError::new(ErrorKind::Interrupted, "read", "the heads", "told to stop"));
    }
    Ok(())
}

/// Reads commits.
struct Reader<'a> {
    store: &'a dyn ReadStore,
    stop: &'a Shutdown,
    seats: Seats,
    budget: Budget,
}

/// What is kept of a commit while the others of its library are read.
struct Brief {
    parents: [Option<ObjectId>; 2],
    ctime: i64,
    root: ObjectId,
    name: Option<String>,
}

impl Reader<'_> {
    /// The heads of a library, and the root of the newest of them.
    fn heads_among(
        &self,
        library: LibraryId,
        ids: &[ObjectId],
    ) -> Result<(LibraryRoots, Option<ObjectId>), StoreError> {
        let commits = tasks::try_map(&self.seats, ids, |id| self.read(library, *id))?;
        let named: HashSet<ObjectId> = commits.iter().flatten().flat_map(|commit| commit.parents).flatten().collect();
        let heads: Vec<ObjectId> = ids.iter().filter(|id| !named.contains(*id)).copied().collect();
        let unnamed = ids.iter().zip(&commits).filter(|(id, _)| !named.contains(*id));
        let newest = unnamed.filter_map(|(_, commit)| commit.as_ref()).max_by_key(|commit| commit.ctime);
        let (name, root) = (newest.and_then(|commit| commit.name.clone()), newest.map(|commit| commit.root));
        Ok((LibraryRoots { heads, name, ..LibraryRoots::new(library) }, root))
    }

    /// Reads a commit; `None` when it is damaged, cannot be read or vanished since the listing, which the walk reports.
    fn read(&self, library: LibraryId, id: ObjectId) -> Result<Option<Brief>, StoreError> {
        interrupted(self.stop)?;
        let key = ObjectKey::new(library, id);
        let read: Result<Option<Brief>, StoreError> = self.budget.in_room(first_room(ObjectKind::Commits), |room| {
            let data = read_in_room(self.store, ObjectKind::Commits, &key, room)?;
            Ok(Commit::parse(&id, &data).ok().map(|parsed| Brief::of(&parsed.object)))
        });
        match read {
            Err(error) if error.kind().is_of_one_object() => Ok(None),
            read => read,
        }
    }
}

impl Brief {
    fn of(commit: &Commit) -> Self {
        let mut parents = commit.parents();
        let name = commit.repo_name.as_ref().map(|name| name.chars().take(NAME_MAX).collect());
        Self { parents: [parents.next(), parents.next()], ctime: commit.ctime, root: commit.root_id, name }
    }
}

/// Sets the origins of virtual libraries: a library with a tree but without any fs object is taken for a virtual
/// library of the library that holds its root.
fn guess_origins(
    libraries: &mut [LibraryRoots],
    roots: &[Option<ObjectId>],
    fs: &dyn ReadStore,
    stop: &Shutdown,
) -> Result<(), StoreError> {
    let with_fs = libraries_with_objects(fs, stop)?;
    for (library, root) in libraries.iter_mut().zip(roots) {
        let Some(root) = root.filter(|root| *root != ObjectId::EMPTY && !with_fs.contains(&library.id)) else {
            continue;
        };
        for candidate in &with_fs {
            interrupted(stop)?;
            if found(fs.size(&ObjectKey::new(*candidate, root)))?.is_some() {
                library.origin = Some(*candidate);
                break;
            }
        }
    }
    Ok(())
}

/// The libraries that have objects. An ordered store is asked for one page per library instead of all pages.
fn libraries_with_objects(store: &dyn ReadStore, stop: &Shutdown) -> Result<BTreeSet<LibraryId>, StoreError> {
    let mut found = BTreeSet::new();
    for part in store.parts(&KeyRange::ALL)? {
        let mut rest = Some(part);
        while let Some(part) = rest {
            interrupted(stop)?;
            let page = store.list(&part)?;
            let keys = page.objects.iter().map(|listed| listed.key);
            found.extend(keys.filter(|key| !control::is_control(key)).map(|key| key.library));
            rest = match page.objects.last() {
                Some(last) if store.is_ordered() => skip_library(page.rest, last.key.library),
                _ => page.rest,
            };
        }
    }
    Ok(found)
}

/// The part of the listing after a library.
fn skip_library(rest: Option<Part>, library: LibraryId) -> Option<Part> {
    let rest = rest?;
    let after = rest.range.after(KeyRange::library(library).last())?;
    Some(rest.with_range(after))
}
