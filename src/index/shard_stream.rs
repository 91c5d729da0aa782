//! Cuts one ordered listing into the shards of a list.

use std::fmt;

use super::entry::Entry;
use super::error::ListError;
use super::shard::Chunk;
use super::shard_writer::ShardWriter;
use crate::object::KeyRange;
use crate::store::Listed;

/// Takes the pages of one listing in ascending order and cuts them into shards. When it is dropped without
/// [`ShardStream::finish`], its last range counts as not listed.
pub struct ShardStream<'b> {
    writer: &'b ShardWriter,
    open: Option<Chunk>,
}

impl<'b> ShardStream<'b> {
    pub(super) const fn new(writer: &'b ShardWriter) -> Self {
        Self { writer, open: None }
    }

    /// Takes a page: `objects`, ascending, are all that the store holds in `covered`, which begins
    /// where the previous page ended. An object that comes twice counts once.
    ///
    /// # Errors
    /// [`ListError::Order`] when the page is out of order; the page and the chunk that is still open are
    /// discarded then. Otherwise when the list cannot be written.
    pub fn page(&mut self, covered: KeyRange, objects: &[Listed]) -> Result<(), ListError> {
        self.writer.check()?;
        if let Err(what) = self.fits(&covered, objects) {
            self.open = None;
            return Err(ListError::Order { store: self.writer.destination().to_owned(), what });
        }
        self.feed(covered, objects.iter().map(|object| Ok(Entry::new(object))))
    }

    fn fits(&self, covered: &KeyRange, objects: &[Listed]) -> Result<(), String> {
        let whole = self.writer.range();
        if whole.intersection(covered) != Some(*covered) {
            return Err(format!("{covered} came, which is not in {whole}"));
        }
        if let Some(open) = self.open.as_ref().filter(|open| !open.range.is_followed_by(covered)) {
            return Err(format!("{} came after {}", covered, open.range));
        }
        if let Some(pair) = objects.windows(2).find(|pair| pair[0].key > pair[1].key) {
            return Err(format!("{} came after {}", pair[1].key, pair[0].key));
        }
        let (first, last) = (objects.first(), objects.last());
        match first.into_iter().chain(last).find(|object| !covered.contains(&object.key)) {
            Some(stray) => Err(format!("{} came in the listing of {covered}", stray.key)),
            None => Ok(()),
        }
    }

    /// Takes the entries of `covered`, ascending and complete. `covered` begins where the previous range ended.
    pub(super) fn feed(
        &mut self,
        covered: KeyRange,
        entries: impl IntoIterator<Item = Result<Entry, ListError>>,
    ) -> Result<(), ListError> {
        let mut chunk = match self.open.take() {
            Some(open) => open.extended_to(covered.last()),
            None => Chunk::new(covered, self.writer.empty_buffer()),
        };
        for entry in entries {
            let entry = entry?;
            if let Some(full) = chunk.cut_before(&entry.key) {
                self.writer.write(full)?;
                // Only now, because a stream that waits for an encoder must not hold two buffers.
                chunk.entries = self.writer.empty_buffer();
            }
            chunk.push(entry);
        }
        self.open = Some(chunk);
        Ok(())
    }

    /// Ends the listing: every range that this stream took counts as listed.
    ///
    /// # Errors
    /// When the list cannot be written.
    pub fn finish(mut self) -> Result<(), ListError> {
        match self.open.take() {
            Some(chunk) => self.writer.write_last(chunk),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for ShardStream<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ShardStream({:?})", self.open.as_ref().map(|open| open.range))
    }
}
