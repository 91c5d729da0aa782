//! Commits: both formulas over whatever people write, and what a server would refuse.

use proptest::prelude::*;
use seaf_migrate::content::{Commit, Damage, IdCheck, check};
use seaf_migrate::object::{LibraryId, ObjectId, ObjectKind};

use crate::support::library::objects::{CommitText, Writer, sha1};

const PLAIN: CommitText<'static> = CommitText {
    library: LibraryId::from_bytes([7; 16]),
    root: ObjectId::EMPTY,
    parents: Vec::new(),
    creator_name: Some("alice@example.test"),
    description: "Added \"a.txt\".",
    ctime: 1_700_000_000,
    repo_name: "My library",
    version: 1,
    encrypted: false,
};

/// A commit with `from` replaced by `to` in its JSON, under its old name.
fn changed(from: &str, to: &str) -> (ObjectId, String) {
    let (id, data) = PLAIN.encode(Writer::C);
    let json = String::from_utf8(data.to_vec()).unwrap();
    assert!(json.contains(from), "{from} is not in {json}");
    (id, json.replacen(from, to, 1))
}

fn damage_of(from: &str, to: &str) -> Damage {
    let (id, json) = changed(from, to);
    let IdCheck::Damaged(damage) = check(ObjectKind::Commits, &id, json.as_bytes()) else { panic!("{json} is good") };
    match Commit::parse(&id, json.as_bytes()) {
        Ok(parsed) => assert_eq!(damage, Damage::WrongId { found: parsed.wrong_id.expect("another id") }),
        Err(other) => assert_eq!(damage, other),
    }
    damage
}

#[test]
fn a_creator_without_a_name_and_one_with_an_empty_name_are_two_commits_to_the_c_server() {
    let id = |name, writer| CommitText { creator_name: name, ..PLAIN }.encode(writer).0;
    assert_ne!(id(None, Writer::C), id(Some(""), Writer::C));
    assert_eq!(id(None, Writer::Go), id(Some(""), Writer::Go));
    for (name, writer) in [(None, Writer::C), (Some(""), Writer::C), (None, Writer::Go), (Some(""), Writer::Go)] {
        let (id, data) = CommitText { creator_name: name, ..PLAIN }.encode(writer);
        assert_eq!(check(ObjectKind::Commits, &id, &data), IdCheck::Good, "{name:?} {writer:?}");
    }
}

#[test]
fn a_description_that_is_null_counts_as_empty() {
    let (id, data) = CommitText { description: "", ..PLAIN }.encode(Writer::C);
    let json = String::from_utf8(data.to_vec()).unwrap();
    let null = json.replace("\"description\": \"\"", "\"description\": null");
    assert_ne!(json, null);
    assert_eq!(check(ObjectKind::Commits, &id, null.as_bytes()), IdCheck::Good);
    assert_eq!(Commit::parse(&id, null.as_bytes()).unwrap().object.description, "");
}

#[test]
fn each_field_that_the_id_covers_is_covered() {
    let root = format!("\"root_id\": \"{}", "0".repeat(40));
    for (from, to) in [
        (root.as_str(), format!("\"root_id\": \"{}", "1".repeat(40)).as_str()),
        ("alice@", "alicf@"),
        ("Added ", "added "),
        ("1700000000", "1700000001"),
        ("\"creator\": \"0", "\"creator\": \"1"),
        ("\"creator_name\": \"alice@example.test\"", "\"creator_name\": null"),
    ] {
        assert!(matches!(damage_of(from, to), Damage::WrongId { .. }), "{to}");
    }
}

#[test]
fn what_the_id_does_not_cover_cannot_be_told() {
    let parent = format!("\"parent_id\": \"{}\"", "a".repeat(40));
    for (from, to) in
        [("\"parent_id\": null", parent.as_str()), ("My library", "Your library"), ("\"version\": 1", "\"version\": 0")]
    {
        let (id, json) = changed(from, to);
        assert_eq!(check(ObjectKind::Commits, &id, json.as_bytes()), IdCheck::Good, "{to}");
    }
}

#[test]
fn a_commit_under_a_name_that_is_not_its_own_is_called_by_its_own() {
    let (id, data) = PLAIN.encode(Writer::Go);
    let name = sha1(b"elsewhere");
    assert_eq!(check(ObjectKind::Commits, &name, &data), IdCheck::Damaged(Damage::WrongId { found: id }));
    assert_eq!(Commit::parse(&name, &data).unwrap().wrong_id, Some(id));
}

