//! Where lines go: the log that users of the old script know, and a terminal's bars.
//!
//! Everything that is shown passes here, and what others chose in it is made harmless ([`Lines`]).

use std::fmt::Display;
use std::io::{IsTerminal, Write};

use indicatif::MultiProgress;

use crate::sys::terminal::Lines;

/// Prints log lines to standard output and problems to standard error, around the bars if there
/// are any.
#[derive(Clone, Debug)]
pub struct Console {
    bars: Option<MultiProgress>,
    quiet: bool,
}

impl Console {
    /// Bars when standard error is a terminal, plain lines otherwise.
    pub fn new() -> Self {
        Self { bars: std::io::stderr().is_terminal().then(MultiProgress::new), quiet: false }
    }

    /// Prints problems only.
    pub const fn quiet() -> Self {
        Self { bars: None, quiet: true }
    }

    /// The bars, on a terminal.
    pub const fn bars(&self) -> Option<&MultiProgress> {
        self.bars.as_ref()
    }

    /// A log line with its time before it.
    pub fn log(&self, line: impl Display) {
        let now = jiff::Zoned::now().strftime("%F %T");
        self.line(format_args!("[{now}] {line}"));
    }

    /// A line as it is.
    pub fn line(&self, line: impl Display) {
        if !self.quiet {
            // A closed pipe must not end a migration: what is printed is not what is done.
            self.around(|| drop(writeln!(std::io::stdout(), "{}", Lines(line))));
        }
    }

    /// A problem, on standard error.
    pub fn problem(&self, line: impl Display) {
        self.around(|| drop(writeln!(std::io::stderr(), "{}", Lines(line))));
    }

    fn around(&self, print: impl FnOnce()) {
        match &self.bars {
            Some(bars) => bars.suspend(print),
            None => print(),
        }
    }
}

impl Default for Console {
    fn default() -> Self {
        Self::new()
    }
}
