//! Object names among strangers: a bucket or container may hold names that are not ours.

use crate::object::{KeyRange, ObjectKey};

const LENGTH: usize = 77;
const DASHES: [usize; 4] = [8, 13, 18, 23];
const SLASH: usize = 36;

/// The smallest key whose text `<library>/<object>` comes after the bytes of `name`; `None` when
/// no key does. A listing that stands at a stranger goes on from there.
pub fn first_key_after(name: &[u8]) -> Option<ObjectKey> {
    let (lowest, highest) = (KeyRange::ALL.first().text(), KeyRange::ALL.last().text());
    let Some(at) = (0..LENGTH).find(|&at| name.get(at).is_none_or(|&byte| !fits(at, byte))) else {
        return parse(&name[..LENGTH], &[]).successor();
    };
    let next = match name.get(at) {
        None => return Some(parse(name, &lowest[at..])),
        Some(&byte) => (byte..=highest[at]).find(|&larger| fits(at, larger)),
    };
    match next {
        Some(larger) => Some(parse(&[&name[..at], &[larger]].concat(), &lowest[at + 1..])),
        None => parse(&name[..at], &highest[at..]).successor(),
    }
}

/// Whether `byte` can stand at this place of a key's text.
fn fits(at: usize, byte: u8) -> bool {
    match at {
        SLASH => byte == b'/',
        _ if DASHES.contains(&at) => byte == b'-',
        _ => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
    }
}

fn parse(head: &[u8], tail: &[u8]) -> ObjectKey {
    ObjectKey::parse(&[head, tail].concat()).expect("every byte was checked to fit its place")
}
