//! An object that is read and handed on in pieces, so that a large one takes the memory of a piece.
//!
//! Only blocks go this way: their id is the SHA-1 of their bytes, so that every piece is hashed as it passes. **The last piece is
//! held back until the id is known to be right.** A destination that never gets it stores nothing: a request that is broken
//! off before its announced length is no object to any server, and a file that was not finished is not given its name.
//! Whoever began then goes the usual way, with the whole object and a second reading, to settle what is wrong.
//!
//! Each piece is read by a call of its own, so that it is repeated, limited and named as any other, and so that a failure to
//! read in the middle of a write is the source's. That the pieces are of one and the same object shows in the id.

use std::fmt;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{BLOCK_MAX, ErrorKind, ReadStore, StoreError};
use crate::content::{BlockHash, Damage};
use crate::flow::Hold;
use crate::object::{ObjectId, ObjectKey};

/// The most bytes of a piece.
pub const PIECE_MAX: usize = 1 << 20;

/// The memory in bytes that an object takes that goes in pieces: one being read, and one on its way.
pub const IN_PIECES: u64 = 2 * PIECE_MAX as u64;

/// Up to this size in bytes an object is read whole: it is one piece anyway.
pub const WHOLE_UP_TO: u64 = PIECE_MAX as u64;

/// Some bytes of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The bytes, at most [`PIECE_MAX`]; none only at the end of the object.
    pub data: Bytes,
    /// How many bytes the object has in all.
    pub size: u64,
}

/// What may answer a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Whatever answers [`ReadStore::read`].
    Usual,
    /// The store itself, as for [`ReadStore::read_again`].
    Anew,
}

/// What became of an object that was to be written in pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pieced {
    /// The store has it, on the same two witnesses as after [`super::WriteStore::write`].
    Written,
    /// The store takes objects only whole; nothing was written.
    NotOffered,
    /// The last piece was never to be had, and nothing was written; [`Pieces::into_fault`] says why.
    Broken,
}

/// There is no further piece; [`Pieces::into_fault`] says why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

/// Why an object cannot be had in pieces.
#[derive(Debug)]
pub enum Fault {
    /// Something that only reading it whole can settle: it is not there, has not the length that it was listed with, or its
    /// store gives it only whole. With what its bytes were that speak against it: they have not its id, or the pieces do
    /// not fit together.
    Doubt(Option<String>),
    /// Its store failed.
    Source(StoreError),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        match error.kind() {
            ErrorKind::NotFound | ErrorKind::TooLarge => Self::Doubt(None),
            _ => Self::Source(error),
        }
    }
}

/// A block of a source, in pieces, of which the last one comes only when the id is right.
pub struct Pieces<'a> {
    source: &'a dyn ReadStore,
    key: &'a ObjectKey,
    listed: Option<u64>,
    size: u64,
    at: u64,
    hash: BlockHash,
    /// The first piece, which was read to learn the size.
    first: Option<Bytes>,
    fault: Option<Fault>,
    hold: Hold,
    spent: Duration,
}

impl fmt::Debug for Pieces<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, size, at, fault, .. } = self;
        f.debug_struct("Pieces").field("key", key).field("size", size).field("at", at).field("fault", fault).finish()
    }
}

impl<'a> Pieces<'a> {
    /// The block `key` of `source`, which lists it with `listed` bytes where that is known. Nothing is read yet.
    pub fn new(source: &'a dyn ReadStore, key: &'a ObjectKey, listed: Option<u64>) -> Self {
        Self {
            source,
            key,
            listed,
            size: 0,
            at: 0,
            hash: BlockHash::default(),
            first: None,
            fault: None,
            hold: Hold::default(),
            spent: Duration::ZERO,
        }
    }

    /// The last piece does not come while `hold` is set: a store that keeps its reader waiting may have kept it for longer
    /// than the destination was sure to be its writer's own.
    pub fn held_by(&mut self, hold: &Hold) {
        self.hold = hold.clone();
    }

