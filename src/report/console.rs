//! Where lines go: the log that users of the old script know, and a terminal's bars.
//!
//! Everything that is shown passes here, and what others chose in it is made harmless ([`Lines`]).

use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::MultiProgress;

use super::format;
use crate::sys::terminal::{self, Lines};

/// How many warnings are kept for the report; later ones are counted.
const WARNINGS_KEPT: usize = 100;

/// Prints log lines to standard output and problems to standard error, around the bars if there
/// are any. Clones are the same console.
#[derive(Clone, Debug)]
pub struct Console {
    bars: Option<MultiProgress>,
    quiet: bool,
    warnings: Arc<Mutex<Warnings>>,
}

/// The warnings that were printed.
#[derive(Debug, Default)]
struct Warnings {
    first: Vec<String>,
    more: u64,
}

impl Console {
    /// Bars when standard error is a terminal that can move its cursor, plain lines otherwise.
    pub fn new() -> Self {
        let moves = terminal::moves_cursor(std::env::var_os("TERM").as_deref());
        Self::with((moves && std::io::stderr().is_terminal()).then(MultiProgress::new), false)
    }

    /// Prints problems only.
    pub fn quiet() -> Self {
        Self::with(None, true)
    }

    fn with(bars: Option<MultiProgress>, quiet: bool) -> Self {
        Self { bars, quiet, warnings: Arc::default() }
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

    /// A text of sentences as [`Console::line`], wrapped between words where standard output is a terminal.
    pub fn paragraph(&self, text: impl Display) {
        self.line(wrapped_for(std::io::stdout(), text));
    }

    /// A text of sentences as [`Console::problem`], wrapped between words where standard error is a terminal.
    pub fn problem_paragraph(&self, text: impl Display) {
        self.problem(wrapped_for(std::io::stderr(), text));
    }

    /// A warning, on standard error. It is kept for the report and the page.
    pub fn warning(&self, line: impl Display) {
        let line = line.to_string();
        self.problem(format_args!("Warning: {line}"));
        let mut kept = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.first.len() < WARNINGS_KEPT {
            kept.first.push(line);
        } else {
            kept.more += 1;
        }
    }

    /// The warnings so far, the first of very many and how many more there are.
    pub fn warnings(&self) -> Vec<String> {
        let kept = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        let more = (kept.more > 0).then(|| format!("and {}", format::plural(kept.more, "more warning")));
        kept.first.iter().cloned().chain(more).collect()
    }

    fn around(&self, print: impl FnOnce()) {
        match &self.bars {
            Some(bars) => bars.suspend(print),
            None => print(),
        }
    }
}

fn wrapped_for(out: impl AsFd, text: impl Display) -> String {
    let text = text.to_string();
    terminal::columns(out).map_or_else(|| text.clone(), |columns| terminal::wrapped(&text, columns))
}

impl Default for Console {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_are_kept_for_the_report_and_very_many_are_counted() {
        let console = Console::quiet();
        let clone = console.clone();
        (0..WARNINGS_KEPT + 2).for_each(|n| clone.warning(n));
        let kept = console.warnings();
        assert_eq!((kept.len(), kept[0].as_str()), (WARNINGS_KEPT + 1, "0"));
        assert_eq!(kept[WARNINGS_KEPT], "and 2 more warnings");
    }
}
