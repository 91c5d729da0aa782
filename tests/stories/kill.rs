//! kill -9 at any instant: the next run needs no repair, and the journal has never lied.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use seaf_migrate::conf::{BackendConf, FsConf, StoreConf};
use seaf_migrate::index;
use seaf_migrate::index::ListPaths;
use seaf_migrate::object::{ObjectKey, ObjectKind};

use crate::support::library::bulk::bulk_to_dir;
use crate::world::World;

const ROUNDS: u32 = 20;
const KILLS_A_ROUND: u32 = 10;
const OBJECTS: usize = 1500;

/// What the list file and its journal say the destination holds of a kind, read as a run would.
fn remembered(world: &World, kind: ObjectKind) -> BTreeSet<ObjectKey> {
    let paths = ListPaths::new(&world.at("objects"), kind, None);
    let dir = world.at("target").canonicalize().unwrap();
    let location = StoreConf { kind, backend: BackendConf::Fs(FsConf { dir }) }.location();
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

/// How long an undisturbed pass takes here, so that kills fall all over one.
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
    world.assert_same(&world.at("target/storage"));
    assert_eq!(world.run(&["--object-list", &list]).assert_code(0).total("copied"), 0, "seed {seed}");
}

#[test]
fn two_hundred_kills_at_random_instants_lose_nothing() {
    let pass = one_pass();
    let next = std::sync::atomic::AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let n @ 0..ROUNDS = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
                    round(u64::from(n), pass);
                }
            });
        }
    });
}
