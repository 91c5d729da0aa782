//! The index: the list on disk and the entries that its journal added.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use super::entry::{Entry, IndexEntry};
use super::error::ListError;
use super::file::SetFile;
use super::format::Header;
use super::shard::ShardView;
use crate::object::{KeyRange, LibraryId, ObjectKey, ObjectKind};
use crate::store::Listed;

/// The index of one kind of a destination's objects, opened from a complete list. Any number of threads may use it at
/// once.
pub struct Index {
    pub(super) file: Box<SetFile>,
    /// The entries of the journal, ascending. They replace the list's entries of the same keys, because they are newer.
    newer: Vec<Entry>,
    len: u64,
}

/// A shard of the list, as returned by [`Index::shards`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardInfo {
    /// The range of keys that it covers.
    pub range: KeyRange,
    /// The number of keys that it holds, without the journal's.
    pub keys: u64,
}

/// The number and size of a library's objects at the destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LibraryCount {
    /// The library.
    pub library: LibraryId,
    /// The number of objects.
    pub objects: u64,
    /// The sum of the known sizes in bytes.
    pub bytes: u64,
    /// The number of objects without a known size.
    pub unsized_objects: u64,
}

impl Index {
    pub(super) fn new(file: SetFile) -> Self {
        let len = file.shards.iter().map(|shard| u64::from(shard.meta.keys)).sum();
        Self { file: Box::new(file), newer: Vec::new(), len }
    }

    /// Adds the entries of the journal: ascending, none twice.
    pub(super) fn with_newer(mut self, newer: Vec<Entry>) -> Self {
        let mut cursor = self.cursor();
        let added = newer.iter().filter(|entry| cursor.find(&entry.key).is_none()).count();
        self.len += added as u64;
        self.newer = newer;
        self
    }

    pub(super) fn header(&self) -> &Header {
        &self.file.raw.header
    }

    pub(super) fn newer(&self) -> &[Entry] {
        &self.newer
    }

    /// The number of objects in the index.
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Whether the index holds no object.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The path of the list file.
    pub fn path(&self) -> &Path {
        &self.file.raw.path
    }

    /// The kind of the listed objects.
    pub fn kind(&self) -> ObjectKind {
        self.header().kind
    }

    /// The one library that is listed; `None` when all are.
    pub fn library(&self) -> Option<LibraryId> {
        self.header().library
    }

    /// The destination, as its [`Location`](crate::conf::backend::Location) is displayed.
    pub fn destination(&self) -> &str {
        &self.header().destination
    }

    /// When the listing began, in seconds since 1970. Every listed object was seen then or later.
    pub fn listed_at(&self) -> u64 {
        self.header().listed_at
    }

    /// Whether the list was converted from a text list of the old script and neither a listing nor a
    /// sample has confirmed it since.
    pub fn is_imported(&self) -> bool {
        self.header().imported
    }

    /// The length of the list file in bytes.
    pub fn file_len(&self) -> u64 {
        self.file.raw.length
    }

    /// The entry of an object; `None` when the index does not hold it.
    pub fn find(&self, key: &ObjectKey) -> Option<IndexEntry> {
        self.cursor().find(key)
    }

