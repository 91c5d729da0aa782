//! The requests of the protocol: one function a sort of call.

use std::time::Instant;

use bytes::Bytes;
use http::Method;
use http::header::{HOST, HeaderValue};

use super::S3Store;
use super::errors::{Failure, own};
use super::payload::Payload;
use super::services::Credentials;
use crate::conf::S3Signature;
use crate::object::ObjectKey;
use crate::store::ErrorKind;
use crate::store::http::{Request, Response};
use crate::store::witness::{Etag, Md5Sum};

impl S3Store {
    /// Signs and sends a request about an object, or about the bucket. An answer that is no success is a failure.
    pub(super) fn send(
        &self,
        method: Method,
        key: Option<&ObjectKey>,
        query: &str,
        fill: impl FnOnce(Request) -> Request,
    ) -> Result<Response, Failure> {
        self.send_signed(method, key, query, Payload::Unsigned, fill)
    }

    fn send_signed(
        &self,
        method: Method,
        key: Option<&ObjectKey>,
        query: &str,
        payload: Payload,
        fill: impl FnOnce(Request) -> Request,
    ) -> Result<Response, Failure> {
        let request = self.signed(method, key, query, payload, fill)?;
        let sent = Instant::now();
        let answer = self.client.send(&request).map_err(|error| Failure::unanswered(&error, &self.asked))?;
        self.success(answer, sent)
    }

    /// A request about an object, or about the bucket, with all that it needs.
    pub(super) fn signed(
        &self,
        method: Method,
        key: Option<&ObjectKey>,
        query: &str,
        payload: Payload,
        fill: impl FnOnce(Request) -> Request,
    ) -> Result<Request, Failure> {
        let url = match key {
            Some(key) => format!("{}/{key}", self.url),
            None => format!("{}/{query}", self.url),
        };
        let setup = |why: String| Failure::new(ErrorKind::Setup, format!("the request cannot be made: {why}"));
        let is_removal = method == Method::DELETE;
        let request = Request::new(method, &url).map_err(|error| setup(error.cause().to_owned()))?;
        let mut request = fill(request.header(HOST.as_str(), self.host.clone()));
        if let (Some(sse), Some(_), false) = (&self.sse, key, is_removal) {
            request = sse.with(request);
        }
        let keys = self.credentials.keys()?;
        self.signer.sign(&mut request, &keys, payload).map_err(setup)?;
        Ok(request)
    }

    /// The answer to a request that was sent at `sent`, where it is a success.
    pub(super) fn success(&self, answer: Response, sent: Instant) -> Result<Response, Failure> {
        if answer.status.is_success() {
            return Ok(answer);
        }
        let failure = Failure::answered(&answer, &self.asked).through(self.proxy.as_ref());
        if let (Credentials::Role(role), ErrorKind::BadCredentials) = (&self.credentials, failure.kind) {
            role.refused(sent);
        }
        Err(failure)
    }

    /// The object's bytes, at most `most`.
    pub(super) fn get(
        &self,
        key: &ObjectKey,
        most: u64,
        fill: impl FnOnce(Request) -> Request,
    ) -> Result<Bytes, Failure> {
        let answer = self.send(Method::GET, Some(key), "", |get| fill(get.answer_limit(most)))?;
        own(answer.success(self.has_other_etag(&answer)).not_the_object())?;
        if !answer.body_end_known {
            return self.whole_by_size(key, answer.body);
        }
        answer.whole_body().map_err(|error| Failure::unanswered(&error, &self.asked))
    }

    /// The body of an answer that told neither its length nor its end, which old proxies make of an object. The connection
    /// may have ended early, so it is the object only when it is as long as the server says of that.
    fn whole_by_size(&self, key: &ObjectKey, body: Bytes) -> Result<Bytes, Failure> {
        let (came, size) = (body.len() as u64, self.head(key)?);
        if came == size {
            return Ok(body);
        }
        let text = format!("the connection ended after {came} bytes of an object that has {size}");
        Err(Failure::new(ErrorKind::Connection, text))
    }

    /// Puts the object, its MD5 along, and looks at the answer. The text of a doubt that only reading the object back can
    /// settle.
    pub(super) fn put(&self, key: &ObjectKey, data: &Bytes) -> Result<Option<String>, Failure> {
        let md5 = Md5Sum::of(data);
        let answer = self.upload(key, data, &md5).map_err(Failure::about_bucket)?;
        let encrypted = self.has_other_etag(&answer);
        let success = answer.success(encrypted);
        own(success.not_stored())?;
        let etag = success.etag.unwrap_or_default();
        Ok(match md5.compare(etag, encrypted) {
            Etag::Same | Etag::NoMd5 => None,
            Etag::Other => Some(format!("S3 gave it the ETag {etag}, its MD5 is {}", md5.hex())),
        })
    }

    fn upload(&self, key: &ObjectKey, data: &Bytes, md5: &Md5Sum) -> Result<Response, Failure> {
        let send = |payload| {
            self.send_signed(Method::PUT, Some(key), "", payload, |put| {
                let md5 = HeaderValue::from_str(&md5.base64()).expect("base64 makes a header");
                put.header("content-md5", md5).body(data.clone())
            })
        };
        let payload = self.uploads.payload();
        let sent = send(payload);
        let answer = match &sent {
            Err(refused) if self.asked.signature == S3Signature::V4 && self.uploads.may_want_hashes(refused) => {
                let again = send(Payload::Hashed)?;
                self.uploads.took(Payload::Hashed);
                return Ok(again);
            }
            _ => sent?,
        };
        self.uploads.took(payload);
        Ok(answer)
    }

    /// Removes the object. The text of a doubt that only asking for the object can settle.
    pub(super) fn delete(&self, key: &ObjectKey) -> Result<Option<String>, Failure> {
        match self.send(Method::DELETE, Some(key), "", |delete| delete) {
            Err(failure) if failure.kind == ErrorKind::NotFound => Ok(None),
            Err(failure) => Err(failure),
            Ok(answer) => {
                own(answer.success(false).page())?;
                let status = answer.status.as_u16();
                Ok((status != 204).then(|| format!("HTTP {status}")))
            }
        }
    }

    /// Whether the ETag in the answer is no MD5, because the object is encrypted with a key of the customer's or of the key
    /// service.
    pub(super) fn has_other_etag(&self, answer: &Response) -> bool {
        let by_key_service =
            answer.header("x-amz-server-side-encryption").is_some_and(|kind| kind.starts_with("aws:kms"));
        self.sse.is_some() || by_key_service
    }
}
