//! Storage classes: `[storage]` of seafile.conf, and the JSON file that it names.

use seaf_migrate::conf::*;
use seaf_migrate::object::{LibraryId, ObjectKind};

use super::support::*;

const CONF: &str = "[storage]\nenable_storage_classes = true\nstorage_classes_file = /c/classes.json\n";

/// A side whose seafile.conf is `conf` and whose classes file is `json`.
fn side(conf: &str, json: &str, role: Role) -> Result<SideConf, ConfErrors> {
    let file = TextFile { name: "classes.json".into(), bytes: json.into() };
    parse_side(&SideText { classes: Some(file), ..side_text(conf) }, role, &Environment::default())
}

fn classes(json: &str) -> Result<SideConf, ConfErrors> {
    side(CONF, json, Role::Source)
}

fn fs(dir: &str) -> String {
    format!("{{\"backend\": \"fs\", \"dir\": \"{dir}\"}}")
}

/// An entry with these lines before its stores, all of which are in one folder.
fn entry(head: &str, dir: &str) -> String {
    let store = fs(dir);
    format!("{{{head},\n \"commits\": {store}, \"fs\": {store}, \"blocks\": {store}}}")
}

fn two() -> String {
    let hot = entry("\"storage_id\": \"hot\", \"name\": \"Hot\", \"is_default\": true", "/hot");
    format!("[{hot},\n{}]", entry("\"storage_id\": \"cold\", \"name\": \"Cold\", \"is_archive\": true", "/cold"))
}

fn of_kind(side: &SideConf, kind: ObjectKind) -> &ClassesConf {
    side.store(kind).classes().expect("it has classes")
}

#[test]
fn every_kind_has_the_store_of_each_class_and_one_class_is_the_default() {
    let side = classes(&two()).unwrap();
    assert_eq!((side.described_by.clone(), side.warnings.len()), (DescribedBy::Conf, 0));
    for kind in ObjectKind::ALL {
        let conf = of_kind(&side, kind);
        assert_eq!(conf.default_id(), "hot");
        assert_eq!(conf.ids().into_iter().collect::<Vec<_>>(), ["cold", "hot"]);
        let leaves = side.store(kind).leaves();
        let places: Vec<String> = leaves.iter().map(|leaf| leaf.location().to_string()).collect();
        assert_eq!(places, [format!("fs:/hot/storage/{kind}"), format!("fs:/cold/storage/{kind}")]);
        assert_eq!(leaves[1].title(), format!("{kind} of class cold"));
        let whole = side.store(kind).location().to_string();
        assert_eq!(whole, format!("classes:cold=fs:/cold/storage/{kind}, hot (default)=fs:/hot/storage/{kind}"));
    }
}

#[test]
fn the_order_of_the_file_makes_no_other_side_and_another_default_does() {
    let (hot, cold) = (entry("\"storage_id\": \"hot\"", "/hot"), entry("\"storage_id\": \"cold\"", "/cold"));
    let default = |text: &str| text.replacen('{', "{\"is_default\": true, ", 1);
    let id = |first: &str, second: &str| classes(&format!("[{first}, {second}]")).unwrap().id();
    assert_eq!(id(&default(&hot), &cold), id(&cold, &default(&hot)));
    assert_ne!(id(&default(&hot), &cold), id(&hot, &default(&cold)));
}

