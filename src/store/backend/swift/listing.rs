//! What is asked of a container to list it, and what it answers.
//!
//! Swift lists names in the order of their bytes, those after `marker` and before `end_marker`, at
//! most 10,000 or what the cluster allows. Only an empty answer says that it was the end: a cluster
//! may give fewer names than it was asked for.

use serde::Deserialize;

use super::escape;
use crate::object::KeyRange;
use crate::store::listing::{Answer, Name, Start};

/// The largest answer to accept, in bytes: 10,000 of the longest names that Swift allows, most of their letters escaped.
pub(super) const ANSWER_LIMIT: u64 = 64 << 20;

#[derive(Deserialize)]
struct Entry {
    name: String,
    bytes: Option<u64>,
}

/// The query, with its question mark, for the names of `range` from `start` on.
pub(super) fn query(range: &KeyRange, start: &Start) -> String {
    let (prefix, marker) = (range.common_prefix(), start.after());
    let end = range.last().successor().map(|next| next.to_string());
    let mut text = "?format=json".to_owned();
    let parts = [
        ("prefix", Some(prefix.as_str()).filter(|prefix| !prefix.is_empty())),
        ("marker", marker.as_deref()),
        ("end_marker", end.as_deref()),
    ];
    for (name, value) in parts {
        if let Some(value) = value {
            text = format!("{text}&{name}={}", escape(value));
        }
    }
    text
}

/// The names in an answer's body. An error says what is wrong with it.
pub(in crate::store) fn parse(body: &[u8]) -> Result<Answer, String> {
    let entries: Vec<Entry> =
        serde_json::from_slice(body).map_err(|error| format!("the listing is not the JSON expected: {error}"))?;
    let name = |entry: Entry| Name { bytes: entry.name.into_bytes(), size: entry.bytes };
    Ok(Answer { more: !entries.is_empty(), names: entries.into_iter().map(name).collect(), token: None })
}
