//! Every backend that speaks HTTP, in front of a server that lies: no lie is taken for an answer, each is worth another
//! try, and what a lie left at the store is no object that a later run would find.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use seaf_migrate::conf::backend::{
    BackendConf, OssConf, OssSignature, S3Conf, S3Credentials, S3Signature, StoreConf, SwiftAuth, SwiftConf,
};
use seaf_migrate::conf::{Location, Secret};
use seaf_migrate::content::sha1_of;
use seaf_migrate::object::{KeyRange, ObjectKey, ObjectKind};
use seaf_migrate::store::backend::memory::MemoryStore;
use seaf_migrate::store::backend::oss::OssStore;
use seaf_migrate::store::backend::s3::S3Store;
use seaf_migrate::store::backend::swift::SwiftStore;
use seaf_migrate::store::http::HttpOptions;
use seaf_migrate::store::layer::retry::{Retry, RetryPolicy};
use seaf_migrate::store::{ErrorKind, Part, Pieced, Pieces, ReadStore, Reading, RemoveStore, StoreError, WriteStore};
use seaf_migrate::sys::shutdown::Shutdown;

use super::harness::FullStore;
use super::samples::{keys, list_plainly};
use crate::support::liar::{Dialect, Liar, Lie};

const DATA: &[u8] = b"the bytes of an object";

/// The object whose bytes these are.
fn key_of_data() -> ObjectKey {
    ObjectKey::new(keys(1)[0].library, sha1_of(DATA))
}

/// The two ways in which an object is written.
const FORMS: [Form; 2] = [Form::Whole, Form::Pieces];

#[derive(Clone, Copy, Debug)]
enum Form {
    Whole,
    Pieces,
}

impl Form {
    fn write(self, store: &(impl WriteStore + ?Sized), key: &ObjectKey) -> Result<(), StoreError> {
        let data = Bytes::from_static(DATA);
        let Self::Pieces = self else { return store.write(key, data) };
        let source = MemoryStore::new(ObjectKind::Blocks, "source");
        source.write(key, data).unwrap();
        store
            .write_pieces(key, &mut Pieces::new(&source, key, None))
            .map(|outcome| assert_eq!(outcome, Pieced::Written))
    }
}

/// Lies in place of any answer.
const FOREIGN: [Lie; 3] = [Lie::Page, Lie::TaggedPage, Lie::ErrorAsSuccess];

fn location(backend: BackendConf) -> Location {
    StoreConf::new(ObjectKind::Blocks, backend).location()
}

fn oss(host: String, signature: OssSignature) -> Arc<dyn FullStore> {
    let conf = OssConf {
        bucket: "bucket".to_owned(),
        key_id: "id".to_owned(),
        key: Secret::new("key"),
        endpoint: host,
        region: (signature == OssSignature::V4).then(|| "region".to_owned()),
        signature,
        https: false,
        ca_file: None,
    };
    Arc::new(OssStore::open(&conf, location(BackendConf::Oss(conf.clone())), HttpOptions::default()).unwrap())
}

fn swift(host: String) -> Arc<dyn FullStore> {
    let conf = SwiftConf {
        auth_host: host,
        auth: SwiftAuth::V1,
        user: "account:user".to_owned(),
        password: Secret::new("password"),
        tenant: None,
        domain: "default".to_owned(),
        region: None,
        container: "container".to_owned(),
        https: false,
        ca_file: None,
    };
    Arc::new(SwiftStore::open(&conf, location(BackendConf::Swift(conf.clone())), HttpOptions::default()).unwrap())
}

fn s3(host: String, signature: S3Signature, sse_c_key: Option<Secret>) -> Arc<dyn FullStore> {
    let conf = S3Conf {
        bucket: "bucket".to_owned(),
        credentials: S3Credentials::Key { id: "id".to_owned(), secret: Secret::new("secret") },
        host: Some(host),
        region: None,
        signature,
        https: false,
        path_style: true,
        sse_c_key,
        ca_file: None,
    };
    Arc::new(S3Store::open(&conf, location(BackendConf::S3(conf.clone())), HttpOptions::default()).unwrap())
}

