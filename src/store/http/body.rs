//! Bodies with a clock: what is sent and received must keep moving.

use std::convert::Infallible;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http::header::HeaderMap;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, timeout, timeout_at};

use super::failure::Failure;
use super::feed::Feed;
use super::{ErrorKind, HttpOptions, Request, kind_of_status};

/// How much of a body is handed to the connection at once; each piece taken counts as movement.
const PIECE: usize = 64 << 10;

/// How much is set aside for a body on its length's word alone.
const TRUSTED_LENGTH: u64 = 16 << 20;

/// The time at which to give up, put off by whoever makes progress.
#[derive(Clone)]
pub(super) struct Deadline(Arc<Mutex<Instant>>);

impl Deadline {
    pub(super) fn after(time: Duration) -> Self {
        Self(Arc::new(Mutex::new(Instant::now() + time)))
    }

    fn get(&self) -> Instant {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put_off(&self, time: Duration) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now() + time;
    }

    /// Waits for `future`; `None` when the deadline passed, as it then stood.
    pub(super) async fn bound<F: Future>(&self, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        loop {
            let end = self.get();
            match timeout_at(end, &mut future).await {
                Ok(output) => return Some(output),
                Err(_) if self.get() > end => {}
                Err(_) => return None,
            }
        }
    }
}

/// What a request carries.
pub(super) enum Content {
    /// Bytes in memory.
    Whole(Bytes),
    /// Bytes that are fetched as they are sent.
    Fetched(Feed),
}

impl Content {
    /// How many bytes are still to be sent.
    pub(super) fn left(&self) -> u64 {
        match self {
            Self::Whole(bytes) => bytes.len() as u64,
            Self::Fetched(feed) => feed.lock().left(),
        }
    }

    /// The next bytes; `None` when they are to be fetched first.
    fn take(&mut self) -> Option<Bytes> {
        match self {
            Self::Whole(bytes) => Some(bytes.split_to(bytes.len().min(PIECE))),
            Self::Fetched(feed) => feed.lock().take(PIECE),
        }
    }
}

/// The body of a request, handed out in pieces so that a stalled upload is noticed.
pub(super) struct Upload {
    content: Content,
    deadline: Deadline,
    stall: Duration,
    answer: Duration,
}

impl Upload {
    pub(super) fn new(content: Content, deadline: Deadline, options: &HttpOptions) -> Self {
        Self { content, deadline, stall: options.stall_timeout, answer: options.answer_timeout }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.content.left() == 0 {
            return Poll::Ready(None);
        }
        // Whoever fetches the next piece looks here again after that.
        let Some(piece) = self.content.take() else { return Poll::Pending };
        let patience = if self.content.left() == 0 { self.answer } else { self.stall };
        self.deadline.put_off(patience);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.content.left() == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.content.left())
    }
}

/// How large the body of an answer may be, and what one is that is larger.
#[derive(Clone, Copy)]
pub(super) struct Limit {
    bytes: u64,
    kind: ErrorKind,
    status: StatusCode,
}

impl Limit {
    /// The limit of an answer with `status`; `success` is that of a success, in bytes.
    pub(super) fn of(status: StatusCode, success: u64) -> Self {
        if status.is_success() {
            return Self { bytes: success, kind: ErrorKind::TooLarge, status };
        }
        // Nothing but trouble is believed on an answer that is not read to its end: not that an object is missing.
        let kind = Some(kind_of_status(status, &HeaderMap::new())).filter(|kind| kind.is_transient());
        Self { bytes: success.min(Request::ERROR_LIMIT), kind: kind.unwrap_or(ErrorKind::Protocol), status }
    }

    fn exceeded(self) -> Failure {
        let Self { bytes, kind, status } = self;
        let cause = format!("the answer (HTTP {}) is larger than the {bytes} bytes that are accepted", status.as_u16());
        Failure::new(kind, cause)
    }
}

