//! The way of one library, and of its virtual ones, from one storage class to another.
//!
//! It is copied and read back while it is in use. Then it becomes read-only, what came meanwhile is copied and read back, and one transaction puts it
//! into its new class and gives it its status back. How far it is stands in a file ([`super::state`]), written before each step.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::prove::{self, Proof, Proven};
use super::settings::MoveSettings;
use super::state::{MoveState, MoveStates, Step};
use super::tables::{ClassTables, READ_ONLY};
use crate::commands::common::failure::Failure;
use crate::commands::common::placing::Placed;
use crate::commands::common::selecting::Wanted;
use crate::commands::common::settings::{ListSettings, PairSettings};
use crate::commands::run::heads::result::{Heads, Moved};
use crate::commands::run::outcome::RunOutcome;
use crate::commands::run::result::PassResult;
use crate::commands::run::settings::{HeadsSettings, RunSettings, WhenHeads};
use crate::commands::{run, verify};
use crate::database::heads::Roots;
use crate::flow::Budget;
use crate::index::Index;
use crate::object::{LibraryId, ObjectKind, PerKind};
use crate::report::{Console, Outcome, format};
use crate::store::ReadStore;
use crate::store::open::{OpenOptions, open_destination_to_read, open_source};
use crate::sys::private_file::in_folder;
use crate::sys::shutdown::Shutdown;

/// A pass over a library in use is the last one when it copied no more than this many objects.
const FEW: u64 = 1000;
/// How many passes are made at most while a library is in use: one that is written to without end is moved all the same.
const LIVE_PASSES: u32 = 5;
/// How many passes are made at most while it is read-only, where a head moves all the same.
const LAST_PASSES: u32 = 5;

/// Why a library was not moved.
#[derive(Debug)]
pub(super) enum NotMoved {
    /// A store, the database or a file failed, or a signal came.
    Failed(Failure),
    /// The new class does not hold everything, in words.
    NotWhole(String),
}

impl<E: Into<Failure>> From<E> for NotMoved {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// A library to be moved, and what takes part in it.
pub(super) struct Move<'a> {
    pub(super) settings: &'a MoveSettings,
    pub(super) console: &'a Console,
    pub(super) shutdown: &'a Shutdown,
    pub(super) states: &'a MoveStates,
    /// The library and its virtual ones, ascending.
    pub(super) family: Vec<LibraryId>,
    pub(super) state: MoveState,
}

