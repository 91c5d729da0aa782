//! A seafile.conf is read as configparser reads it, and what it refuses is named with its line.

use seaf_migrate::conf::*;
use seaf_migrate::object::ObjectKind;

use super::support::*;

#[test]
fn an_empty_file_means_folders_in_the_data_folder() {
    let side = parse("").unwrap();
    for kind in ObjectKind::ALL {
        let store = side.store(kind);
        assert_eq!(store.kind, kind);
        assert_eq!(store.location().to_string(), format!("fs:/data/storage/{kind}"));
    }
    assert_eq!(side.database, None);
    assert!(side.warnings.is_empty());
}

#[test]
fn comments_colons_case_and_spaces_are_read_as_configparser_does() {
    let conf = "; a comment\r\n\r\n[block_backend] ; trailing text\r\n  # indented comment\r\nNAME : s3\r\nBucket=b#1;x\r\n\
                key_id = id\r\nkey = a%b\\\r\nhost = h\r\nUse_Https = YES\r\n[fileserver]\r\nweb_token = 3\r\n  continued\r\n";
    let problem = only_line(parse(conf));
    assert_says(&problem, &["seafile.conf:6: [block_backend] bucket", "b#1;x"]);
    let side = parse(&conf.replace("b#1;x", "b")).unwrap();
    let BackendConf::S3(s3) = &side.store(ObjectKind::Blocks).backend else { panic!() };
    assert!(s3.https);
    assert_eq!(s3.credentials, S3Credentials::Key { id: "id".into(), secret: Secret::new("a%b\\") });
    assert_eq!(s3.host.as_deref(), Some("h"));
}

#[test]
fn every_spelling_of_a_boolean_is_taken_and_nothing_else() {
    for (text, value) in [("true", true), ("Yes", true), ("ON", true), ("1", true), ("FALSE", false), ("no", false)] {
        assert_eq!(s3(&format!("host = h\nuse_https = {text}")).https, value, "{text}");
    }
    for text in ["", "2", "ture", "true # yes"] {
        let options = format!("name = s3\nbucket = b\nkey_id = id\nkey = secret\nhost = h\nuse_https = {text}");
        let line = only_line(blocks_of(&options));
        assert_says(
            &line,
            &["seafile.conf:7: [block_backend] use_https: ", "is not a boolean", "; allowed: true, false"],
        );
    }
}

#[test]
fn what_configparser_refuses_is_named_with_its_line() {
    for (conf, expected) in [
        ("name = fs\n", "seafile.conf:1: name: stands before the first section"),
        ("[a]\n\nrubbish\n", "seafile.conf:3: is neither a section, an option nor a comment"),
        ("[a]\n= x\n", "seafile.conf:2: is neither"),
        ("[]\n", "seafile.conf:1: is neither"),
        ("[block_backend] # [new]\n", "seafile.conf:1: is neither"),
        ("[block_backend\n", "seafile.conf:1: is neither"),
        (
            "[block_backend]\nname = fs\nNAME = fs\n",
            "seafile.conf:3: [block_backend] name: is given twice, first in line 2",
        ),
        ("[block_backend]\n[b]\n[block_backend]\n", "seafile.conf:3: [block_backend]: is there twice, first in line 1"),
        ("[ block_backend ]\n", "seafile.conf:1: [ block_backend ]: has spaces inside the brackets"),
        ("[block_backend]\nname = fs\n dir = /x\n", "seafile.conf:3: [block_backend] name: the line is indented"),
        ("[a]\nb = 1\n  [block_backend]\n", "seafile.conf:3: [block_backend]: is indented"),
    ] {
        assert_says(&only_line(parse(conf)), &[expected]);
    }
    let mut text = side_text("");
    text.conf.as_mut().unwrap().bytes = b"[a]\nb = \xff\n".to_vec();
    assert_says(
        &only_line(parse_side(&text, Role::Source, &Environment::default())),
        &["seafile.conf:2: is not UTF-8"],
    );
}

#[test]
fn a_file_named_by_mistake_does_not_bury_the_terminal() {
    let line = only_line(parse(&"x\n".repeat(200_000)));
    assert_says(&line, &["seafile.conf:1: is neither a section", "lines 2, 3, 4, 5, 6 and 199994 more"]);
    let page = "<!DOCTYPE html>\n<html lang=\"en\">\n<a href=\"x\">y</a>\n[block_backend]\nname = s3\n";
    let line = only_line(parse(page));
    assert_says(&line, &["seafile.conf:1: is neither", "nor do lines 2, 3 belong"]);
}

#[test]
fn what_only_concerns_other_sections_is_no_error() {
    let side = parse("\u{feff}[a]\nb = 1\nb = 2\n  more\n[a]\n").unwrap();
    assert_eq!(side.warnings.len(), 2, "{:?}", side.warnings);
    assert_says(&side.warnings[0], &["seafile.conf:1: starts with a byte order mark"]);
    assert_says(&side.warnings[1], &["seafile.conf:5: [a]: is there twice"]);
}