/// A liar, and a store that believes it to be its service.
struct Pair {
    what: &'static str,
    dialect: Dialect,
    liar: Liar,
    store: Arc<dyn FullStore>,
}

impl Pair {
    fn new(what: &'static str, dialect: Dialect, open: impl Fn(String) -> Arc<dyn FullStore>) -> Self {
        let liar = Liar::start(dialect);
        Self { what, dialect, store: open(liar.host()), liar }
    }

    /// One of each backend and signature.
    fn all() -> [Self; 5] {
        [
            Self::new("s3, V4", Dialect::S3, |host| s3(host, S3Signature::V4, None)),
            Self::new("s3, V2", Dialect::S3, |host| s3(host, S3Signature::V2, None)),
            Self::new("oss, V1", Dialect::Oss, |host| oss(host, OssSignature::V1)),
            Self::new("oss, V4", Dialect::Oss, |host| oss(host, OssSignature::V4)),
            Self::new("swift", Dialect::Swift, swift),
        ]
    }

    /// The error of a call that is lied to, always.
    fn deceived<T>(&self, lie: Lie, call: impl Fn(&dyn FullStore) -> Result<T, StoreError>) -> StoreError {
        self.liar.lie(lie, u64::MAX);
        let error = call(&*self.store).err().unwrap_or_else(|| panic!("{}: {lie:?} was believed", self.what));
        self.liar.repent();
        assert!(error.kind().is_transient(), "{}: {lie:?}: {error}", self.what);
        if matches!(lie, Lie::Page | Lie::TaggedPage | Lie::ErrorAsSuccess) && error.action() != "size" {
            let said = if lie == Lie::ErrorAsSuccess { "InternalError" } else { "We are back soon" };
            assert_eq!(error.kind(), ErrorKind::ForeignAnswer, "{}: {lie:?}: {error}", self.what);
            assert!(error.cause().contains("HTTP 200") && error.cause().contains(said), "{}: {error}", self.what);
        }
        error
    }

    /// The same store, repeating what fails for a passing reason.
    fn retrying(&self) -> Retry<Arc<dyn FullStore>> {
        let (base, cap) = (Duration::from_nanos(1), Duration::from_nanos(1));
        Retry::new(Arc::clone(&self.store), RetryPolicy { base, cap, ..RetryPolicy::default() }, Shutdown::new())
    }

    fn put(&self) -> ObjectKey {
        let key = keys(1)[0];
        self.store.write(&key, Bytes::from_static(DATA)).unwrap();
        key
    }
}

fn pairs_and_forms() -> impl Iterator<Item = (Pair, Form)> {
    FORMS.into_iter().flat_map(|form| Pair::all().map(move |pair| (pair, form)))
}

#[test]
fn no_lie_about_a_write_is_believed_and_nothing_wrong_stays() {
    for (pair, form) in pairs_and_forms() {
        let key = key_of_data();
        for lie in FOREIGN.into_iter().chain([Lie::Nothing]) {
            pair.deceived(lie, |store| form.write(store, &key));
            assert_eq!(list_plainly(&pair.store, KeyRange::ALL).0, [], "{}: {lie:?}", pair.what);
            pair.liar.lie(lie, 2);
            form.write(&pair.retrying(), &key).unwrap();
            assert_eq!(pair.liar.held(&key.to_string()).unwrap(), DATA, "{}: {lie:?}", pair.what);
            pair.store.remove(&key).unwrap();
        }
    }
}

