//! What librados' numbers mean: from errno to the kind of failure.

use std::ffi::c_int;
use std::{fmt, io};

use rustix::io::Errno;

use crate::store::ErrorKind;

/// A failure as librados told it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Failure(Errno);

/// The answer of a librados function: a count, or a negated errno.
pub(super) fn check(answer: c_int) -> Result<usize, Failure> {
    usize::try_from(answer).map_err(|_| Failure(Errno::from_raw_os_error(answer.saturating_neg())))
}

impl Failure {
    pub(super) const NOT_FOUND: Self = Self(Errno::NOENT);

    /// What kind of failure it is for an operation on an object that is not missing.
    pub(super) fn kind(self) -> ErrorKind {
        match self.0 {
            Errno::NOENT => ErrorKind::NotFound,
            Errno::PERM | Errno::ACCESS => ErrorKind::Denied,
            Errno::TIMEDOUT => ErrorKind::Timeout,
            Errno::NOSPC | Errno::DQUOT => ErrorKind::NoSpace,
            Errno::ROFS => ErrorKind::ReadOnly,
            Errno::FBIG | Errno::MSGSIZE | Errno::TOOBIG => ErrorKind::TooLarge,
            Errno::NOTCONN | Errno::SHUTDOWN | Errno::CONNRESET | Errno::CONNREFUSED | Errno::PIPE => {
                ErrorKind::Connection
            }
            Errno::IO | Errno::AGAIN | Errno::BUSY | Errno::NOMEM | Errno::INTR => ErrorKind::Unavailable,
            _ => ErrorKind::Other,
        }
    }

    /// What to do about it, where librados' own words would not say.
    const fn advice(self) -> &'static str {
        match self.0 {
            Errno::TIMEDOUT => "; an OSD or every monitor hangs or cannot be reached (see `ceph -s`)",
            Errno::NOSPC => "; the cluster or the pool is full (see `ceph df`)",
            Errno::DQUOT => "; the pool's quota is used up (see `ceph osd pool get-quota`)",
            Errno::FBIG | Errno::MSGSIZE | Errno::TOOBIG => {
                "; larger than one object may be there: raise osd_max_write_size and osd_max_object_size of the OSDs"
            }
            Errno::SHUTDOWN => "; the cluster has shut this client out (see `ceph osd blocklist ls`)",
            Errno::PERM | Errno::ACCESS => "; the client's capabilities do not allow it (see `ceph auth get`)",
            _ => "",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", io::Error::from(self.0), self.advice())
    }
}
