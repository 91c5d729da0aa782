//! Tells everybody how a verification ended: the terminal, the report, the page, and the note for `remove`.

use std::io;
use std::time::Instant;

use jiff::{Timestamp, Zoned};

use super::outcome::VerifyOutcome;
use super::result::{KindTotals, Verified};
use super::state::VerifyState;
use super::{Verification, page, report, summary};
use crate::commands::check::Apart;
use crate::commands::common::failure::Failure;
use crate::commands::common::incarnations;
use crate::commands::verify::settings::VerifySettings;
use crate::compare::Tally;
use crate::history::{Incarnation, VerifyNote};
use crate::object::{ObjectKind, PerKind};
use crate::report::header::moment;
use crate::report::jsonl::{JsonLog, Position};
use crate::report::page::write;
use crate::report::{Console, Outcome, Process, ReportHead, format};

impl Verification<'_> {
    /// How it ended, now that all threads are done. Success is claimed on numbers and not on the absence of errors.
    fn outcome(&self, stopped: Option<Failure>) -> VerifyOutcome {
        if let Some(failure) = stopped.or_else(|| self.left_undone()) {
            let checkpoint = self.state.folder.kept().map(ToOwned::to_owned);
            return VerifyOutcome::Stopped { failure, checkpoint };
        }
        let read = self.state.kept.kinds.values().map(|tally| tally.read).sum();
        match (self.state.findings.count(), self.state.damaged.count()) {
            (objects @ 1.., _) => VerifyOutcome::Findings { objects, read },
            (0, 1..) if self.settings.strict => VerifyOutcome::DamagedSource { read },
            _ => VerifyOutcome::Complete { read },
        }
    }

    /// What was not compared.
    fn left_undone(&self) -> Option<Failure> {
        if let [first, ..] = &self.state.kept.unchecked[..] {
            let count = self.state.kept.unchecked.len() as u64;
            let what = format!("{} could not be checked: {}", format::plural(count, "object"), first.cause);
            return Some(Failure::Store(what));
        }
        for (kind, listed) in self.listed.iter() {
            let Some(listed) = listed else {
                return Some(Failure::Store(format!("the [{kind}] objects were not listed to the end")));
            };
            let (settled, all) = (self.state.accounted(kind), listed.from.len());
            if settled != all || !self.state.kept.is_done(kind) {
                return Some(Failure::Store(format!("only {settled} of {all} [{kind}] objects were verified")));
            }
        }
        None
    }

    /// Tells the result to everybody, and removes the checkpoint of a verification that came to its end. `stopped` is
    /// why it ended early.
    pub(super) fn tell(
        mut self,
        stopped: Option<Failure>,
        started: &Zoned,
        began: Instant,
        console: &Console,
    ) -> VerifyOutcome {
        let outcome = self.outcome(stopped);
        let totals = |kind: ObjectKind| KindTotals {
            in_source: self.listed[kind].as_ref().map(|listed| listed.from.len()),
            at_destination: self.listed[kind].as_ref().map(|listed| listed.to.len()),
            tally: self.state.kept.kinds[kind],
        };
        let kinds = PerKind::from_fn(totals);
        let ignored = |kind: ObjectKind| self.listed[kind].as_ref().map(|listed| listed.ignored.clone());
        let ignored = PerKind::from_fn(|kind| ignored(kind).unwrap_or_default());
        let VerifyState { kept, findings, damaged, rows, vanished, wrong_once, .. } = &mut self.state;
        let mut verified = Verified {
            outcome: &outcome,
            began: moment(kept.began),
            content_percent: kept.scope.content_percent,
            only: &kept.scope.libraries,
            kinds,
            ignored,
            rows,
            findings,
            damaged,
            vanished,
            wrong_once,
            unchecked: &kept.unchecked,
        };
        let VerifySettings { from, to, .. } = self.settings;
        let process = Process::ended(started, began.elapsed(), from, to, self.options.retries());
        let head = ReportHead::of("verify", &outcome, console);
        let unwritten = write_files(self.settings, &mut verified, &head, &process);
        summary::print(&mut verified, console);
        self.revoke();
        if outcome.is_over() {
            self.note();
        }
        let outcome = match unwritten {
            // The checkpoint stays, so that writing the file anew costs nothing.
            Some(what) => VerifyOutcome::FileNotWritten { reached: Box::new(outcome), what },
            None if outcome.is_over() => {
                self.forget();
                outcome
            }
            None => outcome,
        };
        outcome.print_result(console);
        outcome
    }

    /// Revokes what was recorded about a destination in which something is wrong, however the verification ended.
    fn revoke(&self) {
        if self.state.findings.count() == 0 {
            return;
        }
        if let Err(error) = incarnations::found_wrong(&self.settings.to, &self.options) {
            self.console.warning(format_args!(
                "it could not be noted at the destination that something is wrong there: {error}. Run again with \
                 --relist, so that no list file is relied on"
            ));
        }
    }

    /// Notes the result for whoever wants to delete the source.
    fn note(&self) {
        let (kept, findings) = (&self.state.kept, self.state.findings.count());
        let (pair, state_dir) = (&kept.scope.pair, &self.settings.state_dir);
        if let Apart::NotSeen(why) = &self.apart {
            self.console.warning(format_args!(
                "this verification does not allow a removal: it could not be seen that the destination is not the \
                 source under another name ({why})"
            ));
        }
        // One of some libraries only would be taken for one of all.
        let is_proof = self.settings.libraries.is_empty() && !matches!(self.apart, Apart::NotSeen(_));
        let noted = match is_proof {
            false => state_dir.note_partial_verify(pair, kept.began, findings),
            true => {
                let note = VerifyNote {
                    began: kept.began,
                    ended: Timestamp::now(),
                    content_percent: self.settings.content_percent,
                    findings,
                    objects: kept.kinds.values().map(|tally| tally.objects).sum(),
                    heads: self.heads.clone(),
                    destination: self.unchanged_incarnations(),
                };
                state_dir.note_verify(pair, note)
            }
        };
        if let Err(error) = noted {
            self.console.warning(format_args!("{error}. Without such notes, the source cannot be deleted later"));
        }
    }

    /// The incarnations of the destination's stores, when each has one and the same as at the beginning.
    fn unchanged_incarnations(&self) -> Option<PerKind<Incarnation>> {
        let before = self.incarnations.as_ref()?;
        let now = match incarnations::read(&self.settings.to, &self.options) {
            Ok(now) => now,
            Err(error) => {
                self.console.warning(format_args!("the destination's generation cannot be read: {error}"));
                return None;
            }
        };
        if now == *before { now.all() } else { None }
    }

    fn forget(self) {
        drop(self.listed);
        if let Err(error) = self.state.folder.remove() {
            self.console.warning(format_args!("the checkpoint could not be removed: {error}"));
        }
    }
}

