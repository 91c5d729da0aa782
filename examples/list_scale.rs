//! Measures lists of any size without a store: builds, opens, looks up, merges and exports made-up keys.
//!
//! `cargo run --release --example list_scale -- KEYS [LIBRARIES] [FOLDER]` prints, for each phase,
//! the time, the CPU time and the peak of the process's memory; docs/list-file.md has the figures.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::time::Instant;

use rayon::prelude::*;
use seaf_migrate::conf::backend::{Backend, Location};
use seaf_migrate::existence::{self, Journal, KnownSet, ListLock, ListPaths, SetBuilder, text};
use seaf_migrate::object::{KeyRange, LibraryId, ObjectId, ObjectKey, ObjectKind};
use seaf_migrate::store::Listed;

/// A made-up destination: as many libraries, each with as many objects, in ascending order.
#[derive(Clone, Copy)]
struct Destination {
    libraries: u64,
    objects: u64,
}

impl Destination {
    /// The object number `at` of a library: ids spread evenly, with a random rest, so that they ascend with `at`.
    fn object(&self, library: u64, at: u64) -> Listed {
        let mut random = fastrand::Rng::with_seed(library << 40 ^ at);
        let step = u64::MAX / self.objects;
        let (mut uuid, mut id) = ([0; 16], [0; 20]);
        uuid[..8].copy_from_slice(&(library * (u64::MAX / self.libraries)).to_be_bytes());
        fastrand::Rng::with_seed(library).fill(&mut uuid[6..]);
        id[..8].copy_from_slice(&(at * step + random.u64(..step)).to_be_bytes());
        random.fill(&mut id[8..]);
        // Mostly small, some megabytes: the median of real blocks is under 1 KB.
        let size = 200 << random.u32(..6) | random.u64(..200) << (random.u32(..64) / 12);
        Listed { key: ObjectKey::new(LibraryId::from_bytes(uuid), ObjectId::from_bytes(id)), size: Some(size) }
    }

    /// Pages of a thousand objects of the libraries `from..to`, in order.
    fn pages(self, from: u64, to: u64) -> impl Iterator<Item = Vec<Listed>> {
        let mut all = (from..to).flat_map(move |library| (0..self.objects).map(move |at| self.object(library, at)));
        std::iter::from_fn(move || Some(all.by_ref().take(1000).collect::<Vec<_>>()).filter(|page| !page.is_empty()))
    }

    /// The libraries in about as many groups as there are threads, times four.
    fn groups(&self) -> Vec<(u64, u64)> {
        let count = self.libraries.min(4 * rayon::current_num_threads() as u64);
        (0..count).map(|at| (self.libraries * at / count, self.libraries * (at + 1) / count)).collect()
    }
}

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let number = |at: usize, otherwise: u64| arguments.get(at).map_or(otherwise, |text| text.parse().unwrap());
    let (keys, libraries) = (number(0, 1_000_000), number(1, 100));
    let folder = arguments.get(2).map_or_else(std::env::temp_dir, PathBuf::from);
    let destination = Destination { libraries, objects: keys / libraries };
    let folder = tempfile::tempdir_in(folder).unwrap();
    println!("{} keys in {libraries} libraries", destination.objects * libraries);
    measure(destination, folder.path());
}

