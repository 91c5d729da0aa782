//! A sound store has no finding; where the walk ends, and when a check has no result.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use seaf_migrate::conf::{BackendConf, FsConf, StoreConf};
use seaf_migrate::database::heads::Roots;
use seaf_migrate::metrics::WalkCounters;
use seaf_migrate::object::{ObjectKey, ObjectKind};
use seaf_migrate::reach::{DefectKind, Stores, WalkOptions, fsck};
use seaf_migrate::store::backend::fs::FsStore;
use seaf_migrate::store::{ErrorKind, ReadStore};
use seaf_migrate::sys::shutdown::{Shutdown, ShutdownReason};

use crate::support::library::{Params, Store};
use crate::support::sample;
use crate::support::side::{Side, by_library, options, roots_of, small, suffering};
use crate::support::watched::{Unordered, Watched};

#[test]
fn a_real_store_is_sound() {
    let mut side = Side::sample();
    for content in [false, true] {
        side.options.content = content;
        let result = side.fsck();
        assert!(result.is_sound(), "{result}");
        assert_eq!(result.libraries.len(), 10);
        let text = result.to_string();
        assert!(text.contains("OK  6ba2b3a0-4ad6-47c0-b86b-4392f7e12a4f  Édge ✓ cases\n    ("), "{text}");
        assert!(text.contains("in the trash"), "{text}");
    }
}

#[test]
fn a_generated_store_is_sound() {
    let mut side = Side::generated(&Store::generate(&Params::default()));
    for (content, full_history) in [(false, true), (true, true), (true, false)] {
        side.options = WalkOptions { content, full_history, ..options() };
        let result = side.fsck();
        assert!(result.is_sound(), "{result}");
        let names: BTreeSet<_> = result.libraries.iter().map(|library| library.name.clone().unwrap()).collect();
        assert_eq!(names.len(), 9);
        assert!(!names.contains("garbage") && names.contains("trashed"));
    }
}

#[test]
fn each_object_of_a_library_is_asked_for_once() {
    let store = small();
    let mut side = Side::generated(&store);
    let shared = store.library("virtual").store_id();
    // Once with the content of the blocks, too: what reads one learns its size.
    for content in [true, false] {
        side.options.content = content;
        assert!(side.fsck().is_sound());
        for store in &side.kinds {
            for (key, count) in store.asked() {
                // The origin and the virtual library are two walks over the same objects.
                let walks = if key.library == shared { 2 } else { 1 };
                assert!(count <= walks, "{key} {count} times");
            }
            assert!(store.asked_since() > 0);
        }
    }
    let result = side.fsck();
    let plain = result.libraries.iter().find(|library| library.name.as_deref() == Some("plain 0 ✓")).unwrap();
    let trees: BTreeSet<_> =
        store.library("plain 0 ✓").snapshots.iter().flat_map(|s| s.tree.ids(ObjectKind::Fs)).collect();
    assert_eq!(plain.counts.dirs + plain.counts.files, trees.len() as u64);
    assert_eq!(plain.counts.commits, 3);
}

#[test]
fn history_ends_where_the_limit_says() {
    let store = small();
    let limited = store.library("limited");
    let clean = Side::generated(&store);
    assert!(clean.fsck().is_sound());
    let with = |change: &dyn Fn(&mut seaf_migrate::database::heads::LibraryRoots, &mut WalkOptions)| {
        let (mut roots, mut options) = (clean.roots.clone(), options());
        let library = roots.libraries.iter_mut().find(|roots| roots.id == limited.id).unwrap();
        library.valid_since = None;
        change(library, &mut options);
        options.only = vec![limited.id];
        fsck(&clean.stores(), &roots, &options, &Shutdown::new(), &WalkCounters::default()).unwrap()
    };
    let unlimited = with(&|_, _| {});
    assert!(!unlimited.is_sound(), "the trees that were collected are missed when nothing explains it");
    assert!(unlimited.libraries[0].findings.iter().all(|finding| finding.commit != Some(limited.head().commit)));
    // The newest commit is of today, the one before of yesterday: with a day's history both are kept, no more.
    assert!(with(&|library, _| library.history_days = Some(0)).is_sound());
    assert!(with(&|_, options| options.keep_days = Some(0)).is_sound());
    assert!(with(&|_, options| options.full_history = false).is_sound());
    let day = with(&|library, _| library.history_days = Some(1));
    assert_eq!(day.libraries[0].counts.commits, 3, "{day}");
    assert!(with(&|library, options| (library.history_days, options.now) = (Some(1), options.now + 1)).is_sound());
    assert!(!with(&|library, options| (library.history_days, options.keep_days) = (Some(100), Some(0))).is_sound());
}

