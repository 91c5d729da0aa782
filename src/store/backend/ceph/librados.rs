//! The functions of librados' C interface that the store uses, looked up when the library is opened.
//!
//! The library is opened at run time, because linking to it would keep the program from starting
//! on every machine without Ceph. Names and signatures are those of `rados/librados.h`, whose
//! documentation holds; unless it says otherwise a function answers 0 or a positive count, or a
//! negated errno. Everything declared here has been in librados since Ceph 12, save what is optional.

use std::ffi::{CStr, OsStr, c_char, c_int, c_void};
use std::mem::ManuallyDrop;

use libloading::Library;

/// `rados_t`: a connection to a cluster.
pub(super) type RadosT = *mut c_void;
/// `rados_ioctx_t`: a pool and a namespace in it.
pub(super) type IoCtxT = *mut c_void;
/// `rados_object_list_cursor`: a place in the listing of a pool.
pub(super) type CursorT = *mut c_void;
/// `rados_read_op_t`: reads of one object that are done in one go.
pub(super) type ReadOpT = *mut c_void;

/// `LIBRADOS_ALL_NSPACES`: as the namespace of a listing, the objects of all of them.
pub(super) const ALL_NAMESPACES: &CStr = c"\x01";

/// `rados_object_list_item`: an object as a listing shows it. The texts are not terminated.
#[repr(C)]
pub(super) struct ListItem {
    pub(super) oid_length: usize,
    pub(super) oid: *mut c_char,
    pub(super) nspace_length: usize,
    pub(super) nspace: *mut c_char,
    pub(super) locator_length: usize,
    pub(super) locator: *mut c_char,
}

/// Declares the table: a field for each function, and `open`, which fills them all.
macro_rules! librados {
    ($($(#[$doc:meta])* fn $name:ident($($arg:ident: $type:ty),*) $(-> $answer:ty)?;)*) => {
        /// librados, opened.
        pub(super) struct Librados {
            $($(#[$doc])* pub(super) $name: unsafe extern "C" fn($($arg: $type),*) $(-> $answer)?,)*
            /// `rados_set_pool_full_try`: writes into a full pool fail at once instead of waiting for room
            /// (since Ceph 15; without it they end in a timeout).
            pub(super) rados_set_pool_full_try: Option<unsafe extern "C" fn(io: IoCtxT)>,
            /// Never closed: its threads may still run code of it when the last handle is gone.
            _library: ManuallyDrop<Library>,
        }

        impl Librados {
            /// Opens the library of that file name and looks up every function.
            pub(super) fn open(file: &OsStr) -> Result<Self, libloading::Error> {
                // SAFETY: opening runs librados' initialisers, which have no preconditions.
                let library = ManuallyDrop::new(unsafe { Library::new(file) }?);
                Ok(Self {
                    // SAFETY: each type is the signature that rados/librados.h declares for the name.
                    $($name: *unsafe { library.get(stringify!($name)) }?,)*
                    // SAFETY: likewise.
                    rados_set_pool_full_try: unsafe { library.get("rados_set_pool_full_try") }.ok().map(|symbol| *symbol),
                    _library: library,
                })
            }
        }
    };
}

librados! {
    /// Makes a handle for the client `name` (`client.admin`); no connection yet.
    fn rados_create2(cluster: *mut RadosT, cluster_name: *const c_char, name: *const c_char, flags: u64) -> c_int;
    /// Reads a ceph.conf.
    fn rados_conf_read_file(cluster: RadosT, path: *const c_char) -> c_int;
    /// Sets an option; before the connection is made.
    fn rados_conf_set(cluster: RadosT, option: *const c_char, value: *const c_char) -> c_int;
    /// Gets an option as text.
    fn rados_conf_get(cluster: RadosT, option: *const c_char, value: *mut c_char, length: usize) -> c_int;
    /// Logs in to the monitors.
    fn rados_connect(cluster: RadosT) -> c_int;
    /// Disconnects where connected, and frees the handle.
    fn rados_shutdown(cluster: RadosT);
    /// The number of the pool of that name, or a negated errno.
    fn rados_pool_lookup(cluster: RadosT, name: *const c_char) -> i64;
    /// The length of the name of the pool of that number, or a negated errno.
    fn rados_pool_reverse_lookup(cluster: RadosT, id: i64, name: *mut c_char, length: usize) -> c_int;
    /// Makes a context for the pool of that number.
    fn rados_ioctx_create2(cluster: RadosT, pool: i64, io: *mut IoCtxT) -> c_int;
    /// Frees a context.
    fn rados_ioctx_destroy(io: IoCtxT);
    /// Sets the namespace that operations with the context are in.
    fn rados_ioctx_set_namespace(io: IoCtxT, namespace: *const c_char);
    /// Makes `data` the whole of an object, atomically; returns when every replica has it on disk.
    fn rados_write_full(io: IoCtxT, oid: *const c_char, data: *const c_char, length: usize) -> c_int;
    /// Removes an object.
    fn rados_remove(io: IoCtxT, oid: *const c_char) -> c_int;
    /// The size, and the time of the last change in seconds.
    fn rados_stat(io: IoCtxT, oid: *const c_char, size: *mut u64, mtime: *mut i64) -> c_int;
    /// Begins a read operation.
    fn rados_create_read_op() -> ReadOpT;
    /// Frees a read operation.
    fn rados_release_read_op(op: ReadOpT);
    /// Adds `stat` to a read operation.
    fn rados_read_op_stat(op: ReadOpT, size: *mut u64, mtime: *mut i64, result: *mut c_int);
    /// Adds a read to a read operation.
    fn rados_read_op_read(op: ReadOpT, offset: u64, length: usize, buffer: *mut c_char, read: *mut usize, result: *mut c_int);
    /// Does a read operation on an object.
    fn rados_read_op_operate(op: ReadOpT, io: IoCtxT, oid: *const c_char, flags: c_int) -> c_int;
    /// The beginning of a pool's listing; null when there is no such pool.
    fn rados_object_list_begin(io: IoCtxT) -> CursorT;
    /// The end of a pool's listing; null when there is no such pool.
    fn rados_object_list_end(io: IoCtxT) -> CursorT;
    /// -1, 0 or 1 as the one place comes before, is, or comes after the other.
    fn rados_object_list_cursor_cmp(io: IoCtxT, left: CursorT, right: CursorT) -> c_int;
    /// Frees a cursor.
    fn rados_object_list_cursor_free(io: IoCtxT, cursor: CursorT);
    /// Lists from one place up to another, at most `size` objects; the answer is how many, and `next`, which must
    /// hold a cursor before, is where to go on. On an error `next` is the end of the pool.
    fn rados_object_list(io: IoCtxT, start: CursorT, finish: CursorT, size: usize, filter: *const c_char, filter_length: usize, items: *mut ListItem, next: *mut CursorT) -> c_int;
    /// Frees what a listing put into the items.
    fn rados_object_list_free(size: usize, items: *mut ListItem);
    /// The `n`-th of `m` slices of a range. Both cursors to be set must hold one before.
    fn rados_object_list_slice(io: IoCtxT, start: CursorT, finish: CursorT, n: usize, m: usize, slice_start: *mut CursorT, slice_finish: *mut CursorT);
}