    /// A cursor, which is [`Index::find`] for many keys: fast for ascending keys, correct in any order.
    pub fn cursor(&self) -> Cursor<'_> {
        Cursor { set: self, newer: 0, shard: None }
    }

    /// The shards of the list in ascending order; together they cover every key.
    pub fn shards(&self) -> impl Iterator<Item = ShardInfo> + '_ {
        self.file.shards.iter().map(|shard| ShardInfo { range: shard.meta.range, keys: shard.meta.keys.into() })
    }

    /// Every object of the index in ascending order, with one shard in memory at a time.
    ///
    /// # Errors
    /// An item is an error when a shard holds entries that are not object names; it is the last item.
    pub fn iter(&self) -> Iter<'_> {
        Iter { set: self, shard: 0, entries: Vec::new().into_iter() }
    }

    /// [`Index::iter`] from the first object after `key`.
    pub fn iter_after(&self, key: ObjectKey) -> Iter<'_> {
        let shard = self.file.shard_of(&key);
        let mut items = Iter { set: self, shard, entries: Vec::new().into_iter() };
        if let Ok(entries) = self.entries(shard) {
            let rest: Vec<Entry> = entries.into_iter().filter(|entry| entry.key > key).collect();
            // An unreadable shard is left to the iterator, which returns its error.
            (items.shard, items.entries) = (shard + 1, rest.into_iter());
        }
        items
    }

    /// The count of each library that has objects, in ascending order.
    ///
    /// # Errors
    /// As [`Index::iter`].
    pub fn libraries(&self) -> impl Iterator<Item = Result<LibraryCount, ListError>> + '_ {
        let mut items = self.iter().peekable();
        std::iter::from_fn(move || {
            let first = match items.next()? {
                Ok(first) => first,
                Err(error) => return Some(Err(error)),
            };
            let library = first.key.library;
            let mut count = LibraryCount { library, objects: 0, bytes: 0, unsized_objects: 0 };
            count.add(&first);
            let same = |next: &Result<Listed, _>| next.as_ref().is_ok_and(|next| next.key.library == library);
            while let Some(Ok(next)) = items.next_if(same) {
                count.add(&next);
            }
            Some(Ok(count))
        })
    }

    /// About `wanted` objects in ascending order, chosen at random within each shard, so that the sample is spread
    /// evenly over the list. All objects when there are fewer. Few objects cost a few microseconds each.
    ///
    /// # Errors
    /// As [`Index::iter`].
    pub fn sample(&self, wanted: u64, seed: u64) -> impl Iterator<Item = Result<Listed, ListError>> + '_ {
        let mut random = fastrand::Rng::with_seed(seed);
        // Each object adds `share` to `due`, and its whole part is the number taken from a shard. `due` begins at a
        // random fraction, so that each shard has the same chance.
        let share = if self.len == 0 { 0.0 } else { wanted as f64 / self.len as f64 };
        let mut due = random.f64();
        (0..self.file.shards.len()).flat_map(move |at| {
            let range = self.file.shards[at].meta.range;
            due += share * (u64::from(self.file.shards[at].meta.keys) + self.newer_in(&range).len() as u64) as f64;
            let take = due.floor();
            due -= take;
            if take < 1.0 {
                return Vec::new();
            }
            match self.picked(at, take as usize, &mut random) {
                Ok(entries) => entries.iter().map(|entry| Ok(entry.listed())).collect(),
                Err(error) => vec![Err(error)],
            }
        })
    }

    /// Reads every entry and compares it with what the index says.
    ///
    /// # Errors
    /// [`ListError::Damaged`] for the first shard whose entries do not agree with the index of the file.
    pub fn verify(&self) -> Result<(), ListError> {
        (0..self.file.shards.len()).try_for_each(|at| {
            let (shard, entries) = (&self.file.shards[at], self.file.entries(at)?);
            let inside = entries.iter().all(|entry| shard.meta.range.contains(&entry.key));
            let ascending = entries.windows(2).all(|pair| pair[0].key < pair[1].key);
            if inside && ascending && entries.len() == shard.meta.keys as usize {
                return Ok(());
            }
            Err(ListError::damaged(
                self.path(),
                "the entries of a part of the list do not agree with its index",
                shard.offset,
            ))
        })
    }

    /// The entries of a shard and of the journal in its range, ascending.
    fn entries(&self, at: usize) -> Result<Vec<Entry>, ListError> {
        Ok(merged(self.file.entries(at)?, self.newer_in(&self.file.shards[at].meta.range)))
    }

    /// `wanted` entries of a shard and of the journal in its range, chosen at random, ascending; all when there are fewer.
    fn picked(&self, at: usize, wanted: usize, random: &mut fastrand::Rng) -> Result<Vec<Entry>, ListError> {
        let shard = &self.file.shards[at].meta;
        let (listed, newer) = (shard.keys as usize, self.newer_in(&shard.range));
        let mut picked = BTreeMap::new();
        // Each is found by itself, because reading a whole shard for a few takes milliseconds. Where many are wanted, or
        // chance gives the same ones again and again, the shard is read.
        let tries = if wanted * 8 <= listed + newer.len() { wanted * 4 } else { 0 };
        for _ in 0..tries {
            if picked.len() == wanted {
                break;
            }
            let entry = match random.usize(..listed + newer.len()) {
                number if number < newer.len() => newer[number],
                _ => self.file.random(at, random)?,
            };
            // The journal's counts.
            let entry = newer.binary_search_by_key(&entry.key, |new| new.key).map_or(entry, |number| newer[number]);
            picked.insert(entry.key, entry);
        }
        if picked.len() == wanted {
            return Ok(picked.into_values().collect());
        }
        let entries = self.entries(at)?;
        Ok(pick(&entries, wanted, random))
    }

    fn newer_in(&self, range: &KeyRange) -> &[Entry] {
        let from = self.newer.partition_point(|entry| entry.key < range.first());
        let to = self.newer.partition_point(|entry| entry.key <= range.last());
        &self.newer[from..to]
    }
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Index({} objects of {} in {})", self.len, self.destination(), self.path().display())
    }
}

