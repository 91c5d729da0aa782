//! The suite over several stores that are one by storage classes: around memory with pages of different sizes, and with a
//! store among them whose listing has no order.

use std::sync::Arc;

use seaf_migrate::conf::Backend;
use seaf_migrate::conf::backend::Location;
use seaf_migrate::object::ObjectKind;
use seaf_migrate::store::backend::memory::MemoryStore;
use seaf_migrate::store::layer::classes::{Classes, Leaf, Routes};
use seaf_migrate::store::open::Store;

use super::harness::Harness;
use super::samples::{LIBRARIES, library};
use crate::support::skip::Missing;
use crate::support::unordered::Unordered;

const KIND: ObjectKind = ObjectKind::Blocks;

/// Each library of the suite in the next of the stores.
fn over(stores: Vec<Arc<dyn Store>>) -> Harness {
    let routes = (0..LIBRARIES.len()).map(|number| (library(number), number % stores.len()));
    let routes = Routes::new(routes.collect::<Vec<_>>(), 0);
    let leaf = |(number, store): (usize, Arc<dyn Store>)| Leaf { class: format!("class {number}").into(), store };
    let leaves = stores.into_iter().enumerate().map(leaf).collect();
    let location = Location { backend: Backend::Classes, kind: KIND, place: "three".to_owned() };
    Harness::new(Classes::<dyn Store>::new(location, leaves, routes))
}

fn memory(case: &str, class: usize, page_size: usize) -> MemoryStore {
    MemoryStore::new(KIND, &format!("{case} {class}")).with_page_size(page_size)
}

fn harness(case: &str) -> Result<Harness, Missing> {
    let stores = [3, 1000, 7].into_iter().enumerate();
    Ok(over(stores.map(|(class, size)| Arc::new(memory(case, class, size)) as Arc<dyn Store>).collect()))
}

conformance!("classes over memory", harness);

mod with_one_unordered {
    use super::*;

    fn harness(case: &str) -> Result<Harness, Missing> {
        let ordered = Arc::new(memory(case, 0, 100));
        Ok(over(vec![ordered, Arc::new(Unordered(memory(case, 1, 50))), Arc::new(memory(case, 2, 1000))]))
    }

    conformance!("classes over memory, one without an order", harness);
}
