//! The command line: one subcommand a job, each with examples.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::commands::common::flags::{CheckFlags, FsckFlags, PlanFlags, RunFlags, VerifyFlags};
use crate::commands::common::settings;
use crate::commands::fsck::{self, FsckSettings};
use crate::commands::remove::settings::{RemoveFlags, resolve_remove};
use crate::commands::{check, demo, list, plan, remove, run, verify};
use crate::conf::{Environment, Role, SideSource, load_side};
use crate::database;
use crate::report::Console;
use crate::sys::shutdown::Shutdown;

pub mod signals;

/// What `--help` says below the options.
const EXAMPLES: &str = "\
Examples:
  Copy everything while the server is live, then once more with it stopped:
    seaf-migrate run --from /opt/seafile/conf --data-dir /opt/seafile/seafile-data --to /opt/new

  See first whether every store answers, and what there is to do:
    seaf-migrate check --from /opt/seafile/conf --data-dir /opt/seafile/seafile-data --to /opt/new
    seaf-migrate plan --from /opt/seafile/conf --data-dir /opt/seafile/seafile-data --to /opt/new

  See in the end that every library is whole on the new side, and whether it is safe to switch:
    seaf-migrate run --from … --to … --db mysql://seafile:PASSWORD@127.0.0.1/seafile_db

  See afterwards that everything is there, and read it over some days at 50 MiB a second:
    seaf-migrate verify --from … --to …
    seaf-migrate verify --from … --to … --content --bandwidth 50M --checkpoint /var/lib/seaf-migrate/verify

  Keep the result as a page for a browser, and as JSON for programs:
    seaf-migrate run --from … --to … --html result.html --report result.json

  Remember what the destination holds, so that the second pass need not list it:
    OBJECT_LIST_FILE_PATH=/var/lib/seaf-migrate/objects seaf-migrate run --from … --to …

  Copy only what failed in a run that wrote a report:
    seaf-migrate run --from … --to … --retry-failed report.json --report report.json

Exit codes:
  0  every object that the pass saw in the source is in the destination
  1  some objects failed, a library is not whole at the destination, that is full, or a check has findings;
     the report names them
  2  the command line or a configuration file is wrong; nothing was done
  3  a store cannot be reached, listed or written
  4  another run is writing to this destination
  5  with --strict: all is there, but the source itself holds damaged objects
  130, 143  interrupted; what was done is saved";

/// The same for `remove`.
const REMOVE_EXAMPLES: &str = "\
Examples:
  After `seaf-migrate verify` found nothing wrong, and with the server on the new side or stopped, see what would go:
    seaf-migrate remove --from /opt/seafile/conf --data-dir /opt/seafile/seafile-data --to /opt/new

  Remove it, each object read at the destination first, at most 200 a second:
    seaf-migrate remove --from … --to … --content --rate 200 --yes

  Only one library:
    seaf-migrate remove --from … --to … --library 3f8a9c1e-7b42-4d0e-9a55-0c1d2e3f4a5b --yes

Exit codes:
  0  all that the source holds was removed, or would be
  1  some objects were kept, because the destination does not vouch for them; the report names them
  2  the conditions for removing are not met, or the configuration is wrong; nothing was done
  3  a store or the database cannot be reached
  4  a run is under way
  130, 143  interrupted; the journal names what was removed";

/// Moves the object store of a Seafile server from any storage backend to any other.
#[derive(Debug, Parser)]
#[command(name = "seaf-migrate", version, about, after_help = EXAMPLES, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Copy what the new side lacks; safe to repeat, and to run while the server is live
    Run(Box<RunFlags>),
    /// Say whether every store can be reached and listed, and the new side written
    Check(Box<CheckFlags>),
    /// Say what `run` would copy, and write nothing
    Plan(Box<PlanFlags>),
    /// Say whether the new side holds everything that the old side does; read it, too, if asked to
    Verify(Box<VerifyFlags>),
    /// Follow every library of one side from its heads; name what is missing, and the files that suffer
    Fsck(Box<FsckFlags>),
    /// Delete from the old side what the new side holds; only after a verification, and a dry run without --yes
    #[command(after_help = REMOVE_EXAMPLES)]
    Remove(Box<RemoveFlags>),
    /// Look into a list file: what a destination is known to hold
    #[command(subcommand)]
    List(list::ListCommand),
    /// Show a migration of a small real store between two temporary folders
    Demo,
    /// Print the completion script of a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
}

/// Parses the command line, does what it says, and returns the exit code.
pub fn main() -> ExitCode {
    if std::env::var_os("TMPDIR").is_some_and(|folder| folder.is_empty()) {
        // Means the same as none at all, as it does to a shell; taken as it is, it would be the current folder.
        tempfile::env::override_temp_dir(Path::new("/tmp")).expect("nothing was overridden before");
    }
    let cli = Cli::parse();
    let console = Console::new();
    let stop = Shutdown::new();
    match dispatch(cli.command, &console, &stop) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            console.problem(format_args!("seaf-migrate: {error:#}"));
            ExitCode::from(2)
        }
    }
}

fn dispatch(command: Command, console: &Console, stop: &Shutdown) -> anyhow::Result<u8> {
    match command {
        Command::Run(flags) => {
            let settings = settings::resolve_run(&flags, &environment())?;
            signals::watch(stop)?;
            Ok(run::run(&settings, console, stop).exit_code())
        }
        Command::Check(flags) => {
            let settings = settings::resolve_check(&flags, &environment())?;
            signals::watch(stop)?;
            Ok(check::run(&settings, console, stop).exit_code())
        }
        Command::Plan(flags) => {
            let settings = settings::resolve_plan(&flags, &environment())?;
            signals::watch(stop)?;
            Ok(plan::run(&settings, flags.libraries, console, stop).exit_code())
        }
        Command::Verify(flags) => {
            let settings = verify::settings::resolve(&flags, &environment())?;
            signals::watch(stop)?;
            Ok(verify::run(&settings, console, stop).exit_code())
        }
        Command::Fsck(flags) => {
            let settings = fsck_settings(&flags)?;
            signals::watch(stop)?;
            Ok(fsck::run(&settings, console, stop).exit_code())
        }
        Command::Remove(flags) => {
            let settings = resolve_remove(&flags, &environment())?;
            signals::watch(stop)?;
            Ok(remove::run(&settings, console, stop).exit_code())
        }
        Command::List(command) => list::run(&command, &environment(), console),
        Command::Demo => demo::between_folders(console, stop),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "seaf-migrate", &mut script);
            // In one piece, because the generator panics when what it writes to is full or gone.
            std::io::stdout().write_all(&script)?;
            Ok(0)
        }
        Command::Man => {
            clap_mangen::Man::new(Cli::command()).render(&mut std::io::stdout())?;
            Ok(0)
        }
    }
}

/// A side is checked as a source is: only read, and its folders must be there.
fn fsck_settings(flags: &FsckFlags) -> anyhow::Result<FsckSettings> {
    let source = SideSource { path: flags.conf.clone(), data_dir: flags.data_dir.clone() };
    let side = load_side(&source, Role::Source, &environment())?;
    let named = flags.db.as_deref().map(database::parse).transpose()?;
    Ok(FsckSettings {
        database: named.or_else(|| side.database.clone()),
        side,
        store: settings::resolve_store(&flags.store),
        head_only: flags.head_only,
        content: flags.content,
        libraries: flags.library.clone(),
        report: flags.report.clone(),
        html: flags.html.clone(),
    })
}

fn environment() -> Environment {
    std::env::vars_os().collect()
}
