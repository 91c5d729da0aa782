//! A migration to try out: a small real store that the program carries with it.
//!
//! The store was written by real Seafile servers and clients: a thousand objects in eleven
//! libraries, encrypted and virtual ones among them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use anyhow::{Context, ensure};
use clap::Parser;
use walkdir::WalkDir;

use crate::commands::run;
use crate::commands::run::outcome::RunOutcome;
use crate::commands::run::settings::{RunFlags, RunSettings};
use crate::conf::Environment;
use crate::report::{Console, Outcome, format};
use crate::store::control;
use crate::sys::shutdown::Shutdown;

const SAMPLE: &[u8] = include_bytes!("../../tests/data/sample-store.tar.gz");

/// Unpacks the sample into `dir`; returns its `seafile-data` folder.
///
/// # Errors
/// When `dir` cannot be written.
pub fn unpack_sample(dir: &Path) -> io::Result<PathBuf> {
    tar::Archive::new(flate2::read::GzDecoder::new(SAMPLE)).unpack(dir)?;
    Ok(dir.join("seafile-data"))
}

/// Every file below `dir` with its bytes, by its path from there, but for this program's own objects.
///
/// # Errors
/// When something below `dir` cannot be read.
pub fn files_below(dir: &Path) -> io::Result<BTreeMap<PathBuf, Vec<u8>>> {
    let (mut files, own) = (BTreeMap::new(), control::LIBRARY.to_string());
    for entry in WalkDir::new(dir) {
        let entry = entry?;
        if entry.file_type().is_file() && !entry.path().iter().any(|name| *name == *own) {
            let inside = entry.path().strip_prefix(dir).expect("a walk stays below where it began");
            files.insert(inside.to_owned(), fs::read(entry.path())?);
        }
    }
    Ok(files)
}

/// The settings that `run` with these options would have, nothing taken from the environment.
///
/// # Errors
/// As the command line would say.
pub fn settings(options: &[&str]) -> anyhow::Result<RunSettings> {
    #[derive(Parser)]
    struct Run {
        #[command(flatten)]
        flags: RunFlags,
    }
    let run = Run::try_parse_from(std::iter::once("run").chain(options.iter().copied()))?;
    let settings = run::settings::resolve(&run.flags, &Environment::default())?;
    // Nothing outlives a demonstration, so there is nothing to note about its sides.
    Ok(RunSettings { proofs: None, ..settings })
}

/// Migrates the sample from one temporary folder to another, runs again, and compares.
///
/// # Errors
/// When a folder cannot be written, or the demonstration does not show what it should.
pub fn between_folders(console: &Console, shutdown: &Shutdown) -> anyhow::Result<u8> {
    let scratch = tempfile::Builder::new().prefix("seaf-migrate-demo-").tempdir()?;
    let (old, new) = (scratch.path().join("old"), scratch.path().join("new"));
    fs::create_dir_all(new.join("data"))?;
    let data = unpack_sample(&old)?;
    fs::write(old.join("seafile.conf"), "")?;
    let target = new.join("data").display().to_string();
    let sections = ["commit_object_backend", "fs_object_backend", "block_backend"];
    let conf: String = sections.iter().map(|section| format!("[{section}]\nname = fs\ndir = {target}\n")).collect();
    fs::write(new.join("seafile.conf"), conf)?;
    let text = |path: &Path| path.display().to_string();
    let (from, to, data_dir) = (text(&old), text(&new), text(&data));
    let settings = settings(&["--from", &from, "--to", &to, "--data-dir", &data_dir])?;

    console.line("A store written by real Seafile servers moves from one folder to another.\n");
    for pass in ["First pass", "Second pass, which finds nothing to do"] {
        console.line(format_args!("== {pass}"));
        let outcome = run::run(&settings, console, shutdown);
        if outcome != RunOutcome::Complete {
            return Ok(outcome.exit_code());
        }
        console.line("");
    }
    let (here, there) = (files_below(&data.join("storage"))?, files_below(&new.join("data/storage"))?);
    ensure!(here == there, "the two folders differ");
    let bytes: usize = here.values().map(Vec::len).sum();
    console.line(format_args!(
        "Compared: {} files, {}, byte for byte the same on both sides.",
        format::count(here.len() as u64),
        format::bytes(bytes as u64)
    ));
    scratch.close().context("the temporary folder could not be removed")?;
    Ok(0)
}
