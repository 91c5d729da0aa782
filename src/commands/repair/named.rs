//! Which objects reports name: those of a run that failed, are damaged or that a library lacks; those of a verification and of
//! a check of one side.
//!
//! The whole of every report is read before anything is done, and no row of it is kept in memory: the names are sorted in a
//! temporary file, because several reports may name one object.

use std::fmt;
use std::marker::PhantomData;
use std::path::Path;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::commands::common::report_file;
use crate::conf::SideId;
use crate::index::{ListError, UniqueKeys};
use crate::metrics::Finding;
use crate::object::{LibraryId, ObjectId, ObjectKey, ObjectKind, PerKind};
use crate::report::header::VERSION;

/// The objects that reports name.
#[derive(Debug)]
pub struct NamedObjects {
    /// Those of each kind, some of them perhaps several times.
    pub kinds: PerKind<UniqueKeys>,
    /// Files whose blocks do not add up to their length, so that each of their blocks is to be looked at.
    pub files: UniqueKeys,
    /// How many rows there were.
    pub rows: u64,
    /// How many objects the reports count and do not name.
    pub unnamed: u64,
}

/// Why a file is of no use as a report.
#[derive(Debug, thiserror::Error)]
#[error("{path} is of no use as the report of a run, a verify or a fsck: {what}; nothing was done")]
pub struct ReportError {
    path: String,
    what: String,
}

impl NamedObjects {
    /// What the reports at `paths` name, each of which must be about the destination `to`. Temporary files go to `folder`.
    ///
    /// # Errors
    /// When one of the reports cannot be read, ends early, is something else, of another version or another destination.
    pub fn read<'p>(paths: impl Iterator<Item = &'p Path>, to: &SideId, folder: &Path) -> Result<Self, ReportError> {
        let kinds = PerKind::from_fn(|_| UniqueKeys::new(folder));
        let mut named = Self { kinds, files: UniqueKeys::new(folder), rows: 0, unnamed: 0 };
        for path in paths {
            let failed = |what| ReportError { path: path.display().to_string(), what };
            let about = report_file::read(path, Document { named: &mut named }).map_err(failed)?;
            if about != *to {
                return Err(failed(format!("it is about {about}, and the side to be repaired is {to}")));
            }
        }
        Ok(named)
    }

    fn add(&mut self, kind: ObjectKind, key: ObjectKey) -> Result<(), ListError> {
        self.rows += 1;
        self.kinds[kind].push(key)
    }

    /// The findings of one library.
    fn add_library(&mut self, library: &FoundLibrary) -> Result<(), ListError> {
        self.unnamed += library.more_findings;
        let Some(id) = library.id else { return Ok(()) };
        for FoundObject { kind, id: object, what } in &library.findings {
            let Some(object) = object else { continue };
            let library = if *kind == ObjectKind::Commits { id } else { library.store_id.unwrap_or(id) };
            let key = ObjectKey::new(library, *object);
            self.add(*kind, key)?;
            if what == "wrong_size" {
                self.files.push(key)?;
            }
        }
        Ok(())
    }
}

/// A row of `libraries` of a check, and of the libraries that a run found broken. In other reports, rows of that name are
/// numbers, and have nothing of this.
#[derive(Deserialize)]
struct FoundLibrary {
    id: Option<LibraryId>,
    store_id: Option<LibraryId>,
    #[serde(default)]
    findings: Vec<FoundObject>,
    #[serde(default)]
    more_findings: u64,
}

#[derive(Deserialize)]
struct FoundObject {
    kind: ObjectKind,
    id: Option<ObjectId>,
    what: String,
}

/// What a run found of the heads.
#[derive(Deserialize)]
struct Heads {
    not_whole: Option<BrokenLibraries>,
    damaged_in_source: Option<BrokenLibraries>,
}

#[derive(Deserialize)]
struct BrokenLibraries {
    #[serde(default)]
    libraries: Vec<FoundLibrary>,
}

struct Document<'a> {
    named: &'a mut NamedObjects,
}

impl<'de> DeserializeSeed<'de> for Document<'_> {
    type Value = SideId;

    fn deserialize<D: Deserializer<'de>>(self, object: D) -> Result<SideId, D::Error> {
        object.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Document<'_> {
    /// The side that the report is about.
    type Value = SideId;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a report, a JSON object")
    }

    /// The fields may come in any order, because tools that people run over JSON sort them.
    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<SideId, A::Error> {
        let named = self.named;
        let (mut version, mut command, mut side) = (None, None, None);
        while let Some(name) = fields.next_key::<String>()? {
            match name.as_str() {
                "version" => version = Some(fields.next_value::<u32>()?),
                "command" => command = Some(fields.next_value::<String>()?),
                // A check of one side names it so, the others by both sides.
                "to" | "side" => side = Some(fields.next_value()?),
                "failures" | "damaged" | "findings" | "unchecked" => {
                    fields.next_value_seed(rows(|row: Finding| named.add(row.kind, row.key())))?;
                }
                "libraries" => {
                    fields.next_value_seed(rows(|library: FoundLibrary| named.add_library(&library)))?;
                }
                "heads" => {
                    let Heads { not_whole, damaged_in_source } = fields.next_value()?;
                    let broken = not_whole.into_iter().chain(damaged_in_source);
                    for library in broken.flat_map(|broken| broken.libraries) {
                        named.add_library(&library).map_err(A::Error::custom)?;
                    }
                }
                _ => drop(fields.next_value::<IgnoredAny>()?),
            }
        }
        side_of(version, command.as_deref(), side)
    }
}

/// The side of a report whose fields say these.
fn side_of<E: Error>(version: Option<u32>, command: Option<&str>, side: Option<SideId>) -> Result<SideId, E> {
    let missing = |name| move || E::custom(format_args!("it has no field `{name}`"));
    let version = version.ok_or_else(missing("version"))?;
    if version != VERSION {
        return Err(E::custom(format_args!("it is of version {version}, and this program reads version {VERSION}")));
    }
    match command.ok_or_else(missing("command"))? {
        "run" | "verify" => side.ok_or_else(missing("to")),
        "fsck" => side.ok_or_else(missing("side")),
        other => Err(E::custom(format_args!("it is the report of `{other}`"))),
    }
}

/// The rows of an array, each handed on as it is read.
struct Rows<T, F> {
    take: F,
    row: PhantomData<T>,
}

const fn rows<T, F: FnMut(T) -> Result<(), ListError>>(take: F) -> Rows<T, F> {
    Rows { take, row: PhantomData }
}

impl<'de, T: Deserialize<'de>, F: FnMut(T) -> Result<(), ListError>> DeserializeSeed<'de> for Rows<T, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, array: D) -> Result<(), D::Error> {
        array.deserialize_seq(self)
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(T) -> Result<(), ListError>> Visitor<'de> for Rows<T, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("rows of a report, a JSON array")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut rows: A) -> Result<(), A::Error> {
        while let Some(row) = rows.next_element()? {
            (self.take)(row).map_err(A::Error::custom)?;
        }
        Ok(())
    }
}
