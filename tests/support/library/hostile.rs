//! Libraries that a user could write to do harm: their objects are few and small, and what they stand for has no end.

use std::fs;
use std::path::Path;

use bytes::Bytes;
use flate2::{Compress, Compression, FlushCompress};
use rusqlite::{Connection, params};
use seaf_migrate::object::{LibraryId, ObjectId, ObjectKey, ObjectKind};

use super::objects::{Child, CommitText, Writer, deflate, dir, file, sha1};
use super::output::{SCHEMA, object_path};

/// A library, its head and its objects.
pub struct Hostile {
    pub library: LibraryId,
    pub head: ObjectId,
    pub objects: Vec<(ObjectKind, ObjectKey, Bytes)>,
}

const LIBRARY: LibraryId = LibraryId::from_bytes([0x66; 16]);
const NEIGHBOUR: LibraryId = LibraryId::from_bytes([0x67; 16]);
/// The mode bits of a directory are those of a child without a size.
const DIR: Option<u64> = None;

/// A block that is nowhere.
pub fn missing_block() -> ObjectId {
    sha1(b"this block is missing")
}

fn child(id: ObjectId, name: impl Into<String>, size: Option<u64>) -> Child {
    Child { id, name: name.into(), size, mtime: 1_700_000_000 }
}

impl Hostile {
    fn new() -> Self {
        Self { library: LIBRARY, head: ObjectId::EMPTY, objects: Vec::new() }
    }

    fn put(&mut self, kind: ObjectKind, (id, data): (ObjectId, Bytes)) -> ObjectId {
        self.objects.push((kind, ObjectKey::new(self.library, id), data));
        id
    }

    fn fs(&mut self, object: (ObjectId, Bytes)) -> ObjectId {
        self.put(ObjectKind::Fs, object)
    }

    /// The library with this root, and a block that nobody needs, because a store without any block is refused.
    fn rooted(self, root: ObjectId) -> Self {
        let mut made = self.headed(root);
        made.put(ObjectKind::Blocks, (sha1(b"needed by nobody"), Bytes::from_static(b"needed by nobody")));
        made
    }

    fn headed(mut self, root: ObjectId) -> Self {
        let text = CommitText {
            library: self.library,
            root,
            parents: Vec::new(),
            creator_name: Some("mallory@example.test"),
            description: "",
            ctime: 1_700_000_000,
            repo_name: "harmless",
            version: 1,
            encrypted: false,
        };
        self.head = self.put(ObjectKind::Commits, text.encode(Writer::C));
        self
    }

    /// Directories of `megabytes` of blanks each, which are some thousand bytes as they are stored.
    pub fn bombs(count: usize, megabytes: usize) -> Self {
        let mut made = Self::new();
        let children: Vec<Child> = (0..count)
            .map(|number| {
                let (id, data) = blank_dir((megabytes << 20) + number);
                child(made.fs((id, data)), format!("d{number}"), DIR)
            })
            .collect();
        let root = made.fs(dir(1, &children));
        made.rooted(root)
    }

    /// A directory that names itself `names` times.
    pub fn loops(names: usize) -> Self {
        let mut made = Self::new();
        let own = ObjectId::from_bytes([0xaa; 20]);
        let children: Vec<Child> = (0..names).map(|n| child(own, format!("{}{n}", "n".repeat(200)), DIR)).collect();
        let (_, data) = dir(1, &children);
        made.fs((own, data));
        let root = made.fs(dir(1, &[child(own, "x", DIR)]));
        made.rooted(root)
    }

    /// `levels` directories that each name the next one `names` times, above a file whose block is missing.
    pub fn wide(names: usize, levels: usize) -> Self {
        let mut made = Self::new();
        let (mut next, mut size) = (made.fs(file(1, 5, &[missing_block()])), Some(5));
        for _ in 0..levels {
            let named = |n| child(next, format!("{}{n}", "n".repeat(200)), size);
            let children: Vec<Child> = (0..names).map(named).collect();
            (next, size) = (made.fs(dir(1, &children)), DIR);
        }
        made.rooted(next)
    }

    /// As many directories, each in the one before, above a file whose block is missing or not.
    pub fn deep(levels: usize, is_missing: bool) -> Self {
        let mut made = Self::new();
        let block = Bytes::from_static(b"12345");
        let id = if is_missing { missing_block() } else { made.put(ObjectKind::Blocks, (sha1(&block), block)) };
        let (mut next, mut size) = (made.fs(file(1, 5, &[id])), Some(5));
        for level in 0..levels {
            (next, size) = (made.fs(dir(1, &[child(next, format!("d{level}"), size)])), DIR);
        }
        made.rooted(next)
    }

    /// A directory whose type is a text of that many bytes.
    pub fn wordy(bytes: usize) -> Self {
        let mut made = Self::new();
        let json = format!("{{\"dirents\": [], \"type\": \"{}\"}}", "x".repeat(bytes));
        let root = made.fs((sha1(json.as_bytes()), deflate(json.as_bytes(), 9)));
        made.rooted(root)
    }

    /// Writes the objects below `data/storage`, those of an empty library of somebody else beside them, and the database as
    /// `data/seafile.db`.
    pub fn write_to_dir(&self, data: &Path) {
        let neighbour = Self { library: NEIGHBOUR, ..Self::new() }.headed(ObjectId::EMPTY);
        let db = Connection::open(data.join("seafile.db")).unwrap();
        db.execute_batch(SCHEMA).unwrap();
        for library in [self, &neighbour] {
            for (kind, key, bytes) in &library.objects {
                let path = object_path(data, *kind, key);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, bytes).unwrap();
            }
            let (id, head) = (library.library.to_string(), library.head.to_string());
            db.execute("INSERT INTO Repo VALUES (?)", params![id]).unwrap();
            db.execute("INSERT INTO Branch VALUES ('master', ?, ?)", params![id, head]).unwrap();
        }
    }
}

/// An empty directory with that many blanks in it, made without holding them.
fn blank_dir(blanks: usize) -> (ObjectId, Bytes) {
    use sha1::{Digest, Sha1};
    let (mut hash, mut zip, mut stored) = (Sha1::new(), Compress::new(Compression::fast(), true), Vec::new());
    let piece = vec![b' '; 1 << 20];
    let mut add = |bytes: &[u8], flush| {
        hash.update(bytes);
        let before = zip.total_in();
        while zip.total_in() - before < bytes.len() as u64 || flush == FlushCompress::Finish {
            stored.reserve(1 << 16);
            let read = usize::try_from(zip.total_in() - before).unwrap();
            if zip.compress_vec(&bytes[read..], &mut stored, flush).unwrap() == flate2::Status::StreamEnd {
                break;
            }
        }
    };
    add(b"{\"dirents\": [", FlushCompress::None);
    (0..blanks / piece.len()).for_each(|_| add(&piece, FlushCompress::None));
    add(&piece[..blanks % piece.len()], FlushCompress::None);
    add(b"], \"type\": 3, \"version\": 1}", FlushCompress::Finish);
    (ObjectId::from_bytes(hash.finalize().into()), stored.into())
}
