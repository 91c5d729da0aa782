//! The course of one call: what its failures mean, whether it is made again, and after how long.
//!
//! | failure | the store answers others well | nobody gets a good answer |
//! |---|---|---|
//! | trouble (5xx, no connection, no answer, a page of a proxy) | counts as an attempt | repeated for the patience |
//! | too many requests | repeated for the patience and as often as attempts are made, at a lower rate | repeated for the patience |
//! | wrong bytes or a wrong page | counts as an attempt | the same |
//! | a refusal (credentials, bucket, account), the store having answered well before | repeated for a part of the patience | the same |
//! | a refusal of one object, the store having answered well before | believed the third time | repeated for a short time |
//! | any refusal by a store that never answered well, and everything else | final | final |
//!
//! A store that never answered well is not waited for: each failure counts as an attempt.
//!
//! What is borne for a refusal or for wrong bytes is measured from the first of them in a row, because an outage before
//! them, and time in a queue, say nothing of them.

use std::time::Duration;

use super::RetryPolicy;
use super::health::{Health, Turns};
use crate::store::{ErrorKind, StoreError};

/// The longest wait that a store may ask for; one that asks for more is asked again after this.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(300);

/// After how many refusals one object is believed to be refused while others are not.
const REFUSALS_OF_ONE: u32 = 3;

/// For how long an object that is refused is asked for again while the store gives nobody a good answer, at most.
const REFUSAL_OF_ONE: Duration = Duration::from_secs(30);

/// Which part of the patience a refusal is borne for.
const REFUSAL_SHARE: u32 = 5;

/// After how many failures of a call the store is asked for something else, to learn whether it is the object or the
/// store.
const ASK_ELSEWHERE_AFTER: u32 = 3;

/// After how many wrong pages a listing is given up: a server that breaks the rules always will not stop doing so.
const WRONG_PAGES: u32 = 4;

/// The waits of requests that were too many do not grow beyond that of this attempt, because the rate takes care of them.
const THROTTLED_ATTEMPT: u32 = 4;

/// What is done about a failure.
#[derive(Debug)]
pub(super) enum Next {
    /// The call is made again after this wait.
    Repeat(Wait, StoreError),
    /// The call has failed.
    Fail(StoreError),
}

/// A wait before a call is made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wait {
    /// How long in any case.
    pub(super) at_least: Duration,
    /// How long after that, or until the store gives somebody a good answer.
    pub(super) at_most: Duration,
    /// Whether a good answer to somebody ends it.
    pub(super) until_good: bool,
    /// Whether the store is to be asked for something else first.
    pub(super) ask_elsewhere: bool,
}

/// One call, from its first attempt on.
#[derive(Debug)]
pub(super) struct Course<'a> {
    policy: &'a RetryPolicy,
    health: &'a Health,
    began: Duration,
    /// When it failed first.
    failing_since: Option<Duration>,
    /// The failures up to the last one that mean the same.
    row: Option<Row>,
    /// The number of good answers at the last failure.
    good: u64,
    /// Failures.
    pub(super) failures: u32,
    /// Failures since the store gave anybody a good answer.
    unanswered: u32,
    /// Failures that are of this call and not of the store.
    own: u32,
}

/// Failures in a row that mean the same.
#[derive(Clone, Copy, Debug)]
struct Row {
    meaning: Meaning,
    since: Duration,
    failures: u32,
    /// The failures of this call alone before them.
    own_before: u32,
}

/// What failures of several sorts mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// The store cannot answer now.
    Away,
    /// The store gives a wrong answer.
    Wrong,
    /// The store refuses who asks.
    Refused,
}

/// What a failure is, where the call may be made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Trouble,
    TooMany,
    OfThisCall,
    Refusal,
    RefusalOfOne,
}

impl Sort {
    const fn meaning(self) -> Meaning {
        match self {
            Self::Trouble | Self::TooMany => Meaning::Away,
            Self::OfThisCall => Meaning::Wrong,
            Self::Refusal | Self::RefusalOfOne => Meaning::Refused,
        }
    }
}

