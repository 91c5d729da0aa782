//! Any bytes as the answer to a login to Swift.
#![no_main]

// The same code runs in every run of the tests, over changed real inputs and what the fuzzer found.
#[path = "../../tests/rooms/foreign_bytes/swift_login.rs"]
mod swift_login;

libfuzzer_sys::fuzz_target!(|data: &[u8]| swift_login::run(data));
