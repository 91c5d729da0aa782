//! One entry of a list in the forms it takes: packed in memory and in files, and as the digits
//! that the finite state transducers are built over.

use crate::object::ObjectKey;
use crate::store::Listed;

/// What a list knows of an object that is at the destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexEntry {
    /// Its size there in bytes; `None` where neither a listing nor a write told it.
    pub size: Option<u64>,
}

/// A key and a size in 42 bytes, so that buffers of millions stay small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: ObjectKey,
    size: [u8; 6],
}

/// The largest [`Entry::code`]: what fits six bytes.
const MAX_CODE: u64 = (1 << 48) - 1;

impl Entry {
    pub(super) const LEN: usize = ObjectKey::LEN + 6;

    /// Packs a listed object. A size past 256 TiB counts as unknown; Seafile's blocks end at 10 MB.
    pub(super) fn new(listed: &Listed) -> Self {
        let code = listed.size.and_then(|size| size.checked_add(1)).filter(|&code| code <= MAX_CODE);
        Self::from_code(listed.key, code.unwrap_or(0))
    }

    /// The entry whose [`Entry::code`] this is.
    pub(super) fn from_code(key: ObjectKey, code: u64) -> Self {
        let mut size = [0; 6];
        size.copy_from_slice(&code.to_be_bytes()[2..]);
        Self { key, size }
    }

    /// The size plus one; 0 when it is unknown.
    pub(super) fn code(&self) -> u64 {
        let mut wide = [0; 8];
        wide[2..].copy_from_slice(&self.size);
        u64::from_be_bytes(wide)
    }

    pub(super) fn held(&self) -> IndexEntry {
        IndexEntry { size: self.code().checked_sub(1) }
    }

    pub(super) fn listed(&self) -> Listed {
        Listed { key: self.key, size: self.held().size }
    }

    pub(super) fn to_bytes(self) -> [u8; Self::LEN] {
        let mut out = [0; Self::LEN];
        out[..ObjectKey::LEN].copy_from_slice(&self.key.to_bytes());
        out[ObjectKey::LEN..].copy_from_slice(&self.size);
        out
    }

    pub(super) fn from_bytes(bytes: &[u8; Self::LEN]) -> Self {
        let (mut key, mut size) = ([0; ObjectKey::LEN], [0; 6]);
        key.copy_from_slice(&bytes[..ObjectKey::LEN]);
        size.copy_from_slice(&bytes[ObjectKey::LEN..]);
        Self { key: ObjectKey::from_bytes(&key), size }
    }
}

/// How many digits spell a key.
pub(super) const DIGITS: usize = 49;

/// A key as digits, in an order-preserving spelling.
pub(super) type Digits = [u8; DIGITS];

/// The 63 bytes for which the fst crate has a one-byte node, ascending, and one more. Random ids do
/// not compress, so a set is mostly chains of such nodes: with these digits a link costs one byte
/// for 6 bits of key; with plain bytes, of which few are in this list, it costs two for 8.
const ALPHABET: &[u8; 64] = b"%&+-./0123456789:=?ABCDEFGHILMNOPRST_abcdefghijklmnopqrstuvwxyz~";

/// Which digits have 5 bits; the others have 6. They spell the last 2 bits of the library and the
/// first 28 of the id, where the ids of a library branch: a node with more than 32 branches gets
/// an index of 256 bytes, which costs up to 5 bytes a key.
const NARROW: std::ops::Range<usize> = 21..27;

/// Where a digit stands in a key.
#[derive(Clone, Copy)]
struct Place {
    /// The byte that it begins in.
    byte: usize,
    /// How far to shift that byte and the next, as one number.
    shift: u32,
    /// How many bits it has.
    width: u32,
}

const PLACES: [Place; DIGITS] = {
    let mut places = [Place { byte: 0, shift: 0, width: 0 }; DIGITS];
    let (mut digit, mut bit) = (0, 0);
    while digit < DIGITS {
        let width = if digit >= NARROW.start && digit < NARROW.end { 5 } else { 6 };
        places[digit] = Place { byte: bit / 8, shift: 16 - (bit % 8) as u32 - width, width };
        bit += width as usize;
        digit += 1;
    }
    assert!(bit == ObjectKey::LEN * 8);
    places
};

const NO_DIGIT: u8 = 255;

const VALUES: [u8; 256] = {
    let mut values = [NO_DIGIT; 256];
    let mut value = 0;
    while value < 64 {
        values[ALPHABET[value as usize] as usize] = value;
        value += 1;
    }
    values
};

/// Spells a key in digits; they sort as the keys do.
pub(super) fn digits(key: &ObjectKey) -> Digits {
    // One byte more, so that the last digits have a next byte, too.
    let mut bytes = [0; ObjectKey::LEN + 1];
    bytes[..ObjectKey::LEN].copy_from_slice(&key.to_bytes());
    PLACES.map(|place| {
        let two = u16::from_be_bytes([bytes[place.byte], bytes[place.byte + 1]]);
        ALPHABET[usize::from(two >> place.shift & ((1 << place.width) - 1))]
    })
}

/// The key that these digits spell; `None` when one of them is not a digit.
pub(super) fn from_digits(digits: &Digits) -> Option<ObjectKey> {
    let mut bytes = [0; ObjectKey::LEN + 1];
    for (digit, place) in digits.iter().zip(PLACES) {
        let value = u16::from(VALUES[usize::from(*digit)]);
        if value >> place.width != 0 {
            return None;
        }
        let [high, low] = (value << place.shift).to_be_bytes();
        bytes[place.byte] |= high;
        bytes[place.byte + 1] |= low;
    }
    Some(ObjectKey::from_bytes(bytes.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_alphabet_ascends() {
        assert!(ALPHABET.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn digits_come_back_and_keep_the_order() {
        let mut keys: Vec<_> =
            (0..500).map(|_| ObjectKey::from_bytes(&std::array::from_fn(|_| fastrand::u8(..)))).collect();
        keys.extend([ObjectKey::MIN, ObjectKey::MAX]);
        keys.sort();
        assert!(keys.iter().all(|key| from_digits(&digits(key)) == Some(*key)));
        assert!(keys.windows(2).all(|pair| digits(&pair[0]) <= digits(&pair[1])));
    }

    #[test]
    fn sizes_come_back_or_are_unknown() {
        for (size, expected) in [
            (None, None),
            (Some(0), Some(0)),
            (Some(MAX_CODE - 1), Some(MAX_CODE - 1)),
            (Some(MAX_CODE), None),
            (Some(u64::MAX), None),
        ] {
            let entry = Entry::new(&Listed { key: ObjectKey::MAX, size });
            assert_eq!(Entry::from_bytes(&entry.to_bytes()).held().size, expected);
        }
    }
}
