//! Whether the new side holds everything that the old side does: both listed anew, and the content read on demand.
//!
//! Nothing that an earlier run noted is believed. The source is not written; at the destination, a check writes one
//! object of its own and removes it, to see that the two sides are not one store. Both sides of all kinds are
//! listed first ([`listings`]), then one kind after the other is compared ([`kind`]); what a listing does not settle goes
//! to the workers. What they find is settled in the order of the keys ([`reorder`]) into a state ([`state`]) that a
//! checkpoint can keep ([`checkpoint`]).

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use crate::commands::check::{self, Apart};
use crate::commands::common::empty_kinds::{SideToLookAt, lists_anything};
use crate::commands::common::failure::{self, Failure};
use crate::commands::common::incarnations;
use crate::commands::common::named_libraries;
use crate::commands::common::sides;
use crate::commands::verify::outcome::VerifyOutcome;
use crate::commands::verify::settings::VerifySettings;
use crate::conf::SideConf;
use crate::database::heads::{LibraryRoots, Roots};
use crate::flow::{Budget, RateLimiter};
use crate::history::{Incarnations, Pair};
use crate::index::ListError;
use crate::metrics::CompareCounters;
use crate::object::{LibraryId, ObjectId, ObjectKind, PerKind};
use crate::report::progress::during;
use crate::report::{Console, Outcome, format};
use crate::store::layer::limit::Limited;
use crate::store::open::{OpenOptions, open_destination_to_read, open_source};
use crate::store::{ReadStore, StoreError};
use crate::sys::lock::DestinationLock;
use crate::sys::private_file;
use crate::sys::shutdown::Shutdown;

mod checkpoint;
mod kind;
mod listings;
pub mod outcome;
pub mod page;
mod progress;
mod reorder;
pub mod report;
pub mod result;
mod resume;
pub mod settings;
mod state;
mod summary;
mod tables;
mod tell;

use checkpoint::CheckpointScope;
use checkpoint::folder::{Folder, HEADS};
use kind::{KindComparison, not_kept};
use listings::ListedPair;
use resume::Resume;
use state::VerifyState;

/// Verifies the new side and tells the result: log, table, report, and a note for whoever deletes the old side.
pub fn run(settings: &VerifySettings, console: &Console, shutdown: &Shutdown) -> VerifyOutcome {
    let (began, started) = (Instant::now(), jiff::Zoned::now());
    for warning in settings.from.warnings.iter().chain(&settings.to.warnings) {
        console.warning(format_args!("{warning}"));
    }
    sides::log_places(&settings.from, &settings.to, console);
    warn_of_a_run(&settings.to, console);
    match Verification::begin(settings, console, shutdown) {
        Ok(mut verification) => {
            let stopped = verification.verify().err();
            verification.tell(stopped, &started, began, console)
        }
        Err(failure) => {
            let outcome = VerifyOutcome::NotBegun(Failure::interruption(shutdown).unwrap_or(failure));
            let outcome = tell::not_begun(settings, outcome, &started, began, console);
            outcome.print_result(console);
            outcome
        }
    }
}

/// Missing objects are nothing to worry about while they are still being copied.
fn warn_of_a_run(to: &SideConf, console: &Console) {
    let mut moving = to.stores.values().filter(|store| !store.stays);
    if let Some(holder) = moving.find_map(|store| DestinationLock::holder(&store.location().to_string())) {
        console.warning(format_args!(
            "a run is writing to the destination ({holder}), so objects that it has not copied yet are missing"
        ));
    }
}

/// Refuses libraries that the command line names and neither side has.
fn require_libraries(settings: &VerifySettings, options: &OpenOptions) -> Result<(), Failure> {
    if settings.libraries.is_empty() {
        return Ok(());
    }
    let mut stores: Vec<Arc<dyn ReadStore>> = Vec::new();
    for kind in ObjectKind::ALL {
        stores.push(open_source(settings.from.store(kind), options)?);
        stores.extend(open_destination_to_read(settings.to.store(kind), options)?);
    }
    let stores: Vec<&dyn ReadStore> = stores.iter().map(|store| &**store).collect();
    named_libraries::require_in_stores(&settings.libraries, &stores, "neither side")
}