#[test]
fn an_indented_block_of_options_below_a_header_is_fine() {
    let side = parse("[block_backend]\n  name = fs\n  dir = /x\n").unwrap();
    assert_eq!(side.store(ObjectKind::Blocks).location().to_string(), "fs:/x/storage/blocks");
}

#[test]
fn a_file_of_an_old_mac_or_of_windows_has_the_same_lines() {
    let unix = "[block_backend]\nname = fs\ndir = /x\n\n[database]\ntype = oracle\n";
    let expected = parse(unix).unwrap();
    assert_says(&expected.warnings[0], &["seafile.conf:6: [database] type"]);
    for end in ["\r\n", "\r"] {
        assert_eq!(parse(&unix.replace('\n', end)), Ok(expected.clone()), "{end:?}");
    }
}

#[test]
fn a_last_line_without_an_end_counts() {
    let side = parse("[block_backend]\nname = fs\ndir = /last").unwrap();
    assert_eq!(side.store(ObjectKind::Blocks).location().to_string(), "fs:/last/storage/blocks");
}

#[test]
fn hashes_semicolons_and_delimiters_inside_a_value_stay_in_it() {
    for key in
        ["a#b", "a;b", "#a", ";a", "a=b", "a:b", "=", "[x]", "a'b", "\\", "a\\nb", "\"", "x\ty", "%(name)s", "ключ"]
    {
        let options = format!("name = s3\nbucket = b\nkey_id = id\nhost = h\nkey = {key}\n");
        let BackendConf::S3(conf) = blocks_of(&options).unwrap() else { panic!() };
        assert_eq!(conf.credentials, S3Credentials::Key { id: "id".into(), secret: Secret::new(key) }, "{key}");
    }
}

#[test]
fn a_colon_before_the_equals_sign_ends_the_name() {
    // Both `a : b = c` and `a = b : c` are cut at the first of the two, or keys with a colon would lose their beginning.
    let options = "name : s3\nbucket = b\nkey_id : i=d\nkey = k:ey=\nhost : h:81\n";
    let BackendConf::S3(conf) = blocks_of(options).unwrap() else { panic!() };
    assert_eq!(conf.credentials, S3Credentials::Key { id: "i=d".into(), secret: Secret::new("k:ey=") });
    assert_eq!(conf.host.as_deref(), Some("h:81"));
}

#[test]
fn a_very_long_value_is_kept_whole() {
    let key = "k".repeat(900_000);
    let options = format!("name = s3\nbucket = b\nkey_id = id\nhost = h\nkey = {key}");
    let BackendConf::S3(conf) = blocks_of(&options).unwrap() else { panic!() };
    let S3Credentials::Key { secret, .. } = conf.credentials else { panic!() };
    assert_eq!(secret.expose().len(), key.len());
}

#[test]
fn section_names_have_a_case_and_option_names_have_none() {
    // configparser sees another section; Seafile would use its default, a folder, without an error.
    let side = parse("[Block_Backend]\nname = s3\n[block_backend]\nNAME = fs\nDIR = /x\n").unwrap();
    assert_eq!(side.store(ObjectKind::Blocks).location().to_string(), "fs:/x/storage/blocks");
    // The right one is there, so the other may be an old copy.
    assert_says(&side.warnings[0], &["seafile.conf:1: [Block_Backend]: is not a section of Seafile's"]);
}

#[test]
fn a_section_whose_name_is_nearly_right_is_an_error_that_names_the_right_one() {
    for (wrong, right) in [
        ("block_object_backend", "block_backend"),
        ("BLOCK_BACKEND", "block_backend"),
        ("blocks_backend", "block_backend"),
        ("block-backend", "block_backend"),
        ("blockbackend", "block_backend"),
        ("commit_backend", "commit_object_backend"),
        ("commits_object_backend", "commit_object_backend"),
        ("fs_backend", "fs_object_backend"),
        ("fs_objects_backend", "fs_object_backend"),
        ("databse", "database"),
        ("Storage", "storage"),
    ] {
        let line = only_line(parse(&format!("[quota]\n\n[{wrong}]\nname = s3\nbucket = b\n")));
        assert_says(
            &line,
            &[&format!("seafile.conf:3: [{wrong}]: is not a section of Seafile's"), &format!("allowed: [{right}]")],
        );
    }
    for other in [
        "fileserver",
        "network",
        "quota",
        "zip",
        "library_trash",
        "audit",
        "virus_scan",
        "file_lock",
        "fuse",
        "notification",
        "cluster",
        "memcached",
        "redis",
        "slow_log",
        "httpserver",
        "metadata",
        "backend",
    ] {
        let side = parse(&format!("[{other}]\nx = 1\n")).unwrap();
        assert!(side.warnings.is_empty(), "{:?}", side.warnings);
    }
}

