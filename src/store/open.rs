//! The only place that names every backend: configuration in, store out. The store of a kind that stays is only ever
//! opened to be read, whatever it is opened for.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::backend::ceph::{CephOptions, CephStore};
use super::backend::fs::FsStore;
use super::backend::oss::OssStore;
use super::backend::s3::{S3Store, base_url};
use super::backend::swift::SwiftStore;
use super::http::HttpOptions;
use super::http::proxy::Proxies;
use super::layer::crypt::{Cipher, Crypt};
use super::layer::named::Named;
use super::layer::retry::{Retry, RetryPolicy, Teller};
use super::layer::staying::Staying;
use super::{ErrorKind, ReadStore, RemoveStore, StoreError, StoreName, WriteStore};
use crate::conf::{BackendConf, StoreConf};
use crate::flow::Hold;
use crate::sys::shutdown::Shutdown;

mod classes;

/// How to talk to stores, whatever their backend.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// How many threads will call a store at once.
    pub connections: usize,
    /// How long to wait for an answer.
    pub timeout: Duration,
    /// How often and how patiently to repeat.
    pub retry: RetryPolicy,
    /// Cancellation, which ends waits between repetitions at once.
    pub stop: Shutdown,
    /// Takes what is to be told of a store that is waited for.
    pub tell: Teller,
    /// Lets writes wait, to a store that is no folder, while it is not known whether another process may write.
    pub hold: Hold,
    ways: Ways,
    retries: Arc<AtomicU64>,
}

/// The proxies to go through, and who is told of it: also where nobody is told of stores that are waited for.
#[derive(Clone, Debug, Default)]
struct Ways {
    proxies: Proxies,
    tell: Teller,
    /// What was told.
    told: Arc<Mutex<BTreeSet<String>>>,
}

/// What a store must be able to do to be opened here: all three, of which most callers get one.
pub trait Store: WriteStore + RemoveStore {}
impl<S: WriteStore + RemoveStore> Store for S {}

impl OpenOptions {
    /// Options for stores that `connections` threads call at once; `retries` starts at nothing.
    pub fn new(connections: usize, timeout: Duration, retry: RetryPolicy, stop: &Shutdown) -> Self {
        Self {
            connections,
            timeout,
            retry,
            stop: stop.clone(),
            tell: Teller::default(),
            hold: Hold::default(),
            ways: Ways::default(),
            retries: Arc::default(),
        }
    }

    /// The same options; what is to be told of a store that is waited for goes to `tell`, and so does the way to it.
    #[must_use]
    pub fn telling(mut self, tell: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.tell = Teller::new(tell);
        self.ways.tell = self.tell.clone();
        self
    }

    /// The same options; requests go through what `proxies` names.
    #[must_use]
    pub fn through(mut self, proxies: Proxies) -> Self {
        self.ways = Ways { proxies, told: Arc::default(), ..self.ways };
        self
    }

    /// The same options; requests go the ways of `other`, told to whom that tells of them.
    #[must_use]
    pub fn going_as(mut self, other: &Self) -> Self {
        self.ways = other.ways.clone();
        self
    }

    /// How many calls were repeated so far, on all stores opened with these options.
    pub fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }

    fn retrying<S: Store>(&self, conf: &StoreConf, store: S) -> Retry<S> {
        let retry = Retry::new(store, self.retry, self.stop.clone()).named(StoreName::of(conf));
        retry.counting_in(Arc::clone(&self.retries)).telling(self.tell.clone()).held_by(self.hold.clone())
    }

    /// What `open` makes, its calls repeated, and its name in its errors.
    fn retrying_named<S: Store + 'static>(
        &self,
        conf: &StoreConf,
        open: impl FnOnce() -> Result<S, StoreError>,
    ) -> Result<Arc<dyn Store>, StoreError> {
        Ok(Arc::new(Named::open(conf, || open().map(|store| self.retrying(conf, store)))?))
    }

    fn http(&self, conf: &StoreConf) -> HttpOptions {
        let (answer_timeout, proxies, names) = (self.timeout, self.ways.proxies.clone(), conf.option_names());
        HttpOptions { answer_timeout, proxies, names, ..HttpOptions::default() }
    }

    /// A folder to read from. A file that cannot be read now cannot be read a second later, but a file system on the network
    /// may be away for a while (ESTALE, a server that was restarted).
    fn reading(&self, conf: &StoreConf, store: FsStore) -> Retry<FsStore> {
        self.retrying(conf, store).believing_refusals()
    }

    fn ceph(&self) -> CephOptions {
        CephOptions { timeout: self.timeout, ..CephOptions::default() }
    }
}

