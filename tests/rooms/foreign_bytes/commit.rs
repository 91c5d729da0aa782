//! Commits come from whoever uploads: reading one must never panic, and what it says about the id must be the same on
//! both ways to ask.

use seaf_migrate::content::{Commit, IdCheck, check};
use seaf_migrate::object::{ObjectId, ObjectKind};

/// One run with the bytes of a fuzzer, or of a test.
pub fn run(data: &[u8]) {
    let name = ObjectId::EMPTY;
    let verdict = check(ObjectKind::Commits, &name, data);
    match Commit::parse(&name, data) {
        Ok(parsed) => assert_eq!(verdict == IdCheck::Good, parsed.wrong_id.is_none()),
        Err(_) => assert_ne!(verdict, IdCheck::Good),
    }
}
