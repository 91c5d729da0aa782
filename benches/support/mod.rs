//! What the benchmarks share: made-up objects in any number, and what a phase costs.
#![allow(dead_code, unreachable_pub, reason = "no benchmark uses all of it")]

pub mod measure;
pub mod synthetic;

/// As in the program, because it decides over both time and memory.
#[global_allocator]
static ALLOCATOR: seaf_migrate::sys::allocator::Allocator = seaf_migrate::sys::allocator::Allocator;
