//! The suite over the S3 side of a real Ceph, which `scripts/services.sh up ceph` starts: signatures
//! V4 and V2, path and virtual-host style, http and https, keys of the customer's.

use std::sync::Arc;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Builder, Credentials, Region};
use seaf_migrate::conf::{BackendConf, S3Conf, S3Credentials, S3Signature, Secret, StoreConf};
use seaf_migrate::object::ObjectKind;
use seaf_migrate::store::StoreError;
use seaf_migrate::store::backend::s3::S3Store;
use seaf_migrate::store::http::HttpOptions;

use super::harness::{FullStore, Harness};
use super::samples::LIBRARIES;
use crate::support::places::block_on;
use crate::support::skip::{Missing, variable};

fn open(conf: &S3Conf) -> Result<S3Store, StoreError> {
    let location = StoreConf::new(ObjectKind::Blocks, BackendConf::S3(conf.clone())).location();
    S3Store::open(conf, location, HttpOptions::default())
}

fn full(conf: &S3Conf) -> Result<Arc<dyn FullStore>, StoreError> {
    open(conf).map(|store| Arc::new(store) as Arc<dyn FullStore>)
}

/// The settings for a bucket that is made for this case, and what removes it.
fn settings(case: &str) -> Result<(S3Conf, Bucket), Missing> {
    let url = variable("SEAF_TEST_RGW")?;
    let (id, secret) = (variable("SEAF_TEST_RGW_KEY_ID")?, variable("SEAF_TEST_RGW_KEY")?);
    let name = format!("seaf-{}-{:08x}", case.replace('_', "-"), fastrand::u32(..));
    let conf = S3Conf {
        bucket: name.clone(),
        credentials: S3Credentials::Key { id: id.clone(), secret: Secret::new(secret.clone()) },
        host: Some(url.trim_start_matches("http://").to_owned()),
        region: None,
        signature: S3Signature::V4,
        https: false,
        path_style: true,
        sse_c_key: None,
        ca_file: None,
    };
    Ok((conf, Bucket::new(name, url, id, secret)))
}

/// The same over https.
fn secured(conf: S3Conf) -> Result<S3Conf, Missing> {
    let host = variable("SEAF_TEST_RGW_HTTPS")?.trim_start_matches("https://").to_owned();
    Ok(S3Conf { host: Some(host), https: true, ca_file: Some(variable("SEAF_TEST_RGW_CA")?.into()), ..conf })
}

fn harness_for(conf: S3Conf, bucket: Bucket) -> Harness {
    let absent = S3Conf { bucket: "no-such-bucket".to_owned(), ..conf.clone() };
    let id = "nobody".to_owned();
    let wrong = S3Conf { credentials: S3Credentials::Key { id, secret: Secret::new("guessed") }, ..conf.clone() };
    let bucket = Arc::new(bucket);
    let planted = Arc::clone(&bucket);
    Harness::new(open(&conf).unwrap())
        .keeping(bucket)
        .biggest_listing(2_001)
        .without_container(move || full(&absent))
        .with_wrong_credentials(move || full(&wrong))
        .planting(move || planted.plant())
}

/// A bucket that goes with its last owner.
struct Bucket {
    client: Client,
    name: String,
}

impl Bucket {
    fn new(name: String, url: String, id: String, secret: String) -> Self {
        let config = Builder::new()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .endpoint_url(url)
            .force_path_style(true)
            .credentials_provider(Credentials::new(id, secret, None, None, "test"))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build();
        let bucket = Self { client: Client::from_conf(config), name };
        block_on(bucket.client.create_bucket().bucket(&bucket.name).send()).unwrap();
        bucket
    }

    fn plant(&self) -> u64 {
        let [first, second] = [LIBRARIES[0], LIBRARIES[1]];
        let id = "7f".repeat(20);
        let names = [
            "README".to_owned(),
            "00-notes/a file & <its> name".to_owned(),
            format!("{first}/{id}.part"),
            format!("{first}/"),
            format!("{first}//{id}"),
            format!("{first}/{}", id.to_uppercase()),
            format!("{second}/tab\tline\nbell\u{7}"),
            format!("{second}/ümläut %41+b \u{1F600}"),
            format!("{second}x/{id}"),
        ];
        for name in &names {
            block_on(self.client.put_object().bucket(&self.name).key(name).send()).unwrap();
        }
        names.len() as u64
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        block_on(async {
            while let Ok(page) = self.client.list_objects_v2().bucket(&self.name).send().await {
                for object in page.contents() {
                    let _ = self.client.delete_object().bucket(&self.name).key(object.key().unwrap()).send().await;
                }
                if page.is_truncated() != Some(true) {
                    break;
                }
            }
            let _ = self.client.delete_bucket().bucket(&self.name).send().await;
        });
    }
}

mod v4_in_the_path {
    use super::*;

    fn harness(case: &str) -> Result<Harness, Missing> {
        let (conf, bucket) = settings(case)?;
        Ok(harness_for(conf, bucket))
    }

    conformance!("s3 of Ceph, signature V4, path style", harness);
}

mod v2_in_the_host {
    use super::*;

    fn harness(case: &str) -> Result<Harness, Missing> {
        let (conf, bucket) = settings(case)?;
        let (_, port) = conf.host.as_deref().and_then(|host| host.rsplit_once(':')).unwrap();
        let host = Some(format!("localhost:{port}"));
        Ok(harness_for(S3Conf { signature: S3Signature::V2, path_style: false, host, ..conf }, bucket))
    }

    conformance!("s3 of Ceph, signature V2, virtual host", harness);
}

mod with_a_key_of_ours {
    use super::*;

    fn harness(case: &str) -> Result<Harness, Missing> {
        let (conf, bucket) = settings(case)?;
        let sse_c_key = Some(Secret::new("0123456789abcdef0123456789abcdef"));
        Ok(harness_for(secured(S3Conf { sse_c_key, ..conf })?, bucket))
    }

    conformance!("s3 of Ceph, https, SSE-C", harness);
}
