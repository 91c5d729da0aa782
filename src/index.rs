//! The index of a destination: the exact set of the objects that it holds, on disk.
//!
//! A list file holds the index of one kind of object. [`SetBuilder`] makes it from a listing of the destination,
//! [`Index`] opens it in place, and a [`Journal`] beside it holds the objects that were confirmed since.
//! `docs/list-file.md` describes the format and gives the figures.
//!
//! A pass calls [`ListLock::acquire`], then [`prepare`], which returns an index, or none when the destination has to be
//! listed. For the listing, [`SetBuilder::start_or_resume`] returns the ranges of keys to list, one [`ShardStream`] for
//! each range (or one [`UnsortedInput`] for a store without an order) takes the pages, [`SetBuilder::finish`] returns
//! the index, and [`Journal::open`] begins its journal.
//!
//! Guarantees: an index holds an object only if a listing or a confirmed write reported it; a listing that did not
//! reach its end is never used as an index; a file of which a byte has changed, or that belongs to another
//! destination, is refused; killing the process at any time loses work, never correctness.

mod buffer_pool;
mod build;
mod entry;
mod error;
mod file;
mod format;
pub mod from_listing;
mod journal;
mod maintain;
mod merge;
mod open;
mod paths;
pub mod recheck;
mod set;
mod shard;
mod shard_stream;
mod shard_writer;
mod small_chunks;
mod sort;
pub mod text;
mod write;

pub use build::{SetBuilder, UnsortedInput};
pub use entry::IndexEntry;
pub use error::ListError;
pub use format::VERSION;
pub use journal::Journal;
pub use maintain::{confirm, forget_all, merge};
pub use open::{Opened, Origin, Prepared, inspect, open, open_read_only, origin, prepare};
pub use paths::{ListLock, ListPaths};
pub use set::{Cursor, Index, Iter, LibraryCount, ShardInfo};
pub use shard_stream::ShardStream;
pub use sort::UniqueKeys;
