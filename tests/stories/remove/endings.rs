//! Removals that are interrupted, killed, or meet a store or a disk that fails.

use super::*;

/// The sample in `world` moved to buckets of a server, which are the old side then, and the new one a folder, migrated
/// and verified.
fn from_s3(world: World) -> (World, S3Server) {
    let server = world.s3_server();
    world.fill_buckets();
    world.write_conf("old", |kind| s3_section(&server, &format!("seafile-{kind}"), crate::world::SECRET));
    world.new_side_is_a_folder("target");
    world.run(&[]).assert_code(0);
    verify(&world);
    (world, server)
}

fn in_buckets(world: &World) -> BTreeSet<PathBuf> {
    objects_in_buckets(&world.at("buckets")).into_keys().collect()
}

#[test]
fn a_remote_old_side_goes_the_same_way_and_a_server_with_trouble_loses_nothing() {
    let (world, server) = from_s3(World::with_sample());
    let before = in_buckets(&world);
    // One that the destination lacks stays whatever the server does.
    let missing = before.iter().nth(50).unwrap().clone();
    fs::remove_file(world.at("target/storage").join(&missing)).unwrap();
    server.faults().fail(10, 500);
    server.faults().lose_answers(5);
    let outcome = go(&world, &["--content"]).assert_code(1);
    assert_eq!((sum(&outcome, "removed"), in_buckets(&world)), (OBJECTS - 1, [missing].into()));
    assert_eq!(journalled(&world).len() as u64, OBJECTS - 1);
    assert!(outcome.report.unwrap()["retries"].as_u64().unwrap() > 5);
}

#[test]
fn a_destination_that_is_gone_ends_it_before_anything_goes() {
    let world = World::with_sample();
    let server = world.s3_server();
    world.new_side_is_s3(&server);
    world.run(&[]).assert_code(0);
    verify(&world);
    let before = left(&world);
    drop(server);
    let outcome = go(&world, &["--attempts", "1"]).assert_code(3);
    assert_eq!((sum(&outcome, "removed"), left(&world)), (0, before));
}

#[test]
fn a_folder_that_is_gone_from_the_new_side_ends_it_before_anything_goes() {
    let world = ready();
    let before = left(&world);
    fs::rename(world.at("target/storage/blocks"), world.at("unmounted")).unwrap();
    assert_refused(&world, &before, go(&world, &[]), 3, "target/storage/blocks");
}

