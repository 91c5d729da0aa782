//! The command line of seaf-migrate: parse, run, exit code.

use std::process::ExitCode;

use seaf_migrate::allocator::{self, Allocator};

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

fn main() -> ExitCode {
    allocator::give_back_soon();
    seaf_migrate::cli::main()
}
