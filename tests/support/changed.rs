//! Real bytes with changes that a disk, an editor, a server or an attacker makes; the same in every run.

use fastrand::Rng;

/// Bytes that mean something to one of the formats.
const WORDS: [&[u8]; 22] = [
    b"\0",
    b"\xff\xff\xff\xff",
    b"\n",
    b"\r\n",
    b"[",
    b"]",
    b"{",
    b"\"",
    b"\\u0000",
    b"=",
    b"[block_backend]\n",
    b"null",
    b"-1",
    b"18446744073709551616",
    b"\x78\x9c",
    b"\xc3\x28",
    b"<",
    b"&#0;",
    b"</Key>",
    b"true",
    b"%2F",
    b"%zz",
];

/// `seed` with one to four changes of a kind that a disk, an editor or an attacker makes.
pub fn changed(seed: &[u8], random: &mut Rng) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..random.usize(1..5) {
        let at = random.usize(0..=bytes.len());
        let end = (at + random.usize(0..40)).min(bytes.len());
        match random.u8(0..7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.u8(0..8),
            1 if at < bytes.len() => bytes[at] = random.u8(..),
            2 => bytes.truncate(at),
            3 => drop(bytes.drain(at..end)),
            4 => bytes.splice(at..at, random.choice(WORDS).unwrap().iter().copied()).for_each(drop),
            5 => bytes.extend_from_within(at..end),
            _ => bytes[at..end].reverse(),
        }
    }
    bytes
}
