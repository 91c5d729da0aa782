//! How a removal ended: its exit code, its name in the report, and its sentence.

use std::fmt;
use std::path::PathBuf;

use crate::commands::common::failure::Failure;
use crate::commands::remove::report::Reason;
use crate::commands::remove::restore::Restored;
use crate::report::{Outcome, format};

/// How a removal ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RemoveOutcome {
    /// All that the source holds was removed; in a dry run, would be.
    Complete(Totals),
    /// Some objects were kept, or would be.
    KeptSome(Totals),
    /// What was in quarantine was brought back; in a dry run, would be.
    Restored {
        /// How many objects were, and how many were not.
        restored: Restored,
        /// Whether nothing was moved, because nobody said `--yes`.
        dry_run: bool,
    },
    /// It ended early.
    Stopped {
        /// Why.
        failure: Failure,
        /// What was done before.
        totals: Totals,
    },
    /// The report that was asked for could not be written.
    FileNotWritten {
        /// What the removal itself came to.
        reached: Box<Self>,
        /// Which file, and why.
        what: String,
    },
}

/// What was done to the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Totals {
    /// Whether anything was deleted.
    pub mode: Mode,
    /// How many objects were removed; in a dry run, would be.
    pub removed: u64,
    /// How many were kept, and why.
    pub kept: Vec<(Reason, u64)>,
}

/// Whether anything is removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Nothing is, because nobody said `--yes`.
    DryRun,
    /// What may go is, and noted first.
    Remove {
        /// The file that names each object.
        journal: PathBuf,
        /// Where what was removed is kept.
        kept_in: KeptIn,
    },
}

/// Where removed objects are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeptIn {
    /// Nowhere: they are deleted.
    Nowhere,
    /// Those of folders are in the quarantine.
    Quarantine,
}

impl KeptIn {
    /// What is to be said of removed objects, after a semicolon.
    const fn says(self) -> &'static str {
        match self {
            Self::Nowhere => "",
            Self::Quarantine => {
                "; those of folders are in quarantine (removed-by-seaf-migrate in storage/<kind>) and free no space before \
                 remove --purge deletes them; remove --restore brings them back"
            }
        }
    }
}

impl Outcome for RemoveOutcome {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Complete(_) | Self::Restored { restored: Restored { left: 0, .. }, .. } => 0,
            Self::KeptSome(_) | Self::Restored { .. } => 1,
            Self::Stopped { failure, .. } => failure.exit_code(),
            // All is not well without the file, because somebody asked for it to decide by it.
            Self::FileNotWritten { reached, .. } => reached.exit_code().max(1),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Complete(_) => "complete",
            Self::KeptSome(_) => "kept some",
            Self::Restored { restored: Restored { left: 0, .. }, .. } => "restored",
            Self::Restored { .. } => "restored some",
            Self::Stopped { failure, .. } => failure.name(),
            Self::FileNotWritten { reached, .. } => reached.name(),
        }
    }
}

impl fmt::Display for RemoveOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Complete(totals) => complete(f, totals),
            Self::KeptSome(totals) => kept_some(f, totals),
            Self::Restored { restored, dry_run } => brought_back(f, *restored, *dry_run),
            Self::Stopped { failure, totals } => stopped(f, failure, totals),
            Self::FileNotWritten { reached, what } => write!(f, "{reached}; {what}"),
        }
    }
}

fn complete(f: &mut fmt::Formatter<'_>, totals: &Totals) -> fmt::Result {
    let removed = totals.removed();
    match &totals.mode {
        Mode::Remove { journal, kept_in } => write!(
            f,
            "{removed} removed from the source, all of which the destination has; {} names them{}",
            journal.display(),
            kept_in.says()
        ),
        Mode::DryRun => {
            write!(f, "nothing was removed, this was a dry run; --yes would remove {removed} from the source")
        }
    }
}

