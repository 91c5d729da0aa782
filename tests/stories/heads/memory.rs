//! What is remembered of heads that were found whole, and when it is not believed.

use super::*;

#[test]
fn a_block_that_only_the_list_knows_makes_its_library_not_whole_until_the_next_run() {
    let (world, store) = world_of(&small());
    let library = store.library("plain 0 ✓");
    let (key, path) = some_block(library);
    let broken = run_while_losing(&world, &[key]).assert_code(1);
    let named = broken.stderr.lines().find(|line| line.contains("NOT WHOLE")).unwrap();
    assert!(named.contains(&library.id.to_string()) && named.contains("plain 0 ✓"), "{}", broken.stderr);
    assert!(broken.stderr.contains(&key.id.to_string()) && broken.stderr.contains(&path), "{}", broken.stderr);
    let row = &heads(&broken)["not_whole"]["libraries"][0];
    assert_eq!(row["id"], library.id.to_string());
    assert!(row["findings"][0]["paths"].as_array().unwrap().contains(&path.as_str().into()), "{row}");
    assert_verdict(&broken, false, "not whole at the destination");
    assert_eq!(broken.report.as_ref().unwrap()["result"], "libraries not whole");
}

#[test]
fn libraries_that_did_not_change_cost_a_few_reads() {
    /// Commit, and twice three directories, a file and two blocks.
    const A_LIBRARY: u64 = 1 + 2 * 6;
    let (world, store) = world_of(&Params { files: 60, ..small() });
    let server = world.s3_server();
    world.new_side_is_s3(&server);
    let list = world.at("objects").display().to_string();
    run(&world, &["--object-list", &list]).assert_code(0);
    let mode = fs::metadata(world.at("objects.heads")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let reads = || server.faults().count("GET") + server.faults().count("HEAD");
    let (before, all) =
        (reads(), heads(&run(&world, &["--object-list", &list, "--no-check-heads"]).assert_code(0)).clone());
    assert_eq!(all["state"], "not checked");
    let of_a_pass = reads() - before;
    let again = run(&world, &["--object-list", &list]).assert_code(0);
    let cost = reads() - before - 2 * of_a_pass;
    assert_eq!(heads(&again)["unchanged"], 8);
    assert!((8..=8 * A_LIBRARY).contains(&cost), "{cost} reads for 8 libraries");

    // The head moves back by one commit: only what differs is read, which is less than the library.
    let library = store.library("plain 0 ✓");
    set_head(&world, library, library.snapshots[1].commit);
    let before = reads();
    let moved = run(&world, &["--object-list", &list]).assert_code(0);
    let cost = reads() - before - of_a_pass;
    assert_eq!((&heads(&moved)["unchanged"], &heads(&moved)["whole"]), (&7.into(), &8.into()));
    let tree = &library.snapshots[1].tree;
    let whole = (tree.ids(ObjectKind::Fs).len() + tree.ids(ObjectKind::Blocks).len()) as u64;
    assert!(cost > 0 && cost < whole + 7 * A_LIBRARY, "{cost} reads for a tree of {whole} objects");
}

#[test]
fn a_library_that_is_remembered_as_whole_and_lost_its_root_is_noticed() {
    for kind in [ObjectKind::Commits, ObjectKind::Fs] {
        let (world, store) = world_of(&small());
        let list = world.at("objects").display().to_string();
        run(&world, &["--object-list", &list]).assert_code(0);
        let library = store.library("plain 0 ✓");
        let id = if kind == ObjectKind::Fs { library.head().tree.dirs["/"] } else { library.head().commit };
        let file = object_path(&world.at("target"), kind, &ObjectKey::new(library.id, id));
        // As long as before, so that no sample of sizes sees it.
        let length = fs::metadata(&file).unwrap().len();
        fs::write(&file, vec![7; usize::try_from(length).unwrap()]).unwrap();
        let looked = run(&world, &["--object-list", &list]).assert_code(1);
        assert!(looked.stderr.contains("is remembered as whole, but its"), "{}", looked.stderr);
        assert_eq!(heads(&looked)["unchanged"], 0);
        assert!(looked.stderr.contains("NOT WHOLE"), "{}", looked.stderr);
    }
}

#[test]
fn a_relist_forgets_which_heads_were_whole() {
    let (world, _) = world_of(&small());
    let list = world.at("objects").display().to_string();
    run(&world, &["--object-list", &list]).assert_code(0);
    assert_eq!(heads(&run(&world, &["--object-list", &list]).assert_code(0))["unchanged"], 8);
    assert_eq!(heads(&run(&world, &["--object-list", &list, "--relist"]).assert_code(0))["unchanged"], 0);
}

#[test]
fn a_recheck_that_misses_something_forgets_which_heads_were_whole() {
    let (world, _) = world_of(&small());
    let list = world.at("objects").display().to_string();
    run(&world, &["--object-list", &list]).assert_code(0);
    run(&world, &["--object-list", &list]).assert_code(0);
    let blocks = world.at("target/storage/blocks");
    let (lost, _) = objects_below(&blocks).pop_first().unwrap();
    fs::remove_file(blocks.join(lost)).unwrap();
    let checked = run(&world, &["--object-list", &list, "--recheck", "100%"]).assert_code(0);
    assert!(checked.stderr.contains("1 are not there"), "{}", checked.stderr);
    assert_eq!((&heads(&checked)["unchanged"], &heads(&checked)["whole"]), (&0.into(), &8.into()));
    let next = run(&world, &["--object-list", &list]).assert_code(0);
    assert_eq!(heads(&next)["unchanged"], 8);
}

#[test]
fn lists_that_are_gone_take_the_heads_with_them() {
    let (world, _) = world_of(&small());
    let list = world.at("objects").display().to_string();
    run(&world, &["--object-list", &list]).assert_code(0);
    fs::remove_file(world.at("objects.fs")).unwrap();
    assert_eq!(heads(&run(&world, &["--object-list", &list]).assert_code(0))["unchanged"], 0);
}

#[test]
fn a_listing_that_an_earlier_run_left_is_asked_for_before_it_is_used() {
    let (world, store) = world_of(&small());
    let server = world.s3_server();
    world.new_side_is_s3(&server);
    let list = world.at("objects").display().to_string();
    world.run(&[]).assert_code(0);
    world.run(&["--object-list", &list]).assert_code(0);
    let (key, _) = some_block(store.library("plain 0 ✓"));
    // As a run leaves it that was killed when it had listed all but the end.
    fs::rename(world.at("objects.blocks"), world.at("objects.blocks.building")).unwrap();
    let bucket = world.at("buckets").join("seafile-blocks");
    fs::remove_file(bucket.join(key.library.to_string()).join(key.id.to_string())).unwrap();
    let outcome = run(&world, &["--object-list", &list]).assert_code(0);
    assert_eq!(outcome.total("copied"), 1, "{}", outcome.stderr);
    assert_verdict(&outcome, true, "");
}