#[test]
fn a_bit_that_flips_on_the_way_is_noticed_and_the_object_is_not_left() {
    for (pair, form) in pairs_and_forms() {
        let key = key_of_data();
        let error = pair.deceived(Lie::FlippedBit, |store| form.write(store, &key));
        assert_eq!(error.kind(), ErrorKind::Altered, "{}: {error}", pair.what);
        assert_eq!(pair.liar.held(&key.to_string()), None, "{}", pair.what);
        assert_eq!(pair.store.list_one(&key).unwrap(), None);
        pair.liar.lie(Lie::FlippedBit, 1);
        form.write(&pair.retrying(), &key).unwrap();
        assert_eq!(pair.liar.held(&key.to_string()).unwrap(), DATA, "{}", pair.what);
    }
}

#[test]
fn wrong_bytes_behind_an_answer_that_is_not_the_services_are_not_left_for_a_later_pass() {
    for (pair, form) in pairs_and_forms() {
        let key = key_of_data();
        let error = pair.deceived(Lie::FlippedBitAndPage, |store| form.write(store, &key));
        assert!(error.cause().contains("the store holds other bytes"), "{}: {error}", pair.what);
        assert_eq!(pair.liar.held(&key.to_string()), None, "{}", pair.what);
        // The right bytes may stay, since they are what a later pass takes them for; the write is not called done.
        let error = pair.deceived(Lie::StoredAndPage, |store| form.write(store, &key));
        assert_eq!(error.kind(), ErrorKind::ForeignAnswer, "{}: {error}", pair.what);
        assert_eq!(pair.liar.held(&key.to_string()).unwrap(), DATA, "{}", pair.what);
    }
}

#[test]
fn wrong_bytes_that_cannot_be_removed_are_said_to_be_there() {
    for (pair, form) in pairs_and_forms() {
        let key = key_of_data();
        // The write is done with a bit flipped; nothing that is asked or done about it gets through.
        pair.liar.lie(Lie::FlippedBitAndPage, 1);
        pair.liar.lie_after(Lie::Page, u64::MAX);
        let error = form.write(&*pair.store, &key).unwrap_err();
        assert!(error.cause().contains("could not be removed again, so remove it by hand"), "{}: {error}", pair.what);
        assert_eq!(error.kind(), ErrorKind::ForeignAnswer, "{}: {error}", pair.what);
    }
}

#[test]
fn the_md5_goes_along_with_every_write() {
    for pair in Pair::all() {
        pair.put();
        let asked = pair.liar.last("PUT").unwrap();
        match pair.dialect {
            Dialect::Swift => assert_eq!(asked.header("etag"), Some("81029963620a2440e263ec50ad35301f")),
            // The signer of V1 cannot sign it; there the ETag is compared, and read back where that is none.
            Dialect::Oss if pair.what == "oss, V1" => assert_eq!(asked.header("content-md5"), None),
            _ => assert_eq!(asked.header("content-md5"), Some("gQKZY2IKJEDiY+xQrTUwHw=="), "{}", pair.what),
        }
    }
}

#[test]
fn an_etag_that_is_no_md5_is_found_out_and_no_failure() {
    for (pair, form) in pairs_and_forms().filter(|(pair, _)| pair.dialect != Dialect::Swift) {
        let key = key_of_data();
        pair.liar.lie(Lie::StrangeEtag, u64::MAX);
        form.write(&*pair.store, &key).unwrap_or_else(|error| panic!("{}: {error}", pair.what));
        assert_eq!(pair.liar.last("GET").unwrap().decoded_path(), format!("/bucket/{key}"), "it was read back");
    }
    // With a key of the customer's it never is one, so that nothing is read back.
    let liar = Liar::start(Dialect::S3);
    let store = s3(liar.host(), S3Signature::V4, Some(Secret::new("0123456789abcdef0123456789abcdef")));
    liar.lie(Lie::StrangeEtag, u64::MAX);
    store.write(&keys(1)[0], Bytes::from_static(DATA)).unwrap();
    assert!(liar.last("GET").is_none());
}

