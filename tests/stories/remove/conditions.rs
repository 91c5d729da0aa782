//! Nothing is removed unless every condition holds.

use rusqlite::params;

use super::*;

#[test]
fn without_a_verification_nothing_goes() {
    let world = World::with_sample();
    let before = left(&world);
    // There is no new side yet.
    assert_refused(&world, &before, go(&world, &[]), 3, "target/storage/");
    world.run(&[]).assert_code(0);
    assert_refused(&world, &before, go(&world, &[]), 2, "never verified");
    assert_refused(&world, &before, go(&world, &[]), 2, "then seaf-migrate verify --content");
    // A dry run refuses for the same reason.
    assert_refused(&world, &before, remove(&world, &[]), 2, "never verified");
    // The verification of one library does not count for all.
    let library = before.iter().next().unwrap().iter().nth(1).unwrap().to_str().unwrap();
    world.verify(&["--library", library]).assert_code(0);
    assert_refused(&world, &before, go(&world, &[]), 2, "never verified");
}

#[test]
fn after_a_verification_with_findings_nothing_goes() {
    let world = World::with_sample();
    world.run(&[]).assert_code(0);
    let before = left(&world);
    fs::remove_file(world.at("target/storage").join(nth(&world, "blocks", 7))).unwrap();
    world.verify(&["--db", &db(&world)]).assert_code(1);
    assert_refused(&world, &before, go(&world, &[]), 2, "had 1 finding.");
}

#[test]
fn after_a_run_that_came_later_nothing_goes() {
    let world = ready();
    let before = left(&world);
    world.run(&[]).assert_code(0);
    assert_refused(&world, &before, go(&world, &[]), 2, "since the verification of");
    verify(&world);
    go(&world, &[]).assert_code(0);
}

#[test]
fn after_a_run_that_was_killed_nothing_goes() {
    let world = ready();
    let before = left(&world);
    // What a run leaves at the destination that was killed when it had begun.
    for kind in ObjectKind::ALL {
        let conf = FsConf { dir: world.at("target") };
        let location = Location { backend: Backend::Fs, kind, place: "target".to_owned() };
        let store = FsStore::destination(&conf, kind, location).unwrap();
        Incarnation::read(&store).unwrap().unwrap().pass_begun().write(&store).unwrap();
    }
    assert_refused(&world, &before, go(&world, &[]), 2, "was written by a run");
    // A verification that comes after it does not settle it.
    verify(&world);
    assert_refused(&world, &before, go(&world, &[]), 2, "a run that did not come to its end");
    world.run(&[]).assert_code(0);
    verify(&world);
    go(&world, &[]).assert_code(0);
}

#[test]
fn while_a_run_is_under_way_nothing_goes() {
    let world = World::with_sample();
    let server = world.s3_server();
    world.new_side_is_s3(&server);
    world.run(&[]).assert_code(0);
    verify(&world);
    let before = left(&world);
    server.faults().delay(600_000);
    let asked = server.faults().count_all();
    let mut run = world.command(&[]).spawn().unwrap();
    while server.faults().count_all() == asked {
        crate::world::pause();
    }
    assert_refused(&world, &before, go(&world, &[]), 4, &format!("process {}", run.id()));
    run.kill().unwrap();
    run.wait().unwrap();
}

#[test]
fn while_somebody_writes_to_the_old_side_nothing_goes() {
    let world = ready();
    let before = left(&world);
    // A migration that writes into the old side, from a slow server.
    let server = world.s3_server();
    world.write_conf("third", |kind| s3_section(&server, &format!("seafile-{kind}"), crate::world::SECRET));
    let dir = world.at("old/seafile-data").display().to_string();
    world.write_conf("back", |_| format!("name = fs\ndir = {dir}\n"));
    server.faults().delay(600_000);
    let mut run = world.program();
    run.args(["run", "--from"]).arg(world.at("third")).arg("--to").arg(world.at("back"));
    let mut run = run.spawn().unwrap();
    while server.faults().count_all() == 0 {
        crate::world::pause();
    }
    assert_refused(&world, &before, go(&world, &[]), 4, "old/seafile-data/storage/");
    run.kill().unwrap();
    run.wait().unwrap();
}

/// Moves the head of some library, to the newest of its older commits' ids changed in their last digit.
fn move_head(world: &World) -> (String, String) {
    let connection = Connection::open(db(world)).unwrap();
    let row = "SELECT repo_id, commit_id FROM Branch WHERE name = 'master' ORDER BY repo_id LIMIT 1";
    let (library, head): (String, String) =
        connection.query_row(row, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let digit = if head.ends_with('0') { '1' } else { '0' };
    let moved = format!("{}{digit}", &head[..39]);
    let update = "UPDATE Branch SET commit_id = ? WHERE repo_id = ?";
    assert_eq!(connection.execute(update, params![moved, library]).unwrap(), 1);
    (library, moved)
}

/// Puts a commit below a `storage` folder, with nothing but `{}` in it.
fn put_commit(storage: &Path, library: &str, commit: &str) {
    let path = storage.join("commits").join(library).join(&commit[..2]).join(&commit[2..]);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "{}").unwrap();
}

#[test]
fn when_a_head_moved_on_the_old_side_nothing_goes() {
    let world = ready();
    let (library, head) = move_head(&world);
    assert_refused(&world, &left(&world), go(&world, &[]), 2, "which neither side holds");
    put_commit(&world.source(), &library, &head);
    let before = left(&world);
    assert_refused(&world, &before, go(&world, &[]), 2, "a server works on them");
    // `--server-is-stopped` does not help against a change that can be seen.
    assert_refused(&world, &before, go(&world, &["--server-is-stopped"]), 2, &library);
    put_commit(&world.at("target/storage"), &library, &head);
    assert_refused(&world, &before, go(&world, &[]), 2, "a server works on them");
}

