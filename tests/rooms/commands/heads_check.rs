//! The check of the heads at a destination: whole or not, damaged in the source or not, and the calls of a second check.

mod memory;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;

use bytes::Bytes;
use seaf_migrate::commands::common::heads_cache;
use seaf_migrate::commands::common::heads_cache::{Memory, WholeHeads};
use seaf_migrate::commands::run::heads::check::HeadsCheck;
use seaf_migrate::commands::run::heads::result::{Broken, HeadsResult, Moved};
use seaf_migrate::conf::SideId;
use seaf_migrate::database::heads::Roots;
use seaf_migrate::metrics::WalkCounters;
use seaf_migrate::object::{LibraryId, ObjectId, ObjectKey, ObjectKind};
use seaf_migrate::store::{ErrorKind, StoreError};
use seaf_migrate::sys::shutdown::{Shutdown, ShutdownReason};

use crate::support::library::{Params, Store};
use crate::support::side::{Side, small, victims};

/// A store on both sides, and what is remembered of the destination.
struct Pair {
    store: Store,
    source: Side,
    destination: Side,
    roots: Roots,
    /// What the database says after the check; `None` when it does not answer.
    now: Option<Roots>,
    accepted: BTreeSet<LibraryId>,
    whole: WholeHeads,
}

impl Pair {
    fn new(store: Store) -> Self {
        let (source, destination) = (Side::generated(&store), Side::generated(&store));
        let roots = source.roots.clone();
        let (now, accepted, whole) = (Some(roots.clone()), BTreeSet::new(), WholeHeads::new());
        Self { store, source, destination, roots, now, accepted, whole }
    }

    fn try_check(&mut self, shutdown: &Shutdown) -> Result<Option<HeadsResult>, StoreError> {
        let threads = NonZeroUsize::new(2).unwrap();
        let (destination, source) = (self.destination.stores(), self.source.stores());
        let counters = WalkCounters::default();
        let (destination, source, accepted) = (&destination, &source, &self.accepted);
        let memory = 16 << 20;
        let check = HeadsCheck { destination, source, accepted, threads, memory, shutdown, counters: &counters };
        let found = check.run(&self.roots, &mut self.whole)?;
        let now = || self.now.as_ref().ok_or_else(|| "gone".to_owned());
        Ok(found.map(|found| found.judged(&self.roots, now(), accepted)))
    }

    fn check(&mut self) -> HeadsResult {
        self.try_check(&Shutdown::new()).unwrap().unwrap()
    }

    /// How many calls the destination has had since this was asked last.
    fn calls(&self) -> usize {
        self.destination.kinds.iter().map(|store| store.asked_since()).sum()
    }

    /// Moves the head of a library back by one commit.
    fn step_back(&mut self, name: &str) {
        let library = self.store.library(name);
        let before = library.snapshots[library.snapshots.len() - 2].commit;
        let roots = self.roots.libraries.iter_mut().find(|roots| roots.id == library.id).unwrap();
        roots.heads = vec![before];
        self.now = Some(self.roots.clone());
    }

    fn lose_on_both_sides(&self, kind: ObjectKind, key: &ObjectKey) {
        for side in [&self.source, &self.destination] {
            side.store(kind).take(key);
        }
    }
}

fn names(broken: &Broken) -> Vec<&str> {
    let mut names: Vec<_> = broken.libraries.iter().map(|library| library.name.as_deref().unwrap()).collect();
    names.sort_unstable();
    names
}

#[test]
fn every_library_of_a_copy_is_whole() {
    let mut pair = Pair::new(small());
    let result = pair.check();
    assert_eq!((result.libraries, result.whole, result.unchanged), (8, 8, 0));
    assert_eq!((result.not_whole.count, result.damaged_in_source.count), (0, 0));
    assert_eq!(pair.whole.len(), 8);
    let asked_source: usize = pair.source.kinds.iter().map(|store| store.asked().len()).sum();
    assert_eq!(asked_source, 0, "the source is asked about what is wrong only");
}

#[test]
fn what_the_destination_lacks_is_named_with_its_paths() {
    for (kind, key, _) in victims(&small()) {
        let mut pair = Pair::new(small());
        pair.destination.store(kind).take(&key);
        let result = pair.check();
        assert!(names(&result.not_whole).contains(&"plain 0 ✓"), "{kind} {key}: {:?}", names(&result.not_whole));
        assert_eq!(result.whole + result.not_whole.count, 8);
        let library = result.not_whole.libraries.iter().find(|found| found.id == key.library).unwrap();
        assert_eq!(library.findings[0].id, Some(key.id));
        assert!(!library.findings[0].paths.is_empty(), "{kind} {key}");
        assert!(!pair.whole.contains_key(&key.library), "it was remembered as whole");
    }
}

