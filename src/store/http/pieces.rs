//! Requests of which one body goes in pieces: that of a PUT, which is read from elsewhere as it is sent, or that of the answer
//! to a GET of a part of an object.
//!
//! The body of a PUT may come over a connection of this client, too. So whoever fetches the next piece does it beside the loop
//! of the request, and not in it: [`event_loop::Held::aside`].

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use http::StatusCode;
use http::header::{CONTENT_RANGE, HeaderMap, HeaderValue, RANGE};

use super::body::Content;
use super::event_loop::{self, Held, Host};
use super::failure::Failure;
use super::feed::Feed;
use super::{HttpClient, HttpError, Request, Response, Wire, runtime};
use crate::store::ErrorKind;
use crate::store::pieces::{Broken, Fetched, PIECE_MAX, Piece};

/// What became of a request whose body was fetched as it was sent.
#[derive(Debug)]
pub(in crate::store) enum Outcome {
    /// It was answered.
    Answered(Response),
    /// It was broken off, because the body was.
    Broken,
}

impl HttpClient {
    /// Sends a request whose body is fetched as it is sent, and waits for the whole answer. Where the body ends early, the
    /// connection is closed before the announced length, so that there is no whole request. A connection that ended before
    /// the first byte of an answer is replaced once, as by [`HttpClient::send`], and the body begins again.
    ///
    /// # Errors
    /// As [`HttpClient::send`]; [`ErrorKind::ForeignAnswer`] for a success before everything was sent.
    pub(in crate::store) fn send_fetched(
        &self,
        request: &Request,
        body: &mut impl Fetched,
    ) -> Result<Outcome, HttpError> {
        self.refuse_unsafe(request)?;
        let held = Held::take().map_err(|error| HttpError::new(ErrorKind::Setup, error.to_string()))?;
        let host = Host::of(&request.url);
        let answer = match self.attempt_fetched(&held, event_loop::kept(self.id, &host), &host, request, body)? {
            Err(failure) if failure.unanswered => self.attempt_fetched(&held, None, &host, request, body)?,
            outcome => outcome,
        };
        answer.map_err(|failure| self.told(failure, request))
    }

    fn attempt_fetched(
        &self,
        held: &Held,
        wire: Option<Wire>,
        host: &Host,
        request: &Request,
        body: &mut impl Fetched,
    ) -> Result<Result<Outcome, Failure>, HttpError> {
        let Ok(length) = held.aside(|| body.begin()) else { return Ok(Ok(Outcome::Broken)) };
        let feed = Feed::of(length);
        let sending = self.attempt(wire, host, request, Content::Fetched(feed.clone()));
        let mut sending = Box::pin(runtime::until_given_up(sending));
        loop {
            let answer = held.run(poll_fn(|context| match sending.as_mut().poll(context) {
                Poll::Ready(answer) => Poll::Ready(Some(answer)),
                Poll::Pending if feed.lock().is_hungry() => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            }));
            let Some(answer) = answer else {
                match held.aside(|| body.next_piece()) {
                    Ok(Some(piece)) => feed.lock().give(piece),
                    // Dropping what was begun closes its connection.
                    Ok(None) | Err(Broken) => return Ok(Ok(Outcome::Broken)),
                }
                continue;
            };
            let left = feed.lock().left();
            return Ok(match answer? {
                Ok(answer) if answer.status.is_success() && left > 0 => {
                    let cause = format!("the answer is a success, and {left} bytes of {length} were not yet sent");
                    Err(Failure::new(ErrorKind::ForeignAnswer, cause))
                }
                answer => answer.map(Outcome::Answered),
            });
        }
    }
}

impl Request {
    /// The same request for the bytes from `at` on that make a piece.
    #[must_use]
    pub(in crate::store) fn piece_from(self, at: u64) -> Self {
        let range = format!("bytes={at}-{}", at + PIECE_MAX as u64 - 1);
        let range = HeaderValue::from_str(&range).expect("digits make a header");
        self.header(RANGE.as_str(), range).answer_limit(PIECE_MAX as u64)
    }
}

