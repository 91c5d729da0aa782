//! What is noted about a pair of sides: when it proves that the new side is whole, and that nothing else is taken for proof.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use jiff::Timestamp;
use proptest::prelude::*;
use seaf_migrate::conf::{Environment, Role, SideConf, SideId, SideText, TextFile, parse_side};
use seaf_migrate::history::{Incarnation, Incarnations, Pair, PairHistory, RunNote, StateDir, VerifyNote};
use seaf_migrate::object::{LibraryId, ObjectId, ObjectKind, PerKind};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn run(began: i64, ended: Option<i64>) -> RunNote {
    RunNote { began: at(began), ended: ended.map(at), exit_code: ended.map(|_| 0) }
}

/// A good verification of a destination that was `destination` then.
fn verified(began: i64, destination: &PerKind<Incarnation>) -> VerifyNote {
    VerifyNote {
        began: at(began),
        ended: at(began + 10),
        content_percent: 100.0,
        findings: 0,
        objects: 5,
        heads: None,
        destination: Some(destination.clone()),
    }
}

/// A destination whose newest pass ended with `code`.
fn destination(code: u8) -> PerKind<Incarnation> {
    PerKind::from_fn(|_| Incarnation::first().pass_begun().pass_ended(code))
}

fn now(destination: &PerKind<Incarnation>) -> Incarnations {
    destination.clone().map(Some)
}

/// The destination with another incarnation in one of its stores.
fn with(destination: &PerKind<Incarnation>, kind: ObjectKind, other: Option<Incarnation>) -> Incarnations {
    let mut now = now(destination);
    now[kind] = other;
    now
}

fn pair(name: &str) -> Pair {
    let places = |side: &str| SideId::from_fn(|kind| format!("fs:/{side}/storage/{kind}"));
    Pair { from: places("old"), to: places(name) }
}

fn history(verified: Option<VerifyNote>) -> PairHistory {
    PairHistory { verified, ..PairHistory::new(pair("new")) }
}

#[test]
fn a_good_verification_of_the_destination_as_it_is_now_is_proof() {
    for code in [0, 5] {
        let then = destination(code);
        assert_eq!(history(Some(verified(0, &then))).why_unproven(&now(&then)), None);
    }
}

#[test]
fn nothing_else_is_proof_and_the_reason_is_said() {
    let then = destination(0);
    let good = verified(20, &then);
    let lacks = |history: &PairHistory, now: &Incarnations, says: &str| {
        let why = history.why_unproven(now).unwrap_or_else(|| panic!("proof, though: {says}"));
        assert!(why.contains(says), "{why:?} does not say {says:?}");
    };
    lacks(&history(None), &now(&then), "never verified");
    lacks(&history(Some(VerifyNote { findings: 2, ..good.clone() })), &now(&then), "had 2 findings");
    lacks(&history(Some(VerifyNote { destination: None, ..good.clone() })), &now(&then), "or no run ever did");
    let unfinished = PairHistory { unfinished: vec![at(40)], ..history(Some(good.clone())) };
    lacks(&unfinished, &now(&then), "did not come to its end");
    for kind in ObjectKind::ALL {
        let [begun, wrong, other] = [then[kind].pass_begun(), then[kind].found_wrong(), Incarnation::first()];
        for (changed, says) in [
            (Some(begun), "was written by a run, or found wrong, since"),
            (Some(wrong), "was written by a run, or found wrong, since"),
            (Some(other), "is another one than"),
            (None, "carries no mark of a run"),
        ] {
            lacks(&history(Some(good.clone())), &with(&then, kind, changed), says);
            lacks(&history(Some(good.clone())), &with(&then, kind, None), kind.as_str());
        }
        // An older backup was put in the place of the store.
        let later =
            PerKind::from_fn(|of| if of == kind { then[of].pass_begun().pass_ended(0) } else { then[of].clone() });
        lacks(&history(Some(verified(20, &later))), &now(&then), "a backup was put in its place");
    }
}

