//! What a verification knows so far: numbers, findings, and how far it is.

use std::io;
use std::time::{Duration, Instant};

use super::checkpoint::folder::{FOUND, Folder};
use super::checkpoint::{Checkpoint, CheckpointScope};
use crate::commands::common::failure::Failure;
use crate::commands::verify::result::Row;
use crate::compare::{Comparison, Examined, Fault, Step, Tally};
use crate::metrics::{CompareCounters, Finding};
use crate::object::{ObjectKey, ObjectKind};
use crate::report::jsonl::JsonLog;

/// How often the checkpoint is written at most. What came after the last one is done again.
const SAVE_EVERY: Duration = Duration::from_secs(1);

/// Numbers, findings, and how far the verification is.
#[derive(Debug)]
pub(super) struct VerifyState {
    pub(super) folder: Folder,
    /// What the checkpoint says; `after` and `marks` are those of the last time it was kept.
    pub(super) kept: Checkpoint,
    /// The last key that is settled of the kind that is next.
    pub(super) after: Option<ObjectKey>,
    pub(super) findings: JsonLog<Finding>,
    pub(super) damaged: JsonLog<Finding>,
    pub(super) rows: JsonLog<Row>,
    pub(super) vanished: JsonLog<Finding>,
    pub(super) wrong_once: JsonLog<Finding>,
    /// Whether an earlier process began it.
    pub(super) is_resumed: bool,
    saved: Instant,
}

/// A part of the work that is settled.
#[derive(Debug)]
pub(super) struct StepResult {
    /// Which objects.
    pub(super) step: Step,
    /// What came of the one that needed a look.
    pub(super) examined: Option<Examined>,
    /// Whether that object was left over from before.
    pub(super) again: bool,
}

impl VerifyState {
    /// Goes on from what is in the folder, or begins.
    ///
    /// # Errors
    /// When the checkpoint is about something else, or cannot be read or written.
    pub(super) fn open(folder: Folder, scope: CheckpointScope) -> Result<Self, Failure> {
        let loaded = folder.load(&scope)?;
        let is_resumed = loaded.is_some();
        let failed = |error: io::Error| {
            let dir = folder.file("");
            Failure::Refused(format!("the checkpoint {} cannot be used: {error}", dir.display()))
        };
        let kept = match loaded {
            Some(kept) => kept,
            None => {
                folder.clear().map_err(failed)?;
                // Kept before anything else is there, so that whatever a kill leaves says what it belongs to.
                let kept = Checkpoint::new(scope);
                folder.save(&kept).map_err(failed)?;
                kept
            }
        };
        let [findings, damaged, rows, vanished, wrong_once] = kept.marks;
        let findings = JsonLog::open(&folder.file(FOUND[0]), findings).map_err(failed)?;
        let damaged = JsonLog::open(&folder.file(FOUND[1]), damaged).map_err(failed)?;
        let rows = JsonLog::open(&folder.file(FOUND[2]), rows).map_err(failed)?;
        let vanished = JsonLog::open(&folder.file(FOUND[3]), vanished).map_err(failed)?;
        let wrong_once = JsonLog::open(&folder.file(FOUND[4]), wrong_once).map_err(failed)?;
        let (after, saved) = (kept.after, Instant::now());
        Ok(Self { folder, kept, after, findings, damaged, rows, vanished, wrong_once, is_resumed, saved })
    }

    /// Begins anew, with nothing of what was known.
    ///
    /// # Errors
    /// As [`VerifyState::open`].
    pub(super) fn begun_anew(self) -> Result<Self, Failure> {
        let Self { folder, kept, .. } = self;
        folder.clear().map_err(|error| Failure::local("begin the checkpoint anew", &error))?;
        Self::open(folder, kept.scope)
    }

    /// The objects of `kind` that could not be checked.
    pub(super) fn unchecked(&self, kind: ObjectKind) -> Vec<ObjectKey> {
        self.kept.unchecked.iter().filter(|finding| finding.kind == kind).map(Finding::key).collect()
    }

