//! Any bytes as the report of a run, a verification or a check.
#![no_main]

// The same code runs in every run of the tests, over changed real inputs and what the fuzzer found.
#[path = "../../tests/rooms/foreign_bytes/report.rs"]
mod report;

libfuzzer_sys::fuzz_target!(|data: &[u8]| report::run(data));