#[test]
fn a_verification_after_a_run_that_failed_or_was_killed_is_no_proof() {
    for (then, says) in [
        (destination(1), "a run that ended with exit code 1"),
        (destination(130), "a run that ended with exit code 130"),
        (destination(0).map(|ended| ended.pass_begun()), "a run that did not come to its end"),
    ] {
        let why = history(Some(verified(20, &then))).why_unproven(&now(&then)).unwrap();
        assert!(why.contains(says), "{why}");
    }
}

#[test]
fn a_note_keeps_the_other_one_and_the_newest_counts() {
    let folder = tempfile::tempdir().unwrap();
    let proofs = StateDir::new(folder.path().join("state"));
    let pair = pair("new");
    assert_eq!(proofs.load(&pair).unwrap(), None);
    proofs.note_run(&pair, run(0, None)).unwrap();
    proofs.note_run(&pair, run(0, Some(10))).unwrap();
    let heads = Some(BTreeMap::from([(LibraryId::from_bytes([1; 16]), ObjectId::from_bytes([2; 20]))]));
    let found = VerifyNote { heads, content_percent: 12.5, ..verified(20, &destination(0)) };
    proofs.note_verify(&pair, found.clone()).unwrap();
    let held = proofs.load(&pair).unwrap().unwrap();
    assert_eq!((held.last_run, held.verified), (Some(run(0, Some(10))), Some(found.clone())));
    proofs.note_run(&pair, run(40, None)).unwrap();
    let held = proofs.load(&pair).unwrap().unwrap();
    assert_eq!((held.last_run, held.verified), (Some(run(40, None)), Some(found)));
}

#[test]
fn a_verification_revokes_the_last_one_when_it_begins_and_only_its_end_settles_that() {
    let folder = tempfile::tempdir().unwrap();
    let proofs = StateDir::new(folder.path().to_owned());
    let (pair, then) = (pair("new"), destination(0));
    let lack = || proofs.load(&pair).unwrap().unwrap().why_unproven(&now(&then));
    proofs.note_verify(&pair, verified(0, &then)).unwrap();
    assert_eq!(lack(), None);
    // Interrupted, gone on with, interrupted again.
    proofs.note_verify_begun(&pair, at(20)).unwrap();
    proofs.note_verify_begun(&pair, at(20)).unwrap();
    assert!(lack().unwrap().contains("did not come to its end"));
    // A good one of some libraries says nothing about the others.
    proofs.note_verify_begun(&pair, at(30)).unwrap();
    proofs.note_partial_verify(&pair, at(30), 0).unwrap();
    assert!(lack().unwrap().contains("did not come to its end"));
    proofs.note_verify(&pair, verified(20, &then)).unwrap();
    assert_eq!(lack(), None);
    proofs.note_verify_begun(&pair, at(40)).unwrap();
    assert!(lack().is_some());
    proofs.note_partial_verify(&pair, at(40), 0).unwrap();
    assert_eq!(lack(), None);
    proofs.note_verify_begun(&pair, at(50)).unwrap();
    proofs.note_partial_verify(&pair, at(50), 3).unwrap();
    assert!(lack().unwrap().contains("had 3 findings"));
}

#[test]
fn of_many_processes_that_change_the_notes_at_once_none_loses_what_another_noted() {
    let folder = tempfile::tempdir().unwrap();
    let proofs = StateDir::new(folder.path().to_owned());
    let pair = pair("new");
    std::thread::scope(|scope| {
        for n in 0..8 {
            let (proofs, pair) = (&proofs, &pair);
            scope.spawn(move || (0..5).for_each(|m| proofs.note_verify_begun(pair, at(n * 5 + m)).unwrap()));
        }
    });
    assert_eq!(proofs.load(&pair).unwrap().unwrap().unfinished.len(), 40);
}

