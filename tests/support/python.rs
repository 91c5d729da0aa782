//! A Python with the packages that a test needs.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::skip::Missing;

/// A Python below `target/` that can import `imports`, made with `packages` of PyPI unless it is there already.
pub fn with_packages(name: &str, imports: &str, packages: &[&str]) -> Result<PathBuf, Missing> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let python = folder.join("bin/python");
    if !Command::new(&python).args(["-c", imports]).output().is_ok_and(|done| done.status.success()) {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
        run(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(packages))?;
    }
    Ok(python)
}

/// Runs a command to its end: what it printed, or why it failed.
pub fn run(command: &mut Command) -> Result<String, Missing> {
    let program = command.get_program().to_owned();
    let done = command.output().map_err(|error| Missing(format!("{program:?}: {error}")))?;
    if done.status.success() {
        return Ok(String::from_utf8(done.stdout).unwrap());
    }
    // Both, because venv tells on standard output what is missing.
    let said = [done.stderr, done.stdout].concat();
    Err(Missing(format!("{program:?}: {}", String::from_utf8_lossy(&said).trim())))
}
