//! A shard: a finite state transducer from the keys of one range to their sizes.

use fst::raw::Output;
use fst::{Map, MapBuilder, Streamer};

use super::entry::{DIGITS, Digits, Entry, digits, from_digits};
use super::format::{RECORD_HEADER, ShardMeta};
use crate::object::{KeyRange, ObjectKey};

/// The most keys of a shard. From 8 Ki to 128 Ki keys, the measured bytes per key and time per look-up
/// are the same; a small shard keeps the buffers of many parallel listings small (0.3 MB each).
pub(super) const SHARD_KEYS: usize = 8 * 1024;

/// The keys of a range, in memory: ascending, none twice.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) range: KeyRange,
    pub(super) entries: Vec<Entry>,
}

impl Chunk {
    /// A chunk without keys. Its entries will be in `buffer`, an empty vector.
    pub(super) const fn new(range: KeyRange, buffer: Vec<Entry>) -> Self {
        Self { range, entries: buffer }
    }

    /// Extends the range to `last`. The added part of the range holds no keys.
    pub(super) fn extended_to(self, last: ObjectKey) -> Self {
        let range = KeyRange::new(self.range.first(), last).expect("a stream goes upwards");
        Self { range, ..self }
    }

    /// Adds an entry that is not below the last one. Of two entries with one key, the later one stays.
    pub(super) fn push(&mut self, entry: Entry) {
        match self.entries.last_mut() {
            Some(last) if last.key == entry.key => *last = entry,
            _ => self.entries.push(entry),
        }
    }

    /// Splits a full chunk before `next`: returns the part with all its entries and keeps the rest of the range,
    /// without a buffer for entries. `None` when it is not full.
    pub(super) fn cut_before(&mut self, next: &ObjectKey) -> Option<Self> {
        let last = self.entries.last().filter(|last| self.entries.len() == SHARD_KEYS && last.key != *next)?.key;
        let rest = self.range.after(last).expect("a further key lies in the range");
        let full = std::mem::replace(self, Self::new(rest, Vec::new()));
        Some(Self { range: KeyRange::new(full.range.first(), last).expect("the key lies in the range"), ..full })
    }

    /// Joins this chunk with the one that follows it.
    pub(super) fn joined(mut self, next: Self) -> Self {
        self.entries.extend(next.entries);
        self.extended_to(next.range.last())
    }

    /// Whether it is too small to be a shard of its own.
    pub(super) fn is_small(&self) -> bool {
        self.entries.len() < SHARD_KEYS / 2
    }

    /// Encodes the shard record: header and transducer.
    pub(super) fn encode(&self) -> (ShardMeta, Vec<u8>) {
        let (shared, lowest) =
            (self.shared_digits(), self.entries.first().map_or(self.range.first(), |entry| entry.key));
        let mut record = vec![0; RECORD_HEADER];
        if !self.entries.is_empty() {
            record = self.transduce(shared, record);
        }
        let body = u32::try_from(record.len() - RECORD_HEADER).expect("a shard has a few MB at most");
        let keys = u32::try_from(self.entries.len()).expect("a shard has a bounded number of keys");
        let shared = u8::try_from(shared).expect("a key has 48 digits");
        let mut meta = ShardMeta { range: self.range, lowest, keys, shared, body, checksum: 0 };
        meta.checksum = meta.checksum_over(&record[RECORD_HEADER..]);
        record[..RECORD_HEADER].copy_from_slice(&meta.encode());
        (meta, record)
    }

    fn transduce(&self, shared: usize, mut record: Vec<u8>) -> Vec<u8> {
        // A key takes about 33 bytes; with 40 reserved the buffer need not grow.
        record.reserve(self.entries.len() * 40);
        let mut builder = MapBuilder::new(record).expect("a Vec takes every write");
        for entry in &self.entries {
            builder.insert(&digits(&entry.key)[shared..], entry.code()).expect("the keys of a chunk ascend");
        }
        builder.into_inner().expect("a Vec takes every write")
    }

    /// The number of leading digits that all keys share.
    fn shared_digits(&self) -> usize {
        match (self.entries.first(), self.entries.last()) {
            (Some(first), Some(last)) if first.key != last.key => {
                let (first, last) = (digits(&first.key), digits(&last.key));
                first.iter().zip(&last).take_while(|(a, b)| a == b).count()
            }
            _ => 0,
        }
    }
}

/// A shard opened for look-ups; cheap to make.
pub(super) struct ShardView<'a> {
    prefix: Digits,
    shared: usize,
    map: Option<Map<&'a [u8]>>,
}

impl<'a> ShardView<'a> {
    /// Opens the shard `meta` with this body; `None` when the body is not a transducer with the shard's number of keys.
    pub(super) fn new(meta: &ShardMeta, body: &'a [u8]) -> Option<Self> {
        let map = if meta.keys == 0 && body.is_empty() { None } else { Some(Map::new(body).ok()?) };
        let keys = map.as_ref().map_or(0, Map::len);
        let (prefix, shared) = (digits(&meta.lowest), usize::from(meta.shared));
        (keys == meta.keys as usize).then_some(Self { prefix, shared, map })
    }

    pub(super) fn get(&self, key: &ObjectKey) -> Option<Entry> {
        let digits = digits(key);
        let (head, tail) = digits.split_at(self.shared);
        if head != &self.prefix[..self.shared] {
            return None;
        }
        Some(Entry::from_code(*key, self.map.as_ref()?.get(tail)?))
    }

    /// All entries in ascending order; `None` when one of them has no valid key.
    pub(super) fn entries(&self) -> Option<Vec<Entry>> {
        let mut out = Vec::new();
        let Some(map) = &self.map else { return Some(out) };
        out.reserve(map.len());
        let mut stream = map.stream();
        while let Some((tail, code)) = stream.next() {
            out.push(self.entry(tail, code)?);
        }
        Some(out)
    }

    /// An entry chosen at random, without reading the others: at each digit, each of those that follow has the same
    /// chance. So ids, which are random, have about the same, and a library with few objects has as many as a large
    /// one. `None` when there is no entry, or it has no valid key.
    pub(super) fn random(&self, random: &mut fastrand::Rng) -> Option<Entry> {
        let fst = self.map.as_ref()?.as_fst();
        let (mut node, mut code, mut tail) = (fst.root(), Output::zero(), Vec::with_capacity(DIGITS));
        // All keys have the same length, so a key ends where nothing follows.
        while !node.is_empty() {
            let next = node.transition(random.usize(..node.len()));
            tail.push(next.inp);
            code = code.cat(next.out);
            node = fst.node(next.addr);
        }
        self.entry(&tail, code.cat(node.final_output()).value())
    }

    fn entry(&self, tail: &[u8], code: u64) -> Option<Entry> {
        let mut key = self.prefix;
        key.get_mut(self.shared..).filter(|rest| rest.len() == tail.len())?.copy_from_slice(tail);
        Some(Entry::from_code(from_digits(&key)?, code))
    }
}
