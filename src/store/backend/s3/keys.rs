//! The keys that requests are signed with.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use zeroize::Zeroizing;

use crate::conf::Secret;

/// An access key, and what is derived from it for the day. It belongs to stores of one region.
pub(super) struct Keys {
    pub(super) id: String,
    pub(super) secret: Secret,
    /// Goes with temporary keys.
    pub(super) token: Option<Secret>,
    day: Mutex<Option<DayKey>>,
}

/// A key that signs the requests of a day (UTC, `YYYYMMDD`).
#[derive(Clone)]
struct DayKey {
    day: [u8; 8],
    key: Zeroizing<[u8; 32]>,
}

impl Keys {
    pub(super) fn new(id: impl Into<String>, secret: Secret, token: Option<Secret>) -> Self {
        Self { id: id.into(), secret, token, day: Mutex::default() }
    }

    /// The key of `day`, which `derive` makes where it is not the one that was made last.
    pub(super) fn of_day(&self, day: [u8; 8], derive: impl FnOnce() -> [u8; 32]) -> Zeroizing<[u8; 32]> {
        let mut held = self.day.lock().unwrap_or_else(PoisonError::into_inner);
        match &*held {
            Some(made) if made.day == day => made.key.clone(),
            _ => {
                let key = Zeroizing::new(derive());
                *held = Some(DayKey { day, key: key.clone() });
                key
            }
        }
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({})", self.id)
    }
}
