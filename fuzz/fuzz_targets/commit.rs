//! Any bytes as a commit.
#![no_main]

// The same code runs in every run of the tests, over changed real inputs and what the fuzzer found.
#[path = "../../tests/rooms/foreign_bytes/commit.rs"]
mod commit;

libfuzzer_sys::fuzz_target!(|data: &[u8]| commit::run(data));
