//! Servers that fail in the middle of a pass: tokens that expire, an OSD that hangs for a while or for good.

use std::io::{BufRead, BufReader};
use std::process::Child;
use std::time::{Duration, Instant};

use seaf_migrate::conf::CephConf;
use seaf_migrate::object::ObjectKind;
use tempfile::TempDir;

use crate::support::ceph::Alone;
use crate::support::ceph::Pool;
use crate::support::library::bulk::{bulk, bulk_to_dir};
use crate::support::pass;
use crate::support::pass::Objects;
use crate::support::places::{Account, Containers, Form, Place};
use crate::support::skip::{Missing, skip};

const SEED: u64 = 11;
/// For a start; as many more as it takes for a pass of one worker to outlast a token, which lives for three seconds.
const MANY_FOR_SWIFT: usize = 1_200;
/// No machine copies these in the life of a token.
const MOST_FOR_SWIFT: usize = 100_000;
/// The least time in which a pass sees a token expire.
const OUTLASTS_A_TOKEN: Duration = Duration::from_millis(3_500);
/// Enough objects for a pass to be far from its end when it begins to copy.
const MANY_FOR_CEPH: usize = 4_000;

fn generated(count: usize) -> Objects {
    bulk(SEED, count, 200..=4_000).map(|(kind, key, data)| ((kind, key), data)).collect()
}

/// The generated store in a folder.
fn folder(count: usize) -> Place {
    let dir = tempfile::tempdir().unwrap();
    bulk_to_dir(dir.path(), SEED, count, 200..=4_000);
    Place::Fs(dir)
}

#[test]
fn tokens_that_expire_in_the_middle_of_a_pass_lose_nothing() {
    let account = match Account::short() {
        Ok(account) => account,
        Err(Missing(why)) => return skip("swift, tokens of three seconds", why),
    };
    let mut count = MANY_FOR_SWIFT;
    while there_and_back(&account, count) < OUTLASTS_A_TOKEN {
        count *= 2;
        assert!(count < MOST_FOR_SWIFT, "no pass outlasted a token");
    }
}

/// Moves a store of `count` objects to Swift and back with one worker, and returns how long the shorter pass took.
fn there_and_back(account: &Account, count: usize) -> Duration {
    let there = Place::Swift(Containers::new(account.clone()));
    let (from, back) = (folder(count), Place::Fs(tempfile::tempdir().unwrap()));
    let conf = |place: &Place| pass::conf(|kind| place.section(kind, Form::New));
    let (old, swift, new) = (conf(&from), conf(&there), conf(&back));
    let took = [(&old, &swift), (&swift, &new)].map(|(from, to)| {
        let began = Instant::now();
        pass::finish(pass::start("run", from, to, &["--nworker", "1"]), 0);
        let took = began.elapsed();
        pass::assert_holds(to, &generated(count));
        took
    });
    took.into_iter().min().unwrap_or_default()
}

/// A configuration with three pools, whose operations end after `seconds` at the latest.
fn impatient(pools: &[Pool; 3], seconds: &str) -> (TempDir, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let CephConf { config_file, .. } = pools[0].conf_with(folder.path(), &[("rados osd op timeout", seconds)]);
    let conf = pass::conf(|kind: ObjectKind| {
        let pool = &pools[kind.index()].conf.pool;
        format!("name = ceph\nceph_config = {}\npool = {pool}\n", config_file.display())
    });
    (conf, folder)
}

fn pools(cluster: &Alone) -> Option<[Pool; 3]> {
    Some([cluster.pool_or_skip()?, cluster.pool_or_skip()?, cluster.pool_or_skip()?])
}

/// Reads what the program prints until it begins to copy; the rest is read on, so that it can go on printing.
fn wait_until_it_copies(child: &mut Child) {
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("Start to migrate [blocks]") {
        line.clear();
        assert!(out.read_line(&mut line).unwrap() > 0, "the program ended before it copied");
    }
    std::thread::spawn(move || std::io::copy(&mut out, &mut std::io::sink()));
}

#[test]
fn an_osd_that_hangs_for_twenty_seconds_costs_nothing() {
    let cluster = Alone::new();
    let Some(pools) = pools(&cluster) else { return };
    let (from, (to, _folder)) = (folder(MANY_FOR_CEPH), impatient(&pools, "4"));
    let old = pass::conf(|kind| from.section(kind, Form::New));
    let mut child = pass::start("run", &old, &to, &["--nworker", "4", "--attempts", "20"]);
    wait_until_it_copies(&mut child);
    let frozen = cluster.freeze_osd();
    std::thread::sleep(Duration::from_secs(20));
    drop(frozen);
    pass::finish(child, 0);
    assert!(pass::reported(&to, "retries") >= 4, "the pass was over before the OSD hung");
    pass::assert_holds(&to, &generated(MANY_FOR_CEPH));
}

#[test]
fn an_osd_that_hangs_for_good_ends_the_pass_and_a_rerun_completes_it() {
    let cluster = Alone::new();
    let Some(pools) = pools(&cluster) else { return };
    let (from, (to, _folder)) = (folder(MANY_FOR_CEPH), impatient(&pools, "3"));
    let old = pass::conf(|kind| from.section(kind, Form::New));
    let mut child = pass::start("run", &old, &to, &["--patience", "20"]);
    wait_until_it_copies(&mut child);
    let frozen = cluster.freeze_osd();
    let output = pass::finish(child, 3);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("timeout") && said.contains("taken for gone"), "{said}");

    // `check` finds it, too.
    let output = pass::finish(pass::start("check", &old, &to, &["--attempts", "1", "--patience", "1"]), 3);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!((said.matches(": timeout: ").count(), said.matches("the same of new fs").count()), (1, 1), "{said}");

    drop(frozen);
    pass::run(&old, &to);
    pass::assert_holds(&to, &generated(MANY_FOR_CEPH));
}
