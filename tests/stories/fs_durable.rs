//! What a folder store promises of the disk: closed without an error, synced where the file system can be believed at
//! once and object by object where it cannot, and what a killed run left made durable before it is believed.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use seaf_migrate::object::KeyRange;
use seaf_migrate::store::backend::fs::FsStore;
use seaf_migrate::store::{ErrorKind, ReadStore, WriteStore};

use crate::support::folder::{ID, Place, as_nobody, ignored_in, key, list, numbered};
use crate::support::mounts::{Fuse, Mounted, tried};
use crate::support::skip::skip;

/// The name of the temporary file that a thread seeded with this draws first for the object `ID`.
fn first_temporary(seed: u64) -> String {
    format!("{ID}.seafmig.{:016x}", fastrand::Rng::with_seed(seed).u64(..))
}

#[test]
fn an_error_of_close_is_an_error_of_the_write() {
    const SEED: u64 = 7;
    if let Some(folder) = std::env::var_os("SEAF_TEST_CLOSE_FAILS") {
        let place = Place::in_folder(Path::new(&folder));
        let store = place.destination().unwrap();
        fastrand::seed(SEED);
        let error = store.write(&key(ID), Bytes::from_static(b"data")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoSpace, "{error}");
        assert!(place.files().is_empty(), "{:?}", place.files());
        store.write(&key(ID), Bytes::from_static(b"data")).unwrap();
        return assert_eq!(store.read(&key(ID)).unwrap(), "data");
    }
    if let Err(why) = tried("strace", &["-e", "trace=none", "true"]) {
        return skip("strace", &why);
    }
    let folder = tempfile::tempdir().unwrap();
    let place = Place::in_folder(folder.path());
    place.destination().unwrap();
    let output = Command::new("strace")
        .args(["-f", "-o", "/dev/null", "-e", "trace=close", "-e", "inject=close:error=EDQUOT", "-P"])
        .arg(place.file(&first_temporary(SEED)))
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "fs_durable::an_error_of_close_is_an_error_of_the_write"])
        .env("SEAF_TEST_CLOSE_FAILS", folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
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

#[test]
fn a_folder_of_this_machine_is_synced_at_once_and_there_is_nothing_to_say() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::in_folder(folder.path());
    assert_eq!(place.destination().unwrap().durability_note(), None);
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
        return skip("ext4", &why);
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

#[test]
fn a_library_on_a_disk_of_its_own_is_synced_too() {
    let world = tempfile::tempdir().unwrap();
    let place = Place::in_folder(world.path());
    let store = place.destination().unwrap();
    fs::create_dir(place.library()).unwrap();
    let Some(_disk) = Mounted::on(&place.library(), &["-t", "tmpfs", "-o", "size=1m", "tmpfs"]) else { return };
    store.write(&key(ID), Bytes::from_static(b"elsewhere")).unwrap();
    store.sync().unwrap();
    place.destination().unwrap().make_listed_durable().unwrap();
    assert_eq!(store.read(&key(ID)).unwrap(), "elsewhere");
}

#[test]
fn what_cannot_be_made_durable_is_an_error() {
    as_nobody(|| {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::in_folder(folder.path());
        let store = place.destination().unwrap();
        store.write(&key(ID), Bytes::from_static(b"data")).unwrap();
        fs::set_permissions(place.library(), fs::Permissions::from_mode(0o000)).unwrap();
        let error = store.make_listed_durable().unwrap_err();
        assert_eq!((error.kind(), error.action()), (ErrorKind::NotDurable, "sync"), "{error}");
        assert!(error.to_string().contains(place.library().to_str().unwrap()), "{error}");
        fs::set_permissions(place.library(), fs::Permissions::from_mode(0o755)).unwrap();
        store.make_listed_durable().unwrap();
    });
}

#[test]
fn two_runs_that_know_one_folder_by_two_names_never_share_a_temporary_file() {
    let world = tempfile::tempdir().unwrap();
    let (one, other) = (world.path().join("one"), world.path().join("other"));
    fs::create_dir(&one).unwrap();
    std::os::unix::fs::symlink(&one, &other).unwrap();
    let places = [Place::in_folder(&one), Place::in_folder(&other)];
    let content = |number: u8| Bytes::from(vec![number; 60_000 + usize::from(number)]);
    std::thread::scope(|scope| {
        for (number, place) in (0u8..).zip(&places) {
            let store = place.destination().unwrap();
            scope.spawn(move || (0..200).for_each(|_| store.write(&key(ID), content(number)).unwrap()));
        }
    });
    let kept = places[0].destination().unwrap().read(&key(ID)).unwrap();
    assert_eq!(kept, content(kept[0]));
    assert_eq!(places[0].files(), BTreeSet::from([places[0].file(ID)]), "no temporary file is left");
}

#[test]
fn a_name_that_somebody_took_is_not_written_into_nor_taken_away() {
    const SEED: u64 = 11;
    let world = tempfile::tempdir().unwrap();
    let place = Place::in_folder(world.path());
    let store = place.destination().unwrap();
    store.write(&numbered(0xab), Bytes::new()).unwrap();
    let (victim, foreseen) = (world.path().join("victim"), place.file(&first_temporary(SEED)));
    fs::write(&victim, "precious").unwrap();
    std::os::unix::fs::symlink(&victim, &foreseen).unwrap();
    fastrand::seed(SEED);
    store.write(&key(ID), Bytes::from_static(b"data")).unwrap();
    assert_eq!(fs::read(&victim).unwrap(), b"precious");
    assert!(fs::symlink_metadata(&foreseen).unwrap().is_symlink());
    assert_eq!(store.read(&key(ID)).unwrap(), "data");
}

/// How long ago a file was written last.
fn written_ago(path: &Path, ago: Duration) {
    fs::File::options().write(true).open(path).unwrap().set_modified(SystemTime::now() - ago).unwrap();
}

#[test]
fn what_a_crash_left_is_ignored_and_taken_away_when_it_is_surely_nobodys() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::in_folder(folder.path());
    let store = place.destination().unwrap();
    store.write(&key(ID), Bytes::from_static(b"the object")).unwrap();
    let [old, older, new, foreign] = ["seafmig", "seafmig.0123456789abcdef", "seafmig.00000000ffffffff", "a8Xk2Q"]
        .map(|end| place.file(&format!("{ID}.{end}")));
    for (path, hours) in [(&old, 25), (&older, 100), (&new, 23), (&foreign, 100)] {
        fs::write(path, "half of").unwrap();
        written_ago(path, Duration::from_secs(hours * 3600));
    }
    let other_link = folder.path().join("another-link");
    fs::hard_link(&old, &other_link).unwrap();
    // Neither a source nor a look at a destination takes anything away.
    let readers: [fn(&Place) -> FsStore; 2] = [|place| place.source().unwrap(), |place| place.destination_to_read()];
    for open in readers {
        assert_eq!(ignored_in(&open(&place), KeyRange::ALL), 4);
    }
    assert_eq!(ignored_in(&store, KeyRange::ALL), 4, "what is taken away was there");
    assert_eq!(ignored_in(&store, KeyRange::ALL), 2);
    assert_eq!(place.files(), BTreeSet::from([place.file(ID), new, foreign]));
    assert_eq!(fs::read(other_link).unwrap(), b"half of");
    store.write(&key(ID), Bytes::from_static(b"again")).unwrap();
    assert_eq!(place.files().len(), 3, "another's temporary file is left alone");
}
