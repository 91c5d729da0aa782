//! A redirect is an error that names where the server points to: what was signed or authorised for one host is never sent
//! to another, over whatever scheme.

use seaf_migrate::object::{KeyRange, ObjectKey};
use seaf_migrate::store::Part;

use super::endless::stores;
use crate::support::http_stub::{Reply, Stub};

#[test]
fn no_request_follows_a_redirect_and_each_error_names_its_target() {
    for status in [301, 302, 303, 307, 308] {
        let elsewhere = Stub::start(|_| Reply::new(200).body("heard"));
        let target = format!("http://{}/bucket/elsewhere", elsewhere.host());
        let location = target.clone();
        let (_stub, stores) = stores(move |_| Reply::new(status).header("Location", &location));
        for (name, store) in stores {
            let errors = [
                store.read(&ObjectKey::MIN).unwrap_err(),
                store.size(&ObjectKey::MIN).unwrap_err(),
                store.list(&Part::new(KeyRange::ALL)).unwrap_err(),
                store.write(&ObjectKey::MIN, "data".into()).unwrap_err(),
                store.remove(&ObjectKey::MIN).unwrap_err(),
            ];
            for error in errors {
                assert!(error.to_string().contains(&target), "{name}, {status}: {error}");
            }
        }
        assert_eq!(elsewhere.connections(), 0, "{status}");
    }
}

#[test]
fn a_target_of_any_length_is_told_in_part() {
    let (_stub, stores) = stores(|_| Reply::new(302).header("Location", format!("http://x/{}", "y".repeat(100_000))));
    for (name, store) in stores {
        let error = store.read(&ObjectKey::MIN).unwrap_err().to_string();
        assert!(
            error.len() < 2000 && error.contains("http://x/yyy") && error.contains("not followed"),
            "{name}: {error}"
        );
    }
}
