//! Large blocks in pieces: each read by a GET of a part, and written by a PUT whose body is fetched as it is sent. The MD5 does
//! not go along, because it is known only at the end; it is compared with the ETag of the answer. Where that is no MD5, the
//! block is read back, and the store gets objects whole from then on.

use std::sync::atomic::Ordering;

use http::Method;
use http::header::{CONTENT_TYPE, HeaderValue};

use super::{OssStore, has_other_etag};
use crate::object::ObjectKey;
use crate::store::http::Request;
use crate::store::http::pieces::{Given, Outcome, given, is_beyond};
use crate::store::witness::foreign::own;
use crate::store::witness::{Etag, Sent, Summed, read_back, settle};
use crate::store::{Piece, Pieced, Pieces, Reading, StoreError};

/// What objects are sent as.
pub(super) const BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");

impl OssStore {
    /// A part of the object.
    pub(super) fn piece(&self, key: &ObjectKey, at: u64, reading: Reading) -> Result<Option<Piece>, StoreError> {
        let fill = |get: Request| {
            let get = get.piece_from(at);
            if reading == Reading::Anew { get.past_caches() } else { get }
        };
        let name = key.to_string();
        let get = || {
            let response = self.send("read", &name, Method::GET, &name, None, fill)?;
            match response.status {
                status if is_beyond(Some(status.as_u16())) => Ok(Given::Beyond),
                status if status.is_success() => given(response, at).map_err(|error| error.into_store("read", &*name)),
                _ => Err(self.refused(&response, "read", key)),
            }
        };
        self.parts.piece(get, StoreError::kind)
    }

    pub(super) fn write_in_pieces(&self, key: &ObjectKey, pieces: &mut Pieces<'_>) -> Result<Pieced, StoreError> {
        if self.wants_whole.load(Ordering::Relaxed) {
            return Ok(Pieced::NotOffered);
        }
        let (name, mut body) = (key.to_string(), Summed::new(pieces, true));
        let request =
            self.signed("write", &name, Method::PUT, &name, None, |put| put.header(CONTENT_TYPE.as_str(), BYTES))?;
        let response = match self.client.send_fetched(&request, &mut body) {
            Ok(Outcome::Answered(response)) if response.status.is_success() => response,
            Ok(Outcome::Answered(response)) => return Err(self.refused(&response, "write", key)),
            Ok(Outcome::Broken) => return Ok(Pieced::Broken),
            Err(error) => return Err(settle(self, key, Sent::Pieces, error.into_store("write", name))),
        };
        let success = response.success(has_other_etag(&response));
        own("write", key, success.not_stored()).map_err(|error| settle(self, key, Sent::Pieces, error))?;
        let (etag, md5) = (success.etag.unwrap_or_default(), body.md5().expect("it was wanted"));
        let told = match md5.compare(etag, success.encrypted) {
            Etag::Same => return Ok(Pieced::Written),
            Etag::Other => format!("OSS gave it the ETag {etag}, its MD5 is {}", md5.hex()),
            Etag::NoMd5 => {
                self.wants_whole.store(true, Ordering::Relaxed);
                format!("OSS gave it the ETag {etag}, which is no MD5")
            }
        };
        read_back(self, key, Sent::Pieces, &told).map(|()| Pieced::Written)
    }
}
