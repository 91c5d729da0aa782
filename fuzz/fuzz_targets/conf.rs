//! Any bytes as a seafile.conf and as a `.env` file.
#![no_main]

// The same code runs in every run of the tests, over changed real inputs and what the fuzzer found.
#[path = "../../tests/rooms/foreign_bytes/conf.rs"]
mod conf;

libfuzzer_sys::fuzz_target!(|data: &[u8]| conf::run(data));
