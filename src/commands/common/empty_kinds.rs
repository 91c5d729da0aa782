//! Kinds of a store that list nothing although what other kinds list needs them: a disk that is not mounted, a bucket
//! that exists and is the wrong one. An empty listing is one witness; what names the objects that it lacks is another.
//!
//! | lists nothing | what needs it |
//! |---|---|
//! | all kinds | nobody can tell; a server has at least one commit a library |
//! | commits | fs objects and blocks, because every library has commits |
//! | fs | blocks, and a commit with a tree |
//! | blocks | a file that has blocks |
//!
//! So a server whose libraries are all empty, which has commits alone, is not taken for a broken one.

use std::sync::Arc;

use crate::commands::common::failure::Failure;
use crate::conf::Backend;
use crate::content::{Commit, FsKind, FsView};
use crate::object::{KeyRange, ObjectId, ObjectKey, ObjectKind, PerKind};
use crate::store::control::is_control;
use crate::store::{ErrorKind, Listed, Part, ReadStore, StoreError};
use crate::sys::shutdown::Shutdown;

/// The most bytes of an object that are looked at, one at a time; what a larger one names cannot be told.
const READ_MAX: u64 = 16 << 20;

/// The stores of one side.
type Stores = PerKind<Arc<dyn ReadStore>>;

/// The stores that are looked at, and what a message calls their side.
#[derive(Clone, Copy, Debug)]
pub struct SideToLookAt<'a> {
    /// As in "the source".
    pub name: &'a str,
    /// Its stores.
    pub stores: &'a Stores,
    /// Cancellation: a signal or a failure asks everybody to end.
    pub shutdown: &'a Shutdown,
}

impl SideToLookAt<'_> {
    /// Refuses a side of which a kind lists nothing and is needed. Each store is asked for its first object.
    ///
    /// # Errors
    /// [`Failure::Store`] that names kind, store and side, and what needs the kind; and when a store fails.
    pub fn require_all_kinds(&self) -> Result<(), Failure> {
        let lists = PerKind::try_from_fn(|kind| lists_anything(&*self.stores[kind], self.shutdown))?;
        self.require_needed_kinds(&lists)
    }

    /// The same, where it is known already whether each kind lists anything.
    ///
    /// # Errors
    /// As [`Self::require_all_kinds`].
    pub fn require_needed_kinds(&self, lists: &PerKind<bool>) -> Result<(), Failure> {
        self.what_is_missing(lists)?.map_or(Ok(()), |what| Err(Failure::Store(what)))
    }

    /// A sentence about the kind that lists nothing and is needed; `None` when there is none.
    ///
    /// # Errors
    /// When a store fails.
    pub fn what_is_missing(&self, lists: &PerKind<bool>) -> Result<Option<String>, StoreError> {
        if lists.values().all(|lists| !lists) {
            let places: Vec<String> = self.stores.values().map(|store| store.location().to_string()).collect();
            let question = question_of(self.stores[ObjectKind::Commits].location().backend);
            return Ok(Some(format!(
                "{} lists no object in any of its stores ({}), so nothing can be said of it: {question}",
                self.name,
                places.join(", ")
            )));
        }
        for (kind, _) in lists.iter().filter(|(_, lists)| !**lists) {
            let Some(needed_by) = self.needed_by(kind, lists)? else { continue };
            let location = self.stores[kind].location();
            return Ok(Some(format!(
                "the {kind} store of {} ({location}) lists no object, but {needed_by}: {}",
                self.name,
                question_of(location.backend)
            )));
        }
        Ok(None)
    }

    /// What needs objects of a kind that lists nothing; `None` when nothing does.
    fn needed_by(&self, kind: ObjectKind, lists: &PerKind<bool>) -> Result<Option<String>, StoreError> {
        let listed_without = |others: &str| Ok(Some(format!("{others} are listed, and cannot be without {kind}")));
        match kind {
            ObjectKind::Commits => listed_without("objects of other kinds"),
            ObjectKind::Fs if lists[ObjectKind::Blocks] => listed_without("blocks"),
            ObjectKind::Fs => self.first_that_names(ObjectKind::Commits, |key, data| {
                Commit::parse(&key.id, data).map_or(true, |commit| commit.object.root_id != ObjectId::EMPTY)
            }),
            ObjectKind::Blocks => self.first_that_names(ObjectKind::Fs, |key, data| {
                let Ok(view) = FsView::open(&key.id, data) else { return true };
                matches!(view.kind, FsKind::File { .. } if view.count > 0)
            }),
        }
    }

    /// The first object of a kind that names objects of the next one, or of which it cannot be told. Most do, so this
    /// is one of the first; all are read only where none does, as in libraries without a file.
    fn first_that_names(
        &self,
        kind: ObjectKind,
        names_others: impl Fn(&ObjectKey, &[u8]) -> bool,
    ) -> Result<Option<String>, StoreError> {
        let store = &self.stores[kind];
        let mut named = None;
        each_listed(&**store, self.shutdown, |object| {
            let is_one = match store.read_at_most(&object.key, READ_MAX) {
                Ok(data) => data.is_none_or(|data| names_others(&object.key, &data)),
                Err(error) if error.kind() == ErrorKind::NotFound => false,
                Err(error) if matches!(error.kind(), ErrorKind::Unreadable | ErrorKind::ObjectDenied) => true,
                Err(error) => return Err(error),
            };
            named = is_one.then(|| format!("the {kind} object {} needs some", object.key));
            Ok(!is_one)
        })?;
        Ok(named)
    }
}

/// Whether the store lists an object, this program's own ones aside.
///
/// # Errors
/// When the store cannot be listed, or shutdown was requested first.
pub fn lists_anything(store: &dyn ReadStore, shutdown: &Shutdown) -> Result<bool, StoreError> {
    let mut lists = false;
    each_listed(store, shutdown, |_| {
        lists = true;
        Ok(false)
    })?;
    Ok(lists)
}

/// Lists the store one page after the other, and calls `see` with each object until it says `false`.
fn each_listed(
    store: &dyn ReadStore,
    shutdown: &Shutdown,
    mut see: impl FnMut(&Listed) -> Result<bool, StoreError>,
) -> Result<(), StoreError> {
    let mut next = Some(Part::new(KeyRange::ALL));
    while let Some(part) = next {
        if shutdown.requested() {
            return Err(StoreError::new(ErrorKind::Interrupted, "list", store.location().to_string(), "told to stop"));
        }
        let page = store.list(&part)?;
        for object in page.objects.iter().filter(|object| !is_control(&object.key)) {
            if !see(object)? {
                return Ok(());
            }
        }
        next = page.rest;
    }
    Ok(())
}

/// What to ask oneself when a store of this backend lists nothing.
const fn question_of(backend: Backend) -> &'static str {
    match backend {
        Backend::Fs => "is the disk mounted? is the folder the right one? Mend that, and try again",
        Backend::S3 | Backend::Oss => "is the bucket the right one? Mend that, and try again",
        Backend::Swift => "is the container the right one? Mend that, and try again",
        Backend::Ceph => "is the pool the right one? Mend that, and try again",
        Backend::Classes => "are the stores of the classes the right ones? Mend that, and try again",
    }
}
