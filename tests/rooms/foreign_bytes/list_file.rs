//! Any bytes in the place of a list are refused or are a sound list; a good list of which bytes
//! were changed is refused, and one that was not finished is continued without believing them.

use seaf_migrate::conf::backend::{Backend, Location};
use seaf_migrate::index;
use seaf_migrate::index::{ListLock, ListPaths, Opened, SetBuilder};
use seaf_migrate::object::{KeyRange, ObjectKey, ObjectKind};
use seaf_migrate::store::Listed;
use tempfile::TempDir;

const OBJECTS: u8 = 20;

/// The files of a run that went well.
struct Good {
    paths: ListPaths,
    list: Vec<u8>,
    unfinished: Vec<u8>,
    _folder: TempDir,
}

fn location() -> Location {
    Location { backend: Backend::Fs, kind: ObjectKind::Fs, place: "/a/storage/fs".to_owned() }
}

fn objects() -> Vec<Listed> {
    let key = |at: u8| ObjectKey::from_bytes(&[at.wrapping_mul(7).wrapping_add(3); ObjectKey::LEN]);
    let mut all: Vec<_> = (0..OBJECTS).map(|at| Listed { key: key(at), size: Some(u64::from(at) * 99) }).collect();
    all.sort_by_key(|object| object.key);
    all
}

fn list(builder: &SetBuilder, range: KeyRange) {
    let inside: Vec<_> = objects().into_iter().filter(|object| range.contains(&object.key)).collect();
    let mut stream = builder.stream();
    stream.page(range, &inside).expect("in order");
    stream.finish().expect("room");
}

impl Good {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let paths = ListPaths::new(&folder.path().join("list"), ObjectKind::Fs, None);
        let lock = ListLock::acquire(&paths).expect("a lock");
        for half in 0..2 {
            let (builder, missing) = SetBuilder::start_or_resume(&lock, &location()).expect("begun");
            let halves = missing[0].halves().expect("two keys at least");
            list(&builder, halves.0);
            if half == 1 {
                list(&builder, halves.1);
                builder.finish().expect("complete");
                break;
            }
        }
        let list = std::fs::read(paths.base()).expect("a list");
        // Up to the index, a list is what it was while it was unfinished.
        let end = list.len() - 36;
        let index = u64::from_le_bytes(list[end..end + 8].try_into().expect("8 bytes"));
        let unfinished = list[..usize::try_from(index).expect("small")].to_vec();
        Self { paths, list, unfinished, _folder: folder }
    }
}

/// Changes as many bytes as `edits` has groups of three; whether anything is different afterwards.
fn edited(bytes: &[u8], edits: &[u8]) -> (Vec<u8>, bool) {
    let mut out = bytes.to_vec();
    for edit in edits.chunks_exact(3) {
        let at = usize::from(u16::from_le_bytes([edit[0], edit[1]])) % out.len();
        out[at] = out[at].wrapping_add(edit[2]);
    }
    let changed = out != bytes;
    (out, changed)
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
    GOOD.with(|good| good.list.clone())
}

fn change(good: &Good, data: &[u8]) {
    std::fs::write(good.paths.base(), data).expect("room");
    if let Ok(Opened::Complete(set)) = index::open(&good.paths, &location()) {
        set.verify().expect("a list that opens is sound");
    }

    let (list_bytes, changed) = edited(&good.list, data);
    std::fs::write(good.paths.base(), list_bytes).expect("room");
    let opened = index::open(&good.paths, &location());
    assert_eq!(opened.is_err(), changed, "{opened:?}");

    std::fs::remove_file(good.paths.base()).expect("it was written");
    std::fs::write(good.paths.building(), edited(&good.unfinished, data).0).expect("room");
    let lock = ListLock::acquire(&good.paths).expect("a lock");
    if let Ok((builder, missing)) = SetBuilder::start_or_resume(&lock, &location()) {
        missing.iter().for_each(|range| list(&builder, *range));
        let set = builder.finish().expect("complete");
        assert!(set.iter().map(|object| object.expect("readable")).eq(objects()));
    }
}
