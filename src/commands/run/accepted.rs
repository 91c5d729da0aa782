//! `--accept-damage`: the libraries whose damage in the source the user accepts, named one by one or by a report.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::commands::common::settings::SettingsError;
use crate::conf::{SideConf, SideId};
use crate::object::LibraryId;

/// As much of a report of a run or of fsck as names libraries.
#[derive(Deserialize)]
struct OldReport {
    /// `run`, `fsck`, or another command.
    command: Option<String>,
    /// The old side of a run.
    from: Option<SideId>,
    /// The side that fsck checked.
    side: Option<SideId>,
    heads: Option<OldHeads>,
    libraries: Option<Vec<OldLibrary>>,
}

#[derive(Deserialize)]
struct OldHeads {
    missing_in_source: Option<OldBroken>,
    accepted: Option<OldBroken>,
    damaged_in_source: Option<OldBroken>,
}

#[derive(Deserialize)]
struct OldBroken {
    libraries: Vec<OldLibrary>,
}

#[derive(Deserialize)]
struct OldLibrary {
    id: Option<LibraryId>,
    #[serde(default)]
    findings: Vec<IgnoredAny>,
    #[serde(default)]
    more_findings: u64,
}

/// The libraries that the values of `--accept-damage` name, in a migration from `from`.
///
/// # Errors
/// When a value is neither the id of a library nor a report that names damaged libraries of this source.
pub fn resolve(values: &[String], from: &SideConf) -> Result<BTreeSet<LibraryId>, SettingsError> {
    let mut accepted = BTreeSet::new();
    for value in values {
        if let Ok(library) = value.parse() {
            accepted.insert(library);
        } else {
            let named = of_report(Path::new(value), from);
            accepted
                .extend(named.map_err(|what| SettingsError::option("--accept-damage", format!("{value}: {what}")))?);
        }
    }
    Ok(accepted)
}

fn of_report(path: &Path, from: &SideConf) -> Result<BTreeSet<LibraryId>, String> {
    let file =
        File::open(path).map_err(|error| format!("it is no library id, and cannot be read as a report: {error}"))?;
    let report: OldReport = serde_json::from_reader(BufReader::new(file))
        .map_err(|error| format!("it is no report of a run or of fsck: {error}"))?;
    let named: BTreeSet<LibraryId> = match (report.command.as_deref(), report.heads, report.libraries) {
        (Some("run"), Some(heads), _) => {
            require_same(report.from.as_ref(), from)?;
            let OldHeads { missing_in_source, accepted, damaged_in_source } = heads;
            let broken = [missing_in_source, accepted, damaged_in_source].into_iter().flatten();
            broken.flat_map(|broken| broken.libraries).filter_map(|library| library.id).collect()
        }
        (Some("fsck"), _, Some(libraries)) => {
            require_same(report.side.as_ref(), from)?;
            let is_damaged = |library: &OldLibrary| library.more_findings > 0 || !library.findings.is_empty();
            libraries.into_iter().filter(is_damaged).filter_map(|library| library.id).collect()
        }
        (Some(command @ ("run" | "fsck")), ..) => return Err(format!("it is no whole report of `{command}`")),
        (Some(command), ..) => {
            return Err(format!("it is the report of `{command}`, and one of run or fsck is wanted"));
        }
        (None, ..) => return Err("it is no report of a run or of fsck".to_owned()),
    };
    if named.is_empty() {
        return Err("it names no library that is damaged in the source".to_owned());
    }
    Ok(named)
}

/// Refuses a report of another side than this one: what is missing there says nothing about here.
fn require_same(reported: Option<&SideId>, from: &SideConf) -> Result<(), String> {
    match reported {
        Some(side) if *side == from.id() => Ok(()),
        _ => Err("it is not about this old side".to_owned()),
    }
}
