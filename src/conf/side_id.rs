//! The id of a side: the places of its three stores.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::object::{ObjectKind, PerKind};

/// The id of a side: the place of each kind's store, as messages show it. Reports, histories and checkpoints name
/// their sides by it. In JSON it is an array of three texts: commits, fs, blocks.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SideId(PerKind<String>);

impl SideId {
    /// The side whose store of each kind is at the place that `place` returns.
    pub fn from_fn(place: impl FnMut(ObjectKind) -> String) -> Self {
        Self(PerKind::from_fn(place))
    }

    /// The place of a kind's store.
    pub fn place(&self, kind: ObjectKind) -> &str {
        &self.0[kind]
    }

    /// The places of commits, fs and blocks.
    pub fn places(&self) -> impl Iterator<Item = &str> {
        self.0.values().map(String::as_str)
    }

    /// The places of commits, fs and blocks, one line each.
    pub fn lines(&self) -> Vec<String> {
        self.places().map(str::to_owned).collect()
    }
}

impl fmt::Display for SideId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, place) in self.places().enumerate() {
            write!(f, "{}{place}", if at == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_side_is_three_texts_in_json_and_one_line_in_messages() {
        let side = SideId::from_fn(|kind| format!("fs:/data/{kind}"));
        assert_eq!(side.to_string(), "fs:/data/commits, fs:/data/fs, fs:/data/blocks");
        assert_eq!(side.place(ObjectKind::Blocks), "fs:/data/blocks");
        assert_eq!(side.lines(), ["fs:/data/commits", "fs:/data/fs", "fs:/data/blocks"]);
        let json = serde_json::to_string(&side).unwrap();
        assert_eq!(json, r#"["fs:/data/commits","fs:/data/fs","fs:/data/blocks"]"#);
        assert_eq!(serde_json::from_str::<SideId>(&json).unwrap(), side);
        for wrong in [r#"["a","b"]"#, r#"["a","b","c","d"]"#, "[1,2,3]", r#""a""#] {
            assert!(serde_json::from_str::<SideId>(wrong).is_err(), "{wrong}");
        }
    }
}
