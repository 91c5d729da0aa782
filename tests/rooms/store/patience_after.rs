//! What comes after an outage, or after a long time in a queue, is judged by itself: neither is on its account.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use seaf_migrate::store::ErrorKind;
use seaf_migrate::store::layer::retry::RetryPolicy;

use super::patience::{SECOND, WORKERS, after, key, world, world_with};

/// Away from the request after the first 300 on, for so long; then, from the first request that would be answered, it
/// refuses everybody for three seconds.
fn refuses_after_outage(away: Duration, refusal: ErrorKind) -> impl Fn(Duration) -> Option<ErrorKind> {
    let (away, refused_since) = (after(300, away, ErrorKind::Connection), Mutex::new((false, None)));
    move |time| {
        let (was_away, since) = &mut *refused_since.lock().unwrap();
        if let Some(kind) = away(time, None) {
            *was_away = true;
            return Some(kind);
        }
        let refuses = *was_away && time < *since.get_or_insert(time) + 3 * SECOND;
        refuses.then_some(refusal)
    }
}

#[test]
fn a_refusal_that_follows_an_outage_is_borne_as_long_as_any_other() {
    for refusal in [ErrorKind::BadCredentials, ErrorKind::ObjectDenied] {
        let mood = refuses_after_outage(300 * SECOND, refusal);
        let refused = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&refused);
        let world = world(move |time, _| {
            let kind = mood(time);
            counted.fetch_add(u64::from(kind == Some(refusal)), Ordering::SeqCst);
            kind
        });
        let (errors, _) = world.write(1000, WORKERS);
        assert!(errors.is_empty(), "{refusal:?}: {} failed, like {}", errors.len(), errors[0]);
        assert!(refused.load(Ordering::SeqCst) > 0, "{refusal:?}: nobody was refused");
    }
}

#[test]
fn a_store_that_refuses_for_good_after_an_outage_is_given_up_as_soon_as_any_other() {
    let away = after(300, 300 * SECOND, ErrorKind::Connection);
    let requests = AtomicU64::new(0);
    let world = world(move |time, key| {
        let kind = away(time, key);
        let is_first = requests.fetch_add(1, Ordering::SeqCst) < 300;
        kind.or((!is_first).then_some(ErrorKind::BadCredentials))
    });
    let (errors, took) = world.write(400, WORKERS);
    assert_eq!(errors.len(), 100);
    // Who waited because of the outage learns of the end from who was refused.
    assert!(errors.iter().all(|error| error.kind().is_fatal()), "{}", errors[0]);
    assert!(errors.iter().any(|error| error.kind() == ErrorKind::BadCredentials), "{}", errors[0]);
    assert!((420 * SECOND..440 * SECOND).contains(&took), "{took:?}");
}

#[test]
fn an_object_that_fails_before_it_is_refused_is_believed_to_be_refused_the_third_time() {
    let asked_for = AtomicU64::new(0);
    let object = key(70);
    let world = world(move |_, key| match key {
        Some(key) if *key == object => match asked_for.fetch_add(1, Ordering::SeqCst) {
            0..5 => Some(ErrorKind::Unavailable),
            5..7 => Some(ErrorKind::ObjectDenied),
            _ => None,
        },
        _ => None,
    });
    let (errors, _) = world.write(71, WORKERS);
    assert!(errors.is_empty(), "{}", errors[0]);
}

#[test]
fn one_request_too_many_after_a_long_time_in_the_queue_fails_no_object() {
    let (per_second, bucket) = (2.0, Mutex::new((2.0, Duration::ZERO)));
    // The last of 64 workers waits for half a minute until it may ask.
    let policy = RetryPolicy { patience: 20 * SECOND, ..RetryPolicy::default() };
    let world = world_with(policy, move |time, _| {
        let (tokens, at) = &mut *bucket.lock().unwrap();
        *tokens = f64::min(per_second, *tokens + (time - *at).as_secs_f64() * per_second);
        *at = time;
        let is_borne = *tokens >= 1.0;
        *tokens -= if is_borne { 1.0 } else { 0.0 };
        (!is_borne).then_some(ErrorKind::Throttled)
    });
    let (errors, _) = world.write(400, WORKERS);
    assert!(errors.is_empty(), "{} failed, like {}", errors.len(), errors[0]);
}

#[test]
fn one_request_too_many_after_an_outage_of_such_refusals_fails_no_object() {
    let outage = after(300, 590 * SECOND, ErrorKind::Throttled);
    let answered = AtomicU64::new(0);
    let world = world(move |time, key| {
        let in_outage = outage(time, key);
        let is_eighth = || answered.fetch_add(1, Ordering::SeqCst) % 8 == 7;
        in_outage.or_else(|| is_eighth().then_some(ErrorKind::Throttled))
    });
    let (errors, _) = world.write(1000, WORKERS);
    assert!(errors.is_empty(), "{} failed, like {}", errors.len(), errors[0]);
}
