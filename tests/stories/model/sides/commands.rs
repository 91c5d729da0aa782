//! The program's commands, and what is held against each of their answers.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use clap::{Args, Parser};
use seaf_migrate::commands::{remove, repair, run, verify};
use seaf_migrate::report::{Console, Outcome};
use seaf_migrate::sys::shutdown::Shutdown;
use serde_json::Value;

use super::Sides;
use crate::model::steps::Depth;

/// How many rounds of copying, verifying and repairing it may take until all is well.
const ROUNDS: usize = 4;

/// The flags of a command, as the command line has them.
#[derive(Debug, Parser)]
struct CommandLine<F: Args> {
    #[command(flatten)]
    flags: F,
}

fn flags<F: Args>(options: &[String]) -> F {
    let words = std::iter::once("command".to_owned()).chain(options.iter().cloned());
    CommandLine::<F>::parse_from(words).flags
}

impl Sides {
    fn options(&self, command: &str, more: &[&str]) -> Vec<String> {
        let path = |name: &str| self.at(name).display().to_string();
        let mut options: Vec<String> = more.iter().map(ToString::to_string).collect();
        options.extend(["--from".to_owned(), path("old"), "--to".to_owned(), path("new")]);
        options.extend(["--nworker", "2", "--listers", "1"].map(str::to_owned));
        options.extend(["--report".to_owned(), path(&format!("{command}.json"))]);
        if command != "repair" {
            options.extend(["--db".to_owned(), path("seafile.db")]);
        }
        if self.keeps_lists && ["run", "repair"].contains(&command) {
            options.extend(["--object-list".to_owned(), path("objects/list")]);
        }
        options
    }

    /// The report that a command has just written.
    fn report(&self, command: &str) -> Option<Value> {
        let text = fs::read(self.at(&format!("{command}.json"))).ok()?;
        Some(serde_json::from_slice(&text).unwrap())
    }

    fn forget_report(&self, command: &str) {
        let _ = fs::remove_file(self.at(&format!("{command}.json")));
    }

    /// One pass; whether it said that it is safe to switch.
    pub(super) fn run(&mut self, more: &[&str]) -> bool {
        self.forget_report("run");
        let settings = run::settings::resolve(&flags(&self.options("run", more)), &self.environment).unwrap();
        let outcome = run::run(&settings, &Console::new(), &Shutdown::new());
        if outcome.exit_code() == 0 {
            self.assert_source_is_held(Depth::Sizes);
        }
        let is_safe = self.report("run").is_some_and(|report| report["safe_to_switch"]["yes"] == true);
        if is_safe {
            self.assert_heads_are_held();
        }
        is_safe
    }

    /// A pass that is killed, and one in its place.
    pub(super) fn kill(&mut self, command: &str, more: &[&str], after: u64) {
        let mut child = self.spawn(command, more);
        std::thread::sleep(Duration::from_micros(after));
        let _ = child.kill();
        child.wait().unwrap();
    }

    fn spawn(&self, command: &str, more: &[&str]) -> std::process::Child {
        let mut child = Command::new(env!("CARGO_BIN_EXE_seaf-migrate"));
        child.arg(command).args(self.options(command, more)).env("SEAF_MIGRATE_STATE_DIR", self.at("state"));
        child.stdout(Stdio::null()).stderr(Stdio::null()).stdin(Stdio::null());
        child.spawn().unwrap()
    }

    pub(super) fn two_runs(&mut self) {
        let mut other = self.spawn("run", &[]);
        self.run(&[]);
        let code = other.wait().unwrap().code();
        assert!(code.is_some_and(|code| code < 100), "the other run ended with {code:?}");
    }

    /// One verification; its exit code.
    pub(super) fn verify(&mut self, depth: Depth) -> u8 {
        self.forget_report("verify");
        let more: &[&str] = if depth == Depth::Contents { &["--content"] } else { &[] };
        let settings = verify::settings::resolve(&flags(&self.options("verify", more)), &self.environment).unwrap();
        let code = verify::run(&settings, &Console::new(), &Shutdown::new()).exit_code();
        if code == 0 {
            self.assert_source_is_held(depth);
        }
        code
    }

    pub(super) fn remove(&mut self, more: &[&str], depth: Depth) {
        let content: &[&str] = if depth == Depth::Contents { &["--content"] } else { &[] };
        let more = [more, content].concat();
        let settings = remove::settings::resolve(&flags(&self.options("remove", &more)), &self.environment).unwrap();
        remove::run(&settings, &Console::new(), &Shutdown::new());
    }

    pub(super) fn repair(&mut self) {
        let report = self.at("verify.json").display().to_string();
        if !self.at("verify.json").exists() {
            return;
        }
        let settings =
            repair::settings::resolve(&flags(&self.options("repair", &[&report])), &self.environment).unwrap();
        repair::run(&settings, &Console::new(), &Shutdown::new());
    }

    /// Puts the source in order, and has the program do the same with the destination: it must come to say that all is
    /// well, and be right.
    pub fn mend(&mut self) {
        self.mend_source();
        for _ in 0..ROUNDS {
            let is_safe = self.run(&[]);
            if self.verify(Depth::Contents) == 0 && is_safe {
                return self.assert_all_is_well();
            }
            self.repair();
        }
        panic!("the destination is not mended after {ROUNDS} rounds");
    }
}
