//! Listing a pool: in slices, page by page, every failure told.

use std::ffi::c_char;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::Arc;

use super::cluster::IoCtx;
use super::errno::{Failure, check};
use super::librados::{CursorT, ListItem};
use crate::object::{KeyRange, LibraryId, ObjectId, ObjectKey};
use crate::store::{Listed, NameSort, Page, Part};

/// How many objects are asked for at a time.
const PAGE: usize = 1000;

/// Into how many slices a pool is cut. Slices are equal shares of the hash space, so they are about equally full;
/// each costs at least one request for every placement group it touches.
const SLICES: usize = 32;

/// A place in the listing of a pool.
struct Cursor {
    io: Arc<IoCtx>,
    handle: CursorT,
}

// SAFETY: a cursor is a value that librados reads; it is written only before it is shared.
unsafe impl Send for Cursor {}
// SAFETY: as above.
unsafe impl Sync for Cursor {}

impl Drop for Cursor {
    fn drop(&mut self) {
        // SAFETY: the cursor is live and was made with this context.
        unsafe { (self.io.cluster.api.rados_object_list_cursor_free)(self.io.handle, self.handle) }
    }
}

impl Cursor {
    fn begin(io: &Arc<IoCtx>) -> Result<Self, Failure> {
        // SAFETY: the context is live.
        Self::wrap(io, unsafe { (io.cluster.api.rados_object_list_begin)(io.handle) })
    }

    fn end(io: &Arc<IoCtx>) -> Result<Self, Failure> {
        // SAFETY: the context is live.
        Self::wrap(io, unsafe { (io.cluster.api.rados_object_list_end)(io.handle) })
    }

    fn wrap(io: &Arc<IoCtx>, handle: CursorT) -> Result<Self, Failure> {
        if handle.is_null() {
            return Err(Failure::NOT_FOUND);
        }
        Ok(Self { io: Arc::clone(io), handle })
    }

    fn is_before(&self, other: &Self) -> bool {
        // SAFETY: the context and both cursors are live.
        unsafe { (self.io.cluster.api.rados_object_list_cursor_cmp)(self.io.handle, self.handle, other.handle) < 0 }
    }
}

/// What is still to be listed: from one place up to another.
pub(super) struct Slice {
    start: Cursor,
    finish: Arc<Cursor>,
}

impl Slice {
    /// The whole of the context's pool.
    pub(super) fn whole(io: &Arc<IoCtx>) -> Result<Self, Failure> {
        Ok(Self { start: Cursor::begin(io)?, finish: Arc::new(Cursor::end(io)?) })
    }

    /// The whole of the context's pool, cut for listing in parallel.
    pub(super) fn all(io: &Arc<IoCtx>) -> Result<Vec<Self>, Failure> {
        let whole = Self::whole(io)?;
        (0..SLICES).map(|number| whole.cut(number)).collect()
    }

    fn cut(&self, number: usize) -> Result<Self, Failure> {
        let io = &self.start.io;
        let (mut start, mut finish) = (Cursor::begin(io)?, Cursor::begin(io)?);
        // SAFETY: everything is live, and both cursors to be set hold one already, as the function demands.
        unsafe {
            (io.cluster.api.rados_object_list_slice)(
                io.handle,
                self.start.handle,
                self.finish.handle,
                number,
                SLICES,
                &raw mut start.handle,
                &raw mut finish.handle,
            );
        }
        Ok(Self { start, finish: Arc::new(finish) })
    }

    /// A page of the slice: objects within `range`, strangers counted, and what is left of the slice.
    pub(super) fn page(&self, range: &KeyRange) -> Result<Page, Failure> {
        let io = &self.start.io;
        let mut next = Cursor::begin(io)?;
        let mut items: [MaybeUninit<ListItem>; PAGE] = [const { MaybeUninit::zeroed() }; PAGE];
        let items_start = items.as_mut_ptr().cast::<ListItem>();
        // SAFETY: everything is live, there is room for PAGE items, and `next` holds a cursor, as the function demands.
        let answer = unsafe {
            (io.cluster.api.rados_object_list)(
                io.handle,
                self.start.handle,
                self.finish.handle,
                PAGE,
                ptr::null(),
                0,
                items_start,
                &raw mut next.handle,
            )
        };
        // Checked before `next` is used, because on a failure it is the end of the pool: going on would make a broken
        // listing look like a finished one.
        let count = check(answer)?;
        let mut page = Page::default();
        // SAFETY: librados has filled the first `count` items, and they are not freed yet.
        for item in unsafe { std::slice::from_raw_parts(items_start, count) } {
            take(item, range, &mut page);
        }
        // SAFETY: the items are those that the listing above filled.
        unsafe { (io.cluster.api.rados_object_list_free)(count, items_start) };
        if next.is_before(&self.finish) {
            let left = Self { start: next, finish: Arc::clone(&self.finish) };
            page.rest = Some(left.into_part(*range));
        }
        Ok(page)
    }

    /// The slice as a part that covers what of it lies in `range`.
    pub(super) fn into_part(self, range: KeyRange) -> Part {
        Part { range, memo: Some(Arc::new(self)) }
    }
}

/// Puts an item on the page: an object in the range, or one more stranger.
fn take(item: &ListItem, range: &KeyRange, page: &mut Page) {
    let (namespace, name) = (text(item.nspace, item.nspace_length), text(item.oid, item.oid_length));
    let (library, id) = (LibraryId::parse(namespace), ObjectId::parse(name));
    // An object with a locator is a stranger too, because it is not found by its name alone.
    let is_object = library.is_some() && id.is_some() && item.locator_length == 0;
    // A stranger gets a place among the keys, so that of two listings of different ranges only one counts it.
    let first = ObjectKey::MIN;
    let key = ObjectKey::new(library.unwrap_or(first.library), id.unwrap_or(first.id));
    match (range.contains(&key), is_object) {
        (true, true) => page.objects.push(Listed { key, size: None }),
        (true, false) => page.ignored.add(NameSort::in_pool(namespace, name), &[namespace, b"/", name].concat()),
        (false, _) => {}
    }
}

/// A text of an item.
fn text<'a>(start: *const c_char, length: usize) -> &'a [u8] {
    if length == 0 {
        return &[];
    }
    // SAFETY: librados gives the length with each text, and the items live for as long as they are looked at.
    unsafe { std::slice::from_raw_parts(start.cast::<u8>(), length) }
}
