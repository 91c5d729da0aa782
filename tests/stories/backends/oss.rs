//! A destination on OSS that damages objects, archives them, or no longer accepts the key.

use seaf_migrate::conf::Backend;
use seaf_migrate::object::ObjectKind;

use super::place::Place;
use crate::support::library::{Params, Store};

fn store() -> Store {
    Store::generate(&Params { files: 6, large_dir: 5, libraries: 1, commits: 3, ..Params::default() })
}

#[test]
fn what_a_destination_damaged_is_found_object_by_object() {
    let store = store();
    let Some(place) = Place::migrated(Backend::Oss, &store) else { return };
    // The last byte of some objects changes on the server.
    let blocks: Vec<_> = store.objects(ObjectKind::Blocks).keys().take(20).collect();
    {
        let mut buckets = place.oss().state.buckets.lock().unwrap();
        let bucket = buckets.get_mut("b-blocks").unwrap();
        blocks.iter().for_each(|key| *bucket.get_mut(&key.to_string()).unwrap().last_mut().unwrap() ^= 1);
    }
    // The sizes are right.
    place.between("verify", &[]).assert_code(0);
    let found = place.between("verify", &["--content"]).assert_code(1);
    let named: Vec<String> =
        found.rows("findings").into_iter().map(|[_, library, id, what]| format!("{library}/{id} {what}")).collect();
    let expected: Vec<String> = blocks.iter().map(|key| format!("{key} damaged")).collect();
    assert_eq!(named, expected, "in the order of their names");
    let cause = found.report["findings"][0]["cause"].as_str().unwrap();
    assert!(cause.contains("content has the id") && cause.ends_with("the source's bytes are good"), "{cause}");
}

#[test]
fn what_a_destination_archived_is_there_and_cannot_be_read() {
    let store = store();
    let Some(place) = Place::migrated(Backend::Oss, &store) else { return };
    let key = *store.objects(ObjectKind::Fs).keys().nth(3).unwrap();
    place.oss().state.archived.lock().unwrap().insert(key.to_string());
    let found = place.between("verify", &["--content"]).assert_code(1);
    let expected = ["fs".to_owned(), key.library.to_string(), key.id.to_string(), "unreadable".to_owned()];
    assert_eq!(found.rows("findings"), [expected]);
    assert_eq!((found.total("unreadable"), found.total("objects")), (1, store.count() as u64));
    let cause = found.report["findings"][0]["cause"].as_str().unwrap();
    assert!(cause.starts_with("the destination cannot read it: object archived"), "{cause}");
    assert!(found.text.contains("[fs] 1 object is in") && found.text.contains("restore it first"), "{}", found.text);
}

#[test]
fn a_destination_that_no_longer_takes_the_key_is_no_finding_but_an_end() {
    let store = store();
    let Some(place) = Place::migrated(Backend::Oss, &store) else { return };
    let conf = place.at("new/seafile.conf");
    let text = std::fs::read_to_string(&conf).unwrap();
    std::fs::write(&conf, text.replace(crate::support::oss_server::SECRET, "AnotherSecretThatIsWrong")).unwrap();
    let refused = place.between("verify", &["--content"]).assert_code(3);
    assert!(
        refused.rows("findings").is_empty() && refused.text.contains("NOT verified to the end"),
        "{}",
        refused.text
    );
    assert!(!refused.text.contains("AnotherSecretThatIsWrong"), "{}", refused.text);
    assert!(!refused.report.to_string().contains("AnotherSecretThatIsWrong"));
}
