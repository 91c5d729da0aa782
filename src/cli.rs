//! The command line: each command's options become its settings, and its outcome the exit code.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::builder::Resettable;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand, ValueHint};

use crate::commands::check::settings::CheckFlags;
use crate::commands::clean::settings::CleanFlags;
use crate::commands::common::flags::StoreFlags;
use crate::commands::common::settings::{REMOTE_LISTERS, SettingsError};
use crate::commands::fsck::settings::FsckFlags;
use crate::commands::plan::settings::PlanFlags;
use crate::commands::remove::settings::RemoveFlags;
use crate::commands::repair::settings::RepairFlags;
use crate::commands::repo::settings::RepoFlags;
use crate::commands::run::settings::RunFlags;
use crate::commands::verify::settings::VerifyFlags;
use crate::commands::{check, clean, demo, fsck, list, plan, remove, repair, repo, run, verify};
use crate::conf::Environment;
use crate::report::header::PROGRAM;
use crate::report::{Console, Outcome};
use crate::sys::machine::{self, Machine};
use crate::sys::secrecy;
use crate::sys::shutdown::Shutdown;

mod examples;
pub mod signals;

use examples::{EXAMPLES, REMOVE_EXAMPLES, REPAIR_EXAMPLES, REPO_EXAMPLES};

/// Moves the object store of a Seafile server from any storage backend to any other.
#[derive(Debug, Parser)]
#[command(name = "seaf-migrate", version, about, after_help = EXAMPLES, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Command,

    /// Let the system keep this program's memory when it crashes, and debuggers look at it: keys and passwords are in it
    #[arg(long, global = true)]
    allow_core: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Copy what is missing on the new side; safe to repeat, and to run while the server is live
    Run(Box<RunFlags>),
    /// Say whether every store can be reached and listed, and the new side written
    Check(Box<CheckFlags>),
    /// Say what `run` would copy, and write nothing
    Plan(Box<PlanFlags>),
    /// Say whether the new side holds everything that the old side does; with --content, read all of it
    Verify(Box<VerifyFlags>),
    /// Check every library of one side from its newest commit on; name what is missing or damaged, and in which files
    Fsck(Box<FsckFlags>),
    /// Write again on the new side what reports name and an old side has right
    #[command(after_help = REPAIR_EXAMPLES)]
    Repair(Box<RepairFlags>),
    /// Move libraries from one storage class of a server to another, the server at work
    #[command(after_help = REPO_EXAMPLES)]
    Repo(Box<RepoFlags>),
    /// Delete from the old side what the new side holds; only after a verification, and a dry run without --yes
    #[command(after_help = REMOVE_EXAMPLES)]
    Remove(Box<RemoveFlags>),
    /// Take away what seaf-migrate keeps for itself in the stores of a side, once nothing more is to be migrated
    Clean(Box<CleanFlags>),
    /// Show, check, export or import a list file, which says what a destination holds
    #[command(subcommand)]
    List(list::ListCommand),
    /// Show a migration of a small real store between two temporary folders
    Demo,
    /// Print the completion script of a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write those of all commands
    Man {
        /// Write a page for each command to DIR, as seaf-migrate-run.1
        #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
        dir: Option<PathBuf>,
    },
    /// Print the version, as --version does
    Version,
}

/// Parses the command line, does what it says, and returns the exit code.
pub fn main() -> ExitCode {
    if std::env::var_os("TMPDIR").is_some_and(|folder| folder.is_empty()) {
        // Means the same as none at all, as it does to a shell; taken as it is, it would be the current folder.
        tempfile::env::override_temp_dir(Path::new("/tmp")).expect("nothing was overridden before");
    }
    let arguments: Vec<_> = std::env::args_os().collect();
    // Where the system does not allow it, a warning says already what can be seen, and what to do.
    let _ = secrecy::blank_command_line();
    let matches = without_empty_variables(Cli::command()).get_matches_from(arguments);
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let console = Console::new();
    if !cli.allow_core
        && let Err(error) = secrecy::forbid_core_dumps()
    {
        let what = "a crash may leave keys and passwords in a core dump, which the system does not let be forbidden";
        console.warning(format_args!("{what}: {error}"));
    }
    match dispatch(cli.command, &console) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            console.problem(format_args!("seaf-migrate: {error:#}"));
            ExitCode::from(error.downcast_ref::<SettingsError>().map_or(2, SettingsError::exit_code))
        }
    }
}

/// Whether a variable of this program says nothing: it means the same as none at all, as it does to a shell.
fn is_empty_variable(name: &OsStr, value: &OsStr) -> bool {
    value.is_empty() && name.as_encoded_bytes().starts_with(b"SEAF_MIGRATE_")
}

