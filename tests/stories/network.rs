//! Servers that fail requests, and servers that refuse the credentials.

use std::process::Child;
use std::time::{Duration, Instant};

use crate::support::s3_server::S3Server;
use crate::world::{
    SECRET, World, assert_same_objects, bucket_of, objects_below, objects_in_buckets, pause, s3_section,
};

#[test]
fn a_server_that_fails_a_fifth_of_all_requests_loses_nothing() {
    let world = World::with_whole_sample();
    let server = world.s3_server();
    world.new_side_is_s3(&server);
    server.faults().fail(20, 500);
    let outcome = world.run(&[]).assert_code(0);
    assert_same_objects(&objects_below(&world.source()), &objects_in_buckets(&world.at("buckets")));
    let retries = outcome.report.as_ref().unwrap()["retries"].as_u64().unwrap();
    assert!(retries > 100, "{retries} requests repeated");
    assert!(outcome.stdout.contains("repeated"), "{}", outcome.stdout);
}

#[test]
fn lost_answers_and_broken_connections_lose_nothing() {
    let world = World::with_whole_sample();
    let server = world.s3_server();
    world.new_side_is_s3(&server);
    server.faults().reset(5);
    server.faults().lose_answers(5);
    world.run(&[]).assert_code(0);
    assert_same_objects(&objects_below(&world.source()), &objects_in_buckets(&world.at("buckets")));
}

#[test]
fn a_wrong_key_is_said_once_and_not_a_thousand_times() {
    let world = World::with_whole_sample();
    let server = world.s3_server();
    world.write_conf("new", |kind| s3_section(&server, &bucket_of(kind), "NotTheRightSecret"));
    let refused = world.run(&[]).assert_code(3);
    // Said once for all kinds, before any object was tried.
    assert_eq!(refused.stderr.matches(": credentials refused: ").count(), 1, "{}", refused.stderr);
    assert!(refused.stderr.contains("; the same of new fs in ") && refused.stderr.contains(" and new blocks in "));
    assert_eq!((refused.total("listed"), server.faults().count("PUT")), (0, 0));
    assert!(refused.stderr.lines().count() <= 13, "{}", refused.stderr);
    assert!(!refused.stderr.contains("NotTheRightSecret") && !refused.stderr.contains(SECRET));
}

#[test]
fn a_bucket_that_is_not_there_is_named() {
    let world = World::with_whole_sample();
    let server = world.s3_server();
    world.write_conf("new", |kind| s3_section(&server, &format!("no-such-{kind}"), SECRET));
    let refused = world.run(&[]).assert_code(3);
    assert!(refused.stderr.contains("no-such-blocks"), "{}", refused.stderr);
    assert!(refused.stderr.contains("missing"), "{}", refused.stderr);
    assert_eq!(server.faults().count("PUT"), 0);
}

/// A pass to `server` that has written some objects and goes on.
fn begun(world: &World, server: &S3Server, options: &[&str]) -> Child {
    let mut child = world.command(options).spawn().unwrap();
    crate::world::wait_for_line(&mut child, "Start to migrate [blocks]");
    wait_for_requests(server, server.faults().count_all() + 30);
    child
}

/// Returns once so many requests came in all; after a minute in any case, so that what went wrong is told.
fn wait_for_requests(server: &S3Server, requests: u64) {
    let end = Instant::now() + Duration::from_secs(60);
    while server.faults().count_all() < requests && Instant::now() < end {
        pause();
    }
}

#[test]
fn a_server_that_fails_every_request_for_a_while_is_waited_for() {
    let world = World::with_whole_sample();
    let server = world.s3_server();
    world.new_side_is_s3(&server);
    let child = begun(&world, &server, &["--attempts", "1", "--nworker", "4"]);
    server.faults().fail(100, 503);
    wait_for_requests(&server, server.faults().count_all() + 20);
    server.faults().clear();
    world.finish(child).assert_code(0);
    assert_same_objects(&objects_below(&world.source()), &objects_in_buckets(&world.at("buckets")));
}

#[test]
fn a_server_that_forgets_the_key_for_a_while_is_asked_again() {
    let world = World::with_whole_sample();
    let server = world.s3_server();
    world.new_side_is_s3(&server);
    let child = begun(&world, &server, &["--nworker", "4"]);
    server.forget_key(true);
    // Those under way, and two of those that are made again.
    wait_for_requests(&server, server.faults().count_all() + 6);
    server.forget_key(false);
    world.finish(child).assert_code(0);
    assert_same_objects(&objects_below(&world.source()), &objects_in_buckets(&world.at("buckets")));
}

#[test]
fn a_server_that_forgot_the_key_for_good_ends_the_run_with_its_reason() {
    let world = World::with_whole_sample();
    let server = world.s3_server();
    world.new_side_is_s3(&server);
    let child = begun(&world, &server, &["--nworker", "4", "--patience", "5s"]);
    server.forget_key(true);
    let refused = world.finish(child).assert_code(3);
    assert!(refused.stderr.contains("credentials refused") && refused.stderr.contains("InvalidAccessKeyId"));
    assert!(refused.stderr.contains("taken for gone") && refused.stderr.contains("--patience"), "{}", refused.stderr);
    assert!(refused.total("failed") <= 8, "every object was tried: {}", refused.total("failed"));
}

#[test]
fn a_server_that_goes_away_ends_the_run_instead_of_failing_every_object() {
    let world = World::with_whole_sample();
    let server = world.s3_server();
    world.new_side_is_s3(&server);
    let mut child = world.command(&["--patience", "1s", "--nworker", "4"]).spawn().unwrap();
    crate::world::wait_for_line(&mut child, "Start to migrate [blocks]");
    let end = Instant::now() + Duration::from_secs(60);
    while server.faults().count("PUT") < 10 && Instant::now() < end {
        pause();
    }
    drop(server);
    let gone = world.finish(child).assert_code(3);
    assert!(gone.stderr.contains("taken for gone"), "{}", gone.stderr);
    assert_eq!(gone.total("failed"), gone.rows("failures").len() as u64);
    assert!(gone.total("failed") < 200, "every object was tried: {}", gone.total("failed"));
}
