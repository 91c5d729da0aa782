//! Every planted fault gives one finding with the right paths, and no other object does.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use seaf_migrate::content::Damage;
use seaf_migrate::object::{LibraryId, ObjectKey, ObjectKind};
use seaf_migrate::reach::DefectKind;

use crate::support::library;
use crate::support::library::State;
use crate::support::side::{
    Side, Suffering, by_library, commit_of, larger, roots_of, small, suffering, victims, whats,
};

#[test]
fn every_missing_tree_object_is_found_with_its_paths_and_no_other() {
    let store = small();
    let mut side = Side::generated(&store);
    side.options.paths_max = 1000;
    let mut planted = 0;
    for (kind, key, data) in store.all().filter(|(kind, ..)| *kind != ObjectKind::Commits) {
        side.store(kind).take(&key);
        let found: BTreeMap<LibraryId, Suffering> = by_library(&side.fsck())
            .into_iter()
            .map(|(library, findings)| {
                let [finding] = &findings[..] else { panic!("{kind} {key}: {findings:?}") };
                assert_eq!((finding.kind, finding.id, &finding.what), (kind, Some(key.id), &DefectKind::Missing));
                (library, (finding.commit, finding.paths.clone()))
            })
            .collect();
        assert_eq!(found, suffering(&store, kind, &key), "{kind} {key}");
        planted += usize::from(!found.is_empty());
        side.store(kind).put(key, data.clone());
    }
    assert!(planted > 100, "{planted}");
    assert!(side.fsck().is_sound());
}

#[test]
fn every_missing_commit_is_found() {
    let store = small();
    let side = Side::generated(&store);
    for library in store.libraries.iter().filter(|library| library.state != State::Garbage) {
        for (at, snapshot) in library.snapshots.iter().enumerate() {
            let key = ObjectKey::new(library.id, snapshot.commit);
            let data = side.store(ObjectKind::Commits).take(&key);
            let found = by_library(&side.fsck());
            let [finding] = &found[&library.id][..] else { panic!("{found:?}") };
            assert_eq!((found.len(), finding.kind, finding.id), (1, ObjectKind::Commits, Some(snapshot.commit)));
            if snapshot.commit == library.head().commit {
                assert_eq!((&finding.what, &finding.paths[..]), (&DefectKind::HeadMissing, &["/".to_owned()][..]));
            } else {
                let child = library.snapshots[at + 1].commit;
                assert_eq!((&finding.what, &finding.paths[..]), (&DefectKind::ParentMissing { child }, &[][..]));
            }
            side.store(ObjectKind::Commits).put(key, data);
        }
    }
}

/// Plants `data` under `key` and returns what is found, blocks read.
fn planted(side: &mut Side, kind: ObjectKind, key: &ObjectKey, data: Bytes) -> Vec<DefectKind> {
    side.options.content = true;
    let before = side.store(kind).take(key);
    side.store(kind).put(*key, data);
    let found = whats(&side.fsck());
    side.store(kind).put(*key, before);
    found
}

#[test]
fn damaged_objects_of_each_kind_are_found_and_named() {
    let store = larger();
    let mut side = Side::generated(&store);
    for (kind, key, other) in victims(&store) {
        let clean = side.store(kind).get(&key);
        let found = planted(&mut side, kind, &key, Bytes::new());
        assert!(found.contains(&DefectKind::Damaged(Damage::Empty)), "empty {kind}: {found:?}");

        let found = planted(&mut side, kind, &key, clean.slice(..clean.len() / 2));
        assert!(
            found.iter().all(|what| matches!(what, DefectKind::Damaged(_))) && !found.is_empty(),
            "cut {kind}: {found:?}"
        );

        // A commit's first field is its own id; the middle of the others is content that the id covers.
        let at = if kind == ObjectKind::Commits { 20 } else { clean.len() / 2 };
        let mut flipped = clean.to_vec();
        flipped[at] ^= 1;
        let found = planted(&mut side, kind, &key, flipped.into());
        assert!(
            found.iter().all(|what| matches!(what, DefectKind::Damaged(_))) && !found.is_empty(),
            "bit {kind}: {found:?}"
        );

        let swapped = side.store(kind).get(&other);
        let found = planted(&mut side, kind, &key, swapped);
        assert!(found.contains(&DefectKind::Damaged(Damage::WrongId { found: other.id })), "swapped {kind}: {found:?}");
    }
    assert!(side.fsck().is_sound());
}

