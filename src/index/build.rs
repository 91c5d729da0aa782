//! Builds a list while a destination is listed: many threads, bounded memory, parts in any order.
//!
//! Each listing of a part is a [`ShardStream`]. Its keys ascend, so that a shard is cut whenever
//! enough have come, and written by one of a few encoders. What a stream has left at its end is
//! joined with its neighbours, so that a hundred thousand small libraries do not make a hundred
//! thousand shards.
//!
//! Whole shards on disk survive whatever happens: the next run lists only what they do not cover.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use super::entry::Entry;
use super::error::ListError;
use super::format::Header;
use super::intake::Intake;
use super::merge::copy_into;
use super::paths::{ListLock, ListPaths, remove_if_there};
use super::set::Index;
use super::sort::Sorter;
use super::stream::ShardStream;
use super::write::Output;
use crate::conf::backend::Location;
use crate::object::KeyRange;
use crate::store::Listed;

/// A list that is being made. Everything but [`SetBuilder::finish`] may be called from any number
/// of threads at once.
#[derive(Debug)]
pub struct SetBuilder {
    paths: ListPaths,
    intake: Intake,
}

impl SetBuilder {
    /// Begins the list of what is at `location`, or takes up the one that an earlier run did not
    /// finish. Also gives the ranges of keys that are still to be listed, ascending.
    ///
    /// # Errors
    /// When an unfinished list of another destination is there, or files cannot be written.
    pub fn start_or_resume(lock: &ListLock, location: &Location) -> Result<(Self, Vec<KeyRange>), ListError> {
        let (building, library) = (lock.paths().building(), lock.paths().library());
        let output = match Output::resume(&building, location, library)? {
            Some(output) => output,
            None => Output::create(building, Header::new(location, library))?,
        };
        let missing = output.uncovered();
        Ok((Self::new(lock.paths(), output)?, missing))
    }

    /// Begins a list with this header in the file `building`.
    pub(super) fn create(paths: &ListPaths, building: PathBuf, header: Header) -> Result<Self, ListError> {
        Self::new(paths, Output::create(building, header)?)
    }

    fn new(paths: &ListPaths, output: Output) -> Result<Self, ListError> {
        Ok(Self { paths: paths.clone(), intake: Intake::start(output)? })
    }

    /// The keys that the list will answer for: every key, or those of its library.
    pub fn range(&self) -> KeyRange {
        self.intake.range()
    }

    /// The destination, in the words of its [`Location`].
    pub fn destination(&self) -> &str {
        self.intake.destination()
    }

    /// The way into the list for shards and entries of another one.
    pub(super) const fn intake(&self) -> &Intake {
        &self.intake
    }

    /// A door for the listing of one part of an ordered store.
    pub const fn stream(&self) -> ShardStream<'_> {
        ShardStream::new(&self.intake)
    }

    /// A door for the listing of a store that has no order.
    pub fn unsorted(&self) -> UnsortedInput<'_> {
        UnsortedInput { intake: &self.intake, sorter: Mutex::new(Sorter::new(self.paths.folder())) }
    }

    /// Completes the list, when every key has been covered exactly once.
    ///
    /// # Errors
    /// [`ListError::Incomplete`] when parts are missing; what is there is kept for the next run.
    pub fn finish(self) -> Result<Index, ListError> {
        let mut joined = self.joined()?;
        if joined.output.is_scattered() && joined.output.path() != joined.paths.merging() {
            joined = joined.gathered()?;
        }
        let set = joined.output.finish(joined.paths.base())?;
        remove_if_there(&joined.paths.building())?;
        Ok(Index::new(set))
    }

    /// Makes what is there durable and leaves it to be resumed.
    pub(super) fn suspend(self) -> Result<(), ListError> {
        self.joined()?.output.sync()
    }

    /// Waits until everything handed in is written.
    fn joined(self) -> Result<Joined, ListError> {
        Ok(Joined { paths: self.paths, output: self.intake.joined()? })
    }
}

/// A builder whose shards are all in the file.
struct Joined {
    paths: ListPaths,
    output: Output,
}

impl Joined {
    /// The same list in a new file, small shards joined. (Streams that ended in an order that left
    /// no neighbours to join with.)
    fn gathered(self) -> Result<Self, ListError> {
        let header = self.output.header().clone();
        let builder = SetBuilder::create(&self.paths, self.paths.merging(), header)?;
        copy_into(&builder.intake, &self.output.reopen()?, &[], std::iter::empty())?;
        builder.joined()
    }
}

/// Takes the listing of a store without an order; see [`SetBuilder::unsorted`].
#[derive(Debug)]
pub struct UnsortedInput<'b> {
    intake: &'b Intake,
    sorter: Mutex<Sorter>,
}

impl UnsortedInput<'_> {
    /// Takes objects in any order, from any thread. One that comes twice counts once.
    ///
    /// # Errors
    /// When the temporary file beside the list cannot be written.
    pub fn push(&self, objects: &[Listed]) -> Result<(), ListError> {
        let mut sorter = self.sorter.lock().unwrap_or_else(PoisonError::into_inner);
        objects.iter().try_for_each(|object| sorter.push(Entry::new(object)))
    }

    /// Ends the listing: what was pushed is all that the store holds.
    ///
    /// # Errors
    /// When the list cannot be written.
    pub fn finish(self) -> Result<(), ListError> {
        let sorter = self.sorter.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut entries = sorter.sorted()?.peekable();
        for range in self.intake.uncovered() {
            while entries.next_if(|entry| entry.as_ref().is_ok_and(|entry| entry.key < range.first())).is_some() {}
            let mut stream = ShardStream::new(self.intake);
            // An error is taken, too, wherever it stands, because what comes after it is not known.
            let inside = std::iter::from_fn(|| {
                entries.next_if(|entry| entry.as_ref().map_or(true, |entry| entry.key <= range.last()))
            });
            stream.feed(range, inside)?;
            stream.finish()?;
        }
        Ok(())
    }
}
