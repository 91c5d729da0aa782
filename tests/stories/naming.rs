//! What the last line of a command says of a failure: the side, the kind and the place of the store, and what to do in the words of the
//! configuration as it is written.

use std::fs;

use crate::support::s3_server::S3Server;
use crate::world::{ACCESS, Outcome, World, bucket_of, objects_below, s3_section};
use seaf_migrate::object::ObjectKind;
use seaf_migrate::sys::lock::{self, DestinationLock};

const WRONG: &str = "another secret";

fn last_line(outcome: &Outcome) -> &str {
    outcome.stderr.lines().last().unwrap()
}

fn ended(world: &World, command: &str, options: &[&str]) -> Outcome {
    let mut program = world.program();
    program.arg(command).args(["--from"]).arg(world.at("old")).arg("--to").arg(world.at("new"));
    program.arg("--data-dir").arg(world.at("old/seafile-data")).args(["--patience", "1s"]).args(options);
    world.finish(program.spawn().unwrap()).assert_code(3)
}

#[test]
fn the_last_line_of_every_command_names_side_kind_and_store() {
    let world = World::with_sample();
    let server = world.s3_server();
    let host = server.endpoint();
    world.new_side_is_s3(&server);
    world.run(&[]).assert_code(0);
    world.verify(&[]).assert_code(0);
    // Only blocks are refused, and only now.
    let refuse = || {
        world.write_conf("new", |kind| {
            let secret = if kind == ObjectKind::Blocks { WRONG } else { crate::world::SECRET };
            s3_section(&server, &bucket_of(kind), secret)
        });
    };
    let names_it = |command: &str, options: &[&str]| {
        let outcome = ended(&world, command, options);
        let line = last_line(&outcome);
        assert!(line.starts_with("Result: ") && line.contains("new blocks"), "{command}: {line}");
        assert!(line.contains(&format!("{host}/seafile-blocks")), "{command}: {line}");
        assert!(!outcome.stderr.contains(WRONG), "{}", outcome.stderr);
    };
    refuse();
    names_it("remove", &["--yes"]);
    // A report for the repair.
    world.new_side_is_s3(&server);
    let block = objects_below(&world.at("buckets/seafile-blocks")).into_keys().next().unwrap();
    fs::remove_file(world.at("buckets/seafile-blocks").join(block)).unwrap();
    let report = world.at("verified.json").display().to_string();
    fs::write(&report, world.verify(&[]).assert_code(1).report.unwrap().to_string()).unwrap();
    refuse();
    for (command, options) in
        [("run", &[][..]), ("verify", &[]), ("repair", &[report.as_str()]), ("plan", &[]), ("check", &[])]
    {
        names_it(command, options);
    }
    let mut fsck = world.program();
    fsck.args(["fsck", "--no-check-heads", "--conf"]).arg(world.at("new"));
    let outcome = world.finish(fsck.spawn().unwrap()).assert_code(3);
    let line = last_line(&outcome);
    assert!(line.contains("blocks") && line.contains(&format!("{host}/seafile-blocks")), "{line}");
}

#[test]
fn an_old_side_that_fails_is_called_the_old_one() {
    let world = World::with_sample();
    let server = world.s3_server();
    let host = server.endpoint();
    world.write_conf("old", |kind| s3_section(&server, &bucket_of(kind), WRONG));
    for command in ["run", "verify", "plan"] {
        let outcome = ended(&world, command, &[]);
        let line = last_line(&outcome);
        let named = ObjectKind::ALL
            .into_iter()
            .any(|kind| line.contains(&format!("old {kind}")) && line.contains(&format!("{host}/{}", bucket_of(kind))));
        assert!(named, "{command}: {line}");
    }
}

/// Advice as the server's refusal of a signature brings it about.
fn advice(world: &World) -> Outcome {
    let outcome = world.run(&[]).assert_code(3);
    assert!(last_line(&outcome).contains("SignatureDoesNotMatch"), "{}", outcome.stderr);
    outcome
}

#[test]
fn advice_names_the_option_as_the_user_wrote_it() {
    let world = World::with_sample();
    let server = world.s3_server();
    world.write_conf("new", |kind| s3_section(&server, &bucket_of(kind), WRONG));
    let of_conf = advice(&world);
    let (in_conf, in_variables) = (
        "check key, and that use_v4_signature and path_style_request are as the server wants them",
        "check S3_SECRET_KEY, and that S3_USE_V4_SIGNATURE and S3_PATH_STYLE_REQUEST are as the server wants them",
    );
    assert!(last_line(&of_conf).contains(in_conf), "{}", of_conf.stderr);
    fs::remove_file(world.at("new/seafile.conf")).unwrap();
    write_dotenv(&world, &server, "false");
    let of_variables = advice(&world);
    assert!(last_line(&of_variables).contains(in_variables), "{}", of_variables.stderr);
    // What the connection itself brings about.
    write_dotenv(&world, &server, "true");
    let no_tls = world.run(&[]).assert_code(3);
    assert!(last_line(&no_tls).contains("set S3_USE_HTTPS = false"), "{}", no_tls.stderr);
    assert!(!no_tls.stderr.contains("use_https"), "{}", no_tls.stderr);
}