#[test]
fn what_both_sides_lack_is_missing_in_the_source_and_neither_whole_nor_mere_damage() {
    for (kind, key, _) in victims(&small()) {
        let mut pair = Pair::new(small());
        pair.lose_on_both_sides(kind, &key);
        let result = pair.check();
        assert_eq!((result.not_whole.count, result.damaged_in_source.count), (0, 0), "{kind} {key}");
        assert!(names(&result.missing_in_source).contains(&"plain 0 ✓"), "{kind} {key}");
        assert!(!pair.whole.contains_key(&key.library));
    }
}

#[test]
fn what_the_user_accepts_to_lose_is_listed_apart_and_nothing_else_is_accepted_with_it() {
    let (kind, key, _) = victims(&small()).remove(0);
    let mut pair = Pair::new(small());
    pair.lose_on_both_sides(kind, &key);
    pair.accepted.insert(key.library);
    let result = pair.check();
    // The virtual library lacks the same block, and nobody spoke of it.
    let others = names(&result.missing_in_source);
    assert_eq!(names(&result.accepted), ["plain 0 ✓"]);
    assert!(!others.contains(&"plain 0 ✓"), "{others:?}");
    // What the destination alone lacks is not accepted with it.
    let (_, _, only) = victims(&small()).remove(0);
    pair.destination.store(kind).take(&only);
    let result = pair.check();
    assert!(names(&result.not_whole).contains(&"plain 0 ✓"));
    assert_eq!(result.accepted.count, 0);
}

#[test]
fn what_the_source_lists_is_not_missing_there_whatever_it_answers_for_the_object() {
    let (kind, key, _) = victims(&small()).remove(1);
    let mut pair = Pair::new(small());
    pair.destination.store(kind).take(&key);
    pair.source.store(kind).fail(key, ErrorKind::NotFound);
    let result = pair.check();
    assert!(names(&result.not_whole).contains(&"plain 0 ✓"));
    assert_eq!((result.missing_in_source.count, result.damaged_in_source.count), (0, 0));
}

#[test]
fn a_library_that_changed_meanwhile_is_neither_damaged_nor_missing_anything() {
    type Change = fn(&mut Roots, LibraryId);
    let head_moves: Change = |now, library| {
        let moved = now.libraries.iter_mut().find(|roots| roots.id == library).unwrap();
        moved.heads = vec![ObjectId::from_bytes([9; 20])];
    };
    let goes_to_the_trash: Change = |now, library| {
        now.libraries.iter_mut().find(|roots| roots.id == library).unwrap().trashed = true;
    };
    let is_deleted: Change = |now, library| {
        now.libraries.retain(|roots| roots.id != library);
        now.garbage.insert(library);
    };
    for change in [head_moves, goes_to_the_trash, is_deleted] {
        for (kind, key, _) in victims(&small()) {
            let mut pair = Pair::new(small());
            pair.lose_on_both_sides(kind, &key);
            pair.source.store(ObjectKind::Fs).put(key, b"wrong".as_slice().into());
            change(pair.now.as_mut().unwrap(), key.library);
            let result = pair.check();
            assert!(names(&result.changed_meanwhile).contains(&"plain 0 ✓"), "{kind} {key}");
            for broken in [&result.not_whole, &result.missing_in_source, &result.damaged_in_source] {
                assert!(!names(broken).contains(&"plain 0 ✓"), "{kind} {key}: {broken:?}");
            }
            assert_eq!(result.moved, Moved::Known { count: 1, libraries: vec![key.library] });
        }
    }
}

#[test]
fn a_virtual_library_changes_with_the_deletion_of_its_origin_and_not_with_its_head() {
    let origin = small().library("plain 0 ✓").id;
    for (is_deleted, changed) in [(true, vec!["plain 0 ✓", "virtual"]), (false, vec!["plain 0 ✓"])] {
        let mut pair = Pair::new(small());
        let file = &pair.store.library("virtual").head().tree.files["/same two"];
        pair.lose_on_both_sides(ObjectKind::Blocks, &ObjectKey::new(origin, file.blocks[0]));
        let now = pair.now.as_mut().unwrap();
        match is_deleted {
            true => now.libraries.retain(|roots| roots.id != origin),
            false => now.libraries.iter_mut().find(|roots| roots.id == origin).unwrap().heads.clear(),
        }
        let result = pair.check();
        assert_eq!(names(&result.changed_meanwhile), changed);
        assert_eq!(result.missing_in_source.count, u64::from(!is_deleted));
    }
}