/// The command line without the variables that are set and empty.
fn without_empty_variables(command: clap::Command) -> clap::Command {
    let is_empty = |name: &OsStr| std::env::var_os(name).is_some_and(|value| is_empty_variable(name, &value));
    let command = command.mut_args(|arg| match arg.get_env() {
        Some(name) if is_empty(name) => arg.env(Resettable::Reset),
        _ => arg,
    });
    command.mut_subcommands(without_empty_variables)
}

fn dispatch(command: Command, console: &Console) -> anyhow::Result<u8> {
    let environment: Environment =
        std::env::vars_os().filter(|(name, value)| !is_empty_variable(name, value)).collect();
    match command {
        Command::Run(mut flags) => {
            fit(&mut flags.store, console)?;
            work(run::settings::resolve(&flags, &environment)?, console, run::run)
        }
        Command::Check(mut flags) => {
            fit(&mut flags.store, console)?;
            work(check::settings::resolve(&flags, &environment)?, console, check::run)
        }
        Command::Plan(mut flags) => {
            fit(&mut flags.store, console)?;
            work(plan::settings::resolve(&flags, &environment)?, console, plan::run)
        }
        Command::Verify(mut flags) => {
            fit(&mut flags.store, console)?;
            work(verify::settings::resolve(&flags, &environment)?, console, verify::run)
        }
        Command::Fsck(mut flags) => {
            fit(&mut flags.store, console)?;
            work(fsck::settings::resolve(&flags, &environment)?, console, fsck::run)
        }
        Command::Repair(mut flags) => {
            fit(&mut flags.store, console)?;
            work(repair::settings::resolve(&flags, &environment)?, console, repair::run)
        }
        Command::Remove(mut flags) => {
            fit(&mut flags.store, console)?;
            work(remove::settings::resolve(&flags, &environment)?, console, remove::run)
        }
        Command::Repo(mut flags) => {
            fit(&mut flags.store, console)?;
            work(repo::settings::resolve(&flags, &environment)?, console, repo::run)
        }
        Command::Clean(mut flags) => {
            fit(&mut flags.store, console)?;
            work(clean::settings::resolve(&flags, &environment)?, console, clean::run)
        }
        Command::List(command) => {
            start_computing()?;
            list::run(&command, &environment, console)
        }
        Command::Demo => {
            start_computing()?;
            demo::between_folders(console, &Shutdown::new())
        }
        Command::Completions { shell } => completions(shell),
        Command::Man { dir: None } => {
            clap_mangen::Man::new(Cli::command()).render(&mut std::io::stdout())?;
            Ok(0)
        }
        Command::Man { dir: Some(dir) } => {
            let command = Cli::command().disable_help_subcommand(true);
            let written = clap_mangen::generate_to(command, &dir);
            written.map_err(|error| anyhow::anyhow!("--dir: cannot write pages to {}: {error}", dir.display()))?;
            Ok(0)
        }
        Command::Version => {
            writeln!(std::io::stdout(), "{PROGRAM}")?;
            Ok(0)
        }
    }
}

/// Makes ready what the machine has for a command, and lowers the number of workers to what it holds.
fn fit(store: &mut StoreFlags, console: &Console) -> anyhow::Result<()> {
    let listers = store.listers.map_or(REMOTE_LISTERS, usize::from);
    let workers = store.nworker;
    let machine = Machine::measure(workers.most(), listers);
    let to_begin_with = machine.workers(workers.count).map_err(|why| anyhow::anyhow!("--nworker: {why}"))?;
    if let Some(fewer) = to_begin_with.fewer {
        console.warning(format_args!("--nworker: {fewer}"));
    }
    store.most_listers = machine.listers();
    // Without a word where there is room for those to begin with, because more are a matter of speed.
    let most = machine.workers(workers.most()).map_or(to_begin_with.count, |most| most.count);
    store.nworker = store.nworker.at_most(most);
    start_computing()
}

/// Starts the threads that compute.
fn start_computing() -> anyhow::Result<()> {
    machine::start_computing().map_err(anyhow::Error::msg)
}

/// Does what a command is for, ended early by a signal; returns the exit code.
fn work<S, O: Outcome>(
    settings: S,
    console: &Console,
    command: impl FnOnce(&S, &Console, &Shutdown) -> O,
) -> anyhow::Result<u8> {
    let shutdown = Shutdown::new();
    signals::watch(&shutdown, console)?;
    Ok(command(&settings, console, &shutdown).exit_code())
}

fn completions(shell: clap_complete::Shell) -> anyhow::Result<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "seaf-migrate", &mut script);
    if shell == clap_complete::Shell::Bash {
        // The generator names the commands in two ways where the program's name has a dash, and so completes none of their
        // options.
        let fixed = String::from_utf8(script)?.replace("seaf__subcmd__migrate", "seaf__migrate");
        script = fixed.into_bytes();
    }
    // In one piece, because the generator panics when what it writes to is full or gone.
    std::io::stdout().write_all(&script)?;
    Ok(0)
}