fn sort(kind: ErrorKind, is_proven: bool) -> Option<Sort> {
    match kind {
        ErrorKind::Throttled => Some(Sort::TooMany),
        ErrorKind::Altered | ErrorKind::WrongListing => Some(Sort::OfThisCall),
        kind if kind.is_transient() => Some(Sort::Trouble),
        ErrorKind::ObjectDenied if is_proven => Some(Sort::RefusalOfOne),
        kind if kind.is_refusal() && is_proven => Some(Sort::Refusal),
        _ => None,
    }
}

impl<'a> Course<'a> {
    pub(super) fn begin(policy: &'a RetryPolicy, health: &'a Health) -> Self {
        let (began, good) = (health.clock.now(), health.good_answers());
        Self { policy, health, began, failing_since: None, row: None, good, failures: 0, unanswered: 0, own: 0 }
    }

    /// What is done about this failure; `store` is the store's name.
    pub(super) fn after(&mut self, error: StoreError, store: &dyn std::fmt::Display) -> Next {
        self.failures += 1;
        let proven = self.health.is_proven();
        let Some(sort) = sort(error.kind(), proven && self.health.refusals_pass) else {
            let repeated = self.failures > 1;
            let attempt = self.failures;
            return Next::Fail(if repeated { error.because(format!("that was attempt {attempt}")) } else { error });
        };
        if sort == Sort::TooMany {
            self.health.refused(store);
        }
        let row = self.continue_row(sort.meaning());
        let unanswered = self.health.failed(self.began);
        let good = self.health.good_answers();
        let answers_others = std::mem::replace(&mut self.good, good) != good;
        self.unanswered = if answers_others { 1 } else { self.unanswered + 1 };
        if answers_others || !proven || sort == Sort::OfThisCall {
            self.own += 1;
        }
        let lasts = self.lasts(row);
        let unanswered = if row.meaning == Meaning::Refused { unanswered.min(lasts) } else { unanswered };
        match self.end(sort, error.kind(), row, unanswered) {
            Some(End::OfThisCall) => {
                let attempts = self.failures;
                return Next::Fail(error.because(format!("gave up after {attempts} attempts")));
            }
            Some(End::OfStore) => return Next::Fail(self.give_up(error)),
            None => {}
        }
        if sort != Sort::RefusalOfOne && proven && !answers_others {
            self.health.tell_trouble(store, &error, self.bears(sort).saturating_sub(unanswered));
        }
        Next::Repeat(self.wait(sort, &error, self.bears(sort).saturating_sub(unanswered)), error)
    }

    /// Adds a failure to those in a row, or begins another row.
    fn continue_row(&mut self, meaning: Meaning) -> Row {
        let now = self.health.clock.now();
        self.failing_since.get_or_insert(now);
        let begun = Row { meaning, since: now, failures: 0, own_before: self.own };
        let row = self.row.filter(|row| row.meaning == meaning).unwrap_or(begun);
        *self.row.insert(Row { failures: row.failures + 1, ..row })
    }

    /// For how long the call has failed in a way that means the same; where the store cannot answer, for how long it has
    /// failed at all, because a refusal in between makes that no shorter.
    fn lasts(&self, row: Row) -> Duration {
        let since = if row.meaning == Meaning::Away { self.failing_since.unwrap_or(row.since) } else { row.since };
        self.health.clock.now().saturating_sub(since)
    }

    /// The error of a call whose store is given up.
    pub(super) fn give_up(&self, error: StoreError) -> StoreError {
        let unanswered = self.health.failed(Duration::ZERO);
        self.health.give_up();
        let (kind, seconds, attempts) = (error.kind(), unanswered.as_secs(), self.failures);
        let why = format!(
            "no good answer for {seconds} s and {attempts} attempts, so the store is taken for gone (--patience sets for \
             how long it is asked)"
        );
        let error = error.because(why);
        if kind.is_fatal() { error } else { error.with_kind(ErrorKind::Gone) }
    }

    /// For how long failures of this sort are borne.
    fn bears(&self, sort: Sort) -> Duration {
        match sort {
            Sort::Trouble | Sort::TooMany | Sort::OfThisCall => self.policy.patience,
            Sort::Refusal => self.policy.patience / REFUSAL_SHARE,
            Sort::RefusalOfOne => (self.policy.patience / REFUSAL_SHARE).min(REFUSAL_OF_ONE),
        }
    }

