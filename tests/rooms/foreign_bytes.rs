//! The code of the fuzz targets over real files of which bytes were changed, cut, doubled and moved: no parser of foreign
//! files may panic or accept what is wrong. The changes are the same in every run.

mod commit;
mod conf;
mod fs_object;
mod journal;
mod list_file;

use std::path::Path;

use fastrand::Rng;
use flate2::{Compression, write::ZlibEncoder};
use seaf_migrate::object::ObjectKind;

use crate::support::changed::changed;
use crate::support::sample;

/// Runs `entry` over the seeds and over `times` changed copies of them.
fn run_changed(seeds: &[Vec<u8>], times: usize, entry: impl Fn(&[u8])) {
    let mut random = Rng::with_seed(0x5eaf);
    seeds.iter().for_each(|seed| entry(seed));
    for _ in 0..times {
        entry(&changed(random.choice(seeds).unwrap(), &mut random));
    }
}

fn sample(kind: ObjectKind) -> Vec<Vec<u8>> {
    let of_kind = sample::sample_objects().into_iter().filter(|(found, ..)| *found == kind);
    of_kind.map(|(_, _, data)| data).filter(|data| data.len() < 4000).collect()
}

#[test]
fn changed_commits() {
    run_changed(&sample(ObjectKind::Commits), 20_000, commit::run);
}

#[test]
fn changed_directories_and_files_compressed_and_not() {
    let stored = sample(ObjectKind::Fs);
    run_changed(&stored, 10_000, fs_object::run);
    // Changed before they are compressed, because behind a checksum hardly a change gets as far as the JSON.
    let unzipped = |data: &Vec<u8>| {
        let mut json = Vec::new();
        std::io::Read::read_to_end(&mut flate2::read::ZlibDecoder::new(&data[..]), &mut json).unwrap();
        json
    };
    let json: Vec<Vec<u8>> = stored.iter().map(unzipped).collect();
    run_changed(&json, 10_000, |data| {
        let mut zip = ZlibEncoder::new(Vec::new(), Compression::fast());
        std::io::Write::write_all(&mut zip, data).unwrap();
        fs_object::run(&zip.finish().unwrap());
    });
}

#[test]
fn changed_legacy_objects() {
    let file = [&[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 60][..], &[7; 60]].concat();
    let entry = |name: &[u8]| {
        [&[0, 0, 0x81, 0xa4][..], &[b'a'; 40], &[0, 0, 0, u8::try_from(name.len()).unwrap()], name].concat()
    };
    let dir = [vec![0, 0, 0, 3], entry(b"a.txt"), entry(&[b'x'; 200]), entry("é".as_bytes())].concat();
    run_changed(&[file, dir], 20_000, fs_object::run);
}

#[test]
fn changed_configurations() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf");
    let entries = std::fs::read_dir(root.join("examples")).unwrap().map(|entry| entry.unwrap().path());
    let mut seeds: Vec<Vec<u8>> = entries.map(|path| std::fs::read(path).unwrap()).collect();
    // Only the options, because a changed explanation has no effect.
    let example = std::fs::read_to_string(root.join("seafile.conf.example")).unwrap();
    let options =
        example.lines().filter_map(|line| line.strip_prefix('#')).filter(|line| !line.starts_with([' ', '#']));
    seeds.push(options.collect::<Vec<_>>().join("\n").into_bytes());
    seeds.push(
        b"SEAF_SERVER_STORAGE_TYPE=s3\nexport S3_KEY_ID='id' # x\nS3_SECRET_KEY=\"a\\\"b\"\nS3_HOST=[::1]:9000\n"
            .to_vec(),
    );
    assert!(seeds.len() >= 8);
    run_changed(&seeds, 4_000, conf::run);
}

#[test]
fn changed_lists() {
    let folder = tempfile::tempdir().unwrap();
    let good = list_file::Good::new(folder.path());
    // The bytes are a list themselves at first, and then say where to change a good one.
    run_changed(&[std::fs::read(folder.path().join("list.fs")).unwrap()], 300, |data| list_file::run(&good, data));
}

#[test]
fn changed_journals() {
    let folder = tempfile::tempdir().unwrap();
    let good = journal::Good::new(folder.path());
    run_changed(&[std::fs::read(folder.path().join("list.fs.journal")).unwrap()], 300, |data| {
        journal::run(&good, data)
    });
}

#[test]
fn the_same_changes_are_made_in_every_run() {
    let of = |seed| changed(b"[block_backend]\nname = fs\n", &mut Rng::with_seed(seed));
    assert_eq!(of(1), of(1));
    assert!((0..50).map(of).collect::<std::collections::BTreeSet<_>>().len() > 40);
}
