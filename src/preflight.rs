//! What is wrong with the stores of both sides, all of it at once, before anything is copied.
//!
//! Every store is opened and the first page of its listing read; of the source, an object of each kind is read, as the user
//! who runs; at the destination an object is written, read back, measured and removed. All stores are asked at the same time, so that a host that is gone costs one wait. Where a
//! bucket keeps old versions of its objects, one of this object stays as any other would.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::conf::backend::Location;
use crate::conf::{BackendConf, Role, SideConf, StoreConf};
use crate::flow::tasks::{self, Seats};
use crate::object::{KeyRange, ObjectKind};
use crate::store::backend::fs::FsStore;
use crate::store::layer::retry::RetryPolicy;
use crate::store::open::{OpenOptions, Store, open_destination_to_check, open_source};
use crate::store::{ErrorKind, Ignored, Part, StoreError, StoreName, control};

mod look;
pub mod owner;
pub mod same;

pub use same::{Depth, SamePlace};

use look::Look;
use same::{Source, Sources};

/// The object that is written at the destination and removed again. Its name is always the same, so that one that a kill
/// left behind is replaced and removed by the next check.
pub use control::PROBE;

/// How long a check waits for an answer. A pass waits longer, since it has more to lose.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Where a pass is to wait for longer than this, the store is known to be slow, and a check waits as long.
const SLOW: Duration = Duration::from_secs(60);

/// The same for Ceph, where the stores of one cluster connect one after the other.
const CEPH_TIMEOUT: Duration = Duration::from_secs(15);

/// How long a check repeats what fails for a passing reason.
const PATIENCE: Duration = Duration::from_secs(20);

/// Which side a store is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The old one.
    From,
    /// The new one.
    To,
}

impl Side {
    /// `old` or `new`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::From => "old",
            Self::To => "new",
        }
    }
}

/// One thing that was tried.
#[derive(Debug)]
pub enum Probe {
    /// It works.
    Good,
    /// It was not tried, because it is not wanted here or because what comes before it failed.
    Untried,
    /// It does not.
    Bad(StoreError),
}

/// What became of one store.
#[derive(Debug)]
pub struct StoreProbe {
    /// Which kind of object it holds.
    pub kind: ObjectKind,
    /// The storage class of which it is, or all that share it; `None` where there are no classes.
    pub class: Option<Arc<str>>,
    /// Whose it is.
    pub side: Side,
    /// Backend and place.
    pub location: Location,
    /// Whether it answers at all.
    pub reachable: Probe,
    /// Whether it can be listed.
    pub list: Probe,
    /// Whether a listed object can be read; tried of the source, where there is one.
    pub read: Probe,
    /// Whether an object can be written and read.
    pub write: Probe,
    /// What is to be known of how writes are made durable; see [`durability_note`](crate::store::WriteStore::durability_note).
    pub durability: Option<String>,
    /// The names at the beginning of the listing that are not objects.
    pub ignored: Ignored,
    /// What is wrong with the object that was read.
    pub damaged: Option<String>,
    /// Why the object that was written could not be removed again.
    pub undeletable: Option<String>,
}

impl StoreProbe {
    /// What is wrong.
    pub fn problems(&self) -> impl Iterator<Item = &StoreError> {
        [&self.reachable, &self.list, &self.read, &self.write].into_iter().filter_map(|answer| match answer {
            Probe::Bad(error) => Some(error),
            Probe::Good | Probe::Untried => None,
        })
    }
}

/// What became of all stores.
#[derive(Debug)]
pub struct PreflightReport {
    /// A row a store, that of each storage class by itself: those of the old side first, kind after kind.
    pub rows: Vec<StoreProbe>,
    /// What works now and will be regretted, a line each.
    pub warnings: Vec<String>,
    /// The places that both sides have under two names.
    pub same: Vec<SamePlace>,
}

impl PreflightReport {
    /// What is wrong, of all stores.
    pub fn problems(&self) -> impl Iterator<Item = &StoreError> {
        self.rows.iter().flat_map(StoreProbe::problems)
    }

    /// Whether nothing is.
    pub fn is_good(&self) -> bool {
        self.problems().next().is_none() && self.same.is_empty()
    }
}

