//! The suite over the store in memory, with pages of the usual size and with pages of three objects.

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

/// That the suite can fail: a store that flips a bit of what it is given to write must not pass it.
mod flips_a_bit {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;
    use crate::objects;
    use crate::support::faulty::Faulty;

    #[test]
    fn and_does_not_pass() {
        let cases = [objects::comes_back_as_it_went, objects::ten_megabytes as fn(&Harness), objects::last_write_stays];
        for (number, case) in cases.into_iter().enumerate() {
            let memory = || MemoryStore::new(ObjectKind::Blocks, "flips");
            case(&Harness::new(Faulty::new(memory())));
            let flipping = Harness::new(Faulty::new(memory()).flip_a_bit_of_writes());
            let judged = catch_unwind(AssertUnwindSafe(|| case(&flipping)));
            assert!(judged.is_err(), "case {number} is passed by a store that flips a bit of every object");
        }
    }
}
