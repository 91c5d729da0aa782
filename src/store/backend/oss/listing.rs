//! What is asked of a bucket to list it (`list-type=2`), and what it answers.
//!
//! OSS lists names in the order of their bytes, those after `start-after`, at most 1,000. Names come
//! percent-encoded (`encoding-type=url`), because XML cannot hold all of them.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::object::KeyRange;
use crate::store::ErrorKind;
use crate::store::http::HttpError;
use crate::store::listing::xml::{self, UrlEncoding};
use crate::store::listing::{Answer, Start};
use crate::store::witness::foreign::no_listing;

/// What stays as it is in a query (RFC 3986, unreserved).
const ESCAPED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The most names that OSS gives at once.
const MOST_NAMES: u16 = 1000;

/// What is asked of a bucket.
pub(super) struct Query {
    most: u16,
    prefix: String,
    start: Start,
}

impl Query {
    /// The names of `range` from `start` on.
    pub(super) fn of(range: &KeyRange, start: &Start) -> Self {
        Self { most: MOST_NAMES, prefix: range.common_prefix(), start: start.clone() }
    }

    /// A single name, whichever is the first.
    pub(super) const fn one_name() -> Self {
        Self { most: 1, prefix: String::new(), start: Start::First }
    }

    /// The token in the query, which a V1 signature covers.
    pub(super) fn continuation_token(&self) -> Option<&str> {
        match &self.start {
            Start::Token(token) => Some(token),
            Start::First | Start::After(_) => None,
        }
    }

    /// The query with its question mark.
    pub(super) fn text(&self) -> String {
        let mut text = format!("?list-type=2&encoding-type=url&max-keys={}", self.most);
        let after = self.start.after();
        let parts = [
            ("prefix", Some(self.prefix.as_str()).filter(|prefix| !prefix.is_empty())),
            ("start-after", after.as_deref()),
            ("continuation-token", self.continuation_token()),
        ];
        for (name, value) in parts {
            if let Some(value) = value {
                text = format!("{text}&{name}={}", utf8_percent_encode(value, &ESCAPED));
            }
        }
        text
    }
}

/// The names in the body of an answer with status 200.
///
/// # Errors
/// [`ErrorKind::ForeignAnswer`] when it is no whole listing, [`ErrorKind::WrongListing`] when it does not say whether there
/// is more.
pub(in crate::store) fn parse(body: &[u8]) -> Result<Answer, HttpError> {
    let listing = xml::parse(body, UrlEncoding::Path)
        .map_err(|why| HttpError::new(ErrorKind::ForeignAnswer, no_listing(200, &why, body)))?;
    listing.with_token().map_err(|why| HttpError::new(ErrorKind::WrongListing, why))
}
