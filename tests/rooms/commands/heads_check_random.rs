//! The check of the heads with random losses on both sides and random memories, compared with the model.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;

use proptest::prelude::*;
use seaf_migrate::commands::common::heads_cache::WholeHeads;
use seaf_migrate::commands::run::heads::check::HeadsCheck;
use seaf_migrate::commands::run::heads::result::{Broken, HeadsResult};
use seaf_migrate::database::heads::Roots;
use seaf_migrate::metrics::WalkCounters;
use seaf_migrate::object::{LibraryId, ObjectId, ObjectKey, ObjectKind};
use seaf_migrate::sys::shutdown::Shutdown;

use crate::support::library::{Library, Params, Snapshot, State, Store};
use crate::support::side::Side;

fn store() -> Store {
    Store::generate(&Params { files: 6, large_dir: 4, libraries: 2, commits: 4, ..Params::default() })
}

/// Every object that a snapshot needs.
fn needs(library: &Library, snapshot: &Snapshot) -> BTreeSet<(ObjectKind, ObjectKey)> {
    let of = |kind| {
        let ids = snapshot.tree.ids(kind).into_iter().filter(|id| *id != ObjectId::EMPTY);
        ids.map(move |id| (kind, ObjectKey::new(library.store_id(), id))).collect::<Vec<_>>()
    };
    let commit = (ObjectKind::Commits, ObjectKey::new(library.id, snapshot.commit));
    [commit].into_iter().chain(of(ObjectKind::Fs)).chain(of(ObjectKind::Blocks)).collect()
}

fn walked(store: &Store) -> impl Iterator<Item = &Library> {
    store.libraries.iter().filter(|library| library.state != State::Garbage)
}

fn check(source: &Side, destination: &Side, roots: &Roots, whole: &mut WholeHeads) -> HeadsResult {
    let (shutdown, counters) = (Shutdown::new(), WalkCounters::default());
    let (here, there) = (source.stores(), destination.stores());
    let threads = NonZeroUsize::new(2).unwrap();
    let (accepted, shutdown, counters) = (&BTreeSet::new(), &shutdown, &counters);
    let memory = 16 << 20;
    let check = HeadsCheck { destination: &there, source: &here, accepted, threads, memory, shutdown, counters };
    check.run(roots, whole).unwrap().unwrap().judged(roots, Ok(roots), accepted)
}

fn ids(broken: &Broken) -> BTreeSet<LibraryId> {
    broken.libraries.iter().map(|library| library.id).collect()
}

/// A few objects of a side, by numbers that fall somewhere.
fn pick(store: &Store, numbers: &[usize]) -> BTreeSet<(ObjectKind, ObjectKey)> {
    let all: Vec<_> = store.all().map(|(kind, key, _)| (kind, key)).collect();
    numbers.iter().map(|number| all[number % all.len()]).collect()
}

fn lose(side: &Side, lost: &BTreeSet<(ObjectKind, ObjectKey)>) {
    lost.iter().for_each(|(kind, key)| drop(side.store(*kind).take(key)));
}

/// The snapshot of each library that its head is to be, by numbers that fall somewhere.
fn heads<'s>(store: &'s Store, numbers: &[usize]) -> Vec<(&'s Library, &'s Snapshot)> {
    let number = |at: usize| numbers[at % numbers.len()];
    // Of the library whose history was collected, only the newest tree is there.
    let snapshot = |(at, library): (usize, &'s Library)| {
        let all = &library.snapshots;
        let at = if library.name == "limited" { all.len() - 1 } else { number(at) % all.len() };
        (library, &all[at])
    };
    walked(store).enumerate().map(snapshot).collect()
}