#[test]
fn what_a_server_would_not_use_is_malformed_and_says_why() {
    let library = PLAIN.library.to_string();
    for (from, to, says) in [
        ("\"root_id\": \"00", "\"root_id\": \"0", "root_id is not an object id"),
        ("\"root_id\": \"00", "\"root_id\": \"0A", "root_id is not an object id"),
        (&library, &library.replace('-', ""), "repo_id is not a library id"),
        (&library, &library.replace("07", "0G"), "repo_id is not a library id"),
        ("\"creator\": \"00", "\"creator\": \"0", "creator is not an id of 40 characters"),
        ("\"commit_id\": \"", "\"commit_id\": \"x", "commit_id is not an object id"),
        ("\"parent_id\": null", "\"parent_id\": \"\"", "an object id is not 40 lower-case hex digits"),
        ("\"second_parent_id\": null", "\"second_parent_id\": 5", "invalid type"),
        ("1700000000", "\"1700000000\"", "invalid type"),
        ("1700000000", "1700000000.5", "invalid type"),
        ("1700000000", "9223372036854775808", "invalid value"),
        ("\"ctime\": 1700000000, ", "", "missing field `ctime`"),
        ("{", "[{", "invalid type"),
    ] {
        match damage_of(from, to) {
            Damage::Malformed(why) => assert!(why.contains(says), "{to}: {why}"),
            other => panic!("{to}: {other}"),
        }
    }
}

#[test]
fn one_nul_at_the_end_is_an_old_habit_and_two_are_damage() {
    let (id, data) = PLAIN.encode(Writer::C);
    let ended = |tail: &[u8]| check(ObjectKind::Commits, &id, &[&data, tail].concat());
    assert_eq!(ended(b"\0"), IdCheck::Good);
    assert_eq!(ended(b"\n"), IdCheck::Good, "blanks mean nothing in JSON");
    assert!(matches!(ended(b"\0\0"), IdCheck::Damaged(Damage::Malformed(_))));
    assert!(matches!(ended(b"{}"), IdCheck::Damaged(Damage::Malformed(_))));
}

#[test]
fn a_commit_cut_anywhere_is_called_cut_short() {
    let (id, data) = PLAIN.encode(Writer::C);
    for length in 1..data.len() {
        let verdict = check(ObjectKind::Commits, &id, &data[..length]);
        assert_eq!(verdict, IdCheck::Damaged(Damage::Truncated), "{length} bytes");
    }
}

#[test]
fn parents_are_none_one_or_two_in_order() {
    let [a, b] = [sha1(b"a"), sha1(b"b")];
    for parents in [vec![], vec![a], vec![a, b]] {
        let (id, data) = CommitText { parents: parents.clone(), ..PLAIN }.encode(Writer::C);
        let commit = Commit::parse(&id, &data).unwrap().object;
        assert_eq!(commit.parents().collect::<Vec<_>>(), parents);
    }
}

#[test]
fn a_library_is_encrypted_only_when_the_commit_says_true() {
    let (id, data) = CommitText { encrypted: true, ..PLAIN }.encode(Writer::C);
    let json = String::from_utf8(data.to_vec()).unwrap();
    let says = |text: &str| Commit::parse(&id, json.replace("\"true\"", text).as_bytes()).unwrap().object.encrypted;
    assert!(says("\"true\""));
    assert!(!says("\"false\"") && !says("\"\"") && !says("null"));
}

proptest! {
    #[test]
    fn both_formulas_hold_for_whatever_people_write(
        root: [u8; 20], parents in proptest::collection::vec(any::<[u8; 20]>(), 0..3), library: [u8; 16],
        creator in proptest::option::of("[^\0]{0,30}"), description in "[^\0]{0,80}", name in "[^\0]{0,20}",
        ctime: i64, version in 0u32..2, encrypted: bool, go: bool,
    ) {
        let text = CommitText {
            library: LibraryId::from_bytes(library),
            root: ObjectId::from_bytes(root),
            parents: parents.iter().copied().map(ObjectId::from_bytes).collect(),
            creator_name: creator.as_deref(),
            description: &description,
            ctime,
            repo_name: &name,
            version,
            encrypted,
        };
        let (id, data) = text.encode(if go { Writer::Go } else { Writer::C });
        prop_assert_eq!(check(ObjectKind::Commits, &id, &data), IdCheck::Good);
        let commit = Commit::parse(&id, &data).unwrap().object;
        prop_assert_eq!((commit.repo_id, commit.root_id, commit.ctime), (text.library, text.root, ctime));
        prop_assert_eq!(commit.parents().collect::<Vec<_>>(), text.parents);
        prop_assert_eq!((commit.creator_name, commit.description), (creator, description));
        prop_assert_eq!((commit.repo_name, commit.version), (Some(name), i64::from(version)));
        prop_assert_eq!(commit.encrypted, encrypted);
    }
}
