//! A process that lists, notes, merges and lists again is killed at random instants; what it leaves is checked each time.
//! That is ten times, or ten times `SEAF_TEST_REPEAT`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use seaf_migrate::index;
use seaf_migrate::index::{Index, Journal, ListLock, ListPaths, SetBuilder};
use seaf_migrate::object::{KeyRange, ObjectKey, ObjectKind};
use seaf_migrate::store::Listed;

use crate::support::lists::{Model, list, location, model, object};
use crate::support::program::{only, release};
use crate::support::repeat::repeat;

const LIBRARIES: u64 = 40;
const FOLDER: &str = "SEAF_LIST_CHILD";

/// The object numbers in a file of numbers; a half written last one is none.
fn numbers(folder: &Path, name: &str) -> BTreeSet<u64> {
    let bytes = std::fs::read(folder.join(name)).unwrap_or_default();
    bytes.as_chunks().0.iter().map(|number| u64::from_le_bytes(*number)).collect()
}

fn append(mut to: &File, numbers: &[u64]) {
    to.write_all(&numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<_>>()).unwrap();
}

/// A destination in a folder: `there` holds what was written to it, `promised` what the journal confirmed.
struct World {
    there: File,
    promised: File,
    paths: ListPaths,
    next: u64,
    random: fastrand::Rng,
}

impl World {
    fn open(folder: &Path) -> Self {
        let file = |name: &str| OpenOptions::new().append(true).create(true).open(folder.join(name)).unwrap();
        let next = numbers(folder, "there").last().map_or(0, |last| last + 1);
        let paths = ListPaths::new(&folder.join("list"), ObjectKind::Blocks, None);
        Self { there: file("there"), promised: file("promised"), paths, next, random: fastrand::Rng::new() }
    }

    fn everything(&self) -> Model {
        model(0..self.next, LIBRARIES)
    }

    /// Lists what is missing, in parts cut anywhere and in any order.
    fn build(&mut self, lock: &ListLock) -> Index {
        let (builder, missing) = SetBuilder::start_or_resume(lock, &location("host/bucket")).unwrap();
        let everything = self.everything();
        let mut parts: Vec<KeyRange> =
            missing.iter().filter_map(KeyRange::halves).flat_map(|halves| [halves.0, halves.1]).collect();
        self.random.shuffle(&mut parts);
        parts.iter().for_each(|part| list(&builder, *part, &everything));
        builder.finish().unwrap()
    }

    /// Writes objects to the destination and notes them.
    fn add(&mut self, journal: &mut Journal, count: u64) {
        let added: Vec<_> = (self.next..self.next + count).collect();
        self.next += count;
        append(&self.there, &added);
        journal.append(&added.iter().map(|&number| object(number, LIBRARIES)).collect::<Vec<Listed>>()).unwrap();
        append(&self.promised, &added);
    }

    fn pass(&mut self) {
        let lock = ListLock::acquire(&self.paths).unwrap();
        let known = index::prepare(&lock, &location("host/bucket")).unwrap().known;
        let (set, mut journal) = known.unwrap_or_else(|| {
            let set = self.build(&lock);
            let journal = Journal::open(&lock, &set).unwrap();
            (set, journal)
        });
        for _ in 0..self.random.u32(..5) {
            let count = self.random.u64(1..300);
            self.add(&mut journal, count);
        }
        match self.random.u32(..4) {
            0 => drop(index::merge(&lock, &set, journal).unwrap()),
            1 => {
                drop((set, journal));
                index::forget_all(&lock).unwrap();
            }
            _ => {}
        }
    }
}

#[test]
#[ignore = "the process that the other test kills"]
fn child() {
    let folder = std::env::var(FOLDER).expect("only started by the other test");
    let mut world = World::open(Path::new(&folder));
    if world.next == 0 {
        world.next = 2000;
        append(&world.there, &(0..2000).collect::<Vec<_>>());
    }
    loop {
        world.pass();
    }
}

/// What a process was doing when it was killed, by the files that it left.
fn interrupted(folder: &Path) -> &'static str {
    let there = |name: &str| folder.join(name).exists();
    match (there("list.blocks.merging"), there("list.blocks.building"), there("list.blocks")) {
        (true, ..) => "merge",
        (_, true, _) => "list and build",
        (.., true) => "journal",
        _ => "between",
    }
}

#[test]
fn killed_at_any_instant_it_tells_the_truth() {
    let kills = repeat(10);
    let mut met = BTreeMap::new();
    // A new world after every 20 kills, because a world grows with each and becomes slow.
    let worlds = (0..kills).step_by(20).map(|from| 20.min(kills - from));
    for kills in worlds {
        let folder = tempfile::tempdir().unwrap();
        for _ in 0..kills {
            let mut child = only(module_path!(), "child")
                .env(FOLDER, folder.path())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            std::thread::sleep(Duration::from_millis(fastrand::u64(5..250)));
            assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
            child.kill().unwrap();
            child.wait().unwrap();
            *met.entry(interrupted(folder.path())).or_insert(0) += 1;
            check(folder.path());
        }
    }
    println!("{kills} kills, no wrong answer and no repair: {met:?}");
}

/// Compares what the list says with what is there, be it complete or not, and lets go of it.
fn check(folder: &Path) {
    let paths = ListPaths::new(&folder.join("list"), ObjectKind::Blocks, None);
    let lock = ListLock::acquire(&paths).unwrap();
    check_held(folder, &paths, &lock);
    release(lock, &paths.lock());
}

fn check_held(folder: &Path, paths: &ListPaths, lock: &ListLock) {
    let keys = |name| -> BTreeSet<ObjectKey> {
        numbers(folder, name).into_iter().map(|number| object(number, LIBRARIES).key).collect()
    };
    let (there, promised) = (keys("there"), keys("promised"));
    let looked = index::open_read_only(paths, &location("host/bucket")).unwrap();
    let Some((set, journal)) = index::prepare(lock, &location("host/bucket")).unwrap().known else {
        assert!(looked.is_none());
        // What is still to be listed makes the list exact again.
        let everything: Model = numbers(folder, "there").into_iter().flat_map(|at| model([at], LIBRARIES)).collect();
        let (builder, missing) = SetBuilder::start_or_resume(lock, &location("host/bucket")).unwrap();
        missing.iter().for_each(|range| list(&builder, *range, &everything));
        let said: BTreeSet<_> = builder.finish().unwrap().iter().map(|object| object.unwrap().key).collect();
        assert!(said.is_subset(&there) && promised.is_subset(&said));
        return;
    };
    drop(journal);
    let said: BTreeSet<_> = set.iter().map(|object| object.unwrap().key).collect();
    assert!(looked.unwrap().iter().map(|object| object.unwrap().key).eq(said.iter().copied()));
    assert!(said.is_subset(&there), "it claims what is not there");
    assert!(promised.is_subset(&said), "it lost what was promised");
}
