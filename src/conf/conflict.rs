//! Stores that must not be one: the two sides of a migration, and the kinds of one side.

use std::path::PathBuf;

use super::backend::{Backend, BackendConf, CephConf, StoreConf};
use super::finding::{ConfError, Findings};
use super::path;
use super::side::{ReadSide, Role, STORAGE_TYPE, section_of};
use crate::object::ObjectKind;

/// How two stores stand to each other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Relation {
    Apart,
    /// The same folder, or the same bucket, container or pool.
    Same,
    /// One folder is inside the other.
    Nested,
}

/// Notes every store of the new side that is, holds, or is held by one of the old side.
pub(crate) fn check_pair(old: &ReadSide, new: &ReadSide, findings: &mut Findings) {
    for to in new.conf.stores.values() {
        for from in old.conf.stores.values() {
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
            findings.error(finding(new, to.kind, problem).allowed("a place of its own"));
        }
    }
}

/// Notes kinds of one side that share a bucket, container or pool: the names of their objects do not tell them apart.
pub(crate) fn check_kinds(side: &ReadSide, role: Role, findings: &mut Findings) {
    let stores = &side.conf.stores;
    for second in stores.values() {
        let mut before = stores.values().take_while(|first| first.kind != second.kind);
        let Some(first) = before.find(|first| same_container(first, second)) else {
            continue;
        };
        let problem = format!("{} and {} are both in {}", first.kind, second.kind, second.location());
        match role {
            Role::Destination => {
                let problem = format!("{problem}, where ids of two kinds would mix");
                findings
                    .error(finding(side, second.kind, problem).allowed("a bucket, container or pool for each kind"));
            }
            Role::Source => {
                let problem = format!("{problem}; every object there is taken for both");
                findings.warn(&finding(side, second.kind, problem));
            }
        }
    }
}

fn finding(side: &ReadSide, kind: ObjectKind, problem: String) -> ConfError {
    let error = ConfError::new(&side.places[kind], problem);
    if side.from_file { error.section(section_of(kind)) } else { error.option(STORAGE_TYPE) }
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
    // Compared across both protocols, because Alibaba's buckets can be reached by its own and by that of S3.
    let buckets = [Backend::S3, Backend::Oss];
    let same_protocol =
        place_a.backend == place_b.backend || buckets.contains(&place_a.backend) && buckets.contains(&place_b.backend);
    same_protocol && place_a.place == place_b.place
}

/// A Swift store without its region when the other names none: that one may well be the same region.
fn without_region(store: &StoreConf, other: &StoreConf) -> StoreConf {
    let mut store = store.clone();
    if let (BackendConf::Swift(swift), BackendConf::Swift(other)) = (&mut store.backend, &other.backend)
        && other.region.is_none()
    {
        swift.region = None;
    }
    store
}

/// Compares folders as the disk has them, because `storage` and each kind's folder may be symlinks.
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

/// The folder `storage`, and the kind's folder in it.
fn folders(store: &StoreConf) -> Option<(PathBuf, PathBuf)> {
    let BackendConf::Fs(fs) = &store.backend else { return None };
    let storage = fs.dir.join("storage");
    let folder = path::resolve(&storage.join(store.kind.as_str()));
    Some((path::resolve(&storage), folder))
}

/// Whether two ceph.conf are of one cluster: one file, or the same `fsid`, or the same monitors.
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

/// An option of ceph.conf, where spaces, underscores and dashes in a name are the same.
fn ceph_option(text: &str, option: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let (name, value) = line.split_once('=')?;
        let name = name.trim().replace(['_', '-'], " ").to_lowercase();
        (name == option).then(|| value.trim().to_lowercase())
    })
}
