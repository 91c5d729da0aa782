//! The Swift store against answers that a real server cannot be made to give: tokens that expire under load, listings with
//! foreign names, throttling, and the difference between a missing object and a missing container.

mod listings;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use seaf_migrate::conf::Secret;
use seaf_migrate::conf::backend::{BackendConf, StoreConf, SwiftAuth, SwiftConf};
use seaf_migrate::object::{KeyRange, LibraryId, ObjectId, ObjectKey, ObjectKind};
use seaf_migrate::store::backend::swift::SwiftStore;
use seaf_migrate::store::http::HttpOptions;
use seaf_migrate::store::{ErrorKind, Part, ReadStore, RemoveStore, StoreError, WriteStore};
use serde_json::json;

use crate::support::http_stub::{Asked, Fault, Reply, Stub};

/// A Swift server of one container, with faults that a test can order.
#[derive(Default)]
struct Server {
    objects: Mutex<BTreeMap<String, Vec<u8>>>,
    logins: AtomicUsize,
    /// The token that is accepted is `token-<logins>`; this forgets it.
    expired: AtomicBool,
    /// Answers to give instead, one after the other.
    instead: Mutex<Vec<Reply>>,
    container_gone: AtomicBool,
    wrong_etag: AtomicBool,
    page: AtomicUsize,
    /// How many must have been refused before a login is answered.
    crowd: Mutex<Option<Arc<Barrier>>>,
}

const PASSWORD: &str = "the password";

impl Server {
    fn start() -> (Arc<Self>, Stub) {
        let server = Arc::new(Self { page: AtomicUsize::new(10_000), ..Self::default() });
        let answering = server.clone();
        let stub = Stub::start(move |asked| answering.answer(asked));
        (server, stub)
    }

    fn answer(&self, asked: &Asked) -> Reply {
        if asked.path.ends_with("/auth/v1.0") || asked.path.ends_with("/tokens") {
            return self.log_in(asked);
        }
        let token = format!("token-{}", self.logins.load(Ordering::Acquire));
        if self.expired.load(Ordering::Acquire) || asked.header("x-auth-token") != Some(&token) {
            return self.refuse();
        }
        if let Some(reply) = self.instead.lock().unwrap().pop() {
            return reply;
        }
        let Some(path) = asked.path.strip_prefix("/v1/AUTH_x/c%C3%B6ntainer") else { return Reply::new(400) };
        if self.container_gone.load(Ordering::Acquire) {
            return Reply::new(404).body("<html><h1>Not Found</h1><p>The resource could not be found.</p></html>");
        }
        match path.strip_prefix('/') {
            Some(name) => self.object(asked, name),
            None => self.list(asked),
        }
    }

    fn refuse(&self) -> Reply {
        // Everybody is refused before anybody gets a new token, so that all of them want one.
        let crowd = self.crowd.lock().unwrap().clone();
        if let Some(crowd) = crowd {
            crowd.wait();
        }
        Reply::new(401).body("<html><h1>Unauthorized</h1></html>")
    }

    fn log_in(&self, asked: &Asked) -> Reply {
        let known =
            String::from_utf8_lossy(&asked.body).contains(PASSWORD) || asked.header("x-storage-pass") == Some(PASSWORD);
        let number = self.logins.fetch_add(1, Ordering::AcqRel) + 1;
        self.expired.store(false, Ordering::Release);
        if !known {
            return Reply::new(401);
        }
        let url = format!("http://{}/v1/AUTH_x/", asked.header("host").unwrap());
        let token = format!("token-{number}");
        let service = |kind: &str, endpoints| json!({"type": kind, "endpoints": endpoints});
        if asked.path.starts_with("/v2.0") {
            let elsewhere =
                json!({"region": "north", "publicURL": "http://127.0.0.1:9/", "adminURL": "http://127.0.0.1:9/"});
            let here = json!({"region": "south", "publicURL": url});
            let catalog = [service("identity", json!([elsewhere])), service("object-store", json!([elsewhere, here]))];
            let body = json!({"access": {"token": {"id": token, "expires": "x"}, "serviceCatalog": catalog}});
            Reply::new(200).body(body.to_string())
        } else if asked.path.starts_with("/v3") {
            let internal =
                json!({"interface": "internal", "region": "south", "region_id": "south", "url": "http://127.0.0.1:9"});
            let public = json!({"interface": "public", "region": "south", "region_id": "south", "url": url});
            let catalog = [service("object-store", json!([internal, public]))];
            Reply::new(201).header("X-Subject-Token", token).body(json!({"token": {"catalog": catalog}}).to_string())
        } else {
            Reply::new(200).header("X-Storage-Url", url).header("X-Auth-Token", token)
        }
    }

