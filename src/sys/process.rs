//! Which process this is, so that another one can tell whether it still runs, and which signals it was started to ignore.

use std::{fmt, fs};

use serde::{Deserialize, Serialize};

/// A process of some machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessId {
    /// The machine's name, for people.
    host: String,
    /// Made by the kernel at each start of the machine; empty where it cannot be read.
    boot: String,
    /// Which set of process numbers `process` is from: containers have their own.
    namespace: String,
    /// The process's number.
    process: u32,
    /// When the process began, in ticks since the machine's start: numbers are used again.
    began: u64,
}

impl ProcessId {
    /// The process that runs this.
    pub fn own() -> Self {
        let process = std::process::id();
        let text = |path: &str| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
        let namespace = fs::read_link("/proc/self/ns/pid").map(|link| link.display().to_string());
        Self {
            host: text("/proc/sys/kernel/hostname"),
            boot: text("/proc/sys/kernel/random/boot_id"),
            namespace: namespace.unwrap_or_default(),
            process,
            began: began(process).unwrap_or_default(),
        }
    }

    /// Whether the process runs, or ran, under this kernel since it started: in whatever container.
    pub fn is_of_this_kernel(&self) -> bool {
        !self.boot.is_empty() && self.boot == Self::own().boot
    }

    /// Whether the process is surely gone, which only its own machine can tell: a process of another machine, of another
    /// container or of an earlier start of the machine counts as living as long as nothing else is known.
    pub fn is_gone(&self) -> bool {
        let own = Self::own();
        let is_known = !own.boot.is_empty() && !own.namespace.is_empty();
        let is_here = is_known && (&self.boot, &self.namespace) == (&own.boot, &own.namespace);
        is_here && began(self.process) != Some(self.began)
    }
}

impl fmt::Display for ProcessId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Out of a file that others may write, so only what a host's name can hold is shown.
        let host: String =
            self.host.chars().filter(|c| c.is_ascii_alphanumeric() || "-._".contains(*c)).take(64).collect();
        write!(f, "process {} on {}", self.process, if host.is_empty() { "an unnamed host" } else { &host })
    }
}

/// When a process of this machine began; `None` when there is none of that number. See `proc(5)`, field 22 of `stat`.
fn began(process: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name before it may hold blanks and brackets, so the fields are counted from its end.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    // One that has ended and was not yet asked for by its parent does nothing any more.
    let has_ended = matches!(fields.first(), Some(&"Z" | &"X"));
    fields.get(19).filter(|_| !has_ended)?.parse().ok()
}

/// The signals that this process ignores now, by number: before it installs handlers, those that it was started to ignore.
/// None where the kernel does not say.
pub fn ignored_signals() -> Vec<i32> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    (1..=64).filter(|signal| mask >> (signal - 1) & 1 == 1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rust_programs_ignore_the_signal_of_a_closed_pipe_and_no_other() {
        const SIGPIPE: i32 = 13;
        assert!(ignored_signals().contains(&SIGPIPE));
        assert!(!ignored_signals().contains(&9));
    }

    #[test]
    fn this_process_lives_and_one_that_ended_is_gone() {
        let own = ProcessId::own();
        assert!(!own.is_gone());
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let other = ProcessId { process: child.id(), began: began(child.id()).unwrap(), ..own.clone() };
        assert!(!other.is_gone());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(other.is_gone());
        // Another process got its number.
        assert!(ProcessId { began: own.began + 1, ..own.clone() }.is_gone());
    }

    #[test]
    fn nothing_is_known_of_processes_elsewhere() {
        let own = ProcessId::own();
        for other in [
            ProcessId { boot: "another".to_owned(), began: 1, ..own.clone() },
            ProcessId { namespace: "pid:[1]".to_owned(), began: 1, ..own.clone() },
        ] {
            assert!(!other.is_gone());
        }
    }

    #[test]
    fn a_hosts_name_is_shown_without_what_a_terminal_would_obey() {
        let id = ProcessId { host: "ev\u{1b}[2Jil\n".to_owned(), ..ProcessId::own() };
        assert_eq!(id.to_string(), format!("process {} on ev2Jil", std::process::id()));
    }
}