#[test]
fn without_a_second_answer_of_the_database_what_was_found_stands() {
    let (kind, key, _) = victims(&small()).remove(0);
    let mut pair = Pair::new(small());
    pair.lose_on_both_sides(kind, &key);
    pair.now = None;
    let result = pair.check();
    assert!(names(&result.missing_in_source).contains(&"plain 0 ✓"));
    assert_eq!(result.moved, Moved::Unknown { why: "gone".to_owned() });
}

#[test]
fn what_was_deleted_before_and_is_cleared_away_now_has_not_moved() {
    let mut pair = Pair::new(small());
    pair.roots.garbage.insert(LibraryId::from_bytes([5; 16]));
    assert_eq!(pair.check().moved, Moved::Known { count: 0, libraries: Vec::new() });
}

/// Puts the same wrong bytes on both sides, or other ones on the destination.
#[test]
fn the_same_damage_on_both_sides_is_the_sources_and_other_damage_is_not() {
    let wrong: [&[u8]; 2] = [b"these bytes have another id", b"and these yet another one"];
    for (kind, key, _) in victims(&small()).into_iter().filter(|(kind, ..)| *kind != ObjectKind::Blocks) {
        for (there, is_same) in [(wrong[0], true), (wrong[1], false)] {
            let mut pair = Pair::new(small());
            pair.source.store(kind).put(key, wrong[0].into());
            pair.destination.store(kind).put(key, there.into());
            let result = pair.check();
            assert_eq!(result.not_whole.count == 0, is_same, "{kind} {key}");
            assert_eq!(result.damaged_in_source.count > 0, is_same, "{kind} {key}");
        }
    }
}

#[test]
fn a_wrong_answer_that_comes_once_is_never_the_sources_damage() {
    let wrong = || Bytes::from_static(b"these bytes have another id");
    for (kind, key, _) in victims(&small()).into_iter().filter(|(kind, ..)| *kind != ObjectKind::Blocks) {
        // Good bytes stand on both sides, and the walk at the destination was given others.
        let mut pair = Pair::new(small());
        pair.destination.store(kind).give_once(key, wrong());
        assert_eq!(pair.check().damaged_in_source.count, 0, "{kind} {key}");
        // The destination alone is damaged, and the source gives the same wrong bytes once.
        let mut pair = Pair::new(small());
        pair.destination.store(kind).put(key, wrong());
        pair.source.store(kind).give_once(key, wrong());
        let result = pair.check();
        assert!(names(&result.not_whole).contains(&"plain 0 ✓"), "{kind} {key}");
        assert_eq!(result.damaged_in_source.count, 0, "{kind} {key}");
    }
}

#[test]
fn a_block_that_is_too_short_is_found_by_the_length_of_its_file() {
    for (both, is_same) in [(true, true), (false, false)] {
        let (kind, key, _) = victims(&small()).remove(0);
        let mut pair = Pair::new(small());
        let short = pair.source.store(kind).get(&key).slice(1..);
        pair.destination.store(kind).put(key, short.clone());
        if both {
            pair.source.store(kind).put(key, short);
        }
        let result = pair.check();
        assert_eq!((result.not_whole.count == 0, result.damaged_in_source.count > 0), (is_same, is_same));
    }
}

#[test]
fn one_thing_that_only_the_destination_lacks_is_enough() {
    let victims = victims(&small());
    let mut pair = Pair::new(small());
    let ((kind, both, _), (_, _, only)) = (victims[0], victims[0]);
    pair.source.store(kind).take(&both);
    pair.destination.store(kind).take(&both);
    pair.destination.store(kind).take(&only);
    let result = pair.check();
    assert!(names(&result.not_whole).contains(&"plain 0 ✓"));
    assert!(!names(&result.damaged_in_source).contains(&"plain 0 ✓"));
}

#[test]
fn a_library_without_a_head_in_the_database_is_the_sources_damage() {
    let mut pair = Pair::new(small());
    pair.roots.libraries[0].heads.clear();
    pair.now = Some(pair.roots.clone());
    let result = pair.check();
    assert_eq!((result.whole, result.damaged_in_source.count, result.not_whole.count), (7, 1, 0));
    assert_eq!(pair.check().unchanged, 7, "without a head there is nothing to remember");
}

