//! What the program asks of the machine and of its own process: memory, threads and open files, private files, locks, cancellation.

pub mod allocator;
pub mod file_lock;
pub mod free_space;
pub mod lock;
pub mod machine;
pub mod number;
pub mod private_file;
pub mod process;
pub mod secrecy;
pub mod shutdown;
pub mod terminal;
