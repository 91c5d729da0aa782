//! Heads that move, come or go while a run is under way.

use super::*;

/// A run against a slow server, in the middle of which `meanwhile` happens.
fn run_while(world: &World, meanwhile: impl FnOnce()) -> Outcome {
    let server = world.s3_server();
    world.new_side_is_s3(&server);
    server.faults().delay(5);
    let db = db(world).display().to_string();
    let mut child = world.command(&["--db", &db]).spawn().unwrap();
    let head = wait_for_line(&mut child, "Noted the heads");
    meanwhile();
    server.faults().clear();
    let outcome = world.finish(child);
    Outcome { stdout: head + &outcome.stdout, ..outcome }
}

#[test]
fn a_head_that_moves_during_the_run_makes_it_unsafe_to_switch() {
    let (world, store) = world_of(&small());
    let library = store.library("plain 0 ✓");
    let outcome = run_while(&world, || set_head(&world, library, library.snapshots[0].commit)).assert_code(0);
    assert_eq!(heads(&outcome)["whole"], 8);
    assert_eq!(heads(&outcome)["moved"]["libraries"], serde_json::json!([library.id.to_string()]));
    assert_verdict(&outcome, false, "1 library changed while the pass ran");
}

#[test]
fn what_the_server_changed_and_collected_during_the_run_is_no_damage() {
    let (world, store) = world_of(&small());
    let library = store.library("plain 0 ✓");
    let of = |snapshot: &Snapshot| snapshot.tree.ids(ObjectKind::Blocks).into_iter().collect::<BTreeSet<_>>();
    let (blocks, kept) = (of(library.head()), of(&library.snapshots[0]));
    let outcome = run_while(&world, || {
        set_head(&world, library, library.snapshots[0].commit);
        for id in blocks.difference(&kept) {
            lose(&world, "old/seafile-data", ObjectKind::Blocks, &ObjectKey::new(library.id, *id));
        }
    });
    let outcome = outcome.assert_code(0);
    assert_eq!(heads(&outcome)["damaged_in_source"]["count"], 0);
    assert_eq!(heads(&outcome)["missing_in_source"]["count"], 0);
    assert_eq!(heads(&outcome)["changed_meanwhile"]["libraries"][0]["id"], library.id.to_string());
    assert_verdict(&outcome, false, "1 library changed while the pass ran");
}

#[test]
fn a_library_that_is_deleted_and_cleared_away_during_the_run_is_no_damage() {
    let (world, store) = world_of(&small());
    let library = store.library("legacy");
    let outcome = run_while(&world, || {
        let db = Connection::open(db(&world)).unwrap();
        let id = library.id.to_string();
        db.execute("DELETE FROM Repo WHERE repo_id = ?", params![id]).unwrap();
        db.execute("INSERT INTO GarbageRepos (repo_id) VALUES (?)", params![id]).unwrap();
        for kind in ObjectKind::ALL {
            fs::remove_dir_all(world.source().join(kind.as_str()).join(&id)).unwrap();
        }
    });
    let outcome = outcome.assert_code(0);
    let named = [&heads(&outcome)["damaged_in_source"]["count"], &heads(&outcome)["missing_in_source"]["count"]];
    assert_eq!(named, [&0, &0]);
    assert_verdict(&outcome, false, "1 library changed while the pass ran");
}

#[test]
fn a_library_that_is_lost_during_the_run_while_its_head_stays_was_not_collected() {
    let (world, store) = world_of(&small());
    let library = store.library("legacy");
    let outcome = run_while(&world, || {
        fs::remove_dir_all(world.source().join("blocks").join(library.id.to_string())).unwrap();
    });
    let outcome = outcome.assert_code(1);
    assert!(outcome.stderr.contains("MISSING in the source as well"), "{}", outcome.stderr);
    assert_verdict(&outcome, false, "missing in the source as well: legacy");
}

#[test]
fn a_library_that_comes_during_the_run_makes_it_unsafe_to_switch() {
    let (world, store) = world_of(&small());
    let garbage = store.library("garbage").id.to_string();
    let outcome = run_while(&world, || {
        let db = Connection::open(db(&world)).unwrap();
        db.execute("INSERT INTO Repo VALUES (?)", params![garbage]).unwrap();
    });
    assert_eq!(heads(&outcome.assert_code(0))["moved"]["count"], 1);
}

#[test]
fn a_database_that_goes_during_the_run_makes_it_unsafe_to_switch() {
    let (world, _) = world_of(&small());
    let outcome = run_while(&world, || fs::remove_file(db(&world)).unwrap()).assert_code(0);
    assert_eq!(heads(&outcome)["moved"]["state"], "unknown");
    assert_verdict(&outcome, false, "is not known");
}
