//! Writes a new list from an older one: with the entries of the journal, or with its small shards joined.

use std::iter::Peekable;

use super::entry::Entry;
use super::error::ListError;
use super::file::SetFile;
use super::shard::SHARD_KEYS;
use super::shard_stream::ShardStream;
use super::shard_writer::ShardWriter;
use crate::object::KeyRange;

/// Copies `source` into `writer` with the entries `newer` (ascending, no key twice), which replace older entries of the
/// same keys. A shard without changes is copied without decoding it.
pub(super) fn copy_into(
    writer: &ShardWriter,
    source: &SetFile,
    newer: impl Iterator<Item = Result<Entry, ListError>>,
) -> Result<(), ListError> {
    let mut copy = Copy { writer, stream: None, newer: newer.peekable() };
    for (at, shard) in source.shards.iter().enumerate() {
        let is_large = shard.meta.keys as usize >= SHARD_KEYS / 4;
        if is_large && !copy.has_newer(&shard.meta.range) {
            copy.end_stream()?;
            writer.copy(source, at)?;
        } else {
            copy.rewrite(source, at)?;
        }
    }
    copy.end_stream()
}

struct Copy<'b, N: Iterator<Item = Result<Entry, ListError>>> {
    writer: &'b ShardWriter,
    /// The stream to which shards are rewritten, with the last range that it took.
    stream: Option<(KeyRange, ShardStream<'b>)>,
    newer: Peekable<N>,
}

impl<'b, N: Iterator<Item = Result<Entry, ListError>>> Copy<'b, N> {
    /// Whether the next newer entry is in `range`, or is an error, which must not be skipped.
    fn has_newer(&mut self, range: &KeyRange) -> bool {
        self.newer.peek().is_some_and(|next| next.as_ref().map_or(true, |entry| entry.key <= range.last()))
    }

    fn rewrite(&mut self, source: &SetFile, at: usize) -> Result<(), ListError> {
        let range = source.shards[at].meta.range;
        let mut entries = source.entries(at)?.into_iter().peekable();
        let mut stream = self.stream_for(&range)?;
        let both = std::iter::from_fn(|| next_of(&mut entries, &mut self.newer, &range));
        stream.feed(range, both)?;
        self.stream = Some((range, stream));
        Ok(())
    }

    /// Returns the open stream when `range` continues it, a new one otherwise.
    fn stream_for(&mut self, range: &KeyRange) -> Result<ShardStream<'b>, ListError> {
        match self.stream.take() {
            Some((last, stream)) if last.is_followed_by(range) => Ok(stream),
            Some((_, stream)) => stream.finish().map(|()| ShardStream::new(self.writer)),
            None => Ok(ShardStream::new(self.writer)),
        }
    }

    fn end_stream(&mut self) -> Result<(), ListError> {
        self.stream.take().map_or(Ok(()), |(_, stream)| stream.finish())
    }
}

type Older = Peekable<std::vec::IntoIter<Entry>>;

/// The next entry of the two inside `range`; the newer one when both have the key.
fn next_of(
    older: &mut Older,
    newer: &mut Peekable<impl Iterator<Item = Result<Entry, ListError>>>,
    range: &KeyRange,
) -> Option<Result<Entry, ListError>> {
    let old = older.peek().map(|entry| entry.key).filter(|key| range.contains(key));
    let new = match newer.peek() {
        Some(Err(_)) => return newer.next(),
        Some(Ok(entry)) => Some(entry.key).filter(|key| range.contains(key)),
        None => None,
    };
    match (old, new) {
        (Some(old), Some(new)) if old < new => older.next().map(Ok),
        (old, Some(new)) => {
            if old == Some(new) {
                older.next();
            }
            newer.next()
        }
        (Some(_), None) => older.next().map(Ok),
        (None, None) => None,
    }
}
