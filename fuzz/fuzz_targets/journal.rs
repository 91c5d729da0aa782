//! Any bytes as the journal of a list.
#![no_main]

// The same code runs in every run of the tests, over changed real inputs and what the fuzzer found.
#[path = "../../tests/rooms/foreign_bytes/journal.rs"]
mod journal;

libfuzzer_sys::fuzz_target!(|data: &[u8]| journal::run(data));
