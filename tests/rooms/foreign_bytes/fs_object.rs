//! Directories and file descriptions come from whoever uploads: reading one must never panic, and what it says about
//! the id must be the same on both ways to ask.

use seaf_migrate::content::{FsObject, FsView, IdCheck, check};
use seaf_migrate::object::{ObjectId, ObjectKind};

/// One run with the bytes of a fuzzer, or of a test.
pub fn run(data: &[u8]) {
    let name = ObjectId::EMPTY;
    let verdict = check(ObjectKind::Fs, &name, data);
    let parsed = FsObject::parse(&name, data);
    if let Ok(parsed) = &parsed {
        assert_eq!(verdict == IdCheck::Good, parsed.wrong_id.is_none());
    }
    let view = FsView::open(&name, data);
    assert_eq!(parsed.map(|parsed| parsed.wrong_id), view.as_ref().map(|view| view.wrong_id).map_err(Clone::clone));
    if let Ok(view) = view {
        let mut names = 0;
        view.entries(|_| names += 1);
        view.blocks(|_| names += 1);
        assert_eq!(names, view.count);
    }
}
