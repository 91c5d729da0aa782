//! Ceph RADOS through librados, opened at run time.
//!
//! An object lies in the pool of its kind, in the namespace named as its library, under its id. Every operation is
//! acknowledged by all replicas before it returns, and has a limit in time. All stores of one ceph.conf and client
//! share a connection.

use std::ffi::{CStr, CString, OsString, c_char};
use std::fmt;
use std::mem::MaybeUninit;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use self::cluster::{Cluster, Identity, IoCtx};
use self::errno::{Failure, check};
use self::librados::{ALL_NAMESPACES, ReadOpT};
use self::listing::Slice;
use crate::conf::backend::{CephConf, Location};
use crate::object::{KeyRange, LibraryId, ObjectKey};
use crate::store::{ErrorKind, Listed, Page, Part, ReadStore, RemoveStore, StoreError, WriteStore, found};

mod cluster;
mod errno;
mod librados;
mod listing;

/// How much a first read asks for: nearly every object of Seafile is smaller, and then one request is all.
const FIRST_READ: usize = 64 * 1024;

/// What a store on RADOS needs besides its configuration.
#[derive(Clone, Debug)]
pub struct CephOptions {
    /// How long an operation and the login may take, in whole seconds; from `rados_osd_op_timeout` and
    /// `rados_mon_op_timeout` of ceph.conf where they are set there. It must outlast the time in which a cluster
    /// replaces an OSD that died (about 25 s by default), so that this is not an error.
    pub timeout: Duration,
    /// The file name of librados, looked for as the system looks for libraries.
    pub library: OsString,
}

impl Default for CephOptions {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(60), library: OsString::from("librados.so.2") }
    }
}

/// One kind's objects in a RADOS pool.
pub struct CephStore {
    cluster: Arc<Cluster>,
    pool: i64,
    location: Location,
}

impl fmt::Debug for CephStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CephStore({})", self.location)
    }
}

impl CephStore {
    /// Connects, and looks the pool up.
    ///
    /// # Errors
    /// [`ErrorKind::Setup`] when librados or ceph.conf is missing, [`ErrorKind::BadCredentials`] when the cluster
    /// refuses the client or there is no key for it, [`ErrorKind::Timeout`] when no monitor answers,
    /// [`ErrorKind::ContainerMissing`] when there is no such pool.
    pub fn open(conf: &CephConf, location: Location, options: &CephOptions) -> Result<Self, StoreError> {
        let identity = Identity {
            library_file: options.library.clone(),
            config_file: conf.config_file.clone(),
            client_id: conf.client_id.clone().unwrap_or_else(|| "admin".to_owned()),
            timeout: options.timeout,
        };
        let name = cluster::c_text(conf.pool.as_ref(), "pool")?;
        let cluster = cluster::connection(&identity)?;
        let pool = cluster
            .pool_id(&name)
            .map_err(|failure| StoreError::new(failure.kind(), "open", location.to_string(), failure))?
            .ok_or_else(|| {
                let cause = format!("the cluster has no pool {}", conf.pool);
                StoreError::new(ErrorKind::ContainerMissing, "open", location.to_string(), cause)
            })?;
        Ok(Self { cluster, pool, location })
    }

    /// A context for one library. Making one takes about 3 us, a small part of any operation, so none is kept.
    fn library(&self, library: LibraryId) -> Result<IoCtx, Failure> {
        IoCtx::new(&self.cluster, self.pool, &terminated(library.text()))
    }

    /// A context for listing `within`: one library's namespace where it lies in a single library.
    fn listing(&self, within: &KeyRange) -> Result<Arc<IoCtx>, Failure> {
        let library = within.first().library;
        let io = if library == within.last().library {
            self.library(library)
        } else {
            IoCtx::new(&self.cluster, self.pool, ALL_NAMESPACES)
        };
        Ok(Arc::new(io?))
    }

    /// An operation on an object, its failure told with the object's name.
    fn on_object<T>(
        &self,
        action: &'static str,
        key: &ObjectKey,
        operation: impl FnOnce(&IoCtx, &CStr) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        self.library(key.library)
            .and_then(|io| operation(&io, &terminated(key.id.text())))
            .map_err(|failure| StoreError::object(self.kind(failure), action, key, failure))
    }

    fn not_listed(&self, failure: Failure) -> StoreError {
        let kind = match failure.kind() {
            // The pool, because a listing names no object that could be missing.
            ErrorKind::NotFound => ErrorKind::ContainerMissing,
            kind => kind,
        };
        StoreError::new(kind, "list", self.location.to_string(), failure)
    }

    /// The kind of a failed operation on an object. A pool that was deleted answers like a missing object, which must
    /// not be taken for one.
    fn kind(&self, failure: Failure) -> ErrorKind {
        match failure.kind() {
            ErrorKind::NotFound if !self.cluster.has_pool(self.pool) => ErrorKind::ContainerMissing,
            kind => kind,
        }
    }
}

/// `text` as C wants it.
fn terminated<const N: usize>(text: [u8; N]) -> CString {
    CString::new(text).expect("hex digits and dashes hold no NUL byte")
}

impl ReadStore for CephStore {
    fn location(&self) -> &Location {
        &self.location
    }

    fn is_ordered(&self) -> bool {
        false
    }

    fn parts(&self, within: &KeyRange) -> Result<Vec<Part>, StoreError> {
        let slices = self.listing(within).and_then(|io| Slice::all(&io)).map_err(|failure| self.not_listed(failure))?;
        Ok(slices.into_iter().map(|slice| slice.into_part(*within)).collect())
    }

