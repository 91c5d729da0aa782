//! Whether the new side holds everything that the old side does: both listed anew, and the content read on demand.
//!
//! Nothing is written to either side, and nothing is believed that an earlier run noted. Both sides of all kinds are
//! listed first, then one kind after the other is compared; what a listing does not settle goes to the workers. What
//! they find is settled in the order of the keys ([`ledger`]) into a record ([`record`]) that a checkpoint can keep
//! ([`checkpoint`]).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use crossbeam_channel::bounded;

use super::common::state::PassState;
use crate::commands::verify::progress::VerifyProgress;
use crate::commands::verify::settings::VerifySettings;
use crate::conf::SideConf;
use crate::database::heads::{LibraryRoots, Roots};
use crate::flow::Budget;
use crate::history::Pair;
use crate::index::from_listing::{LearnError, Listing};
use crate::index::{self, Index, ListLock, ListPaths, Opened, SetBuilder};
use crate::object::{LibraryId, ObjectId, ObjectKind, PerKind};
use crate::report::{Console, Ending, format};
use crate::store::layer::limit::{Bandwidth, Limited};
use crate::store::open::{OpenOptions, open_destination_to_read, open_source};
use crate::store::{ReadStore, StoreError};
use crate::sys::lock::DestinationLock;
use crate::sys::shutdown::Shutdown;

mod checkpoint;
mod kind;
pub mod page;
pub mod progress;
mod reorder;
pub mod report;
mod result;
pub mod settings;
mod state;

use checkpoint::{CheckpointScope, Folder, HEADS, SIDES};
use kind::KindComparison;
use state::VerifyState;

/// Verifies the new side and tells the result: log, table, report, and a note for whoever deletes the old side.
pub fn run(settings: &VerifySettings, console: &Console, stop: &Shutdown) -> Ending {
    let (began, started) = (Instant::now(), jiff::Zoned::now());
    for warning in settings.from.warnings.iter().chain(&settings.to.warnings) {
        console.problem(format_args!("Warning: {warning}"));
    }
    warn_of_a_run(&settings.to, console);
    let mut verification = match Verification::begin(settings, console, stop) {
        Ok(verification) => verification,
        Err(ending) => {
            console.problem(format_args!("Not verified: {ending} (exit code {}).", ending.exit_code()));
            return ending;
        }
    };
    verification.verify();
    verification.tell(&started, began)
}

/// Missing objects are nothing to worry about while they are still being copied.
fn warn_of_a_run(to: &SideConf, console: &Console) {
    if let Some(holder) = to.stores.values().find_map(|store| DestinationLock::holder(&store.location().to_string())) {
        console.problem(format_args!(
            "Warning: a run is writing to the destination ({holder}), so objects that it has not copied yet are missing"
        ));
    }
}

/// Both listings of one kind.
struct ListedPair {
    from: Index,
    to: Index,
}

/// A verification under way.
struct Verification<'a> {
    settings: &'a VerifySettings,
    console: &'a Console,
    stop: &'a Shutdown,
    options: OpenOptions,
    /// Tells an outage from single failures, and how the verification ended early.
    state: PassState,
    record: VerifyState,
    heads: Option<BTreeMap<LibraryId, ObjectId>>,
    progress: VerifyProgress,
    /// What both sides hold, as far as they are listed.
    listed: PerKind<Option<ListedPair>>,
}

impl<'a> Verification<'a> {
    fn begin(settings: &'a VerifySettings, console: &'a Console, stop: &'a Shutdown) -> Result<Self, Ending> {
        let folder = match &settings.checkpoint {
            Some(dir) => Folder::open(dir)?,
            None => Folder::temporary(&settings.temp_dir)
                .map_err(|error| Ending::Full(format!("cannot make a temporary folder: {error}")))?,
        };
        let bound = CheckpointScope {
            pair: Pair::new(&settings.from, &settings.to),
            content_percent: settings.content_percent,
            libraries: settings.libraries.iter().map(ToString::to_string).collect(),
        };
        let record = VerifyState::open(folder, bound)?;
        if record.is_resumed {
            console.log(format_args!("Going on with the verification that began at {}", record.state.began));
        }
        let options = settings.store.open_options(stop);
        let (state, progress, listed) = (PassState::default(), VerifyProgress::default(), PerKind::default());
        Ok(Self { settings, console, stop, options, state, record, heads: None, progress, listed })
    }

