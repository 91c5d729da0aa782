//! Directories and file descriptions come from whoever uploads: reading one must never panic, and what it says about
//! the id must be the same on both ways to ask.
#![no_main]

// The same code runs over thousands of changed inputs in every run of the tests, without a fuzzer.
#[path = "../../tests/rooms/foreign_bytes/fs_object.rs"]
mod fs_object;

libfuzzer_sys::fuzz_target!(|data: &[u8]| fs_object::run(data));