#[test]
fn notes_of_an_earlier_version_are_read_and_prove_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let proofs = StateDir::new(folder.path().to_owned());
    let (pair, then) = (pair("new"), destination(0));
    proofs.note_verify(&pair, verified(0, &then)).unwrap();
    let mut text: serde_json::Value = serde_json::from_slice(&fs::read(proofs.path(&pair)).unwrap()).unwrap();
    text["version"] = 1.into();
    text.as_object_mut().unwrap().remove("unfinished");
    text["verified"].as_object_mut().unwrap().remove("destination");
    fs::write(proofs.path(&pair), text.to_string()).unwrap();
    assert!(proofs.load(&pair).unwrap().unwrap().why_unproven(&now(&then)).is_some());
    proofs.note_verify(&pair, verified(20, &then)).unwrap();
    assert_eq!(proofs.load(&pair).unwrap().unwrap().why_unproven(&now(&then)), None);
}

#[test]
fn notes_are_for_their_owner_alone_and_nothing_lies_beside_them() {
    let folder = tempfile::tempdir().unwrap();
    let proofs = StateDir::new(folder.path().join("a/b"));
    for _ in 0..3 {
        proofs.note_run(&pair("new"), run(0, None)).unwrap();
    }
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder.path().join("a/b")), 0o700);
    assert_eq!(mode(&proofs.path(&pair("new"))), 0o600);
    // The notes, and the lock of whoever changes them.
    assert_eq!(fs::read_dir(folder.path().join("a/b")).unwrap().count(), 2);
}

#[test]
fn each_pair_has_notes_of_its_own_whichever_side_differs() {
    let folder = tempfile::tempdir().unwrap();
    let proofs = StateDir::new(folder.path().to_owned());
    let mut others = vec![pair("elsewhere"), Pair { from: pair("new").to, to: pair("new").from }];
    let Pair { from, to } = pair("new");
    for changed in ObjectKind::ALL {
        let more = |kind| if kind == changed { "2" } else { "" };
        others.push(Pair { to: SideId::from_fn(|kind| format!("{}{}", to.place(kind), more(kind))), ..pair("new") });
    }
    // The same text in two neighbouring places, cut elsewhere.
    let (moved, rest) = from.place(ObjectKind::Fs).split_at(1);
    let shifted = SideId::from_fn(|kind| match kind {
        ObjectKind::Commits => format!("{}{moved}", from.place(kind)),
        ObjectKind::Fs => rest.to_owned(),
        ObjectKind::Blocks => from.place(kind).to_owned(),
    });
    others.push(Pair { from: shifted, ..pair("new") });
    proofs.note_run(&pair("new"), run(0, Some(1))).unwrap();
    for other in others {
        assert_ne!(proofs.path(&other), proofs.path(&pair("new")));
        assert_eq!(proofs.load(&other).unwrap(), None);
    }
}