#[test]
fn options_are_read_as_in_a_section_and_booleans_may_be_texts() {
    let s3 = |https: &str| {
        format!(
            "{{\"backend\": \"s3\", \"bucket\": \"b-KIND\", \"key_id\": \"i\", \"key\": \"hunter2 # all of it\", \
             \"host\": \"h:9000\", \"use_https\": {https}, \"use_v4_signature\": true, \"aws_region\": null}}"
        )
    };
    let json = |https: &str| {
        let kinds = ObjectKind::ALL.map(|kind| format!("\"{kind}\": {}", s3(https).replace("KIND", kind.as_str())));
        format!("[{{\"storage_id\": \"one\", \"is_default\": \"true\", {}}}]", kinds.join(", "))
    };
    for (text, https) in [("true", true), ("\"true\"", true), ("false", false), ("\"off\"", false), ("1", true)] {
        let side = classes(&json(text)).unwrap();
        assert!(side.warnings.is_empty(), "a # in JSON is no comment: {:?}", side.warnings);
        let BackendConf::S3(conf) = &of_kind(&side, ObjectKind::Fs).classes[0].backend else { panic!("it is S3") };
        assert_eq!((conf.https, conf.bucket.as_str(), conf.signature), (https, "b-fs", S3Signature::V4), "{text}");
        let S3Credentials::Key { secret, .. } = &conf.credentials else { panic!("it has a key") };
        assert_eq!(secret.expose(), "hunter2 # all of it");
    }
    let wrong = only_line_of_kinds(classes(&json("\"maybe\"")));
    assert_says(&wrong, &["classes.json:1: [class one, commits] use_https: \"maybe\" is not a boolean; allowed: true"]);
}

/// The first of the lines that say the same of each kind.
fn only_line_of_kinds(errors: Result<SideConf, ConfErrors>) -> String {
    let lines = lines(errors);
    assert_eq!(lines.len(), 3, "{lines:#?}");
    lines.into_iter().next().unwrap()
}

#[test]
fn a_file_that_is_no_list_of_classes_is_told_with_its_line() {
    for (json, said) in [
        ("[\n{\"storage_id\": hunter2}]", "classes.json:2: is no JSON: expected value; allowed: a list of storage"),
        ("", "classes.json:1: is no JSON"),
        ("{}", "classes.json: is not a list"),
        ("[]", "classes.json: holds no storage class"),
        ("[1]", "classes.json: entry 1 is not an object"),
    ] {
        let line = only_line(classes(json));
        assert_says(&line, &[said]);
        assert!(!line.contains("hunter2"), "{line}");
    }
    let deep = classes(&"[".repeat(100_000)).unwrap_err().to_string();
    assert_says(&deep, &["is no JSON: recursion limit exceeded"]);
}

#[test]
fn each_mistake_of_an_entry_is_told_with_its_class_kind_and_option() {
    let hot = "\"storage_id\": \"hot\", \"is_default\": true";
    let kinds = |blocks: &str| {
        let store = fs("/hot");
        format!("[{{{hot},\n\"commits\": {store}, \"fs\": {store}{blocks}}}]")
    };
    for (json, said) in [
        (kinds(""), "classes.json:1: [class hot] blocks: is missing; allowed: {\"backend\": …} with the options"),
        (kinds(", \"blocks\": 1"), "classes.json:1: [class hot] blocks: is not an object"),
        (
            kinds(",\n\"blocks\": {}"),
            "classes.json:3: [class hot, blocks] backend: is missing; allowed: fs, s3, ceph, swift",
        ),
        (
            kinds(",\n\"blocks\": {\"backend\": \"nfs\"}"),
            "classes.json:3: [class hot, blocks] backend: \"nfs\" is not a backend",
        ),
        (kinds(",\n\"blocks\": {\"backend\": \"classes\"}"), "backend: \"classes\" is not a backend; allowed: fs, s3"),
        (
            kinds(",\n\"blocks\": {\"backend\": \"ceph\", \"pool\": \"p\"}"),
            "classes.json:3: [class hot, blocks] ceph_config: is missing",
        ),
        (
            kinds(", \"blocks\": {\"backend\": \"fs\", \"dir\": \"/hot\", \"dir\": \"/b\"}"),
            "[class hot, blocks] dir: is given twice; allowed: each option once",
        ),
        (
            kinds(", \"blocks\": {\"backend\": \"fs\", \"dir\": [\"/b\"]}"),
            "[class hot, blocks] dir: is neither a text, a number nor a boolean",
        ),
        (format!("[{}]", entry("\"is_default\": true", "/a")), "[class 1] storage_id: is missing"),
        (format!("[{}]", entry("\"storage_id\": 7, \"is_default\": true", "/a")), "[class 1] storage_id: is a number"),
        (format!("[{}]", entry("\"storage_id\": \"a\"", "/a")), "classes.json: no class is the default; allowed: "),
        (
            format!("[{}]", entry("\"storage_id\": \"a\", \"is_default\": \"yes!\"", "/a")),
            "[class a] is_default: \"yes!\" is not a boolean",
        ),
        (
            format!("[{}]", entry("\"storage_id\": \"a\", \"is_default\": true, \"is_archive\": 7", "/a")),
            "[class a] is_archive: \"7\" is not a boolean",
        ),
    ] {
        let text = classes(&json).unwrap_err().to_string();
        assert!(text.lines().any(|line| line.contains(said)), "{said:?} is not in:\n{text}\nof {json}");
    }
}

