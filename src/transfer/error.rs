//! How a transfer ends.

use std::error::Error;

use crate::store::StoreError;

/// How a transfer ended that nothing made impossible. Which objects failed is in the counters and the findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferOutcome {
    /// Every object that the source of work named was copied, has vanished, or failed.
    Finished,
    /// Shutdown was requested: what was in flight is done, the rest was not attempted.
    Interrupted,
}

/// Why a transfer could not go on.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// A store said something after which every further object would fail the same way.
    #[error("{0}")]
    Store(StoreError),
    /// A file of this machine cannot be written or read.
    #[error("cannot {action}: {cause}")]
    Local {
        /// What was being done.
        action: &'static str,
        /// What the system said.
        cause: Box<dyn Error + Send + Sync>,
    },
}

impl TransferError {
    /// For `map_err`: the error of doing `action` with a file of this machine.
    pub fn local<E: Into<Box<dyn Error + Send + Sync>>>(action: &'static str) -> impl FnOnce(E) -> Self {
        move |cause| Self::Local { action, cause: cause.into() }
    }
}
