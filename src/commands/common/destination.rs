//! What the destination holds: from the list file if there is a good one, else by listing it.

use std::error::Error;
use std::sync::{Mutex, PoisonError};

use super::verified_view::DestinationSnapshot;
use crate::commands::common::failure::Failure;
use crate::commands::common::other_layout;
use crate::commands::common::settings::PairSettings;
use crate::conf::backend::Location;
use crate::index::from_listing::Listing;
use crate::index::{self, Index, Journal, ListLock, ListPaths, Prepared, SetBuilder, recheck};
use crate::metrics::Counter;
use crate::object::ObjectKind;
use crate::report::Console;
use crate::store::{Listed, ReadStore};
use crate::sys::shutdown::Shutdown;
use crate::transfer::ConfirmedObjects;

/// What the destination held before the pass, and where the pass remembers what it adds.
#[derive(Debug)]
pub struct DestinationIndex {
    /// What the destination held.
    pub set: Index,
    /// The journal beside the list file; `None` when the set is a temporary one.
    journal: Option<Mutex<Journal>>,
    /// Whether all of the set was listed by this pass, nothing by an earlier one.
    pub listed_now: bool,
    lock: Option<ListLock>,
    /// The folder of a temporary set, removed with it.
    _temporary: Option<tempfile::TempDir>,
}

impl ConfirmedObjects for DestinationIndex {
    /// Notes them in the journal, where there is one.
    fn remember(&self, objects: &[Listed]) -> Result<(), Box<dyn Error + Send + Sync>> {
        let Some(journal) = &self.journal else { return Ok(()) };
        Ok(journal.lock().unwrap_or_else(PoisonError::into_inner).append(objects)?)
    }
}

impl DestinationIndex {
    /// What the destination holds now, the pass being over: what it held and what was remembered.
    ///
    /// # Errors
    /// When the list or its journal cannot be read.
    pub fn snapshot(self, location: &Location) -> Result<DestinationSnapshot, Failure> {
        let Self { set: before, journal, listed_now, lock, _temporary: temporary } = self;
        // Closed first, because it is opened again with the list.
        drop(journal);
        let lock = lock.ok_or_else(list_is_gone)?;
        match index::prepare(&lock, location)?.known {
            Some((now, _)) => Ok(DestinationSnapshot { before, now, listed_now, lock, temporary }),
            None => Err(list_is_gone()),
        }
    }
}

fn list_is_gone() -> Failure {
    Failure::local("look into the list of this pass", &"it was removed meanwhile")
}

/// Whether [`DestinationIndex::snapshot`] will be asked for, for which a temporary list needs a journal, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Snapshot {
    /// It will.
    Wanted,
    /// It will not.
    NotWanted,
}

/// Loads or lists what the destination holds of one kind, and opens the journal to continue it: that of a temporary list
/// only when a snapshot is wanted.
///
/// # Errors
/// When it cannot be known for sure; nothing may be copied then.
pub fn load_or_list(
    kind: ObjectKind,
    destination: &dyn ReadStore,
    settings: &PairSettings,
    snapshot: Snapshot,
    console: &Console,
    shutdown: &Shutdown,
) -> Result<DestinationIndex, Failure> {
    console.log(format_args!("Start to fetch [{kind}] object from destination"));
    let (paths, temporary) = match &settings.list.prefix {
        Some(prefix) => (ListPaths::new(prefix, kind, None), None),
        None => temporary_list(kind, settings)?,
    };
    let lock = ListLock::acquire(&paths)?;
    if settings.list.relist {
        index::forget_all(&lock)?;
    }
    let checked = listed_before(kind, &lock, destination, settings, console, shutdown)?;
    // What is only gone on with was listed in part by an earlier pass.
    let listed_now = checked.is_none() && !lock.paths().building().exists();
    let (set, journal) = match checked {
        Some(known) => known,
        None => {
            destination.make_listed_durable()?;
            let set = list(kind, &lock, destination, settings, shutdown)?;
            let journal = Journal::open(&lock, &set)?;
            (set, journal)
        }
    };
    console.log(format_args!("[{kind}] [{}] objects exist in destination", set.len()));
    let journal = match &temporary {
        None => Some(journal),
        Some(_) => (snapshot == Snapshot::Wanted).then(|| journal.not_durable()),
    };
    Ok(DestinationIndex { set, journal: journal.map(Mutex::new), listed_now, lock: Some(lock), _temporary: temporary })
}

/// What the list file says that the destination holds of one kind, and its journal to continue. `None` when there is no
/// complete list: the destination is not listed, because a retry asks it for each of its few objects.
///
/// # Errors
/// As [`load_or_list`].
pub fn remembered(
    kind: ObjectKind,
    destination: &dyn ReadStore,
    settings: &PairSettings,
    console: &Console,
    shutdown: &Shutdown,
) -> Result<Option<DestinationIndex>, Failure> {
    // What it holds is asked for object by object later, and believed then.
    destination.make_listed_durable()?;
    let Some(prefix) = &settings.list.prefix else { return Ok(None) };
    let lock = ListLock::acquire(&ListPaths::new(prefix, kind, None))?;
    let listed = listed_before(kind, &lock, destination, settings, console, shutdown)?;
    Ok(listed.map(|(set, journal)| DestinationIndex {
        set,
        journal: Some(Mutex::new(journal)),
        listed_now: false,
        lock: Some(lock),
        _temporary: None,
    }))
}

