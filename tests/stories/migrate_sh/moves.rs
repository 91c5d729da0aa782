//! `migrate-repo.sh`, which is the same file under another name.

use std::fs;
use std::process::{Command, Output};

use super::{FAKE, Server, finish, lines, script};

/// A server with the script under its third name.
fn server() -> Server {
    let server = Server::with_program(FAKE);
    server.program("seafile-server-11.0.0/migrate-repo.sh", &fs::read_to_string(script()).unwrap());
    server
}

fn run(server: &Server, words: &[&str]) -> Output {
    let mut command = Command::new("./migrate-repo.sh");
    command.args(words).current_dir(server.path("seafile-server-latest"));
    finish(command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()))
}

#[test]
fn libraries_and_classes_are_passed_on_as_the_old_script_took_them() {
    let server = server();
    let conf = server.path("conf/seafile.conf").display().to_string();
    let data = server.path("seafile-data").display().to_string();
    let library = "3f8a9c1e-7b42-4d0e-9a55-0c1d2e3f4a5b";
    for words in [&["hot", "cold"][..], &[library, "hot", "cold"], &["hot", "cold", "--dry-run"]] {
        let output = run(&server, words);
        let expected = [&["repo", "--conf", &*conf, "--data-dir", &*data][..], words].concat();
        assert_eq!(lines(&output), expected);
        assert_eq!(output.status.code(), Some(0));
    }
    let status = run(&server, &["--status"]);
    assert_eq!(lines(&status), ["repo", "--status"]);
}

#[test]
fn help_tells_of_moves_and_a_call_without_words_is_wrong() {
    let server = server();
    let help = lines(&run(&server, &["--help"])).join("\n");
    assert!(
        help.contains("./migrate-repo.sh [REPO_ID...] ORIGIN_STORAGE_ID DEST_STORAGE_ID")
            && !help.contains("--decrypt"),
        "{help}"
    );
    let wrong = run(&server, &[]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("two storage classes must be named"));
}
