//! What the answer to a write says, and writes of which the MD5 is known only at the end.

use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, StatusCode};

use super::SwiftStore;
use crate::object::ObjectKey;
use crate::store::http::Response;
use crate::store::http::pieces::Outcome;
use crate::store::witness::foreign::own;
use crate::store::witness::{Etag, Md5Sum, Sent, Summed, read_back, settle, take_away};
use crate::store::{ErrorKind, Pieced, Pieces, StoreError};

/// What blocks are sent as.
pub(super) const BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");

impl SwiftStore {
    /// The MD5 does not go along, because it is known only at the end; it is compared with the ETag of the answer.
    pub(super) fn write_in_pieces(&self, key: &ObjectKey, pieces: &mut Pieces<'_>) -> Result<Pieced, StoreError> {
        let mut body = Summed::new(pieces, true);
        let outcome = self.call_by(
            "write",
            &key.to_string(),
            |session| Ok(self.request("write", key, &Method::PUT, session)?.header(CONTENT_TYPE.as_str(), BYTES)),
            |request| self.client.send_fetched(request, &mut body),
            |outcome| match outcome {
                Outcome::Answered(answer) => Some(answer.status),
                Outcome::Broken => None,
            },
        );
        let response = match outcome {
            Ok(Outcome::Answered(response)) => response,
            Ok(Outcome::Broken) => return Ok(Pieced::Broken),
            Err(error) => return Err(settle(self, key, Sent::Pieces, error)),
        };
        let md5 = body.md5().expect("it was wanted");
        self.judge(key, &response, &md5, Sent::Pieces).map(|()| Pieced::Written)
    }

    /// What the answer to a write of what was `sent` says.
    pub(super) fn judge(
        &self,
        key: &ObjectKey,
        response: &Response,
        md5: &Md5Sum,
        sent: Sent<'_>,
    ) -> Result<(), StoreError> {
        match response.status {
            StatusCode::NOT_FOUND => Err(self.container_missing(response, "write")),
            StatusCode::CREATED => {
                let success = response.success(false);
                own("write", key, success.page()).map_err(|error| settle(self, key, sent, error))?;
                match (success.etag.map(|stored| (stored, md5.compare(stored, false))), sent) {
                    (None, Sent::Whole(_)) | (Some((_, Etag::Same)), _) => Ok(()),
                    (None, Sent::Pieces) => read_back(self, key, sent, "Swift gave it no ETag"),
                    // Not read back, because Swift's ETag of an object is its MD5 always.
                    (Some((stored, _)), _) => Err(take_away(
                        self,
                        key,
                        &format!("Swift stored something else: MD5 {stored} instead of {}", md5.hex()),
                    )),
                }
            }
            // Swift's answer when a newer write of the same name came in between. Any proxy could give it as well, so that
            // the object itself is the second witness.
            StatusCode::ACCEPTED => match sent.is_held(self, key)? {
                Some(true) => Ok(()),
                // Left alone, because it is somebody's newer write, and to be written again.
                Some(false) => {
                    let why = "HTTP 202: a newer write of the same name came in between, and the bytes kept are others";
                    Err(StoreError::object(ErrorKind::Altered, "write", key, why))
                }
                None => {
                    let why = "HTTP 202 is not the 201 that Swift gives for a write, and the object is not there";
                    Err(StoreError::object(ErrorKind::ForeignAnswer, "write", key, why))
                }
            },
            status if status.is_success() => {
                let told = response.success(false).told("is not the 201 that Swift gives for a write");
                own("write", key, Some(told)).map_err(|error| settle(self, key, sent, error))
            }
            _ => Err(self.refused(response, "write", key)),
        }
    }
}
