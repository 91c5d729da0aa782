//! Where the objects to copy come from.

use crate::object::{ObjectKey, ObjectKind};
use crate::store::{Ignored, Listed, StoreError};
use crate::sys::shutdown::Shutdown;
use crate::transfer::error::TransferError;
use crate::transfer::record::Recorder;
use crate::transfer::spool::Spool;

/// Whether all of the work was named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Produced {
    /// All of it.
    All,
    /// Shutdown was requested before that.
    Interrupted,
}

/// Names the objects that a transfer copies.
pub trait WorkSource: Sync {
    /// Puts every object to copy into `sink`, once each. Runs on a thread of its own while the objects are copied, and
    /// may call `sink` from several.
    ///
    /// # Errors
    /// What ends the transfer; what is in flight is finished.
    fn produce(&self, sink: &WorkSink<'_>) -> Result<Produced, TransferError>;
}

/// Takes what a source of work names: counts it, and hands on what is to be copied.
#[derive(Clone, Copy, Debug)]
pub struct WorkSink<'a> {
    recorder: Recorder<'a>,
    spool: &'a Spool,
    shutdown: &'a Shutdown,
}

impl<'a> WorkSink<'a> {
    pub(super) const fn new(recorder: Recorder<'a>, spool: &'a Spool, shutdown: &'a Shutdown) -> Self {
        Self { recorder, spool, shutdown }
    }

    /// Which kind is copied.
    pub const fn kind(&self) -> ObjectKind {
        self.recorder.kind
    }

    /// Raised when nothing more is to be named.
    pub const fn shutdown(&self) -> &'a Shutdown {
        self.shutdown
    }

    /// Objects of the source, of which `missing` is to be copied. Waits while too many are waiting to be copied.
    ///
    /// # Errors
    /// When the temporary file that they wait in cannot be written.
    pub fn add(&self, objects: &[Listed], missing: &[Listed]) -> Result<(), TransferError> {
        self.recorder.counters.count_listed(self.recorder.kind, objects, missing);
        // Whether anybody takes them is not asked, because when nobody does, the transfer is ending, and whoever names
        // objects sees that by the shutdown.
        self.spool.put(missing).map(drop).map_err(TransferError::local("write the plan to a temporary file"))
    }

    /// An object that was to be copied and is not in the source any more.
    pub fn add_vanished(&self, key: ObjectKey) {
        self.count_one(key);
        self.recorder.vanished(&key);
    }

    /// An object that is to be copied and of which a store would not say anything.
    ///
    /// # Errors
    /// As [`Recorder::failed`].
    pub fn add_failed(&self, key: ObjectKey, error: StoreError) -> Result<(), TransferError> {
        self.count_one(key);
        self.recorder.failed(key, error)
    }

    /// Names in the source that are not objects.
    pub fn add_ignored(&self, names: Ignored) {
        self.recorder.counters.count_ignored(self.recorder.kind, names);
    }

    fn count_one(&self, key: ObjectKey) {
        let object = [Listed { key, size: None }];
        self.recorder.counters.count_listed(self.recorder.kind, &object, &object);
    }
}