    fn list(&self, part: &Part) -> Result<Page, StoreError> {
        match part.memo.as_deref().and_then(|memo| memo.downcast_ref::<Slice>()) {
            Some(slice) => slice.page(&part.range),
            None => self.listing(&part.range).and_then(|io| Slice::whole(&io)?.page(&part.range)),
        }
        .map_err(|failure| self.not_listed(failure))
    }

    fn read(&self, key: &ObjectKey) -> Result<Bytes, StoreError> {
        let (size, data) = self.on_object("read", key, |io, oid| read_whole(io, oid, u64::MAX))?;
        if data.len() as u64 != size {
            return Err(not_whole(key, &data, size));
        }
        Ok(data)
    }

    fn read_at_most(&self, key: &ObjectKey, most: u64) -> Result<Option<Bytes>, StoreError> {
        let (size, data) = self.on_object("read", key, |io, oid| read_whole(io, oid, most))?;
        match (size > most, data.len() as u64 == size) {
            (true, _) => Ok(None),
            (false, true) => Ok(Some(data)),
            (false, false) => Err(not_whole(key, &data, size)),
        }
    }

    fn size(&self, key: &ObjectKey) -> Result<u64, StoreError> {
        self.on_object("size", key, |io, oid| {
            let (mut size, mut mtime) = (0, 0);
            // SAFETY: the context is live, the name terminated.
            check(unsafe { (io.cluster.api.rados_stat)(io.handle, oid.as_ptr(), &raw mut size, &raw mut mtime) })?;
            Ok(size)
        })
    }

    /// Asked of the object itself, because RADOS lists the objects that it would find, from the same place; a listing
    /// for one key would read the names of the whole library.
    fn list_one(&self, key: &ObjectKey) -> Result<Option<Listed>, StoreError> {
        Ok(found(self.size(key))?.map(|size| Listed { key: *key, size: Some(size) }))
    }
}

impl WriteStore for CephStore {
    fn write(&self, key: &ObjectKey, data: Bytes) -> Result<(), StoreError> {
        self.on_object("write", key, |io, oid| {
            let start = data.as_ptr().cast::<c_char>();
            // SAFETY: the context is live, the name terminated, and librados only reads the data.
            check(unsafe { (io.cluster.api.rados_write_full)(io.handle, oid.as_ptr(), start, data.len()) }).map(drop)
        })
    }

    /// Nothing to do: a write returns when every replica has the object on disk.
    fn sync(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

impl RemoveStore for CephStore {
    fn remove(&self, key: &ObjectKey) -> Result<(), StoreError> {
        let removed = self.on_object("remove", key, |io, oid| {
            // SAFETY: the context is live, the name terminated.
            check(unsafe { (io.cluster.api.rados_remove)(io.handle, oid.as_ptr()) }).map(drop)
        });
        match removed {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }
}

fn not_whole(key: &ObjectKey, data: &Bytes, size: u64) -> StoreError {
    let cause = format!("{} bytes came of an object of {size}", data.len());
    StoreError::object(ErrorKind::Protocol, "read", key, cause)
}

/// The size of an object, and what could be read of it; of one with more than `most` bytes, nothing.
fn read_whole(io: &IoCtx, oid: &CStr, most: u64) -> Result<(u64, Bytes), Failure> {
    // On the stack, because allocating as much for each small object costs 10 us of CPU time and more.
    let mut room = [MaybeUninit::uninit(); FIRST_READ];
    let (mut size, read) = read_once(io, oid, &mut room)?;
    if size <= FIRST_READ as u64 {
        // SAFETY: the first `read` bytes were written.
        return Ok((size, Bytes::copy_from_slice(unsafe { room[..read].assume_init_ref() })));
    }
    // From the beginning again, because only what one request reads is of one moment: two halves could be of two
    // writes. And once more when it has grown meanwhile.
    while size <= most {
        let mut data = Vec::with_capacity(usize::try_from(size).unwrap_or(usize::MAX));
        let (size_now, read) = read_once(io, oid, data.spare_capacity_mut())?;
        // SAFETY: the first `read` bytes were written.
        unsafe { data.set_len(read) };
        if size_now <= size {
            return Ok((size_now, Bytes::from(data)));
        }
        size = size_now;
    }
    Ok((size, Bytes::new()))
}

/// Reads the beginning of an object into `room`; answers the object's size, and how many bytes were written.
fn read_once(io: &IoCtx, oid: &CStr, room: &mut [MaybeUninit<u8>]) -> Result<(u64, usize), Failure> {
    let api = &io.cluster.api;
    let (mut size, mut mtime, mut read) = (0, 0, 0);
    let (mut stat_result, mut read_result) = (0, 0);
    let (start, length) = (room.as_mut_ptr().cast::<c_char>(), room.len());
    // SAFETY: an operation is made, filled and done within this function, so that all it points to outlives it; the
    // context is live, the name terminated, and there is room for as much as is asked for.
    let answer = unsafe {
        let operation: ReadOpT = (api.rados_create_read_op)();
        (api.rados_read_op_stat)(operation, &raw mut size, &raw mut mtime, &raw mut stat_result);
        (api.rados_read_op_read)(operation, 0, length, start, &raw mut read, &raw mut read_result);
        let answer = (api.rados_read_op_operate)(operation, io.handle, oid.as_ptr(), 0);
        (api.rados_release_read_op)(operation);
        answer
    };
    check(answer)?;
    check(stat_result)?;
    check(read_result)?;
    Ok((size, read.min(length)))
}
