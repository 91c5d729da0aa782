//! Whether the signature of an upload covers the bytes.
//!
//! It need not: the header Content-MD5, which is signed along, does. Their SHA-256 costs three quarters of an upload's
//! processor time, so that it is worked out only for servers that insist on it. Of a block that is sent in pieces neither is known
//! beforehand; its SHA-1 is, because that is its id (`x-amz-checksum-sha1`).

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use super::errors::Failure;
use crate::store::ErrorKind;

/// What stands for the body in a V4 signature (`x-amz-content-sha256`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Payload {
    /// Its SHA-256.
    Hashed,
    /// The word that it is not covered.
    Unsigned,
    /// The same, of a body that is fetched as it is sent.
    Fetched,
}

/// What a server takes, as far as it has shown.
#[derive(Debug, Default)]
pub(super) struct Uploads {
    signed: AtomicU8,
    pieces: AtomicU8,
    /// Whether the server checks the SHA-1 that comes along.
    checks_sha1: AtomicBool,
}

const TAKES_UNSIGNED: u8 = 1;
const WANTS_HASHES: u8 = 2;

const TAKES_PIECES: u8 = 1;
const WANTS_WHOLE: u8 = 2;

impl Uploads {
    /// What the next upload is signed with.
    pub(super) fn payload(&self) -> Payload {
        if self.signed.load(Ordering::Relaxed) == WANTS_HASHES { Payload::Hashed } else { Payload::Unsigned }
    }

    /// The server took an upload that was signed with `payload`.
    pub(super) fn took(&self, payload: Payload) {
        let shown = match payload {
            Payload::Unsigned | Payload::Fetched => TAKES_UNSIGNED,
            Payload::Hashed => WANTS_HASHES,
        };
        self.signed.store(shown, Ordering::Relaxed);
    }

    /// Whether an upload that was not hashed may have failed for that. Servers say it with the codes of many other causes,
    /// so that it is tried out once, unless one was taken before.
    pub(super) fn may_want_hashes(&self, failure: &Failure) -> bool {
        may_be_of_the_form(failure) && self.signed.load(Ordering::Relaxed) != TAKES_UNSIGNED
    }

    /// Whether uploads in pieces are tried: neither the server nor its signatures want more than is known beforehand.
    pub(super) fn go_in_pieces(&self) -> bool {
        self.pieces.load(Ordering::Relaxed) != WANTS_WHOLE && self.payload() == Payload::Unsigned
    }

    /// The server took an upload in pieces.
    pub(super) fn took_pieces(&self) {
        self.pieces.store(TAKES_PIECES, Ordering::Relaxed);
    }

    /// Whether the server said of the last upload in pieces that it had checked its SHA-1.
    pub(super) fn are_checked(&self) -> bool {
        self.checks_sha1.load(Ordering::Relaxed)
    }

    /// What it said of this one.
    pub(super) fn were_checked(&self, checked: bool) {
        self.checks_sha1.store(checked, Ordering::Relaxed);
    }

    /// The server stores objects so that only what goes along with a whole one proves that they arrived.
    pub(super) fn want_whole(&self) {
        self.pieces.store(WANTS_WHOLE, Ordering::Relaxed);
    }

    /// Whether an upload in pieces may have failed for what it lacks beside a whole one; from then on objects go whole.
    pub(super) fn may_want_whole(&self, failure: &Failure) -> bool {
        let wants = may_be_of_the_form(failure) && self.pieces.load(Ordering::Relaxed) != TAKES_PIECES;
        if wants {
            self.want_whole();
        }
        wants
    }
}

fn may_be_of_the_form(failure: &Failure) -> bool {
    let refused = matches!(failure.status, Some(400 | 403 | 411 | 501));
    let elsewhere = matches!(failure.kind, ErrorKind::BadCredentials | ErrorKind::Setup | ErrorKind::TooLarge);
    refused && !elsewhere
}
