//! What cannot be tested here is named with the reason, and is a failure where nothing may be skipped.

use std::fmt::Display;
use std::fs::OpenOptions;
use std::io::Write;

/// Something that a test needs and that is not here: the reason.
#[derive(Clone, Debug)]
pub struct Missing(pub String);

/// A variable that `scripts/services.sh env` prints.
pub fn variable(name: &str) -> Result<String, Missing> {
    std::env::var(name).map_err(|_| Missing(format!("{name} is not set (scripts/services.sh up, then env)")))
}

/// Says that the tests of `what` are skipped, and why. libtest hides what a passing test prints, so the line also goes to
/// the file that `SEAF_TEST_SKIPPED` names, from which scripts/test.sh makes its summary.
///
/// # Panics
/// With `SEAF_MIGRATE_REQUIRE_ALL=1`.
#[track_caller]
pub fn skip(what: &str, why: impl Display) {
    let line = format!("SKIPPED {what}: {why}");
    assert!(
        std::env::var_os("SEAF_MIGRATE_REQUIRE_ALL").is_none_or(|value| value != "1"),
        "{line}, which is forbidden"
    );
    println!("{line}");
    if let Some(file) = std::env::var_os("SEAF_TEST_SKIPPED") {
        let mut file = OpenOptions::new().append(true).create(true).open(file).unwrap();
        // In one piece, because tests run at the same time.
        file.write_all(format!("{}\n", line.replace('\n', " ")).as_bytes()).unwrap();
    }
}
