//! Lists a store, or some of its libraries, into a list file.

use crate::index::{Index, ListError, ListLock, SetBuilder, ShardStream, UnsortedInput};
use crate::listing::{Stream, WalkError, walk};
use crate::metrics::Counter;
use crate::object::{KeyRange, LibraryId};
use crate::store::{Ignored, Listed, ReadStore, StoreError};
use crate::sys::shutdown::Shutdown;

/// Why the index of a store could not be loaded or listed.
#[derive(Debug, thiserror::Error)]
pub enum ListingError {
    /// The store could not be listed or asked.
    #[error("{0}")]
    Store(StoreError),
    /// The list file cannot be used or written.
    #[error("{0}")]
    List(#[from] ListError),
    /// Shutdown was requested before it was done.
    #[error("interrupted")]
    Interrupted,
}

/// A listing to run: the store, the libraries and the number of listers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Listing<'a> {
    /// The lock of the list file.
    pub(crate) lock: &'a ListLock,
    /// The store.
    pub(crate) store: &'a dyn ReadStore,
    /// The number of listings that run at once.
    pub(crate) listers: usize,
    /// The libraries to list, ascending, none twice; all when empty. The list then holds no object of the others.
    pub(crate) only: &'a [LibraryId],
    /// Where objects are counted as they come.
    pub(crate) counted: &'a Counter,
    /// Cancellation: a signal or a failure asks everybody to end.
    pub(crate) shutdown: &'a Shutdown,
}

impl Listing<'_> {
    /// Lists the store, from where an earlier listing was interrupted; with the names that are not objects, as far as this
    /// listing met them.
    ///
    /// # Errors
    /// When the store cannot be listed to its end, or the list file cannot be written.
    pub(crate) fn into_set(self) -> Result<(Index, Ignored), ListingError> {
        let (builder, ranges) = SetBuilder::start_or_resume(self.lock, self.store.location())?;
        let (wanted, gaps) = split(&ranges, self.only);
        let listed = if self.store.is_ordered() {
            for gap in gaps {
                let mut nothing = builder.stream();
                nothing.page(gap, &[])?;
                nothing.finish()?;
            }
            let open = || Shards { stream: builder.stream(), counted: self.counted };
            walk(self.store, &wanted, self.listers, self.shutdown, open)
        } else {
            let input = builder.unsorted();
            let whole = if self.only.is_empty() { vec![builder.range()] } else { wanted };
            let open = || Unsorted { input: &input, counted: self.counted };
            match walk(self.store, &whole, self.listers, self.shutdown, open) {
                Ok(walked) => input.finish().map(|()| walked).map_err(WalkError::Stream),
                failed => failed,
            }
        };
        match listed {
            Ok(walked) => Ok((builder.finish()?, walked.ignored)),
            Err(WalkError::Store(error)) => Err(ListingError::Store(error)),
            Err(WalkError::Stream(error)) => Err(ListingError::List(error)),
            Err(WalkError::Interrupted) => Err(ListingError::Interrupted),
        }
    }
}

/// Splits `ranges` into the parts inside the libraries `only` and the parts outside of them.
fn split(ranges: &[KeyRange], only: &[LibraryId]) -> (Vec<KeyRange>, Vec<KeyRange>) {
    if only.is_empty() {
        return (ranges.to_vec(), Vec::new());
    }
    let (mut wanted, mut gaps) = (Vec::new(), Vec::new());
    for range in ranges {
        let mut rest = Some(*range);
        for library in only {
            let Some(open) = rest else { break };
            let Some(hit) = open.intersection(&KeyRange::library(*library)) else { continue };
            gaps.extend(open.before(hit.first()));
            wanted.push(hit);
            rest = open.after(hit.last());
        }
        gaps.extend(rest);
    }
    (wanted, gaps)
}

/// Writes the pages of an ordered store directly to shards.
struct Shards<'a> {
    stream: ShardStream<'a>,
    pub(crate) counted: &'a Counter,
}

impl Stream for Shards<'_> {
    type Error = ListError;

    fn page(&mut self, covered: KeyRange, objects: Vec<Listed>) -> Result<(), ListError> {
        self.counted.add(objects.len() as u64);
        self.stream.page(covered, &objects)
    }

    fn end(self) -> Result<(), ListError> {
        self.stream.finish()
    }
}

/// Sorts the pages of a store without an order on disk first.
struct Unsorted<'a> {
    input: &'a UnsortedInput<'a>,
    pub(crate) counted: &'a Counter,
}

