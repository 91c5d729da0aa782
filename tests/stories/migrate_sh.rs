//! The call that Seafile admins know, `migrate.sh DIR`, with a program in place of seaf-migrate that tells how it was called.

mod moves;
mod removal;
mod signals;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::support::program::write_program;

/// Prints its arguments, one a line, and ends with `$FAKE_CODE`.
const FAKE: &str = "#!/bin/sh\nprintf '%s\\n' \"$@\"\nexit \"${FAKE_CODE:-0}\"\n";

fn spawn(command: &mut Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn finish(command: &mut Command) -> Output {
    spawn(command).wait_with_output().unwrap()
}

/// A Seafile server as its installer lays it out.
struct Server {
    folder: tempfile::TempDir,
}

impl Server {
    fn new() -> Self {
        let server = Self { folder: tempfile::tempdir().unwrap() };
        for folder in ["conf", "seafile-data", "seafile-server-11.0.0", "new conf", "bin"] {
            fs::create_dir(server.path(folder)).unwrap();
        }
        symlink("seafile-server-11.0.0", server.path("seafile-server-latest")).unwrap();
        fs::write(server.path("conf/seafile.conf"), "").unwrap();
        server.program("seafile-server-11.0.0/migrate.sh", &fs::read_to_string(script()).unwrap());
        server
    }

    fn with_program(text: &str) -> Self {
        let server = Self::new();
        server.program("seafile-server-11.0.0/seaf-migrate", text);
        server
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(name)
    }

    fn program(&self, name: &str, text: &str) {
        write_program(&self.path(name), text.as_bytes());
    }

    /// `./migrate.sh` in seafile-server-latest, with nothing of Seafile's in the environment. No signal is ignored, as those
    /// from the keyboard are in whatever a script starts with `&`: a shell cannot catch what it was told to ignore.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("env");
        command
            .args(["--default-signal", "./migrate.sh"])
            .args(arguments)
            .current_dir(self.path("seafile-server-latest"));
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        finish(&mut self.command(arguments))
    }

    /// The arguments of a plain call, in their order.
    fn arguments(&self, more: &[&str]) -> Vec<String> {
        let (conf, data) = (self.path("conf/seafile.conf"), self.path("seafile-data"));
        let own =
            ["run", "--from", conf.to_str().unwrap(), "--to", "../new conf", "--data-dir", data.to_str().unwrap()];
        own.iter().chain(more).chain(&["Done."]).map(ToString::to_string).collect()
    }
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/migrate.sh")
}

