//! Builds a list while a destination is listed: many threads, bounded memory, parts in any order.
//!
//! Each listing of a part is a [`ShardStream`]. Its keys ascend, so a shard is cut off whenever
//! enough keys have come, and one of a few encoders writes it. The last chunk of a stream is often too small
//! for a shard and is joined with its neighbours, so that a hundred thousand small libraries do not make a
//! hundred thousand shards.
//!
//! Whole shards on disk survive a crash: the next run lists only the ranges that they do not cover.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use super::entry::Entry;
use super::error::ListError;
use super::format::Header;
use super::merge::copy_into;
use super::paths::{ListLock, ListPaths, remove_if_there};
use super::set::Index;
use super::shard_stream::ShardStream;
use super::shard_writer::ShardWriter;
use super::sort::Sorter;
use super::write::Output;
use crate::conf::backend::Location;
use crate::object::KeyRange;
use crate::store::Listed;

/// A list that is being built. Any number of threads may call its methods at once, except for
/// [`SetBuilder::finish`].
#[derive(Debug)]
pub struct SetBuilder {
    paths: ListPaths,
    writer: ShardWriter,
}

impl SetBuilder {
    /// Begins the list of the objects at `location`, or resumes the one that an earlier run did not
    /// finish. Also returns the ranges of keys that are still to be listed, ascending.
    ///
    /// # Errors
    /// When the unfinished list belongs to another destination, or files cannot be written.
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
        Ok(Self { paths: paths.clone(), writer: ShardWriter::start(output)? })
    }

    /// The range of keys that the list covers: every key, or those of its library.
    pub fn range(&self) -> KeyRange {
        self.writer.range()
    }

    /// The destination, as its [`Location`] is displayed.
    pub fn destination(&self) -> &str {
        self.writer.destination()
    }

    /// The writer that takes shards and entries of another list.
    pub(super) const fn writer(&self) -> &ShardWriter {
        &self.writer
    }

    /// A stream that takes the listing of one part of an ordered store.
    pub const fn stream(&self) -> ShardStream<'_> {
        ShardStream::new(&self.writer)
    }

    /// An input that takes the listing of a store without an order.
    pub fn unsorted(&self) -> UnsortedInput<'_> {
        UnsortedInput { writer: &self.writer, sorter: Mutex::new(Sorter::new(self.paths.folder())) }
    }

    /// Completes the list, provided that every key has been covered exactly once.
    ///
    /// # Errors
    /// [`ListError::Incomplete`] when parts are missing; the parts that were listed are kept for the next run.
    pub fn finish(self) -> Result<Index, ListError> {
        let mut written = self.into_written()?;
        if written.output.is_scattered() && written.output.path() != written.paths.merging() {
            written = written.with_shards_joined()?;
        }
        let set = written.output.finish(written.paths.base())?;
        remove_if_there(&written.paths.building())?;
        Ok(Index::new(set))
    }

    /// Waits until every chunk is written.
    fn into_written(self) -> Result<WrittenList, ListError> {
        Ok(WrittenList { paths: self.paths, output: self.writer.into_output()? })
    }
}

/// A list whose shards are all in its file.
struct WrittenList {
    paths: ListPaths,
    output: Output,
}

impl WrittenList {
    /// Writes the same list to a new file with its small shards joined. There are many small shards when the
    /// neighbours of a stream had been written before it ended.
    fn with_shards_joined(self) -> Result<Self, ListError> {
        let header = self.output.header().clone();
        let builder = SetBuilder::create(&self.paths, self.paths.merging(), header)?;
        copy_into(&builder.writer, &self.output.reopen()?, std::iter::empty())?;
        builder.into_written()
    }
}

/// Takes the listing of a store without an order; see [`SetBuilder::unsorted`].
#[derive(Debug)]
pub struct UnsortedInput<'b> {
    writer: &'b ShardWriter,
    sorter: Mutex<Sorter>,
}

impl UnsortedInput<'_> {
    /// Takes objects in any order, from any thread. An object that comes twice counts once.
    ///
    /// # Errors
    /// When the temporary file beside the list cannot be written.
    pub fn push(&self, objects: &[Listed]) -> Result<(), ListError> {
        let mut sorter = self.sorter.lock().unwrap_or_else(PoisonError::into_inner);
        objects.iter().try_for_each(|object| sorter.push(Entry::new(object)))
    }

    /// Ends the listing: the objects that were pushed are all that the store holds.
    ///
    /// # Errors
    /// When the list cannot be written.
    pub fn finish(self) -> Result<(), ListError> {
        let sorter = self.sorter.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut entries = sorter.sorted()?.peekable();
        for range in self.writer.uncovered() {
            while entries.next_if(|entry| entry.as_ref().is_ok_and(|entry| entry.key < range.first())).is_some() {}
            let mut stream = ShardStream::new(self.writer);
            // An error is taken as well, wherever it stands, because the keys after it are unknown.
            let inside = std::iter::from_fn(|| {
                entries.next_if(|entry| entry.as_ref().map_or(true, |entry| entry.key <= range.last()))
            });
            stream.feed(range, inside)?;
            stream.finish()?;
        }
        Ok(())
    }
}