fn measure(destination: Destination, folder: &Path) {
    let keys = destination.objects * destination.libraries;
    let paths = ListPaths::new(&folder.join("list"), ObjectKind::Blocks, None);
    let location = Location { backend: Backend::S3, kind: ObjectKind::Blocks, place: "host/bucket".to_owned() };
    let lock = ListLock::acquire(&paths).unwrap();

    let set = phase("build", keys, || build(destination, &lock, &location));
    println!("           {:.2} bytes a key, {} shards", set.file_len() as f64 / keys as f64, set.shards().count());
    drop(set);
    let (set, mut journal) = phase("open", keys, || existence::prepare(&lock, &location).unwrap().known.unwrap());
    phase("generate", keys, || look_up(destination, None));
    phase("rerun hits", keys, || look_up(destination, Some(&set)));
    let strangers = Destination { libraries: destination.libraries, objects: destination.objects - 1 };
    phase("rerun misses", keys, || look_up(strangers, Some(&set)));
    phase("one by one", 100_000, || {
        let found = (0..100_000u64).filter(|&at| {
            let mut random = fastrand::Rng::with_seed(at);
            let key = destination.object(random.u64(..destination.libraries), random.u64(..destination.objects)).key;
            set.find(&key).is_some()
        });
        assert_eq!(found.count(), 100_000);
    });
    phase("export", keys, || text::export(&set, std::io::sink()).unwrap());
    let noted = keys / 20;
    phase("journal", noted, || {
        for from in (0..noted).step_by(5000) {
            let batch = from..noted.min(from + 5000);
            journal.append(&batch.map(|at| strangers.object(at % 7, at / 7)).collect::<Vec<_>>()).unwrap();
        }
    });
    drop((set, journal));
    let (set, journal) = phase("open + journal", keys, || existence::prepare(&lock, &location).unwrap().known.unwrap());
    phase("rerun + journal", keys, || look_up(destination, Some(&set)));
    phase("merge", keys, || existence::merge(&lock, &set, journal).unwrap());
}

fn build(destination: Destination, lock: &ListLock, location: &Location) -> KnownSet {
    let (builder, _) = SetBuilder::start_or_resume(lock, location).unwrap();
    let groups = destination.groups();
    let starts: Vec<_> = groups.iter().map(|group| destination.object(group.0, 0).key.library).collect();
    (0..groups.len()).into_par_iter().for_each(|group| {
        let mut rest = part(&starts, group);
        let mut stream = builder.stream();
        for page in destination.pages(groups[group].0, groups[group].1) {
            let last = page.last().unwrap().key;
            stream.page(KeyRange::new(rest.first(), last).unwrap(), &page).unwrap();
            rest = rest.after(last).unwrap();
        }
        stream.page(rest, &[]).unwrap();
        stream.finish().unwrap();
    });
    let set = builder.finish().unwrap();
    drop(Journal::open(lock, &set).unwrap());
    set
}

/// The keys from the first library of a group to the first of the next.
fn part(starts: &[LibraryId], group: usize) -> KeyRange {
    let first = if group == 0 { ObjectKey::MIN } else { KeyRange::library(starts[group]).first() };
    let next = starts.get(group + 1).and_then(|next| KeyRange::library(*next).first().predecessor());
    KeyRange::new(first, next.unwrap_or(ObjectKey::MAX)).unwrap()
}

fn look_up(destination: Destination, set: Option<&KnownSet>) -> usize {
    let groups = destination.groups().into_par_iter();
    groups
        .map(|(from, to)| {
            let found = destination.pages(from, to).map(|page| {
                let mut cursor = set.map(KnownSet::cursor);
                page.iter()
                    .filter(|object| cursor.as_mut().is_some_and(|cursor| cursor.find(&object.key).is_some()))
                    .count()
            });
            found.sum::<usize>()
        })
        .sum()
}

/// Runs a phase and prints what it took.
fn phase<T>(name: &str, keys: u64, work: impl FnOnce() -> T) -> T {
    // Begins the peak of the memory anew.
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let (start, cpu) = (Instant::now(), cpu_seconds());
    let out = work();
    let (wall, cpu) = (start.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    let a_key = |seconds: f64| seconds * 1e9 / keys as f64;
    println!(
        "{name:16} {wall:7.2} s  {:6.0} ns a key   CPU {:6.0} ns a key   peak {:4} MB",
        a_key(wall),
        a_key(cpu),
        status("VmHWM:") / 1024
    );
    out
}

/// A line of /proc/self/status, in kB.
fn status(name: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<_> = text.rsplit(')').next().unwrap().split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}
