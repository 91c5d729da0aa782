//! The suite over the reference, with pages of the usual size and with tiny ones.

use seaf_migrate::object::ObjectKind;
use seaf_migrate::store::backend::memory::MemoryStore;

use super::harness::Harness;
use crate::support::skip::Missing;

fn harness(case: &str) -> Result<Harness, Missing> {
    Ok(Harness::new(MemoryStore::new(ObjectKind::Blocks, case)))
}

conformance!("memory", harness);

mod tiny_pages {
    use super::*;

    fn harness(case: &str) -> Result<Harness, Missing> {
        Ok(Harness::new(MemoryStore::new(ObjectKind::Blocks, case).with_page_size(3)))
    }

    conformance!("memory, three objects a page", harness);
}
