//! Cases about stores that do not exist or refuse the credentials. A backend for which a case makes no sense leaves the
//! function for it out of its harness.

use std::sync::Arc;

use seaf_migrate::object::KeyRange;
use seaf_migrate::store::{ErrorKind, Part, StoreError};

use super::harness::{FullStore, Harness, not_applicable};
use super::samples::{content, keys};

/// The errors of opening, listing and writing a store. Either opening fails, or listing and writing do.
fn refusals(opened: Result<Arc<dyn FullStore>, StoreError>) -> Vec<StoreError> {
    let store = match opened {
        Ok(store) => store,
        Err(error) => return vec![error],
    };
    let key = keys(1)[0];
    vec![
        store.list(&Part::new(KeyRange::ALL)).expect_err("listing has to fail"),
        store.write(&key, content(&key)).expect_err("writing has to fail"),
    ]
}

pub(crate) fn missing_container(harness: &Harness) {
    let Some(open) = &harness.missing_container else {
        return not_applicable("it has no container that could be missing");
    };
    for error in refusals(open()) {
        assert_eq!(error.kind(), ErrorKind::ContainerMissing, "{error}");
    }
}

pub(crate) fn wrong_credentials(harness: &Harness) {
    let Some(open) = &harness.wrong_credentials else {
        return not_applicable("it has no credentials");
    };
    for error in refusals(open()) {
        assert!(matches!(error.kind(), ErrorKind::BadCredentials | ErrorKind::Denied), "{error}");
    }
}