#[test]
fn when_heads_moved_on_the_new_side_alone_the_old_one_may_go() {
    let world = ready();
    let (library, head) = move_head(&world);
    put_commit(&world.at("target/storage"), &library, &head);
    let outcome = go(&world, &[]).assert_code(0);
    assert!(outcome.stdout.contains("the server works there"), "{}", outcome.stdout);
    assert_eq!(sum(&outcome, "removed"), OBJECTS);
}

#[test]
fn the_database_of_another_server_vouches_for_nothing() {
    let world = ready();
    let before = left(&world);
    let other = world.at("other.db").display().to_string();
    let params = Params { seed: 99, special: false, commits: 1, files: 1, large_dir: 0, ..Params::default() };
    Store::generate(&params).write_db(Path::new(&other));
    assert_refused(
        &world,
        &before,
        without_database(&world, &["--yes", "--db", &other]),
        2,
        "which neither side holds",
    );
    // Nor when the verification took it for the right one.
    world.verify(&["--content", "--db", &other]).assert_code(0);
    for options in [&["--yes", "--db", &other][..], &["--yes", "--server-is-stopped", "--db", &other]] {
        assert_refused(&world, &before, without_database(&world, options), 2, "the database of this server");
    }
}

#[test]
fn without_a_database_the_user_must_vouch_that_the_server_is_stopped() {
    let world = ready();
    world.lose_database();
    let before = left(&world);
    assert_refused(&world, &before, without_database(&world, &["--yes"]), 2, "add --server-is-stopped");
    let outcome = without_database(&world, &["--yes", "--server-is-stopped"]).assert_code(0);
    assert!(outcome.stderr.contains("was not checked, because --server-is-stopped says"), "{}", outcome.stderr);
    assert_eq!(sum(&outcome, "removed"), OBJECTS);
}

#[test]
fn a_database_that_nothing_names_is_no_witness_of_a_server_at_rest() {
    let world = ready();
    let before = left(&world);
    for conf in ["", "[database]\n", "[database]\nmax_connections = 9\n"] {
        fs::write(world.at("old/seafile.conf"), conf).unwrap();
        for says in ["no database of the server is configured; name it with --db", "add --server-is-stopped"] {
            assert_refused(&world, &before, without_database(&world, &["--yes"]), 2, says);
        }
    }
    let dry = without_database(&world, &[]);
    assert_refused(&world, &before, dry, 2, "add --server-is-stopped");
    // One that is named is one, in the conf as well as by the option.
    fs::write(world.at("old/seafile.conf"), "[database]\ntype = sqlite\n").unwrap();
    assert_eq!(sum(&without_database(&world, &["--yes"]).assert_code(0), "removed"), OBJECTS);
}

#[test]
fn a_verification_without_the_database_does_not_tell_whether_a_head_moved() {
    let world = ready();
    change_note(&world, |note| note.heads = None);
    let before = left(&world);
    assert_refused(&world, &before, go(&world, &[]), 2, "noted no heads");
    go(&world, &["--server-is-stopped"]).assert_code(0);
}

#[test]
fn when_the_database_does_not_answer_nothing_goes() {
    let world = ready();
    let before = left(&world);
    let gone = world.at("gone.db").display().to_string();
    let outcome = without_database(&world, &["--yes", "--server-is-stopped", "--db", &gone]);
    assert_refused(&world, &before, outcome, 3, "gone.db");
}

#[test]
fn the_verification_of_another_pair_is_no_proof() {
    let world = ready();
    let before = left(&world);
    let first = pair(&world);
    world.new_side_is_a_folder("elsewhere");
    fs::create_dir_all(world.at("elsewhere")).unwrap();
    for kind in ObjectKind::ALL {
        fs::create_dir_all(world.at("elsewhere/storage").join(kind.as_str())).unwrap();
    }
    assert_refused(&world, &before, go(&world, &[]), 2, "never verified");
    // Also when the other pair's notes are copied over this one's.
    fs::copy(proofs(&world).path(&first), proofs(&world).path(&pair(&world))).unwrap();
    assert_refused(&world, &before, go(&world, &[]), 2, "belongs to another pair");
}

#[test]
fn notes_that_cannot_be_read_are_no_proof() {
    let world = ready();
    let before = left(&world);
    let path = proofs(&world).path(&pair(&world));
    fs::write(&path, "{").unwrap();
    assert_refused(&world, &before, go(&world, &[]), 2, "cannot read the history of this pair of sides");
}

#[test]
fn without_a_journal_that_can_be_written_nothing_goes() {
    let world = ready();
    let before = left(&world);
    fs::create_dir(world.at("folder")).unwrap();
    for (journal, says) in [
        (world.at("no/such/folder/journal"), "does not exist"),
        (world.at("folder"), "is a folder"),
        ("/dev/full".into(), "is not a regular file"),
        ("/dev/null".into(), "is not a regular file"),
        (world.at("report.json"), "the report would replace the journal"),
        (world.at("folder/../report.json"), "the report would replace the journal"),
    ] {
        let journal = journal.display().to_string();
        assert_refused(&world, &before, go(&world, &["--journal", &journal]), 2, says);
    }
}
