//! Directories and file descriptions come from whoever uploads: reading one must never panic, and what it says about
//! the id must be the same on both ways to ask.

use seaf_migrate::content::{FsObject, IdCheck, check};
use seaf_migrate::object::{ObjectId, ObjectKind};

/// One run with the bytes of a fuzzer, or of a test.
pub fn run(data: &[u8]) {
    let name = ObjectId::EMPTY;
    let verdict = check(ObjectKind::Fs, &name, data);
    if let Ok(parsed) = FsObject::parse(&name, data) {
        assert_eq!(verdict == IdCheck::Good, parsed.wrong_id.is_none());
    }
}
