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

/// The most bytes of a commit or an fs object of a bulk store: in a real one hardly any is larger, however large its
/// blocks are.
const METADATA_MAX: usize = 4000;

/// How large the objects of a bulk store are, and of which kinds.
#[derive(Clone, Debug)]
pub enum Sizes {
    /// So many stored bytes each; fs objects and commits come near it, and have no more than 4,000: six in ten are blocks, three
    /// fs objects, one a commit.
    Each(RangeInclusive<usize>),
    /// Blocks of so many bytes each, but for one commit and one fs object, without which a store is none.
    Blocks(RangeInclusive<usize>),
    /// As in a real store: kinds as in `Each`, commits and fs objects small, half of the blocks of 2 KB and less, one block in a
    /// hundred of 1 to 8 MB.
    Mixed,
}

/// `count` objects, made one by one as they are asked for.
pub fn bulk(seed: u64, count: usize, sizes: impl Into<Sizes>) -> impl Iterator<Item = (ObjectKind, ObjectKey, Bytes)> {
    let sizes = sizes.into();
    let mut rng = Rng::with_seed(seed);
    let mut library = LibraryId::from_bytes([0; 16]);
    (0..count).map(move |number| {
        if number.is_multiple_of(LIBRARY_OF) {
            let mut id = [0; 16];
            rng.fill(&mut id);
            library = LibraryId::from_bytes(id);
        }
        let length = sizes.next(&mut rng, number);
        let metadata = length.min(METADATA_MAX);
        let (kind, (id, data)) = match sizes.kind(number) {
            ObjectKind::Commits => (ObjectKind::Commits, commit(&mut rng, library, metadata)),
            ObjectKind::Fs => (ObjectKind::Fs, description(&mut rng, metadata)),
            ObjectKind::Blocks => (ObjectKind::Blocks, objects::block(noise(&mut rng, length))),
        };
        (kind, ObjectKey::new(library, id), data)
    })
}

impl From<RangeInclusive<usize>> for Sizes {
    fn from(bytes: RangeInclusive<usize>) -> Self {
        Self::Each(bytes)
    }
}

impl Sizes {
    fn kind(&self, number: usize) -> ObjectKind {
        match (self, number % 10) {
            (Self::Blocks(_), _) if number > 1 => ObjectKind::Blocks,
            (_, 0) => ObjectKind::Commits,
            (_, 1..4) => ObjectKind::Fs,
            _ => ObjectKind::Blocks,
        }
    }

    fn next(&self, rng: &mut Rng, number: usize) -> usize {
        match self {
            Self::Each(bytes) | Self::Blocks(bytes) => rng.usize(bytes.clone()),
            Self::Mixed if self.kind(number) != ObjectKind::Blocks => rng.usize(200..1500),
            Self::Mixed if rng.u8(..100) == 0 => rng.usize(1 << 20..8 << 20),
            Self::Mixed => rng.usize(100..200) << rng.u32(..8),
        }
    }
}

/// Writes a bulk store below `dir/storage`; returns the bytes written.
pub fn bulk_to_dir(dir: &Path, seed: u64, count: usize, sizes: impl Into<Sizes>) -> u64 {
    let mut total = 0;
    for (kind, key, data) in bulk(seed, count, sizes) {
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