/// What the list file says, if there is a complete one that stands its sample.
fn listed_before(
    kind: ObjectKind,
    lock: &ListLock,
    destination: &dyn ReadStore,
    settings: &PairSettings,
    console: &Console,
    shutdown: &Shutdown,
) -> Result<Option<(Index, Journal)>, Failure> {
    let Prepared { known, imported } = index::prepare(lock, destination.location())?;
    let is_imported = imported.is_some();
    if let Some(report) = imported {
        console.log(format_args!("[{kind}] the text list of the old script was taken over: {report}"));
    }
    let checked = match known {
        Some(known) => check(kind, lock, known, destination, settings, console, shutdown)?,
        None => None,
    };
    if let Some(prefix) = settings.list.prefix.as_ref().filter(|_| checked.is_none() || is_imported) {
        super::heads_cache::forget(prefix)
            .map_err(|error| Failure::local("forget the heads that were found whole", &error))?;
    }
    Ok(checked)
}

/// Asks the destination for a sample of the list, if one is due. `None` when parts of the list were
/// given up and are to be listed again.
fn check(
    kind: ObjectKind,
    lock: &ListLock,
    (set, journal): (Index, Journal),
    destination: &dyn ReadStore,
    settings: &PairSettings,
    console: &Console,
    shutdown: &Shutdown,
) -> Result<Option<(Index, Journal)>, Failure> {
    let wanted = recheck::sample_size(&set, settings.list.recheck);
    if wanted == 0 {
        return Ok(Some((set, journal)));
    }
    let sampled = recheck::sample(&set, destination, wanted, settings.store.workers, shutdown)?;
    if let Some(first) = sampled.missing.first() {
        console.problem(format_args!(
            "Warning: of {} [{kind}] objects in the list that the destination was asked for, {} are not there, {first} first; \
             that part of the destination is listed again",
            sampled.asked,
            sampled.missing.len()
        ));
        drop(journal);
        recheck::give_up(lock, set, &sampled.missing)?;
        return Ok(None);
    }
    console.log(format_args!("[{kind}] {} objects of the list rechecked, all are at the destination", sampled.asked));
    if !set.is_imported() {
        return Ok(Some((set, journal)));
    }
    drop(journal);
    let set = index::confirm(lock, set)?;
    let journal = Journal::open(lock, &set)?;
    Ok(Some((set, journal)))
}

/// What the destination holds of one kind, for a dry run: nothing is written but a temporary list.
/// `destination` is `None` when the place does not exist yet.
///
/// # Errors
/// As [`load_or_list`].
pub fn for_plan(
    kind: ObjectKind,
    destination: Option<&dyn ReadStore>,
    settings: &PairSettings,
    shutdown: &Shutdown,
) -> Result<DestinationIndex, Failure> {
    let location = settings.to.store(kind).location();
    if let Some(prefix) = settings.list.prefix.as_ref().filter(|_| !settings.list.relist)
        && let Some(set) = index::open_read_only(&ListPaths::new(prefix, kind, None), &location)?
    {
        return Ok(DestinationIndex { set, journal: None, listed_now: false, lock: None, _temporary: None });
    }
    let (paths, temporary) = temporary_list(kind, settings)?;
    let lock = ListLock::acquire(&paths)?;
    let set = match destination {
        Some(destination) => list(kind, &lock, destination, settings, shutdown)?,
        None => {
            let (builder, _) = SetBuilder::start_or_resume(&lock, &location)?;
            let mut nothing = builder.stream();
            nothing.page(builder.range(), &[])?;
            nothing.finish()?;
            builder.finish()?
        }
    };
    Ok(DestinationIndex { set, journal: None, listed_now: true, lock: None, _temporary: temporary })
}

fn temporary_list(
    kind: ObjectKind,
    settings: &PairSettings,
) -> Result<(ListPaths, Option<tempfile::TempDir>), Failure> {
    let dir = tempfile::Builder::new().prefix("seaf-migrate-").tempdir_in(&settings.list.temp_dir);
    let dir = dir.map_err(|error| Failure::local("make a temporary folder", &error))?;
    Ok((ListPaths::new(&dir.path().join("destination"), kind, None), Some(dir)))
}

/// Lists the destination into a set, going on where an earlier listing was interrupted.
fn list(
    kind: ObjectKind,
    lock: &ListLock,
    store: &dyn ReadStore,
    settings: &PairSettings,
    shutdown: &Shutdown,
) -> Result<Index, Failure> {
    let listers = settings.store.listers_for(settings.to.store(kind));
    let listing = Listing { lock, store, listers, only: &[], counted: &Counter::default(), shutdown };
    let (set, ignored) = listing.into_set()?;
    other_layout::require_none("the destination", store.location(), &ignored)?;
    Ok(set)
}
