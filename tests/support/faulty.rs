//! A store that fails by script: a decorator for tests.
//!
//! A script is a list of rules. Each call goes through them in the order in which they were added; the first rule that
//! applies and fails decides. Each rule counts its own calls, from 1.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use bytes::Bytes;
use seaf_migrate::conf::backend::Location;
use seaf_migrate::object::{KeyRange, ObjectKey};
use seaf_migrate::store::{
    ErrorKind, Listed, Page, Part, Piece, Pieced, Pieces, ReadStore, Reading, RemoveStore, StoreError, WriteStore,
};

/// What a rule applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Any,
    Parts,
    List,
    Read,
    Size,
    Write,
    Sync,
    Remove,
}

impl Action {
    fn as_str(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Parts | Self::List => "list",
            Self::Read => "read",
            Self::Size => "size",
            Self::Write => "write",
            Self::Sync => "sync",
            Self::Remove => "remove",
        }
    }
}

#[derive(Debug)]
enum When {
    /// Calls number `from` to `to`, both included.
    Calls { from: u64, to: u64 },
    /// Each call with this probability.
    Chance { probability: f64, random: Mutex<fastrand::Rng> },
    /// Every call about this object.
    Key(ObjectKey),
}

#[derive(Debug)]
enum What {
    Fail {
        kind: ErrorKind,
        retry_after: Option<Duration>,
    },
    /// Does the work and reports a failure, as when the answer is lost on the network.
    FailAfterwards(ErrorKind),
    Delay(Duration),
    Block(Gate),
}

#[derive(Debug)]
struct Rule {
    action: Action,
    when: When,
    what: What,
    calls: AtomicU64,
}

/// Calls wait at a gate until the test opens it.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<(Mutex<GateState>, Condvar)>);

#[derive(Debug, Default)]
struct GateState {
    open: bool,
    waiting: usize,
}

impl Gate {
    /// Lets every call through, waiting and later ones.
    pub fn open(&self) {
        self.0.0.lock().unwrap().open = true;
        self.0.1.notify_all();
    }

    /// Returns once `calls` calls wait.
    pub fn wait_until_blocked(&self, calls: usize) {
        let mut state = self.0.0.lock().unwrap();
        while state.waiting < calls {
            state = self.0.1.wait(state).unwrap();
        }
    }

    fn pass(&self) {
        let mut state = self.0.0.lock().unwrap();
        state.waiting += 1;
        self.0.1.notify_all();
        while !state.open {
            state = self.0.1.wait(state).unwrap();
        }
        state.waiting -= 1;
    }
}

/// A store with a script.
#[derive(Debug)]
pub struct Faulty<S> {
    pub inner: S,
    rules: Vec<Rule>,
    calls: AtomicU64,
    failures: AtomicU64,
    flips: bool,
    in_pieces: bool,
    /// What is answered in place of the bytes, by the number of the read.
    wrong_reads: BTreeMap<u64, Bytes>,
    reads: AtomicU64,
    /// Objects that are listed and not there.
    ghosts: Vec<Listed>,
    vanishing: Vec<ObjectKey>,
}

impl<S> Faulty<S> {
    /// A store that does not fail yet.
    pub fn new(inner: S) -> Self {
        Self {
            inner,
            rules: Vec::new(),
            calls: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            flips: false,
            in_pieces: false,
            wrong_reads: BTreeMap::new(),
            reads: AtomicU64::new(0),
            ghosts: Vec::new(),
            vanishing: Vec::new(),
        }
    }

    /// Flips a bit of everything that is written, and says nothing of it.
    pub fn flip_a_bit_of_writes(mut self) -> Self {
        self.flips = true;
        self
    }

    /// Answers read number `n` with these bytes and says nothing of it.
    pub fn answer_nth_read(mut self, n: u64, data: &[u8]) -> Self {
        self.wrong_reads.insert(n, Bytes::copy_from_slice(data));
        self
    }