    fn object(&self, asked: &Asked, name: &str) -> Reply {
        let mut objects = self.objects.lock().unwrap();
        match asked.method.as_str() {
            "PUT" => {
                let etag = asked.header("etag").unwrap().to_owned();
                objects.insert(name.to_owned(), asked.body.clone());
                let wrong = self.wrong_etag.load(Ordering::Acquire);
                Reply::new(201).header("Etag", if wrong { "0".repeat(32) } else { etag })
            }
            "DELETE" => Reply::new(if objects.remove(name).is_some() { 204 } else { 404 }),
            _ => objects.get(name).map_or(Reply::new(404), |data| Reply::new(200).body(data.clone())),
        }
    }

    /// As Swift documents it: after `marker`, before `end_marker`, at most a page.
    fn list(&self, asked: &Asked) -> Reply {
        let (marker, end) = (asked.param("marker").unwrap_or_default(), asked.param("end_marker"));
        let prefix = asked.param("prefix").unwrap_or_default();
        let objects = self.objects.lock().unwrap();
        let entries: Vec<_> = objects
            .iter()
            .filter(|(name, _)| **name > marker && name.starts_with(&prefix))
            .filter(|(name, _)| end.as_ref().is_none_or(|end| *name < end))
            .take(self.page.load(Ordering::Acquire))
            .map(|(name, data)| json!({"name": name, "bytes": data.len(), "hash": "x", "content_type": "x"}))
            .collect();
        Reply::new(200).body(json!(entries).to_string())
    }

    fn put(&self, names: impl IntoIterator<Item = String>) {
        self.objects.lock().unwrap().extend(names.into_iter().map(|name| (name, b"data".to_vec())));
    }
}

fn conf(stub: &Stub, auth: SwiftAuth) -> SwiftConf {
    SwiftConf {
        auth_host: stub.host(),
        auth,
        user: "account:user".to_owned(),
        password: Secret::new(PASSWORD),
        tenant: (auth != SwiftAuth::V1).then(|| "tenant".to_owned()),
        domain: "default".to_owned(),
        region: (auth != SwiftAuth::V1).then(|| "south".to_owned()),
        container: "cöntainer".to_owned(),
        https: false,
        ca_file: None,
    }
}

fn open(conf: &SwiftConf) -> SwiftStore {
    let backend = BackendConf::Swift(conf.clone());
    let location = StoreConf::new(ObjectKind::Blocks, backend).location();
    SwiftStore::open(conf, location, HttpOptions::default()).unwrap()
}

fn store(stub: &Stub) -> SwiftStore {
    open(&conf(stub, SwiftAuth::V1))
}

fn key(library: u8, id: u32) -> ObjectKey {
    let mut bytes = [0; 20];
    bytes[..4].copy_from_slice(&id.to_be_bytes());
    ObjectKey::new(LibraryId::from_bytes([library; 16]), ObjectId::from_bytes(bytes))
}

/// Lists `range` to its end: the keys, and how many names were ignored.
fn list_all(store: &SwiftStore, range: KeyRange) -> Result<(Vec<ObjectKey>, u64), StoreError> {
    let (mut keys, mut ignored, mut next) = (Vec::new(), 0, Some(Part::new(range)));
    while let Some(part) = next {
        let page = store.list(&part)?;
        keys.extend(page.objects.iter().map(|listed| listed.key));
        ignored += page.ignored.total();
        next = page.rest;
    }
    Ok((keys, ignored))
}

#[test]
fn an_object_goes_in_and_out_with_each_login() {
    for auth in [SwiftAuth::V1, SwiftAuth::V2, SwiftAuth::V3] {
        let (_server, stub) = Server::start();
        let store = open(&conf(&stub, auth));
        let data = Bytes::from_static(b"\0binary\xff");
        store.write(&key(1, 1), data.clone()).unwrap();
        assert_eq!(store.read(&key(1, 1)).unwrap(), data, "{auth:?}");
        assert_eq!(store.size(&key(1, 1)).unwrap(), 8);
        store.remove(&key(1, 1)).unwrap();
        store.remove(&key(1, 1)).unwrap();
        assert_eq!(store.read(&key(1, 1)).unwrap_err().kind(), ErrorKind::NotFound);
    }
}

#[test]
fn a_token_that_expires_under_fifty_workers_is_renewed_once() {
    const WORKERS: usize = 50;
    let (server, stub) = Server::start();
    let store = store(&stub);
    store.write(&key(1, 0), Bytes::from("before")).unwrap();
    *server.crowd.lock().unwrap() = Some(Arc::new(Barrier::new(WORKERS)));
    server.expired.store(true, Ordering::Release);
    std::thread::scope(|scope| {
        for n in 0..WORKERS {
            let store = &store;
            scope.spawn(move || store.write(&key(2, u32::try_from(n).unwrap()), Bytes::from("data")).unwrap());
        }
    });
    assert_eq!(server.logins.load(Ordering::Acquire), 2, "one login before, one after");
    assert_eq!(server.objects.lock().unwrap().len(), 1 + WORKERS);
}

