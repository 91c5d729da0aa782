//! How a verification ended, told to everybody: the terminal, the report, and the note for whoever deletes the source.

use std::time::Instant;

use jiff::{Timestamp, Zoned};

use super::Verification;
use super::state::VerifyState;
use crate::commands::verify::report::{KindTotals, Verified};
use crate::commands::verify::settings::VerifySettings;
use crate::history::VerifyNote;
use crate::object::{ObjectKind, PerKind};
use crate::report::page::write;
use crate::report::{Ending, Process, format};

impl Verification<'_> {
    /// How it ended, now that all threads are done. Success is claimed on numbers and not on the absence of errors.
    fn ending(&self) -> Ending {
        let early = self.state.listing_ending(self.stop);
        if early != Ending::Complete {
            return early;
        }
        if let [first, ..] = &self.record.state.unchecked[..] {
            let (count, cause) = (self.record.state.unchecked.len() as u64, &first.cause);
            return Ending::StoreFailed(format!("{} could not be checked: {cause}", format::plural(count, "object")));
        }
        for (kind, listed) in self.listed.iter() {
            let Some(listed) = listed else {
                return Ending::StoreFailed(format!("the [{kind}] objects were not listed to the end"));
            };
            let (settled, all) = (self.record.accounted(kind), listed.from.len());
            if settled != all || !self.record.state.is_done(kind) {
                return Ending::StoreFailed(format!("only {settled} of {all} [{kind}] objects were verified"));
            }
        }
        match (self.record.findings.count(), self.record.damaged.count()) {
            (1.., _) => Ending::Findings,
            (0, 1..) if self.settings.strict => Ending::DamagedSource,
            _ => Ending::Complete,
        }
    }

    /// The ending in a sentence.
    fn message(&self, ending: &Ending) -> String {
        let read: u64 = self.record.state.kinds.values().map(|tally| tally.read).sum();
        let how = match read {
            0 => "compared by id and size, no content read".to_owned(),
            read => format!("{} read and hashed", format::plural(read, "object")),
        };
        match ending {
            Ending::Complete => format!("everything that the source has is at the destination ({how})"),
            Ending::DamagedSource => format!(
                "everything that the source has is at the destination ({how}), but some of it was damaged in the source already (--strict)"
            ),
            Ending::Findings => {
                let findings = format::plural(self.record.findings.count(), "object");
                format!(
                    "{findings} of the source NOT at the destination as in the source ({how}); a run with --relist copies what is missing or too short"
                )
            }
            early => {
                let next = match self.record.folder.kept() {
                    Some(dir) => format!("the same command goes on from the checkpoint {}", dir.display()),
                    None => "with --checkpoint DIR, the next one could go on from here".to_owned(),
                };
                match early {
                    Ending::Interrupted { .. } => format!("interrupted, NOT verified to the end; {next}"),
                    other => format!("NOT verified to the end: {other}; {next}"),
                }
            }
        }
    }

    /// Tells the result to everybody, and removes the checkpoint of a verification that came to its end.
    pub(super) fn tell(mut self, started: &Zoned, began: Instant) -> Ending {
        let mut ending = self.ending();
        let message = self.message(&ending);
        let is_over = matches!(ending, Ending::Complete | Ending::DamagedSource | Ending::Findings);
        let totals = |kind: ObjectKind| KindTotals {
            in_source: self.listed[kind].as_ref().map(|listed| listed.from.len()),
            at_destination: self.listed[kind].as_ref().map(|listed| listed.to.len()),
            tally: self.record.state.kinds[kind],
        };
        let kinds = PerKind::from_fn(totals);
        let VerifyState { state, findings, damaged, rows, .. } = &mut self.record;
        let mut verified = Verified {
            ending: &ending,
            message,
            began: state.began.to_string(),
            content_percent: state.bound.content_percent,
            only: &state.bound.libraries,
            kinds,
            rows,
            findings,
            damaged,
            unchecked: &state.unchecked,
        };
        let VerifySettings { from, to, .. } = self.settings;
        let process = Process::ended(started, began.elapsed(), from, to, self.options.retries());
        let mut lost = None;
        if let Some(path) = &self.settings.report {
            lost = verified.write(path, &process).err().map(|error| ("report", path, error));
        }
        if let Some(path) = &self.settings.html {
            let written = super::page::of(&mut verified, &process).and_then(|shown| write(path, &shown));
            lost = lost.or(written.err().map(|error| ("page", path, error)));
        }
        verified.print(self.console);
        if is_over {
            self.note();
        }
        match lost {
            Some((file, path, error)) => {
                let what = format!("the {file} {} could not be written: {error}", path.display());
                self.console.problem(format_args!("{what} (exit code 1)."));
                // All is not well then, because somebody asked for the file to decide by it. The checkpoint stays, so
                // that writing it anew costs nothing.
                if ending.exit_code() == 0 {
                    ending = Ending::Full(what);
                }
            }
            _ if is_over => self.forget(),
            _ => {}
        }
        ending
    }

    /// Notes the result for whoever wants to delete the source. One of some libraries only is not noted, because it
    /// would be taken for one of all.
    fn note(&self) {
        let (Some(proofs), []) = (&self.settings.proofs, &self.settings.libraries[..]) else { return };
        let note = VerifyNote {
            began: self.record.state.began,
            ended: Timestamp::now(),
            content_percent: self.settings.content_percent,
            findings: self.record.findings.count(),
            objects: self.record.state.kinds.values().map(|tally| tally.objects).sum(),
            heads: self.heads.clone(),
        };
        if let Err(error) = proofs.note_verify(&self.record.state.bound.pair, note) {
            self.console
                .problem(format_args!("Warning: {error}. Without such notes, the source cannot be deleted later"));
        }
    }

    fn forget(self) {
        drop(self.listed);
        if let Err(error) = self.record.folder.remove() {
            self.console.problem(format_args!("Warning: the checkpoint could not be removed: {error}"));
        }
    }
}