impl LibraryCount {
    fn add(&mut self, object: &Listed) {
        self.objects += 1;
        self.bytes += object.size.unwrap_or(0);
        self.unsized_objects += u64::from(object.size.is_none());
    }
}

/// Merges two ascending lists; an entry of `newer` replaces one of `older` with the same key.
pub(super) fn merged(older: Vec<Entry>, newer: &[Entry]) -> Vec<Entry> {
    if newer.is_empty() {
        return older;
    }
    let (mut out, mut newer) = (Vec::with_capacity(older.len() + newer.len()), newer.iter().peekable());
    for entry in older {
        while let Some(earlier) = newer.next_if(|new| new.key < entry.key) {
            out.push(*earlier);
        }
        if newer.peek().is_none_or(|new| new.key != entry.key) {
            out.push(entry);
        }
    }
    out.extend(newer);
    out
}

/// Chooses `wanted` entries with equal probability, in their order.
fn pick(entries: &[Entry], wanted: usize, random: &mut fastrand::Rng) -> Vec<Entry> {
    let mut needed = wanted.min(entries.len());
    let mut out = Vec::with_capacity(needed);
    for (at, entry) in entries.iter().enumerate() {
        if random.usize(..entries.len() - at) < needed {
            needed -= 1;
            out.push(*entry);
        }
    }
    out
}

/// The objects of an index; see [`Index::iter`].
#[derive(Debug)]
pub struct Iter<'s> {
    set: &'s Index,
    shard: usize,
    entries: std::vec::IntoIter<Entry>,
}

impl Iterator for Iter<'_> {
    type Item = Result<Listed, ListError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(entry) = self.entries.next() {
                return Some(Ok(entry.listed()));
            }
            if self.shard == self.set.file.shards.len() {
                return None;
            }
            match self.set.entries(self.shard) {
                Ok(entries) => self.entries = entries.into_iter(),
                Err(error) => {
                    self.shard = self.set.file.shards.len();
                    return Some(Err(error));
                }
            }
            self.shard += 1;
        }
    }
}

/// Looks up keys and keeps its position between them; see [`Index::cursor`].
pub struct Cursor<'s> {
    set: &'s Index,
    /// The position of the last key in the journal's entries, or the position at which it would be inserted.
    newer: usize,
    /// The shard of the last key.
    shard: Option<(KeyRange, ShardView<'s>)>,
}

impl Cursor<'_> {
    /// The entry of an object; `None` when the index does not hold it.
    pub fn find(&mut self, key: &ObjectKey) -> Option<IndexEntry> {
        self.find_newer(key).or_else(|| self.find_listed(key)).map(|entry| entry.index_entry())
    }

    fn find_newer(&mut self, key: &ObjectKey) -> Option<Entry> {
        let all = &self.set.newer;
        if self.newer > 0 && all[self.newer - 1].key >= *key {
            self.newer = 0;
        }
        let rest = &all[self.newer..];
        let mut reach = 1;
        while reach < rest.len() && rest[reach].key < *key {
            reach *= 2;
        }
        self.newer += rest[..rest.len().min(reach + 1)].partition_point(|entry| entry.key < *key);
        all.get(self.newer).filter(|entry| entry.key == *key).copied()
    }

    fn find_listed(&mut self, key: &ObjectKey) -> Option<Entry> {
        if !self.shard.as_ref().is_some_and(|(range, _)| range.contains(key)) {
            let at = self.set.file.shard_of(key);
            self.shard = Some((self.set.file.shards[at].meta.range, self.set.file.view(at)));
        }
        self.shard.as_ref().and_then(|(_, view)| view.get(key))
    }
}

impl fmt::Debug for Cursor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cursor({:?})", self.set)
    }
}
