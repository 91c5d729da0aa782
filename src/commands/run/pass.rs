//! One pass, from the locks to what it came to.
//!
//! A pass locks the destination, checks and opens both sides, loads or lists what the destination holds, and then copies
//! what is missing: blocks first, then fs, then commits, so that what is pointed at arrives before what points at it.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::again::Again;
use super::begun::Begun;
use super::damage::{DamageMemory, Remembered};
use super::heads::result::Heads;
use super::heads::{self, NotedHeads, Noting, StoresOfSides};
use super::listed_less::warn_of_less;
use super::outcome::{Finished, RunOutcome};
use super::progress::CopyProgress;
use super::result::PassResult;
use super::retry::{self, Failed, LookUp};
use super::settings::RunSettings;
use crate::commands::common::destination::{DestinationIndex, Lists, Snapshot};
use crate::commands::common::empty_kinds::{SideToLookAt, lists_anything};
use crate::commands::common::failure::Failure;
use crate::commands::common::named_libraries;
use crate::commands::common::other_layout;
use crate::commands::common::selecting;
use crate::commands::common::sides::Sides;
use crate::commands::common::staying;
use crate::commands::common::verified_view::VerifiedView;
use crate::flow::Budget;
use crate::flow::breaker::CircuitBreaker;
use crate::metrics::{Counters, ObjectFindings};
use crate::object::selection::Selection;
use crate::object::{LibraryId, ObjectKind, PerKind};
use crate::report::progress::during;
use crate::report::{Console, format};
use crate::store::ReadStore;
use crate::store::open::OpenOptions;
use crate::sys::shutdown::Shutdown;
use crate::transfer::diff::MissingObjects;
use crate::transfer::flush::BatchLimits;
use crate::transfer::{ConfirmedObjects, Transfer, TransferLimits, TransferOutcome, WorkSource};

/// Everything that a pass is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pass<'a> {
    pub(super) settings: &'a RunSettings,
    pub(super) options: &'a OpenOptions,
    /// What had failed, when only that is to be copied.
    pub(super) failed: Option<&'a Failed>,
    pub(super) console: &'a Console,
    pub(super) shutdown: &'a Shutdown,
}

/// What the transfers of a pass share.
struct Shared {
    counters: Counters,
    findings: ObjectFindings,
    breaker: CircuitBreaker,
    budget: Budget,
    /// What earlier passes found damaged, and this one has neither named so nor seen to be right.
    damaged_before: Mutex<Remembered>,
    /// The libraries that the pass is about, once it is known.
    selection: OnceLock<Selection>,
}

impl Shared {
    fn selection(&self) -> &Selection {
        self.selection.get_or_init(Selection::default)
    }
}

/// What the copying came to.
struct Copied {
    heads: Heads,
    names: BTreeMap<LibraryId, String>,
    /// What ended it early.
    failure: Option<Failure>,
}

impl Copied {
    fn failed(failure: Failure) -> Self {
        let why = format!("the pass ended before it, {failure}");
        let heads = Heads::not_checked(why, "Mend that, and run again.");
        Self { heads, names: BTreeMap::new(), failure: Some(failure) }
    }
}

/// What is copied of one kind.
#[derive(Clone, Copy)]
struct Work<'a> {
    kind: ObjectKind,
    source: &'a dyn WorkSource,
    /// Where it is remembered what was copied.
    confirmed: Option<&'a dyn ConfirmedObjects>,
}

impl<'a> Pass<'a> {
    /// The whole of it.
    pub(super) fn run(&self) -> PassResult {
        let shared = Shared {
            counters: Counters::default(),
            findings: ObjectFindings::default(),
            breaker: CircuitBreaker::default(),
            budget: Budget::new(self.settings.memory),
            damaged_before: Mutex::default(),
            selection: OnceLock::new(),
        };
        let memory = DamageMemory::of(self.settings);
        let (begun, copied) = match Begun::begin(self.settings, self.options, self.console, self.shutdown) {
            Ok(mut begun) => {
                let copied = self.copy_remembering(memory.as_ref(), &mut begun, &shared);
                (Some(begun), copied)
            }
            Err(failure) => (None, Copied::failed(failure)),
        };
        let Copied { heads, names, failure } = copied;
        let failure = begun.as_ref().and_then(Begun::lease_lost).or(failure);
        let outcome = self.outcome(&shared, &heads, failure);
        let outcome = begun.map_or(outcome.clone(), |begun| begun.end(outcome));
        let Shared { counters, findings, selection, .. } = shared;
        PassResult { outcome, counters, findings, heads, names, selection: selection.into_inner().unwrap_or_default() }
    }

