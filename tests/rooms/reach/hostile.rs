//! Libraries that were written to do harm are checked to their end, and what makes them so is said.

use std::collections::BTreeMap;

use seaf_migrate::content::Damage;
use seaf_migrate::database::heads::{LibraryRoots, Roots};
use seaf_migrate::object::{ObjectKey, ObjectKind};
use seaf_migrate::reach::{Defect, DefectKind, LibraryResult};

use crate::support::library::hostile::{Hostile, missing_block};
use crate::support::side::{Side, larger, small};

fn side_of(made: &Hostile) -> Side {
    let mut objects = [BTreeMap::new(), BTreeMap::new(), BTreeMap::new()];
    for (kind, key, data) in &made.objects {
        objects[kind.index()].insert(*key, data.clone());
    }
    let library = LibraryRoots { heads: vec![made.head], ..LibraryRoots::new(made.library) };
    Side::of(objects, Roots { libraries: vec![library], ..Roots::default() })
}

fn checked(made: &Hostile) -> LibraryResult {
    side_of(made).fsck().libraries.into_iter().next().unwrap()
}

fn the_missing_block(result: &LibraryResult) -> &Defect {
    result.findings.iter().find(|finding| finding.id == Some(missing_block())).unwrap()
}

#[test]
fn a_directory_that_is_below_itself_ends_the_walk_and_is_named() {
    let result = checked(&Hostile::loops(300));
    let whats: Vec<&DefectKind> = result.findings.iter().map(|finding| &finding.what).collect();
    assert!(matches!(whats[..], [DefectKind::Damaged(Damage::WrongId { .. }), DefectKind::Loops]), "{whats:?}");
    for finding in &result.findings {
        assert_eq!((&finding.paths[..], finding.more_paths), (&["/x/".to_owned()][..], 0), "{finding}");
    }
    let said = result.to_string();
    assert!(said.contains("loops: the directory is somewhere below itself"), "{said}");
}

#[test]
fn more_paths_than_there_are_atoms_are_counted_and_a_few_are_named() {
    let result = checked(&Hostile::wide(200, 3));
    let finding = the_missing_block(&result);
    assert_eq!((&finding.what, finding.paths.len()), (&DefectKind::Missing, 20));
    assert_eq!(finding.more_paths, 200 * 200 * 200 - 20);
    assert!(finding.to_string().ends_with("and 7,999,980 more paths than are named"));
    let each: std::collections::BTreeSet<_> = finding.paths.iter().collect();
    assert_eq!(each.len(), 20, "each path is another one");
    assert!(each.iter().all(|path| path.split('/').count() == 4), "{each:?}");

    let result = checked(&Hostile::wide(200, 10));
    assert_eq!(the_missing_block(&result).more_paths, u64::MAX);
    assert!(result.to_string().contains("and more paths than can be counted"), "{result}");
}

#[test]
fn a_tree_deeper_than_any_user_can_have_is_walked_to_its_end_and_said_to_be_too_deep() {
    let result = checked(&Hostile::deep(12_000, true));
    let path = &the_missing_block(&result).paths[0];
    assert!(path.starts_with("/d11999/d11998/") && path.ends_with("/d1/d0"), "{path}");
    assert!(path.contains("/[11921 directories]/"), "{path}");
    let deep = result.findings.iter().find(|finding| finding.what == DefectKind::TooDeep { most: 10_000 }).unwrap();
    assert!(deep.paths[0].ends_with("/d1999/"), "{deep}");
    assert_eq!(result.counts.dirs, 12_000, "what is below it was walked, too");

    let whats: Vec<DefectKind> =
        checked(&Hostile::deep(12_000, false)).findings.into_iter().map(|finding| finding.what).collect();
    assert_eq!(whats, [DefectKind::TooDeep { most: 10_000 }], "also where nothing is missing");
    assert_eq!(checked(&Hostile::deep(10_000, false)).findings, []);
}

#[test]
fn what_is_wrong_is_said_in_few_words_however_long_the_object_s_own_are() {
    let result = checked(&Hostile::wordy(200_000));
    let DefectKind::Damaged(Damage::Malformed(why)) = &result.findings[0].what else { panic!("{result}") };
    assert!(why.starts_with("invalid type: string \"xxx") && why.chars().count() <= 201, "{why}");
}

#[test]
fn with_hardly_any_memory_the_same_is_found() {
    for memory in [1, 1 << 20] {
        let store = larger();
        let mut side = Side::generated(&store);
        side.options.memory = memory;
        side.options.content = true;
        assert!(side.fsck().is_sound());
        let library = store.library("plain 0 ✓");
        let block = library.head().tree.files["/large/000000"].blocks[0];
        side.store(ObjectKind::Blocks).take(&ObjectKey::new(library.id, block));
        let found = side.fsck();
        let findings: Vec<_> = found.libraries.iter().flat_map(|library| &library.findings).collect();
        assert!(!findings.is_empty() && findings.iter().all(|finding| finding.id == Some(block)), "{found}");
    }
}

#[test]
fn findings_that_name_no_paths_say_so() {
    // Room for no path at all, so that each is only counted.
    let store = small();
    let mut side = Side::generated(&store);
    side.options.memory = 1;
    let library = store.library("plain 0 ✓");
    let block = library.head().tree.files["/same one"].blocks[0];
    side.store(ObjectKind::Blocks).take(&ObjectKey::new(library.id, block));
    let found = side.fsck();
    let named: Vec<&Defect> = found.libraries.iter().flat_map(|library| &library.findings).collect();
    assert!(named.iter().any(|finding| finding.paths.is_empty() && finding.more_paths >= 2), "{found}");
}

#[test]
fn a_block_larger_than_any_can_be_is_named_and_not_read() {
    let store = larger();
    let library = store.library("plain 0 ✓");
    let block = library.head().tree.files["/large/000000"].blocks[0];
    for memory in [1, 16 << 20] {
        let mut side = Side::generated(&store);
        (side.options.memory, side.options.content) = (memory, true);
        side.store(ObjectKind::Blocks).say_huge(ObjectKey::new(library.id, block), (2 << 30) + 1);
        let found = side.fsck();
        let findings: Vec<_> = found.libraries.iter().flat_map(|library| &library.findings).collect();
        assert!(!findings.is_empty(), "{found}");
        for finding in findings {
            let DefectKind::Unreadable(why) = &finding.what else { panic!("{finding}") };
            assert!(finding.id == Some(block) && why.contains("it has 2147483649 bytes"), "{finding}");
        }
    }
}
