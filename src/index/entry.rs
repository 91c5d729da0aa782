//! One entry of a list, packed for memory and files, and its key as the digits over which the finite
//! state transducers are built.

use crate::object::ObjectKey;
use crate::store::Listed;

/// What the index holds about an object at the destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexEntry {
    /// Its size at the destination in bytes; `None` when neither a listing nor a write reported it.
    pub size: Option<u64>,
}

/// A key and a size in 42 bytes; packed because buffers hold millions of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: ObjectKey,
    size: [u8; 6],
}

/// The largest [`Entry::code`]: what fits six bytes.
const MAX_CODE: u64 = (1 << 48) - 1;

impl Entry {
    pub(super) const LEN: usize = ObjectKey::LEN + 6;

    /// Packs a listed object. A size of 256 TiB or more is stored as unknown; a block of Seafile has 10 MB at most.
    pub(super) fn new(listed: &Listed) -> Self {
        let code = listed.size.and_then(|size| size.checked_add(1)).filter(|&code| code <= MAX_CODE);
        Self::from_code(listed.key, code.unwrap_or(0))
    }

    /// The entry of `key` with this [`Entry::code`].
    pub(super) fn from_code(key: ObjectKey, code: u64) -> Self {
        let mut size = [0; 6];
        size.copy_from_slice(&code.to_be_bytes()[2..]);
        Self { key, size }
    }

    /// The size in bytes plus one; 0 when the size is unknown.
    pub(super) fn code(&self) -> u64 {
        let mut wide = [0; 8];
        wide[2..].copy_from_slice(&self.size);
        u64::from_be_bytes(wide)
    }

    pub(super) fn index_entry(&self) -> IndexEntry {
        IndexEntry { size: self.code().checked_sub(1) }
    }

    pub(super) fn listed(&self) -> Listed {
        Listed { key: self.key, size: self.index_entry().size }
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

/// The number of digits of a key.
pub(super) const DIGITS: usize = 49;

/// A key as digits. Digits sort as the keys do.
pub(super) type Digits = [u8; DIGITS];

/// The 63 bytes for which the fst crate has a one-byte node, and one more, ascending. Random ids do
/// not compress, so a transducer is mostly chains of such nodes. With these digits a node takes one byte
/// for 6 bits of key; with plain bytes, few of which are in this list, it takes two bytes for 8 bits.
const ALPHABET: &[u8; 64] = b"%&+-./0123456789:=?ABCDEFGHILMNOPRST_abcdefghijklmnopqrstuvwxyz~";

/// The digits that have 5 bits; the others have 6. They hold the last 2 bits of the library and the
/// first 28 bits of the id, where the ids of a library branch. 5 bits, because a node with more than 32
/// branches gets an index of 256 bytes, which costs up to 5 bytes for each key.
const NARROW: std::ops::Range<usize> = 21..27;

/// The bits of a key that a digit holds.
#[derive(Clone, Copy)]
struct Place {
    /// The position of the byte in which it begins.
    byte: usize,
    /// By how many bits to shift the number that this byte and the next one make.
    shift: u32,
    /// Its width in bits.
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

/// Returns the digits of a key; they sort as the keys do.
pub(super) fn digits(key: &ObjectKey) -> Digits {
    // One byte more, because the last digits also read the byte after the one in which they begin.
    let mut bytes = [0; ObjectKey::LEN + 1];
    bytes[..ObjectKey::LEN].copy_from_slice(&key.to_bytes());
    PLACES.map(|place| {
        let two = u16::from_be_bytes([bytes[place.byte], bytes[place.byte + 1]]);
        ALPHABET[usize::from(two >> place.shift & ((1 << place.width) - 1))]
    })
}

/// The key with these digits; `None` when one of them is not a digit.
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
            assert_eq!(Entry::from_bytes(&entry.to_bytes()).index_entry().size, expected);
        }
    }
}
