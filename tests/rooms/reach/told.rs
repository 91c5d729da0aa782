//! Findings as text, as JSON and as counters, also when there are very many.

use seaf_migrate::metrics::WalkCounters;
use seaf_migrate::object::{ObjectId, ObjectKey, ObjectKind};
use seaf_migrate::reach::{DefectKind, fsck};
use seaf_migrate::sys::shutdown::Shutdown;

use crate::support::library;
use crate::support::side::{Side, by_library, commit_of, larger, options, paths_in, small};

#[test]
fn many_paths_are_counted_and_few_are_named() {
    let store = larger();
    let mut side = Side::generated(&store);
    side.options.paths_max = 3;
    let library = store.library("plain 0 ✓");
    let file = &library.head().tree.files["/large/000000"];
    side.store(ObjectKind::Blocks).take(&ObjectKey::new(library.id, file.blocks[0]));
    let found = by_library(&side.fsck());
    let all = paths_in(library.head(), ObjectKind::Blocks, file.blocks[0]);
    let finding = &found[&library.id][0];
    assert!(all.len() > 10);
    assert_eq!((finding.paths.len(), finding.more_paths), (3, all.len() as u64 - 3));
    assert!(finding.paths.iter().all(|path| all.contains(path)));
}

#[test]
fn many_findings_are_counted_and_few_are_named() {
    let store = larger();
    let mut side = Side::generated(&store);
    let library = store.library("plain 1 ✓").id;
    side.store(ObjectKind::Blocks).remove_all(|key| key.library == library);
    side.options.findings_max = 4;
    let result = side.fsck();
    let found = result.libraries.iter().find(|found| found.id == library).unwrap();
    assert_eq!(found.findings.len(), 4);
    assert_eq!(found.more_findings, found.counts.blocks - 4);
    assert!(!result.is_sound());
}

#[test]
fn progress_is_counted() {
    let side = Side::sample();
    let counters = WalkCounters::default();
    let result = fsck(&side.stores(), &side.roots, &options(), &Shutdown::new(), &counters).unwrap();
    let sum = |count: fn(&seaf_migrate::reach::Counts) -> u64| -> u64 {
        result.libraries.iter().map(|library| count(&library.counts)).sum()
    };
    assert_eq!(counters.libraries_done.get(), 10);
    assert_eq!(counters.commits.get(), sum(|counts| counts.commits));
    assert_eq!(counters.fs_objects.get(), sum(|counts| counts.dirs + counts.files));
    assert_eq!(counters.blocks.get(), sum(|counts| counts.blocks));
    assert_eq!(counters.findings.get(), 0);
}

#[test]
fn the_json_names_each_finding() {
    let store = small();
    let side = Side::generated(&store);
    let library = store.library("plain 0 ✓");
    let file = &library.head().tree.files["/same one"];
    side.store(ObjectKind::Fs).take(&ObjectKey::new(library.id, file.id));
    let json = serde_json::to_value(side.fsck()).unwrap();
    let found =
        json["libraries"].as_array().unwrap().iter().find(|entry| entry["id"] == library.id.to_string()).unwrap();
    assert_eq!(found["name"], "plain 0 ✓");
    assert_eq!(found["counts"]["commits"], 3);
    let expected = serde_json::json!({
        "kind": "fs", "id": file.id.to_string(), "what": "missing", "detail": "missing",
        "paths": ["/same one", "/shared/same two"], "more_paths": 0, "commit": null,
    });
    assert_eq!(found["findings"], serde_json::json!([expected]));
}

#[test]
fn a_finding_is_told_in_words() {
    let store = small();
    let side = Side::generated(&store);
    let library = store.library("plain 0 ✓");
    let (path, file) =
        library.head().tree.files.iter().find(|(path, file)| path.contains('"') && file.size > 0).unwrap();
    side.store(ObjectKind::Blocks).take(&ObjectKey::new(library.id, file.blocks[0]));
    let text = side.fsck().to_string();
    let expected = format!("\n  blocks {}: missing\n    {path}\n", file.blocks[0]);
    assert!(text.contains(&expected), "{text}");
    assert!(text.contains(&format!("1 finding  {}  plain 0 ✓\n    (3 commits", library.id)), "{text}");
    assert!(text.ends_with("\n8 libraries, 1 finding"), "{text}");
}

#[test]
fn a_store_with_more_paths_than_there_is_time_is_done_all_the_same() {
    let store = small();
    let mut side = Side::generated(&store);
    let library = store.library("plain 0 ✓").id;
    let missing = ObjectId::from_bytes([9; 20]);
    let mut child = library::objects::Child { id: missing, name: "f".to_owned(), size: Some(1), mtime: 1 };
    for _ in 0..40 {
        let twice = ["a", "b"].map(|name| library::objects::Child { name: name.to_owned(), ..child.clone() });
        let (id, data) = library::objects::dir(1, &twice);
        side.store(ObjectKind::Fs).put(ObjectKey::new(library, id), data);
        child = library::objects::Child { id, size: None, ..child };
    }
    let mut text = commit_of(library);
    text.root = child.id;
    let (head, commit) = text.encode(library::objects::Writer::Go);
    side.store(ObjectKind::Commits).put(ObjectKey::new(library, head), commit);
    side.roots.libraries.retain(|roots| roots.id == library);
    side.roots.libraries[0].heads = vec![head];
    let result = side.fsck();
    let [finding] = &result.libraries[0].findings[..] else { panic!("{result}") };
    assert_eq!((&finding.what, finding.id, finding.paths.len()), (&DefectKind::Missing, Some(missing), 20));
    assert!(finding.more_paths > 100);
}

#[test]
fn a_result_is_cut_without_losing_count() {
    let store = larger();
    let side = Side::generated(&store);
    let library = store.library("plain 1 ✓").id;
    side.store(ObjectKind::Blocks).remove_all(|key| key.library == library);
    let result = side.fsck();
    let found = result.libraries.iter().find(|found| found.id == library).unwrap();
    let all = found.findings.len() as u64;
    let few = found.clone().cut(3);
    assert_eq!((few.findings.len(), few.more_findings), (3, all - 3));
    assert_eq!(few.findings, found.findings[..3]);
    assert_eq!(found.clone().cut(usize::MAX), *found);
    assert!(few.to_string().starts_with(&format!("{all} findings")));
}
