//! The library's modules, each tested by itself. A module of `src/` has its tests in the file or folder of the same name
//! here; `foreign_bytes` and `layers` are about several of them, `test_files` is about the test files.
//!
//! No test here starts a process: a child holds the locks of other tests, too, until it becomes its program. Tests that
//! need processes are in `tests/stories`.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, unreachable_pub)]

#[path = "../support/mod.rs"]
mod support;

mod commands;
mod compare;
mod conf;
mod content;
mod database;
mod flow;
mod history;
mod index;
mod listing;
mod metrics;
mod object;
mod preflight;
mod reach;
mod report;
mod shown_texts;
mod store;
mod transfer;

mod foreign_bytes;
mod layers;
mod test_files;
