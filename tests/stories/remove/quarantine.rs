//! What a folder held goes to a quarantine first: brought back from there, or deleted for good under the same conditions.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

const QUARANTINE: &str = "removed-by-seaf-migrate";

/// What is in quarantine, as paths below `storage`, without the name of the quarantine.
fn in_quarantine(world: &World) -> BTreeSet<PathBuf> {
    let all = objects_below(&world.source()).into_keys();
    let inside = all.filter(|path| path.iter().any(|name| name == QUARANTINE));
    inside.map(|path| path.iter().filter(|name| *name != QUARANTINE).collect()).collect()
}

fn bytes_below(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    objects_below(folder).into_keys().map(|path| (path.clone(), fs::read(folder.join(path)).unwrap())).collect()
}

#[test]
fn what_was_removed_comes_back_byte_for_byte() {
    let world = ready();
    let (before, names) = (bytes_below(&world.source()), left(&world));
    let removed = go(&world, &[]).assert_code(0);
    assert!(left(&world).is_empty());
    assert_eq!(in_quarantine(&world), names);
    let report = removed.report.as_ref().unwrap();
    assert_eq!((&report["stage"], report["quarantine"].as_array().unwrap().len()), (&"remove".into(), 3));
    assert!(removed.stdout.contains("remove --restore brings them back"), "{}", removed.stdout);
    let dry = remove(&world, &["--restore"]).assert_code(0);
    assert!(dry.stdout.contains(&format!("--yes would move {OBJECTS} objects back")), "{}", dry.stdout);
    assert!(left(&world).is_empty());
    let back = go(&world, &["--restore"]).assert_code(0);
    assert!(back.stdout.contains(&format!("{OBJECTS} objects moved back from quarantine")), "{}", back.stdout);
    assert_eq!(bytes_below(&world.source()), before);
    for kind in ObjectKind::ALL {
        assert!(!world.source().join(kind.as_str()).join(QUARANTINE).exists());
    }
    // A second time there is nothing to bring back, and what is back can be removed again.
    assert!(go(&world, &["--restore"]).assert_code(0).stdout.contains("0 objects moved back"));
    assert_eq!(sum(&go(&world, &[]).assert_code(0), "removed"), OBJECTS);
}

#[test]
fn one_library_comes_back_alone() {
    let world = ready();
    let library = left(&world).iter().next().unwrap().iter().nth(1).unwrap().to_str().unwrap().to_owned();
    let of_library = |names: &BTreeSet<PathBuf>| -> BTreeSet<PathBuf> {
        names.iter().filter(|path| path.iter().nth(1).unwrap() == library.as_str()).cloned().collect()
    };
    let names = left(&world);
    go(&world, &[]).assert_code(0);
    go(&world, &["--restore", "--library", &library]).assert_code(0);
    assert_eq!(left(&world), of_library(&names));
    assert!(of_library(&in_quarantine(&world)).is_empty());
}

#[test]
fn purge_deletes_what_the_new_side_still_holds_and_nothing_else() {
    let world = ready();
    go(&world, &[]).assert_code(0);
    let [gone, short] = [0, 1].map(|n| {
        let names = in_quarantine(&world);
        names.into_iter().filter(|path| path.starts_with("blocks")).nth(n).unwrap()
    });
    let there = world.at("target/storage");
    fs::remove_file(there.join(&gone)).unwrap();
    fs::write(there.join(&short), "s").unwrap();
    let dry = remove(&world, &["--purge"]).assert_code(1);
    assert_eq!((sum(&dry, "removed"), in_quarantine(&world).len() as u64), (OBJECTS - 2, OBJECTS));
    let purged = go(&world, &["--purge"]).assert_code(1);
    assert_eq!((sum(&purged, "removed"), sum(&purged, "kept")), (OBJECTS - 2, 2));
    assert_eq!(purged.report.as_ref().unwrap()["stage"], "purge");
    assert_eq!(in_quarantine(&world), BTreeSet::from([gone.clone(), short.clone()]));
    assert_eq!(
        kept(&purged),
        BTreeSet::from([
            format!("{}: missing at the destination", gone.display()),
            format!("{}: another size at the destination", short.display()),
        ])
    );
    // What the new side lost can still be had.
    go(&world, &["--restore"]).assert_code(0);
    assert_eq!(left(&world), BTreeSet::from([gone, short]));
}

#[test]
fn purge_leaves_no_trace_when_all_is_held_and_says_so_when_there_is_nothing() {
    let world = ready();
    assert!(go(&world, &["--purge"]).assert_code(0).stdout.contains("nothing is in quarantine"));
    assert_eq!(left(&world).len() as u64, OBJECTS);
    go(&world, &[]).assert_code(0);
    assert_eq!(sum(&go(&world, &["--purge"]).assert_code(0), "removed"), OBJECTS);
    for kind in ObjectKind::ALL {
        assert_eq!(fs::read_dir(world.source().join(kind.as_str())).unwrap().count(), 0);
    }
}

#[test]
fn purge_asks_for_the_same_proof_as_the_removal() {
    let world = ready();
    go(&world, &[]).assert_code(0);
    let kept = in_quarantine(&world);
    // A verification that finds something, since.
    let block = kept.iter().find(|path| path.starts_with("blocks")).unwrap();
    fs::write(world.at("target/storage").join(block), "other").unwrap();
    fs::write(world.source().join(block.iter().next().unwrap()).join("note"), "").unwrap();
    go(&world, &["--restore", "--library", block.iter().nth(1).unwrap().to_str().unwrap()]).assert_code(0);
    world.verify(&["--content", "--db", &db(&world)]).assert_code(1);
    let kept = in_quarantine(&world);
    assert!(go(&world, &["--purge"]).assert_code(2).stderr.contains("had 1 finding"));
    assert_eq!(in_quarantine(&world), kept);
}

#[test]
fn what_the_source_has_again_stays_in_quarantine() {
    let world = ready();
    go(&world, &[]).assert_code(0);
    let again = in_quarantine(&world).into_iter().next().unwrap();
    let place = world.source().join(&again);
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    fs::write(&place, "another one").unwrap();
    let back = go(&world, &["--restore"]).assert_code(1);
    assert!(back.stderr.contains("1 object LEFT in quarantine"), "{}\n{}", back.stdout, back.stderr);
    assert_eq!(fs::read(&place).unwrap(), b"another one");
    assert_eq!(in_quarantine(&world), BTreeSet::from([again]));
}

#[test]
fn a_link_in_the_place_of_the_quarantine_leads_nowhere() {
    let world = ready();
    let before = left(&world);
    let outside = world.at("elsewhere");
    fs::create_dir(&outside).unwrap();
    for kind in ObjectKind::ALL {
        symlink(&outside, world.source().join(kind.as_str()).join(QUARANTINE)).unwrap();
    }
    let outcome = go(&world, &[]).assert_code(1);
    assert!(outcome.rows("kept").iter().all(|row| row["cause"].as_str().unwrap().contains("symbolic link")));
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    assert_eq!(left(&world), before);
    assert!(go(&world, &["--purge"]).assert_code(3).stderr.contains("symbolic link"));
}
