//! The library's modules, each tested by itself. A module of `src/` has its tests in the file or folder of the same name
//! here; `layers`, `docs` and `foreign_bytes` are about the whole tree.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, unreachable_pub)]

#[path = "../support/mod.rs"]
mod support;

mod commands;
mod compare;
mod conf;
mod content;
mod database;
mod history;
mod index;
mod listing;
mod object;
mod reach;
mod report;
mod store;
mod transfer;

mod docs;
mod foreign_bytes;
mod layers;
