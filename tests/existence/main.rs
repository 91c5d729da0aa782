//! Existence sets: what is put in is found again, and nothing else, whatever happens in between.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, unreachable_pub)]

mod borders;
mod crash;
mod damage;
mod kill;
mod library;
mod locks;
mod model;
mod refuse;
mod support;
mod text;
