//! `list`: show, verify, export and import the list files.

use std::fs::File;
use std::io::{ErrorKind, stdout};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail};
use clap::{Subcommand, ValueHint};

use crate::commands::common::failure::Failure;
use crate::conf::{Environment, Role, SideSource, load_side};
use crate::index::{self, Index, ListError, ListLock, ListPaths, text};
use crate::report::table::{Cell, Column, Table};
use crate::report::{Console, format};

/// What to do with a list file.
#[derive(Clone, Debug, Subcommand)]
pub enum ListCommand {
    /// Say what a list file holds: destination, age, counts
    Show {
        /// The list file, as PATH.blocks
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
        /// Print one line for each library, too
        #[arg(long)]
        libraries: bool,
    },
    /// Check every byte and every entry of a list file and its journal
    Verify {
        /// The list file, as PATH.blocks
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
    },
    /// Write a list file as the text list of the old script: library/object, one a line
    Export {
        /// The list file, as PATH.blocks
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
        /// Where to write the text [default: standard output]
        #[arg(value_hint = ValueHint::FilePath)]
        text: Option<PathBuf>,
    },
    /// Turn the old script's text list into a list file, in its place; the next run asks the
    /// destination for a sample before it believes it
    Import {
        /// The text list, as PATH.blocks, or PATH_LIBRARY.blocks for that of one library
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
        /// The destination that it is about: the new seafile.conf, or its folder
        #[arg(long, value_name = "NEW_CONF", value_hint = ValueHint::AnyPath)]
        to: PathBuf,
    },
}

/// Does what a `list` command says; returns the exit code.
///
/// # Errors
/// When files cannot be read or written, or the command does not fit them.
pub fn run(command: &ListCommand, env: &Environment, console: &Console) -> anyhow::Result<u8> {
    match command {
        ListCommand::Show { file, libraries } => match index::inspect(file) {
            Ok(set) => show(&set, *libraries, console),
            Err(damage) => finding(damage, console),
        },
        ListCommand::Verify { file } => match index::inspect(file).and_then(|set| set.verify().map(|()| set.len())) {
            Ok(objects) => {
                console.line(format_args!("{}: sound, {}", file.display(), format::plural(objects, "object")));
                Ok(0)
            }
            Err(damage) => finding(damage, console),
        },
        ListCommand::Export { file, text } => export(file, text.as_deref(), console),
        ListCommand::Import { file, to } => import(file, to, env, console),
    }
}

/// Damage is what the check looks for, so it is a finding; anything else is an error.
fn finding(error: ListError, console: &Console) -> anyhow::Result<u8> {
    match error {
        ListError::Damaged { .. } | ListError::Incomplete { .. } => {
            console.problem(&error);
            Ok(1)
        }
        other => Err(other.into()),
    }
}

fn show(set: &Index, libraries: bool, console: &Console) -> anyhow::Result<u8> {
    let age = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH + Duration::from_secs(set.listed_at()));
    let age = age.map_or_else(|_| "in the future".to_owned(), |age| format!("{} ago", format::duration(age)));
    let imported = if set.is_imported() { ", taken over from a text list and not confirmed yet" } else { "" };
    console.line(format_args!("destination  {}", set.destination()));
    console.line(format_args!("kind         {}", set.kind()));
    if let Some(library) = set.library() {
        console.line(format_args!("library      {library}, no other"));
    }
    console.line(format_args!("listed       {age}, to its end{imported}"));
    console.line(format_args!("objects      {}", format::count(set.len())));
    console.line(format_args!(
        "file         {}, {}, every byte checked",
        format::bytes(set.file_len()),
        format::plural(set.shards().count() as u64, "part")
    ));
    if libraries {
        let mut table = Table::new(vec![Column::Text("Library"), Column::Number("Objects"), Column::Number("Bytes")]);
        for library in set.libraries() {
            let library = library?;
            let numbers = [format::count(library.objects), format::bytes(library.bytes)].map(Cell::Plain);
            table.rows.push([Cell::Id(library.library.to_string())].into_iter().chain(numbers).collect());
        }
        console.line(format_args!("\n{table}"));
    }
    Ok(0)
}

fn export(file: &Path, text: Option<&Path>, console: &Console) -> anyhow::Result<u8> {
    let set = index::inspect(file)?;
    let Some(path) = text else {
        return match text::export(&set, stdout().lock(), Path::new("standard output")) {
            // Whoever reads it has seen enough, as `head` has.
            Err(ListError::Io { cause, .. }) if cause.kind() == ErrorKind::BrokenPipe => Ok(0),
            written => written.map(|_| 0).map_err(Into::into),
        };
    };
    let out = File::create_new(path).with_context(|| format!("cannot create {}", path.display()))?;
    let lines = text::export(&set, out, path)?;
    console.line(format_args!("{} written to {}", format::plural(lines, "line"), path.display()));
    Ok(0)
}

fn import(file: &Path, to: &Path, env: &Environment, console: &Console) -> anyhow::Result<u8> {
    let Some(paths) = ListPaths::of_file(file) else {
        bail!("{}: the name of a list ends in .commits, .fs or .blocks", file.display());
    };
    let side = load_side(&SideSource { path: to.to_owned(), data_dir: None }, Role::Destination, env)?;
    let location = side.store(paths.kind()).location();
    let lock = match ListLock::acquire(&paths) {
        Err(error @ ListError::InUse { .. }) => {
            let failure = Failure::from(error);
            console.problem(format_args!("seaf-migrate: {failure}"));
            return Ok(failure.exit_code());
        }
        lock => lock?,
    };
    let index::Opened::TextList { .. } = index::open(lock.paths(), &location)? else {
        bail!("{} is not a text list of the old script", file.display());
    };
    let (set, report) = text::import(&lock, &location)?;
    let objects = format::plural(set.len(), "object");
    console.line(format_args!("{}: {report}. {objects} of {location}", file.display()));
    Ok(0)
}