fn write_dotenv(world: &World, server: &S3Server, https: &str) {
    let [commits, fs, blocks] = ObjectKind::ALL.map(bucket_of);
    let text = format!(
        "SEAF_SERVER_STORAGE_TYPE=s3\nS3_COMMIT_BUCKET={commits}\nS3_FS_BUCKET={fs}\nS3_BLOCK_BUCKET={blocks}\n\
         S3_KEY_ID={ACCESS}\nS3_SECRET_KEY='{WRONG}'\nS3_HOST={}\nS3_USE_HTTPS={https}\nS3_USE_V4_SIGNATURE=true\n\
         S3_PATH_STYLE_REQUEST=true\n",
        server.endpoint()
    );
    std::fs::write(world.at("new/.env"), text).unwrap();
}

#[test]
fn a_named_database_that_is_gone_ends_verify_and_fsck_unless_the_heads_are_not_wanted() {
    let world = World::with_sample();
    world.run(&[]).assert_code(0);
    let gone = world.at("no such.db").display().to_string();
    let refused = world.verify(&["--db", &gone]).assert_code(3);
    for said in ["the database failed", "no such.db", "--no-check-heads"] {
        assert!(last_line(&refused).contains(said), "{said}: {}", refused.stderr);
    }
    world.verify(&["--db", &gone, "--no-check-heads"]).assert_code(0);
    let fsck = |options: &[&str]| {
        let mut command = world.program();
        command.args(["fsck", "--conf"]).arg(world.at("old")).arg("--data-dir").arg(world.at("old/seafile-data"));
        world.finish(command.args(options).spawn().unwrap())
    };
    let refused = fsck(&["--db", &gone]).assert_code(3);
    assert!(last_line(&refused).contains("--no-check-heads"), "{}", refused.stderr);
    let guessed = fsck(&["--db", &gone, "--no-check-heads"]).assert_code(0);
    assert!(guessed.stdout.contains("worked out from the commits"), "{}", guessed.stdout);
}

#[test]
fn runs_leave_no_lock_file_behind() {
    let world = World::with_sample();
    fs::create_dir(world.at("runtime")).unwrap();
    let with_folder = |options: &[&str]| {
        let mut command = world.command(options);
        command.env("XDG_RUNTIME_DIR", world.at("runtime"));
        world.finish(command.spawn().unwrap()).assert_code(0)
    };
    with_folder(&[]);
    with_folder(&[]);
    for kind in ObjectKind::ALL {
        let place = format!("fs:{}", world.at("target/storage").join(kind.as_str()).display());
        let file = lock::file_of(&place).unwrap();
        // For root it is the folder of the machine.
        let there = [world.at("runtime/seaf-migrate").join(file.file_name().unwrap()), file];
        assert!(there.iter().all(|file| !file.exists()), "{there:?}");
        // It is the file that a run has: a lock on it keeps others out.
        let held = DestinationLock::take(&place).unwrap();
        assert!(there[1].exists());
        drop(held);
    }
}

#[test]
fn an_option_that_is_wrong_hides_no_warning_of_either_side() {
    let world = World::with_sample();
    for (side, word) in [("old", "frob_old"), ("new", "frob_new")] {
        let conf = world.at(side).join("seafile.conf");
        let dir = world.at(if side == "old" { "old/seafile-data" } else { "target" }).display().to_string();
        let sections = ["commit_object_backend", "fs_object_backend", "block_backend"];
        let sections: String =
            sections.iter().map(|name| format!("[{name}]\nname = fs\ndir = {dir}\n{word} = 1\n")).collect();
        fs::write(&conf, sections).unwrap();
    }
    for command in ["run", "verify", "check"] {
        let mut program = world.program();
        program.arg(command).arg("--from").arg(world.at("old")).arg("--to").arg(world.at("new"));
        let refused = world.finish(program.args(["--db", "oracle://x/y"]).spawn().unwrap()).assert_code(2);
        assert!(refused.stderr.lines().next().unwrap().contains("--db"), "{}", refused.stderr);
        for warning in ["frob_old", "frob_new"] {
            assert_eq!(refused.stderr.matches(warning).count(), 3, "{command}: {}", refused.stderr);
        }
    }
}
