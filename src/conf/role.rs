//! Which of the two sides of a migration something belongs to.

use std::fmt;

/// The role of a side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The old side, or any side that is only read. The environment of the process belongs to it, as to the running
    /// server.
    Source,
    /// The new side.
    Destination,
}

impl fmt::Display for Role {
    /// `old` or `new`, as messages call the sides.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Source => "old",
            Self::Destination => "new",
        })
    }
}
