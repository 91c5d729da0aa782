//! The text lists of the old script come in and go out.

use std::path::Path;

use seaf_migrate::index;
use seaf_migrate::index::{ListError, Opened, text};

use crate::support::lists::{Model, Place, assert_same, model, object};

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
    assert!(matches!(index::open(&place.paths, &place.location), Ok(Opened::TextList { lines: 300..310 })));

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
    let set = index::confirm(&place.lock(), set).unwrap();
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
    let set = index::open_read_only(&place.paths, &place.location).unwrap().unwrap();
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
    assert_eq!(text::export(&place.known().0, &mut out, Path::new("out")).unwrap(), 501);
    assert_eq!(String::from_utf8(out).unwrap(), lines(&all));
}

#[test]
fn any_list_can_be_inspected_by_its_name() {
    let place = Place::new();
    place.build(&model(0..10, 1));
    let set = index::inspect(place.paths.base()).unwrap();
    assert_eq!((set.len(), set.destination()), (10, "s3:host/bucket"));
    std::fs::write(place.paths.base(), lines(&model(0..3, 1))).unwrap();
    assert!(matches!(index::inspect(place.paths.base()), Err(ListError::NotAList { .. })));
}

/// What comes of this text as a list.
fn imported(text: &[u8]) -> (Model, text::ImportReport) {
    let place = Place::new();
    std::fs::write(place.paths.base(), text).unwrap();
    let prepared = place.prepare().unwrap();
    let set = prepared.known.unwrap().0;
    let found = set.iter().map(Result::unwrap).map(|object| (object.key, object.size)).collect();
    (found, prepared.imported.unwrap())
}

#[test]
fn lines_in_any_order_twice_and_with_blanks_around_them_are_one_set() {
    let expected = without_sizes(model(0..400, 5));
    let mut written: Vec<String> = expected.keys().chain(expected.keys().take(50)).map(ToString::to_string).collect();
    fastrand::Rng::with_seed(8).shuffle(&mut written);
    let separators = ["\n", "\r\n", "  \n", "\n\n\n", "\t\n \t"];
    let text: String =
        written.iter().zip(separators.iter().cycle()).map(|(line, end)| format!("{line}{end}")).collect();
    let (found, report) = imported(text.as_bytes());
    assert_eq!(found, expected);
    assert_eq!((report.invalid, report.first_invalid.len()), (0, 0));
    assert!(report.lines >= 450);
}

#[test]
fn names_that_are_nearly_right_are_no_names() {
    let good = object(1, 1).key.to_string();
    let (library, id) = good.split_once('/').unwrap();
    let wrong = [
        good.to_uppercase(),
        good.replace('/', "\\"),
        good.replace('/', "//"),
        format!("/{good}"),
        format!("{good}0"),
        good[..76].to_owned(),
        id.to_owned(),
        format!("{}/{id}", library.replace('-', "")),
        format!("{library}/{}/{}", &id[..2], &id[2..]),
        format!("{good} # comment"),
        format!("\u{feff}{good}"),
        format!("{good}\0"),
    ];
    let text = format!("{}\n{}\n", object(2, 1).key, wrong.join("\n"));
    let (found, report) = imported(text.as_bytes());
    assert_eq!(found, without_sizes(model(2..=2, 1)));
    assert_eq!((report.lines, report.invalid), (13, 12));
    assert!(
        report
            .to_string()
            .contains("12 of them left out, because they are not names of its objects (the first: 2, 3, 4"),
        "{report}"
    );
}

#[test]
fn only_the_first_bad_lines_are_named_and_all_are_counted() {
    let text = format!("{}\n{}", "x\n".repeat(500), object(2, 1).key);
    let (found, report) = imported(text.as_bytes());
    assert_eq!(found.len(), 1);
    assert_eq!((report.invalid, report.first_invalid.len()), (500, 20));
    assert_eq!(report.first_invalid, (1..=20).collect::<Vec<u64>>());
}

#[test]
fn bytes_that_are_no_text_at_all_are_bad_lines_among_good_ones() {
    let good = object(2, 1).key.to_string();
    let mut text = format!("{good}\n").into_bytes();
    text.extend(b"\xff\xfe\x00\x80\n");
    text.extend([0; 5000]);
    text.extend(format!("\n{}\n", object(3, 1).key).into_bytes());
    let (found, report) = imported(&text);
    assert_eq!(found, without_sizes(model(2..=3, 1)));
    assert_eq!(report.first_invalid, [2, 3]);
}

#[test]
fn a_file_with_its_first_name_far_behind_is_not_taken_for_a_list() {
    // It is some other file, a log or a picture: no line of it is taken, and it is left as it is.
    let place = Place::new();
    let text = format!("{}{}\n", "# a comment of some length\n".repeat(4000), object(1, 1).key);
    std::fs::write(place.paths.base(), &text).unwrap();
    assert!(matches!(place.prepare(), Err(ListError::NotAList { .. })));
    assert_eq!(std::fs::read_to_string(place.paths.base()).unwrap(), text);
    assert_eq!(place.names(), ["list.blocks", "list.blocks.lock"]);
}

#[test]
fn what_was_exported_and_imported_again_is_the_same_but_for_the_sizes() {
    let place = Place::new();
    let expected = model(0..20_000, 30);
    place.build(&expected);
    let mut out = Vec::new();
    text::export(&place.known().0, &mut out, Path::new("out")).unwrap();
    let (found, report) = imported(&out);
    assert_eq!(found, without_sizes(expected));
    assert_eq!((report.lines, report.invalid), (20_000, 0));
}

#[test]
fn an_export_that_cannot_be_written_is_an_error_and_names_the_list() {
    struct Full(usize);
    impl std::io::Write for Full {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 = self.0.checked_sub(bytes.len()).ok_or(std::io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let place = Place::new();
    let set = place.build(&model(0..2000, 1));
    let enough = 2000 * 78;
    assert_eq!(text::export(&set, Full(enough), Path::new("out")).unwrap(), 2000);
    for room in [0, 77, enough - 1] {
        let error = text::export(&set, Full(room), Path::new("out")).unwrap_err();
        assert!(matches!(error, ListError::Io { .. }) && error.to_string().contains("cannot write out: "), "{error}");
    }
}