impl Move<'_> {
    /// All of it. Whatever ends it early, the library gets its status back where the database answers.
    ///
    /// # Errors
    /// Why it was not moved.
    pub(super) fn run(&mut self) -> Result<(), NotMoved> {
        let moved = self.copy_live().and_then(|read_back| self.finish(&read_back));
        if moved.is_err() && self.state.step != Step::Live {
            self.give_back()?;
        }
        moved
    }

    fn tables(&self) -> ClassTables<'_> {
        ClassTables { database: &self.settings.database }
    }

    /// Copies and reads back while the library is in use. Returns what was read back.
    fn copy_live(&self) -> Result<PerKind<Kept>, NotMoved> {
        for number in 1..=LIVE_PASSES {
            let pass = self.pass(&format!("pass {number}, the library is in use"))?;
            if pass.counters.total(|kind| &kind.copied) <= FEW {
                break;
            }
        }
        // Listed first: whatever comes later is read back in the last pass.
        let read_back = self.list(&self.settings.from, "read-back")?;
        let verified = verify::run(&self.verification(), self.console, self.shutdown);
        match verified.exit_code() {
            0 => Ok(read_back),
            1 => Err(NotMoved::NotWhole(format!(
                "not every object of library {} could be read back in its new class",
                self.state.library
            ))),
            _ => Err(NotMoved::Failed(
                Failure::interruption(self.shutdown).unwrap_or_else(|| Failure::Store(verified.to_string())),
            )),
        }
    }

    /// The last pass, while the library is read-only, and the change of its class.
    fn finish(&mut self, read_back: &PerKind<Kept>) -> Result<(), NotMoved> {
        self.make_read_only()?;
        for number in 1..=LAST_PASSES {
            let pass = self.pass(&format!("last pass {number}, the library is read-only"))?;
            self.require_whole(&pass)?;
            self.prove(read_back)?;
            if !has_moved(&pass.heads) {
                return self.switch();
            }
            self.console.warning(format_args!(
                "library {} was written to although it is read-only; once more",
                self.state.library
            ));
        }
        Err(NotMoved::NotWhole(format!("library {} is written to although it is read-only", self.state.library)))
    }

    /// Makes the library read-only, once what its status was is safe in the file.
    fn make_read_only(&mut self) -> Result<(), NotMoved> {
        // One that an earlier process made read-only keeps the status that the file has.
        if self.state.statuses.is_empty() {
            self.state.statuses = self.tables().statuses(&self.family)?;
        }
        self.keep(Step::ReadOnly)?;
        let read_only: BTreeMap<LibraryId, i64> = self.family.iter().map(|library| (*library, READ_ONLY)).collect();
        self.tables().set_statuses(&read_only)?;
        self.console.log(format_args!("Library {} is read-only from now on", self.state.library));
        self.settle()
    }

    /// Waits until what was being written has ended.
    fn settle(&self) -> Result<(), NotMoved> {
        let wait = Duration::from_secs(self.settings.settle);
        if !self.shutdown.sleep(wait) {
            return Err(NotMoved::Failed(
                Failure::interruption(self.shutdown).unwrap_or_else(|| Failure::cut_short("waiting")),
            ));
        }
        Ok(())
    }

    /// Changes the class, and gives the status back, in one transaction. Then the tables are asked whether it is so.
    fn switch(&mut self) -> Result<(), NotMoved> {
        self.keep(Step::Switching)?;
        let roots = self.tables().roots()?;
        let class = &self.settings.destination;
        let answer = self.tables().switch(&self.family, &roots, class, &self.state.statuses);
        // Whatever the answer was: it may have been lost after the change was made.
        let now = self.tables().roots()?;
        if !is_in(&now, &self.family, class) {
            return Err(match answer {
                Err(error) => error.into(),
                Ok(()) => NotMoved::NotWhole(format!(
                    "the database does not show library {} in class {class} after the change",
                    self.state.library
                )),
            });
        }
        self.states.forget(self.state.library).map_err(|error| local(self.states, self.state.library, &error))?;
        self.console.log(format_args!("Library {} is in class {class} now", self.state.library));
        Ok(())
    }

    /// Gives the library its status back, and forgets that it was on its way.
    pub(super) fn give_back(&mut self) -> Result<(), NotMoved> {
        if let Err(error) = self.tables().set_statuses(&self.state.statuses) {
            self.console.problem(format_args!(
                "library {} is still read-only, because the database could not be asked to change that: {error}. Run the same command again",
                self.state.library
            ));
            return Err(error.into());
        }
        self.console.log(format_args!("Library {} has its status back", self.state.library));
        self.state.statuses.clear();
        self.keep(Step::Live)
    }

    /// Keeps how far the move is.
    fn keep(&mut self, step: Step) -> Result<(), NotMoved> {
        self.state.step = step;
        self.states.save(&self.state).map_err(|error| local(self.states, self.state.library, &error).into())
    }

    /// Copies what the new class lacks of the library.
    fn pass(&self, what: &str) -> Result<PassResult, NotMoved> {
        self.console.log(format_args!("Library {}: {what}", self.state.library));
        let pass = run::pass(&self.pass_settings(), self.console, self.shutdown);
        match &pass.outcome {
            RunOutcome::Complete | RunOutcome::DamagedSource | RunOutcome::NotWhole | RunOutcome::SourceIncomplete => {
                Ok(pass)
            }
            RunOutcome::Stopped(failure) => Err(NotMoved::Failed(failure.clone())),
            other => Err(NotMoved::NotWhole(format!("library {} was not copied whole: {other}", self.state.library))),
        }
    }

    fn pass_settings(&self) -> RunSettings {
        let settings = self.settings;
        let list = ListSettings { prefix: None, relist: false, recheck: 0.0, temp_dir: settings.temp_dir.clone() };
        let (from, to) = (settings.from.clone(), settings.to.clone());
        RunSettings {
            plan: PairSettings { from, to, store: settings.store.clone(), list },
            queue: settings.store.workers() * 4,
            memory: settings.memory,
            report: None,
            html: None,
            wanted: Wanted::libraries(&self.family),
            strict: false,
            heads: HeadsSettings {
                when: WhenHeads::Demanded,
                database: Some(settings.database.clone()),
                guessed: None,
                accepted: [].into(),
                placed: Placed::default(),
            },
            retry_failed: None,
            lease: settings.lease,
            proofs: Some(settings.state.clone()),
        }
    }

    fn verification(&self) -> verify::settings::VerifySettings {
        let settings = self.settings;
        verify::settings::VerifySettings {
            from: settings.from.clone(),
            to: settings.to.clone(),
            store: settings.store.clone(),
            memory: settings.memory,
            content_percent: 100.0,
            bandwidth: None,
            libraries: self.family.clone(),
            database: None,
            database_is_named: false,
            checkpoint: Some(self.states.checkpoint(self.state.library)),
            temp_dir: settings.temp_dir.clone(),
            report: None,
            html: None,
            strict: false,
            state_dir: settings.state.clone(),
        }
    }

    /// Refuses a library whose newest state is not whole in the new class, or no worse there than in the old one.
    fn require_whole(&self, pass: &PassResult) -> Result<(), NotMoved> {
        let library = self.state.library;
        let why = match &pass.heads {
            Heads::NotChecked { why, .. } => why.clone(),
            Heads::Checked(result) if result.not_whole.count > 0 => {
                format!("not whole in its new class: {}", result.not_whole.names(3))
            }
            Heads::Checked(result) if result.missing_in_source.count > 0 => {
                format!(
                    "objects that it needs are missing in its old class as well: {}",
                    result.missing_in_source.names(3)
                )
            }
            Heads::Checked(_) => return Ok(()),
        };
        Err(NotMoved::NotWhole(format!("the newest state of library {library}: {why}")))
    }

    fn prove(&self, read_back: &PerKind<Kept>) -> Result<(), NotMoved> {
        let options = self.options();
        let budget = Budget::new(self.settings.memory);
        let held = self.list(&self.settings.to, "held")?;
        let mut proven = Vec::new();
        for kind in ObjectKind::ALL {
            let from = open_source(self.settings.from.store(kind), &options)?;
            let to: Arc<dyn ReadStore> = self.open_new(kind, &options)?;
            to.make_listed_durable()?;
            let proof = Proof {
                kind,
                from: &*from,
                to: &*to,
                libraries: &self.family,
                read_back: &read_back[kind].index,
                budget: &budget,
                workers: self.settings.store.workers(),
                shutdown: self.shutdown,
            };
            proven.push(proof.prove(&held[kind].index)?);
        }
        let (objects, read): (u64, u64) =
            proven.iter().fold((0, 0), |sum, one: &Proven| (sum.0 + one.objects, sum.1 + one.read));
        let (objects, read) = (format::plural(objects, "object"), format::count(read));
        self.console.log(format_args!(
            "Library {}: {objects} in the new class, {read} of them read back just now",
            self.state.library
        ));
        prove::in_words(self.state.library, &proven).map_or(Ok(()), |what| Err(NotMoved::NotWhole(what)))
    }

    fn options(&self) -> OpenOptions {
        self.settings.store.open_options(self.console, self.shutdown)
    }

    fn open_new(&self, kind: ObjectKind, options: &OpenOptions) -> Result<Arc<dyn ReadStore>, NotMoved> {
        let store = open_destination_to_read(self.settings.to.store(kind), options)?;
        store.ok_or_else(|| {
            NotMoved::NotWhole(format!("the {kind} store of class {} is not there", self.settings.destination))
        })
    }

    /// What a class holds of the family, of every kind.
    fn list(&self, side: &crate::conf::SideConf, name: &str) -> Result<PerKind<Kept>, NotMoved> {
        let options = self.options();
        PerKind::try_from_fn(|kind| {
            let conf = side.store(kind);
            let store = if name == "held" { self.open_new(kind, &options)? } else { open_source(conf, &options)? };
            let folder = tempfile::Builder::new().prefix("seaf-migrate-").tempdir_in(&self.settings.temp_dir);
            let folder = folder.map_err(|error| {
                Failure::local("make a temporary folder", &in_folder(&self.settings.temp_dir, &error))
            })?;
            let listers = self.settings.store.listers_for(conf);
            let index = prove::list(folder.path(), name, kind, &*store, &self.family, listers, self.shutdown)?;
            Ok(Kept { index, _folder: folder })
        })
    }
}

/// A listing, and the folder that it is in.
struct Kept {
    index: Index,
    /// Removed with it.
    _folder: tempfile::TempDir,
}

/// Whether every library is in a class, by the rows.
fn is_in(roots: &Roots, libraries: &[LibraryId], class: &str) -> bool {
    let rows: BTreeMap<LibraryId, &str> = roots.classes.rows().collect();
    libraries.iter().all(|library| rows.get(library) == Some(&class))
}

fn has_moved(heads: &Heads) -> bool {
    !matches!(heads, Heads::Checked(result) if matches!(result.moved, Moved::Known { count: 0, .. }))
}

/// That a file of a move cannot be written.
pub(super) fn local(states: &MoveStates, library: LibraryId, error: &std::io::Error) -> Failure {
    Failure::local(&format!("keep how far the move is in {}", states.path(library).display()), error)
}
