//! What a checkpoint is about.

use serde::{Deserialize, Serialize};

use crate::history::Pair;

/// What a checkpoint is about; it is of use to the same verification only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct CheckpointScope {
    /// Both sides.
    pub(crate) pair: Pair,
    /// The share of the objects to be read.
    pub(crate) content_percent: f64,
    /// Only these libraries; all when empty.
    pub(crate) libraries: Vec<String>,
}

impl CheckpointScope {
    /// What of this kept scope does not fit `asked`, in words; `None` when it is the same verification.
    pub(crate) fn difference(&self, asked: &Self) -> Option<String> {
        let Self { pair, content_percent, libraries } = self;
        let of = |libraries: &[String]| match libraries {
            [] => "all libraries".to_owned(),
            some => format!("the libraries {}", some.join(", ")),
        };
        if *pair != asked.pair {
            return Some(format!("it compares {} with {}", pair.from, pair.to));
        }
        if *content_percent != asked.content_percent {
            return Some(format!("it reads {content_percent}% of the objects, not {}%", asked.content_percent));
        }
        (*libraries != asked.libraries).then(|| format!("it is about {}, not {}", of(libraries), of(&asked.libraries)))
    }
}
