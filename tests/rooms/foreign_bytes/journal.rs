//! Any bytes in the place of a journal are refused or cut; whatever is left of a good one after
//! changes and cuts was once written, in that order.

use seaf_migrate::conf::backend::{Backend, Location};
use seaf_migrate::index::{Index, Journal, ListLock, ListPaths, SetBuilder};
use seaf_migrate::object::{KeyRange, ObjectKey, ObjectKind};
use seaf_migrate::store::Listed;
use tempfile::TempDir;

/// The files of a run that went well.
struct Good {
    lock: ListLock,
    set: Index,
    journal: Vec<u8>,
    _folder: TempDir,
}

fn objects() -> Vec<Listed> {
    (0..30u8).map(|at| Listed { key: ObjectKey::from_bytes(&[at; ObjectKey::LEN]), size: Some(at.into()) }).collect()
}

impl Good {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let paths = ListPaths::new(&folder.path().join("list"), ObjectKind::Fs, None);
        let lock = ListLock::acquire(&paths).expect("a lock");
        let location = Location { backend: Backend::Fs, kind: ObjectKind::Fs, place: "/a/storage/fs".to_owned() };
        let (builder, _) = SetBuilder::start_or_resume(&lock, &location).expect("begun");
        let mut stream = builder.stream();
        stream.page(KeyRange::ALL, &[]).expect("in order");
        stream.finish().expect("room");
        let set = builder.finish().expect("complete");
        let mut journal = Journal::open(&lock, &set).expect("a journal");
        for batch in objects().chunks(7) {
            journal.append(batch).expect("room");
        }
        drop(journal);
        let journal = std::fs::read(paths.journal()).expect("a journal");
        Self { lock, set, journal, _folder: folder }
    }
}

/// Whatever can be opened holds a beginning of what was written.
fn assert_a_beginning(good: &Good) {
    if let Ok(journal) = Journal::open(&good.lock, &good.set) {
        let records: Vec<_> = journal.records().map(|record| record.expect("readable")).collect();
        assert!(objects().starts_with(&records));
    }
}

thread_local! {
    static GOOD: Good = Good::new();
}

/// One run with the bytes of a fuzzer, or of a test.
pub fn run(data: &[u8]) {
    GOOD.with(|good| change(good, data));
}

/// What stands in the good file: the seed of the tests, which a fuzzer has in its corpus.
#[allow(dead_code)]
pub fn good() -> Vec<u8> {
    GOOD.with(|good| good.journal.clone())
}

fn change(good: &Good, data: &[u8]) {
    let path = good.lock.paths().journal();
    std::fs::write(&path, data).expect("room");
    assert_a_beginning(good);

    let Some((cut, edits)) = data.split_first_chunk::<2>() else { return };
    let mut bytes = good.journal.clone();
    bytes.truncate(usize::from(u16::from_le_bytes(*cut)));
    for edit in edits.chunks_exact(3) {
        let at = usize::from(u16::from_le_bytes([edit[0], edit[1]])) % bytes.len().max(1);
        let Some(byte) = bytes.get_mut(at) else { break };
        *byte = byte.wrapping_add(edit[2]);
    }
    std::fs::write(&path, bytes).expect("room");
    assert_a_beginning(good);
    // What was cut is good to go on from.
    if let Ok(mut journal) = Journal::open(&good.lock, &good.set) {
        let before = journal.len();
        journal.append(&objects()[..3]).expect("room");
        drop(journal);
        assert_eq!(Journal::open(&good.lock, &good.set).map(|journal| journal.len()).ok(), Some(before + 3));
    }
}
