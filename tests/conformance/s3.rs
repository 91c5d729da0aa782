//! The suite over S3, against the server of `tests/support/s3_server.rs`, once for each signature.

use std::path::Path;
use std::sync::Arc;

use seaf_migrate::conf::{BackendConf, S3Conf, S3Credentials, S3Signature, Secret, StoreConf};
use seaf_migrate::object::ObjectKind;
use seaf_migrate::store::StoreError;
use seaf_migrate::store::backend::s3::S3Store;
use seaf_migrate::store::http::HttpOptions;

use super::harness::{FullStore, Harness};
use super::samples::LIBRARIES;
use crate::support::s3_server::S3Server;
use crate::support::skip::Missing;

const BUCKET: &str = "seafile-blocks";

fn open(conf: &S3Conf) -> Result<S3Store, StoreError> {
    let location = StoreConf::new(ObjectKind::Blocks, BackendConf::S3(conf.clone())).location();
    S3Store::open(conf, location, HttpOptions::default())
}

fn full(conf: &S3Conf) -> Result<Arc<dyn FullStore>, StoreError> {
    open(conf).map(|store| Arc::new(store) as Arc<dyn FullStore>)
}

fn over(signature: S3Signature) -> Harness {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join(BUCKET);
    std::fs::create_dir(&root).unwrap();
    let server = S3Server::start(folder.path(), "access", "secret");
    let conf = S3Conf { signature, ..server.conf(BUCKET) };
    let absent = S3Conf { bucket: "no-such-bucket".to_owned(), ..conf.clone() };
    let wrong = S3Credentials::Key { id: "access".to_owned(), secret: Secret::new("guessed") };
    let wrong = S3Conf { credentials: wrong, ..conf.clone() };
    Harness::new(open(&conf).unwrap())
        .keeping(server)
        .keeping(folder)
        .without_container(move || full(&absent))
        .with_wrong_credentials(move || full(&wrong))
        .planting(move || plant(&root))
}

/// What other programs put into a bucket; a name greater than every key's is not among them,
/// because a listing ends at the greatest key.
fn plant(bucket: &Path) -> u64 {
    let [first, second] = [LIBRARIES[0], LIBRARIES[1]];
    let id = "7f".repeat(20);
    let names = [
        "README".to_owned(),
        "00-notes/a file & <its> name".to_owned(),
        format!("{first}/{id}.part"),
        format!("{first}/{}", id.to_uppercase()),
        format!("{second}/{}", &id[1..]),
        format!("{second}/{id}0"),
        format!("{second}/tab\tline\nbell\u{7}"),
        format!("{second}x/{id}"),
        format!("{}/{id}", second.to_uppercase()),
        "9 %41+b Ü".to_owned(),
    ];
    for name in &names {
        let path = bucket.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "not an object").unwrap();
    }
    names.len() as u64
}

mod v4 {
    use super::*;

    fn harness(_case: &str) -> Result<Harness, Missing> {
        Ok(over(S3Signature::V4).biggest_listing(5_001))
    }

    conformance!("s3, signature V4", harness);
}

mod v2 {
    use super::*;

    fn harness(_case: &str) -> Result<Harness, Missing> {
        Ok(over(S3Signature::V2).biggest_listing(1_001))
    }

    conformance!("s3, signature V2", harness);
}
