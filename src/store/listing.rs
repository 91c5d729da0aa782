//! From the answers of a bucket's or container's listing to a [`Page`]: which names are objects, where the next page
//! begins, and whether the server keeps to the rules on which that rests.
//!
//! Names come in ascending order of their bytes, after the name that was sent as the start. A
//! server that does not keep to this would make objects invisible, so it is an error, of a kind that is asked again: one
//! answer may be wrong by accident. That a listing is over is believed on two answers: the one that says so, and one more
//! from its last name on.

use std::borrow::Cow;

use super::names::first_key_after;
use super::{ErrorKind, Listed, NameSort, Page, Part, StoreError};
use crate::conf::backend::Location;
use crate::object::{KeyRange, ObjectKey};

pub(super) mod xml;

/// How many answers in a row may hold no name. Servers give some where they skip many deleted names; without a limit,
/// a server that repeats itself would be asked for ever.
const MOST_EMPTY: usize = 1000;

/// How many answers in a row may hold strangers alone that all lie between two keys that are neighbours. Each gets further,
/// but a server that makes names up would be asked for ever.
const MOST_STRANGE: usize = 10_000;

/// One name in an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    /// Its bytes, percent-decoded.
    pub(super) bytes: Vec<u8>,
    /// The object's size in bytes.
    pub(super) size: Option<u64>,
}

/// One answer of the server.
#[derive(Clone, Debug, Default)]
pub(super) struct Answer {
    /// The names in it, in the order given.
    pub(super) names: Vec<Name>,
    /// Whether the server says that there are more.
    pub(super) more: bool,
    /// The token to go on with, where the server gave one.
    pub(super) token: Option<String>,
}

/// Where the server is asked to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// At the first name.
    First,
    /// After this name.
    After(Vec<u8>),
    /// Where the answer with this token ended.
    Token(String),
}

impl Start {
    /// The name to begin after, as text: names that are no UTF-8 cannot be sent.
    pub(super) fn after(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::After(name) => Some(String::from_utf8_lossy(name)),
            Self::First | Self::Token(_) => None,
        }
    }
}

/// Why the answers make no listing.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault<E> {
    /// A request failed.
    Request(E),
    /// The server gave names from before the start.
    IgnoresStart,
    /// Names out of order, or no way to go on.
    Broken(String),
}

/// Lists the beginning of `range`. `fetch` asks the server; it is called again while its answers hold strangers alone, or
/// nothing, and once more when an answer says that it was the end: a server that was interrupted while it looked for
/// names says that, too.
pub(super) fn page<E>(range: &KeyRange, mut fetch: impl FnMut(&Start) -> Result<Answer, E>) -> Result<Page, Fault<E>> {
    let mut page = Page::default();
    let mut floor: Option<Vec<u8>> = range.first().predecessor().map(|key| key.text().to_vec());
    let mut start = floor.clone().map_or(Start::First, Start::After);
    let (mut empty, mut strange, mut end_said) = (0, 0, false);
    loop {
        let answer = fetch(&start).map_err(Fault::Request)?;
        check_order(&answer, floor.as_deref())?;
        let past_end = answer.names.last().is_some_and(|name| name.bytes.as_slice() > range.last().text().as_slice());
        if past_end || !answer.more && answer.names.is_empty() && end_said {
            take(&mut page, range, &answer.names, None);
            return Ok(page);
        }
        let Some(last) = answer.names.last() else {
            // Kept through answers that say nothing, because those are no names either.
            end_said |= !answer.more;
            start = if answer.more { next_token(&answer, &start, &mut empty)? } else { begin_after(floor.as_ref()) };
            continue;
        };
        let Some(next) = first_key_after(&last.bytes).filter(|next| *next <= range.last()) else {
            // The last page, because only strangers can follow, and none of them is in the range.
            take(&mut page, range, &answer.names, None);
            return Ok(page);
        };
        if answer.more && next > range.first() || !page.objects.is_empty() {
            take(&mut page, range, &answer.names, next.predecessor());
            page.rest = KeyRange::new(next, range.last()).map(Part::new);
            return Ok(page);
        }
        // Done here, because after a whole answer of strangers between two keys that are neighbours no range can say
        // where to go on.
        take(&mut page, range, &answer.names, None);
        strange += 1;
        if strange > MOST_STRANGE {
            return Err(Fault::Broken(format!(
                "{MOST_STRANGE} answers in a row hold names of no object, and more follow"
            )));
        }
        end_said = !answer.more;
        floor = Some(last.bytes.clone());
        start = begin_after(floor.as_ref());
    }
}

fn begin_after(name: Option<&Vec<u8>>) -> Start {
    name.cloned().map_or(Start::First, Start::After)
}

/// Where to go on after an answer without a name that says that there are more; `empty` counts them.
fn next_token<E>(answer: &Answer, start: &Start, empty: &mut usize) -> Result<Start, Fault<E>> {
    *empty += 1;
    let token = answer.token.clone().filter(|_| *empty <= MOST_EMPTY).map(Start::Token);
    token.filter(|next| next != start).ok_or_else(goes_nowhere)
}

/// Puts the objects of `range` into the page and counts the strangers up to the key after which
/// the next page begins; that page counts the others.
fn take(page: &mut Page, range: &KeyRange, names: &[Name], next_starts_after: Option<ObjectKey>) {
    let first = range.first().predecessor().map(|key| key.text());
    let last = range.last().text();
    let counted = next_starts_after.map(|key| key.text());
    for name in names {
        let bytes = name.bytes.as_slice();
        match ObjectKey::parse(bytes) {
            Some(key) if range.contains(&key) => page.objects.push(Listed { key, size: name.size }),
            Some(_) => {}
            None => {
                let from = first.is_none_or(|first| bytes > first.as_slice());
                let to = range.last() == ObjectKey::MAX || bytes < last.as_slice();
                let once = counted.is_none_or(|counted| bytes <= counted.as_slice());
                if from && to && once {
                    page.ignored.add(NameSort::in_bucket(bytes), bytes);
                }
            }
        }
    }
}

fn check_order<E>(answer: &Answer, floor: Option<&[u8]>) -> Result<(), Fault<E>> {
    if let Some(pair) = answer.names.windows(2).find(|pair| pair[0].bytes >= pair[1].bytes) {
        return Err(Fault::Broken(format!(
            "the names are not in order: \"{}\" is followed by \"{}\"",
            pair[0].bytes.escape_ascii(),
            pair[1].bytes.escape_ascii()
        )));
    }
    let ignores = answer.names.first().is_some_and(|name| floor.is_some_and(|floor| name.bytes.as_slice() <= floor));
    // Also where the server says that there is no more, because that would be said of another place than was asked for: a
    // page that is given twice looks like the last one.
    if ignores { Err(Fault::IgnoresStart) } else { Ok(()) }
}

impl Fault<StoreError> {
    /// The error of listing `store`.
    pub(super) fn of_listing(self, store: &Location) -> StoreError {
        let cause = match self {
            Self::Request(error) => return error,
            Self::IgnoresStart => "the server lists from the beginning wherever it is told to start".to_owned(),
            Self::Broken(cause) => cause,
        };
        StoreError::new(ErrorKind::WrongListing, "list", store.to_string(), cause)
    }
}

fn goes_nowhere<E>() -> Fault<E> {
    Fault::Broken("answers without names say that there are more, and do not get to them".to_owned())
}

#[cfg(test)]
mod tests;
