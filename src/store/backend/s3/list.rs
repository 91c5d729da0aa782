//! What is asked of a bucket to list it, in the two versions of the protocol, and what it answers.

use http::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::S3Store;
use super::errors::Failure;
use crate::object::KeyRange;
use crate::store::listing::xml::{self, BucketListing, UrlEncoding};
use crate::store::listing::{self, Answer, Fault, Start};
use crate::store::witness::foreign::no_listing;
use crate::store::{ErrorKind, Page};

/// What stays as it is in a query: everything else is encoded, because a V4 signature is made of it in this form.
const ESCAPED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Names asked for in one request: the most that S3 gives.
const PAGE: &str = "1000";

/// A version of the listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    /// It goes on after a name, `marker`.
    One,
    /// It knows `start-after`, and goes on with a token.
    Two,
}

impl S3Store {
    /// The first page of the names in `range`.
    pub(super) fn page(&self, range: &KeyRange, version: Version) -> Result<Page, Fault<Failure>> {
        let prefix = range.common_prefix();
        listing::page(range, |start| self.names(&prefix, start, version))
    }

    /// One answer of a listing.
    fn names(&self, prefix: &str, start: &Start, version: Version) -> Result<Answer, Failure> {
        let answer = self.send(Method::GET, None, &query(prefix, start, version), |list| list)?;
        let broken = |why: String| no_listing(answer.status.as_u16(), &why, &answer.body);
        let listing: BucketListing = xml::parse(&answer.body, UrlEncoding::Form)
            .map_err(|why| Failure::new(ErrorKind::ForeignAnswer, broken(why)))?;
        let names = match version {
            Version::One => listing.with_marker(),
            Version::Two => listing.with_token(),
        };
        names.map_err(|cause| Failure::new(ErrorKind::WrongListing, cause))
    }
}

/// The query with its question mark; its parameters are in order, as a V4 signature wants them.
fn query(prefix: &str, start: &Start, version: Version) -> String {
    let after = start.after();
    let token = match start {
        Start::Token(token) => Some(token.as_str()),
        Start::First | Start::After(_) => None,
    };
    let prefix = Some(prefix).filter(|prefix| !prefix.is_empty());
    let parameters = match version {
        Version::One => vec![
            ("encoding-type", Some("url")),
            ("marker", token.or(after.as_deref())),
            ("max-keys", Some(PAGE)),
            ("prefix", prefix),
        ],
        Version::Two => vec![
            ("continuation-token", token),
            ("encoding-type", Some("url")),
            ("list-type", Some("2")),
            ("max-keys", Some(PAGE)),
            ("prefix", prefix),
            ("start-after", after.as_deref()),
        ],
    };
    let mut text = String::new();
    for (name, value) in parameters {
        if let Some(value) = value {
            let before = if text.is_empty() { '?' } else { '&' };
            text = format!("{text}{before}{name}={}", utf8_percent_encode(value, &ESCAPED));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_in_order_and_encoded() {
        let after = Start::After(b"a/b c+d~".to_vec());
        assert_eq!(
            query("a/", &after, Version::Two),
            "?encoding-type=url&list-type=2&max-keys=1000&prefix=a%2F&start-after=a%2Fb%20c%2Bd~"
        );
        assert_eq!(query("", &after, Version::One), "?encoding-type=url&marker=a%2Fb%20c%2Bd~&max-keys=1000");
        assert_eq!(
            query("", &Start::Token("1/=".to_owned()), Version::Two),
            "?continuation-token=1%2F%3D&encoding-type=url&list-type=2&max-keys=1000"
        );
        assert_eq!(query("", &Start::First, Version::One), "?encoding-type=url&max-keys=1000");
    }
}