#[test]
fn no_lie_about_a_read_is_believed() {
    for pair in Pair::all() {
        let key = pair.put();
        for lie in FOREIGN.into_iter().chain([Lie::HalfABody]) {
            pair.deceived(lie, |store| store.read(&key));
            pair.deceived(lie, |store| store.read_again(&key));
            pair.liar.lie(lie, 2);
            assert_eq!(pair.retrying().read(&key).unwrap(), DATA, "{}: {lie:?}", pair.what);
            pair.liar.lie(lie, 2);
            assert_eq!(pair.retrying().read_again(&key).unwrap(), DATA, "{}: {lie:?}", pair.what);
        }
        for lie in [Lie::Page, Lie::TaggedPage] {
            pair.deceived(lie, |store| store.size(&key));
        }
        assert_eq!(pair.store.size(&key).unwrap(), DATA.len() as u64);
    }
}

#[test]
fn no_lie_about_a_piece_is_believed() {
    for pair in Pair::all() {
        let key = pair.put();
        for lie in FOREIGN.into_iter().chain([Lie::HalfABody, Lie::WrongRange]) {
            for reading in [Reading::Usual, Reading::Anew] {
                pair.deceived(lie, |store| store.read_piece(&key, 0, reading));
            }
            pair.liar.lie(lie, 2);
            let piece = pair.retrying().read_piece(&key, 4, Reading::Usual).unwrap().unwrap();
            assert_eq!((&piece.data[..], piece.size), (&DATA[4..], DATA.len() as u64), "{}: {lie:?}", pair.what);
        }
        // Nothing of what an honest server is able to do is forgotten after that.
        assert!(pair.store.read_piece(&key, 0, Reading::Usual).unwrap().is_some(), "{}", pair.what);
    }
}

#[test]
fn a_second_read_is_a_request_of_its_own_that_caches_pass_on() {
    for pair in Pair::all() {
        let key = pair.put();
        let caches = |read: &dyn Fn() -> Bytes| {
            assert_eq!(read(), DATA, "{}", pair.what);
            pair.liar.last("GET").unwrap().header("cache-control").map(str::to_owned)
        };
        assert_eq!(caches(&|| pair.store.read(&key).unwrap()), None, "{}", pair.what);
        assert_eq!(caches(&|| pair.store.read_again(&key).unwrap()).as_deref(), Some("no-cache"), "{}", pair.what);
        let piece = |reading| move |store: &dyn FullStore| store.read_piece(&key, 0, reading).unwrap().unwrap().data;
        assert_eq!(caches(&|| piece(Reading::Usual)(&*pair.store)), None, "{}", pair.what);
        assert_eq!(caches(&|| piece(Reading::Anew)(&*pair.store)).as_deref(), Some("no-cache"), "{}", pair.what);
    }
}

#[test]
fn no_lie_about_a_listing_is_believed() {
    for pair in Pair::all() {
        let key = pair.put();
        for lie in FOREIGN.into_iter().chain([Lie::Nothing, Lie::HalfABody]) {
            pair.deceived(lie, |store| store.list(&Part::new(KeyRange::ALL)));
            pair.liar.lie(lie, 2);
            assert_eq!(pair.retrying().list_one(&key).unwrap().unwrap().key, key, "{}: {lie:?}", pair.what);
        }
    }
}

#[test]
fn no_lie_about_a_removal_is_believed() {
    for pair in Pair::all() {
        let key = pair.put();
        for lie in FOREIGN.into_iter().chain([Lie::Nothing]) {
            pair.deceived(lie, |store| store.remove(&key));
            assert!(pair.liar.held(&key.to_string()).is_some(), "{}: {lie:?}", pair.what);
        }
        pair.liar.lie(Lie::Page, 1);
        pair.retrying().remove(&key).unwrap();
        assert_eq!(pair.liar.held(&key.to_string()), None, "{}", pair.what);
    }
}

#[test]
fn an_object_that_is_a_page_is_an_object() {
    for pair in Pair::all() {
        let (key, page) = (keys(1)[0], Bytes::from_static(b"<Error><Code>my own file</Code></Error>"));
        pair.store.write(&key, page.clone()).unwrap();
        assert_eq!(pair.store.read(&key).unwrap(), page, "{}", pair.what);
    }
}