fn set_heads(roots: &mut Roots, heads: &[(&Library, &Snapshot)]) {
    for (library, snapshot) in heads {
        let found = roots.libraries.iter_mut().find(|roots| roots.id == library.id).unwrap();
        found.heads = vec![snapshot.commit];
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Once a library is found broken below an object, nothing is known of what that object names: so what counts is
    /// whether all that can be reached and is missing is missing in the source as well.
    #[test]
    fn a_library_is_whole_when_nothing_that_its_head_needs_is_lost(
        lost_there in prop::collection::vec(any::<usize>(), 0..4),
        lost_on_both in prop::collection::vec(any::<usize>(), 0..3),
    ) {
        let store = store();
        let (source, destination) = (Side::generated(&store), Side::generated(&store));
        let both = pick(&store, &lost_on_both);
        let there: BTreeSet<_> = pick(&store, &lost_there).into_iter().chain(both.iter().copied()).collect();
        lose(&source, &both);
        lose(&destination, &there);
        let result = check(&source, &destination, &source.roots, &mut WholeHeads::new());
        let (broken, damaged) = (ids(&result.not_whole), ids(&result.missing_in_source));
        for library in walked(&store) {
            let missing: BTreeSet<_> = needs(library, library.head()).intersection(&there).copied().collect();
            let is_named = broken.contains(&library.id) || damaged.contains(&library.id);
            prop_assert_eq!(is_named, !missing.is_empty(), "{}", library.name);
            if missing.is_subset(&both) {
                prop_assert!(!broken.contains(&library.id), "{} lacks what the source lacks", library.name);
            }
            if !missing.is_empty() && missing.is_disjoint(&both) {
                prop_assert!(broken.contains(&library.id), "{} lacks what the source has", library.name);
            }
        }
        prop_assert_eq!(result.whole + result.not_whole.count + result.missing_in_source.count, result.libraries);
    }

    /// Heads go back and forth, and objects that no head so far has needed are lost in between: the second look, which
    /// goes by what the first found whole, says of every library what a look without memory says.
    #[test]
    fn a_look_with_a_memory_sees_what_one_without_sees(
        before in prop::collection::vec(any::<usize>(), 9),
        after in prop::collection::vec(any::<usize>(), 9),
        lost in prop::collection::vec(any::<usize>(), 0..12),
    ) {
        let store = store();
        let (source, destination) = (Side::generated(&store), Side::generated(&store));
        let mut roots = source.roots.clone();
        let first = heads(&store, &before);
        set_heads(&mut roots, &first);
        let mut whole = WholeHeads::new();
        let all = check(&source, &destination, &roots, &mut whole);
        prop_assert_eq!((all.whole, whole.len() as u64), (all.libraries, all.libraries));

        let kept: BTreeSet<_> = first.iter().flat_map(|(library, snapshot)| needs(library, snapshot)).collect();
        lose(&destination, &(&pick(&store, &lost) - &kept));
        set_heads(&mut roots, &heads(&store, &after));
        let remembering = check(&source, &destination, &roots, &mut whole);
        let forgetting = check(&source, &destination, &roots, &mut WholeHeads::new());
        prop_assert_eq!(ids(&remembering.not_whole), ids(&forgetting.not_whole));
        prop_assert_eq!((remembering.whole, remembering.damaged_in_source.count), (forgetting.whole, 0));
        for library in &remembering.not_whole.libraries {
            let other = forgetting.not_whole.libraries.iter().find(|other| other.id == library.id).unwrap();
            prop_assert_eq!(&library.findings, &other.findings);
        }
    }

    /// What is remembered afterwards is what was whole, and the heads it was.
    #[test]
    fn what_is_remembered_is_what_was_found(
        numbers in prop::collection::vec(any::<usize>(), 9),
        lost in prop::collection::vec(any::<usize>(), 0..5),
    ) {
        let store = store();
        let (source, destination) = (Side::generated(&store), Side::generated(&store));
        let mut roots = source.roots.clone();
        let heads = heads(&store, &numbers);
        set_heads(&mut roots, &heads);
        lose(&destination, &pick(&store, &lost));
        let mut whole = WholeHeads::new();
        let result = check(&source, &destination, &roots, &mut whole);
        prop_assert_eq!(whole.len() as u64, result.whole);
        for (library, snapshot) in heads {
            let is_broken = ids(&result.not_whole).contains(&library.id);
            prop_assert_eq!(whole.get(&library.id), (!is_broken).then_some(&snapshot.commit));
        }
        let again = check(&source, &destination, &roots, &mut whole);
        prop_assert_eq!((again.unchanged, again.whole), (result.whole, result.whole));
    }
}