    /// How many objects of `kind` are settled, or known not to be.
    pub(super) fn accounted(&self, kind: ObjectKind) -> u64 {
        self.kept.kinds[kind].objects + self.unchecked(kind).len() as u64
    }

    /// Takes in what is settled, in order, and keeps it now and then.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub(super) fn settle(
        &mut self,
        kind: ObjectKind,
        settled: &StepResult,
        counters: &CompareCounters,
    ) -> io::Result<()> {
        let StepResult { step, examined, again } = settled;
        let mut tally = step.plain;
        if let (Some(object), Some(examined)) = (&step.object, examined) {
            tally.count(object.from, examined);
            if *again {
                self.forget_unchecked(kind, &object.key);
            }
            self.name(kind, &object.key, examined)?;
        }
        self.kept.kinds[kind].add(&tally);
        self.row(kind, &step.last, &tally, *again)?;
        if !again {
            self.after = Some(step.last);
        }
        counters.settled.add(tally.objects);
        counters.read_bytes.add(tally.read_bytes);
        counters.findings.add(tally.findings());
        if self.saved.elapsed() >= SAVE_EVERY { self.save() } else { Ok(()) }
    }

    fn forget_unchecked(&mut self, kind: ObjectKind, key: &ObjectKey) {
        self.kept.unchecked.retain(|finding| finding.kind != kind || finding.key() != *key);
    }

    /// Names what is not as it should be.
    fn name(&mut self, kind: ObjectKind, key: &ObjectKey, examined: &Examined) -> io::Result<()> {
        for told in &examined.wrong_once {
            self.wrong_once.push(&Finding::new(kind, key, "read", "read wrong once", told))?;
        }
        match &examined.outcome {
            Comparison::Good => Ok(()),
            Comparison::Vanished => {
                let cause = "it was listed, and now neither side has it and the source does not list it";
                self.vanished.push(&Finding::new(kind, key, "verify", "vanished", cause))
            }
            Comparison::Finding(fault, cause) => {
                self.findings.push(&Finding::new(kind, key, "verify", fault.as_str(), cause))
            }
            Comparison::Archived { class, cause } => {
                let finding = Finding::new(kind, key, "verify", Fault::Unreadable.as_str(), cause);
                self.findings.push(&finding.in_archive(class.clone()))
            }
            Comparison::SourceDamage(damage) => {
                self.damaged.push(&Finding::new(kind, key, "check", "damaged in the source", damage))
            }
            Comparison::Unchecked(error) => {
                self.kept.unchecked.push(Finding::from_error(kind, key, error));
                Ok(())
            }
        }
    }

    /// Adds to the numbers of a library. One that is left is written down.
    fn row(&mut self, kind: ObjectKind, key: &ObjectKey, tally: &Tally, again: bool) -> io::Result<()> {
        let is_open = |row: &Row| row.kind == kind && row.library == key.library;
        if let Some(row) = self.kept.row.as_mut().filter(|row| is_open(row)) {
            row.tally.add(tally);
            return Ok(());
        }
        let row = Row { kind, library: key.library, tally: *tally };
        if again {
            return self.rows.push(&row);
        }
        self.kept.row.replace(row).map_or(Ok(()), |left| self.rows.push(&left))
    }

    /// Everything of a kind is settled.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub(super) fn end_kind(&mut self, kind: ObjectKind) -> io::Result<()> {
        if let Some(row) = self.kept.row.take() {
            self.rows.push(&row)?;
        }
        self.after = None;
        self.kept.end_kind(kind);
        self.save()
    }

    /// Keeps everything so far.
    ///
    /// # Errors
    /// When it cannot be kept; what was kept before stands then.
    pub(super) fn save(&mut self) -> io::Result<()> {
        // Nothing outlives the process otherwise, so there is nothing to wait for a disk for.
        if self.folder.kept().is_some() {
            self.kept.after = self.after;
            let Self { findings, damaged, rows, vanished, wrong_once, .. } = self;
            self.kept.marks = [findings.sync()?, damaged.sync()?, rows.sync()?, vanished.sync()?, wrong_once.sync()?];
            self.folder.save(&self.kept)?;
        }
        self.saved = Instant::now();
        Ok(())
    }
}
