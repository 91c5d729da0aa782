//! Commits come from whoever uploads: reading one must never panic, and what it says about the id must be the same on
//! both ways to ask.
#![no_main]

// The same code runs over thousands of changed inputs in every run of the tests, without a fuzzer.
#[path = "../../tests/rooms/foreign_bytes/commit.rs"]
mod commit;

libfuzzer_sys::fuzz_target!(|data: &[u8]| commit::run(data));
