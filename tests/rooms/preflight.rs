//! What a check finds of the stores of both sides: which of them is not ready and why, and that nothing stays behind.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use seaf_migrate::conf::{Environment, SideConf, SideSource, load_pair};
use seaf_migrate::content::sha1_of;
use seaf_migrate::object::{ObjectId, ObjectKind};
use seaf_migrate::preflight::{self, Depth, PreflightReport, Probe, Side, StoreProbe};
use seaf_migrate::store::ErrorKind;
use seaf_migrate::store::layer::retry::RetryPolicy;
use seaf_migrate::store::open::OpenOptions;
use seaf_migrate::sys::shutdown::Shutdown;

use crate::support::s3_server::{S3Server, WrongGet};

const LIBRARY: &str = "3f8a9c1e-7b42-4d0e-9a55-0c1d2e3f4a5b";
const SECTIONS: [&str; 3] = ["commit_object_backend", "fs_object_backend", "block_backend"];

/// An old and a new side in a folder.
struct Desk(tempfile::TempDir);

impl Desk {
    /// Both sides in folders; the old one has a block.
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        for side in ["old", "new"] {
            fs::create_dir_all(desk.at(side)).unwrap();
            desk.describe(side, |_| format!("name = fs\ndir = {}\n", desk.at(&format!("{side}-data")).display()));
            fs::create_dir_all(desk.at(&format!("{side}-data"))).unwrap();
        }
        for kind in ObjectKind::ALL {
            fs::create_dir_all(desk.at("old-data/storage").join(kind.as_str())).unwrap();
        }
        desk.put_block(b"a block");
        desk
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn describe(&self, side: &str, section: impl Fn(ObjectKind) -> String) {
        let sections = SECTIONS.iter().zip(ObjectKind::ALL);
        let conf: String = sections.map(|(name, kind)| format!("[{name}]\n{}\n", section(kind))).collect();
        fs::write(self.at(side).join("seafile.conf"), conf).unwrap();
    }

    /// Puts a block with these bytes into the old side; its file.
    fn put_block(&self, data: &[u8]) -> PathBuf {
        let id = sha1_of(data).to_string();
        let folder = self.at("old-data/storage/blocks").join(LIBRARY).join(&id[..2]);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(&id[2..]), data).unwrap();
        folder.join(&id[2..])
    }

    /// The old side in buckets; that of the blocks has objects with these ids, whatever their bytes.
    fn old_side_is_s3(&self, server: &S3Server, ids: &[String]) {
        self.describe("old", |kind| {
            fs::create_dir_all(self.at("buckets").join(format!("seaf-{kind}"))).unwrap();
            format!(
                "name = s3\nbucket = seaf-{kind}\nhost = {}\nkey_id = key\nkey = secret\npath_style_request = true\n\
                 use_v4_signature = true\nuse_https = false\n",
                server.endpoint()
            )
        });
        fs::create_dir_all(self.at("buckets/seaf-blocks").join(LIBRARY)).unwrap();
        for id in ids {
            fs::write(self.at("buckets/seaf-blocks").join(LIBRARY).join(id), "data").unwrap();
        }
    }

    fn sides(&self) -> (SideConf, SideConf) {
        let side = |name: &str| SideSource { path: self.at(name), data_dir: None };
        load_pair(&side("old"), &side("new"), &Environment::default()).unwrap()
    }

    fn check(&self) -> PreflightReport {
        let (from, to) = self.sides();
        let retry = RetryPolicy { attempts: 1, ..RetryPolicy::default() };
        let options = OpenOptions::new(4, Duration::from_secs(60), retry, &Shutdown::new());
        preflight::check(&from, &to, &options, Depth::Libraries)
    }

    /// Every file and folder in this one.
    fn everything(&self) -> BTreeSet<PathBuf> {
        let entries = walkdir::WalkDir::new(self.0.path()).into_iter().map(|entry| entry.unwrap().into_path());
        entries.filter(|path| !path.starts_with(self.at("buckets"))).collect()
    }
}

fn row(report: &PreflightReport, side: Side, kind: ObjectKind) -> &StoreProbe {
    report.rows.iter().find(|row| row.side == side && row.kind == kind).unwrap()
}

/// Ids of which the last digit is this one, in their order.
fn ids(last: &str, count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{n:038x}a{last}")).collect()
}

#[test]
fn a_check_of_two_sides_that_are_ready_says_so_of_six_stores_and_leaves_nothing() {
    let desk = Desk::new();
    let before = desk.everything();
    let report = desk.check();
    assert!(report.is_good(), "{:?}", report.problems().collect::<Vec<_>>());
    assert_eq!((report.rows.len(), &report.warnings), (6, &Vec::new()));
    assert!(matches!(row(&report, Side::From, ObjectKind::Blocks).read, Probe::Good));
    assert!(matches!(row(&report, Side::From, ObjectKind::Fs).read, Probe::Untried), "there is nothing to read");
    for kind in ObjectKind::ALL {
        assert!(matches!(row(&report, Side::To, kind).write, Probe::Good), "{kind}");
        assert!(matches!(row(&report, Side::From, kind).write, Probe::Untried), "a source is never written");
    }
    assert_eq!(desk.everything(), before);
}

