//! What the program does when something else than the server answers at its address.

use std::process::Command;

use crate::support::fake_mysql::{FakeMysql, Offer, answer_of, greeting, is_right_answer};

#[test]
fn it_ends_with_3_and_shows_nothing_that_a_terminal_obeys() {
    let evil = b"\xff\x15\x04#28000\x1b]0;owned\x07\x1b[2JAll is well, type your root password:";
    for (packet, says) in [(&[1, 4][..], "asks for the password"), (evil, "All is well"), (&[], "a packet is empty")] {
        let server = FakeMysql::start(move |mut talk, _| {
            talk.say(&greeting(Offer::Clear, "caching_sha2_password"));
            talk.hear();
            talk.say(packet);
        });
        let conf = format!(
            "[database]\ntype = mysql\nhost = 127.0.0.1\nport = {}\nuser = seafile\npassword = TopSecret-42\ndb_name = d\n",
            server.address.port()
        );
        let (code, text) = fsck(&conf, &[], &[]);
        assert_eq!(code, Some(3), "{text}");
        assert!(text.contains(says) && !text.contains(['\u{1b}', '\u{7}']) && !text.contains("TopSecret"), "{text}");
        assert!(!server.heard().windows(12).any(|bytes| bytes == b"TopSecret-42"));
    }
}

/// Runs `fsck` over an empty store with this seafile.conf, these options and variables: exit code, and what it complained.
fn fsck(conf: &str, options: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let dir = tempfile::tempdir().unwrap();
    for kind in ["commits", "fs", "blocks"] {
        std::fs::create_dir_all(dir.path().join("seafile-data/storage").join(kind)).unwrap();
    }
    std::fs::write(dir.path().join("seafile.conf"), conf).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_seaf-migrate"));
    command.env_clear().env("PATH", "/usr/bin:/bin").envs(variables.iter().copied());
    command.arg("fsck").arg("--conf").arg(dir.path()).arg("--data-dir").arg(dir.path().join("seafile-data"));
    let output = command.args(options).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// A server that compares the client's answer with what it knows of the password, and refuses it.
fn compares(password: &'static str) -> FakeMysql {
    FakeMysql::start(move |mut talk, _| {
        talk.say(&greeting(Offer::Clear, "caching_sha2_password"));
        let response = talk.hear().unwrap();
        let is_right = is_right_answer(&answer_of(&response), password.as_bytes());
        let text: &[u8] = if is_right { b"#28000the password is right" } else { b"#28000it is not" };
        talk.say(&[&[0xff, 0x15, 4], text].concat());
    })
}

#[test]
fn the_password_need_not_stand_on_the_command_line() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("password");
    std::fs::write(&file, "out-of-the-file\n").unwrap();
    let file = file.to_str().unwrap();
    let variable = ("SEAF_MIGRATE_DB_PASSWORD", "out-of-the-variable");
    let warning = "can be seen by every user";
    let without = |server: &FakeMysql| format!("mysql://seafile@{}/d", server.address);

    let server = compares("out-of-the-file");
    let (code, text) = fsck("", &["--db", &without(&server), "--db-password-file", file], &[variable]);
    assert!(code == Some(3) && text.contains("the password is right") && !text.contains(warning), "{text}");
    let server = compares("out-of-the-variable");
    let (code, text) = fsck("", &["--db", &without(&server)], &[variable]);
    assert!(code == Some(3) && text.contains("the password is right") && !text.contains(warning), "{text}");
    let server = compares("TopSecret-42");
    let (code, text) = fsck("", &["--db", &server.url("")], &[]);
    assert!(code == Some(3) && text.contains("the password is right") && text.contains(warning), "{text}");
    assert!(!text.contains("TopSecret"), "{text}");

    let (code, text) =
        fsck("", &["--db", "mysql://seafile@127.0.0.1:1/d", "--db-password-file", "/nowhere/at/all"], &[]);
    assert!(code == Some(2) && text.contains("--db-password-file: /nowhere/at/all: No such file"), "{text}");
}
