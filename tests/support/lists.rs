//! Lists in temporary folders, and keys to fill them with.

use std::collections::BTreeMap;
use std::path::Path;

use seaf_migrate::conf::backend::{Backend, Location};
use seaf_migrate::index;
use seaf_migrate::index::{Index, Journal, ListError, ListLock, ListPaths, Prepared, SetBuilder};
use seaf_migrate::object::{KeyRange, LibraryId, ObjectId, ObjectKey, ObjectKind};
use seaf_migrate::store::Listed;

/// What a set should hold.
pub type Model = BTreeMap<ObjectKey, Option<u64>>;

/// The files of one list in a folder of its own.
pub struct Place {
    pub folder: tempfile::TempDir,
    pub paths: ListPaths,
    pub location: Location,
}

impl Place {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let paths = ListPaths::new(&folder.path().join("list"), ObjectKind::Blocks, None);
        Self { folder, paths, location: location("host/bucket") }
    }

    pub fn lock(&self) -> ListLock {
        ListLock::acquire(&self.paths).unwrap()
    }

    pub fn prepare(&self) -> Result<Prepared, ListError> {
        index::prepare(&self.lock(), &self.location)
    }

    /// The set and its journal; fails when the destination would have to be listed.
    pub fn known(&self) -> (Index, Journal) {
        self.prepare().unwrap().known.expect("a complete list")
    }

    /// Lists whatever is still missing, all of it from `model`.
    pub fn build(&self, model: &Model) -> Index {
        let lock = self.lock();
        let (builder, missing) = SetBuilder::start_or_resume(&lock, &self.location).unwrap();
        for range in missing {
            list(&builder, range, model);
        }
        builder.finish().unwrap()
    }

    /// Appends to the journal of a complete list.
    pub fn note(&self, objects: &[Listed]) {
        self.known().1.append(objects).unwrap();
    }

    /// The names of all files in the folder, ascending.
    pub fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

pub fn location(place: &str) -> Location {
    Location { backend: Backend::S3, kind: ObjectKind::Blocks, place: place.to_owned() }
}

/// Lists one range as a store would: in pages, the last one ending with the range.
pub fn list(builder: &SetBuilder, range: KeyRange, model: &Model) {
    let mut stream = builder.stream();
    let objects: Vec<_> = objects(model).into_iter().filter(|object| range.contains(&object.key)).collect();
    let mut rest = Some(range);
    for page in objects.chunks(100) {
        let open = rest.unwrap();
        let last = page.last().unwrap().key;
        stream.page(KeyRange::new(open.first(), last).unwrap(), page).unwrap();
        rest = open.after(last);
    }
    if let Some(open) = rest {
        stream.page(open, &[]).unwrap();
    }
    stream.finish().unwrap();
}

pub fn objects(model: &Model) -> Vec<Listed> {
    model.iter().map(|(&key, &size)| Listed { key, size }).collect()
}

/// The object number `number`, spread over `libraries` libraries.
pub fn object(number: u64, libraries: u64) -> Listed {
    let mut random = fastrand::Rng::with_seed(number);
    let mut library = fastrand::Rng::with_seed((number % libraries) ^ 0x5eaf);
    let mut id = [0; 20];
    random.fill(&mut id);
    let mut uuid = [0; 16];
    library.fill(&mut uuid);
    let size = (!number.is_multiple_of(11)).then(|| random.u64(..5000));
    Listed { key: ObjectKey::new(LibraryId::from_bytes(uuid), ObjectId::from_bytes(id)), size }
}

pub fn model(numbers: impl IntoIterator<Item = u64>, libraries: u64) -> Model {
    numbers.into_iter().map(|number| object(number, libraries)).map(|object| (object.key, object.size)).collect()
}

/// Fails unless the set holds exactly the model, however it is asked.
pub fn assert_same(set: &Index, model: &Model) {
    assert_eq!(set.len(), model.len() as u64);
    let all: Vec<_> = set.iter().map(Result::unwrap).collect();
    assert!(all == objects(model), "the set holds something else than the model");
    let mut cursor = set.cursor();
    for (key, size) in model {
        assert_eq!(set.find(key).unwrap().size, *size);
        assert_eq!(cursor.find(key).unwrap().size, *size);
        for near in [key.successor(), key.predecessor()].into_iter().flatten() {
            assert_eq!(cursor.find(&near).map(|held| held.size), model.get(&near).copied());
        }
    }
    set.verify().unwrap();
}

/// Copies every file of `from` into the folder of `to`.
pub fn copy_files(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}
