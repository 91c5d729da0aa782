//! Lists a store in parallel and in bounded memory.
//!
//! A listing begins with the parts that the store suggests. When a lister has received a page,
//! its part has more pages, and other listers are idle, it cuts the rest of its part into pieces and
//! passes the later pieces to them. So one huge library, ten of them, or a hundred thousand tiny ones
//! are spread over all listers, and the store need not be asked first how its keys are
//! distributed. Each piece is a contiguous range listed in order, which is what the builder of an
//! index needs.
//!
//! This program's own objects ([`control`]) are left out, on both sides: they are nobody's data, and a destination that
//! becomes a source must not have them copied.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::flow::tasks::{self, Seats, Tasks};
use crate::object::KeyRange;
use crate::store::{ErrorKind, Ignored, Listed, Page, Part, ReadStore, StoreError, control};
use crate::sys::shutdown::Shutdown;

/// The most pieces into which a lister cuts the rest of its part. With 8, 32 listers are busy after two pages. With as
/// many as there are idle listers, most pieces would be empty towards the end, and each costs a request.
const MOST_PIECES: usize = 8;

/// Receives the pages of one lister.
pub trait Stream {
    /// Why a page could not be taken.
    type Error: Send;

    /// Takes a page: the objects of `covered`. In an ordered store, successive calls on one stream cover
    /// adjacent, ascending ranges and `objects` ascend; otherwise `covered` is the requested range.
    ///
    /// # Errors
    /// When the receiver cannot take the page; this ends the whole listing.
    fn page(&mut self, covered: KeyRange, objects: Vec<Listed>) -> Result<(), Self::Error>;

    /// Ends this stream. Also called when the listing ends early; the pages until then are
    /// valid.
    ///
    /// # Errors
    /// As [`Stream::page`].
    fn end(self) -> Result<(), Self::Error>;
}

/// Why a listing did not reach its end.
#[derive(Debug)]
pub enum WalkError<E> {
    /// The store could not be listed.
    Store(StoreError),
    /// A stream failed to take a page.
    Stream(E),
    /// The pass was told to stop.
    Interrupted,
}

/// The counts of a complete listing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Walked {
    /// The names that are not objects.
    pub ignored: Ignored,
    /// The number of pages requested.
    pub pages: u64,
}

/// Lists every object of `ranges` with up to `listers` listers at once. Each range is listed to one or
/// more streams made by `open`.
///
/// # Errors
/// The first failure of the store or of a stream. The open streams are ended, so
/// that their pages can be kept.
pub fn walk<S, O>(
    store: &dyn ReadStore,
    ranges: &[KeyRange],
    listers: usize,
    stop: &Shutdown,
    open: O,
) -> Result<Walked, WalkError<S::Error>>
where
    S: Stream + Send,
    O: Fn() -> S + Sync,
{
    let listers = listers.max(1);
    let walk = Walk {
        store,
        stop,
        open,
        listers,
        waiting: AtomicUsize::new(0),
        running: AtomicUsize::new(0),
        failed: AtomicBool::new(false),
        failure: Mutex::new(None),
        ignored: Mutex::default(),
        pages: AtomicU64::new(0),
    };
    let parts = ranges.iter().try_fold(Vec::new(), |mut parts, range| {
        parts.extend(store.parts(range)?);
        Ok(parts)
    });
    let parts = parts.map_err(WalkError::Store)?;
    walk.waiting.store(parts.len(), Ordering::Relaxed);
    // The newest task is the first to be done, so the first part is put last.
    tasks::run(&Seats::new(listers - 1), parts.into_iter().rev(), |tasks, part| {
        walk.running.fetch_add(1, Ordering::Relaxed);
        walk.waiting.fetch_sub(1, Ordering::Relaxed);
        walk.list_part(tasks, part);
        walk.running.fetch_sub(1, Ordering::Relaxed);
    });
    match walk.failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(failure) => Err(failure),
        None => {
            let ignored = walk.ignored.into_inner().unwrap_or_else(PoisonError::into_inner);
            Ok(Walked { ignored, pages: walk.pages.into_inner() })
        }
    }
}

struct Walk<'a, O, E> {
    store: &'a dyn ReadStore,
    stop: &'a Shutdown,
    open: O,
    listers: usize,
    /// Parts that no lister has begun.
    waiting: AtomicUsize,
    /// Parts that are being listed.
    running: AtomicUsize,
    failed: AtomicBool,
    failure: Mutex<Option<WalkError<E>>>,
    ignored: Mutex<Ignored>,
    pages: AtomicU64,
}

