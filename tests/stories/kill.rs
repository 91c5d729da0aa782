//! `kill -9` at any instant: the next run needs no repair, and the journal names only objects that are there.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use seaf_migrate::conf::{BackendConf, FsConf, StoreConf};
use seaf_migrate::index;
use seaf_migrate::index::ListPaths;
use seaf_migrate::object::{ObjectKey, ObjectKind};

use crate::support::library::bulk::bulk_to_dir;
use crate::support::repeat::repeat;
use crate::world::{World, assert_same_objects, objects_below};

/// Worlds, times `SEAF_TEST_REPEAT`.
const ROUNDS: u32 = 4;
const KILLS_A_ROUND: u32 = 10;
const OBJECTS: usize = 1500;

/// What the list file and its journal say the destination holds of a kind, read as a run would.
fn remembered(world: &World, kind: ObjectKind) -> BTreeSet<ObjectKey> {
    let paths = ListPaths::new(&world.at("objects"), kind, None);
    let dir = world.at("target").canonicalize().unwrap();
    let location = StoreConf::new(kind, BackendConf::Fs(FsConf { dir })).location();
    // Without a lock and without repair, so that the next run meets just what the kill left.
    let set = index::open_read_only(&paths, &location).unwrap();
    set.map_or_else(BTreeSet::new, |set| set.iter().map(|listed| listed.unwrap().key).collect())
}

fn at_destination(world: &World, kind: ObjectKind) -> BTreeSet<ObjectKey> {
    let root = world.at("target/storage").join(kind.as_str());
    if !root.exists() {
        return BTreeSet::new();
    }
    let files =
        walkdir::WalkDir::new(&root).into_iter().map(Result::unwrap).filter(|entry| entry.file_type().is_file());
    files
        .filter_map(|file| {
            let path = file.path().strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
            let (library, id) = path.split_once('/').unwrap();
            ObjectKey::parse(format!("{library}/{}", id.replace('/', "")).as_bytes())
        })
        .collect()
}

/// How long an undisturbed pass takes on this machine, so that kills can be spread over a whole pass.
fn one_pass() -> Duration {
    let world = World::new();
    bulk_to_dir(&world.at("old/seafile-data"), 7, OBJECTS, 200..=4000);
    let list = world.at("objects").display().to_string();
    let began = Instant::now();
    world.run(&["--object-list", &list]).assert_code(0);
    began.elapsed()
}

fn round(seed: u64, pass: Duration) {
    let mut dice = fastrand::Rng::with_seed(seed);
    let world = World::new();
    bulk_to_dir(&world.at("old/seafile-data"), seed, OBJECTS, 200..=4000);
    let list = world.at("objects").display().to_string();
    for _ in 0..KILLS_A_ROUND {
        let mut child = world.command(&["--object-list", &list, "--nworker", "8"]).spawn().unwrap();
        std::thread::sleep(pass.mul_f64(dice.f64() * 0.6));
        child.kill().unwrap();
        child.wait().unwrap();
        for kind in ObjectKind::ALL {
            let (said, there) = (remembered(&world, kind), at_destination(&world, kind));
            assert!(said.is_subset(&there), "seed {seed}: {kind} remembers what is not there");
        }
    }
    let remembered: usize = ObjectKind::ALL.iter().map(|kind| remembered(&world, *kind).len()).sum();
    let last = world.run(&["--object-list", &list]).assert_code(0);
    // Nothing that was confirmed is copied twice.
    assert!(last.total("copied") <= last.total("listed") - remembered as u64, "seed {seed}");
    assert_eq!(last.total("damaged"), 0, "seed {seed}");
    // What a kill left half written stays under a temporary name, which neither Seafile nor this program takes for an object.
    let mut there = objects_below(&world.at("target/storage"));
    there.retain(|path, _| !path.to_str().unwrap().contains(".seafmig."));
    assert_same_objects(&objects_below(&world.source()), &there);
    assert_eq!(world.run(&["--object-list", &list]).assert_code(0).total("copied"), 0, "seed {seed}");
}

#[test]
fn kills_at_random_instants_lose_nothing() {
    let rounds = repeat(ROUNDS);
    let pass = one_pass();
    let next = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let rounds =
                    std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed)).take_while(|n| *n < rounds);
                rounds.for_each(|n| round(u64::from(n), pass));
            });
        }
    });
}