impl Ways {
    /// Tells once through which proxy requests to a host go.
    fn tell_of(&self, conf: &StoreConf) {
        let url = match &conf.backend {
            BackendConf::S3(s3) => base_url(s3),
            BackendConf::Swift(swift) => SwiftStore::url(swift),
            BackendConf::Oss(oss) => OssStore::url(oss),
            BackendConf::Fs(_) | BackendConf::Ceph(_) | BackendConf::Classes(_) => return,
        };
        let Ok(url) = url.parse::<http::Uri>() else { return };
        let Some(proxy) = self.proxies.of(&url) else { return };
        let host = url.authority().map_or("", |authority| authority.as_str());
        let way = format!("requests to {host} go through the proxy {proxy}; --no-proxy asks it directly");
        if self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(way.clone()) {
            self.tell.tell(&way);
        }
    }
}

/// Opens a store to read from.
///
/// # Errors
/// When its settings make no client, or a folder is not there.
pub fn open_source(conf: &StoreConf, options: &OpenOptions) -> Result<Arc<dyn ReadStore>, StoreError> {
    match &conf.backend {
        BackendConf::Fs(fs) => {
            let open = || FsStore::source(fs, conf.kind, conf.location()).map(|store| options.reading(conf, store));
            let store: Arc<dyn ReadStore> = Arc::new(Named::open(conf, open)?);
            Ok(decrypted(conf, &store)?.map_or(store, |plain| Arc::new(plain)))
        }
        BackendConf::Classes(of) => Ok(classes::open(conf, of, |leaf| open_source(leaf, options))?),
        _ => open_writable(conf, options).map(|store| store as Arc<dyn ReadStore>),
    }
}

/// Opens a store to write to; what of a folder is missing below the configured one is created.
///
/// # Errors
/// As [`open_source`].
pub fn open_destination(conf: &StoreConf, options: &OpenOptions) -> Result<Arc<dyn WriteStore>, StoreError> {
    if conf.stays {
        return Ok(open_staying(conf, options)?);
    }
    open_writable(conf, options).map(|store| store as Arc<dyn WriteStore>)
}

/// Opens a destination without writing to it. `None` when it is a folder that the first pass will
/// create, so nothing is in it.
///
/// # Errors
/// As [`open_source`].
pub fn open_destination_to_read(
    conf: &StoreConf,
    options: &OpenOptions,
) -> Result<Option<Arc<dyn ReadStore>>, StoreError> {
    if conf.stays {
        return open_destination_as_it_is(conf, options).map(Some);
    }
    if let Some(of) = conf.classes() {
        let open = |leaf: &StoreConf| open_destination_to_read(leaf, options);
        return Ok(classes::open_if_there(conf, of, open, |absent| Arc::new(absent))?.map(|store| store as _));
    }
    match (open_destination_as_it_is(conf, options), &conf.backend) {
        (Err(error), BackendConf::Fs(fs)) if error.kind() == ErrorKind::ContainerMissing && fs.dir.is_dir() => Ok(None),
        (opened, _) => opened.map(Some),
    }
}

/// Opens a destination without writing to it; a folder that is not there is an error.
///
/// # Errors
/// As [`open_source`], and when a link on the way belongs to somebody else.
pub fn open_destination_as_it_is(conf: &StoreConf, options: &OpenOptions) -> Result<Arc<dyn ReadStore>, StoreError> {
    if conf.stays {
        return Ok(open_staying(conf, options)?);
    }
    match &conf.backend {
        BackendConf::Fs(fs) => {
            let open = || FsStore::destination_to_read(fs, conf.kind, conf.location());
            let store: Arc<dyn ReadStore> =
                Arc::new(Named::open(conf, || open().map(|store| options.reading(conf, store)))?);
            Ok(decrypted(conf, &store)?.map_or(store, |plain| Arc::new(plain)))
        }
        BackendConf::Classes(of) => Ok(classes::open(conf, of, |leaf| open_destination_as_it_is(leaf, options))?),
        _ => open_writable(conf, options).map(|store| store as Arc<dyn ReadStore>),
    }
}