#[test]
fn each_store_that_is_not_ready_is_named_by_side_and_kind_and_the_others_are_still_tried() {
    let desk = Desk::new();
    fs::remove_dir_all(desk.at("old-data/storage/fs")).unwrap();
    fs::create_dir_all(desk.at("new-data/storage")).unwrap();
    fs::write(desk.at("new-data/storage/blocks"), "a file where a folder is to be").unwrap();
    let report = desk.check();
    let wrong: Vec<(Side, ObjectKind)> =
        report.rows.iter().filter(|row| row.problems().next().is_some()).map(|row| (row.side, row.kind)).collect();
    assert_eq!(wrong, [(Side::From, ObjectKind::Fs), (Side::To, ObjectKind::Blocks)]);
    let told: Vec<String> = report.problems().map(ToString::to_string).collect();
    assert!(told[0].contains("(old fs)") && told[1].contains("(new blocks)"), "{told:?}");
    assert!(matches!(row(&report, Side::To, ObjectKind::Fs).write, Probe::Good));
    assert_eq!(fs::read_to_string(desk.at("new-data/storage/blocks")).unwrap(), "a file where a folder is to be");
}

#[test]
fn a_library_of_the_new_side_that_is_a_link_into_the_old_one_is_one_store_with_it() {
    let desk = Desk::new();
    fs::create_dir_all(desk.at("new-data/storage/blocks")).unwrap();
    let here = desk.at("old-data/storage/blocks").join(LIBRARY);
    symlink(here, desk.at("new-data/storage/blocks").join(LIBRARY)).unwrap();
    let before = desk.everything();
    let report = desk.check();
    let same: Vec<String> = report.same.iter().map(ToString::to_string).collect();
    assert!(same.iter().any(|place| place.contains(LIBRARY)) && !report.is_good(), "{same:?}");
    assert_eq!(desk.everything(), before, "nothing is left in either");
}

#[test]
fn an_object_whose_bytes_are_wrong_is_a_warning_and_no_reason_not_to_begin() {
    let desk = Desk::new();
    fs::remove_dir_all(desk.at("old-data/storage/blocks").join(LIBRARY)).unwrap();
    let file = desk.put_block(b"another block");
    fs::write(&file, b"another bl0ck").unwrap();
    let report = desk.check();
    assert!(report.is_good());
    let [warning] = &report.warnings[..] else { panic!("{:?}", report.warnings) };
    assert!(warning.contains("the blocks object") && warning.contains("is damaged"), "{warning}");
}

#[test]
fn a_store_whose_first_objects_are_in_an_archive_is_read_where_others_are_not() {
    let desk = Desk::new();
    fs::create_dir(desk.at("buckets")).unwrap();
    let server = S3Server::start(&desk.at("buckets"), "key", "secret");
    // Those that end in a digit are in the archive; of all of them some are tried, from all over the page.
    desk.old_side_is_s3(&server, &[ids("0", 4), ids("f", 8).split_off(4)].concat());
    server.faults().wrong_gets(WrongGet::Archived, u64::MAX);
    let report = desk.check();
    assert!(report.is_good(), "{:?}", report.problems().collect::<Vec<_>>());
    assert!(matches!(row(&report, Side::From, ObjectKind::Blocks).read, Probe::Good));
}

#[test]
fn a_store_of_which_nothing_can_be_read_before_it_is_restored_is_not_ready_and_that_is_the_advice() {
    let desk = Desk::new();
    fs::create_dir(desk.at("buckets")).unwrap();
    let server = S3Server::start(&desk.at("buckets"), "key", "secret");
    desk.old_side_is_s3(&server, &ids("0", 8));
    server.faults().wrong_gets(WrongGet::Archived, u64::MAX);
    let report = desk.check();
    let problems: Vec<_> = report.problems().collect();
    let [problem] = &problems[..] else { panic!("{problems:?} {:?}", row(&report, Side::From, ObjectKind::Blocks)) };
    assert_eq!(problem.kind(), ErrorKind::Archived);
    assert!(problem.to_string().contains("(old blocks in s3:") && problem.to_string().ends_with("restore it first"));
}

#[test]
fn what_a_check_that_was_killed_left_goes_with_the_next_one() {
    let desk = Desk::new();
    let library = "ffffffff-ffff-ffff-ffff-ffffffffffff";
    let probe: ObjectId = preflight::PROBE.id;
    let left = |root: &Path| root.join(library).join(&probe.to_string()[..2]).join(&probe.to_string()[2..]);
    for kind in ObjectKind::ALL {
        let file = left(&desk.at("new-data/storage").join(kind.as_str()));
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, "what an earlier check wrote").unwrap();
    }
    assert!(desk.check().is_good());
    for kind in ObjectKind::ALL {
        let root = desk.at("new-data/storage").join(kind.as_str());
        assert!(root.exists() && !root.join(library).exists(), "{kind}");
    }
}
