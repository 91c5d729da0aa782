//! A destination that changed between two parts of a verification.

use super::*;

/// A verification of contents that was killed when all commits and some more were settled, and its checkpoint.
fn killed_after_commits() -> (World, S3Server, String) {
    let (world, server) = slow_copy(10);
    let commits = objects_below(&world.source().join("commits")).len() as u64;
    let dir = world.at("checkpoint");
    let checkpoint = dir.display().to_string();
    let options = ["--content", "--checkpoint", &checkpoint, "--nworker", "4"];
    let mut child = world.verifying(&options).spawn().unwrap();
    wait_until_settled(&dir, &mut child, commits + 5);
    kill(child);
    server.faults().delay(0);
    (world, server, checkpoint)
}

#[test]
fn what_went_from_the_destination_since_is_found_by_the_verification_that_goes_on() {
    let (world, _server, checkpoint) = killed_after_commits();
    let bucket = world.at("buckets").join(bucket_of(ObjectKind::Commits));
    for (path, _) in objects_below(&bucket) {
        fs::remove_file(bucket.join(path)).unwrap();
    }
    let outcome = world.verify(&["--content", "--checkpoint", &checkpoint]).assert_code(1);
    assert!(outcome.stderr.contains("the verification begins anew"), "{}", outcome.stderr);
    let commits = objects_below(&world.source().join("commits")).len();
    assert_eq!(named(&outcome, "findings").iter().filter(|found| found.ends_with(": missing")).count(), commits);
}

#[test]
fn a_verification_of_a_destination_that_another_run_wrote_to_begins_anew() {
    let (world, _server, checkpoint) = killed_after_commits();
    world.run(&[]).assert_code(0);
    let outcome = world.verify(&["--content", "--checkpoint", &checkpoint]).assert_code(0);
    assert!(outcome.stderr.contains("begins anew, because the destination is in another state"), "{}", outcome.stderr);
    assert_eq!((outcome.total("objects"), outcome.total("read")), (ALL, ALL));
}

#[test]
fn an_object_that_was_cut_since_is_found_by_the_verification_that_goes_on() {
    let (world, _server, checkpoint) = killed_after_commits();
    let bucket = world.at("buckets").join(bucket_of(ObjectKind::Commits));
    let is_object = |path: &Path| !path.file_name().unwrap().to_str().unwrap().starts_with('.');
    let (path, data) = objects_below(&bucket).into_iter().find(|(path, _)| is_object(path)).unwrap();
    fs::write(bucket.join(&path), &data[1..]).unwrap();
    let outcome = world.verify(&["--content", "--checkpoint", &checkpoint]).assert_code(1);
    assert!(outcome.stderr.contains("is not as it was"), "{}", outcome.stderr);
    assert_eq!(named(&outcome, "findings").len(), 1);
}

#[test]
fn what_is_lost_while_it_goes_on_is_found_when_it_is_read() {
    let (world, server) = slow_copy(20);
    let dir = world.at("checkpoint");
    let checkpoint = dir.display().to_string();
    let options = ["--content", "--checkpoint", &checkpoint, "--nworker", "4"];
    let mut child = world.verifying(&options).spawn().unwrap();
    wait_until_settled(&dir, &mut child, 20);
    kill(child);
    let bucket = world.at("buckets/seafile-blocks");
    let is_object = |path: &Path| !path.file_name().unwrap().to_str().unwrap().starts_with('.');
    let path = objects_below(&bucket).into_keys().rfind(|path| is_object(path)).unwrap();
    fs::remove_file(bucket.join(&path)).unwrap();
    server.faults().delay(0);
    let outcome = world.verify(&options).assert_code(1);
    let (library, id) = path.to_str().unwrap().split_once('/').unwrap();
    assert_eq!(named(&outcome, "findings"), [format!("blocks {library} {id}: missing")]);
    assert_eq!(outcome.total("objects"), ALL);
}