    /// Whether the call ends here, and on whose account. `row` ends with the failure, and the store has given nobody a good
    /// answer for the time `unanswered`.
    fn end(&self, sort: Sort, kind: ErrorKind, row: Row, unanswered: Duration) -> Option<End> {
        let proven = self.health.is_proven();
        let attempts = match sort {
            Sort::OfThisCall if kind == ErrorKind::WrongListing => self.policy.attempts.min(WRONG_PAGES),
            _ => self.policy.attempts,
        };
        let counts = !(proven && matches!(sort, Sort::TooMany | Sort::Refusal));
        let is_believed = sort == Sort::RefusalOfOne && self.own - row.own_before >= REFUSALS_OF_ONE;
        if is_believed || counts && self.own >= attempts {
            return Some(End::OfThisCall);
        }
        let bears = self.bears(sort);
        let is_over = self.lasts(row) >= bears;
        match sort {
            Sort::RefusalOfOne | Sort::OfThisCall => is_over.then_some(End::OfThisCall),
            _ if !proven => is_over.then_some(End::OfThisCall),
            _ if self.health.is_gone() || unanswered >= bears => Some(End::OfStore),
            Sort::Trouble => None,
            // Refused while others are not, for as long as a store would have been given up. Where requests are too many,
            // most of that time may have passed in a queue.
            Sort::TooMany => (is_over && self.own >= attempts).then_some(End::OfThisCall),
            Sort::Refusal => is_over.then_some(End::OfThisCall),
        }
    }

    /// The wait after a failure, when it is borne for the time `left`.
    fn wait(&self, sort: Sort, error: &StoreError, left: Duration) -> Wait {
        let is_alone = self.unanswered > 1 || sort == Sort::Refusal;
        let is_stubborn = sort == Sort::Trouble && self.failures >= ASK_ELSEWHERE_AFTER;
        let ask_elsewhere = self.health.is_proven() && is_stubborn || sort == Sort::RefusalOfOne;
        let in_a_row = self.row.map_or(1, |row| row.failures);
        let at_most = match sort {
            Sort::RefusalOfOne => self.jittered(in_a_row),
            Sort::Refusal => self.health.next_turn(Turns::REFUSING).min(left),
            Sort::Trouble if is_alone && self.health.is_proven() => self.health.next_turn(Turns::IN_TROUBLE).min(left),
            Sort::TooMany => self.jittered(self.failures.min(THROTTLED_ATTEMPT)),
            _ => self.jittered(self.own.max(self.unanswered)),
        };
        let at_least = error.retry_after().map_or(Duration::ZERO, |asked| asked.min(LONGEST_RETRY_AFTER));
        Wait { at_least, at_most, until_good: is_alone && self.health.is_proven(), ask_elsewhere }
    }

    fn jittered(&self, attempt: u32) -> Duration {
        self.policy.longest_wait(attempt).mul_f64(fastrand::f64())
    }
}

/// On whose account a call ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    OfThisCall,
    OfStore,
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::flow::rate::RealClock;
    use crate::sys::shutdown::Shutdown;

    #[test]
    fn a_wait_the_store_asks_for_is_a_minimum_up_to_a_limit() {
        let asked = |seconds| {
            let (policy, health) = (RetryPolicy::default(), Health::new(Arc::new(RealClock::new(&Shutdown::new()))));
            let error = StoreError::new(ErrorKind::Throttled, "read", "x", "slow down");
            let error = error.with_retry_after(Some(Duration::from_secs(seconds)));
            match Course::begin(&policy, &health).after(error, &"the store") {
                Next::Repeat(wait, _) => wait,
                Next::Fail(error) => panic!("{error}"),
            }
        };
        assert_eq!(asked(7).at_least, Duration::from_secs(7));
        assert!(asked(7).at_most <= Duration::from_millis(100));
        assert_eq!(asked(86_400).at_least, LONGEST_RETRY_AFTER);
    }
}
