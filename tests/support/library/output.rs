//! Writes a generated store: into stores, a folder, a database.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use rusqlite::{Connection, params};
use seaf_migrate::object::{LibraryId, ObjectId, ObjectKey, ObjectKind};
use seaf_migrate::store::WriteStore;

use super::objects::{CommitText, Writer};
use super::{Library, State, Store};

/// The tables of a Seafile 12 server that say what is reachable.
pub const SCHEMA: &str = "
CREATE TABLE Branch (name VARCHAR(10), repo_id CHAR(40), commit_id CHAR(40), PRIMARY KEY (repo_id, name));
CREATE TABLE Repo (repo_id CHAR(37) PRIMARY KEY);
CREATE TABLE RepoHead (repo_id CHAR(37) PRIMARY KEY, branch_name VARCHAR(10));
CREATE TABLE VirtualRepo (repo_id CHAR(36) PRIMARY KEY, origin_repo CHAR(36), path TEXT, base_commit CHAR(40));
CREATE TABLE RepoTrash (repo_id CHAR(36) PRIMARY KEY, repo_name VARCHAR(255), head_id CHAR(40), owner_id VARCHAR(255),
    size BIGINT, org_id INTEGER, del_time BIGINT);
CREATE TABLE GarbageRepos (repo_id CHAR(36) PRIMARY KEY);
CREATE TABLE RepoInfo (repo_id CHAR(36) PRIMARY KEY, name VARCHAR(255) NOT NULL, update_time INTEGER, version INTEGER,
    is_encrypted INTEGER, last_modifier VARCHAR(255), status INTEGER DEFAULT 0, type VARCHAR(10));
CREATE TABLE RepoHistoryLimit (repo_id CHAR(37) PRIMARY KEY, days INTEGER);
CREATE TABLE RepoValidSince (repo_id CHAR(37) PRIMARY KEY, timestamp BIGINT);
CREATE TABLE RepoStorageId (repo_id CHAR(40) NOT NULL, storage_id VARCHAR(255) NOT NULL);
";

/// Where a folder store keeps an object: `<dir>/storage/<kind>/<library>/<2>/<38>`.
pub fn object_path(dir: &Path, kind: ObjectKind, key: &ObjectKey) -> PathBuf {
    let id = key.id.to_string();
    dir.join("storage").join(kind.as_str()).join(key.library.to_string()).join(&id[..2]).join(&id[2..])
}

impl Store {
    /// Writes every object into the three stores, in the order of [`ObjectKind::ALL`].
    pub fn write_to(&self, stores: [&dyn WriteStore; 3]) {
        for (kind, key, data) in self.all() {
            stores[kind.index()].write(&key, data.clone()).unwrap();
        }
    }

    /// Writes every object below `dir/storage`; one that two libraries share is a hard link, as a server makes it when
    /// it copies a library.
    pub fn write_to_dir(&self, dir: &Path) {
        let mut first: HashMap<(ObjectKind, &Bytes), PathBuf> = HashMap::new();
        for (kind, key, data) in self.all() {
            let path = object_path(dir, kind, &key);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            match first.get(&(kind, data)) {
                Some(there) if kind != ObjectKind::Commits => fs::hard_link(there, &path).unwrap(),
                _ => fs::write(&path, data).unwrap(),
            }
            first.entry((kind, data)).or_insert(path);
        }
        for kind in ObjectKind::ALL {
            fs::create_dir_all(dir.join("storage").join(kind.as_str())).unwrap();
        }
    }

    /// Makes `file` a seafile.db with the rows of every library.
    pub fn write_db(&self, file: &Path) {
        let db = Connection::open(file).unwrap();
        db.execute_batch(&format!("BEGIN; {SCHEMA}")).unwrap();
        for library in &self.libraries {
            write_rows(&db, library).unwrap();
        }
        db.execute_batch("COMMIT").unwrap();
    }
}

fn write_rows(db: &Connection, library: &Library) -> rusqlite::Result<()> {
    let (id, head) = (library.id.to_string(), library.head().commit.to_string());
    match library.state {
        State::Garbage => {
            db.execute("INSERT INTO GarbageRepos VALUES (?)", params![id])?;
            return Ok(());
        }
        State::Trashed => {
            let trash = "INSERT INTO RepoTrash VALUES (?, ?, ?, 'alice@example.test', 1, -1, 1700000001)";
            db.execute(trash, params![id, library.name, head])?;
            return Ok(());
        }
        State::Live => {}
    }
    db.execute("INSERT INTO Repo VALUES (?)", params![id])?;
    db.execute("INSERT INTO Branch VALUES ('master', ?, ?)", params![id, head])?;
    db.execute("INSERT INTO RepoHead VALUES (?, 'master')", params![id])?;
    let info = "INSERT INTO RepoInfo VALUES (?, ?, ?, ?, ?, 'alice@example.test', 0, NULL)";
    db.execute(info, params![id, library.name, library.head().ctime, library.version, library.encrypted])?;
    if let Some(origin) = &library.origin {
        let row = params![id, origin.library.to_string(), origin.path, origin.base_commit.to_string()];
        db.execute("INSERT INTO VirtualRepo VALUES (?, ?, ?, ?)", row)?;
    }
    if let Some(days) = library.history_days {
        db.execute("INSERT INTO RepoHistoryLimit VALUES (?, ?)", params![id, days])?;
    }
    if let Some(since) = library.valid_since {
        db.execute("INSERT INTO RepoValidSince VALUES (?, ?)", params![id, since])?;
    }
    Ok(())
}

/// Writes a store of one library without a file below `dir`: a commit, and no other object.
pub fn empty_library_to_dir(dir: &Path) {
    let library = LibraryId::from_bytes([7; 16]);
    let commit = CommitText {
        library,
        root: ObjectId::EMPTY,
        parents: Vec::new(),
        creator_name: None,
        description: "",
        ctime: 5,
        repo_name: "empty",
        version: 1,
        encrypted: false,
    };
    let (id, data) = commit.encode(Writer::C);
    for kind in ObjectKind::ALL {
        fs::create_dir_all(dir.join("storage").join(kind.as_str())).unwrap();
    }
    let file = object_path(dir, ObjectKind::Commits, &ObjectKey::new(library, id));
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, data).unwrap();
}
