//! The one tokio runtime under every store that speaks HTTP.
//!
//! The traits block, the HTTP clients do not: a caller's own thread drives its request to the end
//! here, and two threads of the runtime watch the sockets and keep the connections. Two are enough
//! because they only pass bytes on; hashing, signing and parsing stay on the caller's thread.

use std::future::Future;
use std::sync::OnceLock;

use tokio::runtime::{Builder, Runtime};

use crate::store::{ErrorKind, StoreError};

static RUNTIME: OnceLock<Result<Runtime, String>> = OnceLock::new();

const THREADS: usize = 2;

fn runtime() -> &'static Result<Runtime, String> {
    RUNTIME.get_or_init(|| {
        Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("http")
            .enable_all()
            .build()
            .map_err(|error| error.to_string())
    })
}

/// Starts the runtime if it is not running yet. Whoever opens a store that uses [`block_on`] calls
/// this first, so that a machine out of threads or files is an error there and not a panic later.
///
/// # Errors
/// [`ErrorKind::Setup`] when the system gives no threads or no event queue.
pub fn start(store: &str) -> Result<(), StoreError> {
    match runtime() {
        Ok(_) => Ok(()),
        Err(cause) => {
            Err(StoreError::new(ErrorKind::Setup, "open", store, format_args!("cannot start threads: {cause}"))
                .because("raise the limits of processes and open files (ulimit -u, ulimit -n)"))
        }
    }
}

/// Runs `future` to its end on the calling thread, its sockets and timers on the shared runtime.
///
/// Must not be called from inside a future.
///
/// # Panics
/// When the runtime could not be started, which [`start`] reports as an error beforehand.
pub fn block_on<F: Future>(future: F) -> F::Output {
    runtime().as_ref().expect("a store starts the runtime when it is opened").block_on(future)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    #[test]
    fn many_threads_share_it() {
        std::thread::scope(|scope| {
            let handles: Vec<_> = (0..8)
                .map(|n| {
                    scope.spawn(move || {
                        super::block_on(async move {
                            tokio::time::sleep(Duration::from_millis(1)).await;
                            n
                        })
                    })
                })
                .collect();
            let sum: i32 = handles.into_iter().map(|handle| handle.join().expect("no panic")).sum();
            assert_eq!(sum, 28);
        });
    }
}