impl<S, O> Walk<'_, O, S::Error>
where
    S: Stream + Send,
    O: Fn() -> S + Sync,
{
    fn list_part(&self, tasks: &Tasks<'_, Part>, part: Part) {
        if self.failed.load(Ordering::Relaxed) {
            return;
        }
        let mut stream = (self.open)();
        let listed = self.list_pages(tasks, part, &mut stream);
        // Ended after a failure as well, because the pages taken before it are valid, and a listing can resume after
        // them.
        let ended = stream.end().map_err(WalkError::Stream);
        if let Err(failure) = listed.and(ended) {
            self.fail(failure);
        }
    }

    fn list_pages(&self, tasks: &Tasks<'_, Part>, mut part: Part, stream: &mut S) -> Result<(), WalkError<S::Error>> {
        loop {
            if self.failed.load(Ordering::Relaxed) {
                return Ok(());
            }
            if self.stop.requested() {
                return Err(WalkError::Interrupted);
            }
            let mut page = self.store.list(&part).map_err(WalkError::Store)?;
            self.pages.fetch_add(1, Ordering::Relaxed);
            if page.ignored.total() > 0 {
                let ignored = std::mem::take(&mut page.ignored);
                self.ignored.lock().unwrap_or_else(PoisonError::into_inner).merge(ignored);
            }
            let one_library = page.objects.first().map(|o| o.key.library) == page.objects.last().map(|o| o.key.library);
            let (covered, rest) = self.split_after_page(&part, &page)?;
            page.objects.retain(|object| !control::is_control(&object.key));
            stream.page(covered, page.objects).map_err(WalkError::Stream)?;
            let Some(rest) = rest else { return Ok(()) };
            part = match self.idle_listers() {
                0 => rest,
                idle => self.share(tasks, rest, one_library, idle + 1),
            };
        }
    }

    /// The range that a page covers, and the rest of the part.
    fn split_after_page(&self, part: &Part, page: &Page) -> Result<(KeyRange, Option<Part>), WalkError<S::Error>> {
        let Some(rest) = &page.rest else { return Ok((part.range, None)) };
        if !self.store.is_ordered() {
            return Ok((part.range, Some(rest.clone())));
        }
        match part.range.before(rest.range.first()) {
            Some(covered) if part.range.after(covered.last()) == Some(rest.range) => Ok((covered, Some(rest.clone()))),
            _ => Err(WalkError::Store(StoreError::new(
                ErrorKind::Protocol,
                "list",
                self.store.location().to_string(),
                format!("the listing of {} went on at {}", part.range, rest.range),
            ))),
        }
    }

    /// The number of idle listers for which no part is waiting; 0 for a store without an order, whose parts cannot be
    /// cut.
    fn idle_listers(&self) -> usize {
        if !self.store.is_ordered() || self.waiting.load(Ordering::Relaxed) > 0 {
            return 0;
        }
        self.listers.saturating_sub(self.running.load(Ordering::Relaxed))
    }

    /// Passes the later pieces of `rest` to other listers and returns the first one.
    fn share(&self, tasks: &Tasks<'_, Part>, rest: Part, one_library: bool, count: usize) -> Part {
        let mut pieces = cut(&rest.range, one_library, count.min(MOST_PIECES)).into_iter();
        let first = pieces.next().unwrap_or(rest.range);
        let pieces: Vec<Part> = pieces.map(|piece| rest.with_range(piece)).collect();
        self.waiting.fetch_add(pieces.len(), Ordering::Relaxed);
        tasks.put(pieces.into_iter().rev());
        rest.with_range(first)
    }

    fn fail(&self, failure: WalkError<S::Error>) {
        self.failed.store(true, Ordering::Relaxed);
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(failure);
    }
}

/// Cuts a range into about `count` adjacent pieces. When the page before it was within one library, that library is
/// probably large, so half of the pieces are the rest of its ids; pieces of equal key ranges would leave the large
/// library whole.
fn cut(range: &KeyRange, one_library: bool, count: usize) -> Vec<KeyRange> {
    let library = KeyRange::library(range.first().library);
    let Some(within) = range.intersection(&library).filter(|_| one_library) else {
        return pieces(*range, count);
    };
    // At least two pieces after the library as well: the library may end with this page, and with one piece for all
    // others, one of two listers would list them alone.
    let each = (count / 2).max(2);
    let mut all = pieces(within, each);
    all.extend(range.after(library.last()).into_iter().flat_map(|after| pieces(after, each)));
    all
}

/// Halves a range, and its halves, until there are at least `count` pieces or each is a single key.
fn pieces(range: KeyRange, count: usize) -> Vec<KeyRange> {
    let mut pieces = vec![range];
    while pieces.len() < count {
        let halves = |piece: &KeyRange| piece.halves().map_or_else(|| vec![*piece], |(low, high)| vec![low, high]);
        let halved: Vec<_> = pieces.iter().flat_map(halves).collect();
        if halved.len() == pieces.len() {
            break;
        }
        pieces = halved;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::{LibraryId, ObjectId, ObjectKey};

    #[test]
    fn pieces_tile_the_range_they_were_cut_from() {
        let key =
            |library: u8, id: u8| ObjectKey::new(LibraryId::from_bytes([library; 16]), ObjectId::from_bytes([id; 20]));
        for (first, last) in [(key(1, 1), key(1, 9)), (key(1, 1), key(7, 0)), (key(3, 3), key(3, 3))] {
            let range = KeyRange::new(first, last).unwrap();
            for (one_library, count) in [(false, 2), (false, 8), (true, 2), (true, 3), (true, 8)] {
                let pieces = cut(&range, one_library, count);
                assert_eq!((pieces[0].first(), pieces[pieces.len() - 1].last()), (first, last));
                assert!(pieces.windows(2).all(|pair| pair[0].is_followed_by(&pair[1])), "{pieces:?}");
            }
        }
    }
}
