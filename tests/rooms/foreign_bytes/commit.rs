//! Commits come from whoever uploads: reading one must never panic, and what it says about the id must be the same on
//! both ways to ask.

use seaf_migrate::content::{Commit, Damage, IdCheck, check};
use seaf_migrate::object::{ObjectId, ObjectKind};

/// One run with the bytes of a fuzzer, or of a test.
pub fn run(data: &[u8]) {
    // By the name that the bytes give themselves they are read once more, because another formula counts then.
    if let Some(own) = read_as(ObjectId::EMPTY, data) {
        read_as(own, data);
    }
}

/// Reads the bytes as the commit `name`. Returns the id that they have instead.
fn read_as(name: ObjectId, data: &[u8]) -> Option<ObjectId> {
    let verdict = check(ObjectKind::Commits, &name, data);
    match Commit::parse(&name, data) {
        Ok(parsed) => {
            assert_eq!(verdict == IdCheck::Good, parsed.wrong_id.is_none());
            // A root has 40 digits in the text, whatever else it says.
            let root = parsed.object.root_id.to_string();
            assert!(data.windows(40).any(|text| text == root.as_bytes()) || data.contains(&b'\\'));
            if let IdCheck::Damaged(damage) = verdict {
                assert!(matches!(damage, Damage::WrongId { .. }), "{damage:?}");
            }
            parsed.wrong_id
        }
        Err(damage) => {
            // Bytes that are no commit have no id: that they had another one would be said of a whole commit.
            assert!(!matches!(damage, Damage::WrongId { .. }), "{damage:?}");
            assert_ne!(verdict, IdCheck::Good);
            None
        }
    }
}