/// Writes the report and the page of a verification that did not begin: why, and no numbers.
pub(super) fn not_begun(
    settings: &VerifySettings,
    outcome: VerifyOutcome,
    started: &Zoned,
    began: Instant,
    console: &Console,
) -> VerifyOutcome {
    let wanted = settings.report.is_some() || settings.html.is_some();
    let unwritten = wanted.then(|| write_not_begun(settings, &outcome, started, began, console));
    match unwritten.and_then(|written| written.unwrap_or_else(|error| Some(error.to_string()))) {
        Some(what) => VerifyOutcome::FileNotWritten { reached: Box::new(outcome), what },
        None => outcome,
    }
}

fn write_not_begun(
    settings: &VerifySettings,
    outcome: &VerifyOutcome,
    started: &Zoned,
    began: Instant,
    console: &Console,
) -> io::Result<Option<String>> {
    let dir = tempfile::tempdir_in(&settings.temp_dir)?;
    let open = |name: &str| JsonLog::open(&dir.path().join(name), Position::default());
    let mut rows = JsonLog::open(&dir.path().join("rows"), Position::default())?;
    let [mut findings, mut damaged] = [open("findings")?, open("damaged")?];
    let [mut vanished, mut wrong_once] = [open("vanished")?, open("wrong-once")?];
    let only: Vec<String> = settings.libraries.iter().map(ToString::to_string).collect();
    let nothing = KindTotals { in_source: None, at_destination: None, tally: Tally::default() };
    let mut verified = Verified {
        outcome,
        began: moment(started.timestamp()),
        content_percent: settings.content_percent,
        only: &only,
        kinds: PerKind::from_fn(|_| nothing),
        ignored: PerKind::default(),
        rows: &mut rows,
        findings: &mut findings,
        damaged: &mut damaged,
        vanished: &mut vanished,
        wrong_once: &mut wrong_once,
        unchecked: &[],
    };
    let head = ReportHead::of("verify", outcome, console);
    let process = Process::ended(started, began.elapsed(), &settings.from, &settings.to, 0);
    Ok(write_files(settings, &mut verified, &head, &process))
}

/// Writes the report and the page that were asked for; returns what could not be written, and why.
fn write_files(
    settings: &VerifySettings,
    verified: &mut Verified<'_>,
    head: &ReportHead,
    process: &Process,
) -> Option<String> {
    let report = settings.report.as_ref().and_then(|path| {
        let error = report::write(verified, path, head, process).err()?;
        Some(format!("the report {} could not be written: {error}", path.display()))
    });
    let page = settings.html.as_ref().and_then(|path| {
        let error = page::of(verified, head, process).and_then(|page| write(path, &page)).err()?;
        Some(format!("the page {} could not be written: {error}", path.display()))
    });
    let unwritten: Vec<String> = report.into_iter().chain(page).collect();
    (!unwritten.is_empty()).then(|| unwritten.join("; "))
}