/// What a server gave that was asked for a part of an object.
#[derive(Debug)]
pub(in crate::store) enum Given {
    /// The part.
    Piece(Piece),
    /// Nothing, because the object ends before it.
    Beyond,
    /// The whole object, as from a server that heeds no ranges.
    Whole,
}

/// Whether a server gives parts of objects, as far as it has shown.
#[derive(Debug, Default)]
pub(in crate::store) struct Parts {
    are_refused: AtomicBool,
}

impl Parts {
    /// The piece that `get` gives, unless the server showed that it sends objects only whole. `None` for one that does so, and
    /// for a part that the object does not have.
    ///
    /// # Errors
    /// Those of `get`.
    pub(in crate::store) fn piece<E>(
        &self,
        get: impl FnOnce() -> Result<Given, E>,
        kind: impl Fn(&E) -> ErrorKind,
    ) -> Result<Option<Piece>, E> {
        if self.are_refused.load(Ordering::Relaxed) {
            return Ok(None);
        }
        match get() {
            Ok(Given::Piece(piece)) => return Ok(Some(piece)),
            Ok(Given::Beyond) => return Ok(None),
            Ok(Given::Whole) => {}
            // The whole of a large object is more than was to come.
            Err(error) if kind(&error) == ErrorKind::TooLarge => {}
            Err(error) => return Err(error),
        }
        self.are_refused.store(true, Ordering::Relaxed);
        Ok(None)
    }
}

/// Whether a server says by this status that the object ends before the part that was asked for.
pub(in crate::store) fn is_beyond(status: Option<u16>) -> bool {
    status == Some(StatusCode::RANGE_NOT_SATISFIABLE.as_u16())
}

/// What an answer with the status of a success gives that was asked for the bytes from `at` on.
///
/// # Errors
/// When the answer contradicts itself, or is not the server's.
pub(in crate::store) fn given(answer: Response, at: u64) -> Result<Given, HttpError> {
    if answer.status != StatusCode::PARTIAL_CONTENT {
        // A page in place of the answer says nothing of what the server can do.
        let page = answer.success(false).not_the_object();
        return page.map_or(Ok(Given::Whole), |why| Err(HttpError::new(ErrorKind::ForeignAnswer, why)));
    }
    let wrong =
        |told: &str| HttpError::new(ErrorKind::ForeignAnswer, format!("HTTP 206 {told}, asked from byte {at} on"));
    let Some((first, last, size)) = content_range(&answer.headers) else {
        return Err(wrong("without a Content-Range that says what it gives and of how much"));
    };
    let data = answer.whole_body()?;
    if first != at || last >= size || last - first + 1 != data.len() as u64 {
        let told = format!("with {} bytes and a Content-Range of {first}-{last} of {size}", data.len());
        return Err(wrong(&told));
    }
    Ok(Given::Piece(Piece { data, size }))
}

/// First byte, last byte and size of the whole, from `Content-Range: bytes 0-9/100` (RFC 9110, 14.4).
fn content_range(headers: &HeaderMap) -> Option<(u64, u64, u64)> {
    let text = headers.get(CONTENT_RANGE)?.to_str().ok()?.trim();
    let (range, size) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last, size): (u64, u64, u64) = (first.parse().ok()?, last.parse().ok()?, size.parse().ok()?);
    (first <= last).then_some((first, last, size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_believed_only_where_it_says_everything() {
        let range = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_RANGE, HeaderValue::from_str(text).unwrap());
            content_range(&headers)
        };
        assert_eq!(range("bytes 5-9/100"), Some((5, 9, 100)));
        for wrong in ["bytes 5-9/*", "bytes */100", "bytes 9-5/100", "items 5-9/100", "bytes 5-9", "5-9/100", ""] {
            assert_eq!(range(wrong), None, "{wrong}");
        }
        assert_eq!(content_range(&HeaderMap::new()), None);
    }
}
