//! Three libraries of the sample through every ordered pair of backends, and the whole sample through mixed configurations,
//! with the program as users run it; at the end of each, every object is read back and compared.

use std::sync::Mutex;

use seaf_migrate::conf::Backend;
use seaf_migrate::object::ObjectKind;

use crate::support::pass;
use crate::support::pass::Objects;
use crate::support::places::{Form, Place};
use crate::support::skip::{Missing, skip};

/// How many passes run at once: Swift answers slowly, and the others need not wait for it.
const AT_ONCE: usize = 3;

const ALL: [Form; 3] = [Form::New, Form::Old, Form::Other];

/// Which way a pair speaks to its two ends, so that over all pairs each way is read with and written with. Swift is
/// reached with v1.0 alone: Keystone is asked about every request here, and takes ten times as long as Swift. The mixed
/// configurations log in with v2.0 and v3.
fn forms(from: Backend, to: Backend) -> (Form, Form) {
    let position = |backend| Backend::ALL.iter().position(|other| *other == backend).unwrap();
    let (from_at, to_at) = (position(from), position(to));
    let form = |backend, number: usize| if backend == Backend::Swift { Form::Other } else { ALL[number % 3] };
    (form(from, from_at + 2 * to_at), form(to, from_at + to_at))
}

/// Moves the sample from `source` to a new place and compares; the place is left for others to read from.
fn pair(source: (&Place, Backend), to: Backend, expected: &Objects) -> Result<Place, Missing> {
    let (reading, writing) = forms(source.1, to);
    let target = Place::new(to, writing)?;
    let old = pass::conf(|kind| source.0.section(kind, reading));
    let new = pass::conf(|kind| target.section(kind, writing));
    pass::run(&old, &new);
    pass::assert_holds(&new, expected);
    pass::verify(&old, &new);
    println!("ok {} -> {to} ({reading:?}, {writing:?})", source.1);
    Ok(target)
}

/// Does every job, [`AT_ONCE`] at a time; a panic in one fails the test.
fn all<J: Send>(jobs: Vec<J>, work: impl Fn(J) + Sync) {
    let jobs = Mutex::new(jobs.into_iter());
    let next = || jobs.lock().unwrap().next();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(job) = next() {
                    work(job);
                }
            });
        }
    });
}

fn folder_of(objects: &Objects) -> Place {
    Place::Fs(pass::folder_of(objects))
}

#[test]
fn every_ordered_pair_arrives_byte_for_byte() {
    let expected = pass::small_sample();
    let folder = folder_of(&expected);
    // From the folder into each other backend, and from there on into every other.
    let sources = Mutex::new(Vec::new());
    all(Backend::ALL[1..].to_vec(), |to| match pair((&folder, Backend::Fs), to, &expected) {
        Ok(place) => sources.lock().unwrap().push((place, to)),
        Err(Missing(why)) => skip(to.as_str(), why),
    });
    let sources = sources.into_inner().unwrap();
    let mut jobs: Vec<_> = sources
        .iter()
        .flat_map(|source| {
            let targets = sources.iter().map(|(_, backend)| *backend).chain([Backend::Fs]);
            targets.filter(|to| *to != source.1).map(move |to| (source, to))
        })
        .collect();
    // The slow ones first, otherwise they would be waited for at the end.
    jobs.sort_by_key(|((_, from), to)| (*to != Backend::Swift, *from != Backend::Swift));
    let count = jobs.len() + sources.len();
    all(jobs, |((place, from), to)| {
        pair((place, *from), to, &expected).unwrap();
    });
    println!("{count} pairs");
    all(sources, drop);
}

/// Commits, fs and blocks each on a backend of their own, on both sides.
#[test]
fn mixed_configurations_arrive_byte_for_byte() {
    use Backend::{Ceph, Fs, Oss, S3, Swift};
    let expected = pass::whole_sample();
    let folder = folder_of(&expected);
    let mut source = pass::conf(|kind| folder.section(kind, Form::New));
    let mut kept = vec![folder];
    let mixes = [([S3, Ceph, Oss], Form::Old), ([Ceph, Swift, Fs], Form::Other), ([Swift, Oss, S3], Form::New)];
    for (mix, form) in mixes {
        let places: Result<Vec<_>, _> = mix.iter().map(|backend| Place::new(*backend, form)).collect();
        let places = match places {
            Ok(places) => places,
            Err(Missing(why)) => {
                skip(&format!("commits, fs, blocks on {}, {}, {}", mix[0], mix[1], mix[2]), why);
                continue;
            }
        };
        let target = pass::conf(|kind: ObjectKind| places[kind.index()].section(kind, form));
        pass::run(&source, &target);
        pass::assert_holds(&target, &expected);
        pass::verify(&source, &target);
        if form == Form::New {
            let old_ways = pass::conf(|kind| places[kind.index()].section(kind, Form::Old));
            pass::assert_holds(&old_ways, &expected);
        }
        println!("ok mixed: commits, fs, blocks on {}, {}, {}", mix[0], mix[1], mix[2]);
        kept.extend(places);
        source = target;
    }
}
