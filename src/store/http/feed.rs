//! The bytes between whoever fetches a body and the request that sends it, all on one thread.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

/// The bytes of a body that are there to be sent, shared with whoever fetches them.
#[derive(Clone, Default)]
pub(super) struct Feed(Arc<Mutex<Fed>>);

#[derive(Default)]
pub(super) struct Fed {
    /// The piece being sent.
    piece: Bytes,
    /// How many bytes are still to be sent, those of the piece among them.
    left: u64,
    /// Whether the next piece is waited for.
    is_hungry: bool,
}

impl Feed {
    pub(super) fn of(length: u64) -> Self {
        Self(Arc::new(Mutex::new(Fed { left: length, ..Fed::default() })))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Fed> {
        // Poison is ignored, because each change is one step.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Fed {
    /// How many bytes are still to be sent, those of the piece among them.
    pub(super) const fn left(&self) -> u64 {
        self.left
    }

    /// Whether the next piece is waited for.
    pub(super) const fn is_hungry(&self) -> bool {
        self.is_hungry
    }

    /// The next piece.
    pub(super) fn give(&mut self, piece: Bytes) {
        (self.piece, self.is_hungry) = (piece, false);
    }

    /// At most `most` bytes of what is there. `None`: the next piece is to be fetched first.
    pub(super) fn take(&mut self, most: usize) -> Option<Bytes> {
        self.is_hungry = self.piece.is_empty();
        if self.is_hungry {
            return None;
        }
        let size = self.piece.len().min(most);
        // Never more than was announced, whatever is fetched.
        let size = size.min(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.left -= size as u64;
        Some(self.piece.split_to(size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_sent_than_was_announced() {
        let feed = Feed::of(5);
        assert_eq!(feed.lock().take(9), None);
        assert!(feed.lock().is_hungry);
        feed.lock().give(Bytes::from_static(b"1234567"));
        assert_eq!(feed.lock().take(3).unwrap(), "123");
        assert_eq!(feed.lock().take(9).unwrap(), "45");
        assert_eq!(feed.lock().left, 0);
    }
}