fn kept_some(f: &mut fmt::Formatter<'_>, totals: &Totals) -> fmt::Result {
    let (removed, kept) = (totals.removed(), totals.kept());
    match &totals.mode {
        Mode::Remove { journal, kept_in } => {
            let (journal, more) = (journal.display(), kept_in.says());
            write!(f, "{removed} removed from the source, {kept}; {journal} names what was removed{more}")
        }
        Mode::DryRun => write!(f, "nothing was removed, this was a dry run; --yes would remove {removed}, {kept}"),
    }
}

fn brought_back(f: &mut fmt::Formatter<'_>, Restored { put_back, left }: Restored, dry_run: bool) -> fmt::Result {
    let put_back = format::plural(put_back, "object");
    if dry_run {
        return write!(f, "nothing was moved, this was a dry run; --yes would move {put_back} back to the source");
    }
    write!(f, "{put_back} moved back from quarantine to the source")?;
    match left {
        0 => Ok(()),
        left => {
            let left = format::plural(left, "object");
            write!(f, "; {left} LEFT in quarantine, because the source has objects of the same names")
        }
    }
}

fn stopped(f: &mut fmt::Formatter<'_>, failure: &Failure, totals: &Totals) -> fmt::Result {
    let removed = totals.removed();
    match (failure, &totals.mode) {
        (Failure::Interrupted { .. }, Mode::Remove { journal, .. }) => write!(
            f,
            "interrupted; {removed} removed from the source, and {} names them; the next run goes on from here",
            journal.display()
        ),
        (Failure::Interrupted { .. }, Mode::DryRun) => {
            f.write_str("interrupted; nothing was removed, this was a dry run")
        }
        (failure, Mode::Remove { journal, .. }) if totals.removed > 0 => {
            write!(f, "{failure}; {removed} removed from the source before that, and {} names them", journal.display())
        }
        (failure, _) => write!(f, "{failure}"),
    }
}

impl Totals {
    fn removed(&self) -> String {
        format::plural(self.removed, "object")
    }

    fn kept(&self) -> String {
        let count: u64 = self.kept.iter().map(|(_, count)| count).sum();
        let reasons = self.kept.iter().map(|(reason, count)| format!("{} {}", format::count(*count), reason.as_str()));
        match &reasons.collect::<Vec<_>>()[..] {
            [] => "and did not come to every object".to_owned(),
            reasons => format!("{} KEPT ({})", format::plural(count, "object"), reasons.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals(mode: Mode) -> Totals {
        Totals { mode, removed: 1000, kept: vec![(Reason::Missing, 2), (Reason::Newer, 1)] }
    }

    fn delete() -> Mode {
        Mode::Remove { journal: "/the/journal".into(), kept_in: KeptIn::Nowhere }
    }

    #[test]
    fn what_was_kept_is_counted_by_its_reasons() {
        let kept = RemoveOutcome::KeptSome(totals(delete()));
        assert_eq!((kept.exit_code(), kept.name()), (1, "kept some"));
        assert_eq!(
            kept.to_string(),
            "1,000 objects removed from the source, 3 objects KEPT (2 missing at the destination, 1 newer than the \
             verification); /the/journal names what was removed"
        );
    }

    #[test]
    fn what_was_removed_before_a_failure_is_told_and_a_dry_run_removed_nothing() {
        let failed = |mode| RemoveOutcome::Stopped { failure: Failure::Store("gone".to_owned()), totals: totals(mode) };
        assert!(failed(delete()).to_string().contains("1,000 objects removed from the source before that"));
        assert!(!failed(Mode::DryRun).to_string().contains("removed"));
        let signal = Failure::Interrupted { signal: 2 };
        let interrupted = RemoveOutcome::Stopped { failure: signal, totals: totals(Mode::DryRun) };
        assert_eq!((interrupted.exit_code(), interrupted.name()), (130, "interrupted"));
        assert!(interrupted.to_string().contains("nothing was removed"));
    }
}