    /// Lists an object that is not there.
    pub fn listing_what_is_gone(mut self, key: ObjectKey, size: u64) -> Self {
        self.ghosts.push(Listed { key, size: Some(size) });
        self
    }

    /// Takes an object away right after it was listed.
    pub fn vanishing_after_the_listing(mut self, key: ObjectKey) -> Self {
        self.vanishing.push(key);
        self
    }

    fn has_vanished(&self, key: &ObjectKey) -> bool {
        self.vanishing.contains(key)
    }

    /// How many reads were made, first and second ones.
    pub fn reads(&self) -> u64 {
        self.reads.load(Ordering::SeqCst)
    }

    /// Fails call number `n` of `action`.
    pub fn fail_nth(self, action: Action, n: u64, kind: ErrorKind) -> Self {
        self.fail_calls(action, n, n, kind)
    }

    /// Fails calls number `from` to `to` of `action`, both included.
    pub fn fail_calls(self, action: Action, from: u64, to: u64, kind: ErrorKind) -> Self {
        self.rule(action, When::Calls { from, to }, What::Fail { kind, retry_after: None })
    }

    /// Fails every call of `action`.
    pub fn fail_always(self, action: Action, kind: ErrorKind) -> Self {
        self.fail_calls(action, 1, u64::MAX, kind)
    }

    /// Fails call number `n` of `action`, asking to be left alone for `wait`.
    pub fn throttle_nth(self, action: Action, n: u64, wait: Duration) -> Self {
        let what = What::Fail { kind: ErrorKind::Throttled, retry_after: Some(wait) };
        self.rule(action, When::Calls { from: n, to: n }, what)
    }

    /// Fails each call of `action` with a probability of `probability`; the same `seed` gives the same failures.
    pub fn fail_randomly(self, action: Action, probability: f64, seed: u64, kind: ErrorKind) -> Self {
        let random = Mutex::new(fastrand::Rng::with_seed(seed));
        self.rule(action, When::Chance { probability, random }, What::Fail { kind, retry_after: None })
    }

    /// Fails every call of `action` about `key`.
    pub fn fail_key(self, action: Action, key: ObjectKey, kind: ErrorKind) -> Self {
        self.rule(action, When::Key(key), What::Fail { kind, retry_after: None })
    }

    /// Does the work of call number `n`, then fails as if the answer had been lost.
    pub fn lose_answer_of_nth(self, action: Action, n: u64, kind: ErrorKind) -> Self {
        self.rule(action, When::Calls { from: n, to: n }, What::FailAfterwards(kind))
    }

    /// Answers `pages` pages, whatever the part, and fails every listing after them.
    pub fn cut_listing_after(self, pages: u64, kind: ErrorKind) -> Self {
        self.fail_calls(Action::List, pages + 1, u64::MAX, kind)
    }

    /// Makes every call of `action` wait before it does its work.
    pub fn delay(self, action: Action, time: Duration) -> Self {
        self.rule(action, When::Calls { from: 1, to: u64::MAX }, What::Delay(time))
    }

    /// Makes every call of `action` wait at `gate`.
    pub fn block(self, action: Action, gate: &Gate) -> Self {
        self.rule(action, When::Calls { from: 1, to: u64::MAX }, What::Block(gate.clone()))
    }

    /// Gives and takes objects in pieces, too; the rules for reads and writes hold for these calls.
    pub fn in_pieces(self) -> Self {
        Self { in_pieces: true, ..self }
    }

