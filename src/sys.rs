//! What the program asks of the machine and the process it is: memory, locks, signals' effect.

pub mod allocator;
pub mod lock;
pub mod shutdown;
