//! Asks the service once more where the answer to a HEAD does not say enough.

use std::sync::atomic::Ordering;

use http::Method;
use http::header::HeaderValue;

use super::S3Store;
use super::errors::{Failure, own};
use crate::object::ObjectKey;
use crate::store::ErrorKind;
use crate::store::http::{Request, Response};

impl S3Store {
    /// The size of an object.
    ///
    /// A HEAD says it. Where the service knows no HEAD, or says nothing or none by it, one byte of the object is asked for,
    /// whose answer names the size of the whole.
    pub(super) fn head(&self, key: &ObjectKey) -> Result<u64, Failure> {
        if self.knows_no_head.load(Ordering::Relaxed) {
            return self.size_by_reading(key);
        }
        match self.send(Method::HEAD, Some(key), "", |head| head) {
            Ok(answer) => {
                own(answer.success(false).not_about_the_object())?;
                match answer.content_length() {
                    // Not believed alone, because gateways say it of what they have no size for.
                    None | Some(0) => self.size_by_reading(key),
                    Some(size) => Ok(size),
                }
            }
            Err(failure) if matches!(failure.status, Some(405 | 501)) => {
                let size = self.size_by_reading(key)?;
                self.knows_no_head.store(true, Ordering::Relaxed);
                Ok(size)
            }
            Err(failure) if failure.status == Some(404) => Err(self.which_is_missing(failure)),
            // Asked for the object, because that is refused for the same reason, and its answer says it.
            Err(failure) if matches!(failure.status, Some(300..500)) => match self.size_by_reading(key) {
                Err(told) if told.status != failure.status => Err(failure),
                told => told,
            },
            Err(failure) => Err(failure),
        }
    }

    fn size_by_reading(&self, key: &ObjectKey) -> Result<u64, Failure> {
        let one_byte = |get: Request| {
            // A server that knows no ranges sends the whole object.
            get.header("range", HeaderValue::from_static("bytes=0-0")).answer_limit(Request::OBJECT_LIMIT).measuring()
        };
        match self.send(Method::GET, Some(key), "", one_byte) {
            Ok(answer) => size_in(&answer),
            // There is no first byte of an object without bytes (RFC 9110, 15.5.17).
            // Sent as it is, because what reads an object may itself ask for its size.
            Err(failure) if failure.status == Some(416) => size_in(
                &self.send(Method::GET, Some(key), "", |get| get.answer_limit(Request::OBJECT_LIMIT).measuring())?,
            ),
            Err(failure) => Err(failure),
        }
    }

    /// Whether it is the object that is missing or its bucket. An answer that only a bucket can
    /// give settles it for the store's lifetime.
    fn which_is_missing(&self, failure: Failure) -> Failure {
        if self.bucket_seen.load(Ordering::Relaxed) {
            return failure;
        }
        match self.send(Method::GET, None, "?list-type=2&max-keys=1", |list| list) {
            Err(other) if other.kind == ErrorKind::ContainerMissing => other,
            other => {
                self.bucket_seen.store(other.is_ok(), Ordering::Relaxed);
                failure
            }
        }
    }
}

/// The size of the whole object in the answer to a GET of its first byte.
fn size_in(answer: &Response) -> Result<u64, Failure> {
    own(answer.success(false).not_about_the_object())?;
    let named = || answer.header("content-range")?.rsplit_once('/')?.1.trim().parse().ok();
    match (answer.status.as_u16(), answer.body_end_known) {
        (206, _) => {
            named().ok_or_else(|| Failure::new(ErrorKind::Protocol, "the answer does not say how long the object is"))
        }
        // The whole object, because the server knows no ranges.
        (200, true) => Ok(answer.body_length),
        (status, _) => {
            Err(Failure::new(ErrorKind::Protocol, format!("HTTP {status} does not say how long the object is")))
        }
    }
}
