//! What the database says of storage classes, and a library that it says otherwise of later.

use seaf_migrate::commands::common::placing::Placed;
use seaf_migrate::database::classes::LibraryClasses;
use seaf_migrate::object::LibraryId;

fn library(number: u8) -> LibraryId {
    LibraryId::from_bytes([number; 16])
}

fn rows(rows: &[(u8, &str)]) -> LibraryClasses {
    LibraryClasses::new(rows.iter().map(|(number, class)| (library(*number), (*class).to_owned())), [])
}

fn moved(before: &[(u8, &str)], now: &[(u8, &str)], libraries: &[u8]) -> Option<String> {
    let placed = Placed { classes: rows(before), is_needed: true, ..Placed::default() };
    placed.moved(&rows(now), libraries.iter().map(|number| library(*number)))
}

#[test]
fn a_library_that_changes_its_class_while_a_pass_runs_is_named() {
    let before = [(1, "hot"), (2, "cold")];
    assert_eq!(moved(&before, &before, &[1, 2, 3]), None);
    let said = moved(&before, &[(1, "hot"), (2, "ice")], &[1, 2]).unwrap();
    assert_eq!(said, format!("library {} was moved from class cold to class ice meanwhile", library(2)));
    let said = moved(&before, &[(1, "hot")], &[1, 2]).unwrap();
    assert!(said.ends_with("from class cold to the default class meanwhile"), "{said}");
    // One that the pass is not about is for the next pass, and without classes rows mean nothing.
    assert_eq!(moved(&before, &[(1, "hot"), (2, "ice")], &[1]), None);
    assert_eq!(Placed::default().moved(&rows(&before), [library(1)]), None);
}