/// Checks the stores of both sides. Nothing is left behind. Nobody else may be writing to the destination.
///
/// While the object that is written at the destination is there, it is looked for in every store of the source: one that
/// shows it is the same store under another name, whatever the configurations say.
pub fn check(from: &SideConf, to: &SideConf, options: &OpenOptions, depth: Depth) -> PreflightReport {
    let passing = passing_folders(to);
    // Those of each storage class by themselves, so that each is seen to answer and to be another one.
    let (from_stores, to_stores) = (leaves(from), leaves(to));
    let sources = Sources::of(&from_stores);
    let mut same = same::shared_folders(from, to, depth);
    // Every source before any destination, because a destination waits for the sources.
    let stores: Vec<_> = (from_stores.iter().enumerate().map(|(at, conf)| (Role::Source, at, conf)))
        .chain(to_stores.iter().enumerate().map(|(at, conf)| (Role::Destination, at, conf)))
        .collect();
    let seats = Seats::new(stores.len() - 1);
    let probed: Vec<(StoreProbe, Vec<usize>)> = tasks::map(&seats, &stores, |(side, at, conf)| match side {
        Role::Source => (source_row(conf, &brief(options, conf), &sources[*at]), Vec::new()),
        Role::Destination => destination_row(conf, &brief(options, conf), &sources),
    });
    // Only now, because the kinds share the outer folder; one that holds something is not removed.
    passing.iter().rev().for_each(|folder| drop(fs::remove_dir(folder)));
    for (row, shown_by) in &probed {
        same.extend(shown_by.iter().map(|at| SamePlace {
            destination: format!("{} store {}", row.kind, row.location),
            source: format!("{} store {}", from_stores[*at].kind, from_stores[*at].location()),
        }));
    }
    let rows: Vec<StoreProbe> = probed.into_iter().map(|(row, _)| row).collect();
    PreflightReport { warnings: warnings(to, &rows), rows, same }
}

/// The stores of a side, those of its classes each by itself, kind after kind.
fn leaves(side: &SideConf) -> Vec<StoreConf> {
    side.stores.values().flat_map(StoreConf::leaves).collect()
}

/// What works now and may be regretted. What is so of the stores of several kinds is said once.
fn warnings(to: &SideConf, rows: &[StoreProbe]) -> Vec<String> {
    let mut warnings = owner::warnings(to);
    for note in
        rows.iter().flat_map(|row| [row.durability.clone(), row.damaged.clone(), row.undeletable.clone()]).flatten()
    {
        if !warnings.contains(&note) {
            warnings.push(note);
        }
    }
    warnings
}

/// The same options with less patience.
fn brief(options: &OpenOptions, conf: &StoreConf) -> OpenOptions {
    let longest = if matches!(conf.backend, BackendConf::Ceph(_)) { CEPH_TIMEOUT } else { TIMEOUT };
    let retry = RetryPolicy { patience: options.retry.patience.min(PATIENCE), ..options.retry };
    OpenOptions::new(options.connections, wait(options.timeout, longest), retry, &options.stop).going_as(options)
}

/// How long a check waits for an answer, where a pass waits for `timeout` and a check for `longest` otherwise.
fn wait(timeout: Duration, longest: Duration) -> Duration {
    if timeout > SLOW { timeout } else { timeout.min(longest) }
}

/// The folders that are there for the probe alone, outer ones before inner ones.
fn passing_folders(to: &SideConf) -> Vec<PathBuf> {
    let mut passing = Vec::new();
    for conf in leaves(to).iter().filter(|conf| !conf.stays) {
        let BackendConf::Fs(folder) = &conf.backend else { continue };
        let [storage, root, library, shard] = FsStore::folders_of(folder, conf.kind, &PROBE);
        passing.extend([storage, root].into_iter().filter(|folder| fs::symlink_metadata(folder).is_err()));
        // These two go even if they were there before: a check that was killed left them.
        passing.extend([library, shard]);
    }
    passing.sort();
    passing
}

fn source_row(conf: &StoreConf, options: &OpenOptions, source: &Source) -> StoreProbe {
    let opened = open_source(conf, options);
    let store = opened.as_ref().ok().cloned();
    let probes = match opened {
        Ok(store) => {
            let Look { ignored, listed, read, damaged } = look::at_first_object(&*store, conf.kind);
            Probes { read, damaged, ignored, ..with_list(listed, || Probe::Untried) }
        }
        Err(error) => Probes::unreachable(error),
    };
    // Set whatever came of it, because the destinations wait for it; and only now, so that one that does not work is told
    // in its own row and not once more in that of each destination.
    source.get_or_init(|| store.filter(|_| probes.are_good()));
    probes.row(conf, Side::From, None)
}

/// The row of a store of the destination, and the positions of the stores of the source that are the same one.
fn destination_row(conf: &StoreConf, options: &OpenOptions, sources: &Sources) -> (StoreProbe, Vec<usize>) {
    if conf.stays {
        // The source's own row says all that there is to say.
        return (Probes::of(Probe::Untried, Probe::Untried, Probe::Untried).row(conf, Side::To, None), Vec::new());
    }
    let (mut probed, mut durability) = (Probed::default(), None);
    let probes = match open_destination_to_check(conf, options) {
        Ok(store) => {
            durability = store.durability_note();
            let page = store.list(&Part::new(KeyRange::ALL));
            let ignored = page.as_ref().map(|page| page.ignored.clone()).unwrap_or_default();
            let probes = with_list(page.map(drop), || match probe(&*store, sources) {
                Ok(found) => {
                    probed = found;
                    Probe::Good
                }
                Err(error) => Probe::Bad(error),
            });
            Probes { ignored, undeletable: probed.undeletable, ..probes }
        }
        Err(error) => Probes::unreachable(error),
    };
    (probes.row(conf, Side::To, durability), probed.same)
}

