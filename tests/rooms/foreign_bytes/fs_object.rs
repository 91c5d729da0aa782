//! Directories and file descriptions come from whoever uploads: reading one must never panic, and what it says about
//! the id must be the same on both ways to ask.

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use seaf_migrate::content::{Damage, FsObject, FsView, IdCheck, Parsed, check};
use seaf_migrate::object::{ObjectId, ObjectKind};

/// One run with the bytes of a fuzzer, or of a test.
pub fn run(data: &[u8]) {
    read(data);
    // Behind a checksum hardly a change gets as far as the JSON.
    if data.starts_with(b"{") {
        let mut zip = ZlibEncoder::new(Vec::new(), Compression::fast());
        zip.write_all(data).expect("room");
        read(&zip.finish().expect("room"));
    }
}

fn read(data: &[u8]) {
    let name = ObjectId::EMPTY;
    let verdict = check(ObjectKind::Fs, &name, data);
    let parsed = FsObject::parse(&name, data);
    if let Ok(parsed) = &parsed {
        assert_eq!(verdict == IdCheck::Good, parsed.wrong_id.is_none());
    }
    viewed_as(&parsed, &FsView::open(&name, data));
    // The bytes have one id, whatever name they are stored under.
    if let IdCheck::Damaged(Damage::WrongId { found }) = verdict {
        assert_eq!(check(ObjectKind::Fs, &found, data), IdCheck::Good);
        if let Ok(parsed) = FsObject::parse(&found, data) {
            assert_eq!(parsed.wrong_id, None);
        }
    }
}

/// What is read piece by piece is what is read at once, in the same order.
fn viewed_as(parsed: &Result<Parsed<FsObject>, Damage>, view: &Result<FsView<'_>, Damage>) {
    let (parsed, view) = match (parsed, view) {
        (Ok(parsed), Ok(view)) => (parsed, view),
        (Err(at_once), Err(by_pieces)) => {
            // Whoever reads by pieces may see wrong JSON before the end that is cut off.
            let is_of_stream = matches!(at_once, Damage::Truncated | Damage::NotInflatable(_));
            assert!(at_once == by_pieces || is_of_stream, "{at_once} and {by_pieces}");
            return;
        }
        (at_once, by_pieces) => panic!("{at_once:?} and {by_pieces:?}"),
    };
    assert_eq!(parsed.wrong_id, view.wrong_id);
    let (mut children, mut blocks) = (Vec::new(), Vec::new());
    view.entries(|entry| children.push(entry.clone()));
    view.blocks(|block| blocks.push(block));
    assert_eq!((children.len() + blocks.len()) as u64, view.count);
    match &parsed.object {
        FsObject::File { block_ids, .. } => assert_eq!((&blocks, children.len()), (block_ids, 0)),
        FsObject::Dir { entries } => assert_eq!((&children, blocks.len()), (entries, 0)),
    }
}
