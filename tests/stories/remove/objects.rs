//! What is removed and what is kept, object by object.

use super::*;

#[test]
fn everything_that_the_new_side_holds_goes_and_the_new_side_stays_whole() {
    let world = ready();
    let before = left(&world);
    assert_eq!(before.len() as u64, OBJECTS);
    let outcome = go(&world, &["--content"]).assert_code(0);
    assert_eq!((sum(&outcome, "removed"), sum(&outcome, "kept")), (OBJECTS, 0));
    assert!(left(&world).is_empty());
    assert!(outcome.stdout.contains(&format!("{OBJECTS} objects removed from the source")), "{}", outcome.stdout);
    // Every object is in the journal once, the pointing kinds first.
    let names = journalled(&world);
    assert_eq!(names.iter().cloned().collect::<BTreeSet<_>>(), before);
    let kinds: Vec<_> = names.iter().map(|name| name.iter().next().unwrap()).collect();
    assert!(kinds.is_sorted_by_key(|kind| ["commits", "fs", "blocks"].iter().position(|name| name == kind)));
    // The folders of the objects went with them, those of the kinds did not.
    for kind in ObjectKind::ALL {
        let names = fs::read_dir(world.source().join(kind.as_str())).unwrap().map(|entry| entry.unwrap().file_name());
        assert_eq!(names.collect::<Vec<_>>(), ["removed-by-seaf-migrate"]);
    }
    let mut fsck = world.program();
    fsck.args(["fsck", "--content", "--db", &db(&world), "--conf"]).arg(world.at("new"));
    world.finish(fsck.spawn().unwrap()).assert_code(0);
    // Once more finds nothing to do.
    assert_eq!(sum(&go(&world, &[]).assert_code(0), "removed"), 0);
}

#[test]
fn without_yes_it_is_said_what_would_go_and_nothing_does() {
    let world = ready();
    let before = left(&world);
    let dry = remove(&world, &[]).assert_code(0);
    assert_eq!((sum(&dry, "removed"), dry.report.as_ref().unwrap()["dry_run"].as_bool()), (OBJECTS, Some(true)));
    assert!(dry.stdout.contains("nothing was removed, this was a dry run"), "{}", dry.stdout);
    let library = before.iter().next().unwrap().iter().nth(1).unwrap().to_str().unwrap();
    assert!(dry.stdout.contains(library), "no line a library:\n{}", dry.stdout);
    assert_eq!(left(&world), before);
    assert!(!proofs(&world).removals(&pair(&world)).exists(), "a dry run made a journal");
}

#[test]
fn what_the_new_side_lacks_or_holds_otherwise_is_kept_and_named() {
    let world = ready();
    let [missing, short, long] = [nth(&world, "blocks", 3), nth(&world, "fs", 10), nth(&world, "commits", 0)];
    let target = |object: &Path| world.at("target/storage").join(object);
    fs::remove_file(target(&missing)).unwrap();
    let data = fs::read(target(&short)).unwrap();
    fs::write(target(&short), &data[1..]).unwrap();
    fs::write(target(&long), [&fs::read(target(&long)).unwrap()[..], b" "].concat()).unwrap();

    let expected = [
        format!("{}: missing at the destination", missing.display()),
        format!("{}: another size at the destination", short.display()),
        format!("{}: another size at the destination", long.display()),
    ];
    // The dry run and the real one say the same.
    for options in [&[][..], &["--yes"]] {
        let outcome = remove(&world, options).assert_code(1);
        assert_eq!(kept(&outcome), expected.iter().cloned().collect());
        assert_eq!((sum(&outcome, "removed"), sum(&outcome, "kept")), (OBJECTS - 3, 3));
        for word in ["KE", "missing at the destination", &missing.file_name().unwrap().to_string_lossy()] {
            assert!(outcome.stderr.contains(word), "{}", outcome.stderr);
        }
    }
    assert_eq!(left(&world), [missing, short, long].into());
}