    /// Copies. What earlier passes found damaged is loaded before, and what of it is open still is kept for the next one.
    fn copy_remembering(&self, memory: Option<&DamageMemory>, begun: &mut Begun<'_>, shared: &Shared) -> Copied {
        let Some(memory) = memory else { return self.copy(begun, shared) };
        let before = || shared.damaged_before.lock().unwrap_or_else(PoisonError::into_inner);
        match memory.load() {
            Ok(remembered) => *before() = remembered,
            Err(failure) => return Copied::failed(failure),
        }
        let copied = self.copy(begun, shared);
        let path = memory.path().display();
        match memory.save(&before(), &shared.findings.damage) {
            Ok(0) => {}
            Ok(left_out) => self.console.warning(format_args!(
                "{path} has no room for {}, which the next pass does not name again",
                format::plural(left_out, "more damaged object")
            )),
            Err(error) => self.console.warning(format_args!(
                "{path} could not be written: {error}. The next pass does not name what is damaged in the source"
            )),
        }
        copied
    }

    /// Names what earlier passes found damaged and this one has not named itself, where it is not right by now.
    fn name_damaged_before(&self, sides: &Sides, shared: &Shared) -> Result<(), Failure> {
        let again = Again {
            sides,
            open: &shared.damaged_before,
            workers: self.settings.plan.store.workers(),
            budget: &shared.budget,
            counters: &shared.counters,
            findings: &shared.findings,
            breaker: &shared.breaker,
        };
        again.name(&|| self.shutdown.requested())?;
        self.go_on()
    }

    fn outcome(&self, shared: &Shared, heads: &Heads, failure: Option<Failure>) -> RunOutcome {
        // A call that a signal cut short fails, too; the signal is what is told then.
        if let Some(failure) = Failure::interruption(self.shutdown).or(failure) {
            return RunOutcome::Stopped(failure);
        }
        let Shared { counters, findings, .. } = shared;
        let outcome = Finished { counters, findings, heads, strict: self.settings.strict }.outcome();
        self.failed.map_or(outcome.clone(), |failed| failed.outcome(outcome))
    }

    fn copy(&self, begun: &mut Begun<'_>, shared: &Shared) -> Copied {
        match self.failed {
            None => self.note_and_copy(begun, shared),
            Some(failed) => Copied {
                heads: Heads::not_checked("only what had failed was retried", "Run again without --retry-failed."),
                names: BTreeMap::new(),
                failure: self.copy_failed(failed, begun, shared).err(),
            },
        }
    }

    /// Notes the heads before anything is listed, copies, and looks for the heads at the destination.
    fn note_and_copy(&self, begun: &mut Begun<'_>, shared: &Shared) -> Copied {
        if let Err(failure) = self.select(begun, shared) {
            return Copied::failed(failure);
        }
        let noted = match heads::note(&self.settings.heads, self.console) {
            Ok(Noting::Noted(noted)) => noted.of(shared.selection()),
            Ok(Noting::NotNoted { why, next }) => {
                let failure = self.copy_missing(begun, None, shared).err();
                return Copied { heads: Heads::not_checked(why, next), names: BTreeMap::new(), failure };
            }
            Err(failure) => return Copied::failed(failure),
        };
        let copied = self.copy_missing(begun, Some(&noted), shared);
        let copied = copied.and_then(|known| snapshot(&begun.sides, known));
        match copied {
            Ok(stores) => self.check_heads(&noted, &stores),
            Err(failure) => Copied { names: noted.names(), ..Copied::failed(failure) },
        }
    }

    /// Finds out which libraries the pass is about.
    fn select(&self, begun: &Begun<'_>, shared: &Shared) -> Result<(), Failure> {
        let wanted = &self.settings.wanted;
        let tables = wanted.tables(self.settings.heads.database.as_ref())?;
        let selection = wanted.resolve(tables.as_ref())?;
        if let Some(what) = selecting::in_words(&selection) {
            self.console.log(format_args!("Objects {what} are copied"));
        }
        let sources: Vec<&dyn ReadStore> = begun.sides.from.values().map(|store| &**store).collect();
        named_libraries::require_in_stores(&selection.only(), &sources, "no store of the source")?;
        let _ = shared.selection.set(selection);
        Ok(())
    }