#[test]
fn a_virtual_library_is_looked_for_in_its_origin() {
    let mut pair = Pair::new(small());
    let origin = pair.store.library("plain 0 ✓").id;
    let file = &pair.store.library("virtual").head().tree.files["/same two"];
    pair.destination.store(ObjectKind::Blocks).take(&ObjectKey::new(origin, file.blocks[0]));
    let result = pair.check();
    assert_eq!(names(&result.not_whole), ["plain 0 ✓", "virtual"]);
    let of_virtual = result.not_whole.libraries.iter().find(|found| found.name.as_deref() == Some("virtual")).unwrap();
    assert_eq!(of_virtual.findings[0].paths, ["/same two"]);
}

#[test]
fn a_library_in_the_trash_is_looked_for_as_well() {
    let mut pair = Pair::new(small());
    let trashed = pair.store.library("trashed");
    pair.destination.store(ObjectKind::Commits).take(&ObjectKey::new(trashed.id, trashed.head().commit));
    assert_eq!(names(&pair.check().not_whole), ["trashed"]);
}

#[test]
fn what_no_head_needs_is_not_looked_for() {
    let mut pair = Pair::new(small());
    let library = pair.store.library("plain 0 ✓").clone();
    let old = library.snapshots[0].commit;
    pair.destination.store(ObjectKind::Commits).take(&ObjectKey::new(library.id, old));
    assert_eq!(pair.check().whole, 8);
}

#[test]
fn a_store_that_fails_on_either_side_is_never_an_answer() {
    let (kind, key, _) = victims(&small()).remove(1);
    let mut pair = Pair::new(small());
    pair.destination.store(kind).fail(key, ErrorKind::Timeout);
    assert_eq!(pair.try_check(&Shutdown::new()).unwrap_err().kind(), ErrorKind::Timeout);
    let mut pair = Pair::new(small());
    pair.destination.store(kind).take(&key);
    pair.source.store(kind).fail(key, ErrorKind::Unavailable);
    assert_eq!(pair.try_check(&Shutdown::new()).unwrap_err().kind(), ErrorKind::Unavailable);
}

#[test]
fn what_neither_side_gives_is_the_sources_damage_and_what_only_the_destination_withholds_is_not() {
    for (kind, key, _) in victims(&small()) {
        for refused in [ErrorKind::Unreadable, ErrorKind::ObjectDenied, ErrorKind::Archived, ErrorKind::TooLarge] {
            for both in [true, false] {
                let mut pair = Pair::new(small());
                pair.destination.store(kind).fail(key, refused);
                if both {
                    pair.source.store(kind).fail(key, refused);
                }
                let result = pair.check();
                let broken = if both { &result.damaged_in_source } else { &result.not_whole };
                assert!(names(broken).contains(&"plain 0 ✓"), "{kind} {refused:?}: {broken:?}");
                assert_eq!(result.whole + broken.count, 8, "{kind} {refused:?}");
            }
        }
    }
}

#[test]
fn a_source_that_is_gone_is_asked_about_no_further_finding() {
    let mut pair = Pair::new(small());
    pair.destination.store(ObjectKind::Blocks).remove_all(|_| true);
    pair.source.store(ObjectKind::Blocks).fail_all(ErrorKind::Gone);
    assert_eq!(pair.try_check(&Shutdown::new()).unwrap_err().kind(), ErrorKind::Gone);
    let asked = pair.source.store(ObjectKind::Blocks).asked_since();
    assert!((1..=2).contains(&asked), "two threads asked for {asked} blocks");
}

#[test]
fn what_the_source_cannot_read_is_no_excuse_for_what_the_destination_lacks() {
    let (kind, key, _) = victims(&small()).remove(1);
    for refused in [ErrorKind::Unreadable, ErrorKind::ObjectDenied] {
        let mut pair = Pair::new(small());
        pair.destination.store(kind).take(&key);
        pair.source.store(kind).fail(key, refused);
        assert!(pair.check().not_whole.count > 0, "{refused:?}");
    }
}

#[test]
fn more_damage_than_is_judged_counts_as_not_whole_unless_the_library_is_accepted() {
    let store = Store::generate(&Params { files: 1200, libraries: 1, special: false, commits: 1, ..Params::default() });
    let mut pair = Pair::new(store);
    for side in [&pair.source, &pair.destination] {
        side.store(ObjectKind::Blocks).remove_all(|_| true);
    }
    let result = pair.check();
    assert_eq!((result.not_whole.count, result.damaged_in_source.count), (1, 0));
    let library = &result.not_whole.libraries[0];
    assert_eq!(library.findings.len(), 20);
    assert!(library.more_findings > 1000, "{}", library.more_findings);
    pair.accepted.insert(library.id);
    let result = pair.check();
    assert_eq!((result.not_whole.count, result.accepted.count), (0, 1));
}