#[test]
fn a_wrong_password_is_tried_once_for_all_workers_that_wait() {
    let (server, stub) = Server::start();
    let mut conf = conf(&stub, SwiftAuth::V3);
    conf.password = Secret::new("wrong");
    let store = open(&conf);
    let error = store.read(&key(1, 1)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadCredentials);
    assert!(error.to_string().contains("/v3/auth/tokens") && !error.to_string().contains("wrong"), "{error}");
    assert_eq!(server.logins.load(Ordering::Acquire), 1);
    assert!(!format!("{store:?}").contains("wrong"));
}

#[test]
fn tokens_refused_again_and_again_are_bad_credentials() {
    let stub = Stub::start(|asked| match asked.path.as_str() {
        "/auth/v1.0" => {
            let url = format!("http://{}/v1/x", asked.header("host").unwrap());
            Reply::new(200).header("X-Storage-Url", url).header("X-Auth-Token", "useless")
        }
        _ => Reply::new(401),
    });
    assert_eq!(store(&stub).read(&key(1, 1)).unwrap_err().kind(), ErrorKind::BadCredentials);
}

#[test]
fn a_missing_container_is_told_from_a_missing_object() {
    let (server, stub) = Server::start();
    let store = store(&stub);
    assert_eq!(store.read(&key(1, 1)).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(store.size(&key(1, 1)).unwrap_err().kind(), ErrorKind::NotFound);
    server.container_gone.store(true, Ordering::Release);
    let part = Part::new(KeyRange::ALL);
    let errors = [
        store.read(&key(1, 1)).unwrap_err(),
        store.size(&key(1, 1)).unwrap_err(),
        store.write(&key(1, 1), Bytes::new()).unwrap_err(),
        store.remove(&key(1, 1)).unwrap_err(),
        store.list(&part).unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::ContainerMissing, "{error}");
        assert!(error.to_string().contains("cöntainer") && error.to_string().contains("create it"), "{error}");
        assert!(error.to_string().contains("which the login named"), "{error}");
    }
}

#[test]
fn answers_have_their_kinds() {
    let (server, stub) = Server::start();
    let store = store(&stub);
    let cases = [
        (Reply::new(403), ErrorKind::ObjectDenied),
        (Reply::new(429).header("Retry-After", "3"), ErrorKind::Throttled),
        (Reply::new(498).header("Retry-After", "3"), ErrorKind::Throttled),
        (Reply::new(503).header("Retry-After", "3"), ErrorKind::Throttled),
        (Reply::new(503), ErrorKind::Unavailable),
        (Reply::new(413), ErrorKind::TooLarge),
        (Reply::new(413).body("<html><p>Upload exceeds quota.</p></html>"), ErrorKind::NoSpace),
        (Reply::new(507), ErrorKind::NoSpace),
        (Reply::new(422), ErrorKind::Altered),
        (Reply::new(301).header("Location", "http://elsewhere/"), ErrorKind::Protocol),
    ];
    for (reply, kind) in cases {
        let wait = reply.headers.iter().any(|(name, _)| name == "Retry-After").then_some(Duration::from_secs(3));
        server.instead.lock().unwrap().push(reply);
        let error = store.write(&key(1, 1), Bytes::from("data")).unwrap_err();
        assert_eq!((error.kind(), error.retry_after()), (kind, wait), "{error}");
    }
    assert!(server.objects.lock().unwrap().is_empty());
}

#[test]
fn what_arrives_damaged_is_not_taken_for_written() {
    let (server, stub) = Server::start();
    server.wrong_etag.store(true, Ordering::Release);
    let error = store(&stub).write(&key(1, 1), Bytes::from("data")).unwrap_err();
    assert!(error.kind().is_transient(), "{error}");
}

#[test]
fn a_region_that_is_not_there_and_a_login_that_is_not_there() {
    let (_server, stub) = Server::start();
    for auth in [SwiftAuth::V2, SwiftAuth::V3] {
        let conf = SwiftConf { region: Some("west".to_owned()), ..conf(&stub, auth) };
        let error = open(&conf).read(&key(1, 1)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Setup);
        assert!(error.to_string().contains("south"), "{error}");
    }
    let nobody = Stub::start(|_| Reply::new(404));
    let error = store(&nobody).read(&key(1, 1)).unwrap_err();
    assert!(error.kind() == ErrorKind::Setup && error.to_string().contains("auth_ver"), "{error}");
}
