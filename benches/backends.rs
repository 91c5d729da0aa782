//! What each backend costs as a destination and as a source: objects a second, processor time an object.
//!
//! `cargo bench --profile dist --bench backends -- [OBJECTS]` moves so many small objects (5,000 if not said) from a folder to each
//! backend and back to a folder, with the program as people run it. Real servers are those of `scripts/services.sh up`
//! (`eval "$(scripts/services.sh env)"` first); a backend that is not there is SKIPPED. The table is in `README.md` of
//! this folder.
#![allow(missing_docs, dead_code, unreachable_pub, clippy::unwrap_used, clippy::print_stdout)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::time::Instant;

use seaf_migrate::conf::Backend;
use support::places::{Form, Place};
use support::{library, pass};
use tempfile::TempDir;

/// How each backend is spoken to, and what the form is called.
const WAYS: [(Backend, Form, &str); 9] = [
    (Backend::Fs, Form::New, "folder"),
    (Backend::S3, Form::New, "V4, http"),
    (Backend::S3, Form::Old, "V2, http"),
    (Backend::S3, Form::Other, "V4, https"),
    (Backend::Ceph, Form::New, "librados"),
    (Backend::Swift, Form::Other, "v1.0"),
    (Backend::Swift, Form::New, "v3"),
    (Backend::Oss, Form::New, "V4"),
    (Backend::Oss, Form::Old, "V1"),
];

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let objects: usize = arguments.next().map_or(5000, |text| text.parse().unwrap());
    let source = tempfile::tempdir().unwrap();
    library::bulk::bulk_to_dir(source.path(), 1, objects, 200..=4000);
    let old = pass::conf(|_| format!("name = fs\ndir = {}\n", source.path().display()));
    println!("| backend | form | in: objects/s | in: CPU us an object | out: objects/s | out: CPU us an object |");
    println!("|---|---|---|---|---|---|");
    for (backend, form, name) in WAYS {
        match Place::new(backend, form) {
            Ok(place) => row(backend, name, &old, &place, form),
            Err(support::skip::Missing(why)) => println!("SKIPPED {backend} {name}: {why}"),
        }
    }
}

fn row(backend: Backend, name: &str, old: &TempDir, place: &Place, form: Form) {
    let new = pass::conf(|kind| place.section(kind, form));
    let (rate_in, cpu_in) = pass(old, &new);
    let back = tempfile::tempdir().unwrap();
    let home = pass::conf(|_| format!("name = fs\ndir = {}\n", back.path().display()));
    let (rate_out, cpu_out) = pass(&new, &home);
    println!("| {backend} | {name} | {rate_in:.0} | {cpu_in:.0} | {rate_out:.0} | {cpu_out:.0} |");
}

/// One pass: objects a second, and processor time in microseconds an object.
fn pass(from: &TempDir, to: &TempDir) -> (f64, f64) {
    let (start, cpu) = (Instant::now(), children_seconds());
    pass::run(from, to);
    let (wall, cpu) = (start.elapsed().as_secs_f64(), children_seconds() - cpu);
    let report = std::fs::read(to.path().join("report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
    let copied: u64 = report["kinds"].as_array().unwrap().iter().map(|kind| kind["copied"].as_u64().unwrap()).sum();
    assert!(copied > 0, "nothing was copied");
    (copied as f64 / wall, cpu * 1e6 / copied as f64)
}

/// Processor time of the programs that were waited for, user and system, in seconds.
fn children_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<_> = text.rsplit(')').next().unwrap().split_whitespace().collect();
    (fields[13].parse::<f64>().unwrap() + fields[14].parse::<f64>().unwrap()) / 100.0
}
