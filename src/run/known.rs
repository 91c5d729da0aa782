//! What the destination holds: from the list file if there is a good one, else by listing it.

use std::io;
use std::sync::{Mutex, PoisonError};

use super::heads;
use super::heads::proven::Holdings;
use super::recheck::{self, SampleError};
use super::state::PassState;
use crate::conf::backend::Location;
use crate::enumerate::{Stream, WalkError, walk};
use crate::existence::{
    self, Journal, KnownSet, ListError, ListLock, ListPaths, Prepared, SetBuilder, ShardStream, UnsortedInput,
};
use crate::object::{KeyRange, ObjectKind};
use crate::report::{Console, Ending};
use crate::settings::PlanSettings;
use crate::stop::Stop;
use crate::store::{Listed, ReadStore, StoreError};

/// What the destination held before the pass, and where the pass remembers what it adds.
#[derive(Debug)]
pub struct Known {
    /// What the destination held.
    pub set: KnownSet,
    /// The journal beside the list file; `None` when the set is a temporary one.
    journal: Option<Mutex<Journal>>,
    /// Whether the set was listed by this pass, not by an earlier one.
    pub listed_now: bool,
    lock: Option<ListLock>,
    /// The folder of a temporary set, removed with it.
    _temporary: Option<tempfile::TempDir>,
}

impl Known {
    /// Remembers objects that the destination has confirmed.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn remember(&self, objects: &[Listed]) -> Result<(), ListError> {
        match &self.journal {
            Some(journal) => journal.lock().unwrap_or_else(PoisonError::into_inner).append(objects),
            None => Ok(()),
        }
    }
}

impl Known {
    /// What the destination holds now, the pass being over: what it held and what was remembered.
    ///
    /// # Errors
    /// When the list or its journal cannot be read.
    pub fn settle(self, location: &Location) -> Result<Holdings, LearnError> {
        let Self { set: before, journal, listed_now, lock, _temporary: temporary } = self;
        // Closed first, because it is opened again with the list.
        drop(journal);
        let lock = lock.ok_or(LearnError::Gone)?;
        match existence::prepare(&lock, location)?.known {
            Some((now, _)) => Ok(Holdings { before, now, listed_now, lock, temporary }),
            None => Err(LearnError::Gone),
        }
    }
}

/// Why the destination's holdings are not known.
#[derive(Debug)]
pub enum LearnError {
    /// The destination could not be listed.
    Store(StoreError),
    /// The list file cannot be used or written.
    List(ListError),
    /// No temporary folder could be made.
    Temporary(io::Error),
    /// The memory of whole heads beside the list files could not be given up.
    Heads(io::Error),
    /// The list that this pass went by is not there any more.
    Gone,
    /// The pass was told to stop.
    Interrupted,
}

impl From<ListError> for LearnError {
    fn from(error: ListError) -> Self {
        Self::List(error)
    }
}

impl From<SampleError> for LearnError {
    fn from(error: SampleError) -> Self {
        match error {
            SampleError::Store(error) => Self::Store(error),
            SampleError::List(error) => Self::List(error),
            SampleError::Interrupted => Self::Interrupted,
        }
    }
}

impl LearnError {
    /// Ends the pass for this reason.
    pub fn end(self, state: &PassState, stop: &Stop) {
        match self {
            Self::Store(error) => state.fatal(error, stop),
            Self::List(error @ ListError::InUse { .. }) => state.end(Ending::Locked(error.to_string()), stop),
            Self::List(error @ ListError::Io { .. }) => state.local_failure("keep the list file", &error, stop),
            Self::List(error @ ListError::Order { .. }) => state.end(Ending::StoreFailed(error.to_string()), stop),
            Self::List(error) => state.end(Ending::Refused(error.to_string()), stop),
            Self::Temporary(error) => state.local_failure("make a temporary folder", &error, stop),
            Self::Heads(error) => state.local_failure("forget the heads that were found whole", &error, stop),
            Self::Gone => state.local_failure("look into the list of this pass", &"it was removed meanwhile", stop),
            Self::Interrupted => {}
        }
    }
}

