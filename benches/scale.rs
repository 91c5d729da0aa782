//! How the existence sets scale: lists, builds, reruns, looks up and merges made-up keys in any number.
//!
//! `cargo bench --profile dist --bench scale -- [KEYS [LIBRARIES [FOLDER]]]` runs each phase in a process of its own, so that its peak of
//! memory is its own, and prints what it cost. The stores are made up and behind the same trait as all others, so what is
//! measured is the whole way of a pass that copies nothing: list both sides, build the set, look everything up, count.
//! `docs/scale.md` has the figures.
#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used)]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use rayon::prelude::*;
use seaf_migrate::commands::common::destination::{DestinationIndex, OpenList, Snapshot};
use seaf_migrate::commands::demo;
use seaf_migrate::commands::run::settings::RunSettings;
use seaf_migrate::flow::Budget;
use seaf_migrate::flow::breaker::CircuitBreaker;
use seaf_migrate::index;
use seaf_migrate::index::recheck::Asked;
use seaf_migrate::index::{Index, Journal, ListLock, ListPaths, SetBuilder, text};
use seaf_migrate::metrics::{Counters, ObjectFindings};
use seaf_migrate::object::{KeyRange, ObjectKind};
use seaf_migrate::report::Console;
use seaf_migrate::store::{Listed, ReadStore, SizeForm};
use seaf_migrate::sys::allocator;
use seaf_migrate::sys::shutdown::Shutdown;
use seaf_migrate::transfer::diff::MissingObjects;
use seaf_migrate::transfer::flush::BatchLimits;
use seaf_migrate::transfer::{ConfirmedObjects, Transfer, TransferLimits, TransferOutcome};
use support::measure::{Cost, measure};
use support::synthetic::{Keys, Synthetic};

const PHASES: [&str; 11] = [
    "list and build",
    "open",
    "rerun",
    "rerun, all new",
    "look up at random",
    "export",
    "journal of 5%",
    "rerun with journal",
    "merge",
    "journal of a first pass",
    "take it in",
];

/// The kind that all of it is about.
const KIND: ObjectKind = ObjectKind::Blocks;

/// The destination's place.
const PLACE: &str = "made-up/there";

fn main() {
    allocator::set_purge_delay();
    let arguments: Vec<_> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let number = |at: usize, otherwise: u64| arguments.get(at).map_or(otherwise, |text| text.parse().unwrap());
    let keys = Keys::new(number(0, 1_000_000), number(1, 1000));
    let folder = arguments.get(2).map_or_else(std::env::temp_dir, PathBuf::from);
    if let Some(phase) = arguments.get(3) {
        return run_phase(phase, &Bench { keys, folder });
    }
    let folder = tempfile::tempdir_in(folder).unwrap();
    println!("{} keys in {} libraries", keys.total(), keys.libraries);
    for phase in PHASES {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args([keys.total().to_string(), keys.libraries.to_string()]).arg(folder.path()).arg(phase);
        assert!(child.status().unwrap().success(), "{phase} failed");
    }
}

struct Bench {
    keys: Keys,
    folder: PathBuf,
}

fn run_phase(phase: &str, bench: &Bench) {
    let total = bench.keys.total();
    let (cost, count, more) = match phase {
        "list and build" => bench.build(),
        "open" => {
            let (known, cost) = measure(|| bench.learn());
            (cost, total, format!("{} keys known", known.set.len()))
        }
        "rerun" | "rerun with journal" => bench.rerun(),
        "rerun, all new" => bench.all_new(),
        "look up at random" => bench.at_random(),
        "export" => {
            let known = bench.learn();
            let (_, cost) = measure(|| text::export(&known.set, std::io::sink(), Path::new("nowhere")).unwrap());
            (cost, total, String::new())
        }
        "journal of 5%" => bench.journal(),
        "merge" => bench.merge(&bench.paths()),
        "journal of a first pass" => bench.first_pass(),
        "take it in" => bench.merge(&bench.first_paths()),
        other => panic!("no phase {other:?}"),
    };
    println!("{}  {more}", cost.line(phase, count));
}