#[test]
fn a_store_that_fails_is_never_taken_for_one_that_lacks() {
    let store = small();
    let library = store.library("plain 0 ✓");
    for kind in ObjectKind::ALL {
        let of_tree = library.head().tree.ids(kind).first().copied();
        let key = ObjectKey::new(library.id, of_tree.unwrap_or(library.head().commit));
        for error in [ErrorKind::Timeout, ErrorKind::BadCredentials, ErrorKind::ContainerMissing, ErrorKind::Protocol] {
            let side = Side::generated(&store);
            side.store(kind).fail(key, error);
            assert_eq!(side.try_fsck().unwrap_err().kind(), error, "{kind}");
        }
    }
}

#[test]
fn an_object_that_the_store_does_not_give_is_named_and_every_other_library_is_checked() {
    let store = small();
    let library = store.library("plain 0 ✓");
    for content in [false, true] {
        for kind in ObjectKind::ALL {
            let of_tree = library.head().tree.ids(kind).first().copied();
            let key = ObjectKey::new(library.id, of_tree.unwrap_or(library.head().commit));
            for error in [ErrorKind::Unreadable, ErrorKind::ObjectDenied, ErrorKind::Archived, ErrorKind::TooLarge] {
                let mut side = Side::generated(&store);
                side.options.content = content;
                side.store(kind).fail(key, error);
                // Another one is missing, and is found as well.
                let other = store.library("twin").head().commit;
                side.store(ObjectKind::Commits).take(&ObjectKey::new(store.library("twin").id, other));
                let result = side.fsck();
                assert_eq!((result.unfinished, result.libraries.len()), (0, side.roots.libraries.len()));
                let found = by_library(&result);
                let refused = DefectKind::Unreadable("made to fail by the test".to_owned());
                for library in suffering(&store, kind, &key).into_keys().chain([library.id]) {
                    assert!(
                        found[&library].iter().any(|finding| finding.what == refused),
                        "{kind} {error:?}: {found:?}"
                    );
                }
                assert_eq!(found[&store.library("twin").id][0].what, DefectKind::HeadMissing);
            }
        }
    }
}

#[test]
fn without_a_database_a_commit_that_the_store_does_not_give_is_left_to_the_walk() {
    let store = small();
    let mut side = Side::generated(&store);
    let library = store.library("plain 0 ✓");
    let key = ObjectKey::new(library.id, library.head().commit);
    side.store(ObjectKind::Commits).fail(key, ErrorKind::ObjectDenied);
    side.roots = Roots::from_commits(&*side.kinds[0], &*side.kinds[1], options().threads, &Shutdown::new()).unwrap();
    let found = by_library(&side.fsck());
    let refused = DefectKind::Unreadable("made to fail by the test".to_owned());
    assert!(found[&library.id].iter().any(|finding| finding.what == refused), "{found:?}");
}

#[test]
fn a_store_that_gives_nobody_anything_is_a_failure_and_no_damage() {
    let side = Side::generated(&Store::generate(&Params { files: 300, ..Params::default() }));
    side.store(ObjectKind::Blocks).fail_all(ErrorKind::ObjectDenied);
    let error = side.try_fsck().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ObjectDenied);
    assert!(error.to_string().contains("100 objects in a row failed like this"), "{error}");
}

#[test]
fn a_check_that_was_stopped_is_not_a_sound_one() {
    let side = Side::generated(&small());
    let stop = Shutdown::new();
    stop.request(ShutdownReason::Signal(2));
    let result = fsck(&side.stores(), &side.roots, &options(), &stop, &WalkCounters::default()).unwrap();
    assert_eq!((result.libraries.len(), result.unfinished), (0, side.roots.libraries.len()));
    assert!(!result.is_sound());
    assert!(side.kinds.iter().all(|store| store.asked().is_empty()));
}