/// Learns what the destination holds of one kind, and opens the journal to continue it: that of a temporary list only
/// with `to_settle`.
///
/// # Errors
/// When it cannot be known for sure; nothing may be copied then.
pub fn learn(
    kind: ObjectKind,
    destination: &dyn ReadStore,
    settings: &PlanSettings,
    to_settle: bool,
    console: &Console,
    stop: &Stop,
) -> Result<Known, LearnError> {
    console.log(format_args!("Start to fetch [{kind}] object from destination"));
    let (paths, temporary) = match &settings.list.prefix {
        Some(prefix) => (ListPaths::new(prefix, kind, None), None),
        None => temporary_list(kind, settings)?,
    };
    let lock = ListLock::acquire(&paths)?;
    if settings.list.relist {
        existence::forget_all(&lock)?;
    }
    let checked = listed_before(kind, &lock, destination, settings, console, stop)?;
    let listed_now = checked.is_none();
    let (set, journal) = match checked {
        Some(known) => known,
        None => {
            let set = list(kind, &lock, destination, settings, stop)?;
            let journal = Journal::open(&lock, &set)?;
            (set, journal)
        }
    };
    console.log(format_args!("[{kind}] [{}] objects exist in destination", set.len()));
    let journal = match &temporary {
        None => Some(journal),
        Some(_) => to_settle.then(|| journal.not_durable()),
    };
    Ok(Known { set, journal: journal.map(Mutex::new), listed_now, lock: Some(lock), _temporary: temporary })
}

