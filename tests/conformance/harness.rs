//! What a backend hands to the cases, and how a case is run or skipped.

use std::any::Any;
use std::sync::Arc;

use seaf_migrate::store::{RemoveStore, StoreError, WriteStore};

use crate::support::skip::{Missing, skip};

/// A store that can do everything.
pub(crate) trait FullStore: WriteStore + RemoveStore {}
impl<S: WriteStore + RemoveStore> FullStore for S {}

type Opener = Box<dyn Fn() -> Result<Arc<dyn FullStore>, StoreError>>;

/// An empty store, and what the backend can do for the cases.
pub(crate) struct Harness {
    pub(crate) store: Arc<dyn FullStore>,
    pub(crate) biggest_listing: usize,
    pub(crate) missing_container: Option<Opener>,
    pub(crate) wrong_credentials: Option<Opener>,
    pub(crate) plant: Option<Box<dyn Fn() -> u64>>,
    kept: Vec<Box<dyn Any>>,
}

#[allow(dead_code)] // Each backend uses what it needs.
impl Harness {
    /// A harness around an empty store.
    pub(crate) fn new(store: impl FullStore + 'static) -> Self {
        Self {
            store: Arc::new(store),
            biggest_listing: 25_000,
            missing_container: None,
            wrong_credentials: None,
            plant: None,
            kept: Vec::new(),
        }
    }

    /// How many names the biggest listing may have: as many as the server takes in some seconds.
    pub(crate) fn biggest_listing(mut self, names: usize) -> Self {
        self.biggest_listing = names;
        self
    }

    /// Keeps something alive until the case has ended.
    pub(crate) fn keeping(mut self, what: impl Any) -> Self {
        self.kept.push(Box::new(what));
        self
    }

    /// How to open a store whose container is not there; failing to open is an answer too.
    pub(crate) fn without_container(
        mut self,
        open: impl Fn() -> Result<Arc<dyn FullStore>, StoreError> + 'static,
    ) -> Self {
        self.missing_container = Some(Box::new(open));
        self
    }

    /// How to open the store with credentials that the server does not accept.
    pub(crate) fn with_wrong_credentials(
        mut self,
        open: impl Fn() -> Result<Arc<dyn FullStore>, StoreError> + 'static,
    ) -> Self {
        self.wrong_credentials = Some(Box::new(open));
        self
    }

    /// Puts names that are not objects directly into the backend, between and beside those
    /// of [`super::samples::LIBRARIES`]; returns how many a listing has to count.
    pub(crate) fn planting(mut self, plant: impl Fn() -> u64 + 'static) -> Self {
        self.plant = Some(Box::new(plant));
        self
    }
}

/// Prints that the case does not apply to a backend.
pub(crate) fn not_applicable(why: &str) {
    println!("NOT APPLICABLE: {why}");
}

/// Runs one case on one backend.
pub(crate) fn run(backend: &str, case: &str, open: fn(&str) -> Result<Harness, Missing>, body: fn(&Harness)) {
    match open(case) {
        Ok(harness) => {
            println!("{backend}: {case}");
            body(&harness);
        }
        Err(Missing(why)) => skip(backend, why),
    }
}
