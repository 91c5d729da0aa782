//! Second witnesses for what a service says: the MD5 of a write, and the signs by which the service's own answer is told
//! from that of whatever else stands on the way.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use md5::{Digest, Md5};

use super::pieces::{self, Broken, Fetched};
use super::{ErrorKind, Pieces, ReadStore, Reading, RemoveStore, StoreError, found};
use crate::content;
use crate::object::{ObjectKey, encode_hex};

pub(super) mod foreign;

/// The MD5 of an object that is being written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Md5Sum([u8; 16]);

/// What the ETag that a service gave an object says about its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Etag {
    /// It is the MD5 of these bytes.
    Same,
    /// It has the form of an MD5, and is another one.
    Other,
    /// It is no MD5: of an object in parts, or encrypted.
    NoMd5,
}

impl Md5Sum {
    pub(super) fn of(data: &[u8]) -> Self {
        Self(Md5::digest(data).into())
    }

    /// As the header Content-MD5 has it (RFC 1864).
    pub(super) fn base64(&self) -> String {
        BASE64_STANDARD.encode(self.0)
    }

    /// As an ETag has it: 32 lower-case digits.
    pub(super) fn hex(&self) -> String {
        let mut hex = [0; 32];
        encode_hex(&self.0, &mut hex);
        hex.map(char::from).iter().collect()
    }

    /// What `etag`, quoted or not, says about the bytes that this is the MD5 of. `encrypted`: the service says that it
    /// encrypted the object in a way in which the ETag is no MD5.
    pub(super) fn compare(&self, etag: &str, encrypted: bool) -> Etag {
        let etag = etag.trim().trim_matches('"');
        if encrypted || !is_hex32(etag) {
            Etag::NoMd5
        } else if etag.eq_ignore_ascii_case(&self.hex()) {
            Etag::Same
        } else {
            Etag::Other
        }
    }
}

fn is_hex32(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// What was written, as far as it is known afterwards.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sent<'a> {
    /// These bytes.
    Whole(&'a Bytes),
    /// A block in pieces: the bytes that have its id.
    Pieces,
}

impl Sent<'_> {
    /// Whether the store holds it, read anew; `None` when the object is not there.
    pub(super) fn is_held(self, store: &impl ReadStore, key: &ObjectKey) -> Result<Option<bool>, StoreError> {
        let Self::Whole(data) = self else { return is_held_block(store, key) };
        Ok(found(store.read_again(key))?.map(|kept| kept == *data))
    }
}

fn is_held_block(store: &impl ReadStore, key: &ObjectKey) -> Result<Option<bool>, StoreError> {
    let Some(in_pieces) = found(pieces::digest(store, key, Reading::Anew))? else { return Ok(None) };
    let id = match in_pieces {
        Some(digest) => Some(digest.id),
        None => found(store.read_again(key))?.map(|data| content::sha1_of(&data)),
    };
    Ok(id.map(|id| id == key.id))
}

/// Settles a write after which the witnesses disagree, or of which there is only one: what the store gives back decides.
/// Some services give every object an ETag that looks like an MD5 and is none, so that a strange ETag alone proves
/// nothing. `told` is what the answer to the write said.
///
/// # Errors
/// [`ErrorKind::Altered`] when the store holds other bytes, or cannot show what it holds. It is removed then.
pub(super) fn read_back(
    store: &impl RemoveStore,
    key: &ObjectKey,
    sent: Sent<'_>,
    told: &str,
) -> Result<(), StoreError> {
    match sent.is_held(store, key) {
        Ok(Some(true)) => Ok(()),
        Ok(Some(false)) => Err(take_away(store, key, &format!("{told}, and other bytes come back"))),
        Ok(None) => Err(altered(key, &format!("{told}, and the object is not there"))),
        Err(error) => Err(take_away(store, key, &format!("{told}, and it cannot be read back: {error}"))),
    }
}

/// Settles a removal that was answered with a success that names none (the services say 204 No Content): the object must
/// not be there any more.
///
/// # Errors
/// [`ErrorKind::ForeignAnswer`] when it still is, and whatever asking for it fails with.
pub(super) fn is_gone(store: &impl ReadStore, key: &ObjectKey, told: &str) -> Result<(), StoreError> {
    match found(store.size(key))? {
        None => Ok(()),
        Some(_) => {
            let why = format!("{told}, and the object is still there");
            Err(StoreError::object(ErrorKind::ForeignAnswer, "remove", key, why))
        }
    }
}