    /// Begins, or begins again, with the first piece. Returns the size of the object in bytes.
    ///
    /// # Errors
    /// When the source does not give it in pieces, or not now.
    pub fn begin(&mut self) -> Result<u64, Broken> {
        (self.at, self.hash, self.fault) = (0, BlockHash::default(), None);
        let Piece { data, size } = self.read()?;
        let is_listed = self.listed.is_none_or(|listed| listed == self.source.size_form().of(size));
        if !is_listed || data.is_empty() || size > BLOCK_MAX {
            return self.broken(Fault::Doubt(None));
        }
        (self.size, self.first) = (size, Some(data));
        Ok(size)
    }

    /// The next piece; `None` after the last one, which comes only when all bytes together have the id.
    ///
    /// # Errors
    /// When it is not to be had.
    pub fn next_piece(&mut self) -> Result<Option<Bytes>, Broken> {
        if self.at == self.size {
            return Ok(None);
        }
        let data = match self.first.take() {
            Some(data) => data,
            None => {
                let piece = self.read()?;
                if piece.size != self.size || piece.data.is_empty() {
                    let (size, at, now) = (self.size, self.at, piece.size);
                    let told = format!("after {at} of {size} bytes came {} of {now}", piece.data.len());
                    return self.broken(Fault::Doubt(Some(told)));
                }
                piece.data
            }
        };
        self.at += data.len() as u64;
        self.hash.add(&data);
        if self.at > self.size {
            let told = format!("{} bytes came of {}", self.at, self.size);
            return self.broken(Fault::Doubt(Some(told)));
        }
        if self.at == self.size {
            if self.hold.is_set() {
                return self.broken(Fault::Doubt(None));
            }
            let found = std::mem::take(&mut self.hash).id();
            if found != self.key.id {
                return self.broken(Fault::Doubt(Some(Damage::WrongId { found }.to_string())));
            }
        }
        Ok(Some(data))
    }

    /// How many bytes the object has, once it was begun.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// For how long its store was asked in all.
    pub const fn spent(&self) -> Duration {
        self.spent
    }

    /// Why there was no further piece.
    pub fn into_fault(self) -> Fault {
        self.fault.unwrap_or(Fault::Doubt(None))
    }

    fn read(&mut self) -> Result<Piece, Broken> {
        let began = Instant::now();
        let piece = self.source.read_piece(self.key, self.at, Reading::Usual);
        self.spent += began.elapsed();
        match piece {
            Ok(Some(piece)) => Ok(piece),
            Ok(None) => self.broken(Fault::Doubt(None)),
            Err(error) => self.broken(error.into()),
        }
    }

    fn broken<T>(&mut self, fault: Fault) -> Result<T, Broken> {
        self.fault = Some(fault);
        Err(Broken)
    }
}

/// A body that is fetched as it is sent.
pub trait Fetched {
    /// Begins, or begins again. Returns how many bytes there will be.
    ///
    /// # Errors
    /// When there is nothing to be sent.
    fn begin(&mut self) -> Result<u64, Broken>;

    /// The next bytes, at least one; `None` after the last ones.
    ///
    /// # Errors
    /// When they are not to be had: the request is broken off.
    fn next_piece(&mut self) -> Result<Option<Bytes>, Broken>;
}

/// What the bytes of a block are, which are not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest {
    /// How many they are.
    pub size: u64,
    /// Their SHA-1: the id that they have.
    pub id: ObjectId,
}

/// Reads a block in pieces; `None` when the store does not give it so, or gives pieces that do not fit together.
///
/// # Errors
/// Those of [`ReadStore::read_piece`].
pub fn digest(store: &dyn ReadStore, key: &ObjectKey, reading: Reading) -> Result<Option<Digest>, StoreError> {
    let Some(Piece { mut data, size }) = store.read_piece(key, 0, reading)? else { return Ok(None) };
    if size > BLOCK_MAX {
        return Ok(None);
    }
    let (mut hash, mut at) = (BlockHash::default(), 0);
    loop {
        at += data.len() as u64;
        hash.add(&data);
        // Gone before the next one is read, so that one at a time is in memory.
        drop(data);
        if at >= size {
            return Ok((at == size).then(|| Digest { size, id: hash.id() }));
        }
        match store.read_piece(key, at, reading)? {
            Some(piece) if piece.size == size && !piece.data.is_empty() => data = piece.data,
            _ => return Ok(None),
        }
    }
}
