//! Encryption on the server with a key of the user's own (SSE-C), on Ceph's gateway over https: into it, to another key, and out of it.

use seaf_migrate::conf::Backend;
use tempfile::TempDir;

use crate::support::pass;
use crate::support::places::{Form, Place};
use crate::support::skip::{Missing, skip};

const FIRST: &str = "0123456789abcdef0123456789abcdef";
const SECOND: &str = "fedcba9876543210fedcba9876543210";

/// A seafile.conf of buckets that are reached over https, with a key or without.
fn conf(place: &Place, key: Option<&str>) -> TempDir {
    let line = key.map_or(String::new(), |key| format!("sse_c_key = {key}\n"));
    pass::conf(|kind| place.section(kind, Form::Other) + &line)
}

fn buckets() -> Result<[Place; 3], Missing> {
    let place = || Place::new(Backend::S3, Form::Other);
    Ok([place()?, place()?, place()?])
}

#[test]
fn objects_go_into_the_servers_encryption_to_another_key_and_out_of_it() {
    let [first, second, third] = match buckets() {
        Ok(buckets) => buckets,
        Err(Missing(why)) => return skip("s3 with sse_c_key", why),
    };
    let expected = pass::small_sample();
    let folder = pass::folder_of(&expected);
    let plain = pass::conf(|_| format!("name = fs\ndir = {}\n", folder.path().display()));
    let steps = [conf(&first, Some(FIRST)), conf(&second, Some(SECOND)), conf(&third, None)];
    let sources = [&plain, &steps[0], &steps[1]];
    for (from, to) in sources.into_iter().zip(&steps) {
        pass::run(from, to);
        pass::assert_holds(to, &expected);
        pass::finish(pass::start("verify", from, to, &["--content"]), 0);
        // Once more: there is nothing to do.
        pass::run(from, to);
        assert_eq!(pass::reported(to, "retries"), 0);
    }
    // With another key, and with none, nothing is readable, and that is said of the store and not of each object.
    let output = pass::finish(pass::start("run", &conf(&first, Some(SECOND)), &conf(&third, None), &[]), 3);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("sse_c_key"), "{said}");
}
