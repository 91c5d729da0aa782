//! The text lists of the old script come in and go out.

use seaf_migrate::existence::{self, ListError, Opened, text};

use crate::support::{Model, Place, assert_same, model, object};

fn lines(model: &Model) -> String {
    model.keys().map(|key| format!("{key}\n")).collect()
}

fn without_sizes(model: Model) -> Model {
    model.into_keys().map(|key| (key, None)).collect()
}

#[test]
fn a_text_list_is_converted_kept_and_not_yet_believed() {
    let place = Place::new();
    let expected = without_sizes(model(0..300, 4));
    let mut written = lines(&expected);
    written.insert_str(0, "\r\n");
    written.push_str("not a name\n\n");
    written.push_str(&format!("{}\r\n", object(3, 4).key));
    written.push_str("01234567-89ab");
    std::fs::write(place.paths.base(), &written).unwrap();
    assert!(matches!(existence::open(&place.paths, &place.location), Ok(Opened::TextList { lines: 300..310 })));

    let prepared = place.prepare().unwrap();
    let report = prepared.imported.unwrap();
    assert_eq!((report.lines, report.invalid), (305, 2));
    assert_eq!(report.first_invalid, [302, 305]);
    assert_eq!(std::fs::read_to_string(report.backup.unwrap()).unwrap(), written);
    let (set, journal) = prepared.known.unwrap();
    assert!(set.is_imported());
    assert_same(&set, &expected);
    drop(journal);
    assert!(place.known().0.is_imported());
}

#[test]
fn an_imported_list_can_be_confirmed_without_losing_its_journal() {
    let place = Place::new();
    let mut expected = without_sizes(model(0..30, 4));
    std::fs::write(place.paths.base(), lines(&expected)).unwrap();
    place.note(&[object(99, 4)]);
    expected.extend(model(99..=99, 4));
    let (set, journal) = place.known();
    drop(journal);
    let set = existence::confirm(&place.lock(), set).unwrap();
    assert!(!set.is_imported());
    assert_same(&set, &expected);
    let (set, journal) = place.known();
    assert!(!set.is_imported() && journal.len() == 1);
    assert_same(&set, &expected);
}

#[test]
fn a_dry_run_reads_a_text_list_and_leaves_it() {
    let place = Place::new();
    let expected = without_sizes(model(0..30, 4));
    std::fs::write(place.paths.base(), lines(&expected)).unwrap();
    let set = existence::look(&place.paths, &place.location).unwrap().unwrap();
    assert!(set.is_imported());
    assert_same(&set, &expected);
    assert_eq!(place.names(), ["list.blocks"]);
    assert_eq!(std::fs::read_to_string(place.paths.base()).unwrap(), lines(&expected));
}

#[test]
fn an_import_that_was_killed_begins_again_and_no_backup_is_lost() {
    let place = Place::new();
    let expected = without_sizes(model(0..30, 4));
    std::fs::write(place.paths.base(), lines(&expected)).unwrap();
    std::fs::write(place.paths.text_backup(), "an earlier one").unwrap();
    std::fs::write(place.paths.building(), "half a li").unwrap();
    assert_same(&place.known().0, &expected);
    assert_eq!(std::fs::read_to_string(place.paths.text_backup()).unwrap(), "an earlier one");
    let second = place.folder.path().join("list.blocks.text-backup.1");
    assert_eq!(std::fs::read_to_string(second).unwrap(), lines(&expected));
    assert!(!place.paths.building().exists());
}

#[test]
fn a_line_without_end_is_one_bad_line() {
    let place = Place::new();
    let expected = without_sizes(model(0..3, 1));
    let written = format!("{}{}\n{}", lines(&expected), "x".repeat(100_000), object(77, 1).key);
    std::fs::write(place.paths.base(), written).unwrap();
    let prepared = place.prepare().unwrap();
    assert_eq!(prepared.imported.unwrap().first_invalid, [4]);
    assert_eq!(prepared.known.unwrap().0.len(), 4);
}

#[test]
fn export_gives_back_what_was_imported() {
    let place = Place::new();
    let expected = model(0..500, 4);
    place.build(&expected);
    place.note(&[object(600, 4)]);
    let mut all = expected;
    all.extend(model(600..=600, 4));
    let mut out = Vec::new();
    assert_eq!(text::export(&place.known().0, &mut out).unwrap(), 501);
    assert_eq!(String::from_utf8(out).unwrap(), lines(&all));
}

#[test]
fn any_list_can_be_inspected_by_its_name() {
    let place = Place::new();
    place.build(&model(0..10, 1));
    let set = existence::inspect(place.paths.base()).unwrap();
    assert_eq!((set.len(), set.destination()), (10, "s3:host/bucket"));
    std::fs::write(place.paths.base(), lines(&model(0..3, 1))).unwrap();
    assert!(matches!(existence::inspect(place.paths.base()), Err(ListError::Damaged { .. })));
}
