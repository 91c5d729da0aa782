//! What is to go wrong, set and read while the server runs.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How the server answers listings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ListDialect {
    /// As Amazon does.
    #[default]
    Normal,
    /// `start-after` is ignored; the first version of the listing works.
    KnowsOnlyV1,
    /// Neither `start-after` nor `marker` is heeded.
    IgnoresStart,
    /// Two names of every answer are in the wrong order.
    Unsorted,
    /// `IsTruncated` is left out.
    NoTruncatedFlag,
    /// `encoding-type` is ignored.
    NoEncoding,
    /// Before every answer with names comes one without, with a token.
    EmptyAnswers,
    /// Answers without names, each with a new token, for ever.
    EmptyForEver,
}

/// What is answered to a GET of an object in place of the object; its headers stay those of the object where they can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WrongGet {
    /// As many zeros.
    Zeros,
    /// The page of a proxy.
    Page,
    /// The first half, with its length.
    Half,
    /// 404, the way S3 says it; to a HEAD as well.
    NotFound,
    /// Bytes that are others each time.
    OtherEachTime,
    /// 403 for an object in an archive, of objects that end in a digit: GLACIER where it is even, else DEEP_ARCHIVE.
    Archived,
}

impl WrongGet {
    /// Whether it is the answer to this request.
    fn is_of(self, method: &str, path: &str) -> bool {
        let is_archived = || path.ends_with(|last: char| last.is_ascii_digit()) && !path.contains(CONTROL);
        let is_one_of_five = || path.bytes().map(u64::from).sum::<u64>() % 5 == 0;
        match self {
            Self::NotFound => (method == "GET" || method == "HEAD") && is_one_of_five(),
            Self::Archived => method == "GET" && is_archived(),
            _ => method == "GET" && is_one_of_five(),
        }
    }
}

/// The library of the program's own objects.
const CONTROL: &str = "ffffffff-ffff-ffff-ffff-ffffffffffff";

/// What is done to the answer of a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WrongList {
    /// It ends in the middle, its length being that of the half.
    Cut,
    /// An error document in its place, with the status of a success.
    Error,
    /// The page of a proxy in its place.
    Page,
    /// Nothing in its place.
    Empty,
    /// It says that more follows, and holds neither a name nor a token.
    NoToken,
    /// Its first name stands at its end.
    Unsorted,
    /// Its first name stands there twice.
    Twice,
    /// It says that it is the last, whatever follows.
    Early,
    /// It holds the first half of its names and says that it is the last.
    Half,
}

impl WrongList {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Cut,
        Self::Error,
        Self::Page,
        Self::Empty,
        Self::NoToken,
        Self::Unsorted,
        Self::Twice,
        Self::Early,
        Self::Half,
    ];

    /// The wrong answer, made from the right one.
    pub fn of(self, right: &str) -> String {
        const END: &str = "</Contents>";
        let first = right.find("<Contents>").unwrap_or(right.len());
        let last = right.rfind(END).map_or(first, |at| at + END.len());
        let (head, names, tail) = (&right[..first], &right[first..last], &right[last..]);
        let names: Vec<&str> = names.split_inclusive(END).collect();
        let ended = |text: &str| text.replace("<IsTruncated>true", "<IsTruncated>false");
        let (names_of, one) = (|names: &[&str]| names.concat(), names.len().min(1));
        match self {
            Self::Cut => right[..right.len() / 2].to_owned(),
            Self::Error => "<?xml version='1.0'?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.\
                            </Message></Error>"
                .to_owned(),
            Self::Page => "<html><h1>502 Bad Gateway</h1></html>".to_owned(),
            Self::Empty => String::new(),
            Self::NoToken => "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>".to_owned(),
            Self::Unsorted => format!("{head}{}{}{tail}", names_of(&names[one..]), names_of(&names[..one])),
            Self::Twice => format!("{head}{}{}{tail}", names_of(&names[..one]), names_of(&names)),
            Self::Early => ended(right),
            Self::Half => ended(&format!("{head}{}{tail}", names_of(&names[..names.len() / 2]))),
        }
    }
}

/// What the front does with one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Served.
    Fine,
    /// Answered with this status; with 503 goes the wait in seconds, if any.
    Status(u16, Option<u32>),
    /// The connection is reset before anything is done.
    Reset,
    /// Done, and the connection reset instead of an answer.
    LoseAnswer,
    /// Half of the answer's body, then the end of the connection.
    CutBody,
    /// Half of the answer's body, then a reset.
    ResetBody,
}

#[derive(Default)]
struct Plan {
    /// Fates and the share in percent of the requests that meet them.
    fates: Vec<(u32, Decision)>,
    dialect: ListDialect,
    /// What is done to the answer of a listing, after how many right ones.
    wrong_list: Option<(WrongList, u64)>,
    /// How many listing answers are still given before they turn into errors.
    lists_left: Option<u64>,
    /// What GETs of a fifth of the objects are answered with, and how many of each are.
    wrong_gets: Option<(WrongGet, u64)>,
    /// How many each was.
    wrong_gets_given: HashMap<String, u64>,
    /// Methods that are never served, and what they are answered with.
    refused: HashMap<String, u16>,
    counts: HashMap<String, u64>,
}

/// The faults of a server. Shares are in percent of all requests and spread evenly, not drawn: with
/// 20 every fifth request or so is met, never ten in a row.
#[derive(Default)]
pub struct Faults {
    plan: Mutex<Plan>,
    delay_ms: AtomicU32,
    seen: AtomicU64,
}