impl Stream for Unsorted<'_> {
    type Error = ListError;

    fn page(&mut self, _covered: KeyRange, objects: Vec<Listed>) -> Result<(), ListError> {
        self.counted.add(objects.len() as u64);
        self.input.push(&objects)
    }

    fn end(self) -> Result<(), ListError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::conf::backend::Location;
    use crate::index::ListPaths;
    use crate::object::{ObjectId, ObjectKey, ObjectKind};
    use crate::store::backend::memory::MemoryStore;
    use crate::store::{Page, Part, WriteStore};

    fn key(library: u8, id: u8) -> ObjectKey {
        ObjectKey::new(LibraryId::from_bytes([library; 16]), ObjectId::from_bytes([id; 20]))
    }

    #[test]
    fn libraries_and_what_lies_between_them_tile_the_ranges() {
        let libraries = [2, 3, 9].map(|n| LibraryId::from_bytes([n; 16]));
        for ranges in [
            vec![KeyRange::ALL],
            vec![KeyRange::new(key(1, 0), key(2, 7)).unwrap(), KeyRange::new(key(3, 1), key(5, 0)).unwrap()],
        ] {
            let (wanted, gaps) = split(&ranges, &libraries);
            let mut all = [wanted.clone(), gaps].concat();
            all.sort_unstable_by_key(KeyRange::first);
            // Joined again where they touch, they are what was asked for.
            let mut joined: Vec<KeyRange> = Vec::new();
            for range in all {
                match joined.last_mut() {
                    Some(last) if last.is_followed_by(&range) => {
                        *last = KeyRange::new(last.first(), range.last()).unwrap()
                    }
                    _ => joined.push(range),
                }
            }
            assert_eq!(joined, ranges);
            assert!(wanted.iter().all(|range| range.first().library == range.last().library));
        }
        assert_eq!(split(&[KeyRange::ALL], &libraries).0, libraries.map(KeyRange::library));
        assert_eq!(split(&[KeyRange::ALL], &[]), (vec![KeyRange::ALL], vec![]));
    }

    /// A store that lists from the end, everything at once.
    #[derive(Debug)]
    struct Unordered(MemoryStore);

    impl ReadStore for Unordered {
        fn location(&self) -> &Location {
            self.0.location()
        }

        fn is_ordered(&self) -> bool {
            false
        }

        fn list(&self, part: &Part) -> Result<Page, StoreError> {
            let mut page = self.0.list(part)?;
            page.objects.reverse();
            page.objects.iter_mut().for_each(|object| object.size = None);
            Ok(page)
        }

        fn read(&self, key: &ObjectKey) -> Result<Bytes, StoreError> {
            self.0.read(key)
        }

        fn size(&self, key: &ObjectKey) -> Result<u64, StoreError> {
            self.0.size(key)
        }
    }

    /// Lists `store` into a set in a folder of its own; what it holds, and how many objects were counted.
    fn listed(store: &dyn ReadStore, only: &[LibraryId]) -> (Vec<ObjectKey>, u64) {
        let dir = tempfile::tempdir().unwrap();
        let lock = ListLock::acquire(&ListPaths::new(&dir.path().join("set"), ObjectKind::Blocks, None)).unwrap();
        let (counted, shutdown) = (Counter::default(), Shutdown::new());
        let listing = Listing { lock: &lock, store, listers: 3, only, counted: &counted, shutdown: &shutdown };
        let (set, _) = listing.into_set().unwrap();
        (set.iter().map(|object| object.unwrap().key).collect(), counted.get())
    }

    #[test]
    fn the_libraries_asked_for_are_listed_and_no_others_with_or_without_an_order() {
        let fill = |store: MemoryStore| {
            for library in 0..6 {
                (0..50).for_each(|id| store.write(&key(library, id), Bytes::from_static(b"x")).unwrap());
            }
            store
        };
        let ordered = fill(MemoryStore::new(ObjectKind::Blocks, "a").with_page_size(7));
        let unordered = Unordered(fill(MemoryStore::new(ObjectKind::Blocks, "b")));
        let stores: [&dyn ReadStore; 2] = [&ordered, &unordered];
        for store in stores {
            for libraries in [&[][..], &[0], &[5], &[1, 2, 4], &[200]] {
                let only: Vec<_> = libraries.iter().map(|n| LibraryId::from_bytes([*n; 16])).collect();
                let is_wanted = |library: &u8| libraries.is_empty() || libraries.contains(library);
                let expected: Vec<_> =
                    (0..6).filter(is_wanted).flat_map(|library| (0..50).map(move |id| key(library, id))).collect();
                assert_eq!(listed(store, &only), (expected.clone(), expected.len() as u64), "{libraries:?}");
            }
        }
    }

    #[test]
    fn a_shutdown_leaves_a_listing_that_is_not_complete() {
        let store = MemoryStore::new(ObjectKind::Blocks, "stopped");
        store.write(&key(1, 1), Bytes::new()).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let paths = ListPaths::new(&dir.path().join("set"), ObjectKind::Blocks, None);
        let lock = ListLock::acquire(&paths).unwrap();
        let (counted, shutdown) = (Counter::default(), Shutdown::new());
        shutdown.request(crate::sys::shutdown::ShutdownReason::Signal(2));
        let listing =
            Listing { lock: &lock, store: &store, listers: 1, only: &[], counted: &counted, shutdown: &shutdown };
        assert!(matches!(listing.into_set(), Err(ListingError::Interrupted)));
        assert!(!paths.base().exists() && paths.building().exists());
    }
}