    /// The whole of it. How it went is in `state` and `record`.
    fn verify(&mut self) {
        self.learn_heads();
        let stores = match PerKind::try_from_fn(|kind| self.open(kind)) {
            Ok(stores) => stores,
            Err(error) => return self.state.fatal(error, self.stop),
        };
        let progress = std::mem::take(&mut self.progress);
        let (done, telling) = bounded::<()>(0);
        std::thread::scope(|scope| {
            scope.spawn(|| progress.tell(self.console, &telling));
            self.list(&stores, &progress);
            self.compare(&stores, &progress);
            drop(done);
        });
        self.progress = progress;
    }

    /// The newest commit of each library, before anything is listed.
    fn learn_heads(&mut self) {
        if self.record.is_resumed {
            let kept = std::fs::read(self.record.folder.file(HEADS)).ok();
            self.heads = kept.and_then(|text| serde_json::from_slice(&text).ok());
            return;
        }
        let Some(database) = &self.settings.database else { return };
        let roots = match Roots::from_conf(database) {
            Ok(roots) => roots,
            Err(error) => {
                self.console
                    .problem(format_args!("Warning: the newest commits are not noted, because the database: {error}"));
                return;
            }
        };
        let head = |library: &LibraryRoots| Some((library.id, *library.heads.first()?));
        let heads: BTreeMap<LibraryId, ObjectId> = roots.libraries.iter().filter_map(head).collect();
        let kept =
            serde_json::to_vec(&heads).map_err(Into::into).and_then(|text| self.record.folder.replace(HEADS, &text));
        match kept {
            Ok(()) => self.heads = Some(heads),
            Err(error) => self.state.local_failure("keep the newest commits", &error, self.stop),
        }
    }

    fn open(&self, kind: ObjectKind) -> Result<KindStores, StoreError> {
        let from = open_source(self.settings.from.store(kind), &self.options)?;
        let to = open_destination_to_read(self.settings.to.store(kind), &self.options)?;
        Ok(KindStores { from, to })
    }

