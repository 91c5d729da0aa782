//! What the destination holds: from the list file if there is a good one, else by listing it.

use std::error::Error;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::list_state;
use super::verified_view::DestinationSnapshot;
use crate::commands::common::failure::Failure;
use crate::commands::common::other_layout;
use crate::commands::common::settings::PairSettings;
use crate::commands::common::sides::Sides;
use crate::conf::StoreConf;
use crate::conf::backend::Location;
use crate::history::Incarnation;
use crate::index::from_listing::Listing;
use crate::index::recheck::{self, Asked, Sampled};
use crate::index::{self, Index, Journal, ListLock, ListPaths, Prepared, SetBuilder};
use crate::metrics::Counter;
use crate::object::{LibraryId, ObjectKind, PerKind};
use crate::report::Console;
use crate::store::{Listed, ReadStore};
use crate::sys::private_file::in_folder;
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

/// The list files of all kinds, open, and what they say.
#[derive(Debug)]
pub struct Lists {
    /// `None` for a kind that stays, of which there is no list.
    kinds: PerKind<Option<OpenList>>,
}

/// The list of one kind, open, and what it says.
#[derive(Debug)]
pub struct OpenList {
    lock: ListLock,
    /// What it says; `None` when the destination is to be listed, all of it or the rest.
    known: Option<(Index, Journal)>,
    /// The folder of a temporary list, removed with it.
    temporary: Option<tempfile::TempDir>,
}

impl Lists {
    /// Opens the list files, or temporary ones where none are kept. What `--relist` forbids to use is forgotten.
    ///
    /// # Errors
    /// When a list is damaged, in use, or of another destination.
    pub fn open(settings: &PairSettings, console: &Console) -> Result<Self, Failure> {
        let kinds = PerKind::try_from_fn(|kind| match settings.to.moves(kind) {
            true => OpenList::open(&settings.to.store(kind).location(), settings, console).map(Some),
            false => Ok::<_, Failure>(None),
        })?;
        let lists = Self { kinds };
        // What is remembered of heads rests on the lists of all kinds.
        if let Some(prefix) = settings.list.prefix.as_ref().filter(|_| !lists.are_all_listed()) {
            list_state::forget_heads(prefix)?;
        }
        Ok(lists)
    }

    /// Whether every kind has a list that a listing of this program made.
    fn are_all_listed(&self) -> bool {
        self.kinds.values().flatten().all(|list| list.known.as_ref().is_some_and(|(set, _)| !set.is_imported()))
    }

    /// Asks the destination for a sample of each list. When an object is not as the list says, nothing that was
    /// remembered is used, and everything is to be listed.
    ///
    /// # Errors
    /// When a store does not answer or a list cannot be changed; nothing may be copied then.
    pub fn ask(
        &mut self,
        sides: &Sides,
        settings: &PairSettings,
        console: &Console,
        shutdown: &Shutdown,
    ) -> Result<(), Failure> {
        for kind in ObjectKind::COPY_ORDER {
            let stores = Asked { destination: &*sides.to[kind], source: &*sides.from[kind] };
            let Some(list) = &self.kinds[kind] else { continue };
            if let Some(wrong) = list.ask(stores, settings, console, shutdown)? {
                return self.forget(&wrong, settings, console);
            }
        }
        self.kinds.iter_mut().filter_map(|(_, list)| list.as_mut()).try_for_each(OpenList::confirm)
    }

    /// Forgets everything that is remembered of the destination, and says why.
    ///
    /// # Errors
    /// When a file cannot be removed.
    pub fn forget(&mut self, what: &str, settings: &PairSettings, console: &Console) -> Result<(), Failure> {
        console.warning(format_args!(
            "{what}; so nothing that was remembered of the destination is used, and it is listed again"
        ));
        for list in self.kinds.iter_mut().filter_map(|(_, list)| list.as_mut()) {
            list.known = None;
            index::forget_all(&list.lock)?;
        }
        settings.list.prefix.as_deref().map_or(Ok(()), list_state::forget_heads)
    }

