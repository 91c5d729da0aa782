//! The command line of seaf-migrate: parse, run, exit code.

use std::process::ExitCode;

use seaf_migrate::sys::allocator::{self, Allocator};

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

fn main() -> ExitCode {
    allocator::set_purge_delay();
    seaf_migrate::cli::main()
}
