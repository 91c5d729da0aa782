//! Infers the heads from the commits, without a database.

use std::collections::{BTreeSet, HashSet};
use std::num::NonZeroUsize;

use rayon::ThreadPoolBuilder;
use rayon::prelude::*;

use super::{LibraryRoots, Roots};
use crate::content::Commit;
use crate::object::{KeyRange, LibraryId, ObjectId, ObjectKey};
use crate::store::{ErrorKind, Part, ReadStore, StoreError, control, found};
use crate::sys::shutdown::Shutdown;

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
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads.get())
            .build()
            .map_err(|error| StoreError::new(ErrorKind::Setup, "read", "the commits", error))?;
        let mut libraries = Vec::new();
        let mut own = Vec::new();
        for_each_library(commits, stop, |library, ids| {
            let (roots, root) = pool.install(|| heads_among(commits, library, ids, stop))?;
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

/// The heads of a library, and the root of the newest of them.
fn heads_among(
    store: &dyn ReadStore,
    library: LibraryId,
    ids: &[ObjectId],
    stop: &Shutdown,
) -> Result<(LibraryRoots, Option<ObjectId>), StoreError> {
    let commits = ids.par_iter().map(|id| read_commit(store, library, *id, stop)).collect::<Result<Vec<_>, _>>()?;
    let named: HashSet<ObjectId> = commits.iter().flatten().flat_map(Commit::parents).collect();
    let heads: Vec<ObjectId> = ids.iter().filter(|id| !named.contains(*id)).copied().collect();
    let unnamed = ids.iter().zip(&commits).filter(|(id, _)| !named.contains(*id));
    let newest = unnamed.filter_map(|(_, commit)| commit.as_ref()).max_by_key(|commit| commit.ctime);
    let (name, root) = (newest.and_then(|commit| commit.repo_name.clone()), newest.map(|commit| commit.root_id));
    Ok((LibraryRoots { heads, name, ..LibraryRoots::new(library) }, root))
}

/// Reads a commit; `None` when it is damaged or vanished since the listing, which the walk reports.
fn read_commit(
    store: &dyn ReadStore,
    library: LibraryId,
    id: ObjectId,
    stop: &Shutdown,
) -> Result<Option<Commit>, StoreError> {
    interrupted(stop)?;
    match store.read(&ObjectKey::new(library, id)) {
        Ok(data) => Ok(Commit::parse(&id, &data).ok().map(|parsed| parsed.object)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Unreadable) => Ok(None),
        Err(error) => Err(error),
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