    fn check_heads(&self, noted: &NotedHeads, stores: &StoresOfSides) -> Copied {
        let names = noted.names();
        match heads::check_heads(noted, stores, self.settings, self.console, self.shutdown) {
            Ok(heads) => Copied { heads, names, failure: None },
            Err(error) => {
                let heads = Heads::not_checked(error.to_string(), "See that both sides answer, and run again.");
                Copied { heads, names, failure: Some(error.into()) }
            }
        }
    }

    /// Loads or lists what the destination holds, and copies what is missing there. Returns the list of what it held, with
    /// what was copied. What is remembered of the noted heads is asked for first.
    fn copy_missing(
        &self,
        begun: &mut Begun<'_>,
        noted: Option<&NotedHeads>,
        shared: &Shared,
    ) -> Result<Vec<(ObjectKind, DestinationIndex)>, Failure> {
        let Pass { settings, console, shutdown, .. } = *self;
        let (plan, snapshot) = (&settings.plan, if noted.is_some() { Snapshot::Wanted } else { Snapshot::NotWanted });
        let mut lists = Lists::open(plan, console)?;
        lists.ask(&begun.sides, plan, console, shutdown)?;
        if let Some(wrong) =
            noted.map_or(Ok(None), |noted| heads::ask(noted, &begun.sides.to, settings, console, shutdown))?
        {
            lists.forget(&wrong, plan, console)?;
        }
        let known = lists.load_or_list(&begun.sides, plan, snapshot, &shared.selection().only(), console, shutdown)?;
        for (kind, held) in &known {
            shared.counters.kind(*kind).held.add(held.set.len());
        }
        self.go_on()?;
        begun.begin_writing()?;
        let sides = &begun.sides;
        let kinds = known.iter().map(|(kind, _)| *kind).collect();
        let progress = CopyProgress::new(kinds, &shared.counters, &shared.findings.failures);
        during(&progress, console, || {
            self.copy_kinds(&known, sides, shared, &progress)?;
            if shared.selection().is_all() {
                warn_of_less(&shared.counters, &plan.from, console);
            }
            self.name_damaged_before(sides, shared)?;
            self.count_staying(sides, shared, &progress)
        })?;
        self.require_all_kinds(sides, shared).map(|()| known)
    }

    /// Copies what each kind is missing of, one after the other.
    fn copy_kinds(
        &self,
        known: &[(ObjectKind, DestinationIndex)],
        sides: &Sides,
        shared: &Shared,
        progress: &CopyProgress<'_>,
    ) -> Result<(), Failure> {
        let ranges = shared.selection().ranges();
        for (kind, held) in known {
            self.go_on()?;
            progress.begin(*kind);
            self.console.log(format_args!("Start to migrate [{kind}] object"));
            let missing = MissingObjects {
                source: &*sides.from[*kind],
                ranges: &ranges,
                listers: self.listers(*kind),
                index: &held.set,
                held: sides.to[*kind].size_form(),
            };
            self.transfer(Work { kind: *kind, source: &missing, confirmed: Some(held) }, sides, shared)?;
        }
        Ok(())
    }

    /// Lists the kinds that stay where they are.
    fn count_staying(&self, sides: &Sides, shared: &Shared, progress: &CopyProgress<'_>) -> Result<(), Failure> {
        for kind in self.settings.plan.to.staying() {
            self.go_on()?;
            progress.begin(kind);
            let (counters, listers) = (&shared.counters, self.listers(kind));
            let ranges = shared.selection().ranges();
            staying::count(kind, &*sides.from[kind], &ranges, listers, counters, self.console, self.shutdown)?;
        }
        self.go_on()
    }

    /// Nothing is claimed of a source that holds objects where nobody finds them, or of which a kind listed nothing and is
    /// needed.
    fn require_all_kinds(&self, sides: &Sides, shared: &Shared) -> Result<(), Failure> {
        for (kind, ignored) in shared.counters.ignored().iter() {
            other_layout::require_none("the source", sides.from[kind].location(), ignored)?;
        }
        // A kind of which the libraries asked for have nothing may have something of others.
        let lists = PerKind::try_from_fn(|kind| match shared.counters.kind(kind).listed.get() {
            0 if !shared.selection().is_all() => lists_anything(&*sides.from[kind], self.shutdown),
            count => Ok(count > 0),
        })?;
        let source = SideToLookAt { name: "the source", stores: &sides.from, shutdown: self.shutdown };
        source.require_needed_kinds(&lists)
    }

