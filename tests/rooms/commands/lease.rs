//! The lease of a command, by what the sides say.

use std::path::PathBuf;
use std::time::Duration;

use seaf_migrate::commands::common::lease;
use seaf_migrate::conf::backend::{BackendConf, FsConf, OssConf, OssSignature, StoreConf};
use seaf_migrate::conf::{DescribedBy, Secret, SideConf};
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
