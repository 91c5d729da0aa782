//! Any bytes as a directory or file description.
#![no_main]

// The same code runs in every run of the tests, over changed real inputs and what the fuzzer found.
#[path = "../../tests/rooms/foreign_bytes/fs_object.rs"]
mod fs_object;

libfuzzer_sys::fuzz_target!(|data: &[u8]| fs_object::run(data));
