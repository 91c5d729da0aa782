//! Programs that tests start, and the locks and files that a program about to start still has open.
//!
//! A child has every open file of this process, those of other tests among them, from `fork` until it becomes its program.

use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// This test program for the one ignored test `name` of the module `module_path!()`.
pub fn only(module: &str, name: &str) -> Command {
    let (_, module) = module.split_once("::").expect("a module of a test program");
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", &format!("{module}::{name}"), "--ignored", "--nocapture"]);
    command
}

/// Writes a program. Another process does it, because the kernel refuses to start a program that any process has open for
/// writing, and a child that another test starts would have it open.
pub fn write_program(path: &Path, text: &[u8]) {
    let mut command = Command::new("sh");
    command.args(["-c", "cat > \"$1\" && chmod 755 \"$1\"", "sh"]).arg(path);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text).unwrap();
    assert!(child.wait().unwrap().success(), "{}", path.display());
}

/// Lets go of a lock on `file` and returns when nobody has it any more: a child that another test starts meanwhile has it
/// for a moment.
pub fn release(lock: impl Sized, file: &Path) {
    drop(lock);
    let inode = format!(":{} ", std::fs::metadata(file).unwrap().ino());
    while std::fs::read_to_string("/proc/locks").unwrap().contains(&inode) {
        std::thread::sleep(Duration::from_millis(1));
    }
}
