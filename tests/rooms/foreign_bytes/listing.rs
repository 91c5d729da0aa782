//! Any bytes as the answers to a listing: what is listed is in order, in the range and in the answers; nothing in them is
//! left out; an answer that was cut is no answer; and a listing ends only where a server says so.

use seaf_migrate::object::{KeyRange, ObjectKey};
use seaf_migrate::store::Page;
use seaf_migrate::store::names::first_key_after;
use seaf_migrate::store::replay::{Said, Service};
use serde_json::Value;

/// What stands between two answers; no XML or JSON has it.
pub const BETWEEN: u8 = 0xff;

/// One run with the bytes of a fuzzer, or of a test: the service, the range, where to cut, and the answers.
pub fn run(data: &[u8]) {
    let Some((&[service, range, cut], answers)) = data.split_first_chunk::<3>() else { return };
    let service = Service::ALL[usize::from(service) % Service::ALL.len()];
    let bodies: Vec<&[u8]> = answers.split(|byte| *byte == BETWEEN).collect();
    for body in &bodies {
        whole_or_not(service, body, cut);
    }
    pages(service, range_of(range), &bodies);
}

/// All keys, or those between two of the sixteen that the seeds have.
fn range_of(byte: u8) -> KeyRange {
    let (low, high) = (byte >> 4, byte & 15);
    KeyRange::new(key(low), key(high)).unwrap_or(KeyRange::ALL)
}

/// One of sixteen keys, neighbours of each other.
pub fn key(n: u8) -> ObjectKey {
    let mut bytes = [0x55; ObjectKey::LEN];
    bytes[ObjectKey::LEN - 1] = n;
    ObjectKey::from_bytes(&bytes)
}

/// What an answer says is what it says when its end is missing, where that is an answer at all.
fn whole_or_not(service: Service, body: &[u8], cut: u8) {
    let Ok(said) = service.said(body) else { return };
    let cut = &body[..body.len() * usize::from(cut) / 256];
    if let Ok(of_cut) = service.said(cut) {
        assert_eq!(of_cut, said);
    }
    if service == Service::Swift {
        // A text that is passed over is not decoded, and so may be none.
        let Ok(json) = serde_json::from_slice::<Value>(body) else { return };
        let rows = json.as_array().expect("an array");
        // The fields of a row may stand in an array, which a derived reader takes, too.
        let names = rows.iter().map(|row| row.get("name").unwrap_or(&row[0]).as_str().expect("a text").as_bytes());
        assert!(said.names.iter().map(|(name, _)| name.as_slice()).eq(names));
    }
}

fn pages(service: Service, range: KeyRange, bodies: &[&[u8]]) {
    let mut taken = 0;
    let Ok(page) = service.page(&range, bodies.iter().copied().inspect(|_| taken += 1)) else { return };
    let said: Vec<Said> = bodies[..taken].iter().map(|body| service.said(body).expect("it was read")).collect();
    in_order(&page, range);
    let before = |key: &ObjectKey| page.rest.as_ref().is_none_or(|rest| *key < rest.range.first());
    let names: Vec<&[u8]> = said.iter().flat_map(|said| &said.names).map(|(name, _)| name.as_slice()).collect();
    let keys = names.iter().filter_map(|name| ObjectKey::parse(name)).filter(|key| range.contains(key) && before(key));
    assert!(page.objects.iter().map(|listed| listed.key).eq(keys), "{page:?} of {said:?}");
    assert!(names.is_sorted_by(|a, b| a < b), "names twice, or out of order, make no listing");
    if let (Some(start), Some(name)) = (range.first().predecessor(), names.first()) {
        assert!(*name > start.text().as_slice(), "a name from before the start, and still a listing");
    }
    let last = said.last().expect("a page has an answer");
    if page.rest.is_none() && last.more {
        let name = &last.names.last().expect("an answer without names is no end").0;
        assert!(first_key_after(name).is_none_or(|next| next > range.last()), "the end of {range:?} at {name:?}");
    }
}

fn in_order(page: &Page, range: KeyRange) {
    assert!(page.objects.is_sorted_by(|a, b| a.key < b.key));
    assert!(page.objects.iter().all(|listed| range.contains(&listed.key)));
    if let Some(rest) = &page.rest {
        assert!(rest.range.first() > range.first() && rest.range.last() == range.last());
    }
}
