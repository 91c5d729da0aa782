//! What several test targets share; each part can also be included alone with `#[path]`.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

pub mod library;
pub mod sample;

pub use sample::sample_store;