#[test]
fn an_object_in_the_wrong_library_is_missing_where_it_belongs() {
    let store = larger();
    let side = Side::generated(&store);
    let elsewhere = store.library("plain 1 ✓").id;
    for (kind, key, _) in victims(&store) {
        let data = side.store(kind).take(&key);
        side.store(kind).put(ObjectKey::new(elsewhere, key.id), data.clone());
        let found = by_library(&side.fsck());
        assert!(found.contains_key(&key.library) && !found.contains_key(&elsewhere), "{kind}: {found:?}");
        side.store(kind).take(&ObjectKey::new(elsewhere, key.id));
        side.store(kind).put(key, data);
    }
    assert!(side.fsck().is_sound());
}

#[test]
fn an_object_of_the_wrong_kind_is_found() {
    let store = larger();
    let mut side = Side::generated(&store);
    let victims = victims(&store);
    for (kind, key, _) in &victims {
        for (other, stranger, _) in victims.iter().filter(|(other, ..)| other != kind) {
            let data = side.store(*other).get(stranger);
            let found = planted(&mut side, *kind, key, data);
            assert!(found.iter().any(|what| matches!(what, DefectKind::Damaged(_))), "{other} as {kind}: {found:?}");
        }
    }
    let (file, dir) = (victims[1].1, victims[2].1);
    let data = side.store(ObjectKind::Fs).get(&file);
    let found = planted(&mut side, ObjectKind::Fs, &dir, data);
    // Only the first thing found about an object is reported: the wrong id, not that it is no directory either.
    assert!(found.contains(&DefectKind::Damaged(Damage::WrongId { found: file.id })), "{found:?}");
}

#[test]
fn a_directory_that_calls_a_file_a_directory_is_found() {
    let (mut side, store) = (Side::generated(&small()), small());
    let library = store.library("plain 0 ✓");
    let file = library.head().tree.files.values().find(|file| file.size > 0).unwrap();
    let child = library::objects::Child { id: file.id, name: "x".to_owned(), size: None, mtime: 1 };
    let (root, data) = library::objects::dir(1, &[child]);
    let parents = vec![library.head().commit];
    let text = library::objects::CommitText { root, parents, ..commit_of(library.id) };
    let (head, commit) = text.encode(library::objects::Writer::C);
    side.store(ObjectKind::Fs).put(ObjectKey::new(library.id, root), data);
    side.store(ObjectKind::Commits).put(ObjectKey::new(library.id, head), commit);
    side.roots.libraries.iter_mut().find(|roots| roots.id == library.id).unwrap().heads = vec![head];
    let found = by_library(&side.fsck());
    let [finding] = &found[&library.id][..] else { panic!("{found:?}") };
    assert_eq!(finding.what, DefectKind::WrongKind { expected: "directory", found: "file" });
    assert_eq!((finding.id, &finding.paths[..]), (Some(file.id), &["/x/".to_owned()][..]));
}

#[test]
fn a_block_cut_short_is_found_without_reading_it() {
    let store = larger();
    for name in ["plain 0 ✓", "encrypted", "legacy"] {
        let side = Side::generated(&store);
        let library = store.library(name);
        let (path, file) = library.head().tree.files.iter().find(|(_, file)| file.blocks.len() > 1).unwrap();
        let key = ObjectKey::new(library.id, file.blocks[0]);
        let data = side.store(ObjectKind::Blocks).take(&key);
        side.store(ObjectKind::Blocks).put(key, data.slice(..data.len() - 100));
        let found = by_library(&side.fsck());
        let [finding] = &found[&library.id][..] else { panic!("{found:?}") };
        assert!(matches!(finding.what, DefectKind::WrongSize { expected, .. } if expected == file.size), "{finding}");
        assert_eq!(&finding.paths[..], std::slice::from_ref(path));
    }
}

#[test]
fn a_commit_of_another_library_is_found() {
    let store = small();
    let side = Side::generated(&store);
    let (library, other) = (store.library("plain 0 ✓"), store.library("twin"));
    let data = side.store(ObjectKind::Commits).get(&ObjectKey::new(other.id, other.head().commit));
    side.store(ObjectKind::Commits).put(ObjectKey::new(library.id, other.head().commit), data);
    let mut roots = side.roots.clone();
    roots.libraries.iter_mut().find(|roots| roots.id == library.id).unwrap().heads.push(other.head().commit);
    let side = Side { roots, ..side };
    assert_eq!(whats(&side.fsck()), [DefectKind::WrongLibrary { found: other.id }]);
}