#[test]
fn damage_at_the_destination_is_seen_when_it_is_read() {
    let world = ready();
    let object = nth(&world, "blocks", 5);
    let target = world.at("target/storage").join(&object);
    let mut data = fs::read(&target).unwrap();
    data[0] ^= 1;
    fs::write(&target, &data).unwrap();
    let outcome = go(&world, &["--content"]).assert_code(1);
    assert_eq!(kept(&outcome), [format!("{}: damaged at the destination", object.display())].into());
    assert_eq!(left(&world), [object.clone()].into());
    // With the same damage on both sides nothing is lost.
    fs::write(world.source().join(&object), &data).unwrap();
    let old = SystemTime::now() - Duration::from_secs(3600);
    fs::File::open(world.source().join(&object)).unwrap().set_modified(old).unwrap();
    assert_eq!(sum(&go(&world, &["--content"]).assert_code(0), "removed"), 1);
}

#[test]
fn without_reading_the_destination_the_user_is_told_what_rests_on_sizes() {
    let world = ready();
    let says = |outcome: Outcome| outcome.stderr.contains("compared ids and sizes, not all contents");
    assert!(!says(remove(&world, &[]).assert_code(0)));
    world.verify(&["--db", &db(&world)]).assert_code(0);
    assert!(says(remove(&world, &[]).assert_code(0)));
    assert!(!says(remove(&world, &["--content"]).assert_code(0)));
    let before = left(&world);
    assert_refused(&world, &before, go(&world, &[]), 2, "Add --content");
    go(&world, &["--content"]).assert_code(0);
}

#[test]
fn what_is_newer_than_the_verification_is_kept() {
    let world = ready();
    let object = nth(&world, "fs", 30);
    let later = SystemTime::now() + Duration::from_secs(1);
    fs::File::open(world.source().join(&object)).unwrap().set_modified(later).unwrap();
    let outcome = go(&world, &[]).assert_code(1);
    assert_eq!(kept(&outcome), [format!("{}: newer than the verification", object.display())].into());
    assert_eq!(left(&world), [object].into());
}

#[test]
fn only_the_libraries_that_are_named_are_touched() {
    let world = ready();
    let before = left(&world);
    let library_of = |path: &Path| path.iter().nth(1).unwrap().to_str().unwrap().to_owned();
    let all: BTreeSet<_> = before.iter().map(|path| library_of(path)).collect();
    let named: Vec<_> = all.iter().skip(1).step_by(3).cloned().collect();
    let mut options: Vec<_> = named.iter().flat_map(|library| ["--library", library]).collect();
    // A library named twice counts once.
    options.extend(["--library", &named[0]]);
    let outcome = go(&world, &options).assert_code(0);
    let expected: BTreeSet<_> = before.iter().filter(|path| !named.contains(&library_of(path))).cloned().collect();
    assert_eq!(left(&world), expected);
    assert_eq!(sum(&outcome, "removed") as usize, before.len() - expected.len());
    let rows = outcome.report.as_ref().unwrap()["libraries"].as_array().unwrap();
    assert!(rows.iter().all(|row| named.contains(&row["library"].as_str().unwrap().to_owned())));
}

#[test]
fn a_library_that_the_source_does_not_have_any_more_is_said_and_one_that_nobody_has_is_refused() {
    let world = ready();
    let nobody = "00000000-0000-4000-8000-000000000000";
    let before = left(&world);
    assert_refused(&world, &before, go(&world, &["--library", nobody]), 2, nobody);
    let library = before.first().unwrap().to_str().unwrap().split('/').nth(1).unwrap().to_owned();
    go(&world, &["--library", &library]).assert_code(0);
    let again = go(&world, &["--library", &library]).assert_code(0);
    assert!(again.stderr.contains(&format!("nothing of library {library}")), "{}", again.stderr);
    assert_eq!(sum(&again, "removed"), 0);
    assert!(go(&world, &["--library", "not-a-uuid"]).assert_code(2).stderr.contains("not a library id"));
}

