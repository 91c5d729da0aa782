//! What a check of the heads remembers for the next one, and what that saves.

use super::*;

#[test]
fn a_library_that_did_not_change_costs_no_call() {
    let mut pair = Pair::new(small());
    pair.check();
    assert!(pair.calls() > 100);
    let again = pair.check();
    assert_eq!((again.whole, again.unchanged, pair.calls()), (8, 8, 0));
}

#[test]
fn a_library_that_changed_costs_what_changed() {
    let mut pair = Pair::new(Store::generate(&Params { files: 200, libraries: 1, ..Params::default() }));
    pair.step_back("plain 0 ✓");
    pair.check();
    let full = pair.calls();
    pair.roots = pair.source.roots.clone();
    let result = pair.check();
    let calls = pair.calls();
    assert_eq!((result.whole, result.unchanged), (8, 7));
    assert!(calls > 5 && calls * 5 < full, "{calls} calls after {full}");
}

#[test]
fn a_library_that_is_gone_from_the_database_is_forgotten() {
    let mut pair = Pair::new(small());
    pair.check();
    let gone = pair.roots.libraries.remove(2).id;
    assert_eq!(pair.check().whole, 7);
    assert!(!pair.whole.contains_key(&gone));
}

#[test]
fn a_check_that_was_stopped_has_no_result_and_remembers_nothing() {
    let mut pair = Pair::new(small());
    let shutdown = Shutdown::new();
    shutdown.request(ShutdownReason::Signal(2));
    assert_eq!(pair.try_check(&shutdown).unwrap(), None);
    assert!(pair.whole.is_empty());
}

fn places(name: &str) -> SideId {
    SideId::from_fn(|kind| format!("{name}/{kind}"))
}

#[test]
fn the_memory_comes_back_and_is_about_one_destination() {
    let dir = tempfile::tempdir().unwrap();
    let prefix = dir.path().join("objects");
    let library = small().libraries[0].clone();
    let heads = WholeHeads::from([(library.id, library.head().commit)]);
    let memory = Memory::new(&prefix, places("here"));
    assert!(memory.load().is_empty());
    memory.save(&heads).unwrap();
    assert_eq!(memory.load(), heads);
    assert!(Memory::new(&prefix, places("there")).load().is_empty(), "believed about another destination");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(memory.path()).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    heads_cache::forget(&prefix).unwrap();
    assert!(memory.load().is_empty());
    heads_cache::forget(&prefix).unwrap();
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "something is left behind");
}

#[test]
fn a_memory_that_cannot_be_understood_is_none() {
    let dir = tempfile::tempdir().unwrap();
    let prefix = dir.path().join("objects");
    let memory = Memory::new(&prefix, places("here"));
    let heads = BTreeMap::from([(small().libraries[0].id, ObjectId::from_bytes([7; 20]))]);
    memory.save(&heads).unwrap();
    let good = std::fs::read_to_string(memory.path()).unwrap();
    let newer = good.replace("\"version\": 1", "\"version\": 2");
    // No pass writes a head that is none, so nothing else in such a file is believed either.
    let stranger = good.replace("\"heads\": {", "\"heads\": {\"x\": \"y\",");
    for text in ["", "{}", "no JSON", &good[..good.len() / 2], &newer, &stranger] {
        std::fs::write(memory.path(), text).unwrap();
        assert!(memory.load().is_empty(), "{text}");
    }
    std::fs::write(memory.path(), good).unwrap();
    assert_eq!(memory.load(), heads);
}