#[test]
fn an_interruption_ends_it_cleanly_and_the_next_run_goes_on() {
    let (world, server) = from_s3(World::with_whole_sample());
    let before = in_buckets(&world);
    server.faults().delay(20);
    let options = ["--db", &db(&world), "--yes", "--nworker", "4", "--rate", "200"];
    let child = command(&world, &options).spawn().unwrap();
    while server.faults().count("DELETE") < 60 {
        crate::world::pause();
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let stopped = world.finish(child).assert_code(130);
    assert!(stopped.stderr.contains("the next run goes on from here"), "{}", stopped.stderr);
    // The journal names exactly the removed objects, and others are left.
    let left = in_buckets(&world);
    let gone: BTreeSet<_> = before.difference(&left).cloned().collect();
    assert_eq!(journalled(&world).into_iter().collect::<BTreeSet<_>>(), gone);
    assert_eq!(sum(&stopped, "removed"), gone.len() as u64);
    assert!(gone.len() >= 60 && !left.is_empty());
    server.faults().clear();
    let rest = go(&world, &[]).assert_code(0);
    assert_eq!((sum(&rest, "removed"), in_buckets(&world)), (left.len() as u64, BTreeSet::new()));
}

#[test]
fn an_interruption_before_the_first_object_leaves_everything() {
    let (world, server) = from_s3(World::with_sample());
    let before = in_buckets(&world);
    // Every request takes half a second, so that the check of both sides ends and the listing after it is waited for.
    server.faults().delay(500);
    let mut child = command(&world, &["--db", &db(&world), "--yes"]).spawn().unwrap();
    wait_for_line(&mut child, "Start to remove [commits]");
    let asked = server.faults().count_all();
    server.faults().delay(600_000);
    while server.faults().count_all() == asked {
        crate::world::pause();
    }
    // The second signal ends it at once, because the server never answers.
    while child.try_wait().unwrap().is_none() {
        kill_process(Pid::from_child(&child), Signal::INT).unwrap();
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(world.finish(child).code, Some(130));
    assert_eq!((in_buckets(&world), journalled(&world)), (before, Vec::new()));
}

#[test]
fn killed_at_any_instant_the_journal_is_never_short_of_what_went() {
    let mut dice = fastrand::Rng::with_seed(11);
    let world = ready();
    let before = left(&world);
    let mut kills = 0;
    while !left(&world).is_empty() {
        let mut child = command(&world, &["--db", &db(&world), "--yes", "--rate", "60"]).spawn().unwrap();
        wait_for_line(&mut child, "Start to remove [commits]");
        std::thread::sleep(Duration::from_millis(dice.u64(..400)));
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
        let gone: BTreeSet<_> = before.difference(&left(&world)).cloned().collect();
        let named: BTreeSet<_> = journalled(&world).into_iter().collect();
        assert!(named.is_superset(&gone), "{:?} went unnoted", gone.difference(&named).next());
        // A kill may leave a batch noted and not removed, and no more than one.
        assert!(named.len() - gone.len() <= 150);
    }
    assert!(kills > 2, "nothing was killed in the middle");
    assert_eq!(journalled(&world).into_iter().collect::<BTreeSet<_>>(), before);
    go(&world, &[]).assert_code(0);
}

#[test]
fn a_migration_on_top_of_a_removal_copies_nothing_and_loses_nothing() {
    let world = ready();
    let there = objects_below(&world.at("target/storage"));
    go(&world, &[]).assert_code(0);
    // It cannot tell an old side that was emptied from a disk that is not mounted.
    let run = world.run(&["--no-check-heads"]).assert_code(3);
    assert!(run.stderr.contains("is the disk mounted?"), "{}", run.stderr);
    assert_eq!(objects_below(&world.at("target/storage")), there);
}

/// A generated old side of many small objects, migrated and verified.
fn bulk(objects: usize) -> World {
    let world = World::new();
    bulk_to_dir(&world.at("old/seafile-data"), 21, objects, 200..=400);
    world.run(&[]).assert_code(0);
    world.verify(&["--content"]).assert_code(0);
    world
}

/// Removes for real where there is no database.
fn go_bulk(world: &World, options: &[&str]) -> Outcome {
    without_database(world, &[&["--yes", "--server-is-stopped"], options].concat())
}

#[test]
fn whatever_the_new_side_lacks_is_what_stays_and_nothing_else() {
    let mut dice = fastrand::Rng::with_seed(5);
    let world = bulk(3_500);
    let mut expected = BTreeSet::new();
    for (path, mut data) in objects_below(&world.at("target/storage")) {
        let target = world.at("target/storage").join(&path);
        let what = match dice.u8(..20) {
            0 => {
                fs::remove_file(&target).unwrap();
                "missing at the destination"
            }
            1 => {
                data.truncate(dice.usize(..data.len()));
                fs::write(&target, data).unwrap();
                "another size at the destination"
            }
            2 => {
                let at = dice.usize(..data.len());
                data[at] ^= 1 << dice.u8(..8);
                fs::write(&target, data).unwrap();
                "damaged at the destination"
            }
            _ => continue,
        };
        expected.insert((path, what));
    }
    let dry = without_database(&world, &["--server-is-stopped", "--content"]).assert_code(1);
    let outcome = go_bulk(&world, &["--content", "--nworker", "7"]).assert_code(1);
    let named: BTreeSet<_> = expected.iter().map(|(path, what)| format!("{}: {what}", path.display())).collect();
    for said in [kept(&dry), kept(&outcome)] {
        assert_eq!(said.symmetric_difference(&named).next(), None);
    }
    assert_eq!(left(&world), expected.iter().map(|(path, _)| path.clone()).collect());
    assert_eq!(sum(&outcome, "removed") + sum(&outcome, "kept"), 3_500);
    // Copied again and verified again, the rest goes.
    world.run(&["--relist"]).assert_code(0);
    for (path, _) in expected.iter().filter(|(_, what)| what.starts_with("damaged")) {
        fs::copy(world.source().join(path), world.at("target/storage").join(path)).unwrap();
    }
    world.verify(&["--content"]).assert_code(0);
    let rest = go_bulk(&world, &["--content"]).assert_code(0);
    assert_eq!((sum(&rest, "removed") as usize, left(&world).len()), (expected.len(), 0));
}

#[test]
fn when_the_disk_under_the_journal_is_full_nothing_goes_that_is_not_noted() {
    let world = bulk(4_000);
    let before = left(&world);
    // Room for some batches, of 128 bytes a line.
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = Tmpfs::mount(folder.path(), "size=200k") else { return };
    let journal = folder.path().join("journal");
    let full = go_bulk(&world, &["--journal", &journal.display().to_string()]).assert_code(1);
    assert!(full.stderr.contains("note in the journal"), "{}", full.stderr);
    let text = fs::read_to_string(&journal).unwrap();
    let gone: Vec<_> = before.difference(&left(&world)).cloned().collect();
    assert!(!gone.is_empty() && gone.len() < before.len(), "{} gone", gone.len());
    assert_eq!(sum(&full, "removed") as usize, gone.len());
    for path in &gone {
        let parts: Vec<_> = path.iter().map(|part| part.to_str().unwrap()).collect();
        let name = format!(" {} {}/{}{} ", parts[0], parts[1], parts[2], parts[3]);
        assert!(text.contains(&name), "{name} went unnoted");
    }
    disk.resize("size=8m");
    let rest = go_bulk(&world, &["--journal", &journal.display().to_string()]).assert_code(0);
    assert_eq!((sum(&rest, "removed") as usize, left(&world).len()), (before.len() - gone.len(), 0));
    // The line that the full disk cut short did not run into the first line of the next run.
    assert_eq!(fs::read_to_string(&journal).unwrap().matches("# ").count(), 2);
}

#[test]
fn a_server_that_goes_away_in_the_middle_ends_it_and_the_rest_stays() {
    let (world, server) = from_s3(World::with_whole_sample());
    server.faults().delay(10);
    let options = ["--db", &db(&world), "--yes", "--nworker", "4", "--rate", "400", "--patience", "1s"];
    let child = command(&world, &options).spawn().unwrap();
    while server.faults().count("DELETE") < 60 {
        crate::world::pause();
    }
    drop(server);
    let gone = world.finish(child).assert_code(3);
    assert!(gone.stderr.contains("stopped early, a store failed"), "{}", gone.stderr);
    let left = in_buckets(&world);
    let named: BTreeSet<_> = journalled(&world).into_iter().collect();
    assert!(!left.is_empty() && left.len() as u64 + named.len() as u64 >= WHOLE_COUNT);
    // Every removed object is at the destination.
    let copies = objects_below(&world.at("target/storage"));
    assert!(named.iter().all(|path| copies.contains_key(path)));
}

#[test]
fn sigterm_ends_it_with_143_and_a_dry_run_too() {
    for (yes, says) in [(true, "the next run goes on"), (false, "nothing was removed")] {
        let world = bulk(1_000);
        let before = left(&world);
        let options = ["--server-is-stopped", "--rate", "20", "--yes"];
        let mut child = command(&world, &options[..3 + usize::from(yes)]).spawn().unwrap();
        wait_for_line(&mut child, "Start to");
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        let stopped = world.finish(child).assert_code(143);
        assert!(stopped.stderr.contains(says), "{}", stopped.stderr);
        assert!(left(&world).len() + 100 > before.len(), "20 a second were not kept to");
        assert!(yes || left(&world) == before);
    }
}

#[test]
fn a_rate_is_kept_to() {
    let world = bulk(60);
    let began = Instant::now();
    go_bulk(&world, &["--rate", "40"]).assert_code(0);
    // Sixty objects, the first of each kind's at once: at least fifty-nine fortieths of a second.
    assert!(began.elapsed() >= Duration::from_millis(1_400), "{:?}", began.elapsed());
    for rate in ["0", "-1", "fast", "1000001"] {
        go_bulk(&world, &["--rate", rate]).assert_code(2);
    }
}
