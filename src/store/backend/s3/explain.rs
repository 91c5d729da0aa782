//! Asks the service once more where the answer to a request does not say why it failed.

use std::sync::atomic::Ordering;

use super::S3Store;
use super::errors::Failure;
use super::sse::with_key;
use crate::object::ObjectKey;
use crate::store::ErrorKind;

impl S3Store {
    /// The reason for a failed HEAD, whose answer has no body to tell it.
    pub(super) async fn explain_head(&self, key: &ObjectKey, failure: Failure) -> Failure {
        match failure.status {
            Some(404) => self.which_is_missing(failure).await,
            Some(300..500) => {
                // One byte of the object is asked for, because that is refused for the same reason, and its answer says
                // it.
                let request = self.client.get_object().bucket(&self.bucket).key(key.to_string()).range("bytes=0-0");
                let told = self.within(0, with_key!(request, self.sse).send()).await.err();
                told.filter(|told| told.status == failure.status).unwrap_or(failure)
            }
            _ => failure,
        }
    }

    /// Whether it is the object that is missing or its bucket. An answer that only a bucket can
    /// give settles it for the store's lifetime.
    pub(super) async fn which_is_missing(&self, failure: Failure) -> Failure {
        if self.bucket_seen.load(Ordering::Relaxed) {
            return failure;
        }
        let request = self.client.list_objects_v2().bucket(&self.bucket).max_keys(1);
        match self.within(0, request.send()).await {
            Err(other) if other.kind == ErrorKind::ContainerMissing => other,
            other => {
                self.bucket_seen.store(other.is_ok(), Ordering::Relaxed);
                failure
            }
        }
    }
}
