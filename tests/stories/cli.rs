//! The command line: what is refused, with which code and text, and what help and version print.

mod lists;

use std::fs::{self, OpenOptions};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use seaf_migrate::conf::backend::{Backend, Location};
use seaf_migrate::index::{ListLock, ListPaths, SetBuilder};
use seaf_migrate::object::{KeyRange, ObjectKey, ObjectKind};
use seaf_migrate::store::Listed;

use crate::support::library::output::empty_library_to_dir;
use crate::support::program::release;

/// A folder with an old side of one object and a new one of none in it.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        for folder in ["old", "new", "target"] {
            fs::create_dir_all(desk.at(folder)).unwrap();
        }
        empty_library_to_dir(&desk.at("data"));
        fs::write(desk.at("old/seafile.conf"), "").unwrap();
        let dir = desk.at("target").display().to_string();
        let sections = ["commit_object_backend", "fs_object_backend", "block_backend"];
        let conf: String = sections.iter().map(|name| format!("[{name}]\ndir = {dir}\n")).collect();
        fs::write(desk.at("new/seafile.conf"), conf).unwrap();
        desk
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_seaf-migrate"));
        command.args(arguments).current_dir(self.0.path()).stdin(Stdio::null());
        command.env_clear().env("TMPDIR", self.0.path()).env("SEAF_MIGRATE_STATE_DIR", self.at("state"));
        command
    }

    fn call(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        told(&self.command(arguments).output().unwrap())
    }

    /// `run` from old to new, with these options behind it.
    fn run(&self, options: &[&str]) -> (Option<i32>, String, String) {
        self.call(&[&["run", "--from", "old", "--to", "new", "--data-dir", "data"], options].concat())
    }
}

