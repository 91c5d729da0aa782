//! Any bytes in the place of a list are refused or are a sound list; a good list of which bytes
//! were changed is refused, and one that was not finished is continued without believing them.
#![no_main]

use std::sync::OnceLock;

// The same code runs over thousands of changed inputs in every run of the tests, without a fuzzer.
#[path = "../../tests/rooms/foreign_bytes/list_file.rs"]
mod list_file;

static GOOD: OnceLock<list_file::Good> = OnceLock::new();

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let good = GOOD.get_or_init(|| {
        let folder = std::env::temp_dir().join(format!("fuzz-list-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        list_file::Good::new(&folder)
    });
    list_file::run(good, data);
});
