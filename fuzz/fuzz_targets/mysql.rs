//! Any bytes from a server of MySQL.
#![no_main]

// The same code runs in every run of the tests, over changed real inputs and what the fuzzer found.
#[path = "../../tests/rooms/foreign_bytes/mysql.rs"]
mod mysql;

libfuzzer_sys::fuzz_target!(|data: &[u8]| mysql::run(data));
