//! Whether the signature of an upload covers the bytes.
//!
//! It need not: the header Content-MD5, which is signed along, does. Their SHA-256 costs three quarters of an upload's
//! processor time, so that it is worked out only for servers that insist on it.

use std::sync::atomic::{AtomicU8, Ordering};

use super::errors::Failure;
use crate::store::ErrorKind;

/// What stands for the body in a V4 signature (`x-amz-content-sha256`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Payload {
    /// Its SHA-256.
    Hashed,
    /// The word that it is not covered.
    Unsigned,
}

/// What a server takes, as far as it has shown.
#[derive(Debug, Default)]
pub(super) struct Uploads(AtomicU8);

const TAKES_UNSIGNED: u8 = 1;
const WANTS_HASHES: u8 = 2;

impl Uploads {
    /// What the next upload is signed with.
    pub(super) fn payload(&self) -> Payload {
        if self.0.load(Ordering::Relaxed) == WANTS_HASHES { Payload::Hashed } else { Payload::Unsigned }
    }

    /// The server took an upload that was signed with `payload`.
    pub(super) fn took(&self, payload: Payload) {
        let shown = match payload {
            Payload::Unsigned => TAKES_UNSIGNED,
            Payload::Hashed => WANTS_HASHES,
        };
        self.0.store(shown, Ordering::Relaxed);
    }

    /// Whether an upload that was not hashed may have failed for that. Servers say it with the codes of many other causes,
    /// so that it is tried out once, unless one was taken before.
    pub(super) fn may_want_hashes(&self, failure: &Failure) -> bool {
        let refused = matches!(failure.status, Some(400 | 403 | 411 | 501));
        let elsewhere = matches!(failure.kind, ErrorKind::BadCredentials | ErrorKind::Setup | ErrorKind::TooLarge);
        refused && !elsewhere && self.0.load(Ordering::Relaxed) != TAKES_UNSIGNED
    }
}