/// Opens a destination to put something there and take it away again.
///
/// # Errors
/// As [`open_source`].
pub fn open_destination_to_check(conf: &StoreConf, options: &OpenOptions) -> Result<Arc<dyn Store>, StoreError> {
    if conf.stays {
        return Ok(open_staying(conf, options)?);
    }
    open_writable(conf, options)
}

/// Opens a store to remove from: objects of a folder are moved to its quarantine, others are deleted. Nothing is created
/// where a folder is missing.
///
/// # Errors
/// As [`open_source`].
pub fn open_source_to_remove(conf: &StoreConf, options: &OpenOptions) -> Result<Arc<dyn RemoveStore>, StoreError> {
    if conf.stays {
        return Ok(open_staying(conf, options)?);
    }
    match &conf.backend {
        BackendConf::Fs(fs) => {
            let open = || FsStore::source_to_remove(fs, conf.kind, conf.location());
            let store: Arc<dyn RemoveStore> = Arc::new(Named::open(conf, open)?);
            Ok(decrypted(conf, &store)?.map_or(store, |plain| Arc::new(plain)))
        }
        BackendConf::Classes(of) => Ok(classes::open(conf, of, |leaf| open_source_to_remove(leaf, options))?),
        _ => open_writable(conf, options).map(|store| store as Arc<dyn RemoveStore>),
    }
}

/// Opens the quarantine of a store that was removed from; `None` when there is none.
///
/// # Errors
/// As [`open_source`].
pub fn open_quarantine(conf: &StoreConf) -> Result<Option<Arc<dyn RemoveStore>>, StoreError> {
    if conf.stays {
        return Ok(None);
    }
    if let Some(of) = conf.classes() {
        return Ok(
            classes::open_if_there(conf, of, open_quarantine, |absent| Arc::new(absent))?.map(|store| store as _)
        );
    }
    let BackendConf::Fs(fs) = &conf.backend else { return Ok(None) };
    let quarantine = || FsStore::quarantine(fs, conf.kind, conf.location());
    let Some(store) = Named::open_if_there(conf, quarantine)? else { return Ok(None) };
    Ok(Some(match &conf.crypt {
        // Whatever was removed is there, so that nothing is to be seen of the key.
        Some(key) => Arc::new(Crypt::new(store, Cipher::new(key))),
        None => Arc::new(store),
    }))
}

/// Opens the store of a kind that stays.
fn open_staying(conf: &StoreConf, options: &OpenOptions) -> Result<Arc<Staying>, StoreError> {
    Ok(Arc::new(Staying::new(open_source(conf, options)?)))
}

fn open_writable(conf: &StoreConf, options: &OpenOptions) -> Result<Arc<dyn Store>, StoreError> {
    let (location, http) = (conf.location(), options.http(conf));
    options.ways.tell_of(conf);
    let store: Arc<dyn Store> = match &conf.backend {
        BackendConf::Fs(fs) => Arc::new(Named::open(conf, || FsStore::destination(fs, conf.kind, location))?),
        BackendConf::S3(s3) => options.retrying_named(conf, || S3Store::open(s3, location, http))?,
        BackendConf::Swift(swift) => options.retrying_named(conf, || SwiftStore::open(swift, location, http))?,
        BackendConf::Ceph(ceph) => options.retrying_named(conf, || CephStore::open(ceph, location, &options.ceph()))?,
        BackendConf::Oss(oss) => options.retrying_named(conf, || OssStore::open(oss, location, http))?,
        BackendConf::Classes(of) => return Ok(classes::open(conf, of, |leaf| open_writable(leaf, options))?),
    };
    Ok(decrypted(conf, &store)?.map_or(store, |plain| Arc::new(plain)))
}

/// An encrypted store as one of plain objects, once its key is seen to be right; `None` for a store that is not encrypted.
fn decrypted<S: ReadStore + ?Sized>(
    conf: &StoreConf,
    store: &Arc<S>,
) -> Result<Option<Named<Crypt<Arc<S>>>>, StoreError> {
    let Some(key) = &conf.crypt else { return Ok(None) };
    Named::open(conf, || Crypt::open(Arc::clone(store), Cipher::new(key))).map(Some)
}