#[test]
fn without_a_database_the_heads_are_the_commits_that_nobody_names() {
    let store = small();
    let with_db = Side::generated(&store);
    for ordered in [true, false] {
        let [commits, fs, blocks] = store.objects.clone();
        let in_memory = |kind, objects| -> Arc<dyn ReadStore> {
            let store = Watched::holding(kind, objects);
            if ordered { store } else { Arc::new(Unordered(store)) }
        };
        let stores = [
            in_memory(ObjectKind::Commits, commits),
            in_memory(ObjectKind::Fs, fs),
            in_memory(ObjectKind::Blocks, blocks),
        ];
        let roots = Roots::from_commits(&*stores[0], &*stores[1], options().threads, &Shutdown::new()).unwrap();
        assert!(roots.guessed);
        // The garbage library is one more; the history limit is not known, so that what it explains is found.
        assert_eq!(roots.libraries.len(), with_db.roots.libraries.len() + 1);
        for known in &with_db.roots.libraries {
            let guessed = roots.libraries.iter().find(|roots| roots.id == known.id).unwrap();
            assert_eq!(guessed.name.as_deref(), known.name.as_deref());
            assert_eq!(guessed.origin.is_some(), known.origin.is_some(), "{:?}", known.name);
            let limited = known.name.as_deref() == Some("limited");
            assert!(limited || guessed.heads == known.heads, "{:?}", known.name);
        }
        let result = fsck(
            &Stores::from_fn(|kind| Arc::clone(&stores[kind.index()])),
            &roots,
            &options(),
            &Shutdown::new(),
            &WalkCounters::default(),
        )
        .unwrap();
        let limited = store.library("limited").id;
        assert_eq!(by_library(&result).into_keys().collect::<Vec<_>>(), [limited]);
        assert!(result.to_string().contains("Without a database"), "{result}");
    }
}

#[test]
fn without_a_database_a_store_that_is_gone_is_asked_for_no_more_commits() {
    let side = Side::generated(&Store::generate(&Params { libraries: 1, commits: 60, ..Params::default() }));
    let commits = side.store(ObjectKind::Commits);
    commits.fail_all(ErrorKind::Gone);
    let guessed = Roots::from_commits(commits, side.store(ObjectKind::Fs), options().threads, &Shutdown::new());
    assert_eq!(guessed.unwrap_err().kind(), ErrorKind::Gone);
    let asked = commits.asked_since();
    assert!((1..=options().threads.get()).contains(&asked), "it was asked for {asked} commits");
}

#[test]
fn the_real_store_is_sound_without_its_database() {
    let side = Side::sample();
    let roots = Roots::from_commits(&*side.kinds[0], &*side.kinds[1], options().threads, &Shutdown::new()).unwrap();
    let side = Side { roots, ..side };
    let result = side.fsck();
    assert_eq!(result.libraries.len(), 11);
    assert!(result.is_sound(), "{result}");
}

#[test]
fn the_real_store_in_its_folder_is_sound_and_stays_as_it_is() {
    let dir = sample::sample_store();
    let data = dir.path().join("seafile-data");
    let state = || -> BTreeMap<_, _> {
        let entries = walkdir::WalkDir::new(&data).into_iter().map(Result::unwrap);
        entries.map(|entry| (entry.path().to_owned(), entry.metadata().unwrap().modified().unwrap())).collect()
    };
    let before = state();
    let stores = Stores::from_fn(|kind| {
        let conf = FsConf { dir: data.clone() };
        let location = StoreConf::new(kind, BackendConf::Fs(conf.clone())).location();
        Arc::new(FsStore::source(&conf, kind, location).unwrap()) as Arc<dyn ReadStore>
    });
    let guessed = Roots::from_commits(
        &*stores[ObjectKind::Commits],
        &*stores[ObjectKind::Fs],
        options().threads,
        &Shutdown::new(),
    )
    .unwrap();
    for roots in [roots_of(&data.join("seafile.db")), guessed] {
        let result = fsck(&stores, &roots, &options(), &Shutdown::new(), &WalkCounters::default()).unwrap();
        assert!(result.is_sound(), "{result}");
    }
    assert_eq!(state(), before);
}
