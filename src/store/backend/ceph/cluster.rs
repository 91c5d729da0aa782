//! librados made safe: handles that free themselves, and one connection for all stores of a cluster.

use std::ffi::{CStr, CString, OsStr, OsString, c_char};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::ptr;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use super::errno::{Failure, check};
use super::librados::{IoCtxT, Librados, RadosT};
use crate::store::{ErrorKind, StoreError};

/// What a connection is made from; stores with equal ones share it.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) library_file: OsString,
    pub(super) config_file: PathBuf,
    pub(super) client_id: String,
    pub(super) timeout: Duration,
}

/// A connection to a cluster.
pub(super) struct Cluster {
    pub(super) api: Librados,
    handle: RadosT,
}

// SAFETY: librados' cluster handle may be used by any number of threads at once once it is connected, and `connect`
// hands it out only then.
unsafe impl Send for Cluster {}
// SAFETY: as above.
unsafe impl Sync for Cluster {}

impl Drop for Cluster {
    fn drop(&mut self) {
        // SAFETY: the handle is live, and no context is left, because every one made from it holds the cluster.
        unsafe { (self.api.rados_shutdown)(self.handle) }
    }
}

/// The connections that are in use. Weak, so that the last store closes its connection.
static CONNECTIONS: Mutex<Vec<(Identity, Weak<Cluster>)>> = Mutex::new(Vec::new());

/// The connection for `identity`: one that is in use, else a new one.
pub(super) fn connection(identity: &Identity) -> Result<Arc<Cluster>, StoreError> {
    // Held while connecting, so that the stores of three kinds opened at once make one connection. The list is
    // whole whatever a panicking holder did: it is changed in single steps.
    let mut connections = CONNECTIONS.lock().unwrap_or_else(PoisonError::into_inner);
    connections.retain(|(_, cluster)| cluster.strong_count() > 0);
    let used = connections.iter().find(|(other, _)| other == identity).and_then(|(_, cluster)| cluster.upgrade());
    if let Some(cluster) = used {
        return Ok(cluster);
    }
    let cluster = Arc::new(Cluster::connect(identity)?);
    connections.push((identity.clone(), Arc::downgrade(&cluster)));
    Ok(cluster)
}

/// A text for librados; it cannot hold a NUL byte.
pub(super) fn c_text(text: &OsStr, what: &str) -> Result<CString, StoreError> {
    let bytes = text.as_bytes();
    CString::new(bytes).map_err(|_| StoreError::new(ErrorKind::Setup, "open", what, "a NUL byte is in the value"))
}

impl Cluster {
    fn connect(identity: &Identity) -> Result<Self, StoreError> {
        let api = Librados::open(&identity.library_file).map_err(|cause| library_missing(identity, &cause))?;
        let name = c_text(format!("client.{}", identity.client_id).as_ref(), "ceph_client_id")?;
        let mut handle = ptr::null_mut();
        // SAFETY: both texts are terminated, and `handle` is where the new handle goes.
        check(unsafe { (api.rados_create2)(&raw mut handle, c"ceph".as_ptr(), name.as_ptr(), 0) })
            .map_err(|failure| StoreError::new(failure.kind(), "open", "librados", failure))?;
        let cluster = Self { api, handle };
        cluster.configure(identity)?;
        // SAFETY: the handle is configured and not connected yet.
        check(unsafe { (cluster.api.rados_connect)(cluster.handle) })
            .map_err(|failure| cluster.not_connected(identity, failure))?;
        Ok(cluster)
    }

    fn configure(&self, identity: &Identity) -> Result<(), StoreError> {
        let path = c_text(identity.config_file.as_os_str(), "ceph_config")?;
        // SAFETY: the handle is live and not connected, the path terminated.
        check(unsafe { (self.api.rados_conf_read_file)(self.handle, path.as_ptr()) }).map_err(|failure| {
            let file = identity.config_file.display();
            StoreError::new(ErrorKind::Setup, "open", format!("ceph_config {file}"), failure)
                .because("it must be a ceph.conf that this user can read")
        })?;
        let seconds = identity.timeout.as_secs().max(1).to_string();
        self.set(c"client_mount_timeout", &seconds)?;
        // A limit is set because without one an operation on an OSD that hangs waits for ever. The administrator's
        // stands.
        for option in [c"rados_osd_op_timeout", c"rados_mon_op_timeout"] {
            if self.get(option).is_none_or(|limit| limit.parse() == Ok(0.0)) {
                self.set(option, &seconds)?;
            }
        }
        // Silent, because what goes wrong is in the errors, and librados' own lines would run through the progress
        // display.
        self.set(c"log_to_stderr", "false")?;
        self.set(c"err_to_stderr", "false")
    }

