//! Any bytes as a seafile.conf and as a `.env` file: settings or errors come out, never a panic.
#![no_main]

// The same code runs over thousands of changed inputs in every run of the tests, without a fuzzer.
#[path = "../../tests/rooms/foreign_bytes/conf.rs"]
mod conf;

libfuzzer_sys::fuzz_target!(|data: &[u8]| conf::run(data));