/// What the list file says that the destination holds of one kind, and its journal to continue. `None` when there is no
/// complete list: the destination is not listed, because a retry asks it for each of its few objects.
///
/// # Errors
/// As [`learn`].
pub fn remembered(
    kind: ObjectKind,
    destination: &dyn ReadStore,
    settings: &PlanSettings,
    console: &Console,
    stop: &Stop,
) -> Result<Option<Known>, LearnError> {
    let Some(prefix) = &settings.list.prefix else { return Ok(None) };
    let lock = ListLock::acquire(&ListPaths::new(prefix, kind, None))?;
    let listed = listed_before(kind, &lock, destination, settings, console, stop)?;
    Ok(listed.map(|(set, journal)| Known {
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
    settings: &PlanSettings,
    console: &Console,
    stop: &Stop,
) -> Result<Option<(KnownSet, Journal)>, LearnError> {
    let Prepared { known, imported } = existence::prepare(lock, destination.location())?;
    let is_imported = imported.is_some();
    if let Some(report) = imported {
        console.log(format_args!("[{kind}] the text list of the old script was taken over: {report}"));
    }
    let checked = match known {
        Some(known) => check(kind, lock, known, destination, settings, console, stop)?,
        None => None,
    };
    if let Some(prefix) = settings.list.prefix.as_ref().filter(|_| checked.is_none() || is_imported) {
        heads::memory::forget(prefix).map_err(LearnError::Heads)?;
    }
    Ok(checked)
}

/// Asks the destination for a sample of the list, if one is due. `None` when parts of the list were
/// given up and are to be listed again.
fn check(
    kind: ObjectKind,
    lock: &ListLock,
    (set, journal): (KnownSet, Journal),
    destination: &dyn ReadStore,
    settings: &PlanSettings,
    console: &Console,
    stop: &Stop,
) -> Result<Option<(KnownSet, Journal)>, LearnError> {
    let wanted = recheck::sample_size(&set, settings.list.recheck);
    if wanted == 0 {
        return Ok(Some((set, journal)));
    }
    let sampled = recheck::sample(&set, destination, wanted, settings.store.workers, stop)?;
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
    let set = existence::confirm(lock, set)?;
    let journal = Journal::open(lock, &set)?;
    Ok(Some((set, journal)))
}

/// What the destination holds of one kind, for a dry run: nothing is written but a temporary list.
/// `destination` is `None` when the place does not exist yet.
///
/// # Errors
/// As [`learn`].
pub fn look(
    kind: ObjectKind,
    destination: Option<&dyn ReadStore>,
    settings: &PlanSettings,
    stop: &Stop,
) -> Result<Known, LearnError> {
    let location = settings.to.store(kind).location();
    if let Some(prefix) = settings.list.prefix.as_ref().filter(|_| !settings.list.relist)
        && let Some(set) = existence::look(&ListPaths::new(prefix, kind, None), &location)?
    {
        return Ok(Known { set, journal: None, listed_now: false, lock: None, _temporary: None });
    }
    let (paths, temporary) = temporary_list(kind, settings)?;
    let lock = ListLock::acquire(&paths)?;
    let set = match destination {
        Some(destination) => list(kind, &lock, destination, settings, stop)?,
        None => {
            let (builder, _) = SetBuilder::start_or_resume(&lock, &location)?;
            let mut nothing = builder.stream();
            nothing.page(KeyRange::ALL, &[])?;
            nothing.finish()?;
            builder.finish()?
        }
    };
    Ok(Known { set, journal: None, listed_now: true, lock: None, _temporary: temporary })
}

fn temporary_list(
    kind: ObjectKind,
    settings: &PlanSettings,
) -> Result<(ListPaths, Option<tempfile::TempDir>), LearnError> {
    let dir = tempfile::Builder::new().prefix("seaf-migrate-").tempdir_in(&settings.list.temp_dir);
    let dir = dir.map_err(LearnError::Temporary)?;
    Ok((ListPaths::new(&dir.path().join("destination"), kind, None), Some(dir)))
}

/// Lists the destination into a set, going on where an earlier listing was interrupted.
fn list(
    kind: ObjectKind,
    lock: &ListLock,
    destination: &dyn ReadStore,
    settings: &PlanSettings,
    stop: &Stop,
) -> Result<KnownSet, LearnError> {
    let listers = settings.store.listers_for(settings.to.store(kind));
    let (builder, ranges) = SetBuilder::start_or_resume(lock, destination.location())?;
    let listed = if destination.is_ordered() {
        walk(destination, &ranges, listers, stop, || Shards(builder.stream()))
    } else {
        let input = builder.unsorted();
        let listed = walk(destination, &[KeyRange::ALL], listers, stop, || Unsorted(&input));
        match listed {
            Ok(walked) => input.finish().map(|()| walked).map_err(WalkError::Stream),
            failed => failed,
        }
    };
    match listed {
        Ok(_) => Ok(builder.finish()?),
        Err(WalkError::Store(error)) => Err(LearnError::Store(error)),
        Err(WalkError::Stream(error)) => Err(LearnError::List(error)),
        Err(WalkError::Interrupted) => Err(LearnError::Interrupted),
    }
}

/// Pages of an ordered store go straight into the shards of the set.
struct Shards<'a>(ShardStream<'a>);

impl Stream for Shards<'_> {
    type Error = ListError;

    fn page(&mut self, covered: KeyRange, objects: Vec<Listed>) -> Result<(), ListError> {
        self.0.page(covered, &objects)
    }

    fn end(self) -> Result<(), ListError> {
        self.0.finish()
    }
}

/// Pages of a store without an order are sorted on disk first.
struct Unsorted<'a>(&'a UnsortedInput<'a>);

impl Stream for Unsorted<'_> {
    type Error = ListError;

    fn page(&mut self, _covered: KeyRange, objects: Vec<Listed>) -> Result<(), ListError> {
        self.0.push(&objects)
    }

    fn end(self) -> Result<(), ListError> {
        Ok(())
    }
}