#[test]
fn ids_are_of_one_class_each_and_one_class_is_the_default() {
    let a = entry("\"storage_id\": \"a\", \"is_default\": true", "/a");
    let twice = only_line(classes(&format!("[{a},\n\n{}]", entry("\"storage_id\": \"a\"", "/b"))));
    assert_says(
        &twice,
        &["classes.json:4: [class a] storage_id: is the id of two classes, first of the one in line 1"],
    );
    let defaults =
        only_line(classes(&format!("[{a},\n{}]", entry("\"storage_id\": \"b\", \"is_default\": true", "/b"))));
    assert_says(&defaults, &["classes.json:3: [class b] is_default: the class a in line 1 is the default already"]);
}

#[test]
fn options_that_do_not_count_are_warned_of() {
    let store = "{\"backend\": \"fs\", \"dir\": \"/a\", \"pool\": \"p\", \"dirs\": \"x\"}";
    let json = format!(
        "[{{\"storage_id\": \"a\", \"is_default\": true, \"is_defualt\": true, \"color\": \"red\",\n\
         \"commits\": {store}, \"fs\": {store}, \"blocks\": {store}}}]"
    );
    let warnings = classes(&json).unwrap().warnings.join("\n");
    for said in [
        "classes.json:1: [class a] is_defualt: is not known, did you mean is_default? It is not used",
        "classes.json:1: [class a] color: is not known; it is not used",
        "classes.json:2: [class a, blocks] pool: is not an option of the fs backend; it is not used",
        "classes.json:2: [class a, commits] dirs: is not known, did you mean dir?",
    ] {
        assert_says(&warnings, &[said]);
    }
}

#[test]
fn classes_may_share_a_store_and_must_describe_it_alike() {
    let with = |blocks: &str| {
        let (hot, blocks) = (entry("\"storage_id\": \"hot\", \"is_default\": true", "/hot"), blocks);
        let store = fs("/hot");
        format!("[{hot},\n{{\"storage_id\": \"cold\", \"commits\": {store}, \"fs\": {store}, \"blocks\": {blocks}}}]")
    };
    let side = classes(&with(&fs("/cold"))).unwrap();
    assert_eq!(ObjectKind::ALL.map(|kind| side.store(kind).leaves().len()), [1, 1, 2]);
    assert_eq!(side.store(ObjectKind::Fs).leaves()[0].title(), "fs of class hot, cold");
    let nested = only_line(classes(&with(&fs("/hot/storage"))));
    assert_says(
        &nested,
        &["classes.json: [class cold, blocks]: one is inside the other: this folder and that of class hot"],
    );
    let spelled = only_line(classes(&with(&fs("/hot/../hot"))));
    assert_says(&spelled, &["[class cold, blocks]: is the store of class hot", "described in another way"]);
}