/// What was tried with one store.
struct Probes {
    reachable: Probe,
    list: Probe,
    read: Probe,
    write: Probe,
    ignored: Ignored,
    damaged: Option<String>,
    undeletable: Option<String>,
}

impl Probes {
    fn of(reachable: Probe, list: Probe, write: Probe) -> Self {
        Self {
            reachable,
            list,
            read: Probe::Untried,
            write,
            ignored: Ignored::default(),
            damaged: None,
            undeletable: None,
        }
    }

    fn unreachable(error: StoreError) -> Self {
        Self::of(Probe::Bad(error), Probe::Untried, Probe::Untried)
    }

    /// Whether nothing that was tried failed.
    fn are_good(&self) -> bool {
        [&self.reachable, &self.list, &self.read, &self.write].iter().all(|probe| !matches!(probe, Probe::Bad(_)))
    }

    fn row(self, conf: &StoreConf, side: Side, durability: Option<String>) -> StoreProbe {
        let Self { reachable, list, read, write, ignored, damaged, undeletable } = self;
        let name = Arc::new(StoreName::of(conf));
        let [reachable, list, read, write] = [reachable, list, read, write].map(|probe| match probe {
            Probe::Bad(error) => Probe::Bad(error.of_store(&name)),
            probe => probe,
        });
        let (kind, class, location) = (conf.kind, conf.class.clone(), conf.location());
        StoreProbe {
            kind,
            class,
            side,
            location,
            reachable,
            list,
            read,
            write,
            durability,
            ignored,
            damaged,
            undeletable,
        }
    }
}

/// What is to be said of a store whose listing went like this; writing is tried where it may go otherwise.
fn with_list(listed: Result<(), StoreError>, write: impl FnOnce() -> Probe) -> Probes {
    match listed {
        Ok(()) => Probes::of(Probe::Good, Probe::Good, write()),
        // One whose listing is wrong has answered.
        Err(error) if error.kind().is_transient() && error.kind() != ErrorKind::WrongListing => {
            Probes::unreachable(error)
        }
        Err(error) if error.kind() == ErrorKind::Denied => Probes::of(Probe::Good, Probe::Bad(error), write()),
        Err(error) => Probes::of(Probe::Good, Probe::Bad(error), Probe::Untried),
    }
}

/// What writing the probe object showed.
#[derive(Default)]
struct Probed {
    /// The positions of the stores of the source that show it.
    same: Vec<usize>,
    /// Why it is still there.
    undeletable: Option<String>,
}

/// Writes the probe object, looks at it here and in the source, and removes it whatever came before. A store that answers
/// and does not let it be removed is good for a pass, which removes nothing; the next check overwrites what is left.
fn probe(store: &dyn Store, sources: &Sources) -> Result<Probed, StoreError> {
    let tried = write_and_read(store).and_then(|data| same::showing(sources, &PROBE, &data));
    let removed = store.remove(&PROBE);
    match (tried, removed) {
        (Ok(same), Ok(())) => Ok(Probed { same, undeletable: None }),
        (Ok(same), Err(error))
            if matches!(error.kind(), ErrorKind::Denied | ErrorKind::ObjectDenied | ErrorKind::Other) =>
        {
            let left = "a pass needs no removals and goes on; the test object stays and is overwritten by the next check; \
                        `remove` and `repair` need the right to delete";
            let undeletable = format!("{} lets nothing be deleted: {}; {left}", store.location(), error.cause());
            Ok(Probed { same, undeletable: Some(undeletable) })
        }
        (Ok(_), Err(error)) => Err(error.because("the object is still there: remove it by hand")),
        // Not said of a write that was refused, because that left nothing.
        (Err(error), Err(_)) if error.action() != "write" || error.kind().is_transient() => {
            Err(error.because(format_args!("the object {PROBE} may still be there: remove it by hand")))
        }
        (Err(error), _) => Err(error),
    }
}

fn write_and_read(store: &dyn Store) -> Result<Bytes, StoreError> {
    // Never the same twice, so that an old probe cannot pass for this one.
    let data = Bytes::from(format!("seaf-migrate wrote this to see whether it can: {:032x}\n", fastrand::u128(..)));
    store.write(&PROBE, data.clone())?;
    let size = store.size(&PROBE)?;
    if size != data.len() as u64 {
        let cause = format!("{} bytes were written, and the store says it has {size}", data.len());
        return Err(StoreError::object(ErrorKind::Protocol, "size", &PROBE, cause));
    }
    if store.read(&PROBE)? != data {
        let cause = "the bytes read are not the bytes written";
        return Err(StoreError::object(ErrorKind::Protocol, "read", &PROBE, cause));
    }
    Ok(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_waits_for_a_store_that_is_known_to_be_slow_as_long_as_a_pass() {
        let of_pass = Duration::from_secs;
        let of_check = [5, 60, 61, 200].map(|seconds| wait(of_pass(seconds), TIMEOUT).as_secs());
        assert_eq!(of_check, [5, 30, 61, 200]);
    }
}
