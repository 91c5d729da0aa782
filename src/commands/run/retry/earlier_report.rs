//! Reads an earlier report back: which sides it is about, how that pass ended, and what failed.
//!
//! There may be millions of failures, so each is handed on as it is read and none is kept. The whole file is read
//! before anybody acts on it: one that ends in the middle must not pass for one with fewer failures.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::commands::common::report_file;
use crate::conf::SideId;
use crate::history::Pair;
use crate::metrics::Finding;
use crate::object::{ObjectKey, ObjectKind};
use crate::report::header::VERSION;
use crate::transfer::record::CHECK;

/// What a report says beside its failures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OldReport {
    /// The sides that the pass was between.
    pub pair: Pair,
    /// How it ended, as the name of its outcome says it.
    pub result: String,
}

/// An object that a report names as failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailedObject {
    /// Its kind.
    pub kind: ObjectKind,
    /// Its name.
    pub key: ObjectKey,
    /// Whether it was written and then not made durable, or was found wrong there: what the destination shows of it is not to
    /// be believed.
    pub is_doubtful: bool,
}

/// The steps of failures after which an object is written anew whatever the destination shows.
const DOUBTFUL: [&str; 2] = ["sync", CHECK];

/// Why a file is of no use as a report.
#[derive(Debug, thiserror::Error)]
#[error("{path} is of no use as the report of a run: {what}")]
pub struct ReportError {
    path: PathBuf,
    what: String,
}

/// Reads the report at `path` and hands each failure to `take`, which may refuse it.
///
/// # Errors
/// When the file cannot be read, ends early, is something else than a pass's report, or is of another version; and
/// when `take` refuses.
pub fn read(path: &Path, take: &mut dyn FnMut(FailedObject) -> Result<(), String>) -> Result<OldReport, ReportError> {
    report_file::read(path, Document { take }).map_err(|what| ReportError { path: path.to_owned(), what })
}

struct Document<'a> {
    take: &'a mut dyn FnMut(FailedObject) -> Result<(), String>,
}

/// What has been seen of the document's fields.
#[derive(Default)]
struct Seen {
    version: Option<u32>,
    result: Option<String>,
    from: Option<SideId>,
    to: Option<SideId>,
    failures: Option<()>,
}

impl<'de> DeserializeSeed<'de> for Document<'_> {
    type Value = OldReport;

    fn deserialize<D: Deserializer<'de>>(self, object: D) -> Result<OldReport, D::Error> {
        object.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Document<'_> {
    type Value = OldReport;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the report of a run, a JSON object")
    }

    /// The fields may come in any order, because tools that people run over JSON sort them.
    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<OldReport, A::Error> {
        let mut seen = Seen::default();
        while let Some(name) = fields.next_key::<String>()? {
            match name.as_str() {
                "version" => seen.version = Some(known_version(fields.next_value()?)?),
                "command" => command_of_run(&fields.next_value::<String>()?)?,
                "result" => seen.result = Some(fields.next_value()?),
                "from" => seen.from = Some(fields.next_value()?),
                "to" => seen.to = Some(fields.next_value()?),
                "failures" if seen.failures.is_some() => return Err(A::Error::duplicate_field("failures")),
                "failures" => seen.failures = Some(fields.next_value_seed(Rows { take: &mut *self.take })?),
                _ => drop(fields.next_value::<IgnoredAny>()?),
            }
        }
        let missing = |name| move || A::Error::custom(format_args!("it has no field `{name}`"));
        seen.version.ok_or_else(missing("version"))?;
        seen.failures.ok_or_else(missing("failures"))?;
        let from = seen.from.ok_or_else(missing("from"))?;
        let pair = Pair { from, to: seen.to.ok_or_else(missing("to"))? };
        Ok(OldReport { pair, result: seen.result.ok_or_else(missing("result"))? })
    }
}

fn known_version<E: Error>(version: u32) -> Result<u32, E> {
    if version == VERSION {
        return Ok(version);
    }
    Err(E::custom(format_args!("it is of version {version}, and this program reads version {VERSION}")))
}

fn command_of_run<E: Error>(command: &str) -> Result<(), E> {
    if command == "run" {
        return Ok(());
    }
    let next = "`seaf-migrate repair` takes the reports of verify and fsck, too";
    Err(E::custom(format_args!("it is the report of `{command}`; {next}")))
}

struct Rows<'a> {
    take: &'a mut dyn FnMut(FailedObject) -> Result<(), String>,
}

impl<'de> DeserializeSeed<'de> for Rows<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, array: D) -> Result<(), D::Error> {
        array.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Rows<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the failures of a run, a JSON array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<(), A::Error> {
        while let Some(row) = rows.next_element::<Finding>()? {
            let object = FailedObject { kind: row.kind, key: row.key(), is_doubtful: DOUBTFUL.contains(&&*row.step) };
            (self.take)(object).map_err(A::Error::custom)?;
        }
        Ok(())
    }
}