/// How many bytes must come within the time of a stall: a body that drips would hold its worker for days. Some 100 bytes a
/// second, far below what a share of the slowest line gives.
const DRIP: usize = 4 << 10;

/// What came of a body since when.
struct Pace {
    since: Instant,
    bytes: usize,
}

impl Pace {
    fn begin() -> Self {
        Self { since: Instant::now(), bytes: 0 }
    }

    /// `bytes` more came; whether enough did within the last `stall`.
    fn goes_on(&mut self, bytes: usize, stall: Duration) -> bool {
        self.bytes += bytes;
        let (is_over, enough) = (self.since.elapsed() >= stall, self.bytes >= DRIP);
        if is_over {
            *self = Self::begin();
        }
        !is_over || enough
    }
}

/// Up to how many bytes a body is read though only its length is wanted and told: less than another connection costs.
const WORTH_READING: u64 = 64 << 10;

/// What came of the body of an answer.
pub(super) struct Received {
    /// The body; of one that was only measured nothing, or its beginning.
    pub(super) body: Bytes,
    /// The length of the whole body in bytes.
    pub(super) length: u64,
    /// Whether it was read to its end, so that the connection is free for the next answer.
    pub(super) is_read: bool,
}

/// Reads the body of an answer within `limit`, each piece within `stall`. `measures`: only its length is wanted.
pub(super) async fn receive(
    body: Incoming,
    limit: Limit,
    stall: Duration,
    measures: bool,
) -> Result<Received, Failure> {
    match body.size_hint().exact() {
        Some(length) if measures && length > WORTH_READING => {
            Ok(Received { body: Bytes::new(), length, is_read: false })
        }
        None if measures => measure(body, limit, stall).await,
        _ => {
            let body = collect(body, limit, stall).await?;
            Ok(Received { length: body.len() as u64, body, is_read: true })
        }
    }
}

/// Counts the bytes of a body whose length nobody said, and keeps the first piece of it.
async fn measure(mut body: Incoming, limit: Limit, stall: Duration) -> Result<Received, Failure> {
    let (mut first, mut length, mut pace) = (Bytes::new(), 0, Pace::begin());
    while let Some(frame) = timeout(stall, body.frame()).await.map_err(|_| Failure::stalled(stall))? {
        let Ok(piece) = frame.map_err(Failure::of_body)?.into_data() else { continue };
        length += piece.len() as u64;
        if length > limit.bytes {
            return Err(limit.exceeded());
        }
        if !pace.goes_on(piece.len(), stall) {
            return Err(Failure::drips(stall, DRIP));
        }
        if first.is_empty() {
            first = piece;
        }
    }
    Ok(Received { body: first, length, is_read: true })
}

/// Reads the whole body of an answer within `limit`, each piece within `stall`.
async fn collect(mut body: Incoming, limit: Limit, stall: Duration) -> Result<Bytes, Failure> {
    let expected = body.size_hint().lower();
    if expected > limit.bytes {
        return Err(limit.exceeded());
    }
    let (mut first, mut rest, mut pace) = (Bytes::new(), BytesMut::new(), Pace::begin());
    while let Some(frame) = timeout(stall, body.frame()).await.map_err(|_| Failure::stalled(stall))? {
        let Ok(piece) = frame.map_err(Failure::of_body)?.into_data() else { continue };
        if (first.len() + rest.len() + piece.len()) as u64 > limit.bytes {
            return Err(limit.exceeded());
        }
        if !pace.goes_on(piece.len(), stall) {
            return Err(Failure::drips(stall, DRIP));
        }
        if first.is_empty() && rest.is_empty() {
            // Kept as it came, because most objects arrive in one piece, which then needs no copy.
            first = piece;
            continue;
        }
        if rest.is_empty() {
            rest.reserve(usize::try_from(expected.min(TRUSTED_LENGTH)).unwrap_or(PIECE));
            rest.extend_from_slice(&std::mem::take(&mut first));
        }
        rest.extend_from_slice(&piece);
    }
    Ok(if rest.is_empty() { first } else { rest.freeze() })
}
