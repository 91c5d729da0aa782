//! What is on the disk when a folder store says so: on real mounts, and with calls of the system that are made to fail.

use std::fs;
use std::path::Path;
use std::process::Command;

use bytes::Bytes;
use seaf_migrate::store::{ErrorKind, ReadStore, WriteStore};

use crate::support::folder::{ID, Place, first_temporary, key, list, numbered};
use crate::support::mounts::{Fuse, Mounted, tried};
use crate::support::program::only;
use crate::support::skip::skip;
use crate::world::World;

/// The seed of the names that are drawn in [`writes_while_close_fails`].
const SEED: u64 = 7;

#[test]
fn an_error_of_close_is_an_error_of_the_write() {
    if let Err(why) = tried("strace", &["-e", "trace=none", "true"]) {
        return skip("strace", why);
    }
    let folder = tempfile::tempdir().unwrap();
    let place = Place::in_folder(folder.path());
    place.destination().unwrap();
    let test = only(module_path!(), "writes_while_close_fails");
    let output = Command::new("strace")
        .args(["-f", "-o", "/dev/null", "-e", "trace=close", "-e", "inject=close:error=EDQUOT", "-P"])
        .arg(place.file(&first_temporary(SEED)))
        .arg(test.get_program())
        .args(test.get_args())
        .env("SEAF_TEST_FOLDER", folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[test]
#[ignore = "started by the test above, under strace"]
fn writes_while_close_fails() {
    let place = Place::in_folder(Path::new(&std::env::var_os("SEAF_TEST_FOLDER").unwrap()));
    let store = place.destination().unwrap();
    fastrand::seed(SEED);
    let error = store.write(&key(ID), Bytes::from_static(b"data")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoSpace, "{error}");
    assert!(place.files().is_empty(), "{:?}", place.files());
    store.write(&key(ID), Bytes::from_static(b"data")).unwrap();
    assert_eq!(store.read(&key(ID)).unwrap(), "data");
}

#[test]
fn a_folder_on_fuse_is_synced_object_by_object_and_says_so() {
    let world = tempfile::tempdir().unwrap();
    let (real, mounted) = (world.path().join("real"), world.path().join("mounted"));
    [&real, &mounted].into_iter().for_each(|folder| fs::create_dir(folder).unwrap());
    let Some(fuse) = Fuse::mount(&real, &mounted, &world.path().join("trace")) else { return };
    let place = Place::in_folder(&mounted);
    let store = place.destination().unwrap();
    let note = store.durability_note().unwrap();
    assert!(note.contains("FUSE") && note.contains(mounted.to_str().unwrap()), "{note}");
    (0..5).for_each(|number| store.write(&numbered(number), Bytes::from_static(b"data")).unwrap());
    store.sync().unwrap();
    // What a run left that was killed before it could sync anything.
    let left = place.file(ID);
    fs::create_dir_all(left.parent().unwrap()).unwrap();
    fs::write(&left, "left by another run").unwrap();
    store.make_listed_durable().unwrap();
    assert_eq!(list(&store).unwrap().len(), 6);
    drop(store);
    let calls = fuse.calls();
    let synced = |what: &str| calls.iter().filter(|call| call.contains(what) && call.ends_with("= 0")).count();
    for number in 0..5 {
        let file = place.file(&numbered(number).id.to_string());
        let name = file.file_name().unwrap().to_str().unwrap();
        // As a temporary file when it was written, and under its name with everything that is listed.
        assert_eq!((synced(&format!("{name}.seafmig.")), synced(&format!("{name}>"))), (1, 1), "{calls:?}");
    }
    assert_eq!(synced(&format!("{}>", &ID[2..])), 1, "{calls:?}");
}

/// An image of ext4, and a folder to mount it on.
fn ext4(world: &Path) -> Result<(), String> {
    let image = world.join("disk.img");
    fs::File::create(&image).unwrap().set_len(64 << 20).unwrap();
    tried("mkfs.ext4", &["-q", "-F", image.to_str().unwrap()])
}

#[test]
fn what_a_killed_run_left_in_memory_is_on_the_disk_before_it_is_believed() {
    let world = tempfile::tempdir().unwrap();
    if let Err(why) = ext4(world.path()) {
        return skip("ext4", why);
    }
    let [image, later, mounted] = ["disk.img", "later.img", "mounted"].map(|name| world.path().join(name));
    fs::create_dir(&mounted).unwrap();
    let Some(disk) = Mounted::on(&mounted, &["-o", "loop", image.to_str().unwrap()]) else { return };
    let place = Place::in_folder(&mounted);
    // An earlier run: whole files under their names, nothing of them synced.
    let earlier = place.destination().unwrap();
    (0..200).for_each(|number| earlier.write(&numbered(number), Bytes::from(vec![7; 3000])).unwrap());
    drop(earlier);
    let store = place.destination().unwrap();
    store.make_listed_durable().unwrap();
    assert_eq!(list(&store).unwrap().len(), 200);
    // The power fails: what is on the disk at this moment, without a farewell.
    fs::copy(&image, &later).unwrap();
    drop((store, disk));
    let Some(_disk) = Mounted::on(&mounted, &["-o", "loop", later.to_str().unwrap()]) else { return };
    let store = place.destination().unwrap();
    for number in 0..200 {
        assert_eq!(store.read(&numbered(number)).unwrap(), vec![7; 3000], "{number}");
    }
}

/// Copies a folder's files under their names, and syncs nothing.
fn copy_files(from: &Path, to: &Path) {
    for entry in walkdir::WalkDir::new(from) {
        let entry = entry.unwrap();
        let place = to.join(entry.path().strip_prefix(from).unwrap());
        match entry.file_type().is_dir() {
            true => fs::create_dir_all(&place).unwrap(),
            false => drop(fs::copy(entry.path(), &place).unwrap()),
        }
    }
}

#[test]
fn a_run_that_finds_what_a_killed_one_left_vouches_for_it_only_once_it_is_on_the_disk() {
    let world = World::with_sample();
    if let Err(why) = ext4(&world.at("")) {
        return skip("ext4", why);
    }
    let [image, later, target] = ["disk.img", "later.img", "target"].map(|name| world.at(name));
    fs::create_dir_all(&target).unwrap();
    let Some(disk) = Mounted::on(&target, &["-o", "loop", image.to_str().unwrap()]) else { return };
    copy_files(&world.source(), &target.join("storage"));
    let list = world.at("objects").display().to_string();
    let first = world.run(&["--object-list", &list]).assert_code(0);
    assert!(first.total("listed") > 0);
    assert_eq!(first.total("held"), first.total("listed"), "all of it is found there");
    fs::copy(&image, &later).unwrap();
    drop(disk);
    let Some(_disk) = Mounted::on(&target, &["-o", "loop", later.to_str().unwrap()]) else { return };
    world.assert_same(&target.join("storage"));
}

#[test]
fn a_run_onto_fuse_says_once_why_it_is_slow_and_syncs_every_object() {
    let world = World::with_sample();
    let (real, target) = (world.at("real"), world.at("target"));
    [&real, &target].into_iter().for_each(|folder| fs::create_dir_all(folder).unwrap());
    let Some(fuse) = Fuse::mount(&real, &target, &world.at("trace")) else { return };
    let ran = world.run(&[]).assert_code(0);
    assert_eq!(ran.stderr.matches("it is on FUSE").count(), 1, "{}", ran.stderr);
    let synced = fuse.calls().iter().filter(|call| call.contains(".seafmig.") && call.ends_with("= 0")).count() as u64;
    assert!(synced >= ran.total("copied") && ran.total("copied") > 0, "{synced} of {}", ran.total("copied"));
    world.assert_same(&real.join("storage"));
}
