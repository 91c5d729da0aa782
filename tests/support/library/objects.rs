//! Encoders of blocks, fs objects and commits, byte for byte as Seafile's writers lay them out.

use std::io::Write;

use bytes::Bytes;
use flate2::{Compression, write::ZlibEncoder};
use seaf_migrate::object::{LibraryId, ObjectId};
use sha1::{Digest, Sha1};

/// An object under its name.
pub type Named = (ObjectId, Bytes);

/// Who writes: it decides the spelling of the JSON and the formula of a commit's id.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Writer {
    /// seaf-server and the desktop clients: blanks after `,` and `:`, NULs in the formula.
    C,
    /// The Go file server: compact JSON, no NULs.
    Go,
}

/// A child as a directory object holds it.
#[derive(Clone, Debug)]
pub struct Child {
    pub id: ObjectId,
    pub name: String,
    /// `None` for a directory.
    pub size: Option<u64>,
    pub mtime: i64,
}

impl Child {
    fn mode(&self) -> u32 {
        if self.size.is_some() { 0o100_644 } else { 0o040_000 }
    }
}

pub fn sha1(data: &[u8]) -> ObjectId {
    ObjectId::from_bytes(Sha1::digest(data).into())
}

pub fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

pub fn deflate(json: &[u8], level: u32) -> Bytes {
    let mut zip = ZlibEncoder::new(Vec::with_capacity(json.len() / 2), Compression::new(level));
    zip.write_all(json).unwrap();
    zip.finish().unwrap().into()
}

pub fn block(data: Vec<u8>) -> Named {
    (sha1(&data), data.into())
}

/// A file description; the empty file has no object, so there must be blocks.
pub fn file(version: u32, size: u64, blocks: &[ObjectId]) -> Named {
    assert!(!blocks.is_empty(), "the empty file is never stored");
    if version == 0 {
        let ids: Vec<u8> = blocks.iter().flat_map(|id| *id.as_bytes()).collect();
        let stored = [&1u32.to_be_bytes()[..], &size.to_be_bytes(), &ids].concat();
        return (sha1(&ids), stored.into());
    }
    let ids: Vec<String> = blocks.iter().map(|id| format!("\"{id}\"")).collect();
    let json = format!("{{\"block_ids\": [{}], \"size\": {size}, \"type\": 1, \"version\": 1}}", ids.join(", "));
    (sha1(json.as_bytes()), deflate(json.as_bytes(), 6))
}

/// A directory; the empty one has no object, so there must be children. They are stored by descending name.
pub fn dir(version: u32, children: &[Child]) -> Named {
    assert!(!children.is_empty(), "the empty directory is never stored");
    let mut children = children.to_vec();
    children.sort_by(|a, b| b.name.cmp(&a.name));
    if version == 0 { legacy_dir(&children) } else { json_dir(&children) }
}

fn legacy_dir(children: &[Child]) -> Named {
    let (mut hash, mut stored) = (Sha1::new(), 3u32.to_be_bytes().to_vec());
    for child in children {
        hash.update(child.id.text());
        hash.update(&child.name);
        hash.update(child.mode().to_le_bytes());
        stored.extend(child.mode().to_be_bytes());
        stored.extend(child.id.text());
        stored.extend(u32::try_from(child.name.len()).unwrap().to_be_bytes());
        stored.extend(child.name.as_bytes());
    }
    (ObjectId::from_bytes(hash.finalize().into()), stored.into())
}

fn json_dir(children: &[Child]) -> Named {
    let entry = |child: &Child| {
        let (id, mode, mtime, name) = (child.id, child.mode(), child.mtime, quoted(&child.name));
        match child.size {
            None => format!("{{\"id\": \"{id}\", \"mode\": {mode}, \"mtime\": {mtime}, \"name\": {name}}}"),
            Some(size) => format!(
                "{{\"id\": \"{id}\", \"mode\": {mode}, \"modifier\": \"alice@example.test\", \"mtime\": {mtime}, \
                 \"name\": {name}, \"size\": {size}}}"
            ),
        }
    };
    let entries: Vec<String> = children.iter().map(entry).collect();
    let json = format!("{{\"dirents\": [{}], \"type\": 3, \"version\": 1}}", entries.join(", "));
    (sha1(json.as_bytes()), deflate(json.as_bytes(), 6))
}

/// What a commit says.
#[derive(Clone, Debug)]
pub struct CommitText<'a> {
    pub library: LibraryId,
    pub root: ObjectId,
    pub parents: Vec<ObjectId>,
    pub creator_name: Option<&'a str>,
    pub description: &'a str,
    pub ctime: i64,
    pub repo_name: &'a str,
    pub version: u32,
    pub encrypted: bool,
}

/// The creator's id, always zeros in what current writers make.
const CREATOR: &str = "0000000000000000000000000000000000000000";

impl CommitText<'_> {
    fn id(&self, writer: Writer) -> ObjectId {
        let end: &[u8] = if writer == Writer::C { b"\0" } else { b"" };
        let mut hash = Sha1::new();
        let root = self.root.to_string();
        for text in [root.as_str(), CREATOR].into_iter().chain(self.creator_name).chain([self.description]) {
            hash.update(text);
            hash.update(end);
        }
        hash.update(self.ctime.to_be_bytes());
        ObjectId::from_bytes(hash.finalize().into())
    }

    /// The commit as `writer` stores it.
    pub fn encode(&self, writer: Writer) -> Named {
        let id = self.id(writer);
        let parent = |at: usize| self.parents.get(at).map_or("null".to_owned(), |id| format!("\"{id}\""));
        let mut fields = vec![
            ("commit_id", format!("\"{id}\"")),
            ("root_id", format!("\"{}\"", self.root)),
            ("repo_id", format!("\"{}\"", self.library)),
            ("creator_name", self.creator_name.map_or("null".to_owned(), quoted)),
            ("creator", quoted(CREATOR)),
            ("description", quoted(self.description)),
            ("ctime", self.ctime.to_string()),
            ("parent_id", parent(0)),
            ("second_parent_id", parent(1)),
            ("repo_name", quoted(self.repo_name)),
            ("repo_desc", quoted("")),
            ("repo_category", "null".to_owned()),
        ];
        if self.encrypted {
            fields.push(("encrypted", quoted("true")));
            fields.push(("enc_version", "2".to_owned()));
            fields.push(("magic", quoted(&"5e".repeat(32))));
            fields.push(("key", quoted(&"4b".repeat(48))));
        }
        if self.version > 0 {
            fields.push(("version", self.version.to_string()));
        }
        let (colon, comma) = if writer == Writer::C { (": ", ", ") } else { (":", ",") };
        let fields: Vec<String> = fields.iter().map(|(name, value)| format!("\"{name}\"{colon}{value}")).collect();
        (id, format!("{{{}}}", fields.join(comma)).into())
    }
}