#[test]
fn kinds_in_one_bucket_are_found_in_all_classes() {
    let s3 = |bucket: &str| {
        format!("{{\"backend\": \"s3\", \"bucket\": \"{bucket}\", \"key_id\": \"i\", \"key\": \"k\", \"host\": \"h\"}}")
    };
    let class = |id: &str, [c, f, b]: [&str; 3]| {
        let (c, f, b) = (s3(c), s3(f), s3(b));
        format!(
            "{{\"storage_id\": \"{id}\", \"is_default\": {}, \"commits\": {c}, \"fs\": {f}, \"blocks\": {b}}}",
            id == "a"
        )
    };
    let json = format!("[{}, {}]", class("a", ["a-c", "a-f", "a-b"]), class("b", ["b-c", "b-f", "a-f"]));
    let error = only_line(side(CONF, &json, Role::Destination));
    assert_says(&error, &["[class b, blocks]: fs and blocks are both in s3:", "where ids of two kinds would mix"]);
    let warning = classes(&json).unwrap().warnings.join("\n");
    assert_says(&warning, &["[class b, blocks]: fs and blocks are both in s3:", "counts for both kinds"]);
}

#[test]
fn a_file_that_is_not_there_is_told_and_one_beside_the_conf_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("seafile.conf", "[storage]\nenable_storage_classes = true\nstorage_classes_file = /opt/none/classes.json\n");
    let source = SideSource { path: folder.path().to_owned(), data_dir: None };
    let load = || load_side(&source, Role::Destination, &Environment::default());
    let conf = folder.path().join("seafile.conf").display().to_string();
    let missing = only_line(load());
    assert_says(
        &missing,
        &[&format!("{conf}:3: [storage] storage_classes_file: /opt/none/classes.json is not a file")],
    );
    for dir in ["hot", "cold"] {
        std::fs::create_dir(folder.path().join(dir)).unwrap();
    }
    let at = |dir: &str| folder.path().join(dir).display().to_string();
    write("classes.json", &two().replace("/hot", &at("hot")).replace("/cold", &at("cold")));
    assert_says(&only_line(load()), &["as the server has it: ", "classes.json is one of that name"]);
    // A relative path is so to the folder of the conf.
    write("seafile.conf", "[storage]\nenable_storage_classes = true\nstorage_classes_file = classes.json\n");
    let side = load().unwrap();
    assert_eq!(of_kind(&side, ObjectKind::Blocks).classes.len(), 2);
    write("seafile.conf", "[storage]\nenable_storage_classes = true\n");
    assert_says(
        &only_line(load()),
        &["seafile.conf:1: [storage] storage_classes_file: is missing; allowed: the JSON file"],
    );
}

#[test]
fn the_variable_multiple_takes_the_classes_of_the_conf() {
    let load = |conf: &str| {
        let file = TextFile { name: "classes.json".into(), bytes: two().into() };
        let dotenv = TextFile { name: ".env".into(), bytes: "SEAF_SERVER_STORAGE_TYPE=multiple\n".into() };
        let text = SideText { classes: Some(file), dotenv: Some(dotenv), ..side_text(conf) };
        parse_side(&text, Role::Destination, &Environment::default())
    };
    let side = load("[storage]\nstorage_classes_file = /c.json\n").unwrap();
    assert_eq!(of_kind(&side, ObjectKind::Fs).classes.len(), 2);
    assert!(matches!(&side.described_by, DescribedBy::Variables { storage_type, .. } if storage_type == "multiple"));
    assert_eq!(load(CONF).unwrap().stores, side.stores);
    let off = only_line(load(&CONF.replace("true", "no")));
    assert_says(
        &off,
        &["seafile.conf:2: [storage] enable_storage_classes: is false, and SEAF_SERVER_STORAGE_TYPE is multiple"],
    );
    assert_says(&only_line(load("")), &["seafile.conf: [storage] storage_classes_file: is missing"]);
    let alone = only_line(parse_env("SEAF_SERVER_STORAGE_TYPE=multiple\n"));
    assert_says(&alone, &[".env:1: SEAF_SERVER_STORAGE_TYPE: is multiple", "there is none"]);
}

