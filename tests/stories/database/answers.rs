//! What the program does when something else than the server answers at its address.

use std::process::Command;

use crate::support::fake_mysql::{FakeMysql, Offer, greeting};

#[test]
fn it_ends_with_3_and_shows_nothing_that_a_terminal_obeys() {
    let evil = b"\xff\x15\x04#28000\x1b]0;owned\x07\x1b[2JAll is well, type your root password:";
    for (packet, says) in [(&[1, 4][..], "asks for the password"), (evil, "All is well"), (&[], "a packet is empty")] {
        let server = FakeMysql::start(move |mut talk, _| {
            talk.say(&greeting(Offer::Clear, "caching_sha2_password"));
            talk.hear();
            talk.say(packet);
        });
        let dir = tempfile::tempdir().unwrap();
        for kind in ["commits", "fs", "blocks"] {
            std::fs::create_dir_all(dir.path().join("seafile-data/storage").join(kind)).unwrap();
        }
        let conf = format!(
            "[database]\ntype = mysql\nhost = 127.0.0.1\nport = {}\nuser = seafile\npassword = TopSecret-42\ndb_name = d\n",
            server.address.port()
        );
        std::fs::write(dir.path().join("seafile.conf"), conf).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_seaf-migrate"));
        command.env_clear().env("PATH", "/usr/bin:/bin").args(["fsck", "--conf"]).arg(dir.path());
        let output = command.arg("--data-dir").arg(dir.path().join("seafile-data")).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(3), "{text}");
        assert!(text.contains(says) && !text.contains(['\u{1b}', '\u{7}']) && !text.contains("TopSecret"), "{text}");
        assert!(!server.heard().windows(12).any(|bytes| bytes == b"TopSecret-42"));
    }
}
