//! Two readings of the tables compared.

use seaf_migrate::database::heads::{LibraryRoots, Roots, Standing};
use seaf_migrate::object::{LibraryId, ObjectId};

fn id(number: u8) -> LibraryId {
    LibraryId::parse(format!("00000000-0000-4000-8000-{number:012x}").as_bytes()).unwrap()
}

fn head(number: u8) -> ObjectId {
    ObjectId::parse(format!("{number:040x}").as_bytes()).unwrap()
}

fn library(number: u8, heads: &[u8], trashed: bool) -> LibraryRoots {
    LibraryRoots { heads: heads.iter().copied().map(head).collect(), trashed, ..LibraryRoots::new(id(number)) }
}

#[test]
fn a_library_that_moved_or_went_is_told_with_both_standings() {
    let before = Roots {
        libraries: vec![
            library(1, &[1], false),
            library(2, &[2], false),
            library(3, &[3], false),
            library(4, &[4], true),
            library(5, &[5], true),
            library(6, &[6], false),
        ],
        garbage: [id(7)].into(),
        ..Roots::default()
    };
    let after = Roots {
        libraries: vec![
            library(1, &[1], false),
            library(2, &[22], false),
            library(3, &[3], true),
            library(4, &[4], false),
            library(8, &[], false),
        ],
        garbage: [id(5)].into(),
        ..Roots::default()
    };
    let changes = after.changes_since(&before);
    let told: Vec<_> = changes.iter().map(|change| (change.library, &change.before, &change.after)).collect();
    let heads = |number| vec![head(number)];
    assert_eq!(
        told,
        [
            (id(2), &Standing::Live(heads(2)), &Standing::Live(heads(22))),
            (id(3), &Standing::Live(heads(3)), &Standing::Trashed(heads(3))),
            (id(4), &Standing::Trashed(heads(4)), &Standing::Live(heads(4))),
            (id(5), &Standing::Trashed(heads(5)), &Standing::Garbage),
            (id(6), &Standing::Live(heads(6)), &Standing::Absent),
            (id(7), &Standing::Garbage, &Standing::Absent),
            (id(8), &Standing::Absent, &Standing::Live(Vec::new())),
        ]
    );
    assert_eq!(after.changes_since(&after), []);
    assert_eq!(after.library(id(2)).unwrap().heads, heads(22));
    assert_eq!(after.library(id(5)), None);
}
