//! Large blocks in pieces: each read by a GET of a part, and written by a PUT whose body is fetched as it is sent.
//!
//! The MD5 of a block that is being read is not known when its PUT begins, so that it cannot go along for the server to check.
//! Its SHA-1 is known, because that is its id, and goes along in a V4 request (`x-amz-checksum-sha1`). A server that knows the
//! header refuses other bytes, and says so by answering with it: that is the second witness. Of one that does not, the ETag is
//! compared with the MD5 of what was sent, which costs more processor time than all the rest, and so is worked out only until
//! the server has shown that it checks the SHA-1. Where neither says anything the block is read back.

use std::time::Instant;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::Method;
use http::header::HeaderValue;

use super::S3Store;
use super::errors::{Failure, own};
use super::payload::Payload;
use crate::conf::S3Signature;
use crate::object::ObjectKey;
use crate::store::http::Request;
use crate::store::http::pieces::{Given, Outcome, given, is_beyond};
use crate::store::witness::{Etag, Md5Sum, Sent, Summed, read_back, settle};
use crate::store::{Piece, Pieced, Pieces, Reading, StoreError};

/// The header with the SHA-1 of the bytes, in base64.
const CHECKSUM: &str = "x-amz-checksum-sha1";

/// What a write in pieces came to.
enum Put {
    /// The server has the block.
    Stored,
    /// It took it, and only reading it back can tell what it has.
    InDoubt(String),
    /// The pieces ended before the last one.
    Broken,
}

impl S3Store {
    pub(super) fn piece(&self, key: &ObjectKey, at: u64, reading: Reading) -> Result<Option<Piece>, StoreError> {
        let fill = |get: Request| {
            let get = get.piece_from(at);
            if reading == Reading::Anew { get.past_caches() } else { get }
        };
        let get = || match self.send(Method::GET, Some(key), "", fill) {
            Ok(answer) => given(answer, at).map_err(|error| Failure::unanswered(&error, &self.asked)),
            Err(failure) if is_beyond(failure.status) => Ok(Given::Beyond),
            Err(failure) => Err(failure),
        };
        let piece = self.parts.piece(get, |failure| failure.kind);
        piece.map_err(|failure| Self::object_error("read", key, failure))
    }

    pub(super) fn write_in_pieces(&self, key: &ObjectKey, pieces: &mut Pieces<'_>) -> Result<Pieced, StoreError> {
        // Encrypted with a key of the customer's, an object has no ETag that says anything.
        if self.sse.is_some() || !self.uploads.go_in_pieces() {
            return Ok(Pieced::NotOffered);
        }
        match self.put_in_pieces(key, pieces) {
            Ok(Put::Stored) => Ok(Pieced::Written),
            Ok(Put::InDoubt(doubt)) => read_back(self, key, Sent::Pieces, &doubt).map(|()| Pieced::Written),
            Ok(Put::Broken) => Ok(Pieced::Broken),
            Err(failure) if self.uploads.may_want_whole(&failure) => Ok(Pieced::NotOffered),
            Err(failure) => Err(settle(self, key, Sent::Pieces, Self::object_error("write", key, failure))),
        }
    }

    fn put_in_pieces(&self, key: &ObjectKey, pieces: &mut Pieces<'_>) -> Result<Put, Failure> {
        let checksum = BASE64_STANDARD.encode(key.id.as_bytes());
        let request = self.signed(Method::PUT, Some(key), "", Payload::Fetched, |put| {
            // The second version is of servers that are older than the header.
            match self.asked.signature {
                S3Signature::V4 => put
                    .header(CHECKSUM, HeaderValue::from_str(&checksum).expect("base64 makes a header"))
                    // By this Object Lock knows that there is one.
                    .header("x-amz-sdk-checksum-algorithm", HeaderValue::from_static("SHA1")),
                S3Signature::V2 => put,
            }
        })?;
        let (sent, mut body) = (Instant::now(), Summed::new(pieces, !self.uploads.are_checked()));
        let answer = match self.client.send_fetched(&request, &mut body) {
            Ok(Outcome::Answered(answer)) => self.success(answer, sent).map_err(Failure::about_bucket)?,
            Ok(Outcome::Broken) => return Ok(Put::Broken),
            Err(error) => return Err(Failure::unanswered(&error, &self.asked)),
        };
        let encrypted = self.has_other_etag(&answer);
        let success = answer.success(encrypted);
        own(success.not_stored())?;
        self.uploads.took_pieces();
        let is_checked = self.asked.signature == S3Signature::V4 && answer.header(CHECKSUM) == Some(&*checksum);
        self.uploads.were_checked(is_checked);
        Ok(self.judge(success.etag.unwrap_or_default(), encrypted, is_checked, body.md5()))
    }

    fn judge(&self, etag: &str, encrypted: bool, is_checked: bool, md5: Option<Md5Sum>) -> Put {
        match md5.map_or(Etag::NoMd5, |md5| md5.compare(etag, encrypted)) {
            Etag::Same => Put::Stored,
            Etag::Other => Put::InDoubt(format!("S3 gave it the ETag {etag}, which is not its MD5")),
            Etag::NoMd5 if is_checked => Put::Stored,
            Etag::NoMd5 => {
                if md5.is_some() {
                    // From now on whole, with the MD5 along for the server to check, instead of reading all back.
                    self.uploads.want_whole();
                }
                Put::InDoubt(format!("S3 gave it the ETag {etag} and no SHA-1"))
            }
        }
    }
}