    /// How many calls were made, `location` and `is_ordered` aside.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    /// How many calls failed by script.
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::SeqCst)
    }

    fn rule(mut self, action: Action, when: When, what: What) -> Self {
        self.rules.push(Rule { action, when, what, calls: AtomicU64::new(0) });
        self
    }

    fn call<T>(
        &self,
        action: Action,
        key: Option<&ObjectKey>,
        work: impl FnOnce() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let mut lost = None;
        for rule in self.rules.iter().filter(|rule| rule.action == action || rule.action == Action::Any) {
            if !rule.applies(key) {
                continue;
            }
            match &rule.what {
                What::Fail { kind, retry_after } => {
                    return Err(self.failure(*kind, action, key).with_retry_after(*retry_after));
                }
                What::FailAfterwards(kind) => lost = Some(*kind),
                What::Delay(time) => std::thread::sleep(*time),
                What::Block(gate) => gate.pass(),
            }
        }
        let done = work();
        lost.map_or(done, |kind| Err(self.failure(kind, action, key)))
    }

    fn failure(&self, kind: ErrorKind, action: Action, key: Option<&ObjectKey>) -> StoreError {
        self.failures.fetch_add(1, Ordering::SeqCst);
        let subject = key.map_or_else(|| "the store".to_owned(), ToString::to_string);
        StoreError::new(kind, action.as_str(), subject, "made to fail by the test")
    }
}

impl Rule {
    fn applies(&self, key: Option<&ObjectKey>) -> bool {
        let call = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        match &self.when {
            When::Calls { from, to } => (*from..=*to).contains(&call),
            When::Chance { probability, random } => random.lock().unwrap().f64() < *probability,
            When::Key(wanted) => key == Some(wanted),
        }
    }
}

impl<S: ReadStore> ReadStore for Faulty<S> {
    fn location(&self) -> &Location {
        self.inner.location()
    }

    fn is_ordered(&self) -> bool {
        self.inner.is_ordered()
    }

    fn parts(&self, within: &KeyRange) -> Result<Vec<Part>, StoreError> {
        self.call(Action::Parts, None, || self.inner.parts(within))
    }

    fn list(&self, part: &Part) -> Result<Page, StoreError> {
        self.call(Action::List, None, || self.inner.list(part))
    }

    fn read(&self, key: &ObjectKey) -> Result<Bytes, StoreError> {
        if self.has_vanished(key) {
            return Err(StoreError::object(ErrorKind::NotFound, "read", key, "it vanished"));
        }
        let wrong = self.wrong_reads.get(&(self.reads.fetch_add(1, Ordering::SeqCst) + 1));
        self.call(Action::Read, Some(key), || wrong.map_or_else(|| self.inner.read(key), |wrong| Ok(wrong.clone())))
    }

    fn read_piece(&self, key: &ObjectKey, at: u64, reading: Reading) -> Result<Option<Piece>, StoreError> {
        if !self.in_pieces {
            return Ok(None);
        }
        self.call(Action::Read, Some(key), || self.inner.read_piece(key, at, reading))
    }

    fn list_one(&self, key: &ObjectKey) -> Result<Option<Listed>, StoreError> {
        if self.has_vanished(key) {
            return Ok(None);
        }
        let ghost = self.ghosts.iter().find(|ghost| ghost.key == *key).copied();
        self.call(Action::List, Some(key), || ghost.map_or_else(|| self.inner.list_one(key), |ghost| Ok(Some(ghost))))
    }

    fn size(&self, key: &ObjectKey) -> Result<u64, StoreError> {
        self.call(Action::Size, Some(key), || self.inner.size(key))
    }
}

impl<S: WriteStore> WriteStore for Faulty<S> {
    fn write(&self, key: &ObjectKey, data: Bytes) -> Result<(), StoreError> {
        let mut data = data.to_vec();
        if let (true, Some(last)) = (self.flips, data.last_mut()) {
            *last ^= 1;
        }
        self.call(Action::Write, Some(key), || self.inner.write(key, data.into()))
    }

    fn write_pieces(&self, key: &ObjectKey, pieces: &mut Pieces<'_>) -> Result<Pieced, StoreError> {
        if !self.in_pieces {
            return Ok(Pieced::NotOffered);
        }
        self.call(Action::Write, Some(key), || self.inner.write_pieces(key, pieces))
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.call(Action::Sync, None, || self.inner.sync())
    }
}

impl<S: RemoveStore> RemoveStore for Faulty<S> {
    fn remove(&self, key: &ObjectKey) -> Result<(), StoreError> {
        self.call(Action::Remove, Some(key), || self.inner.remove(key))
    }
}