/// A verification under way.
struct Verification<'a> {
    settings: &'a VerifySettings,
    console: &'a Console,
    /// Cancellation: a signal or a failure asks everybody to end.
    shutdown: &'a Shutdown,
    options: OpenOptions,
    state: VerifyState,
    heads: Option<BTreeMap<LibraryId, ObjectId>>,
    /// Whether it was seen that the two sides are not one store.
    apart: Apart,
    /// The incarnations of the destination's stores before anything was listed; `None` when they could not be read.
    incarnations: Option<Incarnations>,
    /// What both sides hold, as far as they are listed.
    listed: PerKind<Option<ListedPair>>,
}

impl<'a> Verification<'a> {
    fn begin(settings: &'a VerifySettings, console: &'a Console, shutdown: &'a Shutdown) -> Result<Self, Failure> {
        let options = settings.store.open_options(console, shutdown);
        require_libraries(settings, &options)?;
        let folder = match &settings.checkpoint {
            Some(dir) => Folder::open(dir)?,
            None => Folder::temporary(&settings.temp_dir).map_err(|error| {
                Failure::local("make a temporary folder", &private_file::in_folder(&settings.temp_dir, &error))
            })?,
        };
        let scope = CheckpointScope {
            pair: Pair::new(&settings.from, &settings.to),
            content_percent: settings.content_percent,
            libraries: settings.libraries.iter().map(ToString::to_string).collect(),
        };
        let state = VerifyState::open(folder, scope)?;
        let apart = check::require_apart(&settings.from, &settings.to, &options, console, shutdown)?;
        let incarnations = incarnations::read(&settings.to, &options);
        if let Err(error) = &incarnations {
            console.warning(format_args!("{error}. Without it, this verification does not allow a removal"));
        }
        let incarnations = incarnations.ok();
        let resume = Resume { settings, options: &options, incarnations: incarnations.as_ref(), console, shutdown };
        let state = resume.go_on_or_begin(state)?;
        note_begun(settings, &state, console)?;
        let (heads, listed) = (None, PerKind::default());
        Ok(Self { settings, console, shutdown, options, state, heads, apart, incarnations, listed })
    }

    /// Lists both sides and compares them.
    ///
    /// # Errors
    /// Why it ended early; a signal before all else.
    fn verify(&mut self) -> Result<(), Failure> {
        let verified = self.list_and_compare();
        Failure::interruption(self.shutdown).map_or(verified, Err)
    }

    fn list_and_compare(&mut self) -> Result<(), Failure> {
        self.heads = self.newest_commits()?;
        let stores = PerKind::try_from_fn(|kind| self.open(kind))?;
        let counters = CompareCounters::default();
        during(&counters, self.console, || {
            self.list(&stores, &counters)?;
            self.require_all_kinds(&stores)?;
            self.compare(&stores, &counters)
        })
    }

    /// Nothing is claimed of a source of which a kind lists nothing and is needed. A kind of which the libraries asked
    /// for have nothing may have something of others.
    fn require_all_kinds(&self, stores: &PerKind<KindStores>) -> Result<(), Failure> {
        let from = PerKind::from_fn(|kind| Arc::clone(&stores[kind].from));
        let lists = |kind: ObjectKind| match &self.listed[kind] {
            Some(listed) if !listed.from.is_empty() => Ok(true),
            _ => lists_anything(&*from[kind], self.shutdown),
        };
        let lists = PerKind::try_from_fn(lists)?;
        SideToLookAt { name: "the source", stores: &from, shutdown: self.shutdown }.require_needed_kinds(&lists)
    }

    /// The newest commit of each library, before anything is listed.
    fn newest_commits(&self) -> Result<Option<BTreeMap<LibraryId, ObjectId>>, Failure> {
        let path = self.state.folder.file(HEADS);
        if self.state.is_resumed {
            let kept = private_file::read_if_there(&path).map_err(|error| not_kept(&error))?;
            return Ok(kept.and_then(|text| serde_json::from_slice(&text).ok()));
        }
        let Some(database) = &self.settings.database else { return Ok(None) };
        let roots = match Roots::from_conf(database) {
            Ok(roots) => roots,
            Err(error) if self.settings.database_is_named => return Err(failure::of_named_database(&error)),
            Err(error) => {
                let warning = "the newest commits are not noted, because the database did not answer";
                self.console.warning(format_args!("{warning}: {error}"));
                return Ok(None);
            }
        };
        let head = |library: &LibraryRoots| Some((library.id, *library.heads.first()?));
        let heads: BTreeMap<LibraryId, ObjectId> = roots.libraries.iter().filter_map(head).collect();
        let text = serde_json::to_vec(&heads).map_err(std::io::Error::from);
        let kept = text.and_then(|text| self.state.folder.replace(HEADS, &text));
        kept.map_err(|error| Failure::local("keep the newest commits", &error))?;
        Ok(Some(heads))
    }