impl Bench {
    fn prefix(&self) -> PathBuf {
        self.folder.join("list")
    }

    fn paths(&self) -> ListPaths {
        ListPaths::new(&self.prefix(), KIND, None)
    }

    /// The settings of a pass with list files; the sides that they name are only there to be named.
    fn settings(&self) -> RunSettings {
        let side = |name: &str| {
            let dir = self.folder.join(name);
            std::fs::create_dir_all(dir.join("storage")).unwrap();
            let sections = ["commit_object_backend", "fs_object_backend", "block_backend"];
            let conf = sections.map(|section| format!("[{section}]\nname = fs\ndir = {}\n", dir.display()));
            std::fs::write(dir.join("seafile.conf"), conf.concat()).unwrap();
            dir.display().to_string()
        };
        let (from, to, list) = (side("from"), side("to"), self.prefix().display().to_string());
        demo::settings(&["--from", &from, "--to", &to, "--object-list", &list]).unwrap()
    }

    fn destination(&self) -> Synthetic {
        Synthetic::new(self.keys, PLACE)
    }

    /// What the list says, listed where there is none.
    fn learn(&self) -> DestinationIndex {
        let (console, shutdown, plan, destination) =
            (Console::quiet(), Shutdown::new(), self.settings().plan, self.destination());
        let stores = Asked { destination: &destination, source: &destination };
        let list = OpenList::open(destination.location(), &plan, &console).unwrap();
        // The objects of a journal that a phase wrote are in the journal alone; an empty one is a header.
        if std::fs::metadata(self.paths().journal()).map_or(0, |journal| journal.len()) < 4096 {
            assert_eq!(list.ask(stores, &plan, &console, &shutdown).unwrap(), None);
        }
        list.load_or_list(stores, &plan, Snapshot::NotWanted, &[], &console, &shutdown).unwrap()
    }

    fn build(&self) -> (Cost, u64, String) {
        let (known, cost) = measure(|| self.learn());
        let bytes = known.set.file_len() as f64 / self.keys.total() as f64;
        let more = format!("{bytes:.2} bytes a key, {} shards", known.set.shards().count());
        (cost, self.keys.total(), more)
    }

    /// A pass over a source that holds what the destination holds.
    fn rerun(&self) -> (Cost, u64, String) {
        let source = Synthetic::new(self.keys, "made-up/here");
        let (counters, cost) = measure(|| {
            let (counters, held, settings) = (Counters::default(), self.learn(), self.settings());
            let listers = std::thread::available_parallelism().map_or(2, usize::from);
            let limits = TransferLimits {
                workers: settings.plan.store.workers.clone(),
                queue: settings.queue,
                temp_dir: settings.plan.list.temp_dir.clone(),
                batch: BatchLimits::default(),
            };
            let ended = Transfer {
                kind: KIND,
                source: &source,
                destination: &self.destination(),
                work: &MissingObjects {
                    source: &source,
                    ranges: &[KeyRange::ALL],
                    listers,
                    index: &held.set,
                    held: SizeForm::Exact,
                },
                limits: &limits,
                budget: &Budget::new(settings.memory),
                counters: &counters,
                findings: &ObjectFindings::default(),
                confirmed: Some(&held),
                breaker: &CircuitBreaker::default(),
                shutdown: &Shutdown::new(),
            }
            .run();
            assert_eq!(ended.unwrap(), TransferOutcome::Finished);
            counters
        });
        let numbers = counters.kind(KIND);
        assert_eq!((numbers.listed.get(), numbers.to_copy.get()), (self.keys.total(), 0));
        (cost, self.keys.total(), "0 to copy".to_owned())
    }