fn told(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// The names of the subcommands, as `--help` lists them, `help` left out.
fn subcommands(help: &str) -> Vec<String> {
    let block = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let names = block.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names = names.map(|line| line.split_whitespace().next().unwrap().to_owned());
    names.filter(|name| name != "help").collect()
}

// ---- what it prints about itself

#[test]
fn bash_completes_the_options_behind_a_command() {
    let desk = Desk::new();
    fs::write(desk.at("completions"), desk.call(&["completions", "bash"]).1).unwrap();
    // As bash does it when the Tab key is pressed: the words, which of them, and the function that is registered.
    let script = "source completions
        words=(\"$@\") COMP_WORDS=(\"$@\") COMP_CWORD=$(($# - 1))
        completion=$(complete -p seaf-migrate)
        function=${completion#*-F }; function=${function%% *}
        $function seaf-migrate \"${words[-1]}\" \"${words[-2]}\"
        printf '%s\\n' \"${COMPREPLY[@]}\"";
    let complete = |words: &[&str]| {
        let mut bash = Command::new("bash");
        bash.args(["--norc", "-c", script, "bash", "seaf-migrate"]).args(words).current_dir(desk.0.path());
        told(&bash.output().unwrap()).1
    };
    assert_eq!(complete(&["run", "--nw"]), "--nworker\n");
    assert_eq!(complete(&["list", "show", "--lib"]), "--libraries\n");
    assert_eq!(complete(&["verif"]), "verify\n");
}

#[test]
fn every_command_has_a_manual_page_of_its_own() {
    let desk = Desk::new();
    fs::create_dir(desk.at("man")).unwrap();
    assert_eq!(desk.call(&["man", "--dir", "man"]), (Some(0), String::new(), String::new()));
    let commands = subcommands(&desk.call(&["--help"]).1);
    let pages = commands.iter().map(|name| format!("man/seaf-migrate-{name}.1"));
    for page in pages.chain(["man/seaf-migrate.1".to_owned(), "man/seaf-migrate-list-show.1".to_owned()]) {
        let text = fs::read_to_string(desk.at(&page)).unwrap_or_else(|error| panic!("{page}: {error}"));
        assert!(text.contains(".SH NAME"), "{page}: {text}");
    }
    let (code, _, stderr) = desk.call(&["man", "--dir", "nowhere"]);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("--dir: cannot write pages to nowhere"), "{stderr}");
}

#[test]
fn an_empty_variable_of_the_programs_own_means_the_same_as_none() {
    let desk = Desk::new();
    let mut command = desk.command(&["plan", "--from", "old", "--to", "new", "--data-dir", "data"]);
    for name in ["NWORKER", "LISTERS", "ATTEMPTS", "TIMEOUT", "TEMP_DIR", "STATE_DIR", "DB_PASSWORD"] {
        command.env(format!("SEAF_MIGRATE_{name}"), "");
    }
    command.env("HOME", desk.0.path());
    let (code, _, stderr) = told(&command.output().unwrap());
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    let (code, _, stderr) = told(
        &desk.command(&["plan", "--from", "old", "--to", "new"]).env("SEAF_MIGRATE_NWORKER", " ").output().unwrap(),
    );
    assert_eq!(code, Some(2), "{stderr}");
}

#[test]
fn a_report_and_a_page_of_one_name_are_refused() {
    let desk = Desk::new();
    fs::create_dir(desk.at("folder")).unwrap();
    for (report, page) in [("x", "x"), ("x", "./x"), ("folder/x", "folder/../folder/x")] {
        let (code, _, stderr) = desk.run(&["--report", report, "--html", page]);
        assert_eq!(code, Some(2), "{stderr}");
        assert!(stderr.contains("--html") && stderr.contains("name two files"), "{stderr}");
    }
    assert_eq!(desk.run(&["--report", "x", "--html", "folder/x"]).0, Some(0));
}

#[test]
fn every_command_explains_itself_and_is_in_the_manual_page_and_in_every_completion() {
    let desk = Desk::new();
    let (code, help, _) = desk.call(&["--help"]);
    assert_eq!(code, Some(0));
    let commands = subcommands(&help);
    for wanted in ["run", "plan", "check", "fsck", "list", "demo", "completions", "man"] {
        assert!(commands.iter().any(|name| name == wanted), "{wanted} is not in {commands:?}");
    }
    let (_, manual, _) = desk.call(&["man"]);
    let completions: Vec<(&str, String)> = ["bash", "zsh", "fish", "elvish", "powershell"]
        .into_iter()
        .map(|shell| (shell, desk.call(&["completions", shell]).1))
        .collect();
    for name in &commands {
        let (code, own, _) = desk.call(&[name, "--help"]);
        assert_eq!(code, Some(0), "{name}");
        assert!(own.contains(&format!("Usage: seaf-migrate {name}")), "{own}");
        assert!(manual.contains(&format!("seaf\\-migrate\\-{name}(1)")), "{name} is not in the manual page");
        for (shell, script) in &completions {
            assert!(script.contains(name), "{name} is not completed by {shell}");
        }
    }
}

#[test]
fn every_list_command_is_completed_with_its_options() {
    let desk = Desk::new();
    let (_, help, _) = desk.call(&["list", "--help"]);
    assert_eq!(subcommands(&help), ["show", "verify", "export", "import"]);
    let (_, script, _) = desk.call(&["completions", "bash"]);
    for word in ["--libraries", "--to", "--object-list", "--nworker", "--strict"] {
        assert!(script.contains(word), "{word}");
    }
}

#[test]
fn the_help_names_every_exit_code() {
    let (_, help, _) = Desk::new().call(&["--help"]);
    let codes = help.split("Exit codes:").nth(1).unwrap();
    for code in ["  0  ", "  1  ", "  2  ", "  3  ", "  4  ", "  5  ", "130, 143"] {
        assert!(codes.contains(code), "{code:?} is not in {codes}");
    }
}

#[test]
fn the_version_is_that_of_the_package() {
    let (code, version, _) = Desk::new().call(&["--version"]);
    assert_eq!((code, version.trim()), (Some(0), concat!("seaf-migrate ", env!("CARGO_PKG_VERSION"))));
    assert_eq!(Desk::new().call(&["version"]), (Some(0), version, String::new()));
}

#[test]
fn a_full_disk_under_what_is_printed_is_an_error_and_no_crash() {
    let desk = Desk::new();
    for arguments in [&["completions", "bash"][..], &["completions", "zsh"], &["man"]] {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = desk.command(arguments).stdout(full).output().unwrap();
        let (code, _, stderr) = told(&output);
        assert_eq!(code, Some(2), "{arguments:?}: {stderr}");
        assert!(stderr.contains("No space left"), "{stderr}");
    }
}

// ---- misuse

#[test]
fn wrong_usage_is_2_and_says_what_is_wrong() {
    let desk = Desk::new();
    for (arguments, says) in [
        (&["--from", "old"][..], "unexpected argument '--from'"),
        (&["rnu"], "unrecognized subcommand 'rnu'"),
        (&["run"], "--from"),
        (&["run", "--from", "old"], "--to"),
        (&["run", "--from"], "a value is required for '--from <OLD_CONF>'"),
        (&["run", "old", "new"], "unexpected argument 'old'"),
        (&["plan", "--from", "old", "--to", "new", "--strict"], "unexpected argument '--strict'"),
        (&["check", "--from", "old", "--to", "new", "--report", "x"], "unexpected argument '--report'"),
        (&["list"], "Usage: seaf-migrate list"),
        (&["list", "shwo", "x"], "unrecognized subcommand 'shwo'"),
        (&["list", "show"], "<FILE>"),
        (&["list", "import", "x"], "--to"),
        (&["completions", "tcsh"], "invalid value 'tcsh'"),
        (&["fsck"], "--conf"),
        (&["fsck", "--conf", "old", "--library", "x"], "not a library id"),
    ] {
        let (code, stdout, stderr) = desk.call(arguments);
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(stderr.contains(says), "{arguments:?}: {stderr}");
    }
}

#[test]
fn numbers_out_of_their_range_are_refused_with_the_range() {
    let desk = Desk::new();
    for (option, values, says) in [
        ("--nworker", &["0", "4097", "-1", "x", "1.5", ""][..], "--nworker"),
        ("--listers", &["0", "1025"], "--listers"),
        ("--attempts", &["0", "101"], "--attempts"),
        ("--timeout", &["0", "3601", "1m"], "--timeout"),
        ("--patience", &["", "m", "-1", "10x", "745h", "1.5h"], "not a time; write a whole number"),
        ("--patience", &["0", "0s", "0m"], "write 1s or more"),
        ("--maxsize", &["0", "10000001"], "--maxsize"),
        ("--recheck", &["-1", "101", "101%", "%", "5%%", "nan", "inf", "half"], "not a share from 0% to 100%"),
        ("--memory", &["", "M", "1.5", "-1", "256KM", "99999999999T", "1 G"], "not a size; write a number"),
    ] {
        for value in values {
            let (code, _, stderr) = desk.run(&[&format!("{option}={value}")]);
            assert_eq!(code, Some(2), "{option}={value}");
            assert!(stderr.contains(says), "{option}={value}: {stderr}");
        }
    }
    assert!(!desk.at("target/storage").exists(), "nothing may have been done");
}

#[test]
fn a_variable_is_checked_as_its_option_is() {
    let desk = Desk::new();
    for (name, value) in [
        ("SEAF_MIGRATE_NWORKER", "0"),
        ("SEAF_MIGRATE_LISTERS", "many"),
        ("SEAF_MIGRATE_ATTEMPTS", "0"),
        ("SEAF_MIGRATE_TIMEOUT", "0"),
        ("SEAF_MIGRATE_PATIENCE", "soon"),
        ("SEAF_MIGRATE_MAXSIZE", "0"),
        ("SEAF_MIGRATE_MEMORY", "lots"),
    ] {
        let mut command = desk.command(&["run", "--from", "old", "--to", "new", "--data-dir", "data"]);
        let (code, _, stderr) = told(&command.env(name, value).output().unwrap());
        assert_eq!(code, Some(2), "{name}={value}: {stderr}");
        assert!(stderr.contains(value), "{stderr}");
    }
}

#[test]
fn the_least_memory_is_16_mib_to_the_byte() {
    let desk = Desk::new();
    for too_little in ["0", "16777215", "16383K", "15M"] {
        let (code, _, stderr) = desk.run(&["--memory", too_little]);
        assert_eq!(code, Some(2), "{too_little}");
        assert!(stderr.contains("--memory: must be at least 16M"), "{stderr}");
    }
    for enough in ["16777216", "16384k", "16M"] {
        let (code, _, stderr) = desk.run(&["--memory", enough]);
        assert_eq!(code, Some(0), "{enough}: {stderr}");
    }
}

#[test]
fn places_for_files_are_checked_before_any_work() {
    let desk = Desk::new();
    for (option, value, says) in [
        ("--report", "nowhere/report.json", "--report: the folder nowhere does not exist; create it"),
        ("--report", "target", "--report: target is a folder; name a file in it"),
        ("--object-list", "nowhere/objects", "OBJECT_LIST_FILE_PATH (--object-list): the folder nowhere"),
        ("--object-list", "target", "is a folder; name a file in it"),
        ("--temp-dir", "nowhere", "--temp-dir: nowhere is not a folder"),
        ("--temp-dir", "old/seafile.conf", "--temp-dir: old/seafile.conf is not a folder"),
    ] {
        let (code, _, stderr) = desk.run(&[option, value]);
        assert_eq!(code, Some(2), "{option} {value}");
        assert!(stderr.contains(says), "{stderr}");
    }
    assert!(!desk.at("target/storage").exists(), "nothing may have been done");
}

#[test]
fn an_empty_variable_for_the_lists_means_no_lists() {
    let desk = Desk::new();
    let mut command = desk.command(&["run", "--from", "old", "--to", "new", "--data-dir", "data"]);
    let (code, _, stderr) = told(&command.env("OBJECT_LIST_FILE_PATH", "").output().unwrap());
    assert_eq!(code, Some(0), "{stderr}");
    let lists = fs::read_dir(desk.0.path())
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().contains(".blocks"));
    assert_eq!(lists.count(), 0);
}

#[test]
fn the_demonstration_ends_well_and_leaves_nothing() {
    let desk = Desk::new();
    let before = fs::read_dir(desk.0.path()).unwrap().count();
    let (code, stdout, stderr) = desk.call(&["demo"]);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stdout.contains("1,029"), "{stdout}");
    assert_eq!(fs::read_dir(desk.0.path()).unwrap().count(), before);
}
