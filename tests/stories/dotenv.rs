//! Servers in Docker, which a `.env` file or the environment describes.

use std::fs;
use std::path::Path;

use seaf_migrate::object::ObjectKind;

use crate::support::s3_server::S3Server;
use crate::support::sample::SMALL_COUNT;
use crate::world::{ACCESS, Outcome, SECRET, World, bucket_of, objects_below, objects_in_buckets};

/// The variables of a server on this S3, as its `.env` has them.
fn variables(server: &S3Server) -> Vec<(&'static str, String)> {
    let [commits, fs, blocks] = ObjectKind::ALL.map(bucket_of);
    vec![
        ("SEAF_SERVER_STORAGE_TYPE", "s3".to_owned()),
        ("S3_COMMIT_BUCKET", commits),
        ("S3_FS_BUCKET", fs),
        ("S3_BLOCK_BUCKET", blocks),
        ("S3_KEY_ID", ACCESS.to_owned()),
        ("S3_SECRET_KEY", SECRET.to_owned()),
        ("S3_HOST", server.endpoint()),
        ("S3_USE_HTTPS", "false".to_owned()),
        ("S3_USE_V4_SIGNATURE", "true".to_owned()),
        ("S3_PATH_STYLE_REQUEST", "true".to_owned()),
    ]
}

fn write_dotenv(path: &Path, server: &S3Server) {
    let lines = variables(server).into_iter().map(|(name, value)| format!("{name}='{value}' # set by the installer\n"));
    fs::write(path, lines.collect::<String>()).unwrap();
}

#[test]
fn a_new_side_in_a_dotenv_file_gets_everything() {
    let world = World::with_sample();
    let server = world.s3_server();
    fs::remove_file(world.at("new/seafile.conf")).unwrap();
    write_dotenv(&world.at("new/.env"), &server);
    let outcome = world.run(&[]).assert_code(0);
    assert_eq!(outcome.total("copied"), SMALL_COUNT);
    crate::world::assert_same_objects(&objects_below(&world.source()), &objects_in_buckets(&world.at("buckets")));
    let all = format!("{}{}{}", outcome.stdout, outcome.stderr, outcome.report.unwrap());
    assert!(!all.contains(SECRET), "{all}");
}

#[test]
fn the_environment_describes_the_old_side_and_not_the_new_one() {
    let world = World::with_sample();
    let server = world.s3_server();
    world.new_side_is_s3(&server);
    world.run(&[]).assert_code(0);
    // Now the server runs with its objects on S3, and goes back to a folder; its seafile.conf never said so.
    world.new_side_is_a_folder("back");
    let mut command = world.command(&[]);
    command.envs(variables(&server));
    let outcome = world.finish(command.spawn().unwrap()).assert_code(0);
    assert_eq!(outcome.total("copied"), SMALL_COUNT);
    assert!(outcome.stderr.contains("SEAF_SERVER_STORAGE_TYPE: \"s3\" decides"), "{}", outcome.stderr);
    world.assert_same(&world.at("back/storage"));
}

#[test]
fn what_a_dotenv_file_lacks_is_named_by_variable_and_nothing_is_written() {
    let world = World::with_sample();
    let server = world.s3_server();
    write_dotenv(&world.at("new/.env"), &server);
    let text = fs::read_to_string(world.at("new/.env")).unwrap();
    let wrong =
        text.replace("S3_FS_BUCKET", "#S3_FS_BUCKET").replace("'false'", "'never'").replace("'StoryS", "'Story\"S");
    fs::write(world.at("new/.env"), wrong.replace("S3_SECRET_KEY='", "S3_SECRET_KEY=\"")).unwrap();
    let refused = world.run(&[]).assert_code(2);
    for said in [
        "S3_FS_BUCKET: is missing",
        ".env:8: S3_USE_HTTPS: \"never\" is not a boolean",
        ".env:6: S3_SECRET_KEY: has a quote",
    ] {
        assert!(refused.stderr.contains(said), "{said:?} is not in {}", refused.stderr);
    }
    assert!(!refused.stderr.contains("StoryS") && !refused.stderr.contains("ecretKey"), "{}", refused.stderr);
    assert_eq!(objects_in_buckets(&world.at("buckets")).len(), 0);
}

/// What the verdict says that is to be done next.
fn next_of(outcome: &Outcome) -> &str {
    let verdict = &outcome.report.as_ref().unwrap()["safe_to_switch"];
    assert_eq!(verdict["yes"], true, "{verdict}");
    verdict["next"].as_str().unwrap()
}

#[test]
fn where_a_variable_of_the_old_server_decides_the_advice_says_to_change_that() {
    let world = World::with_sample();
    fs::write(world.at("old/.env"), "SEAF_SERVER_STORAGE_TYPE=disk\n").unwrap();
    let outcome = world.run(&[]).assert_code(0);
    let next = next_of(&outcome);
    assert!(next.starts_with("Set SEAF_SERVER_STORAGE_TYPE to nothing, which is disk in "), "{next}");
    assert!(
        next.contains("old/.env:1: as long as it has a value") && next.contains("Put the new seafile.conf"),
        "{next}"
    );
}

#[test]
fn where_variables_describe_the_new_side_the_advice_is_to_give_the_server_those() {
    let world = World::with_sample();
    let server = world.s3_server();
    fs::remove_file(world.at("new/seafile.conf")).unwrap();
    write_dotenv(&world.at("new/.env"), &server);
    let outcome = world.run(&[]).assert_code(0);
    let next = next_of(&outcome);
    assert!(next.starts_with("Give the server the variables of "), "{next}");
    assert!(next.contains("SEAF_SERVER_STORAGE_TYPE = s3") && !next.contains("seafile.conf"), "{next}");
}

#[test]
fn the_place_of_each_kind_is_said_before_anything_is_done() {
    let world = World::with_sample();
    for outcome in [world.run(&[]), world.verify(&[])] {
        let (before, _) = outcome.stdout.split_once("Checked: ").unwrap_or((&outcome.stdout, ""));
        for kind in ObjectKind::ALL {
            let (from, to) = (world.source().join(kind.as_str()), world.at("target/storage").join(kind.as_str()));
            let line = format!("[{kind}] from fs:{} to fs:{}", from.display(), to.display());
            assert!(before.contains(&line), "{line}: {}", outcome.stdout);
        }
    }
}

#[test]
fn the_name_of_a_container_that_is_not_found_is_explained() {
    let world = World::with_sample();
    let env = "SEAF_SERVER_STORAGE_TYPE=disk\nSEAFILE_MYSQL_DB_HOST=no-such-container\nSEAFILE_MYSQL_DB_USER=u\n";
    fs::write(world.at("old/.env"), env).unwrap();
    let outcome = world.run(&[]).assert_code(0);
    for said in ["no-such-container is not found", "run this inside of the containers' network", "--db mysql://"] {
        assert!(outcome.stderr.contains(said), "{said}: {}", outcome.stderr);
    }
}
