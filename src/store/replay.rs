//! What recorded answers of servers come to, without a connection: the same code that reads them from the network, for
//! tests and fuzzers that go through millions of them.

use crate::conf::backend::SwiftConf;
use crate::object::KeyRange;
use crate::store::backend::{oss, swift};
use crate::store::http::Response;
use crate::store::listing::xml::{self, UrlEncoding};
use crate::store::listing::{self, Answer, Fault};
use crate::store::{Page, StoreError};

/// Whose listing an answer belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// S3, `ListObjects`.
    S3V1,
    /// S3, `ListObjectsV2`.
    S3V2,
    /// OSS, `ListObjectsV2`.
    Oss,
    /// Swift, `format=json`.
    Swift,
}

/// What one answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The names in the order given, decoded, and their sizes in bytes.
    pub names: Vec<(Vec<u8>, Option<u64>)>,
    /// Whether more names follow.
    pub more: bool,
}

impl Service {
    /// Every one of them.
    pub const ALL: [Self; 4] = [Self::S3V1, Self::S3V2, Self::Oss, Self::Swift];

    fn answer(self, body: &[u8]) -> Result<Answer, String> {
        match self {
            Self::S3V1 => xml::parse(body, UrlEncoding::Form)?.with_marker(),
            Self::S3V2 => xml::parse(body, UrlEncoding::Form)?.with_token(),
            Self::Oss => oss::listing::parse(body).map_err(|error| error.cause().to_owned()),
            Self::Swift => swift::listing::parse(body),
        }
    }

    /// What the body of an answer says.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn said(self, body: &[u8]) -> Result<Said, String> {
        let answer = self.answer(body)?;
        let names = answer.names.into_iter().map(|name| (name.bytes, name.size)).collect();
        Ok(Said { names, more: answer.more })
    }

    /// The first page of `range` from a server whose answers have these bodies, whatever it is asked for.
    ///
    /// # Errors
    /// When an answer is none, the answers make no listing, or there are too few.
    pub fn page<'b>(self, range: &KeyRange, bodies: impl IntoIterator<Item = &'b [u8]>) -> Result<Page, String> {
        let mut bodies = bodies.into_iter();
        let page = listing::page(range, |_| match bodies.next() {
            Some(body) => self.answer(body),
            None => Err("no further answer was recorded".to_owned()),
        });
        page.map_err(|fault| match fault {
            Fault::Request(why) | Fault::Broken(why) => why,
            Fault::IgnoresStart => "names from before the start".to_owned(),
        })
    }
}

/// The token and the address of the account that `answer` gives to who logs in to Swift.
///
/// # Errors
/// When it gives none, or none that may be used.
pub fn swift_login(conf: &SwiftConf, answer: &Response) -> Result<(Vec<u8>, String), StoreError> {
    let (token, storage_url) = swift::login::read(conf, answer)?;
    Ok((token.as_bytes().to_vec(), storage_url))
}
