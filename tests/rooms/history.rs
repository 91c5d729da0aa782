//! What is noted about a pair of sides: when it proves that the new side is whole, and that nothing else is taken for proof.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use jiff::Timestamp;
use proptest::prelude::*;
use seaf_migrate::conf::{Environment, Role, SideConf, SideId, SideText, TextFile, parse_side};
use seaf_migrate::history::{Pair, PairHistory, RunNote, StateDir, VERSION, VerifyNote};
use seaf_migrate::object::{LibraryId, ObjectId, ObjectKind};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn run(began: i64, ended: Option<i64>) -> RunNote {
    RunNote { began: at(began), ended: ended.map(at), exit_code: ended.map(|_| 0) }
}

fn verified(began: i64, ended: i64, findings: u64) -> VerifyNote {
    VerifyNote { began: at(began), ended: at(ended), content_percent: 0.0, findings, objects: 5, heads: None }
}

fn pair(name: &str) -> Pair {
    let places = |side: &str| SideId::from_fn(|kind| format!("fs:/{side}/storage/{kind}"));
    Pair { from: places("old"), to: places(name) }
}

fn record(last_run: Option<RunNote>, verified: Option<VerifyNote>) -> PairHistory {
    PairHistory { version: VERSION, pair: pair("new"), last_run, verified }
}

#[test]
fn only_a_good_verification_that_nothing_was_written_after_is_proof() {
    for (last_run, verified, lack) in [
        (None, None, "never verified"),
        (Some(run(0, Some(10))), None, "never verified"),
        (Some(run(0, Some(10))), Some(verified(20, 30, 0)), ""),
        (None, Some(verified(20, 30, 0)), ""),
        // Ended in the same second in which the verification began: nothing came after.
        (Some(run(0, Some(20))), Some(verified(20, 30, 0)), ""),
        (Some(run(0, Some(21))), Some(verified(20, 30, 0)), "a run ended at"),
        (Some(run(0, Some(40))), Some(verified(20, 30, 0)), "a run ended at"),
        (Some(run(40, Some(50))), Some(verified(20, 30, 0)), "a run ended at"),
        // A run that was killed before, during or after the verification: what it wrote and when is unknown.
        (Some(run(0, None)), Some(verified(20, 30, 0)), "did not record its end"),
        (Some(run(25, None)), Some(verified(20, 30, 0)), "did not record its end"),
        (Some(run(40, None)), Some(verified(20, 30, 0)), "a run began at"),
        (Some(run(0, Some(10))), Some(verified(20, 30, 1)), "had 1 findings"),
    ] {
        let record = record(last_run, verified);
        match (record.why_unproven(), lack) {
            (None, "") => {}
            (Some(why), lack) if !lack.is_empty() => assert!(why.contains(lack), "{why}"),
            (found, lack) => panic!("{found:?} instead of {lack:?}: {record:?}"),
        }
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
    let found = VerifyNote { heads, content_percent: 12.5, ..verified(20, 30, 0) };
    proofs.note_verify(&pair, found.clone()).unwrap();
    assert_eq!(proofs.load(&pair).unwrap(), Some(record(Some(run(0, Some(10))), Some(found.clone()))));
    proofs.note_run(&pair, run(40, None)).unwrap();
    let held = proofs.load(&pair).unwrap().unwrap();
    assert_eq!((held.last_run, held.verified), (Some(run(40, None)), Some(found)));
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
    assert_eq!(fs::read_dir(folder.path().join("a/b")).unwrap().count(), 1);
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
    let newer = fs::read_to_string(&path).unwrap().replace("\"version\": 1", "\"version\": 2");
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
    let text = SideText { path: path.into(), conf: Some(conf), dotenv: None, data_dir: Some("/data".into()) };
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
    fn proof_means_no_findings_and_no_run_that_is_open_or_ended_later(
        began in 0..9i64, ended in proptest::option::of(0..9i64), from in 0..9i64, took in 0..3i64, findings in 0..2u64,
    ) {
        let lack = record(Some(run(began, ended)), Some(verified(from, from + took, findings))).why_unproven();
        let proof = findings == 0 && ended.is_some_and(|ended| ended <= from);
        prop_assert_eq!(lack.is_none(), proof, "{:?}", lack);
    }
}

#[test]
fn notes_that_cannot_be_understood_are_not_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let proofs = StateDir::new(dir.path().to_owned());
    proofs.note_verify(&pair("new"), verified(1, 2, 0)).unwrap();
    let path = proofs.path(&pair("new"));
    let good = fs::read_to_string(&path).unwrap();
    for bad in ["", "{}", "noise", &good[..good.len() / 2], &good.replace("\"version\": 1", "\"version\": 2")] {
        fs::write(&path, bad).unwrap();
        assert!(proofs.note_run(&pair("new"), run(1, None)).is_err());
        assert!(proofs.note_verify(&pair("new"), verified(3, 4, 0)).is_err());
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
