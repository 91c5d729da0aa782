//! What a verification keeps, so that it can be interrupted at any instant and gone on with.
//!
//! One folder a verification ([`folder`]): the listings of both sides (list files, which go on by themselves), what was
//! found (files of lines, written ahead), and `verify.json`, which says how much of those lines counts and how far the
//! comparison is. That file is replaced as a whole, and only after everything that it speaks of is on disk.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::commands::verify::result::Row;
use crate::compare::Tally;
use crate::history::{Incarnations, Pair};
use crate::metrics::Finding;
use crate::object::{ObjectKey, ObjectKind, PerKind};
use crate::report::jsonl::Position;

pub(super) mod folder;

/// The version of what is in the folder.
const VERSION: u32 = 3;

/// What a checkpoint is about; it is of use to the same verification only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct CheckpointScope {
    /// Both sides.
    pub(super) pair: Pair,
    /// The share of the objects to be read.
    pub(super) content_percent: f64,
    /// Only these libraries; all when empty.
    pub(super) libraries: Vec<String>,
}

/// How far a verification is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Checkpoint {
    version: u32,
    /// What it is about.
    #[serde(rename = "bound")]
    pub(super) scope: CheckpointScope,
    /// When the listing began.
    pub(super) began: Timestamp,
    /// The incarnations of the destination's stores when it began; `None` when they could not be read.
    pub(super) destination: Option<Incarnations>,
    /// Where the libraries of each side were among the storage classes; empty texts where there are none.
    #[serde(default)]
    pub(super) placements: [PerKind<String>; 2],
    /// Which objects a share takes.
    pub(super) seed: u64,
    /// How many kinds are done, in the order of [`ObjectKind::ALL`].
    done: usize,
    /// The last key that is settled of the next kind.
    pub(super) after: Option<ObjectKey>,
    /// What was counted, by kind.
    pub(super) kinds: PerKind<Tally>,
    /// What was counted of the library that `after` is in.
    pub(super) row: Option<Row>,
    /// Objects that could not be checked, to be looked at again.
    pub(super) unchecked: Vec<Finding>,
    /// How much of the files counts, in the order of [`folder::FOUND`].
    pub(super) marks: [Position; folder::FOUND.len()],
}

impl Checkpoint {
    /// A verification that begins now.
    pub(super) fn new(scope: CheckpointScope) -> Self {
        Self {
            version: VERSION,
            scope,
            began: Timestamp::now(),
            destination: None,
            placements: Default::default(),
            seed: fastrand::u64(..),
            done: 0,
            after: None,
            kinds: PerKind::default(),
            row: None,
            unchecked: Vec::new(),
            marks: [Position::default(); folder::FOUND.len()],
        }
    }

    /// Whether nothing was compared yet.
    pub(super) const fn is_fresh(&self) -> bool {
        self.done == 0 && self.after.is_none() && self.unchecked.is_empty()
    }

    /// Whether everything of a kind is settled.
    pub(super) const fn is_done(&self, kind: ObjectKind) -> bool {
        self.done > kind.index()
    }

    /// Notes that everything of a kind is settled, and of those before it.
    pub(super) const fn end_kind(&mut self, kind: ObjectKind) {
        self.done = kind.index() + 1;
    }
}

impl CheckpointScope {
    /// What of a checkpoint that was kept does not fit what is asked for, in words.
    fn difference(&self, asked: &Self) -> Option<String> {
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