#[test]
fn two_sides_with_one_store_in_any_class_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for dir in ["old", "new", "hot/storage", "cold/storage", "one", "one/storage"] {
        std::fs::create_dir_all(at(dir)).unwrap();
    }
    let json =
        two().replace("/hot", &at("hot").display().to_string()).replace("/cold", &at("cold").display().to_string());
    std::fs::write(at("old/classes.json"), json).unwrap();
    std::fs::write(at("old/seafile.conf"), CONF.replace("/c/", "")).unwrap();
    let new = |dir: &str| {
        let conf = all_kinds(&format!("dir = {}", at(dir).display()));
        std::fs::write(at("new/seafile.conf"), conf).unwrap();
        let side = |name: &str| SideSource { path: at(name), data_dir: None };
        load_pair(&side("old"), &side("new"), &Environment::default())
    };
    new("one").unwrap();
    for dir in ["hot", "cold"] {
        let errors = new(dir).unwrap_err().to_string();
        assert_says(
            &errors,
            &["[block_backend]: is the same store as on the old side", &format!("{dir}/storage/blocks")],
        );
    }
}

#[test]
fn a_placement_is_told_from_others_by_who_is_where_and_not_by_rows_that_change_nothing() {
    let library = |n: u8| LibraryId::from_bytes([n; 16]);
    let placed = |of: &[(u8, &str)]| Placement::new(of.iter().map(|(n, class)| (library(*n), (*class).into())), "hot");
    let one = placed(&[(1, "cold"), (2, "hot")]);
    assert_eq!(
        (one.class_of(library(1)), one.class_of(library(2)), one.class_of(library(3))),
        (Some("cold"), None, None)
    );
    assert_eq!(one.digest(), placed(&[(1, "cold")]).digest());
    for other in [&[] as &[(u8, &str)], &[(2, "cold")], &[(1, "ice")], &[(1, "cold"), (2, "cold")]] {
        assert_ne!(one.digest(), placed(other).digest(), "{other:?}");
    }
}

#[test]
fn a_kind_stays_only_in_classes_that_the_new_side_has_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for dir in ["old", "new", "hot/storage", "cold/storage", "hot2", "one"] {
        std::fs::create_dir_all(at(dir)).unwrap();
    }
    let paths = |json: String| {
        json.replace("\"/hot", &format!("\"{}", at("hot").display()))
            .replace("\"/cold", &format!("\"{}", at("cold").display()))
    };
    std::fs::write(at("old/classes.json"), paths(two())).unwrap();
    std::fs::write(at("old/seafile.conf"), CONF.replace("/c/", "")).unwrap();
    let load = || {
        let side = |name: &str| SideSource { path: at(name), data_dir: None };
        load_pair_of(&side("old"), &side("new"), &[ObjectKind::Blocks], &Environment::default())
    };
    // The same classes, of which the blocks of one are elsewhere: blocks move, and the others are where both sides say.
    let blocks = |from: &str, to: &str| {
        let (head, tail) =
            two().rsplit_once("\"blocks\"").map(|(head, tail)| (head.to_owned(), tail.to_owned())).unwrap();
        let (first, second) = head.split_once("\"blocks\"").unwrap();
        format!("{first}\"blocks\"{}\"blocks\"{}", second.replacen(from, to, 1), tail.replacen("/cold", "/hot2c", 1))
    };
    std::fs::create_dir_all(at("hot2c")).unwrap();
    std::fs::write(at("new/classes.json"), paths(blocks("/hot", "/hot2"))).unwrap();
    std::fs::write(at("new/seafile.conf"), CONF.replace("/c/", "")).unwrap();
    let (old, new) = load().unwrap();
    assert_eq!(new.staying(), [ObjectKind::Commits, ObjectKind::Fs]);
    assert_eq!(new.store(ObjectKind::Fs).location(), old.store(ObjectKind::Fs).location());
    // One store for all classes, and a conf that names blocks alone.
    let all = all_kinds(&format!("dir = {}", at("one").display()));
    for conf in [all, format!("[block_backend]\ndir = {}\n", at("one").display())] {
        std::fs::write(at("new/seafile.conf"), conf).unwrap();
        let errors = load().unwrap_err().to_string();
        assert_says(
            &errors,
            &["with storage classes a server has all kinds in them, so that commits cannot stay in classes:"],
        );
    }
}
