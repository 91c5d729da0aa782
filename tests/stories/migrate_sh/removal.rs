//! The script under its other name, `remove-objs.sh`.

use super::*;

/// A server with the script under its other name too, copied as people copy it.
fn server_with_remove(program: &str) -> Server {
    let server = Server::with_program(program);
    let other = script().with_file_name("remove-objs.sh");
    server.program("seafile-server-11.0.0/remove-objs.sh", &fs::read_to_string(other).unwrap());
    server
}

fn run_remove(server: &Server, arguments: &[&str]) -> Output {
    let mut command = Command::new("./remove-objs.sh");
    command.args(arguments).current_dir(server.path("seafile-server-latest"));
    finish(command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()))
}

#[test]
fn under_its_other_name_it_removes_and_finds_everything_in_the_same_places() {
    let server = server_with_remove(FAKE);
    let more = ["--yes", "--library", "3f8a9c1e-7b42-4d0e-9a55-0c1d2e3f4a5b", "--rate", "9"];
    let mut expected = server.arguments(&more);
    expected[0] = "remove".to_owned();
    // The program says itself what it did, because it may have been a dry run.
    assert_eq!(expected.pop().as_deref(), Some("Done."));
    let output = run_remove(&server, &[&["../new conf"][..], &more].concat());
    assert_eq!((lines(&output), stderr(&output)), (expected, String::new()));
    let named = run_remove(&server, &["../new conf", "--from", "/kept/old"]);
    assert_eq!(lines(&named)[..3], ["remove", "--to", "../new conf"]);
    assert!(lines(&named).ends_with(&["--from".to_owned(), "/kept/old".to_owned()]));
}

#[test]
fn the_old_removal_by_library_and_storage_class_removes_what_a_move_left() {
    let server = server_with_remove(FAKE);
    let library = "3f8a9c1e-7b42-4d0e-9a55-0c1d2e3f4a5b";
    let output = run_remove(&server, &[library, "cold", "--yes"]);
    let (conf, data) = (server.path("conf/seafile.conf"), server.path("seafile-data"));
    let (conf, data) = (conf.to_str().unwrap(), data.to_str().unwrap());
    assert_eq!(lines(&output), ["repo", "--remove", "--conf", conf, "--data-dir", data, library, "cold", "--yes"]);
    assert_eq!(output.status.code(), Some(0));
    let output = run_remove(&server, &[library]);
    assert_eq!((output.status.code(), lines(&output).len()), (Some(2), 0));
    assert!(stderr(&output).contains("remove-objs.sh REPO_ID STORAGE_ID"), "{}", stderr(&output));
}

#[test]
fn each_name_has_its_own_help_and_its_own_name_in_messages() {
    let server = server_with_remove(FAKE);
    for (text, has, lacks) in [
        (lines(&run_remove(&server, &["--help"])).join("\n"), "./remove-objs.sh DIR [--yes]", "--decrypt"),
        (lines(&server.run(&["--help"])).join("\n"), "./migrate.sh DIR [--decrypt]", "--yes"),
        (stderr(&run_remove(&server, &["../nowhere"])), "remove-objs.sh: ../nowhere", "migrate.sh"),
        (stderr(&server.run(&["../nowhere"])), "migrate.sh: ../nowhere", "remove-objs.sh"),
    ] {
        assert!(text.contains(has) && !text.contains(lacks), "{text}");
    }
    for code in [1, 2, 3, 4, 130] {
        let server = server_with_remove(&format!("#!/bin/sh\nexit {code}\n"));
        assert_eq!(run_remove(&server, &["../new conf"]).status.code(), Some(code));
    }
}
