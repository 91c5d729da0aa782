//! File systems of a test's own, and programs that make them misbehave; all of it is gone when the value is.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::skip::skip;

/// Runs a program to its end; what it says where that is no success.
pub fn tried(program: &str, arguments: &[&str]) -> Result<(), String> {
    match Command::new(program).args(arguments).output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(format!("{program}: {}", String::from_utf8_lossy(&output.stderr).trim())),
        Err(error) => Err(format!("{program}: {error}")),
    }
}

/// Something mounted on a folder.
pub struct Mounted(PathBuf);

impl Mounted {
    /// Mounts on `folder` what the arguments of `mount` say; `None`, after saying so, where this user may not.
    pub fn on(folder: &Path, arguments: &[&str]) -> Option<Self> {
        let arguments: Vec<&str> = arguments.iter().copied().chain([folder.to_str().unwrap()]).collect();
        match tried("mount", &arguments) {
            Ok(()) => Some(Self(folder.to_owned())),
            Err(why) => {
                skip("mount", why);
                None
            }
        }
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Lazily, because a failing test may still hold a file of it open.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// A folder seen through FUSE (bindfs), the calls that reach the program behind it written down.
pub struct Fuse {
    mounted: PathBuf,
    trace: PathBuf,
    daemon: Child,
}

impl Fuse {
    /// Shows `real` at `mounted`; `trace` gets each `fsync` of the program. `None`, after saying so, where FUSE, bindfs
    /// or strace is not to be had.
    pub fn mount(real: &Path, mounted: &Path, trace: &Path) -> Option<Self> {
        let none = |why: &str| {
            skip("FUSE", why);
            None
        };
        for program in ["bindfs", "strace"] {
            if let Err(why) = tried(program, &["--version"]) {
                return none(&why);
            }
        }
        let mut command = Command::new("strace");
        command.args(["-f", "-y", "-e", "trace=fsync,fdatasync", "-o"]).arg(trace).args(["bindfs", "-f"]);
        let daemon = command.arg(real).arg(mounted).stderr(Stdio::null()).spawn().unwrap();
        let mut fuse = Self { mounted: mounted.to_owned(), trace: trace.to_owned(), daemon };
        for _ in 0..1000 {
            let mounts = std::fs::read_to_string("/proc/mounts").unwrap();
            if mounts.lines().any(|line| line.split(' ').nth(1) == mounted.to_str()) {
                return Some(fuse);
            }
            if fuse.daemon.try_wait().unwrap().is_some() {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        none("bindfs did not mount")
    }

    /// Unmounts it; the lines of the trace, one for each call of the program.
    pub fn calls(mut self) -> Vec<String> {
        self.end();
        std::fs::read_to_string(&self.trace).unwrap().lines().map(str::to_owned).collect()
    }

    fn end(&mut self) {
        let _ = Command::new("umount").arg(&self.mounted).stderr(Stdio::null()).status();
        let _ = self.daemon.wait();
    }
}

impl Drop for Fuse {
    fn drop(&mut self) {
        if self.daemon.try_wait().is_ok_and(|ended| ended.is_none()) {
            let _ = Command::new("umount").arg("-l").arg(&self.mounted).stderr(Stdio::null()).status();
            let _ = self.daemon.wait();
        }
    }
}
