//! What earlier passes found damaged in the source, kept as `PATH.damaged` beside the list files, so that every later pass
//! names it as well and ends with the same exit code. What is kept is not believed: each object is read again ([`super::again`]),
//! and forgotten only when it was seen to be right.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::commands::common::failure::Failure;
use crate::commands::run::settings::RunSettings;
use crate::conf::SideId;
use crate::metrics::{Finding, Findings};
use crate::object::{ObjectKey, ObjectKind};
use crate::sys::private_file;

/// The version of the file's fields.
const VERSION: u32 = 2;

/// How many objects are remembered at most, so that they fit in memory.
const MOST: usize = 100_000;

/// What is remembered, and how it was found first.
pub(super) type Remembered = BTreeMap<(ObjectKind, ObjectKey), Finding>;

/// The file, and between which sides a pass works.
#[derive(Clone, Debug)]
pub(super) struct DamageMemory {
    path: PathBuf,
    from: SideId,
    to: SideId,
}

#[derive(Serialize, Deserialize)]
struct Document {
    version: u32,
    stores: Vec<OfStores>,
}

/// What is remembered of one kind between two stores. The lists of several migrations may have one PATH, as those of single
/// kinds do.
#[derive(Serialize, Deserialize)]
struct OfStores {
    kind: ObjectKind,
    from: String,
    to: String,
    objects: Vec<Finding>,
}

impl DamageMemory {
    /// That of a pass; `None` when the pass keeps no list files.
    pub(super) fn of(settings: &RunSettings) -> Option<Self> {
        let mut path = settings.plan.list.prefix.as_deref()?.as_os_str().to_owned();
        path.push(".damaged");
        Some(Self { path: path.into(), from: settings.plan.from.id(), to: settings.plan.to.id() })
    }

    /// The file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What is remembered of these stores.
    ///
    /// # Errors
    /// When there is a file that cannot be understood: what it remembers may be wrong at the destination still.
    pub(super) fn load(&self) -> Result<Remembered, Failure> {
        let stores = self.read().map_err(|error| {
            Failure::Refused(format!(
                "{} cannot be read: {error}. It says what earlier runs found damaged; bring it back, or remove it, and \
                 see with verify --content whether the destination has what the source has",
                self.path.display()
            ))
        })?;
        let objects = stores.into_iter().filter(|stores| self.fits(stores)).flat_map(|stores| stores.objects);
        Ok(objects.map(|object| ((object.kind, object.key()), object)).collect())
    }

    /// Keeps what is `open` and what this pass found, in place of what was remembered of these stores. What is remembered of
    /// others stays. Returns how many objects were too many to be kept.
    ///
    /// # Errors
    /// When the file cannot be read or written; what was there then stands.
    pub(super) fn save(&self, open: &Remembered, found: &Findings) -> io::Result<u64> {
        let mut objects = open.clone();
        let mut left_out = 0;
        found.each(|finding| {
            let key = (finding.kind, finding.key());
            match objects.len() < MOST {
                true => drop(objects.entry(key).or_insert(finding)),
                false => left_out += u64::from(!objects.contains_key(&key)),
            }
        })?;
        let mut stores: Vec<OfStores> = self.read()?.into_iter().filter(|stores| !self.fits(stores)).collect();
        for kind in ObjectKind::ALL {
            let of_kind = objects.values().filter(|object| object.kind == kind);
            let (from, to) = (self.from.place(kind).to_owned(), self.to.place(kind).to_owned());
            stores.push(OfStores { kind, from, to, objects: of_kind.cloned().collect() });
        }
        stores.retain(|stores| !stores.objects.is_empty());
        if stores.is_empty() {
            private_file::remove_if_there(&self.path)?;
            return Ok(left_out);
        }
        let document = Document { version: VERSION, stores };
        private_file::replace(&self.path, |out: &mut dyn Write| Ok(serde_json::to_writer(out, &document)?))?;
        Ok(left_out)
    }

    fn read(&self) -> io::Result<Vec<OfStores>> {
        let Some(text) = private_file::read_if_there(&self.path)? else { return Ok(Vec::new()) };
        let document: Document = serde_json::from_slice(&text)?;
        match document.version {
            VERSION => Ok(document.stores),
            other => Err(io::Error::other(format!("it has version {other}, and this program reads {VERSION}"))),
        }
    }

    fn fits(&self, stores: &OfStores) -> bool {
        (self.from.place(stores.kind), self.to.place(stores.kind)) == (stores.from.as_str(), stores.to.as_str())
    }
}