    /// Looks up objects that are all unknown, as a source would list them.
    fn all_new(&self) -> (Cost, u64, String) {
        let strangers = Keys { libraries: self.keys.libraries, objects: self.keys.objects - 1 };
        let known = self.learn();
        let (found, cost) = measure(|| count(&known.set, strangers));
        assert!(found * 100 < strangers.total(), "they are strangers");
        (cost, strangers.total(), String::new())
    }

    fn at_random(&self) -> (Cost, u64, String) {
        let (known, asked) = (self.learn(), 200_000);
        let (found, cost) = measure(|| {
            let mut random = fastrand::Rng::with_seed(7);
            let keys = (0..asked)
                .map(|_| self.keys.object(random.u64(..self.keys.libraries), random.u64(..self.keys.objects)).key);
            keys.filter(|key| known.set.find(key).is_some()).count() as u64
        });
        assert_eq!(found, asked);
        (cost, asked, "one thread".to_owned())
    }

    /// Notes a twentieth as many new objects, in batches as the confirmer makes them.
    fn journal(&self) -> (Cost, u64, String) {
        let strangers = Keys { libraries: self.keys.libraries, objects: self.keys.objects - 1 };
        let (known, noted) = (self.learn(), self.keys.total() / 20);
        let ((), cost) = measure(|| {
            for from in (0..noted).step_by(5000) {
                let batch = from..noted.min(from + 5000);
                let spread = |at| strangers.object(at % strangers.libraries, at / strangers.libraries);
                known.remember(&batch.map(spread).collect::<Vec<Listed>>()).unwrap();
            }
        });
        (cost, noted, String::new())
    }

    /// The list of a destination that was empty before its first pass.
    fn first_paths(&self) -> ListPaths {
        ListPaths::new(&self.folder.join("first"), KIND, None)
    }

    /// Notes every object, in the order in which libraries are copied side by side, beside the list of nothing.
    fn first_pass(&self) -> (Cost, u64, String) {
        let (lock, destination) = (ListLock::acquire(&self.first_paths()).unwrap(), self.destination());
        let (builder, _) = SetBuilder::start_or_resume(&lock, destination.location()).unwrap();
        let mut nothing = builder.stream();
        nothing.page(KeyRange::ALL, &[]).unwrap();
        nothing.finish().unwrap();
        let mut journal = Journal::open(&lock, &builder.finish().unwrap()).unwrap();
        let total = self.keys.total();
        let ((), cost) = measure(|| {
            for from in (0..total).step_by(5000) {
                let batch = from..total.min(from + 5000);
                let spread = |at| self.keys.object(at % self.keys.libraries, at / self.keys.libraries);
                journal.append(&batch.map(spread).collect::<Vec<Listed>>()).unwrap();
            }
        });
        (cost, total, String::new())
    }

    /// Writes a list anew with its journal in it.
    fn merge(&self, paths: &ListPaths) -> (Cost, u64, String) {
        let (lock, destination) = (ListLock::acquire(paths).unwrap(), self.destination());
        let (set, cost) = measure(|| {
            let (set, journal) = index::prepare(&lock, destination.location()).unwrap().known.unwrap();
            // A long journal was taken in already.
            if journal.is_empty() { set } else { index::merge(&lock, &set, journal).unwrap().0 }
        });
        (cost, self.keys.total(), format!("{} keys afterwards", set.len()))
    }
}

/// How many of the keys the set holds, looked up on all processors in pages of ascending keys.
fn count(set: &Index, keys: Keys) -> u64 {
    let threads = rayon::current_num_threads() as u64;
    let part = |at: u64| keys.libraries * at / threads..keys.libraries * (at + 1) / threads;
    let count = |libraries: std::ops::Range<u64>| {
        let mut cursor = set.cursor();
        let objects = libraries.flat_map(|library| (0..keys.objects).map(move |at| keys.object(library, at).key));
        objects.filter(|key| cursor.find(key).is_some()).count() as u64
    };
    (0..threads).into_par_iter().map(|at| count(part(at))).sum()
}
