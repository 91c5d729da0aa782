//! Finds stores that must be separate and are the same: of the two sides, and of the kinds and classes of one side.

use std::path::PathBuf;

use super::backend::{Backend, BackendConf, CephConf, StoreConf};
use super::finding::{ConfError, Findings};
use super::path;
use super::side::{DescribedBy, ReadSide, Role, section_of};
use super::variables::STORAGE_TYPE;

/// The relation of two stores.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Relation {
    Apart,
    /// The same folder, or the same bucket, container or pool.
    Same,
    /// One folder is inside the other.
    Nested,
}

/// Adds an error for every store of the new side that is the same as, contains, or is inside a store of the old side.
pub(crate) fn check_pair(old: &ReadSide, new: &ReadSide, findings: &mut Findings) {
    let old_stores = leaves(old);
    for to in leaves(new).iter().filter(|store| !store.stays) {
        for from in &old_stores {
            let (kind, place) = (from.kind, from.location());
            let problem = match relation(from, to) {
                Relation::Apart => continue,
                Relation::Same if kind == to.kind => format!("is the same store as on the old side ({place})"),
                Relation::Same => {
                    format!("is where the old side has its {kind} ({place}), and ids of two kinds would mix")
                }
                Relation::Nested => {
                    format!("one is inside the other: this folder and that of {kind} on the old side ({place})")
                }
            };
            let allowed = match kind == to.kind {
                true => "a place of its own; --kind names the kinds that move, and leaves the others where they are",
                false => "a place of its own",
            };
            findings.error(finding(new, to, problem).allowed(allowed));
        }
    }
}

/// Adds an error, or a warning for a source, for kinds of one side that share a bucket, container or pool, because the
/// names of objects do not contain the kind.
pub(crate) fn check_kinds(side: &ReadSide, role: Role, findings: &mut Findings) {
    let mut stores = leaves(side);
    // What stays is compared with what moves as a part of the old side.
    stores.retain(|store| !store.stays);
    for second in &stores {
        let mut before = stores.iter().take_while(|first| first.kind != second.kind);
        let Some(first) = before.find(|first| same_container(first, second)) else {
            continue;
        };
        let problem = format!("{} and {} are both in {}", first.kind, second.kind, second.location());
        match role {
            Role::Destination => {
                let problem = format!("{problem}, where ids of two kinds would mix");
                findings.error(finding(side, second, problem).allowed("a bucket, container or pool for each kind"));
            }
            Role::Source => {
                let problem = format!("{problem}; every object there counts for both kinds");
                findings.warn(&finding(side, second, problem));
            }
        }
    }
}

/// Adds an error for two classes whose stores of a kind are one that is described in two ways, or one inside the other. A
/// store that two classes describe in the same way is one store of both.
pub(crate) fn check_classes(side: &ReadSide, findings: &mut Findings) {
    for store in side.conf.stores.values() {
        let classes = store.leaves();
        for (at, second) in classes.iter().enumerate() {
            let related = classes[..at].iter().map(|first| (first, relation(first, second)));
            let Some((first, relation)) = related.into_iter().find(|(_, relation)| *relation != Relation::Apart) else {
                continue;
            };
            let name = first.class.as_deref().unwrap_or_default();
            let (problem, allowed) = match relation {
                Relation::Nested => (
                    format!("one is inside the other: this folder and that of class {name} ({})", first.location()),
                    "a place of its own",
                ),
                _ => (
                    format!("is the store of class {name} ({}), described in another way", first.location()),
                    "a place of its own, or the same options as there",
                ),
            };
            findings.error(finding(side, second, problem).allowed(allowed));
        }
    }
}

/// Every store of a side, those of its classes each by itself.
fn leaves(side: &ReadSide) -> Vec<StoreConf> {
    side.conf.stores.values().flat_map(StoreConf::leaves).collect()
}

fn finding(side: &ReadSide, store: &StoreConf, problem: String) -> ConfError {
    let kind = store.kind;
    let error = ConfError::new(&side.places[kind], problem);
    if let Some(class) = &store.class {
        return error.section(format!("class {class}, {kind}"));
    }
    match side.conf.described_by {
        DescribedBy::Conf => error.section(section_of(kind)),
        DescribedBy::Variables { .. } => error.option(STORAGE_TYPE),
    }
}

fn relation(a: &StoreConf, b: &StoreConf) -> Relation {
    match (&a.backend, &b.backend) {
        (BackendConf::Fs(_), BackendConf::Fs(_)) => fs_relation(a, b),
        (BackendConf::Ceph(a), BackendConf::Ceph(b)) if a.pool == b.pool && same_cluster(a, b) => Relation::Same,
        _ if same_container(a, b) => Relation::Same,
        _ => Relation::Apart,
    }
}

fn same_container(a: &StoreConf, b: &StoreConf) -> bool {
    let (place_a, place_b) = (without_region(a, b).location(), without_region(b, a).location());
    // OSS and S3 are compared with each other, because a bucket of Alibaba can be reached by either protocol.
    let buckets = [Backend::S3, Backend::Oss];
    let same_protocol =
        place_a.backend == place_b.backend || buckets.contains(&place_a.backend) && buckets.contains(&place_b.backend);
    same_protocol && place_a.place == place_b.place
}

/// Removes the region of a Swift store when the other store names none, because the other may be in the same region.
fn without_region(store: &StoreConf, other: &StoreConf) -> StoreConf {
    let mut store = store.clone();
    if let (BackendConf::Swift(swift), BackendConf::Swift(other)) = (&mut store.backend, &other.backend)
        && other.region.is_none()
    {
        swift.region = None;
    }
    store
}

/// Compares resolved folders, because `storage` and each kind's folder may be symlinks.
fn fs_relation(a: &StoreConf, b: &StoreConf) -> Relation {
    let (Some((storage_a, folder_a)), Some((storage_b, folder_b))) = (folders(a), folders(b)) else {
        return Relation::Apart;
    };
    let nested = |a: &PathBuf, b: &PathBuf| a != b && (a.starts_with(b) || b.starts_with(a));
    if folder_a == folder_b {
        Relation::Same
    } else if nested(&folder_a, &folder_b) || nested(&storage_a, &storage_b) {
        Relation::Nested
    } else {
        Relation::Apart
    }
}

/// The resolved paths of the folder `storage` and of the kind's folder in it.
fn folders(store: &StoreConf) -> Option<(PathBuf, PathBuf)> {
    let BackendConf::Fs(fs) = &store.backend else { return None };
    let storage = fs.dir.join("storage");
    let folder = path::resolve(&storage.join(store.kind.as_str()));
    Some((path::resolve(&storage), folder))
}

/// Whether two configurations name one cluster: the same ceph.conf, the same `fsid`, or the same monitors.
fn same_cluster(a: &CephConf, b: &CephConf) -> bool {
    if a.config_file == b.config_file {
        return true;
    }
    let texts = [a, b].map(|conf| std::fs::read_to_string(&conf.config_file).unwrap_or_default());
    let same = |option: &str| {
        let value = ceph_option(&texts[0], option);
        value.is_some() && value == ceph_option(&texts[1], option)
    };
    same("fsid") || same("mon host")
}

/// The value of an option of ceph.conf, in whose names spaces, underscores and dashes are equivalent.
fn ceph_option(text: &str, option: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let (name, value) = line.split_once('=')?;
        let name = name.trim().replace(['_', '-'], " ").to_lowercase();
        (name == option).then(|| value.trim().to_lowercase())
    })
}
