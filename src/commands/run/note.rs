//! The note that a pass leaves about itself, so that no older verification is taken for one of what it wrote.

use jiff::Timestamp;

use crate::commands::common::failure::Failure;
use crate::commands::run::settings::RunSettings;
use crate::history::{Pair, RunNote, StateDir};
use crate::report::{Console, Outcome};

/// A pass that has noted its beginning.
#[derive(Debug)]
pub(super) struct Note<'a> {
    proofs: Option<&'a StateDir>,
    pair: Pair,
    began: Timestamp,
}

impl<'a> Note<'a> {
    /// Notes that a pass begins.
    ///
    /// # Errors
    /// When a verification is noted that would look newer than this pass. Where there is none, a folder that cannot be
    /// written does no harm: nothing will be deleted on the strength of it.
    pub(super) fn begin(settings: &'a RunSettings, console: &Console) -> Result<Self, Failure> {
        let pair = Pair::new(&settings.plan.from, &settings.plan.to);
        let note = Self { proofs: settings.proofs.as_ref(), pair, began: Timestamp::now() };
        let Some(proofs) = note.proofs else { return Ok(note) };
        let run = RunNote { began: note.began, ended: None, exit_code: None };
        if let Err(error) = proofs.note_run(&note.pair, run) {
            if !matches!(proofs.load(&note.pair), Ok(None)) {
                return Err(Failure::Refused(error.to_string()));
            }
            console.problem(format_args!("Warning: {error}. Without such notes, the source cannot be deleted later"));
        }
        Ok(note)
    }

    /// Notes how the pass ended.
    pub(super) fn end(self, outcome: &impl Outcome, console: &Console) {
        let Some(proofs) = self.proofs else { return };
        let exit_code = Some(outcome.exit_code());
        let run = RunNote { began: self.began, ended: Some(Timestamp::now()), exit_code };
        if let Err(error) = proofs.note_run(&self.pair, run) {
            console.problem(format_args!("Warning: {error}"));
        }
    }
}
