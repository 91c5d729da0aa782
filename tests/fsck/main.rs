//! From the heads to every block: a clean store has no findings, every planted fault has one, and the paths are right.
#![allow(clippy::unwrap_used, missing_docs)]

mod difference;
mod faults;
#[path = "../support/library.rs"]
mod library;
mod newest;
mod random;
#[path = "../support/sample.rs"]
mod sample;
#[path = "../support/shelf.rs"]
mod shelf;
mod side;
mod sound;
mod told;