#[test]
fn a_file_that_is_not_about_this_pair_is_an_error_and_never_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let proofs = StateDir::new(folder.path().to_owned());
    let path = proofs.path(&pair("new"));
    proofs.note_run(&pair("other"), run(0, Some(1))).unwrap();
    let of_other = fs::read_to_string(proofs.path(&pair("other"))).unwrap();
    proofs.note_run(&pair("new"), run(0, Some(1))).unwrap();
    let newer = fs::read_to_string(&path).unwrap().replace("\"version\": 2", "\"version\": 3");
    for text in ["", "{", "null", "[]", of_other.as_str(), newer.as_str()] {
        fs::write(&path, text).unwrap();
        let error = proofs.load(&pair("new")).unwrap_err().to_string();
        assert!(error.contains("cannot read the history of this pair of sides"), "{error}");
        assert!(error.contains(path.to_str().unwrap()) && error.contains("SEAF_MIGRATE_STATE_DIR"), "{error}");
        // A new note must not replace it either, because it may have been written by a newer version.
        assert!(proofs.note_run(&pair("new"), run(5, None)).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_told_before_anything_else_happens() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let proofs = StateDir::new(folder.path().join("file/state"));
    let error = proofs.note_run(&pair("new"), run(0, None)).unwrap_err().to_string();
    assert!(error.contains("the history of this pair of sides"), "{error}");
}

fn side(conf: &str, path: &str) -> SideConf {
    let conf = TextFile { name: path.into(), bytes: conf.into() };
    let text = SideText { path: path.into(), conf: Some(conf), data_dir: Some("/data".into()), ..SideText::default() };
    parse_side(&text, Role::Source, &Environment::default()).unwrap()
}

#[test]
fn the_same_places_are_the_same_pair_however_they_are_configured() {
    let old = |path| side("", path);
    let explicit = "[block_backend]\nname = fs\ndir = /data\n";
    let new = "[block_backend]\nname = s3\nbucket = b\nkey_id = i\nkey = k\nhost = H:80\n";
    let again = new.replace("H:80", "h").replace("key = k", "key = other");
    let first = Pair::new(&old("a/seafile.conf"), &side(new, "x"));
    assert_eq!(first, Pair::new(&side(explicit, "b/seafile.conf"), &side(&again, "y")));
    let other_bucket = new.replace("bucket = b", "bucket = c");
    assert_ne!(first, Pair::new(&old("a/seafile.conf"), &side(&other_bucket, "x")));
    assert!(!format!("{first:?}").contains("key"), "no secret is noted");
}

#[test]
fn the_folder_of_the_notes_is_the_one_that_was_named() {
    let proofs = |variables: &[(&str, &str)]| StateDir::from_environment(&variables.iter().copied().collect());
    let named = proofs(&[("SEAF_MIGRATE_STATE_DIR", "/named"), ("XDG_STATE_HOME", "/xdg"), ("HOME", "/home/me")]);
    assert_eq!(named, StateDir::new("/named".into()));
    let empty = proofs(&[("SEAF_MIGRATE_STATE_DIR", ""), ("XDG_STATE_HOME", "/xdg"), ("HOME", "/home/me")]);
    let usual = if rustix::process::geteuid().is_root() { "/var/lib/seaf-migrate" } else { "/xdg/seaf-migrate" };
    assert_eq!(empty, StateDir::new(usual.into()));
}

proptest! {
    #[test]
    fn proof_means_that_nothing_at_all_happened_since_a_good_verification(
        events in proptest::collection::vec(0..6u8, 0..8),
    ) {
        let then = destination(0);
        let (mut history, mut now) = (history(Some(verified(20, &then))), now(&then));
        for (n, event) in events.iter().enumerate() {
            let kind = ObjectKind::ALL[n % 3];
            match event {
                0 => now[kind] = now[kind].as_ref().map(Incarnation::pass_begun),
                1 => now[kind] = now[kind].as_ref().map(|store| store.pass_ended(0)),
                2 => now[kind] = now[kind].as_ref().map(Incarnation::found_wrong),
                3 => now[kind] = None,
                4 => now[kind] = Some(Incarnation::first()),
                _ => history.unfinished.push(at(100)),
            }
        }
        prop_assert_eq!(history.why_unproven(&now).is_none(), events.is_empty());
    }
}

#[test]
fn notes_that_cannot_be_understood_are_not_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let proofs = StateDir::new(dir.path().to_owned());
    proofs.note_verify(&pair("new"), verified(1, &destination(0))).unwrap();
    let path = proofs.path(&pair("new"));
    let good = fs::read_to_string(&path).unwrap();
    for bad in ["", "{}", "noise", &good[..good.len() / 2], &good.replace("\"version\": 2", "\"version\": 3")] {
        fs::write(&path, bad).unwrap();
        assert!(proofs.note_run(&pair("new"), run(1, None)).is_err());
        assert!(proofs.note_verify(&pair("new"), verified(3, &destination(0))).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), bad);
    }
}

#[test]
fn each_pair_has_a_journal_of_its_own_beside_its_notes() {
    let proofs = StateDir::new("/state".into());
    let [one, other] = [proofs.removals(&pair("new")), proofs.removals(&pair("newer"))];
    assert_ne!(one, other);
    assert_eq!((one.parent(), one.extension()), (Some(Path::new("/state")), Some("removed".as_ref())));
    assert_ne!(one, proofs.path(&pair("new")));
}
