//! Whose certificates are trusted: an authority's own, shown by a server, only where `ca_file` holds that very certificate.

use std::path::PathBuf;

use http::Method;
use seaf_migrate::store::ErrorKind;
use seaf_migrate::store::http::{HttpClient, HttpError, HttpOptions, Request, Response};

use crate::support::http_stub::{Reply, Stub};

fn ask(host: &str, stub: &Stub, ca_file: Option<&str>) -> Result<Response, HttpError> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tls"));
    let ca_file = ca_file.map(|name| folder.join(name));
    let client = HttpClient::new(HttpOptions { ca_file, ..HttpOptions::default() }, "store").unwrap();
    let port = stub.host().rsplit_once(':').unwrap().1.to_owned();
    client.send(&Request::new(Method::GET, &format!("https://{host}:{port}/")).unwrap())
}

#[test]
fn a_server_that_is_its_own_authority_is_trusted_where_ca_file_holds_its_certificate() {
    let stub = Stub::start_tls_as("own_authority", |_| Reply::new(200).body("safe"));
    for host in ["localhost", "127.0.0.1"] {
        assert_eq!(ask(host, &stub, Some("own_authority.pem")).unwrap().body, "safe");
    }
}

#[test]
fn it_is_refused_without_that_certificate_by_another_name_and_when_it_is_over() {
    let stub = Stub::start_tls_as("own_authority", |_| Reply::new(200).body("heard"));
    let over = Stub::start_tls_as("own_authority_expired", |_| Reply::new(200).body("heard"));
    let cases = [
        ("localhost", &stub, None, "ca_file"),
        ("localhost", &stub, Some("ca.pem"), "ca_file"),
        ("elsewhere.localhost", &stub, Some("own_authority.pem"), "check host"),
        ("localhost", &over, Some("own_authority_expired.pem"), "expired"),
        // One of the same name that is another.
        ("localhost", &stub, Some("own_authority_expired.pem"), "ca_file"),
    ];
    for (host, stub, ca_file, told) in cases {
        let error = ask(host, stub, ca_file).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Setup, "{host} {ca_file:?}: {}", error.cause());
        assert!(error.cause().contains(told), "{host} {ca_file:?}: {}", error.cause());
    }
}
