//! What a destination is known to hold: exact sets of keys on disk.
//!
//! A list is one file a kind. It is made from a listing of the destination ([`SetBuilder`]), opened
//! in place ([`Index`]), and continued by a [`Journal`] of what was confirmed since. `docs/list-file.md`
//! has the format and the figures.
//!
//! The way of a pass: [`ListLock::acquire`], then [`prepare`]. Either there is a set to go by, or the
//! destination is to be listed: [`SetBuilder::start_or_resume`] says which ranges, one
//! [`ShardStream`] a range (or one [`UnsortedInput`] for a store without an order) takes the pages,
//! [`SetBuilder::finish`] gives the set, and [`Journal::open`] begins its journal.
//!
//! What is promised: a set says that an object is there only if a listing or a confirmed write said
//! so; a listing that did not end is never taken for a set; a file of which a byte has changed, or
//! that is about another destination, is refused; and killing the process at any instant loses work
//! at most.

mod buffers;
mod build;
mod entry;
mod error;
mod file;
mod format;
pub mod from_listing;
mod intake;
mod journal;
mod leftovers;
mod merge;
mod open;
mod paths;
pub mod recheck;
mod set;
mod shard;
mod sort;
mod stream;
pub mod text;
mod upkeep;
mod write;

pub use build::{SetBuilder, UnsortedInput};
pub use entry::IndexEntry;
pub use error::ListError;
pub use format::VERSION;
pub use journal::Journal;
pub use open::{Opened, Prepared, inspect, open, open_read_only, prepare};
pub use paths::{ListLock, ListPaths};
pub use set::{Cursor, Index, Iter, LibraryCount, ShardInfo};
pub use stream::ShardStream;
pub use upkeep::{confirm, forget, forget_all, merge};
