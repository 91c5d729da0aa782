//! The keys of a role: kept until they are about to expire or were refused, and then asked for again.
//!
//! A server that has forgotten them would otherwise be asked with them for hours.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};

use super::errors::Failure;
use super::keys::Keys;
use crate::conf::Secret;
use crate::store::http::runtime;

/// How long before they expire they are renewed.
const EARLY: Duration = Duration::from_secs(10);

/// How long their service may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A role, and the keys that it gave last.
#[derive(Debug)]
pub(super) struct Role {
    service: SharedCredentialsProvider,
    held: Mutex<Option<Held>>,
    /// Held by the one who asks the service, for all who wait for new keys.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Clone, Debug)]
struct Held {
    keys: Arc<Keys>,
    expiry: Option<SystemTime>,
    since: Instant,
    /// The server refused them.
    refused: bool,
}

impl Held {
    fn new(given: &Credentials) -> Self {
        let token = given.session_token().map(Secret::new);
        let keys = Keys::new(given.access_key_id(), Secret::new(given.secret_access_key()), token);
        Self { keys: Arc::new(keys), expiry: given.expiry(), since: Instant::now(), refused: false }
    }

    fn is_good_for(&self, time: Duration) -> bool {
        !self.refused && self.expiry.is_none_or(|expiry| expiry > SystemTime::now() + time)
    }
}

impl Role {
    pub(super) fn new(service: SharedCredentialsProvider) -> Self {
        Self { service, held: Mutex::default(), asking: tokio::sync::Mutex::default() }
    }

    /// The keys to sign with now, asked for where there are no good ones.
    ///
    /// # Errors
    /// That the service gives none.
    pub(super) fn keys(&self) -> Result<Arc<Keys>, Failure> {
        if let Some(good) = self.held_for(EARLY) {
            return Ok(good);
        }
        match runtime::block_on_request(self.renewed()) {
            Ok(given) => given.map_err(|error| Failure::of_role(&error)),
            Err(error) => Err(Failure::new(error.kind(), error.cause())),
        }
    }

    /// A request that was sent at `sent` was refused for its keys: they are not used again, unless they are newer than
    /// that.
    pub(super) fn refused(&self, sent: Instant) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = held.as_mut().filter(|held| held.since <= sent) {
            held.refused = true;
        }
    }

    fn held_for(&self, time: Duration) -> Option<Arc<Keys>> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.as_ref().filter(|held| held.is_good_for(time)).map(|held| Arc::clone(&held.keys))
    }

    async fn renewed(&self) -> Result<Arc<Keys>, CredentialsError> {
        let _asking = self.asking.lock().await;
        // Somebody else may have got them meanwhile.
        if let Some(good) = self.held_for(EARLY) {
            return Ok(good);
        }
        let given = tokio::time::timeout(TIMEOUT, self.service.provide_credentials()).await;
        match given.unwrap_or_else(|_| Err(CredentialsError::provider_timed_out(TIMEOUT))) {
            Ok(credentials) => {
                let fresh = Held::new(&credentials);
                let keys = Arc::clone(&fresh.keys);
                *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Some(fresh);
                Ok(keys)
            }
            // The service is away: what is not over yet is as good as before.
            Err(error) => self.held_for(Duration::ZERO).ok_or(error),
        }
    }
}
