//! Many small objects with right ids, for measuring. They form no trees: no object names another.

use std::fs;
use std::ops::RangeInclusive;
use std::path::Path;

use bytes::Bytes;
use fastrand::Rng;
use seaf_migrate::object::{LibraryId, ObjectId, ObjectKey, ObjectKind};

use super::objects::{self, CommitText, Writer};
use super::output::object_path;

/// How many objects of a bulk store are in one library.
const LIBRARY_OF: usize = 1000;

/// `count` objects of `size` stored bytes each (fs objects and commits come near it), made one by one as they are
/// asked for: six in ten are blocks, three fs objects, one a commit.
pub fn bulk(
    seed: u64,
    count: usize,
    size: RangeInclusive<usize>,
) -> impl Iterator<Item = (ObjectKind, ObjectKey, Bytes)> {
    let mut rng = Rng::with_seed(seed);
    let mut library = LibraryId::from_bytes([0; 16]);
    (0..count).map(move |number| {
        if number.is_multiple_of(LIBRARY_OF) {
            let mut id = [0; 16];
            rng.fill(&mut id);
            library = LibraryId::from_bytes(id);
        }
        let length = rng.usize(size.clone());
        let (kind, (id, data)) = match number % 10 {
            0 => (ObjectKind::Commits, commit(&mut rng, library, length)),
            1..4 => (ObjectKind::Fs, description(&mut rng, length)),
            _ => (ObjectKind::Blocks, objects::block(noise(&mut rng, length))),
        };
        (kind, ObjectKey::new(library, id), data)
    })
}

/// Writes a bulk store below `dir/storage`; returns the bytes written.
pub fn bulk_to_dir(dir: &Path, seed: u64, count: usize, size: RangeInclusive<usize>) -> u64 {
    let mut total = 0;
    for (kind, key, data) in bulk(seed, count, size) {
        let path = object_path(dir, kind, &key);
        if let Err(error) = fs::write(&path, &data) {
            assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{}", path.display());
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &data).unwrap();
        }
        total += data.len() as u64;
    }
    total
}

fn noise(rng: &mut Rng, length: usize) -> Vec<u8> {
    let mut data = vec![0; length];
    rng.fill(&mut data);
    data
}

fn id(rng: &mut Rng) -> ObjectId {
    let mut id = [0; 20];
    rng.fill(&mut id);
    ObjectId::from_bytes(id)
}

/// A file description of so many block ids that its compressed form has about `length` bytes.
fn description(rng: &mut Rng, length: usize) -> objects::Named {
    let ids: Vec<String> =
        (0..length.saturating_sub(60).div_ceil(25).max(1)).map(|_| format!("\"{}\"", id(rng))).collect();
    let size = rng.u32(..);
    let json = format!("{{\"block_ids\": [{}], \"size\": {size}, \"type\": 1, \"version\": 1}}", ids.join(", "));
    (objects::sha1(json.as_bytes()), objects::deflate(json.as_bytes(), 4))
}

fn commit(rng: &mut Rng, library: LibraryId, length: usize) -> objects::Named {
    let description: String = (0..length.saturating_sub(480)).map(|_| rng.alphanumeric()).collect();
    let text = CommitText {
        library,
        root: id(rng),
        parents: vec![id(rng)],
        creator_name: Some("alice@example.test"),
        description: &description,
        ctime: 1_700_000_000 + i64::from(rng.u16(..)),
        repo_name: "bulk",
        version: 1,
        encrypted: false,
    };
    text.encode(if rng.bool() { Writer::C } else { Writer::Go })
}
