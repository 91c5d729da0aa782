//! Any bytes as a list of what a store holds.
#![no_main]

// The same code runs in every run of the tests, over changed real inputs and what the fuzzer found.
#[path = "../../tests/rooms/foreign_bytes/list_file.rs"]
mod list_file;

libfuzzer_sys::fuzz_target!(|data: &[u8]| list_file::run(data));