    fn set(&self, option: &CStr, value: &str) -> Result<(), StoreError> {
        let value = c_text(value.as_ref(), "an option of librados")?;
        // SAFETY: the handle is live and not connected, the texts terminated.
        check(unsafe { (self.api.rados_conf_set)(self.handle, option.as_ptr(), value.as_ptr()) })
            .map(drop)
            .map_err(|failure| StoreError::new(ErrorKind::Setup, "open", option.to_string_lossy(), failure))
    }

    /// The option as text; `None` when librados does not know it or it is very long.
    fn get(&self, option: &CStr) -> Option<String> {
        let mut buffer = vec![0_u8; 4096];
        let text = buffer.as_mut_ptr().cast::<c_char>();
        // SAFETY: the buffer is as long as said, and librados terminates what it puts there.
        check(unsafe { (self.api.rados_conf_get)(self.handle, option.as_ptr(), text, buffer.len()) }).ok()?;
        Some(CStr::from_bytes_until_nul(&buffer).ok()?.to_string_lossy().into_owned())
    }

    fn not_connected(&self, identity: &Identity, failure: Failure) -> StoreError {
        let subject = format!("cluster of {} as client.{}", identity.config_file.display(), identity.client_id);
        let hosts = self.get(c"mon_host").unwrap_or_default();
        let keyring = self.get(c"keyring").unwrap_or_default();
        match failure.kind() {
            ErrorKind::Denied => StoreError::new(
                ErrorKind::BadCredentials,
                "open",
                subject,
                format!("the monitors refuse the key that {keyring} has for this client"),
            ),
            ErrorKind::NotFound => StoreError::new(
                ErrorKind::BadCredentials,
                "open",
                subject,
                format!("no key for this client in {keyring} (the keyring option of ceph.conf)"),
            ),
            ErrorKind::Timeout => StoreError::new(
                ErrorKind::Timeout,
                "open",
                subject,
                format!("no monitor of {hosts} answered in {} s", identity.timeout.as_secs()),
            ),
            kind => StoreError::new(kind, "open", subject, failure),
        }
    }

    /// The number of the pool; `None` when there is none of that name.
    pub(super) fn pool_id(&self, name: &CStr) -> Result<Option<i64>, Failure> {
        // SAFETY: the handle is connected, the name terminated.
        let answer = unsafe { (self.api.rados_pool_lookup)(self.handle, name.as_ptr()) };
        match i32::try_from(answer).map_or(Ok(0), check) {
            Err(Failure::NOT_FOUND) => Ok(None),
            Err(failure) => Err(failure),
            Ok(_) => Ok(Some(answer)),
        }
    }

    /// Whether the pool of that number is still there, as far as this client has heard.
    pub(super) fn has_pool(&self, id: i64) -> bool {
        let mut name = [0_u8; 256];
        let text = name.as_mut_ptr().cast::<c_char>();
        // SAFETY: the buffer is as long as said.
        let answer = unsafe { (self.api.rados_pool_reverse_lookup)(self.handle, id, text, name.len()) };
        // Any other error passes, because a name that is too long for the buffer is that of a pool all the same.
        check(answer) != Err(Failure::NOT_FOUND)
    }
}

fn library_missing(identity: &Identity, cause: &libloading::Error) -> StoreError {
    StoreError::new(ErrorKind::Setup, "open", identity.library_file.to_string_lossy(), cause).because(
        "a ceph backend needs Ceph's client library on this machine: install the package librados2 \
         (apt install librados2; on Red Hat and its relatives dnf install librados2)",
    )
}

/// A pool and one namespace of it.
pub(super) struct IoCtx {
    pub(super) cluster: Arc<Cluster>,
    pub(super) handle: IoCtxT,
}

// SAFETY: operations on one context may run in several threads; only changing its settings may not, and they are set
// once, before it is handed out.
unsafe impl Send for IoCtx {}
// SAFETY: as above.
unsafe impl Sync for IoCtx {}

impl IoCtx {
    /// A context for one namespace of the pool.
    pub(super) fn new(cluster: &Arc<Cluster>, pool: i64, namespace: &CStr) -> Result<Self, Failure> {
        let mut handle = ptr::null_mut();
        // SAFETY: the cluster is connected, and `handle` is where the new context goes.
        check(unsafe { (cluster.api.rados_ioctx_create2)(cluster.handle, pool, &raw mut handle) })?;
        let io = Self { cluster: Arc::clone(cluster), handle };
        // SAFETY: the context is live and not shared yet, the text terminated.
        unsafe { (cluster.api.rados_ioctx_set_namespace)(io.handle, namespace.as_ptr()) };
        if let Some(set_full_try) = cluster.api.rados_set_pool_full_try {
            // SAFETY: as above.
            unsafe { set_full_try(io.handle) };
        }
        Ok(io)
    }
}

impl Drop for IoCtx {
    fn drop(&mut self) {
        // SAFETY: the context is live, and nothing uses it any more.
        unsafe { (self.cluster.api.rados_ioctx_destroy)(self.handle) }
    }
}
