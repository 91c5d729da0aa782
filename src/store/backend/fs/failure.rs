//! What an operating system's error means for a store.

use std::io;

use rustix::io::Errno;

use crate::store::ErrorKind;

/// The kind of a failure to list, write or remove.
pub(super) fn kind_of(error: &io::Error) -> ErrorKind {
    match Errno::from_io_error(error) {
        Some(Errno::NOENT | Errno::NOTDIR) => ErrorKind::NotFound,
        Some(Errno::NOSPC | Errno::DQUOT) => ErrorKind::NoSpace,
        Some(Errno::ROFS) => ErrorKind::ReadOnly,
        Some(Errno::ACCESS | Errno::PERM) => ErrorKind::Denied,
        Some(Errno::FBIG) => ErrorKind::TooLarge,
        // Worth another try, because network file systems say this while their server is away or was restarted.
        Some(Errno::STALE | Errno::INTR) => ErrorKind::Unavailable,
        Some(Errno::TIMEDOUT) => ErrorKind::Timeout,
        Some(Errno::NOTCONN | Errno::CONNRESET | Errno::HOSTDOWN | Errno::HOSTUNREACH | Errno::NETUNREACH) => {
            ErrorKind::Connection
        }
        _ => ErrorKind::Other,
    }
}

/// The kind of a failure to read one object that is there: permissions and bad sectors concern
/// that object alone, and the run goes on with the others.
pub(super) fn while_reading(error: &io::Error) -> ErrorKind {
    match kind_of(error) {
        ErrorKind::Denied | ErrorKind::Other => ErrorKind::Unreadable,
        kind => kind,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_on_a_network_file_system_is_tried_again() {
        for errno in [Errno::STALE, Errno::INTR, Errno::TIMEDOUT, Errno::NOTCONN] {
            for kind in [kind_of(&errno.into()), while_reading(&errno.into())] {
                assert!(kind.is_transient(), "{errno}: {kind:?}");
            }
        }
        // A bad sector is bad the next time, too.
        assert_eq!(while_reading(&Errno::IO.into()), ErrorKind::Unreadable);
    }
}
