//! The requests that are under way, and their end when the process is asked to end.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::{HttpError, event_loop};
use crate::store::{ErrorKind, StoreError};

pub(in crate::store) use super::event_loop::block_on;

/// Prepares what requests need. Whoever opens a store that sends some calls this first, so that a machine out of files is
/// an error there.
///
/// # Errors
/// [`ErrorKind::Setup`] when the system gives no event queue.
pub fn start(store: &str) -> Result<(), StoreError> {
    event_loop::prepare().map_err(|error| StoreError::new(ErrorKind::Setup, "open", store, error))
}

/// How long a request may go on once the process was asked to end.
pub const LAST_SECONDS: Duration = Duration::from_secs(10);

/// How long one may take that begins after another was given up, to whatever store: who does not answer costs as much as
/// [`LAST_SECONDS`] no more than once, and who answers slowly has time for what is to be done at the end.
const LAST_MOMENT: Duration = Duration::from_secs(3);

/// When the process was asked to end; one for the process, as a signal is.
static ENDING: LazyLock<watch::Sender<Option<Instant>>> = LazyLock::new(|| watch::Sender::new(None));

static UNDER_WAY: AtomicU64 = AtomicU64::new(0);
static GIVEN_UP: AtomicU64 = AtomicU64::new(0);

/// How many requests wait for their answer now.
pub fn requests_under_way() -> u64 {
    UNDER_WAY.load(Ordering::Relaxed)
}

/// The process was asked to end: every request that gets no answer within [`LAST_SECONDS`] from now on is given up, and so
/// is one that begins later and gets none within as long. Once one was given up, those that begin after that have three
/// seconds, whatever store they go to: also the release of a lease at a destination that answers.
pub fn end_requests() {
    ENDING.send_if_modified(|ending| ending.is_none() && ending.replace(Instant::now()).is_none());
}

/// What a request that is made by `request` gives.
///
/// # Errors
/// [`ErrorKind::Interrupted`] when it was given up because the process was asked to end, [`ErrorKind::Setup`] when this
/// process has too many files open to send it.
pub fn block_on_request<F: Future>(request: F) -> Result<F::Output, HttpError> {
    match block_on(unless_given_up(request, &ENDING, LAST_SECONDS)) {
        Ok(Some(answer)) => Ok(answer),
        Ok(None) => Err(HttpError::new(ErrorKind::Interrupted, GIVEN_UP_TEXT)),
        Err(no_loop) => Err(HttpError::new(ErrorKind::Setup, no_loop.to_string())),
    }
}

/// As [`block_on_request`], for whoever has the loop to run it on.
///
/// # Errors
/// [`ErrorKind::Interrupted`] as there.
pub(super) async fn until_given_up<F: Future>(request: F) -> Result<F::Output, HttpError> {
    let answer = unless_given_up(request, &ENDING, LAST_SECONDS).await;
    answer.ok_or_else(|| HttpError::new(ErrorKind::Interrupted, GIVEN_UP_TEXT))
}

async fn unless_given_up<F: Future>(
    request: F,
    ending: &watch::Sender<Option<Instant>>,
    last: Duration,
) -> Option<F::Output> {
    let _counted = UnderWay::begin();
    let given_up = async {
        let begun_late = ending.borrow().is_some() && GIVEN_UP.load(Ordering::Relaxed) > 0;
        // Never an error, because the sender is never dropped.
        if ending.subscribe().wait_for(Option::is_some).await.is_ok() {
            tokio::time::sleep(if begun_late { last.min(LAST_MOMENT) } else { last }).await;
            GIVEN_UP.fetch_add(1, Ordering::Relaxed);
        }
    };
    let (mut request, mut given_up) = (pin!(request), pin!(given_up));
    // The request first, so that an answer that is there counts.
    poll_fn(|context| match request.as_mut().poll(context) {
        Poll::Ready(answer) => Poll::Ready(Some(answer)),
        Poll::Pending => given_up.as_mut().poll(context).map(|()| None),
    })
    .await
}

/// A request that is counted as long as it is under way.
struct UnderWay;

impl UnderWay {
    fn begin() -> Self {
        UNDER_WAY.fetch_add(1, Ordering::Relaxed);
        Self
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        UNDER_WAY.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What is said of a request that was given up.
const GIVEN_UP_TEXT: &str = "given up without an answer, because the run is ending";

#[cfg(test)]
mod tests {
    use super::*;

    fn on_a_loop<F: Future>(future: F) -> F::Output {
        block_on(future).unwrap()
    }

    #[test]
    fn a_request_without_an_answer_is_given_up_once_the_process_is_to_end_and_not_before() {
        let ending = watch::Sender::new(None);
        let answered = unless_given_up(async { 7 }, &ending, Duration::ZERO);
        assert_eq!(on_a_loop(answered), Some(7));
        let ended = std::thread::scope(|scope| {
            let silent =
                scope.spawn(|| on_a_loop(unless_given_up(std::future::pending::<u8>(), &ending, Duration::ZERO)));
            while ending.receiver_count() == 0 {
                std::thread::yield_now();
            }
            assert!(!silent.is_finished() && requests_under_way() > 0);
            ending.send_replace(Some(Instant::now()));
            silent.join().unwrap()
        });
        assert_eq!(ended, None);
        // An answer that is there counts even then.
        assert_eq!(on_a_loop(unless_given_up(async { 7 }, &ending, Duration::ZERO)), Some(7));
    }

    #[test]
    fn a_store_that_takes_two_seconds_is_heard_after_another_was_given_up() {
        let ending = watch::Sender::new(Some(Instant::now()));
        assert_eq!(on_a_loop(unless_given_up(std::future::pending::<u8>(), &ending, Duration::ZERO)), None);
        let slow = async {
            tokio::time::sleep(Duration::from_secs(2)).await;
            7
        };
        assert_eq!(on_a_loop(unless_given_up(slow, &ending, LAST_SECONDS)), Some(7));
        assert_eq!(on_a_loop(unless_given_up(std::future::pending::<u8>(), &ending, LAST_SECONDS)), None);
    }
}
