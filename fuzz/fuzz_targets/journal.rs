//! Any bytes in the place of a journal are refused or cut; whatever is left of a good one after
//! changes and cuts was once written, in that order.
#![no_main]

use std::sync::OnceLock;

// The same code runs over thousands of changed inputs in every run of the tests, without a fuzzer.
#[path = "../../tests/rooms/foreign_bytes/journal.rs"]
mod journal;

static GOOD: OnceLock<journal::Good> = OnceLock::new();

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let good = GOOD.get_or_init(|| {
        let folder = std::env::temp_dir().join(format!("fuzz-journal-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        journal::Good::new(&folder)
    });
    journal::run(good, data);
});
