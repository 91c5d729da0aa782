//! Any bytes as a text list of the old script.
#![no_main]

// The same code runs in every run of the tests, over changed real inputs and what the fuzzer found.
#[path = "../../tests/rooms/foreign_bytes/text_list.rs"]
mod text_list;

libfuzzer_sys::fuzz_target!(|data: &[u8]| text_list::run(data));
