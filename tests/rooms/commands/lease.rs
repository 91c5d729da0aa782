//! The lease of a command, by what the sides say.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use seaf_migrate::commands::common::failure::Failure;
use seaf_migrate::commands::common::flags::StoreFlags;
use seaf_migrate::commands::common::lease::{self, LeaseSettings};
use seaf_migrate::commands::common::settings::resolve_store;
use seaf_migrate::conf::backend::{BackendConf, FsConf, OssConf, OssSignature, StoreConf};
use seaf_migrate::conf::{ClassConf, ClassesConf, DescribedBy, Environment, Placement, Secret, SideConf};
use seaf_migrate::lease::{TakeOver, Times};
use seaf_migrate::object::{ObjectKind, PerKind};
use seaf_migrate::store::layer::retry::RetryPolicy;
use seaf_migrate::store::open::OpenOptions;
use seaf_migrate::sys::shutdown::Shutdown;

/// A destination whose blocks are in a bucket; its other kinds are in a folder, where they stay or move to.
fn to_bucket(others_stay: bool) -> SideConf {
    let bucket = OssConf {
        bucket: "bucket".to_owned(),
        key_id: "id".to_owned(),
        key: Secret::new("key"),
        endpoint: "store.invalid".to_owned(),
        region: None,
        signature: OssSignature::V1,
        https: true,
        ca_file: None,
    };
    let store = |kind| match kind {
        ObjectKind::Blocks => StoreConf::new(kind, BackendConf::Oss(bucket.clone())),
        ObjectKind::Commits | ObjectKind::Fs => {
            let folder = FsConf { dir: PathBuf::from("/opt/seafile/seafile-data") };
            StoreConf { stays: others_stay, ..StoreConf::new(kind, BackendConf::Fs(folder)) }
        }
    };
    SideConf {
        path: PathBuf::from("new"),
        stores: PerKind::from_fn(store),
        described_by: DescribedBy::Conf,
        database: None,
        database_is_guessed: false,
        data_dir: None,
        keep_days: None,
        warnings: Vec::new(),
    }
}

#[test]
fn a_destination_is_waited_for_unless_something_is_written_to_a_folder() {
    let options = OpenOptions::new(1, Duration::from_secs(60), RetryPolicy::default(), &Shutdown::new());
    let outage = lease::outage(&to_bucket(true), &options).expect("what is written goes to the bucket");
    assert_eq!(outage.patience, RetryPolicy::PATIENCE);
    assert!(lease::outage(&to_bucket(false), &options).is_none(), "writes to a folder cannot be held back");
}

/// A destination of two storage classes in folders, and one that has the folder of the second as its whole place.
fn two_classes(folder: &std::path::Path) -> [SideConf; 2] {
    let dir = |name: &str| {
        let dir = folder.join(name);
        std::fs::create_dir_all(&dir).unwrap();
        BackendConf::Fs(FsConf { dir })
    };
    let class = |id: &str, is_default| ClassConf { id: id.to_owned(), is_default, backend: dir(id) };
    let placement = Some(std::sync::Arc::new(Placement::default()));
    let classes = ClassesConf { classes: vec![class("hot", true), class("cold", false)], placement };
    let side = |backend: BackendConf| SideConf {
        stores: PerKind::from_fn(|kind| StoreConf::new(kind, backend.clone())),
        ..to_bucket(false)
    };
    [side(BackendConf::Classes(classes)), side(dir("cold"))]
}

#[test]
fn a_run_into_the_store_of_one_class_keeps_away_a_run_into_all_and_the_other_way_round() {
    let store = resolve_store(&StoreArguments::parse_from(["run"]).store, &Environment::default()).unwrap();
    let settings = LeaseSettings { take_over: TakeOver::WhenAbandoned, times: Times::default() };
    let claim = |side: &SideConf| {
        let stores = lease::leased_stores(side, &store).unwrap();
        lease::claim(&stores, &settings, None, &Shutdown::new())
    };
    for into_one_first in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let [all, one] = two_classes(folder.path());
        let (first, second) = if into_one_first { (one, all) } else { (all, one) };
        let held = claim(&first).unwrap();
        let refused = claim(&second).unwrap_err();
        assert!(matches!(refused, Failure::Locked(_)) && refused.to_string().contains("cold"), "{refused}");
        held.release().unwrap();
    }
}

/// The options of a command about its stores.
#[derive(clap::Parser)]
struct StoreArguments {
    #[command(flatten)]
    store: StoreFlags,
}