    /// What the destination holds of each kind that moves, in the order in which it is copied: by the list where there is one, else
    /// listed now. The journals are opened to continue them, those of temporary lists only when a snapshot is wanted. Where no lists
    /// are kept, the libraries `only` alone are listed, ascending; all when it is empty.
    ///
    /// # Errors
    /// When it cannot be known for sure; nothing may be copied then.
    pub fn load_or_list(
        self,
        sides: &Sides,
        settings: &PairSettings,
        snapshot: Snapshot,
        only: &[LibraryId],
        console: &Console,
        shutdown: &Shutdown,
    ) -> Result<Vec<(ObjectKind, DestinationIndex)>, Failure> {
        let mut kinds = self.kinds;
        let lists = ObjectKind::COPY_ORDER.into_iter().filter_map(|kind| Some((kind, kinds[kind].take()?)));
        let load = |(kind, list): (ObjectKind, OpenList)| {
            console.log(format_args!("Start to fetch [{kind}] object from destination"));
            let stores = Asked { destination: &*sides.to[kind], source: &*sides.from[kind] };
            let held = list.load_or_list(stores, settings, snapshot, only, console, shutdown)?;
            console.log(format_args!("[{kind}] [{}] objects exist in destination", held.set.len()));
            Ok((kind, held))
        };
        lists.map(load).collect()
    }

    /// What the list file says that the destination holds of one kind, and its journal to continue. `None` when there is
    /// no list: the destination is not listed, because a retry asks it for each of its few objects.
    pub fn remembered(&mut self, kind: ObjectKind) -> Option<DestinationIndex> {
        let list = self.kinds[kind].as_mut()?;
        let (set, journal) = list.known.take()?;
        let (journal, lock) = (Some(Mutex::new(journal)), Some(list.lock.clone()));
        Some(DestinationIndex { set, journal, listed_now: false, lock, _temporary: None })
    }
}

impl OpenList {
    /// Opens the list file of the store at `location`, or a temporary one where none is kept.
    ///
    /// # Errors
    /// As [`Lists::open`].
    pub fn open(location: &Location, settings: &PairSettings, console: &Console) -> Result<Self, Failure> {
        let kind = location.kind;
        let (paths, temporary) = match &settings.list.prefix {
            Some(prefix) => (ListPaths::new(prefix, kind, None), None),
            None => temporary_list(kind, settings)?,
        };
        let lock = ListLock::acquire(&paths)?;
        if settings.list.relist {
            index::forget_all(&lock)?;
        }
        let Prepared { known, imported } = index::prepare(&lock, location)?;
        if let Some(report) = imported {
            console.log(format_args!("[{kind}] the text list of the old script was taken over: {report}"));
        }
        Ok(Self { lock, known, temporary })
    }

    /// Asks the destination for a sample of the list. What is wrong, in words; `None` when nothing is, or nothing is
    /// remembered.
    ///
    /// # Errors
    /// When a store or the list fails.
    pub fn ask(
        &self,
        stores: Asked<'_>,
        settings: &PairSettings,
        console: &Console,
        shutdown: &Shutdown,
    ) -> Result<Option<String>, Failure> {
        let Some((set, _)) = &self.known else { return Ok(None) };
        sampled(set, stores, settings, console, shutdown)
    }

    /// Marks an imported list, whose sample was as it says, as one of this program.
    fn confirm(&mut self) -> Result<(), Failure> {
        let Some((set, journal)) = self.known.take_if(|(set, _)| set.is_imported()) else { return Ok(()) };
        drop(journal);
        let set = index::confirm(&self.lock, set)?;
        let journal = Journal::open(&self.lock, &set)?;
        self.known = Some((set, journal));
        Ok(())
    }

    /// What the destination holds: by the list where there is one, else listed now.
    ///
    /// # Errors
    /// As [`Lists::load_or_list`].
    pub fn load_or_list(
        self,
        stores: Asked<'_>,
        settings: &PairSettings,
        snapshot: Snapshot,
        only: &[LibraryId],
        console: &Console,
        shutdown: &Shutdown,
    ) -> Result<DestinationIndex, Failure> {
        let Self { lock, known, temporary } = self;
        // A list that is kept is of all libraries, whatever this pass is about.
        let only = if temporary.is_some() { only } else { &[] };
        let (set, journal, listed_now) = match known {
            Some((set, journal)) => (set, journal, false),
            None => {
                stores.destination.make_listed_durable()?;
                let (set, listed_now) = listed(&lock, stores, settings, only, console, shutdown)?;
                let journal = Journal::open(&lock, &set)?;
                (set, journal, listed_now)
            }
        };
        let journal = match &temporary {
            None => Some(journal),
            Some(_) => (snapshot == Snapshot::Wanted).then(|| journal.not_durable()),
        };
        let journal = journal.map(Mutex::new);
        Ok(DestinationIndex { set, journal, listed_now, lock: Some(lock), _temporary: temporary })
    }
}

