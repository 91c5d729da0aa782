//! A walk that knows a whole tree reads only what differs from it, and finds whatever is missing in that.

use std::collections::{BTreeMap, BTreeSet};

use seaf_migrate::object::{LibraryId, ObjectId, ObjectKey, ObjectKind};
use seaf_migrate::reach::{DefectKind, WalkOptions};
use seaf_migrate::store::ErrorKind;

use crate::support::library::{Library, Params, Snapshot, Store};
use crate::support::side::{Side, by_library, options, paths_in, whats};

/// The head of each library only, `known` being whole in one of them.
fn side(store: &Store, library: &Library, known: &Snapshot) -> Side {
    let mut side = Side::generated(store);
    side.options = WalkOptions {
        full_history: false,
        only: vec![library.id],
        whole: BTreeMap::from([(library.id, known.commit)]),
        ..options()
    };
    for roots in &mut side.roots.libraries {
        roots.base_commits.clear();
    }
    side
}

/// The ids that were asked for, of a kind.
fn asked(side: &Side, kind: ObjectKind) -> BTreeSet<ObjectId> {
    side.store(kind).asked().into_keys().map(|key| key.id).collect()
}

fn ids(snapshot: &Snapshot, kind: ObjectKind) -> BTreeSet<ObjectId> {
    snapshot.tree.ids(kind).into_iter().collect()
}

fn store() -> Store {
    Store::generate(&Params { files: 40, large_dir: 200, commits: 3, ..Params::default() })
}

#[test]
fn only_what_changed_since_is_read() {
    let store = store();
    for name in ["plain 0 ✓", "plain 1 ✓", "legacy"] {
        let library = store.library(name);
        let (new, old) = (library.head(), &library.snapshots[library.snapshots.len() - 2]);
        let side = side(&store, library, old);
        assert!(side.fsck().is_sound(), "{name}");
        let changed: BTreeSet<_> = &ids(new, ObjectKind::Fs) - &ids(old, ObjectKind::Fs);
        let read = asked(&side, ObjectKind::Fs);
        assert!(read.is_superset(&changed), "{name}: something new was not read");
        // Beside them, only the directories that they are compared with.
        let dirs: BTreeSet<_> = old.tree.dirs.values().copied().collect();
        assert!((&read - &changed).is_subset(&dirs), "{name}: files were read that did not change");
        assert!(read.len() < ids(new, ObjectKind::Fs).len(), "{name}: as much was read as without a comparison");
        let files = new.tree.files.values().filter(|file| changed.contains(&file.id));
        let blocks: BTreeSet<_> = files.flat_map(|file| file.blocks.clone()).collect();
        assert_eq!(asked(&side, ObjectKind::Blocks), blocks, "{name}");
    }
}

#[test]
fn the_same_head_costs_its_commit_and_nothing_below_it() {
    let store = store();
    let library = store.library("plain 0 ✓");
    let side = side(&store, library, library.head());
    assert!(side.fsck().is_sound());
    assert_eq!(asked(&side, ObjectKind::Commits), BTreeSet::from([library.head().commit]));
    assert!(asked(&side, ObjectKind::Fs).is_empty() && asked(&side, ObjectKind::Blocks).is_empty());
}

/// Removes each object of the newest tree that is not in the one before, one at a time, and compares the findings.
#[test]
fn whatever_is_missing_among_the_changes_is_found_with_its_paths() {
    let store = store();
    let library = store.library("plain 1 ✓");
    let (new, old) = (library.head(), &library.snapshots[library.snapshots.len() - 2]);
    let mut tried = 0;
    for kind in [ObjectKind::Fs, ObjectKind::Blocks] {
        for id in &ids(new, kind) - &ids(old, kind) {
            let side = side(&store, library, old);
            side.store(kind).take(&ObjectKey::new(library.id, id));
            let found = by_library(&side.fsck());
            let [finding] = &found[&library.id][..] else { panic!("{kind} {id}: {found:?}") };
            assert_eq!((finding.id, &finding.what), (Some(id), &DefectKind::Missing));
            assert_eq!(finding.paths, paths_in(new, kind, id));
            tried += 1;
        }
    }
    assert!(tried > 10, "the newest commit changes {tried} objects only");
}

#[test]
fn what_is_missing_below_an_unchanged_directory_is_not_looked_for() {
    let store = store();
    let library = store.library("plain 0 ✓");
    let side = side(&store, library, library.head());
    let some = library.head().tree.files["/same one"].blocks[0];
    side.store(ObjectKind::Blocks).take(&ObjectKey::new(library.id, some));
    assert!(side.fsck().is_sound(), "it was known to be whole: that is what the caller says");
}

#[test]
fn a_known_commit_that_is_gone_makes_the_walk_a_full_one() {
    let store = store();
    let library = store.library("plain 0 ✓");
    let (new, old) = (library.head(), &library.snapshots[0]);
    let side = side(&store, library, old);
    side.store(ObjectKind::Commits).take(&ObjectKey::new(library.id, old.commit));
    assert!(side.fsck().is_sound(), "the known commit is no part of what is checked");
    assert_eq!(
        asked(&side, ObjectKind::Fs),
        ids(new, ObjectKind::Fs).into_iter().filter(|id| *id != ObjectId::EMPTY).collect()
    );
}

#[test]
fn a_known_directory_that_is_gone_or_wrong_hides_nothing() {
    let store = store();
    let library = store.library("plain 1 ✓");
    let (new, old) = (library.head(), &library.snapshots[library.snapshots.len() - 2]);
    let root = ObjectKey::new(library.id, old.tree.dirs["/"]);
    let unchanged = ids(new, ObjectKind::Blocks).intersection(&ids(old, ObjectKind::Blocks)).next().copied().unwrap();
    let other = side(&store, library, old).store(ObjectKind::Fs).get(&ObjectKey::new(library.id, new.tree.dirs["/"]));
    for planted in [None, Some(b"no directory".to_vec().into()), Some(other)] {
        let side = side(&store, library, old);
        side.store(ObjectKind::Fs).take(&root);
        if let Some(data) = planted {
            side.store(ObjectKind::Fs).put(root, data);
        }
        side.store(ObjectKind::Blocks).take(&ObjectKey::new(library.id, unchanged));
        assert_eq!(whats(&side.fsck()), [DefectKind::Missing]);
    }
}

#[test]
fn a_store_that_fails_on_the_known_tree_ends_the_check() {
    let store = store();
    let library = store.library("plain 0 ✓");
    let old = &library.snapshots[0];
    for (kind, id) in [(ObjectKind::Commits, old.commit), (ObjectKind::Fs, old.tree.dirs["/"])] {
        let side = side(&store, library, old);
        let key = ObjectKey::new(library.id, id);
        side.store(kind).fail(key, ErrorKind::Timeout);
        assert_eq!(side.try_fsck().unwrap_err().kind(), ErrorKind::Timeout);
    }
}

#[test]
fn what_is_known_of_one_library_says_nothing_about_another() {
    let store = store();
    let (one, twin) = (store.library("plain 0 ✓"), store.library("twin"));
    let mut side = side(&store, one, one.head());
    side.options.only = vec![twin.id];
    let block = twin.head().tree.files["/same one"].blocks[0];
    side.store(ObjectKind::Blocks).take(&ObjectKey::new(twin.id, block));
    let found: Vec<LibraryId> = by_library(&side.fsck()).into_keys().collect();
    assert_eq!(found, [twin.id]);
}
