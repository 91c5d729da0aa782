//! The suite over the stand-in for OSS: both signatures, bucket in the host and in the path, https.

use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use seaf_migrate::conf::Secret;
use seaf_migrate::conf::backend::{BackendConf, OssConf, OssSignature, StoreConf};
use seaf_migrate::object::ObjectKind;
use seaf_migrate::store::StoreError;
use seaf_migrate::store::backend::oss::OssStore;
use seaf_migrate::store::http::HttpOptions;

use super::harness::{FullStore, Harness};
use super::samples::LIBRARIES;
use crate::support::oss_server::{KEY_ID, OssServer, REGION, SECRET};
use crate::support::skip::Missing;

const BUCKET: &str = "seaf-blocks";

fn open(conf: &OssConf) -> Result<Arc<dyn FullStore>, StoreError> {
    Ok(Arc::new(store(conf)?))
}

fn store(conf: &OssConf) -> Result<OssStore, StoreError> {
    let location = StoreConf::new(ObjectKind::Blocks, BackendConf::Oss(conf.clone())).location();
    OssStore::open(conf, location, HttpOptions::default())
}

fn harness_of(server: OssServer, host: &str, signature: OssSignature, https: bool) -> Harness {
    server.create_bucket(BUCKET);
    let conf = OssConf {
        bucket: BUCKET.to_owned(),
        key_id: KEY_ID.to_owned(),
        key: Secret::new(SECRET),
        endpoint: format!("{host}:{}", server.port()),
        region: (signature == OssSignature::V4).then(|| REGION.to_owned()),
        signature,
        https,
        ca_file: https.then(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tls/ca.pem"))),
    };
    let absent = OssConf { bucket: "seaf-absent".to_owned(), ..conf.clone() };
    let wrong = OssConf { key: Secret::new("not the key"), ..conf.clone() };
    let server = Rc::new(server);
    let planting = server.clone();
    Harness::new(store(&conf).unwrap())
        .keeping(server)
        .without_container(move || open(&absent))
        .with_wrong_credentials(move || open(&wrong))
        .planting(move || {
            let strangers = [
                "0 & <stranger>".to_owned(),
                "readme+1%.txt".to_owned(),
                format!("{}/{}.tmp", LIBRARIES[1], "0".repeat(40)),
                format!("{}/{}", LIBRARIES[1], "A".repeat(40)),
                format!("{}/short", LIBRARIES[2]),
                format!("{}/日本", LIBRARIES[3]),
            ];
            strangers.iter().for_each(|name| planting.plant(BUCKET, name));
            strangers.len() as u64
        })
}

mod v1_in_the_host {
    use super::*;

    fn harness(_: &str) -> Result<Harness, Missing> {
        Ok(harness_of(OssServer::start(), "oss.localhost", OssSignature::V1, false))
    }

    conformance!("oss, signature V1", harness);
}

mod v4_in_the_path {
    use super::*;

    fn harness(_: &str) -> Result<Harness, Missing> {
        Ok(harness_of(OssServer::start(), "127.0.0.1", OssSignature::V4, false))
    }

    conformance!("oss, signature V4", harness);
}

mod https {
    use super::*;
    use crate::{harness, objects};

    fn harness(_: &str) -> Result<Harness, Missing> {
        Ok(harness_of(OssServer::start_tls(), "oss.localhost", OssSignature::V4, true))
    }

    #[test]
    fn comes_back_as_it_went() {
        harness::run("oss, https", "comes_back_as_it_went", harness, objects::comes_back_as_it_went);
        harness::run("oss, https", "ten_megabytes", harness, objects::ten_megabytes);
    }
}
