//! All numbers of an engine at one moment, in one form: what a live page and a metrics endpoint read.
//!
//! Engines declare their numbers with [`counters!`], which also reads them: a number that is added to an engine is in
//! its snapshot, under the name and with the help text that the code has for it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::object::ObjectKind;

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `n`.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// The number now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A number that is set, and may grow and shrink.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

impl Gauge {
    /// Makes it `n`.
    pub fn set(&self, n: u64) {
        self.0.store(n, Ordering::Relaxed);
    }

    /// The number now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How a number moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SampleKind {
    /// It only grows, so that its speed can be computed from two snapshots.
    Counter,
    /// It may grow and shrink.
    Gauge,
}

/// What a sample is about, beside its name: `kind` is `blocks`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The name of the label.
    pub name: &'static str,
    /// Its value.
    pub value: String,
}

impl From<ObjectKind> for Label {
    fn from(kind: ObjectKind) -> Self {
        Self { name: "kind", value: kind.as_str().to_owned() }
    }
}

/// One number at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The engine and the number: lower-case letters and `_`. It ends in `_bytes` where bytes are counted.
    pub name: &'static str,
    /// What is counted, and in which unit.
    pub help: &'static str,
    /// How the number moves.
    pub kind: SampleKind,
    /// What tells samples of one name apart.
    pub labels: Vec<Label>,
    /// The number.
    pub value: u64,
}

/// The numbers of one or more engines. Each is read by itself, so two of them may be some objects apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// In the order in which the engines declare them; samples of one name need not be beside each other.
    pub samples: Vec<Sample>,
}

/// The numbers of an engine, as whoever shows them reads them.
pub trait Metrics: Sync {
    /// Adds all numbers as they are now.
    fn read_into(&self, snapshot: &mut Snapshot);

    /// All numbers as they are now.
    fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot::default();
        self.read_into(&mut snapshot);
        snapshot
    }
}

/// What a field of an engine's counters can be.
pub(super) trait Number {
    const KIND: SampleKind;

    fn value(&self) -> u64;
}

impl Number for Counter {
    const KIND: SampleKind = SampleKind::Counter;

    fn value(&self) -> u64 {
        self.get()
    }
}

impl Number for Gauge {
    const KIND: SampleKind = SampleKind::Gauge;

    fn value(&self) -> u64 {
        self.get()
    }
}

/// 1 when it is set, else 0.
impl Number for AtomicBool {
    const KIND: SampleKind = SampleKind::Gauge;

    fn value(&self) -> u64 {
        self.load(Ordering::Relaxed).into()
    }
}

impl Snapshot {
    pub(super) fn add<N: Number>(&mut self, name: &'static str, help: &'static str, labels: &[Label], number: &N) {
        self.samples.push(Sample { name, help, kind: N::KIND, labels: labels.to_vec(), value: number.value() });
    }
}

/// Declares the counters of an engine, and how they are read into a snapshot: each under the engine's name and its own,
/// with its documentation as help text.
macro_rules! counters {
    (
        $engine:literal:
        $(#[$about:meta])*
        $visible:vis struct $counters:ident {
            $($(#[doc = $help:literal])+ pub $field:ident: $number:ty,)+
        }
    ) => {
        $(#[$about])*
        #[derive(Debug, Default)]
        $visible struct $counters {
            $($(#[doc = $help])+ pub $field: $number,)+
        }

        impl $counters {
            fn read_with(&self, labels: &[$crate::metrics::snapshot::Label], into: &mut $crate::metrics::Snapshot) {
                $({
                    let help = concat!($($help),+).trim_start();
                    into.add(concat!($engine, "_", stringify!($field)), help, labels, &self.$field);
                })+
            }
        }
    };
}

pub(super) use counters;
