//! Writes that wait for the right to write.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether writes are to wait: set while it is not known whether another process may write. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Hold(Arc<AtomicBool>);

impl Hold {
    /// Writes that have not begun wait from now on, or do not any more.
    pub fn set(&self, waits: bool) {
        self.0.store(waits, Ordering::SeqCst);
    }

    /// Whether writes are to wait.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
