//! Whether the two sides are one store under two names: a bind mount, `localhost` beside `127.0.0.1`, a library's folder
//! that is a link into the old store. Names say nothing about that, so what is written at the destination is looked for
//! in the source, and folders are told apart by what the kernel calls them.

use std::collections::HashMap;
use std::ops::Index;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::{fmt, fs};

use bytes::Bytes;

use super::PROBE;
use crate::conf::{BackendConf, SideConf, StoreConf};
use crate::object::{ObjectKey, ObjectKind};
use crate::store::backend::fs::FsStore;
use crate::store::{ReadStore, StoreError, found};

/// A place that both sides have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SamePlace {
    /// Kind and place at the destination.
    pub destination: String,
    /// Kind and place in the source.
    pub source: String,
}

impl fmt::Display for SamePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the destination's {} and the source's {} are one and the same", self.destination, self.source)
    }
}

/// A store of the source as soon as it is opened; `None` for one that does not work.
pub(super) type Source = OnceLock<Option<Arc<dyn ReadStore>>>;

/// The stores of the source as they are opened, each once.
pub(super) struct Sources(Vec<(String, Source)>);

impl Sources {
    /// Those of these configurations, none opened yet.
    pub(super) fn of(stores: &[StoreConf]) -> Self {
        let name = |conf: &StoreConf| match &conf.class {
            Some(class) => format!("{} store of class {class}", conf.kind),
            None => format!("{} store", conf.kind),
        };
        Self(stores.iter().map(|conf| (name(conf), Source::new())).collect())
    }
}

impl Index<usize> for Sources {
    type Output = Source;

    fn index(&self, at: usize) -> &Source {
        &self.0[at].1
    }
}

/// The positions of the stores of the source that show `data` under the name `key`, which was just written at the destination.
///
/// # Errors
/// When a store of the source does not answer: whether it is the same one is not known then.
pub(super) fn showing(sources: &Sources, key: &ObjectKey, data: &Bytes) -> Result<Vec<usize>, StoreError> {
    let mut same = Vec::new();
    for (at, (name, source)) in sources.0.iter().enumerate() {
        // One that does not work is told in its own row.
        let Some(source) = source.wait() else { continue };
        let read = found(source.read(key)).map_err(|error| {
            error.because(format_args!("so it is not known whether the source's {name} is the same as this one"))
        })?;
        if read.as_ref() == Some(data) {
            same.push(at);
        }
    }
    Ok(same)
}

/// How deep folders are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// The folders of the kinds and of the libraries.
    Libraries,
    /// Those of the first two digits of the objects' ids as well, 256 a library.
    Shards,
}

/// Which kernel object a folder is.
type FolderId = (u64, u64);

/// The first folder that both sides have under two names, of each kind that is on a filesystem on both sides.
pub fn shared_folders(from: &SideConf, to: &SideConf, depth: Depth) -> Vec<SamePlace> {
    let shared = |kind: ObjectKind| {
        let roots = [from, to].map(|side| {
            let root = |leaf: StoreConf| match &leaf.backend {
                BackendConf::Fs(conf) => {
                    let [_, root, ..] = FsStore::folders_of(conf, kind, &PROBE);
                    Some(root)
                }
                _ => None,
            };
            side.store(kind).leaves().into_iter().filter_map(root).collect::<Vec<PathBuf>>()
        });
        let [sources, destinations] = roots;
        if sources.is_empty() || destinations.is_empty() {
            return None;
        }
        let all = |roots: &[PathBuf]| roots.iter().flat_map(|root| folders(root, depth)).collect::<Vec<_>>();
        let known: HashMap<FolderId, PathBuf> =
            all(&sources).into_iter().filter_map(|path| Some((id_of(&path)?, path))).collect();
        all(&destinations).into_iter().find_map(|path| {
            let source = known.get(&id_of(&path)?)?;
            let place = |path: &Path| format!("{kind} folder {}", path.display());
            Some(SamePlace { destination: place(&path), source: place(source) })
        })
    };
    ObjectKind::ALL.into_iter().filter(|kind| to.moves(*kind)).filter_map(shared).collect()
}

/// `root` and the folders below it, as deep as is asked for. One that cannot be read is told by whoever lists it.
fn folders(root: &Path, depth: Depth) -> Vec<PathBuf> {
    let inside = |path: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(path).into_iter().flatten().filter_map(Result::ok);
        entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
    };
    let libraries = inside(root);
    let shards: Vec<PathBuf> = match depth {
        Depth::Libraries => Vec::new(),
        Depth::Shards => libraries.iter().flat_map(|library| inside(library)).collect(),
    };
    [vec![root.to_owned()], libraries, shards].concat()
}

fn id_of(path: &Path) -> Option<FolderId> {
    // Links are followed, because what they lead to is what would be written and deleted.
    let meta = fs::metadata(path).ok()?;
    Some((meta.dev(), meta.ino()))
}
