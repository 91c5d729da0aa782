//! The credentials of a role: kept until they are about to expire or were refused, and then asked for again.
//!
//! The SDK keeps them until they expire, whatever the server says of them; a server that has forgotten them would be asked
//! with them for hours.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_sdk_s3::config::Credentials;

/// How long before they expire they are renewed.
const EARLY: Duration = Duration::from_secs(10);

/// How long their service may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A role, and the credentials that it gave last. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Role {
    service: SharedCredentialsProvider,
    held: Arc<Mutex<Option<Held>>>,
    /// Held by the one who asks the service, for all who wait for new credentials.
    asking: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Clone, Debug)]
struct Held {
    credentials: Credentials,
    since: Instant,
    /// The server refused them.
    refused: bool,
}

impl Held {
    fn expires_within(&self, time: Duration) -> bool {
        self.credentials.expiry().is_some_and(|expiry| expiry <= SystemTime::now() + time)
    }
}

impl Role {
    pub(super) fn new(service: SharedCredentialsProvider) -> Self {
        Self { service, held: Arc::default(), asking: Arc::default() }
    }

    /// A request that was sent at `sent` was refused for its credentials: they are not used again, unless they are newer
    /// than that.
    pub(super) fn refused(&self, sent: Instant) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = held.as_mut().filter(|held| held.since <= sent) {
            held.refused = true;
        }
    }

    fn held(&self) -> Option<Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn good(&self) -> Option<Credentials> {
        let good = self.held().filter(|held| !held.refused && !held.expires_within(EARLY));
        good.map(|held| held.credentials)
    }

    async fn credentials(&self) -> Result<Credentials, CredentialsError> {
        if let Some(good) = self.good() {
            return Ok(good);
        }
        let _asking = self.asking.lock().await;
        // Somebody else may have got them meanwhile.
        if let Some(good) = self.good() {
            return Ok(good);
        }
        let given = tokio::time::timeout(TIMEOUT, self.service.provide_credentials()).await;
        match given.unwrap_or_else(|_| Err(CredentialsError::provider_timed_out(TIMEOUT))) {
            Ok(credentials) => {
                let fresh = Held { credentials: credentials.clone(), since: Instant::now(), refused: false };
                *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Some(fresh);
                Ok(credentials)
            }
            // The service is away: what is not over yet is as good as before.
            Err(error) => match self.held().filter(|held| !held.refused && !held.expires_within(Duration::ZERO)) {
                Some(held) => Ok(held.credentials),
                None => Err(error),
            },
        }
    }
}

impl ProvideCredentials for Role {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.credentials())
    }
}
