//! A store that is not where the configuration says: the error names what was asked, what the server answered, and the
//! option to change.

use seaf_migrate::conf::backend::BackendConf;
use seaf_migrate::object::ObjectKey;
use seaf_migrate::store::http::proxy::Proxies;

use super::endless::stores;
use super::proxies::{confs, read};
use crate::support::http_stub::Reply;

#[test]
fn a_host_that_nobody_knows_is_named_with_the_bucket_in_front_of_it() {
    for (name, conf) in confs(false) {
        let told = read(&conf, &Proxies::default()).unwrap_err().to_string();
        let host = if name == "OSS" { "bucket.store.invalid" } else { "store.invalid" };
        assert!(told.contains(&format!("no address is known of the host {host}")), "{name}: {told}");
        assert!(!told.contains("path_style_request"), "{name}: {told}");
        let BackendConf::S3(mut s3) = conf else { continue };
        s3.path_style = false;
        let told = read(&BackendConf::S3(s3), &Proxies::default()).unwrap_err().to_string();
        let host = "no address is known of the host bucket.store.invalid";
        assert!(told.contains(host) && told.contains("path_style_request = true"), "{name}: {told}");
    }
}

#[test]
fn a_redirect_to_tls_names_the_option_and_another_one_does_not() {
    for (target, advised) in [("https://store.example/", true), ("http://store.example/", false)] {
        let (_stub, stores) = stores(move |_| Reply::new(301).header("Location", target));
        for (name, store) in stores {
            let told = store.read(&ObjectKey::MIN).unwrap_err().to_string();
            assert_eq!(told.contains("use_https = true"), advised, "{name}: {told}");
            assert!(told.contains(target), "{name}: {told}");
        }
    }
}

#[test]
fn a_bucket_that_is_elsewhere_is_told_with_its_endpoint_and_region() {
    let body = "<Error><Code>PermanentRedirect</Code><Message>Use the other.</Message>\
                <Endpoint>bucket.there.example</Endpoint></Error>";
    let (_stub, stores) = stores(move |_| Reply::new(301).header("x-amz-bucket-region", "eu-south-1").body(body));
    for (name, store) in stores {
        if name == "Swift" {
            continue;
        }
        let told = store.read(&ObjectKey::MIN).unwrap_err().to_string();
        assert!(told.contains("bucket.there.example"), "{name}: {told}");
        assert!(!name.starts_with("S3") || told.contains("eu-south-1"), "{name}: {told}");
    }
}

#[test]
fn the_words_of_a_server_that_answers_in_json_or_plain_text_are_told() {
    for body in [r#"{"error": "no such tenant"}"#, "no such tenant\nand more"] {
        let (_stub, stores) = stores(move |_| Reply::new(400).body(body));
        for (name, store) in stores {
            let told = store.read(&ObjectKey::MIN).unwrap_err().to_string();
            assert!(told.contains("no such tenant"), "{name}: {told}");
        }
    }
}

#[test]
fn an_upload_that_something_on_the_way_finds_too_large_names_its_limit() {
    let (_stub, stores) = stores(|_| Reply::new(413).body("<html><h1>413 Request Entity Too Large</h1></html>"));
    for (name, store) in stores {
        let told = store.write(&ObjectKey::MIN, "data".into()).unwrap_err().to_string();
        assert!(
            told.contains("413 Request Entity Too Large") && told.contains("client_max_body_size"),
            "{name}: {told}"
        );
    }
}