#[test]
fn a_file_that_two_libraries_share_loses_one_name_and_keeps_the_other() {
    let world = ready();
    let object = nth(&world, "blocks", 0);
    let other = world.at("a second name");
    fs::hard_link(world.source().join(&object), &other).unwrap();
    let data = fs::read(&other).unwrap();
    go(&world, &[]).assert_code(0);
    assert_eq!(fs::read(&other).unwrap(), data);
    assert!(!world.source().join(&object).exists());
}

#[test]
fn nothing_goes_that_is_behind_a_symbolic_link() {
    let world = ready();
    let blocks = world.source().join("blocks");
    let outside = world.at("another disk");
    fs::create_dir(&outside).unwrap();
    let move_out = |path: &Path, name: &str| {
        fs::rename(path, outside.join(name)).unwrap();
        symlink(outside.join(name), path).unwrap();
    };
    // A whole library, a shard of another, and a single object.
    let objects: Vec<_> = objects_below(&blocks).into_keys().collect();
    let library = |path: &Path| path.iter().next().unwrap().to_owned();
    let first = library(&objects[0]);
    let rest: Vec<_> = objects.iter().filter(|path| library(path) != first).collect();
    let (shard, object) =
        (rest[0].parent().unwrap(), rest.iter().find(|path| path.parent() != rest[0].parent()).unwrap());
    move_out(&blocks.join(&first), "library");
    move_out(&blocks.join(shard), "shard");
    move_out(&blocks.join(object), "object");
    let outside_before = objects_below(&outside);
    let behind = outside_before.len() as u64 - 1;

    let outcome = go(&world, &[]).assert_code(1);
    assert_eq!(objects_below(&outside), outside_before, "something was deleted outside of the store");
    assert_eq!((sum(&outcome, "kept"), outcome.rows("kept").len() as u64), (behind, behind));
    assert!(outcome.rows("kept").iter().all(|row| row["cause"].as_str().unwrap().contains("symbolic link")));
    assert_eq!(sum(&outcome, "removed"), OBJECTS - behind);
    for link in [blocks.join(&first), blocks.join(shard)] {
        assert!(link.is_symlink(), "{} was removed", link.display());
    }
    // The name of a single object goes, and what it leads to stays, as with any other link of a file.
    assert!(!blocks.join(object).is_symlink());
}

#[test]
fn folders_with_anything_else_in_them_stay() {
    let world = ready();
    let object = nth(&world, "fs", 0);
    let stranger = world.source().join(&object).with_file_name("notes.txt");
    fs::write(&stranger, "somebody's").unwrap();
    let outcome = go(&world, &[]).assert_code(0);
    assert_eq!(left(&world).iter().collect::<Vec<_>>(), [stranger.strip_prefix(world.source()).unwrap()]);
    assert!(outcome.report.unwrap()["folders_removed"].as_u64().unwrap() > 40);
}

#[test]
fn the_journal_and_the_report_are_the_owners_alone_and_the_journal_only_grows() {
    let world = ready();
    let journal = world.at("my journal");
    let path = journal.display().to_string();
    let libraries: BTreeSet<_> = left(&world).iter().map(|path| path.iter().nth(1).unwrap().to_owned()).collect();
    let mut before = String::new();
    for library in libraries.iter().take(3) {
        let outcome = go(&world, &["--journal", &path, "--library", library.to_str().unwrap()]).assert_code(0);
        assert_eq!(outcome.report_mode, Some(0o600));
        assert_eq!(outcome.report.as_ref().unwrap()["journal"], path.as_str());
        let now = fs::read_to_string(&journal).unwrap();
        assert!(now.len() > before.len() && now.starts_with(&before));
        assert_eq!(now[before.len()..].lines().count() as u64, 1 + sum(&outcome, "removed"));
        before = now;
    }
    assert_eq!(fs::metadata(&journal).unwrap().permissions().mode() & 0o777, 0o600);
}