/// The destination listed, and whether all of it was listed now. A listing that an earlier run began is gone on with,
/// when what that run listed is there still.
fn listed(
    lock: &ListLock,
    stores: Asked<'_>,
    settings: &PairSettings,
    only: &[LibraryId],
    console: &Console,
    shutdown: &Shutdown,
) -> Result<(Index, bool), Failure> {
    let (kind, is_begun) = (lock.paths().kind(), lock.paths().building().exists());
    let set = list(kind, lock, stores.destination, settings, only, shutdown)?;
    if !is_begun {
        return Ok((set, true));
    }
    let Some(wrong) = sampled(&set, stores, settings, console, shutdown)? else { return Ok((set, false)) };
    console.warning(format_args!("{wrong}; so this listing, which an earlier run began, is begun anew"));
    drop(set);
    index::forget_all(lock)?;
    Ok((list(kind, lock, stores.destination, settings, only, shutdown)?, true))
}

/// Asks the destination for a sample of a list. What is wrong, in words; `None` when nothing is.
fn sampled(
    set: &Index,
    stores: Asked<'_>,
    settings: &PairSettings,
    console: &Console,
    shutdown: &Shutdown,
) -> Result<Option<String>, Failure> {
    let (kind, wanted) = (set.kind(), recheck::sample_size(set, settings.list.recheck));
    let Sampled { asked, wrong } = recheck::sample(set, stores, wanted, settings.store.workers(), shutdown)?;
    let Some(first) = wrong.first() else {
        console.log(format_args!("[{kind}] {asked} objects of the list rechecked, all are at the destination"));
        return Ok(None);
    };
    Ok(Some(format!(
        "of {asked} [{kind}] objects in the list that the destination was asked for, {} are not there as the list says, \
         {first} first",
        wrong.len()
    )))
}

/// What the destination holds of one kind, for a dry run: nothing is written but a temporary list.
/// `destination` is `None` when the place does not exist yet.
///
/// # Errors
/// As [`Lists::load_or_list`].
pub fn for_plan(
    kind: ObjectKind,
    destination: Option<&dyn ReadStore>,
    settings: &PairSettings,
    console: &Console,
    shutdown: &Shutdown,
) -> Result<DestinationIndex, Failure> {
    let location = settings.to.store(kind).location();
    if let Some(prefix) = settings.list.prefix.as_ref().filter(|_| !settings.list.relist)
        && is_used(settings.to.store(kind), destination, prefix, console)?
        && let Some(set) = index::open_read_only(&ListPaths::new(prefix, kind, None), &location)?
    {
        return Ok(DestinationIndex { set, journal: None, listed_now: false, lock: None, _temporary: None });
    }
    let (paths, temporary) = temporary_list(kind, settings)?;
    let lock = ListLock::acquire(&paths)?;
    let set = match destination {
        Some(destination) => list(kind, &lock, destination, settings, &[], shutdown)?,
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

/// Whether the list file may be used, by the state that the destination shows; says so when it may not be.
fn is_used(
    store: &StoreConf,
    destination: Option<&dyn ReadStore>,
    prefix: &Path,
    console: &Console,
) -> Result<bool, Failure> {
    let shown = destination.map_or(Ok(None), Incarnation::read)?;
    let why_not = list_state::why_not_used(prefix, store, shown.as_ref())?;
    if let Some(why) = &why_not {
        console.warning(format_args!("{why}; the destination is listed for this plan"));
    }
    Ok(why_not.is_none())
}

fn temporary_list(
    kind: ObjectKind,
    settings: &PairSettings,
) -> Result<(ListPaths, Option<tempfile::TempDir>), Failure> {
    let dir = tempfile::Builder::new().prefix("seaf-migrate-").tempdir_in(&settings.list.temp_dir);
    let dir =
        dir.map_err(|error| Failure::local("make a temporary folder", &in_folder(&settings.list.temp_dir, &error)))?;
    Ok((ListPaths::new(&dir.path().join("destination"), kind, None), Some(dir)))
}

/// Lists the destination into a set, going on where an earlier listing was interrupted.
fn list(
    kind: ObjectKind,
    lock: &ListLock,
    store: &dyn ReadStore,
    settings: &PairSettings,
    only: &[LibraryId],
    shutdown: &Shutdown,
) -> Result<Index, Failure> {
    let listers = settings.store.listers_for(settings.to.store(kind));
    let listing = Listing { lock, store, listers, only, counted: &Counter::default(), shutdown };
    let (set, ignored) = listing.into_set()?;
    other_layout::require_none("the destination", store.location(), &ignored)?;
    Ok(set)
}