fn lines(output: &Output) -> Vec<String> {
    String::from_utf8(output.stdout.clone()).unwrap().lines().map(ToOwned::to_owned).collect()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn the_old_call_finds_both_configurations_and_the_data() {
    let server = Server::with_program(FAKE);
    let output = server.run(&["../new conf"]);
    assert_eq!(lines(&output), server.arguments(&[]));
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
}

#[test]
fn everything_behind_the_folder_goes_to_the_program_as_it_is() {
    let server = Server::with_program(FAKE);
    let more = ["--decrypt", "--nworker", "8", "--report", "a b.json"];
    let output = server.run(&[["../new conf"].as_slice(), &more].concat());
    assert_eq!(lines(&output), server.arguments(&more));
}

#[test]
fn the_exit_code_is_passed_on_and_done_is_said_only_of_success() {
    let server = Server::with_program(FAKE);
    for code in [1, 2, 3, 4, 5, 130, 143] {
        let output = finish(server.command(&["../new conf"]).env("FAKE_CODE", code.to_string()));
        assert_eq!(output.status.code(), Some(code));
        assert!(!lines(&output).contains(&"Done.".to_owned()));
        assert_eq!(stderr(&output), "");
    }
}

#[test]
fn whoever_closes_its_output_changes_no_exit_code() {
    let server = Server::with_program("#!/bin/sh\nexit 0\n");
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    assert_eq!(server.command(&["../new conf"]).stdout(full).status().unwrap().code(), Some(0));
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    assert_eq!(server.command(&["../new conf"]).stdout(writer).status().unwrap().code(), Some(0));
}

#[test]
fn variables_name_other_places() {
    let server = Server::with_program(FAKE);
    let mut command = server.command(&["../new conf"]);
    let called = finish(command.env("SEAFILE_CENTRAL_CONF_DIR", "/central").env("SEAFILE_CONF_DIR", "/data one"));
    assert_eq!(lines(&called)[1..], ["--from", "/central", "--to", "../new conf", "--data-dir", "/data one", "Done."]);
    let mut command = server.command(&["../new conf"]);
    let called = finish(command.env("SEAFILE_CONF_DIR", "/one").env("SEAFILE_DATA_DIR", "/two"));
    assert_eq!(lines(&called)[6], "/two");
}

#[test]
fn places_given_as_options_are_not_looked_for() {
    let server = Server::with_program(FAKE);
    fs::remove_file(server.path("conf/seafile.conf")).unwrap();
    let output = server.run(&["../new conf", "--from", "/old", "--data-dir=/data"]);
    assert_eq!(lines(&output), ["run", "--to", "../new conf", "--from", "/old", "--data-dir=/data", "Done."]);
}

#[test]
fn the_program_is_found_beside_the_script_in_a_variable_and_in_path() {
    let server = Server::new();
    let output = server.run(&["../new conf"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("seaf-migrate is not beside this script and not in PATH"), "{}", stderr(&output));
    let naming = |name: &str| format!("#!/bin/sh\necho {name}\n");
    server.program("bin/seaf-migrate", &naming("path"));
    let path = format!("{}:{}", server.path("bin").display(), std::env::var("PATH").unwrap());
    let run = |command: &mut Command| lines(&finish(command.env("PATH", &path)));
    assert_eq!(run(&mut server.command(&["../new conf"])), ["path", "Done."]);
    server.program("seafile-server-11.0.0/seaf-migrate", &naming("beside"));
    assert_eq!(run(&mut server.command(&["../new conf"])), ["beside", "Done."]);
    server.program("bin/other", &naming("variable"));
    let variable = server.path("bin/other");
    assert_eq!(run(server.command(&["../new conf"]).env("SEAF_MIGRATE_BIN", variable)), ["variable", "Done."]);
    let output = finish(server.command(&["../new conf"]).env("SEAF_MIGRATE_BIN", "/nowhere"));
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_link_to_the_script_works_where_the_link_is() {
    let server = Server::with_program(FAKE);
    fs::remove_file(server.path("seafile-server-11.0.0/migrate.sh")).unwrap();
    symlink(script(), server.path("seafile-server-11.0.0/migrate.sh")).unwrap();
    assert_eq!(lines(&server.run(&["../new conf"])), server.arguments(&[]));
}

#[test]
fn wrong_usage_ends_with_2_and_says_what_to_do() {
    let server = Server::with_program(FAKE);
    for (arguments, says) in [
        (&[] as &[&str], "the first argument must be DIR"),
        (&["--decrypt"], "the first argument must be DIR"),
        (&["../nowhere"], "../nowhere is not there"),
    ] {
        let output = server.run(arguments);
        assert_eq!((output.status.code(), lines(&output).len()), (Some(2), 0), "{arguments:?}");
        assert!(stderr(&output).contains(says), "{}", stderr(&output));
    }
    let output = server.run(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(lines(&output)[0].starts_with("Usage: ./migrate.sh DIR"));
    fs::remove_file(server.path("conf/seafile.conf")).unwrap();
    let output = server.run(&["../new conf"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("run this from seafile-server-latest"), "{}", stderr(&output));
}

#[test]
fn blanks_and_signs_in_every_path_stay_whole() {
    let server = Server::new();
    for folder in ["a b $HOME *", "da ta;x", "it's \"new\""] {
        fs::create_dir(server.path(folder)).unwrap();
    }
    server.program("bin/the program", FAKE);
    let (old, data, new) = (server.path("a b $HOME *"), server.path("da ta;x"), server.path("it's \"new\""));
    let mut command = server.command(&[new.to_str().unwrap(), "--report", "a  b"]);
    command.env("SEAFILE_CENTRAL_CONF_DIR", &old).env("SEAFILE_DATA_DIR", &data);
    let output = finish(command.env("SEAF_MIGRATE_BIN", server.path("bin/the program")));
    let paths = [&old, &new, &data].map(|path| path.to_str().unwrap().to_owned());
    let [old, new, data] = &paths;
    let expected = ["run", "--from", old, "--to", new, "--data-dir", data, "--report", "a  b", "Done."];
    assert_eq!(lines(&output), expected, "{}", stderr(&output));
}

#[test]
fn an_empty_argument_is_passed_on_as_one() {
    let server = Server::with_program(FAKE);
    let output = server.run(&["../new conf", "--object-list", "", "--strict"]);
    assert_eq!(lines(&output), server.arguments(&["--object-list", "", "--strict"]));
    let output = server.run(&[""]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_server_without_a_data_folder_is_left_to_its_configuration() {
    // All kinds of the old side are on S3, and seafile-data was never made.
    let server = Server::with_program(FAKE);
    fs::remove_dir(server.path("seafile-data")).unwrap();
    let conf = server.path("conf/seafile.conf");
    let output = server.run(&["../new conf"]);
    assert_eq!(lines(&output), ["run", "--from", conf.to_str().unwrap(), "--to", "../new conf", "Done."]);
}

#[test]
fn an_empty_variable_is_as_none() {
    let server = Server::with_program(FAKE);
    let mut command = server.command(&["../new conf"]);
    for name in ["SEAFILE_CENTRAL_CONF_DIR", "SEAFILE_CONF_DIR", "SEAFILE_DATA_DIR", "SEAF_MIGRATE_BIN"] {
        command.env(name, "");
    }
    let output = finish(&mut command);
    assert_eq!(lines(&output), server.arguments(&[]), "{}", stderr(&output));
}

#[test]
fn the_new_side_may_be_a_file_a_link_and_relative_to_where_the_user_stands() {
    let server = Server::with_program(FAKE);
    fs::write(server.path("new conf/seafile.conf"), "").unwrap();
    symlink("new conf", server.path("link")).unwrap();
    for new in ["../new conf/seafile.conf", "../link", "../new conf/"] {
        assert_eq!(lines(&server.run(&[new]))[4], new);
    }
    // Called from elsewhere by its whole path, it finds the server beside itself and the new side where the user is.
    let mut command = Command::new(server.path("seafile-server-latest/migrate.sh"));
    command
        .arg("new conf")
        .current_dir(server.folder.path())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap());
    let output = finish(&mut command);
    assert_eq!(
        lines(&output)[1..5],
        ["--from", server.path("conf/seafile.conf").to_str().unwrap(), "--to", "new conf"]
    );
}

#[test]
fn a_program_that_cannot_be_run_is_refused_before_anything_starts() {
    let server = Server::new();
    let plain = server.path("bin/plain");
    fs::write(&plain, FAKE).unwrap();
    for (binary, what) in [(plain, "a file that is no program"), (server.path("bin"), "a folder")] {
        let output = finish(server.command(&["../new conf"]).env("SEAF_MIGRATE_BIN", &binary));
        assert_eq!(output.status.code(), Some(2), "{what}");
        assert!(stderr(&output).contains("which is not a program"), "{what}: {}", stderr(&output));
        assert_eq!(lines(&output).len(), 0, "{what}");
    }
}

#[test]
fn a_program_beside_the_script_that_is_none_is_passed_over() {
    let server = Server::new();
    fs::write(server.path("seafile-server-11.0.0/seaf-migrate"), "not executable").unwrap();
    server.program("bin/seaf-migrate", FAKE);
    let path = format!("{}:{}", server.path("bin").display(), std::env::var("PATH").unwrap());
    let output = finish(server.command(&["../new conf"]).env("PATH", &path));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

#[test]
fn what_the_program_says_comes_through_on_both_channels() {
    let server = Server::with_program("#!/bin/sh\necho out\necho err >&2\nexit 1\n");
    let output = server.run(&["../new conf"]);
    assert_eq!((lines(&output), stderr(&output)), (vec!["out".to_owned()], "err\n".to_owned()));
}