#[test]
fn a_base_commit_needs_its_directories_and_not_its_blocks() {
    let store = small();
    let mut side = Side::generated(&store);
    side.options.full_history = false;
    let (origin, needs) = (store.library("plain 0 ✓"), store.library("virtual").id);
    let old = &origin.snapshots[0];
    let roots = side.roots.libraries.iter_mut().find(|roots| roots.id == origin.id).unwrap();
    roots.base_commits[0].commit = old.commit;
    let only_old = |kind| {
        let now: BTreeSet<_> = origin.head().tree.ids(kind).into_iter().collect();
        *old.tree.ids(kind).iter().find(|id| !now.contains(*id)).unwrap()
    };
    side.store(ObjectKind::Blocks).take(&ObjectKey::new(origin.id, only_old(ObjectKind::Blocks)));
    assert!(side.fsck().is_sound());
    side.store(ObjectKind::Fs).take(&ObjectKey::new(origin.id, old.tree.dirs["/"]));
    assert_eq!(whats(&side.fsck()), [DefectKind::Missing]);
    side.store(ObjectKind::Commits).take(&ObjectKey::new(origin.id, old.commit));
    assert_eq!(whats(&side.fsck()), [DefectKind::BaseMissing { library: needs }]);
}

#[test]
fn a_library_without_a_head_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let (db, store) = (dir.path().join("seafile.db"), small());
    store.write_db(&db);
    let twin = store.library("twin").id;
    let connection = rusqlite::Connection::open(&db).unwrap();
    connection.execute("DELETE FROM Branch WHERE repo_id = ?", [store.library("legacy").id.to_string()]).unwrap();
    connection.execute("UPDATE Branch SET commit_id = 'no' WHERE repo_id = ?", [twin.to_string()]).unwrap();
    connection.execute("INSERT INTO Repo VALUES ('not a library')", []).unwrap();
    let side = Side::of(store.objects.clone(), roots_of(&db));
    let result = side.fsck();
    assert_eq!(whats(&result), [DefectKind::NoHead, DefectKind::NoHead]);
    assert_eq!(result.ignored.len(), 2, "{:?}", result.ignored);
}

#[test]
fn a_file_that_names_other_blocks_when_it_is_read_again_is_not_whole() {
    let store = small();
    let library = store.library("plain 0 ✓").id;
    let blocks: Vec<_> = (0..100u8).map(|number| library::objects::block(vec![number; 10])).collect();
    let ids: Vec<_> = blocks.iter().map(|(id, _)| *id).collect();
    let turned: Vec<_> = ids.iter().rev().copied().collect();
    let (file, data) = library::objects::file(1, 1000, &ids);
    let child = library::objects::Child { id: file, name: "x".to_owned(), size: Some(1000), mtime: 1 };
    let (root, dir) = library::objects::dir(1, &[child]);
    let text = library::objects::CommitText { root, ..commit_of(library) };
    let (head, commit) = text.encode(library::objects::Writer::C);
    let key = ObjectKey::new(library, file);
    let side = || {
        let mut side = Side::generated(&store);
        blocks
            .iter()
            .for_each(|(id, data)| side.store(ObjectKind::Blocks).put(ObjectKey::new(library, *id), data.clone()));
        side.store(ObjectKind::Fs).put(key, data.clone());
        side.store(ObjectKind::Fs).put(ObjectKey::new(library, root), dir.clone());
        side.store(ObjectKind::Commits).put(ObjectKey::new(library, head), commit.clone());
        side.roots.libraries.retain(|roots| roots.id == library);
        (side.roots.libraries[0].heads, side.roots.libraries[0].base_commits) = (vec![head], Vec::new());
        side
    };
    assert!(side().fsck().is_sound());
    let differ = DefectKind::Unreadable("two readings of it name different blocks".to_owned());
    let strangers = library::objects::file(1, 1000, &[file, root]).1;
    for (second, what) in [
        (library::objects::file(1, 1000, &turned).1, differ.clone()),
        (strangers, differ.clone()),
        (dir.clone(), differ),
        (Bytes::new(), DefectKind::Damaged(Damage::Empty)),
        (data.slice(..data.len() / 2), DefectKind::Damaged(Damage::Truncated)),
    ] {
        let side = side();
        side.store(ObjectKind::Fs).give_after(key, 1, second);
        let found = by_library(&side.fsck());
        let [finding] = &found[&library][..] else { panic!("{found:?}") };
        assert_eq!((finding.id, &finding.what, &finding.paths[..]), (Some(file), &what, &["/x".to_owned()][..]));
    }
}