impl Faults {
    /// `percent` of the requests answer `status` (500, 503, …).
    pub fn fail(&self, percent: u32, status: u16) {
        self.add(percent, Decision::Status(status, None));
    }

    /// Every request with this method answers `status`, and nothing is done.
    pub fn refuse(&self, method: &str, status: u16) {
        self.plan().refused.insert(method.to_owned(), status);
    }

    /// `percent` of the requests answer 503 SlowDown with `Retry-After: seconds`.
    pub fn slow_down(&self, percent: u32, seconds: u32) {
        self.add(percent, Decision::Status(503, Some(seconds)));
    }

    /// `percent` of the requests find their connection reset; nothing was done.
    pub fn reset(&self, percent: u32) {
        self.add(percent, Decision::Reset);
    }

    /// `percent` of the requests are done, but the connection is reset instead of an answer.
    pub fn lose_answers(&self, percent: u32) {
        self.add(percent, Decision::LoseAnswer);
    }

    /// `percent` of the answers end after half of their body, the connection closed.
    pub fn cut_bodies(&self, percent: u32) {
        self.add(percent, Decision::CutBody);
    }

    /// `percent` of the answers end after half of their body, the connection reset.
    pub fn reset_bodies(&self, percent: u32) {
        self.add(percent, Decision::ResetBody);
    }

    /// The first `times` GETs of about a fifth of the objects are answered wrongly; the listing is right.
    pub fn wrong_gets(&self, wrong: WrongGet, times: u64) {
        self.plan().wrong_gets = Some((wrong, times));
    }

    /// The paths of the objects of which a GET was answered wrongly, in no order.
    pub fn wrongly_given(&self) -> Vec<String> {
        self.plan().wrong_gets_given.keys().cloned().collect()
    }

    /// What a request about the object at `path` is answered with, where that is not the object.
    pub(super) fn wrong_get(&self, method: &str, path: &str) -> Option<WrongGet> {
        let mut plan = self.plan();
        let (wrong, times) = plan.wrong_gets?;
        let is_asked = wrong.is_of(method, path);
        if !is_asked {
            return None;
        }
        let given = plan.wrong_gets_given.entry(path.to_owned()).or_default();
        *given += 1;
        (*given <= times).then_some(wrong)
    }

    /// Every request waits this long before it is served.
    pub fn delay(&self, ms: u32) {
        self.delay_ms.store(ms, SeqCst);
    }

    /// After `pages` more listing answers, every listing answers 500.
    pub fn list_cut_after(&self, pages: u64) {
        self.plan().lists_left = Some(pages);
    }

    /// The listing answer after `right` more is wrong, and all after it are right.
    pub fn wrong_list_once(&self, wrong: WrongList, right: u64) {
        self.plan().wrong_list = Some((wrong, right));
    }

    /// Whether the wrong answer of [`Faults::wrong_list_once`] was given.
    pub fn was_listed_wrongly(&self) -> bool {
        self.plan().wrong_list.is_none()
    }

    /// What is done to the answer of a listing now.
    pub(super) fn wrong_list(&self) -> Option<WrongList> {
        let mut plan = self.plan();
        match &mut plan.wrong_list {
            Some((_, right)) if *right > 0 => {
                *right -= 1;
                None
            }
            wrong => wrong.take().map(|(wrong, _)| wrong),
        }
    }

    /// How listings are answered from now on.
    pub fn list_dialect(&self, dialect: ListDialect) {
        self.plan().dialect = dialect;
    }

    /// Nothing goes wrong any more. Counts are kept.
    pub fn clear(&self) {
        let mut plan = self.plan();
        *plan = Plan { counts: std::mem::take(&mut plan.counts), ..Plan::default() };
        self.delay_ms.store(0, SeqCst);
    }

    /// How many requests came with this method (`GET`, `PUT`, `HEAD`, `DELETE`), faulty ones
    /// included. A listing is a `LIST`, not a `GET`.
    pub fn count(&self, method: &str) -> u64 {
        self.plan().counts.get(method).copied().unwrap_or_default()
    }

    /// How many requests came in all.
    pub fn count_all(&self) -> u64 {
        self.plan().counts.values().sum()
    }

    pub(super) fn dialect(&self) -> ListDialect {
        self.plan().dialect
    }

    pub(super) fn delay_time(&self) -> Duration {
        Duration::from_millis(self.delay_ms.load(SeqCst).into())
    }

    /// Counts a request and says what becomes of it.
    pub(super) fn meet(&self, method: &str) -> Decision {
        let mut plan = self.plan();
        *plan.counts.entry(method.to_owned()).or_default() += 1;
        if let Some(status) = plan.refused.get(method) {
            return Decision::Status(*status, None);
        }
        if method == "LIST" {
            match &mut plan.lists_left {
                Some(0) => return Decision::Status(500, None),
                Some(left) => *left -= 1,
                None => {}
            }
        }
        // 37 and 100 have no common factor: a hundred requests meet every number once.
        let mut number = (self.seen.fetch_add(1, SeqCst) * 37 % 100) as u32;
        for &(percent, decide) in &plan.fates {
            if number < percent {
                return decide;
            }
            number -= percent;
        }
        Decision::Fine
    }

    fn add(&self, percent: u32, decide: Decision) {
        self.plan().fates.push((percent, decide));
    }

    fn plan(&self) -> std::sync::MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
