//! Checkpoints that are of something else, cut or half removed.

use super::*;

#[test]
fn a_checkpoint_of_another_verification_is_refused() {
    let (world, server) = slow_copy(20);
    let dir = world.at("checkpoint");
    let checkpoint = dir.display().to_string();
    let mut child = world.verifying(&["--content", "--checkpoint", &checkpoint]).spawn().unwrap();
    wait_until_settled(&dir, &mut child, 20);
    // What it keeps is nobody else's business.
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir), 0o700);
    let names: Vec<_> = fs::read_dir(&dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension() != Some("new".as_ref()))
        .collect();
    assert!(names.len() > 8 && names.iter().all(|path| mode(path) == 0o600), "{names:?}");
    let busy = world.verify(&["--content", "--checkpoint", &checkpoint]).assert_code(4);
    assert!(busy.stderr.contains("another verification is using the checkpoint"), "{}", busy.stderr);
    kill(child);
    server.faults().delay(0);
    let refused = |options: &[&str], said: &str| {
        let outcome = world.verify(&[options, &["--checkpoint", &checkpoint]].concat()).assert_code(2);
        assert!(
            outcome.stderr.contains("belongs to another verification") && outcome.stderr.contains(said),
            "{}",
            outcome.stderr
        );
    };
    refused(&[], "it reads 100% of the objects, not 0%");
    let library = fs::read_dir(world.source().join("blocks")).unwrap().next().unwrap().unwrap().file_name();
    refused(&["--content", "--library", library.to_str().unwrap()], "it is about all libraries, not");
    let s3 = fs::read(world.at("new/seafile.conf")).unwrap();
    world.new_side_is_a_folder("elsewhere");
    refused(&["--content"], "it compares");
    fs::write(world.at("new/seafile.conf"), s3).unwrap();
    world.verify(&["--content", "--checkpoint", &checkpoint]).assert_code(0);
}

/// A checkpoint that a kill left in the middle of the contents.
fn left_behind(world: &World, server: &S3Server) -> (std::path::PathBuf, Vec<String>) {
    let dir = world.at("checkpoint");
    let options = ["--content", "--checkpoint", dir.to_str().unwrap(), "--nworker", "4"].map(str::to_owned);
    let mut child = world.verifying(&options.each_ref().map(String::as_str)).spawn().unwrap();
    wait_until_settled(&dir, &mut child, 20);
    kill(child);
    server.faults().delay(0);
    (dir, options.into())
}

#[test]
fn a_checkpoint_that_lost_a_part_is_refused_and_said_to_be_removed() {
    let (world, server) = slow_copy(20);
    flip(&world, "commits", 0);
    let (dir, options) = left_behind(&world, &server);
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let cut = |name: &str| {
        let data = fs::read(dir.join(name)).unwrap();
        fs::write(dir.join(name), &data[..data.len() / 2]).unwrap();
        let refused = world.verify(&options).assert_code(2);
        assert!(
            refused.stderr.contains("Not verified") || refused.stderr.contains("NOT verified"),
            "{}",
            refused.stderr
        );
        fs::write(dir.join(name), data).unwrap();
        refused.stderr
    };
    assert!(cut("verify.json").contains("is damaged"));
    assert!(cut("found.findings").contains("shorter than it was"));
    assert!(cut("to.blocks").contains("is damaged at byte"));
    assert!(cut("from.fs").contains("is damaged at byte"));
    assert!(verified(&world).is_none());
    // Put back as it was, it is as good as before.
    assert_eq!(world.verify(&options).assert_code(1).total("objects"), ALL);
}

#[test]
fn a_checkpoint_that_was_half_removed_is_begun_anew() {
    let (world, server) = slow_copy(20);
    let (dir, options) = left_behind(&world, &server);
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    // Killed while it was removing the checkpoint: the listings are still there, and out of date.
    fs::remove_file(dir.join("verify.json")).unwrap();
    let source = world.source().join("blocks");
    let (path, _) = objects_below(&source).into_iter().next().unwrap();
    fs::remove_file(source.join(path)).unwrap();
    let outcome = world.verify(&options).assert_code(0);
    assert_eq!((outcome.total("objects"), outcome.total("extra"), outcome.total("vanished")), (ALL - 1, 1, 0));
    assert!(!outcome.stdout.contains("Going on with"), "{}", outcome.stdout);
}
