//! The note that a command leaves about itself that writes to a destination, so that no older verification is taken for one
//! of what it wrote.

use jiff::Timestamp;

use crate::commands::common::failure::Failure;
use crate::history::{Pair, RunNote, StateDir};
use crate::report::{Console, Outcome};

/// A command that has noted that it writes.
#[derive(Debug)]
pub struct RunNoted<'a> {
    proofs: Option<&'a StateDir>,
    pair: Pair,
    began: Timestamp,
}

impl<'a> RunNoted<'a> {
    /// Notes that a command begins that writes to the destination of `pair`. Without `proofs` nothing is noted.
    ///
    /// # Errors
    /// When a verification is noted that would look newer than this command. Where there is none, a folder that cannot be
    /// written does no harm: nothing will be deleted on the strength of it.
    pub fn begin(proofs: Option<&'a StateDir>, pair: Pair, console: &Console) -> Result<Self, Failure> {
        let note = Self { proofs, pair, began: Timestamp::now() };
        let Some(proofs) = note.proofs else { return Ok(note) };
        let run = RunNote { began: note.began, ended: None, exit_code: None };
        if let Err(error) = proofs.note_run(&note.pair, run) {
            if !matches!(proofs.load(&note.pair), Ok(None)) {
                return Err(Failure::Refused(error.to_string()));
            }
            console.warning(format_args!("{error}. Without such notes, the source cannot be deleted later"));
        }
        Ok(note)
    }

    /// Notes how the command ended.
    pub fn end(self, outcome: &impl Outcome, console: &Console) {
        let Some(proofs) = self.proofs else { return };
        let exit_code = Some(outcome.exit_code());
        let run = RunNote { began: self.began, ended: Some(Timestamp::now()), exit_code };
        if let Err(error) = proofs.note_run(&self.pair, run) {
            console.warning(format_args!("{error}"));
        }
    }
}
