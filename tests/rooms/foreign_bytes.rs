//! The code of the fuzz targets over real files of which bytes were changed, cut, doubled and moved, and over the inputs
//! that the fuzzers kept: no parser of foreign bytes may panic or accept what is wrong. The changes are the same in every
//! run.

mod commit;
mod conf;
mod fs_object;
mod journal;
mod kept;
mod list_file;
mod listing;
mod mysql;
mod report;
mod seeds;
mod swift_login;
mod text_list;

use fastrand::Rng;
use seaf_migrate::object::ObjectKind;

use crate::support::changed::changed;

/// Runs `entry` over the seeds and over `times` changed copies of them.
fn run_changed(seeds: &[Vec<u8>], times: usize, entry: impl Fn(&[u8])) {
    let mut random = Rng::with_seed(0x5eaf);
    seeds.iter().for_each(|seed| entry(seed));
    for _ in 0..times {
        entry(&changed(random.choice(seeds).unwrap(), &mut random));
    }
}

#[test]
fn changed_commits() {
    run_changed(&seeds::objects(ObjectKind::Commits), 20_000, commit::run);
}

#[test]
fn changed_directories_and_files_compressed_and_not() {
    run_changed(&seeds::objects(ObjectKind::Fs), 10_000, fs_object::run);
    run_changed(&seeds::json_of_fs_objects(), 10_000, fs_object::run);
}

#[test]
fn changed_legacy_objects() {
    run_changed(&seeds::legacy_objects(), 20_000, fs_object::run);
}

#[test]
fn changed_configurations() {
    run_changed(&seeds::configurations(), 4_000, conf::run);
}

#[test]
fn changed_lists() {
    // The bytes are a list themselves at first, and then say where to change a good one.
    run_changed(&[list_file::good()], 300, list_file::run);
}

#[test]
fn changed_text_lists() {
    run_changed(&seeds::text_lists(), 300, text_list::run);
}

#[test]
fn changed_journals() {
    run_changed(&[journal::good()], 300, journal::run);
}

#[test]
fn changed_reports() {
    run_changed(&seeds::reports(), 2_000, report::run);
}

#[test]
fn changed_listings() {
    run_changed(&seeds::listings(), 20_000, listing::run);
}

#[test]
fn changed_logins_to_swift() {
    run_changed(&seeds::swift_logins(), 20_000, swift_login::run);
}

#[test]
fn changed_answers_of_mysql() {
    run_changed(&seeds::mysql_answers(), 3_000, mysql::run);
}

#[test]
fn the_same_changes_are_made_in_every_run() {
    let of = |seed| changed(b"[block_backend]\nname = fs\n", &mut Rng::with_seed(seed));
    assert_eq!(of(1), of(1));
    assert!((0..50).map(of).collect::<std::collections::BTreeSet<_>>().len() > 40);
}