#[test]
fn options_that_only_default_gives_are_told_not_to_count() {
    let conf = "[DEFAULT]\nkey_id = i\nKEY = k\nport = 3\n[block_backend]\nname = s3\nbucket = b\nkey_id = j\n";
    let text = lines(parse(conf)).join("\n");
    assert_says(
        &text,
        &[
            "seafile.conf:5: [block_backend] key: is missing",
            "seafile.conf:3: [DEFAULT] key: does not count for [block_backend]",
        ],
    );
    assert!(!text.contains("[DEFAULT] key_id: does not count for [block_backend]") && !text.contains("port"), "{text}");
}

#[test]
fn a_file_in_another_encoding_is_one_error_and_in_a_comment_a_warning() {
    let of = |bytes: &[u8]| {
        let mut text = side_text("");
        text.conf.as_mut().unwrap().bytes = bytes.to_vec();
        // Without a data folder everything else would be missing, too.
        text.data_dir = None;
        parse_side(&text, Role::Source, &Environment::default())
    };
    let conf = "[block_backend]\nname = s3\n";
    let utf16 = |units: Vec<u16>| units.into_iter().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    for mark in [vec![0xfeff], vec![]] {
        let bytes = utf16(mark.into_iter().chain(conf.encode_utf16()).collect());
        assert_says(&only_line(of(&bytes)), &["seafile.conf:1: is UTF-16", "save it as UTF-8"]);
    }
    assert_says(&only_line(of(b"[a]\nb = caf\xe9\n")), &["seafile.conf:2: is not UTF-8"]);
    let dirs = all_kinds("name = fs\ndir = /x");
    let side = of(format!("# one\n; caf\u{e9}\n{dirs}")
        .replace('\u{e9}', "\u{1}")
        .into_bytes()
        .iter()
        .map(|b| if *b == 1 { 0xe9 } else { *b })
        .collect::<Vec<_>>()
        .as_slice())
    .unwrap();
    assert_eq!(side.store(ObjectKind::Blocks).location().to_string(), "fs:/x/storage/blocks");
    assert_says(&side.warnings[0], &["seafile.conf:2: is not UTF-8, though only in a comment"]);
}

#[test]
fn a_control_character_in_a_value_is_named_by_option_and_not_shown() {
    for bad in ["a\u{0}b", "a\u{1b}[31mb", "a\u{7f}b", "a\u{85}b"] {
        let line = only_line(blocks_of(&format!("name = fs\ndir = /{bad}")));
        assert_says(&line, &["seafile.conf:3: [block_backend] dir: holds a control character"]);
        assert!(!line.contains(|c: char| c.is_control()), "{line:?}");
    }
}

#[test]
fn the_line_of_bytes_that_are_no_text_is_told_in_a_long_file() {
    let mut text = side_text("");
    let bytes = &mut text.conf.as_mut().unwrap().bytes;
    bytes.extend("# comment\r\n".repeat(41).as_bytes());
    bytes.extend(b"[block_backend]\nname = fs # caf\xe9\n");
    let line = only_line(parse_side(&text, Role::Source, &Environment::default()));
    assert_says(&line, &["seafile.conf:43: is not UTF-8; allowed: a text file in UTF-8"]);
}

#[test]
fn a_name_that_cannot_be_an_option_is_passed_over_with_a_warning() {
    let side = parse("[block_backend]\nname = fs\nsome thing = 1\ndir = /x\n").unwrap();
    assert_eq!(side.store(ObjectKind::Blocks).location().to_string(), "fs:/x/storage/blocks");
    assert_eq!(side.warnings.len(), 1);
    assert_says(&side.warnings[0], &["seafile.conf:3: [block_backend] some thing: is not an option of Seafile's"]);
}

#[test]
fn an_error_and_the_misspelling_behind_it_come_together() {
    let errors = blocks_of("name = s3\nbukcet = b\nkey_id = i\nkey = k\nhost = h").unwrap_err();
    let text = errors.to_string();
    let told: Vec<&str> = text.lines().collect();
    assert_eq!(told.len(), 2, "{text}");
    assert_says(told[0], &["seafile.conf:1: [block_backend] bucket: is missing"]);
    assert_says(told[1], &["warning: seafile.conf:3: [block_backend] bukcet: is not known, did you mean bucket?"]);
}

#[test]
fn an_option_that_cannot_be_read_is_not_called_missing_as_well() {
    let base = "name = s3\nbucket = b\nkey_id = i\nhost = h\n";
    for options in [format!("{base}key = a\u{1}b"), base.replace("host = h", "key = k\nhost = h\u{1}")] {
        assert_says(&only_line(blocks_of(&options)), &["holds a control character"]);
    }
}