    /// Lists both sides of every kind, or takes the listings that an earlier process finished.
    fn list(&mut self, stores: &PerKind<KindStores>, progress: &VerifyProgress) {
        for (kind, stores) in stores.iter() {
            if self.stop.requested() {
                return;
            }
            self.console.log(format_args!("Start to list [{kind}] object of both sides"));
            let this = &*self;
            // Both at once, because they are different servers and each is waited for.
            let (from, to) = std::thread::scope(|scope| {
                let from = scope.spawn(|| this.set(SIDES[0], kind, Some(&*stores.from), &this.settings.from, progress));
                let to = this.set(SIDES[1], kind, stores.to.as_deref(), &this.settings.to, progress);
                (from.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), to)
            });
            match (from, to) {
                (Ok(from), Ok(to)) => {
                    let (old, new) = (format::count(from.len()), format::count(to.len()));
                    self.console.log(format_args!("[{kind}] {old} objects in the source, {new} at the destination"));
                    self.listed[kind] = Some(ListedPair { from, to });
                }
                (Err(failure), _) | (_, Err(failure)) => return failure.end(&self.state, self.stop),
            }
        }
    }

    /// What a store holds; a destination that does not exist yet holds nothing.
    fn set(
        &self,
        side: &str,
        kind: ObjectKind,
        store: Option<&dyn ReadStore>,
        conf: &SideConf,
        progress: &VerifyProgress,
    ) -> Result<Index, LearnError> {
        let location = conf.store(kind).location();
        let paths = ListPaths::new(&self.record.folder.file(side), kind, None);
        let lock = ListLock::acquire(&paths)?;
        if let Opened::Complete(set) = index::open(&paths, &location)? {
            return Ok(set);
        }
        let Some(store) = store else {
            let (builder, ranges) = SetBuilder::start_or_resume(&lock, &location)?;
            for range in ranges {
                let mut nothing = builder.stream();
                nothing.page(range, &[])?;
                nothing.finish()?;
            }
            return Ok(builder.finish()?);
        };
        let listers = self.settings.store.listers_for(conf.store(kind));
        let (only, counted, stop) = (&self.settings.libraries[..], &progress.listed, self.stop);
        Listing { lock: &lock, store, listers, only, counted, stop }.into_set()
    }

    fn compare(&mut self, stores: &PerKind<KindStores>, progress: &VerifyProgress) {
        if self.stop.requested() || self.listed.values().any(Option::is_none) {
            return;
        }
        if let Err(error) = self.expect(progress) {
            return LearnError::List(error).end(&self.state, self.stop);
        }
        let budget = Budget::new(self.settings.memory);
        let bandwidth = self.settings.bandwidth.map(|rate| Arc::new(Bandwidth::new(rate, self.stop)));
        for (kind, listed) in self.listed.iter() {
            let Some(ListedPair { from: listed_from, to: listed_to }) =
                listed.as_ref().filter(|_| !self.stop.requested())
            else {
                break;
            };
            self.console.log(format_args!("Start to compare [{kind}] object"));
            let KindStores { from, to } = stores[kind].limited(bandwidth.as_ref());
            KindComparison {
                kind,
                from: &*from,
                to: to.as_deref(),
                listed_from,
                listed_to,
                settings: self.settings,
                budget: &budget,
                state: &self.state,
                progress,
                stop: self.stop,
            }
            .run(&mut self.record);
            let tally = &self.record.state.kinds[kind];
            let (compared, findings) = (format::count(tally.objects), format::plural(tally.findings(), "finding"));
            self.console.log(format_args!("[{kind}] {compared} objects compared, {findings}"));
        }
        if let Err(error) = self.record.save() {
            self.state.local_failure("keep what was found", &error, self.stop);
        }
    }

    /// Says how much there is to do, and how much of it was done before.
    fn expect(&self, progress: &VerifyProgress) -> Result<(), index::ListError> {
        let (mut objects, mut bytes, mut settled, mut read) = (0, 0, 0, 0);
        for (kind, listed) in self.listed.iter() {
            let (Some(listed), tally) = (listed, &self.record.state.kinds[kind]) else { continue };
            objects += listed.from.len();
            settled += tally.objects;
            read += tally.read_bytes;
            progress.findings.fetch_add(tally.findings(), Ordering::Relaxed);
            if self.settings.content_percent > 0.0 {
                for library in listed.from.libraries() {
                    bytes += library?.bytes;
                }
            }
        }
        progress.objects.store(objects, Ordering::Relaxed);
        progress.settled.store(settled, Ordering::Relaxed);
        progress.to_read.store((bytes as f64 * self.settings.content_percent / 100.0) as u64, Ordering::Relaxed);
        progress.read.store(read, Ordering::Relaxed);
        progress.is_listed.store(true, Ordering::Relaxed);
        Ok(())
    }
}

/// The stores of one kind.
struct KindStores {
    from: Arc<dyn ReadStore>,
    /// `None` when that folder does not exist yet.
    to: Option<Arc<dyn ReadStore>>,
}

impl KindStores {
    /// The same stores, their reads limited.
    fn limited(&self, bandwidth: Option<&Arc<Bandwidth>>) -> Self {
        let limited = |store: &Arc<dyn ReadStore>| match bandwidth {
            Some(bandwidth) => Arc::new(Limited::new(Arc::clone(store), Arc::clone(bandwidth))) as Arc<dyn ReadStore>,
            None => Arc::clone(store),
        };
        Self { from: limited(&self.from), to: self.to.as_ref().map(limited) }
    }
}
