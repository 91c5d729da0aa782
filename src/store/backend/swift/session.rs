//! The login that all threads share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::header::HeaderValue;

use super::login;
use crate::conf::backend::SwiftConf;
use crate::store::StoreError;
use crate::store::http::HttpClient;

/// What a login gave.
pub(super) struct Session {
    /// Counts the logins, so that a thread whose token was refused can say which one it was.
    pub(super) generation: u64,
    /// Sent as X-Auth-Token.
    pub(super) token: HeaderValue,
    /// The address of the account, without a slash at its end.
    pub(super) storage_url: String,
}

/// Who logs in, and the login at hand.
pub(super) struct Account {
    conf: SwiftConf,
    state: Mutex<State>,
    /// Logins begun and ended, read before waiting for the lock.
    attempts: AtomicU64,
}

#[derive(Default)]
struct State {
    session: Option<Arc<Session>>,
    failure: Option<StoreError>,
}

impl Account {
    pub(super) fn new(conf: SwiftConf) -> Self {
        Self { conf, state: Mutex::default(), attempts: AtomicU64::new(0) }
    }

    /// The login at hand; logs in when there is none.
    pub(super) fn session(&self, client: &HttpClient) -> Result<Arc<Session>, StoreError> {
        self.newer_than(0, client)
    }

    /// A login after the one numbered `generation`.
    ///
    /// However many threads ask at once, one logs in and the others wait for what it gets, be it a
    /// token or a refusal: otherwise a wrong password would be tried once a thread, and accounts
    /// are locked for less.
    pub(super) fn newer_than(&self, generation: u64, client: &HttpClient) -> Result<Arc<Session>, StoreError> {
        let attempts = self.attempts.load(Ordering::Acquire);
        let mut state = self.lock();
        let held = state.session.as_ref().map_or(0, |session| session.generation);
        match (&state.session, &state.failure) {
            (Some(session), _) if session.generation > generation => return Ok(session.clone()),
            (_, Some(failure)) if self.attempts.load(Ordering::Acquire) != attempts => return Err(self.again(failure)),
            _ => {}
        }
        let outcome = login::log_in(&self.conf, client);
        self.attempts.fetch_add(1, Ordering::AcqRel);
        match outcome {
            Ok((token, storage_url)) => {
                let session = Arc::new(Session { generation: held + 1, token, storage_url });
                *state = State { session: Some(session.clone()), failure: None };
                Ok(session)
            }
            Err(error) => {
                state.failure = Some(self.again(&error));
                Err(error)
            }
        }
    }

    /// The failure of a login, once more for another thread.
    fn again(&self, error: &StoreError) -> StoreError {
        StoreError::new(error.kind(), error.action(), login::url(&self.conf), error.cause())
            .with_retry_after(error.retry_after())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Poison is ignored, because a thread that panicked while it logged in left the state as it was before.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