    /// Copies what had failed.
    fn copy_failed(&self, failed: &Failed, begun: &mut Begun<'_>, shared: &Shared) -> Result<(), Failure> {
        let Pass { settings, console, shutdown, .. } = *self;
        let plan = &settings.plan;
        // Without list files there is nothing to go by but the destination itself.
        let mut lists = plan.list.prefix.as_ref().map(|_| Lists::open(plan, console)).transpose()?;
        lists.as_mut().map_or(Ok(()), |lists| lists.ask(&begun.sides, plan, console, shutdown))?;
        let kinds = ObjectKind::COPY_ORDER.into_iter().filter(|kind| failed.kind(*kind).count > 0).collect();
        let progress = CopyProgress::new(kinds, &shared.counters, &shared.findings.failures);
        during(&progress, console, || {
            ObjectKind::COPY_ORDER.into_iter().try_for_each(|kind| {
                self.go_on()?;
                progress.begin(kind);
                self.copy_failed_of(kind, failed, lists.as_mut(), begun, shared)
            })
        })
    }

    /// Copies what had failed of one kind.
    fn copy_failed_of(
        &self,
        kind: ObjectKind,
        failed: &Failed,
        lists: Option<&mut Lists>,
        begun: &mut Begun<'_>,
        shared: &Shared,
    ) -> Result<(), Failure> {
        let of_kind = failed.kind(kind);
        if of_kind.count == 0 {
            // Nothing of this kind is to be looked up, so all of it has been.
            shared.counters.kind(kind).source_listed.store(true, Ordering::Relaxed);
            return Ok(());
        }
        retry::announce(kind, of_kind, self.console);
        // What it holds is asked for object by object later, and believed then.
        begun.sides.to[kind].make_listed_durable()?;
        let held = lists.and_then(|lists| lists.remembered(kind));
        begun.begin_writing()?;
        let sides = &begun.sides;
        shared.counters.kind(kind).held.add(held.as_ref().map_or(0, |held| held.set.len()));
        let look_up = LookUp {
            failed: of_kind,
            source: &*sides.from[kind],
            destination: &*sides.to[kind],
            index: held.as_ref().map(|held| &held.set),
            workers: self.listers(kind),
        };
        let confirmed = held.as_ref().map(|held| held as &dyn ConfirmedObjects);
        self.transfer(Work { kind, source: &look_up, confirmed }, sides, shared)
    }

    /// Copies one kind.
    fn transfer(&self, work: Work<'_>, sides: &Sides, shared: &Shared) -> Result<(), Failure> {
        let Pass { settings, console, shutdown, .. } = *self;
        let Work { kind, source, confirmed } = work;
        let limits = TransferLimits {
            workers: settings.plan.store.workers.clone(),
            queue: settings.queue,
            temp_dir: settings.plan.list.temp_dir.clone(),
            batch: BatchLimits::default(),
        };
        let Shared { counters, findings, breaker, budget, .. } = shared;
        let transfer = Transfer {
            kind,
            source: &*sides.from[kind],
            destination: &*sides.to[kind],
            work: source,
            limits: &limits,
            budget,
            counters,
            findings,
            confirmed,
            breaker,
            shutdown,
        };
        counters.series.begin(kind.as_str());
        let ended = transfer.run();
        let numbers = counters.kind(kind);
        let copied = format::plural(numbers.copied.get(), "object");
        console.log(format_args!("[{kind}] task: {copied} written to destination."));
        if ended? == TransferOutcome::Interrupted {
            return self.go_on();
        }
        let failed = numbers.failed.get();
        let but = if failed > 0 { format!(", but {} failed", format::plural(failed, "object")) } else { String::new() };
        console.log(format_args!("Complete migrate [{kind}] object{but}"));
        Ok(())
    }

    /// How many listings of the source, or look-ups in it, run at once.
    fn listers(&self, kind: ObjectKind) -> usize {
        let plan = &self.settings.plan;
        plan.store.listers_for(plan.from.store(kind))
    }

    /// An error once shutdown was requested.
    fn go_on(&self) -> Result<(), Failure> {
        match self.shutdown.requested() {
            true => Err(Failure::interruption(self.shutdown).unwrap_or_else(|| Failure::cut_short("copying"))),
            false => Ok(()),
        }
    }
}

/// Both sides as the heads are looked for in them: the destination as the pass may vouch for it now.
fn snapshot(sides: &Sides, known: Vec<(ObjectKind, DestinationIndex)>) -> Result<StoresOfSides, Failure> {
    let mut destination = sides.to.clone().map(|store| store as Arc<dyn ReadStore>);
    for (kind, known) in known {
        let store = &mut destination[kind];
        *store = Arc::new(VerifiedView::new(Arc::clone(store), known.snapshot(store.location())?));
    }
    Ok(StoresOfSides { source: sides.from.clone(), destination })
}
