//! The suite over the retry decorator: around a store that works, and around one of whose calls
//! three in ten fail.

use std::time::Duration;

use seaf_migrate::object::ObjectKind;
use seaf_migrate::store::ErrorKind;
use seaf_migrate::store::backend::memory::MemoryStore;
use seaf_migrate::store::layer::retry::{Retry, RetryPolicy};
use seaf_migrate::sys::shutdown::Shutdown;

use super::harness::Harness;
use crate::support::faulty::{Action, Faulty};
use crate::support::skip::Missing;

fn harness(case: &str) -> Result<Harness, Missing> {
    let memory = MemoryStore::new(ObjectKind::Blocks, case);
    Ok(Harness::new(Retry::new(memory, RetryPolicy::default(), Shutdown::new())))
}

conformance!("retry over memory", harness);

mod over_faulty_memory {
    use super::*;

    fn harness(case: &str) -> Result<Harness, Missing> {
        let mut faulty = Faulty::new(MemoryStore::new(ObjectKind::Blocks, case)).in_pieces();
        for action in [Action::Parts, Action::List, Action::Read, Action::Size, Action::Write, Action::Remove] {
            faulty = faulty.fail_randomly(action, 0.3, 7, ErrorKind::Unavailable);
        }
        // Forty attempts: all of them fail with a probability of 0.3^40, which no case is large enough to meet.
        let (base, cap) = (Duration::from_nanos(1), Duration::from_nanos(1));
        let policy = RetryPolicy { attempts: 40, base, cap, ..RetryPolicy::default() };
        Ok(Harness::new(Retry::new(faulty, policy, Shutdown::new())))
    }

    conformance!("retry over faulty memory", harness);
}