    fn open(&self, kind: ObjectKind) -> Result<KindStores, StoreError> {
        let from = open_source(self.settings.from.store(kind), &self.options)?;
        let to = open_destination_to_read(self.settings.to.store(kind), &self.options)?;
        // Before its listing is believed.
        to.as_ref().map_or(Ok(()), |to| to.make_listed_durable())?;
        Ok(KindStores { from, to })
    }

    /// Compares both sides of every kind, all of which are listed.
    fn compare(&mut self, stores: &PerKind<KindStores>, counters: &CompareCounters) -> Result<(), Failure> {
        self.announce(counters)?;
        let budget = Budget::new(self.settings.memory);
        let bytes_per_second = self.settings.bandwidth.and_then(NonZeroU64::new);
        let limit = Arc::new(RateLimiter::new(bytes_per_second, self.shutdown));
        let compared = self.listed.iter().try_for_each(|(kind, listed)| {
            let Some(ListedPair { from: listed_from, to: listed_to, .. }) = listed else {
                return Err(Failure::cut_short("listing both sides"));
            };
            self.console.log(format_args!("Start to compare [{kind}] object"));
            let KindStores { from, to } = stores[kind].limited(&limit);
            let comparison = KindComparison {
                kind,
                from: &*from,
                to: to.as_deref(),
                listed_from,
                listed_to,
                settings: self.settings,
                budget: &budget,
                counters,
                shutdown: self.shutdown,
            };
            let compared = comparison.run(&mut self.state);
            let tally = &self.state.kept.kinds[kind];
            let (objects, findings) = (format::count(tally.objects), format::plural(tally.findings(), "finding"));
            self.console.log(format_args!("[{kind}] {objects} objects compared, {findings}"));
            compared
        });
        // Kept in any case, so that the next process need not do it again.
        let saved = self.state.save().map_err(|error| not_kept(&error));
        compared.and(saved)
    }

    /// Says how much there is to do, and how much of it was done before.
    fn announce(&self, counters: &CompareCounters) -> Result<(), ListError> {
        let (mut objects, mut bytes, mut settled, mut read) = (0, 0, 0, 0);
        for (kind, listed) in self.listed.iter() {
            let (Some(listed), tally) = (listed, &self.state.kept.kinds[kind]) else { continue };
            objects += listed.from.len();
            settled += tally.objects;
            read += tally.read_bytes;
            counters.findings.add(tally.findings());
            if self.settings.content_percent > 0.0 {
                for library in listed.from.libraries() {
                    bytes += library?.bytes;
                }
            }
        }
        counters.objects.set(objects);
        counters.settled.add(settled);
        counters.to_read_bytes.set((bytes as f64 * self.settings.content_percent / 100.0) as u64);
        counters.read_bytes.add(read);
        // Last, and released, so that whoever sees it sees the numbers, too.
        counters.is_listed.store(true, Ordering::Release);
        Ok(())
    }
}

/// Notes that a verification begins, which revokes the last one.
///
/// # Errors
/// When there is one and it cannot be revoked.
fn note_begun(settings: &VerifySettings, state: &VerifyState, console: &Console) -> Result<(), Failure> {
    let (pair, state_dir) = (&state.kept.scope.pair, &settings.state_dir);
    let Err(error) = state_dir.note_verify_begun(pair, state.kept.began) else { return Ok(()) };
    if let Ok(Some(_)) = state_dir.load(pair) {
        return Err(Failure::Refused(error.to_string()));
    }
    console.warning(format_args!("{error}. Without such notes, the source cannot be deleted later"));
    Ok(())
}

/// The stores of one kind.
struct KindStores {
    from: Arc<dyn ReadStore>,
    /// `None` when that folder does not exist yet.
    to: Option<Arc<dyn ReadStore>>,
}

impl KindStores {
    /// The same stores, the bytes that are read from them limited.
    fn limited(&self, limit: &Arc<RateLimiter>) -> Self {
        let limited = |store: &Arc<dyn ReadStore>| {
            Arc::new(Limited::new(Arc::clone(store), Arc::clone(limit))) as Arc<dyn ReadStore>
        };
        Self { from: limited(&self.from), to: self.to.as_ref().map(limited) }
    }
}
