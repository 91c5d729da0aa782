//! Event loops: whoever makes a request drives it to its end on its own thread, sockets and timers included.
//!
//! A call takes a loop and gives it back, so that there are as many loops as there are calls at once, and each keeps the
//! connections that were opened on it: one to a host for each client. No request is handed to another thread
//! (`docs/performance.md` has what that costs).

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::io;
use std::mem::take;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};

use super::wire::Wire;

/// The loops that nobody uses now, the one that was used last at the end.
static IDLE: Mutex<Vec<Loop>> = Mutex::new(Vec::new());

/// How many connections a loop keeps: a copy has one to the source and one to the destination.
const MOST_KEPT: usize = 2;

/// How many events one look at the system brings at most: a loop has the sockets of one request.
const EVENTS: usize = 16;

thread_local! {
    /// The connections of the loop that this thread is on.
    static CONNECTIONS: RefCell<Vec<Kept>> = const { RefCell::new(Vec::new()) };
}

struct Loop {
    runtime: Runtime,
    connections: Vec<Kept>,
}

/// A connection that waits for the next request to its host.
struct Kept {
    client: u64,
    host: Host,
    wire: Wire,
    since: Instant,
    longest: Duration,
}

/// Where a connection leads.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Host {
    scheme: Option<http::uri::Scheme>,
    authority: Option<http::uri::Authority>,
}

impl Host {
    /// The host of `url`.
    pub(super) fn of(url: &http::Uri) -> Self {
        Self { scheme: url.scheme().cloned(), authority: url.authority().cloned() }
    }
}

/// The system gives no event loop: this process has too many files open.
#[derive(Debug)]
pub(in crate::store) struct NoLoop(io::Error);

impl fmt::Display for NoLoop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the system gives no event queue: {}; raise the limit of open files (ulimit -n)", self.0)
    }
}

/// Makes sure that there is a loop.
///
/// # Errors
/// When the system gives none.
pub(super) fn prepare() -> Result<(), NoLoop> {
    Held::take().map(drop)
}

/// Runs `future` to its end on this thread and a loop of its own. Must not be called from inside a future.
///
/// # Errors
/// When there is no loop to be had; the future has not begun then.
pub(in crate::store) fn block_on<F: Future>(future: F) -> Result<F::Output, NoLoop> {
    let held = Held::take()?;
    Ok(held.run(future))
}

/// A loop that is in use; it goes back when this is dropped.
pub(super) struct Held(Option<Loop>);

impl Held {
    pub(super) fn take() -> Result<Self, NoLoop> {
        let idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut held = match idle {
            Some(held) => held,
            None => Loop { runtime: new_runtime().map_err(NoLoop)?, connections: Vec::new() },
        };
        held.connections.retain(|kept| kept.since.elapsed() < kept.longest);
        CONNECTIONS.set(take(&mut held.connections));
        Ok(Self(Some(held)))
    }

    /// Does something beside this loop, which stands still meanwhile: what is done may take a loop of its own. Must not be
    /// called from inside a future.
    pub(super) fn aside<T>(&self, work: impl FnOnce() -> T) -> T {
        let own = CONNECTIONS.take();
        let done = work();
        CONNECTIONS.set(own);
        done
    }

    /// Runs `future` to its end. Another one may be run after that, or the same one again that was only looked at.
    pub(super) fn run<F: Future>(&self, future: F) -> F::Output {
        self.0.as_ref().expect("a loop goes back no sooner than this is dropped").runtime.block_on(future)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(mut held) = self.0.take() {
            held.connections = CONNECTIONS.take();
            IDLE.lock().unwrap_or_else(PoisonError::into_inner).push(held);
        }
    }
}

fn new_runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_io().enable_time().max_io_events_per_tick(EVENTS).build()
}

/// Takes the connection to `host` that `client` left on this loop, if there is one.
pub(super) fn kept(client: u64, host: &Host) -> Option<Wire> {
    CONNECTIONS.with_borrow_mut(|connections| {
        let found = connections.iter().position(|kept| kept.client == client && kept.host == *host)?;
        Some(connections.remove(found).wire)
    })
}

/// Leaves a connection on this loop for the next request of `client` to `host` within `longest`.
pub(super) fn keep(client: u64, host: Host, wire: Wire, longest: Duration) {
    CONNECTIONS.with_borrow_mut(|connections| {
        if connections.len() >= MOST_KEPT {
            // The one that was used longest ago.
            connections.remove(0);
        }
        connections.push(Kept { client, host, wire, since: Instant::now(), longest });
    });
}

/// Closes the connections of a client that is no more, on all loops that nobody uses now. Those on others end when they
/// have been idle for too long.
pub(super) fn forget(client: u64) {
    for held in IDLE.lock().unwrap_or_else(PoisonError::into_inner).iter_mut() {
        held.connections.retain(|kept| kept.client != client);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_threads_each_have_a_loop() {
        std::thread::scope(|scope| {
            let handles: Vec<_> = (0..8)
                .map(|n| {
                    scope.spawn(move || {
                        block_on(async move {
                            tokio::time::sleep(Duration::from_millis(1)).await;
                            n
                        })
                    })
                })
                .collect();
            let sum: i32 = handles.into_iter().map(|handle| handle.join().unwrap().unwrap()).sum();
            assert_eq!(sum, 28);
        });
    }
}