/// Settles what a write left whose answer was not the service's: it may have been done, not done, or done with other bytes,
/// and a later pass would take what lies there for the object. `error` is what the answer was refused with; it comes back,
/// continued by what was found.
pub(super) fn settle(store: &impl RemoveStore, key: &ObjectKey, sent: Sent<'_>, error: StoreError) -> StoreError {
    if error.kind() != ErrorKind::ForeignAnswer {
        return error;
    }
    match sent.is_held(store, key) {
        Ok(None) => error,
        Ok(Some(true)) => error.because("the store holds these bytes all the same"),
        Ok(Some(false)) => removed(store, key, error.because("the store holds other bytes")),
        Err(why) => removed(store, key, error.because(format_args!("what the store holds cannot be read: {why}"))),
    }
}

/// A block in pieces, and the MD5 of what is sent where it is wanted.
pub(super) struct Summed<'p, 'a> {
    pieces: &'p mut Pieces<'a>,
    is_wanted: bool,
    md5: Md5,
}

impl<'p, 'a> Summed<'p, 'a> {
    pub(super) fn new(pieces: &'p mut Pieces<'a>, is_wanted: bool) -> Self {
        Self { pieces, is_wanted, md5: Md5::new() }
    }

    /// The MD5 of what was sent since the beginning, where it is wanted.
    pub(super) fn md5(self) -> Option<Md5Sum> {
        self.is_wanted.then(|| Md5Sum(self.md5.finalize().into()))
    }
}

impl Fetched for Summed<'_, '_> {
    fn begin(&mut self) -> Result<u64, Broken> {
        self.md5 = Md5::new();
        self.pieces.begin()
    }

    fn next_piece(&mut self) -> Result<Option<Bytes>, Broken> {
        let piece = self.pieces.next_piece()?;
        if self.is_wanted {
            self.md5.update(piece.as_deref().unwrap_or_default());
        }
        Ok(piece)
    }
}

/// Removes an object that was not written as it was sent, so that no listing shows it as one that is there.
pub(super) fn take_away(store: &impl RemoveStore, key: &ObjectKey, told: &str) -> StoreError {
    removed(store, key, altered(key, told))
}

/// Removes the object and asks whether it is gone; where it may not be, `error` is continued by that.
fn removed(store: &impl RemoveStore, key: &ObjectKey, error: StoreError) -> StoreError {
    let by_hand = "so remove it by hand, or a later run takes it for the object";
    match store.remove(key).and_then(|()| found(store.size(key))) {
        Ok(None) => error,
        Ok(Some(_)) => error.because(format_args!("it is still there after it was removed, {by_hand}")),
        Err(why) => error.because(format_args!("it could not be removed again, {by_hand}: {why}")),
    }
}

fn altered(key: &ObjectKey, told: &str) -> StoreError {
    StoreError::object(ErrorKind::Altered, "write", key, told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_etag_is_compared_only_where_it_is_an_md5() {
        let md5 = Md5Sum::of(b"data");
        assert_eq!(
            (md5.hex().as_str(), md5.base64().as_str()),
            ("8d777f385d3dfec8815d20f7496026dc", "jXd/OF09/siBXSD3SWAm3A==")
        );
        let cases = [
            ("8d777f385d3dfec8815d20f7496026dc", false, Etag::Same),
            ("\"8D777F385D3DFEC8815D20F7496026DC\"", false, Etag::Same),
            ("\"8d777f385d3dfec8815d20f7496026dd\"", false, Etag::Other),
            ("\"8d777f385d3dfec8815d20f7496026dd\"", true, Etag::NoMd5),
            ("\"8d777f385d3dfec8815d20f7496026dc-2\"", false, Etag::NoMd5),
            ("\"5f3e-17\"", false, Etag::NoMd5),
            ("", false, Etag::NoMd5),
        ];
        for (etag, encrypted, expected) in cases {
            assert_eq!(md5.compare(etag, encrypted), expected, "{etag} {encrypted}");
        }
    }
}
